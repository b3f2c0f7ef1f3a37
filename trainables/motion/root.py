"""Root and heading: taken out of the motion, or coded by a quantiser of their own.

*Removed* puts the pelvis at the origin and turns each frame to face one way (its tilt stays, as
the pelvis's rotation in the body). *Coded* does the same for the parts and sends where the pelvis
goes as four tokens a frame: a step along each of three axes that turn with the body (two level, one
up) and the turn itself, each uniformly quantised in a closed loop, so that errors do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from trainables.motion.clip import Clip
from trainables.motion.rotations import about_up, heading_of

ROOT_TOKENS = 4

BLOCK = 4096
"""Frames of a path that are Python's own numbers at a time."""


@dataclass(frozen=True, eq=False)
class RootPath:
    """Where the pelvis goes.

    Attributes:
        position: (frames, 3) metres; x and z start at 0.
        heading: (frames,) radians, unwrapped, starting at 0.
        start: x and z in metres and heading in radians of the first frame in the world, which the
            path itself leaves out.
        lift: metres, y of the first frame in the world where heights count from it, else 0.
    """

    position: np.ndarray
    heading: np.ndarray
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lift: float = 0.0

    def in_the_world(self) -> RootPath:
        """The path from its start on, instead of from the origin."""
        x, z, heading = self.start
        turn = about_up(np.array([heading]))[0]
        return RootPath(self.position @ turn.T + [x, self.lift, z], self.heading + heading)

    def cut(self, frames: slice) -> RootPath:
        """Some of its frames; what they are relative to stays."""
        return RootPath(self.position[frames], self.heading[frames], self.start, self.lift)


def hips_heading(positions: np.ndarray, left: int, right: int) -> np.ndarray:
    """Heading (frames,) of a body from its hip joints, for sources without rotations."""
    across = positions[:, left] - positions[:, right]
    return np.arctan2(-across[:, 2], across[:, 0])


def take_out_root(
    clip: Clip,
    up: np.ndarray,
    hips: tuple[int, int] | None = None,
    centre: tuple[int, ...] = (),
) -> tuple[np.ndarray, np.ndarray | None, RootPath]:
    """Splits a clip (pelvis first) into pose and path.

    Args:
        clip: pelvis is joint 0.
        up: (3,) direction in the pelvis's own axes that points up at rest, one for a data set.
        hips: left and right hip joints, used where the clip has no rotations; without either, the
            heading stays in the pose.
        centre: joints whose middle is the root; the pelvis where there are none.

    Returns:
        positions (frames, joints, 3) with the pelvis at the origin and the heading removed; local
        rotations with the pelvis's heading removed, or None; the path.
    """
    heading, path = root_path(clip, up, hips, centre)
    return *without_root(clip.positions, clip.rotations, heading, centre), path


def root_path(
    clip: Clip,
    up: np.ndarray,
    hips: tuple[int, int] | None = None,
    centre: tuple[int, ...] = (),
) -> tuple[np.ndarray, RootPath]:
    """Heading in the world (frames,), radians, unwrapped; and the path; as `take_out_root`.

    Heights count from the ground; those of a `centre` that is not in metres, where there is no
    ground to speak of, from its first frame.
    """
    relative = bool(centre) and clip.unit != "m"
    root = _root_of(clip.positions, centre)[:, 0]
    if clip.rotations is not None:
        heading = heading_of(clip.rotations[:, 0], up)
    elif hips is not None:
        heading = hips_heading(clip.positions, *hips)
    else:
        heading = np.zeros(clip.frames)
    heading = np.unwrap(heading)
    start = about_up(-heading[:1])[0]
    travelled = root - root[0] * np.array([1.0, 1.0 if relative else 0.0, 1.0])
    begin = (float(root[0, 0]), float(root[0, 2]), float(heading[0]))
    lift = float(root[0, 1]) if relative else 0.0
    return heading, RootPath(travelled @ start.T, heading - heading[0], begin, lift)


def _root_of(positions: np.ndarray, centre: tuple[int, ...]) -> np.ndarray:
    """(frames, 1, 3)"""
    if not centre:
        return positions[:, :1]
    return np.asarray(positions[:, list(centre)].mean(axis=1, keepdims=True))


def without_root(
    positions: np.ndarray,
    rotations: np.ndarray | None,
    heading: np.ndarray,
    centre: tuple[int, ...] = (),
) -> tuple[np.ndarray, np.ndarray | None]:
    """Poses without place and heading, each frame by itself: any cut of a clip gives the same.

    Args:
        positions: (frames, joints, 3), pelvis first.
        rotations: (frames, joints, 3, 3) local, or None.
        heading: (frames,) radians, as `root_path` gives it.
        centre: joints whose middle goes to the origin; the pelvis where there are none.
    """
    turn_back = about_up(-heading)
    local = positions - _root_of(positions, centre)
    turned = np.einsum("tik,tjk->tji", turn_back, local)
    if rotations is not None:
        rotations = rotations.copy()
        rotations[:, 0] = turn_back @ rotations[:, 0]
    return turned, rotations


