"""Poses to features and back: exponential maps or 6-D forms of local rotations, or positions.

Fitted on training recordings alone: the mean rotation of each joint, which features move at all,
and what the others are held at. The map does not depend on time, so one pose has one feature
vector wherever it occurs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainables.motion.local_frames import mean_seen
from trainables.motion.part_data import PartGeometry
from trainables.motion.parts import Part
from trainables.motion.rotations import (
    from_six,
    mean_rotation,
    relative_exp,
    relative_log,
    six_of,
)
from trainables.motion.skeleton import forward_kinematics

STILL = 1e-4
"""Radians or metres: a feature whose spread over train is below this does not move."""


@dataclass(frozen=True, eq=False)
class Pose:
    """Frames with the root removed.

    Attributes:
        positions: (frames, joints, 3) in the data's unit, finite everywhere.
        rotations: (frames, joints, 3, 3) local, or None.
        seen: (frames, joints) bool, or None where all were seen.
    """

    positions: np.ndarray
    rotations: np.ndarray | None
    seen: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Poses <-> features per part.

    Attributes:
        kind: "expmap", "rot6d" or "position".
        parents: (joints,) of the whole skeleton, pelvis first.
        parts: part -> its joints.
        geometry: part -> `PartGeometry`, offsets averaged over training recordings.
        mean_rotations: (joints, 3, 3), what joints in no coded part are held at.
        mean_positions: (joints, 3) metres, the same for position features.
        unseen: joints that train never shows; no part has them, and nothing is relative to them.
        centred: whether poses are relative to the middle of some joints, not to the pelvis, which
            then is coded like any other.
    """

    kind: str
    parents: np.ndarray
    parts: Mapping[str, Part]
    geometry: Mapping[str, PartGeometry]
    mean_rotations: np.ndarray
    mean_positions: np.ndarray
    unseen: frozenset[int] = frozenset()
    centred: bool = False

    @classmethod
    def fit(
        cls,
        kind: str,
        parents: np.ndarray,
        parts: Mapping[str, Part],
        train: Sequence[Pose],
        offsets: Sequence[np.ndarray],
        *,
        unseen: frozenset[int] = frozenset(),
        centred: bool = False,
    ) -> FeatureMap:
        """A map fitted on training poses, on what is seen of them alone.

        Args:
            kind: "expmap", "rot6d" or "position".
            parents: (joints,).
            parts: part -> its joints.
            train: poses of training recordings.
            offsets: (joints, 3) bones of each of them.
            unseen: joints that none of them shows.
            centred: whether their origin is the middle of some joints.
        """
        joints = len(parents)
        seen = _seen(train)
        mean_positions = _mean(np.concatenate([p.positions for p in train]), seen)
        mean_rotations = np.tile(np.eye(3), (joints, 1, 1))
        if kind != "position":
            for j in range(joints):
                stacked = np.concatenate([_rotations(p)[:, j] for p in train])
                mean_rotations[j] = mean_rotation(stacked)
        bones = np.mean(np.stack(list(offsets)), axis=0)
        bare = cls(kind, parents, parts, {}, mean_rotations, mean_positions, unseen, centred)
        geometry = {}
        for name, part in parts.items():
            raw = np.concatenate([bare._raw(p, part) for p in train])
            shown = None if seen is None else bare.shown(seen, part)
            geometry[name] = _geometry(kind, parents, bones, mean_rotations, part, raw, shown)
        return replace(bare, geometry=geometry)

    def shown(self, seen: np.ndarray, part: Part) -> np.ndarray:
        """Which coded joints of a part have features that stand on what was seen.

        A position counts from an anchor, so that both must be seen.

        Args:
            seen: (frames, joints) bool.
            part: one of the parts.

        Returns:
            (frames, coded joints) bool.
        """
        here = seen[:, list(part.coded)]
        anchor = self._anchor(part)
        if self.kind != "position" or anchor is None:
            return np.asarray(here)
        return np.asarray(here & seen[:, [anchor]])

    def at_means(self, positions: np.ndarray, never: np.ndarray) -> np.ndarray:
        """Positions with joints that a recording never shows put where they are on average.

        Args:
            positions: (frames, joints, 3) with the root removed.
            never: (joints,) bool.
        """
        if self.kind != "position" or not never.any():
            return positions
        placed = positions.copy()
        for name, part in self._from_the_root():
            mean = self.geometry[name].constant.reshape(-1, 3)
            anchor = self._origin(placed, part)
            for row, joint in enumerate(part.coded):
                if never[joint]:
                    placed[:, joint] = anchor[:, 0] + mean[row]
        return placed

    def only(self, names: Sequence[str]) -> FeatureMap:
        """The same map over some of its parts; joints of the others are held at their means."""
        parts = {name: self.parts[name] for name in names}
        geometry = {name: self.geometry[name] for name in names}
        return replace(self, parts=parts, geometry=geometry)

    def _raw(self, pose: Pose, part: Part) -> np.ndarray:
        """All width * joints features of a part, moving or not."""
        coded = list(part.coded)
        if self.kind == "position":
            vectors = pose.positions[:, coded] - self._origin(pose.positions, part)
        elif self.kind == "rot6d":
            turned = np.swapaxes(self.mean_rotations[coded], -1, -2) @ _rotations(pose)[:, coded]
            vectors = six_of(turned)
        else:
            vectors = relative_log(_rotations(pose)[:, coded], self.mean_rotations[coded])
        return vectors.reshape(len(vectors), -1)

    def encode(self, pose: Pose) -> dict[str, np.ndarray]:
        """Pose -> features (frames, dimensions) float32 per part."""
        return {
            name: self._raw(pose, part)[:, self.geometry[name].active].astype(np.float32)
            for name, part in self.parts.items()
        }

    def decode(self, features: Mapping[str, np.ndarray], offsets: np.ndarray) -> np.ndarray:
        """Features per part -> positions (frames, joints, 3) float64, metres, pelvis at the origin.

        Args:
            features: for every part, (frames, dimensions).
            offsets: (joints, 3) bones of the recording they belong to.
        """
        if self.kind != "position":
            return forward_kinematics(self.parents, offsets, self.rotations(features))[0]
        frames = len(next(iter(features.values())))
        positions = np.tile(self.mean_positions, (frames, 1, 1))
        for name, part in self._from_the_root():
            anchor = self._origin(positions, part).copy()
            positions[:, list(part.coded)] = anchor + self._full(name, features[name])
        return positions

    def rotations(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Features per part -> local rotations (frames, joints, 3, 3)."""
        frames = len(next(iter(features.values())))
        rotations = np.tile(self.mean_rotations, (frames, 1, 1, 1))
        for name, part in self.parts.items():
            vectors = self._full(name, features[name])
            coded = list(part.coded)
            if self.kind == "rot6d":
                rotations[:, coded] = self.mean_rotations[coded] @ from_six(vectors)
            else:
                rotations[:, coded] = relative_exp(vectors, self.mean_rotations[coded])
        return rotations

    def _anchor(self, part: Part) -> int | None:
        """The joint that positions of a part are relative to: what the part hangs on.

        A hand's wrist; else the parent of its first joint; of the whole body, the pelvis itself,
        or None, the origin, where that is the middle of some joints.
        """
        first = int(part.scored[0])
        anchor = first
        if first in part.coded:
            if self.parents[first] < 0:
                return None if self.centred else first
            anchor = int(self.parents[first])
        while anchor in self.unseen and self.parents[anchor] >= 0:
            anchor = int(self.parents[anchor])
        return None if anchor in self.unseen else anchor

    def _origin(self, positions: np.ndarray, part: Part) -> np.ndarray:
        """(frames, 1, 3) where a part's positions count from."""
        anchor = self._anchor(part)
        if anchor is None:
            return np.zeros((len(positions), 1, 3))
        return positions[:, [anchor]]

    def _from_the_root(self) -> list[tuple[str, Part]]:
        # A hand hangs on a wrist that the body places, so the body comes first.
        return sorted(self.parts.items(), key=lambda item: int(item[1].scored[0]))

    def _full(self, name: str, features: np.ndarray) -> np.ndarray:
        geometry = self.geometry[name]
        raw = np.tile(geometry.constant, (len(features), 1))
        raw[:, geometry.active] = features
        return raw.reshape(len(features), -1, geometry.width)


def _geometry(
    kind: str,
    parents: np.ndarray,
    bones: np.ndarray,
    mean_rotations: np.ndarray,
    part: Part,
    raw: np.ndarray,
    shown: np.ndarray | None = None,
) -> PartGeometry:
    """A part as one tree of its scored joints.

    Joints in between that the part does not code stand at their mean rotation, which is folded
    into the bone and the mean rotation below. A part of several trees (both feet) gets the pelvis
    as its root.

    Args:
        kind: "expmap", "rot6d" or "position".
        parents: (joints,).
        bones: (joints, 3) metres.
        mean_rotations: (joints, 3, 3).
        part: its joints.
        raw: (frames, width * coded joints) all its features over train.
        shown: (frames, coded joints) bool, or None for all: what means and spreads are taken over.
    """
    joints = points_of(parents, part)
    point = {j: i for i, j in enumerate(joints)}
    tree = np.full(len(joints), -1)
    offsets = np.zeros((len(joints), 3))
    folded = mean_rotations.copy()
    for i, j in enumerate(joints[1:], start=1):
        offsets[i], above = bones[j], int(parents[j])
        while above not in point:
            offsets[i] = mean_rotations[above] @ offsets[i] + bones[above]
            folded[j] = mean_rotations[above] @ folded[j]
            above = int(parents[above])
        tree[i] = point[above]
    return PartGeometry(
        kind=kind,
        parents=tree,
        offsets=offsets,
        coded=np.array([point[int(j)] for j in part.coded], dtype=np.int64),
        mean_rotations=folded[list(part.coded)],
        constant=raw.mean(axis=0) if shown is None else mean_of(raw, shown),
        active=np.flatnonzero((raw.std(axis=0) if shown is None else std_of(raw, shown)) > STILL),
    )


def points_of(parents: np.ndarray, part: Part) -> list[int]:
    """The joints that are the points of a part's geometry, in their order."""
    scored = [int(j) for j in part.scored]
    members = set(scored)
    tops = [j for j in scored if not _above(parents, j) & members]
    return scored if len(tops) == 1 else [0, *(j for j in scored if j != 0)]


def mean_of(features: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Means over what is seen (width * joints,); 0 where nothing is.

    Args:
        features: (frames, width * joints).
        shown: (frames, joints) bool.
    """
    there = np.repeat(shown, features.shape[1] // shown.shape[1], axis=1)
    return np.asarray(np.where(there, features, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def std_of(features: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Standard deviations over what is seen; shapes as `mean_of`."""
    return np.sqrt(mean_of((features - mean_of(features, shown)) ** 2, shown))


def _seen(train: Sequence[Pose]) -> np.ndarray | None:
    """(frames, joints) of all poses, None where all is seen."""
    if all(pose.seen is None for pose in train):
        return None
    whole = [np.ones(p.positions.shape[:2], bool) if p.seen is None else p.seen for p in train]
    return np.concatenate(whole)


def _mean(positions: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """(joints, 3)"""
    return mean_seen(positions, seen, np.zeros(positions.shape[1:]))


def _above(parents: np.ndarray, joint: int) -> set[int]:
    """All ancestors of a joint."""
    found: set[int] = set()
    while (joint := int(parents[joint])) >= 0:
        found.add(joint)
    return found


def _rotations(pose: Pose) -> np.ndarray:
    if pose.rotations is None:
        raise ValueError("these features need rotations; use features: position")
    return pose.rotations
