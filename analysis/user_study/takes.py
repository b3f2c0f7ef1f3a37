"""What a user study shows: motion of systems on recordings, and what is heard beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.errors import BadInput


@dataclass(frozen=True, eq=False)
class Take:
    """Motion of one recording by one system.

    Attributes:
        fps: frames per second.
        joints: names.
        parents: (joints,) int, -1 for the root.
        positions: (frames, joints, 3), Y up, NaN where a joint was not seen.
    """

    fps: float
    joints: tuple[str, ...]
    parents: np.ndarray
    positions: np.ndarray

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.positions) / self.fps

    def cut(self, start: float, seconds: float, fps: float) -> np.ndarray:
        """(frames, joints, 3) of some seconds at another rate, between frames in straight lines."""
        times = start + np.arange(max(1, round(seconds * fps))) / fps
        place = np.clip(times * self.fps, 0, len(self.positions) - 1)
        before = np.floor(place).astype(int)
        after = np.minimum(before + 1, len(self.positions) - 1)
        share = (place - before)[:, None, None]
        between = (1 - share) * self.positions[before] + share * self.positions[after]
        # A joint that is unseen in the next frame is still seen in this one.
        return np.asarray(np.where(share > 0, between, self.positions[before]), np.float32)


@dataclass(frozen=True, eq=False)
class Sound:
    """Audio of one recording: (samples,) float32 within -1 and 1, and samples per second."""

    samples: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.sample_rate


Takes = Mapping[str, Mapping[str, Take]]
"""System -> recording -> its motion."""


def alike(takes: Takes) -> dict[str, dict[str, Take]]:
    """The same on the joints that all have, so that no skeleton tells its system.

    Raises:
        BadInput: fewer than two joints are shared.
    """
    each = [take for own in takes.values() for take in own.values()]
    shared = set.intersection(*(set(t.joints) for t in each)) if each else set()
    names = [n for n in each[0].joints if n in shared] if each else []
    if len(names) < 2:
        raise BadInput(
            "the systems share fewer than two joints by name; give motion of one skeleton"
        )
    return {
        system: {recording: _on(take, names) for recording, take in own.items()}
        for system, own in takes.items()
    }


def _on(take: Take, names: Sequence[str]) -> Take:
    """A take on some of its joints; a joint hangs on the nearest one above it that is left."""
    place = {name: i for i, name in enumerate(names)}
    kept = [take.joints.index(name) for name in names]
    parents = []
    for joint in kept:
        above = int(take.parents[joint])
        while above >= 0 and take.joints[above] not in place:
            above = int(take.parents[above])
        parents.append(place[take.joints[above]] if above >= 0 else -1)
    return replace(take, joints=tuple(names), parents=np.array(parents, np.int64),
                   positions=take.positions[:, kept])  # fmt: skip
