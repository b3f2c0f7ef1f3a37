"""What is known about the data before any trial runs: all that a rate or a constraint may need."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from search_spaces.units import Unit, Yardstick

_USUAL = {"unit": "m", "dimensions": 3, "approx_skeleton": False, "unseen": 0.0}
"""Facts that are left out where they are as in most data: there, a record reads as it always did,
and a codec's identity, which is over its facts too, stays."""

HEATMAPS = "heatmaps"
"""`DataFacts.features` of motion that is drawn as pictures."""


def _without_usual(said: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {k: v for k, v in said.items() if k not in keys or v != _USUAL[k]}


class PartFacts(BaseModel):
    """One independently coded part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    joints: int
    """Joints whose rotations (or positions) are coded."""
    dimensions: int
    """Features per frame that are not constant on train."""
    scored_joints: int
    unseen: float = 0.0
    """Share of the places of its coded joints, over all frames, that were not seen."""

    @model_serializer(mode="wrap")
    def _serialised(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_usual(dump(self), ("unseen",))


class DroppedPart(BaseModel):
    """An optional part that the skeletons lack, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    reason: str


class SplitFacts(BaseModel):
    """Size of one split, counted at the data set's own rate, mirrored copies included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    seconds: float
    recordings: tuple[str, ...]
    lengths: tuple[int, ...]
    """Frames of each recording (or block)."""


class DataFacts(BaseModel):
    """Facts of a prepared data set.

    `fps` is the rate after resampling and striding: the one that rates are computed with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    fps: float
    source_fps: tuple[float, ...]
    parts: tuple[PartFacts, ...]
    dropped_parts: tuple[DroppedPart, ...] = ()
    root: str = "removed"
    root_alphabet: tuple[int, ...] = ()
    """Alphabet of each root token where root is coded, else empty."""
    features: str = "expmap"
    split: str = "recording"
    train: SplitFacts
    val: SplitFacts
    test: SplitFacts
    joints: int
    skeletons: int = 1
    signers: tuple[str, ...] = ()
    mirrored: bool = False
    synthetic: bool = False
    data_hash: str = ""
    split_hash: str = ""
    warnings: tuple[str, ...] = Field(default=())
    unit: Unit = "m"
    """Of positions: metres, pixels, or shoulder widths."""
    dimensions: int = 3
    """Axes that motion has: 2 where all of it lies in the plane of a picture."""
    approx_skeleton: bool = False
    """Whether positions stand on bones of average proportions, which are nobody's."""
    unseen: float = 0.0
    """Share of the places of coded joints, over all frames, that were not seen."""

    @model_serializer(mode="wrap")
    def _serialised(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_usual(dump(self), ("unit", "dimensions", "approx_skeleton", "unseen"))

    @property
    def yardstick(self) -> Yardstick:
        """What names of metrics say of the data."""
        return Yardstick(self.unit, self.approx_skeleton)

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the coded parts, in order."""
        return tuple(p.name for p in self.parts)

    def part(self, name: str) -> PartFacts:
        """Facts of one part; KeyError where it is not coded."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)