def put_back_root(positions: np.ndarray, path: RootPath) -> np.ndarray:
    """Poses (frames, joints, 3) with the root removed -> world positions along a path."""
    turned = np.einsum("tik,tjk->tji", about_up(path.heading), positions)
    return turned + path.position[:, None]


@dataclass(frozen=True, eq=False)
class RootQuantizer:
    """Closed-loop quantiser of a path: four tokens a frame, each of `alphabet` values.

    Attributes:
        alphabet: values per token.
        steps: (4,) size of one step along x, y, z (metres) and of a turn (radians).
        height: metres, where the pelvis starts (mean of train).
        flat: whether motion lies in the plane of a picture: depth and heading then have a single
            value, which costs nothing.
    """

    alphabet: int
    steps: np.ndarray
    height: float
    flat: bool = False

    @property
    def alphabets(self) -> tuple[int, ...]:
        """Alphabet of each of the four tokens."""
        if self.flat:
            return (self.alphabet, self.alphabet, 1, 1)
        return (self.alphabet,) * ROOT_TOKENS

    @classmethod
    def fit(
        cls, paths: list[RootPath], alphabet: int, *, flat: bool = False, relative: bool = False
    ) -> RootQuantizer:
        """Step sizes such that all but one in a thousand training steps are in range.

        Args:
            paths: of training recordings.
            alphabet: values per token.
            flat: whether motion has no depth and no heading.
            relative: whether heights count from the first frame, so that every path starts at 0.
        """
        moves = np.concatenate([_moves(p) for p in paths])
        reach = np.quantile(np.abs(moves), 0.999, axis=0)
        steps = np.maximum(reach / ((alphabet - 1) / 2), 1e-5)
        height = float(np.mean(np.concatenate([p.position[:, 1] for p in paths])))
        if relative:
            height = 0.0
        return cls(alphabet, steps, height, flat)

    def encode(self, path: RootPath) -> np.ndarray:
        """Path -> tokens (frames, 4) int32 in [0, alphabet)."""
        low, high = -(self.alphabet // 2), self.alphabet - self.alphabet // 2 - 1
        size_x, size_y, size_z, size_turn = (float(s) for s in self.steps)
        # Plain floats: a step depends on the one before, and arrays of four cost ten times this.
        x, y, z, heading = 0.0, self.height, 0.0, 0.0
        tokens = np.empty((len(path.heading), ROOT_TOKENS), np.int32)
        for frame, (to_x, to_y, to_z, to_heading) in enumerate(_frames(path)):
            cos, sin = math.cos(heading), math.sin(heading)
            dx, dz = to_x - x, to_z - z
            wanted = (
                (cos * dx - sin * dz) / size_x,
                (to_y - y) / size_y,
                (sin * dx + cos * dz) / size_z,
                (to_heading - heading) / size_turn,
            )
            i, j, k, m = (min(max(round(w), low), high) for w in wanted)
            tokens[frame] = i - low, j - low, k - low, m - low
            x += cos * i * size_x + sin * k * size_z
            z += -sin * i * size_x + cos * k * size_z
            y += j * size_y
            heading += m * size_turn
        if self.flat:
            tokens[:, 2:] = 0
        return tokens

    def decode(self, tokens: np.ndarray) -> RootPath:
        """Tokens (frames, 4) -> path."""
        moves = (tokens.astype(np.int64) - self.alphabet // 2) * self.steps
        if self.flat:
            moves[:, 2:] = 0.0
        heading = np.cumsum(moves[:, 3])
        before = about_up(heading - moves[:, 3])
        steps = np.einsum("tij,tj->ti", before, moves[:, :3])
        start = np.array([0.0, self.height, 0.0])
        return RootPath(start + np.cumsum(steps, axis=0), heading)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """What `from_arrays` needs."""
        return {
            "alphabet": np.array(self.alphabet),
            "steps": self.steps,
            "height": np.array(self.height),
            **({"flat": np.array(True)} if self.flat else {}),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> RootQuantizer:
        """The quantiser that gave these arrays."""
        return cls(int(arrays["alphabet"]), np.asarray(arrays["steps"]), float(arrays["height"]),
                   "flat" in arrays)  # fmt: skip


def _frames(path: RootPath) -> Iterator[list[float]]:
    """x, y, z, heading of every frame; a block at a time, since Python's numbers are large."""
    rows = np.column_stack([path.position, path.heading])
    for start in range(0, len(rows), BLOCK):
        yield from rows[start : start + BLOCK].tolist()


def _moves(path: RootPath) -> np.ndarray:
    """Steps between frames (frames - 1, 4), in the frame of the heading before each."""
    if len(path.heading) < 2:
        return np.zeros((1, ROOT_TOKENS))
    back = about_up(-path.heading[:-1])
    steps = np.einsum("tij,tj->ti", back, np.diff(path.position, axis=0))
    return np.column_stack([steps, np.diff(path.heading)])
