"""Whose bones rotations without any (SMPL-X) are put on: a person's choice, given once."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.errors import BadInput

TWICE = "rest_skeleton and body_model both give bones; leave one of them out"


@dataclass(frozen=True)
class Bones:
    """A source of bones; average ones where nothing is named.

    Attributes:
        rest_skeleton: a BVH file with the joint names of SMPL-X.
        body_model: a body model's .npz, which gives each recording the bones of its own betas.

    Raises:
        BadInput: both are named.
    """

    rest_skeleton: str = ""
    body_model: str = ""

    def __post_init__(self) -> None:
        if self.rest_skeleton and self.body_model:
            raise BadInput(TWICE)

    @property
    def average(self) -> bool:
        """Whether nothing is named."""
        return not (self.rest_skeleton or self.body_model)


AVERAGE_BONES = Bones()
