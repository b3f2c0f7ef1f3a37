"""The bones of a recording: joint names, parents, rest offsets, and the parts found by name.

A `Skeleton` is immutable and ordered so that every parent stands before its children, which is
what lets forward kinematics run in one pass. Offsets are metres in the parent's frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search_spaces.errors import BadInput


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Named joints in parent-before-child order.

    Attributes:
        names: joint names, unique.
        parents: (joints,) int64, -1 for the root, which stands first.
        offsets: (joints, 3) float64, metres, each joint's place in its parent's frame at rest.
        end_sites: joint name -> (3,) offset of the End Site below it, metres. Not a joint: it is
            kept so that a file can be written back, and is scored by no metric.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    offsets: np.ndarray
    end_sites: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        joints = len(self.names)
        if len(set(self.names)) != joints:
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise BadInput(f"joint names must be unique; seen twice: {', '.join(twice)}")
        if self.parents.shape != (joints,) or self.offsets.shape != (joints, 3):
            raise BadInput(
                f"{joints} joint names need parents of shape ({joints},) and offsets of shape "
                f"({joints}, 3), got {self.parents.shape} and {self.offsets.shape}"
            )
        if joints == 0 or self.parents[0] != -1:
            raise BadInput("the first joint must be the root (parent -1)")
        late = [j for j in range(1, joints) if not 0 <= self.parents[j] < j]
        if late:
            raise BadInput(
                f"joint {self.names[late[0]]!r} must come after its parent and have one; "
                "order joints parent before child, with a single root"
            )

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Place of a joint; BadInput that lists the joints where there is none of that name."""
        try:
            return self.names.index(name)
        except ValueError:
            raise BadInput(f"no joint {name!r}; the joints are {', '.join(self.names)}") from None

    def children(self, joint: int) -> list[int]:
        """Indices of a joint's direct children."""
        return [int(j) for j in np.flatnonzero(self.parents == joint)]

    def descendants(self, joint: int) -> list[int]:
        """Indices of everything below a joint, itself left out, in skeleton order."""
        below = {joint}
        for j in range(joint + 1, len(self)):
            if int(self.parents[j]) in below:
                below.add(j)
        return sorted(below - {joint})

    def levels(self) -> list[np.ndarray]:
        """Joints grouped by distance from the root: kinematics runs level by level."""
        depth = np.zeros(len(self), dtype=np.int64)
        for j in range(1, len(self)):
            depth[j] = depth[self.parents[j]] + 1
        return [np.flatnonzero(depth == d) for d in range(int(depth.max()) + 1)]

    def with_offsets(self, offsets: np.ndarray) -> Skeleton:
        """The same tree with other bone offsets (metres)."""
        return Skeleton(self.names, self.parents, np.asarray(offsets, float), self.end_sites)


def forward_kinematics(
    parents: np.ndarray,
    offsets: np.ndarray,
    rotations: np.ndarray,
    root_positions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """World positions and orientations from local rotations.

    Args:
        parents: (joints,), parent before child.
        offsets: (joints, 3) or (frames, joints, 3) metres; the root's own is not used.
        rotations: (frames, joints, 3, 3) local.
        root_positions: (frames, 3) metres; the origin when left out.

    Returns:
        positions (frames, joints, 3) and world rotations (frames, joints, 3, 3).
    """
    frames, joints = rotations.shape[:2]
    positions = np.zeros((frames, joints, 3), dtype=rotations.dtype)
    world = np.empty_like(rotations)
    world[:, 0] = rotations[:, 0]
    if root_positions is not None:
        positions[:, 0] = root_positions
    per_frame = offsets.ndim == 3
    for j in range(1, joints):
        p = int(parents[j])
        bone = offsets[:, j] if per_frame else offsets[j]
        if per_frame:
            step = np.einsum("tik,tk->ti", world[:, p], bone)
        else:
            step = world[:, p] @ bone
        positions[:, j] = positions[:, p] + step
        world[:, j] = world[:, p] @ rotations[:, j]
    return positions, world


def pelvis_index(parents: Sequence[int] | np.ndarray) -> int:
    """The joint the body hangs on: the first from the root with two children or more.

    A static root above it (Bandai Namco's `joint_Root`, SMPL-X BVH's `root`) holds no pose.
    Falls back to the root of an unbranched chain.
    """
    parents = np.asarray(parents)
    joint = 0
    while True:
        below = np.flatnonzero(parents == joint)
        if len(below) >= 2:
            return joint
        if len(below) == 0:
            return 0
        joint = int(below[0])
