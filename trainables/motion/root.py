"""Root and heading: taken out of the motion, or coded by a quantiser of their own.

*Removed* puts the pelvis at the origin and turns each frame to face one way (its tilt stays, as
the pelvis's rotation in the body). *Coded* does the same for the parts and sends where the pelvis
goes as four tokens a frame: forward and sideways step, height, and turn, each uniformly quantised
in a closed loop, so that errors do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trainables.motion.clip import Clip
from trainables.motion.rotations import about_up, heading_of

ROOT_TOKENS = 4


@dataclass(frozen=True, eq=False)
class RootPath:
    """Where the pelvis goes.

    Attributes:
        position: (frames, 3) metres; x and z start at 0.
        heading: (frames,) radians, unwrapped, starting at 0.
    """

    position: np.ndarray
    heading: np.ndarray


def hips_heading(positions: np.ndarray, left: int, right: int) -> np.ndarray:
    """Heading (frames,) of a body from its hip joints, for sources without rotations."""
    across = positions[:, left] - positions[:, right]
    return np.arctan2(-across[:, 2], across[:, 0])


def take_out_root(
    clip: Clip, hips: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray | None, RootPath]:
    """Splits a clip (pelvis first) into pose and path.

    Args:
        clip: pelvis is joint 0.
        hips: left and right hip joints, used where the clip has no rotations.

    Returns:
        positions (frames, joints, 3) with the pelvis at the origin and the heading removed; local
        rotations with the pelvis's heading removed, or None; the path.
    """
    root = clip.positions[:, 0]
    if clip.rotations is not None:
        heading = heading_of(clip.rotations[:, 0])
    elif hips is not None:
        heading = hips_heading(clip.positions, *hips)
    else:
        heading = np.zeros(clip.frames)
    heading = np.unwrap(heading)
    turn_back = about_up(-heading)
    local = clip.positions - root[:, None]
    positions = np.einsum("tik,tjk->tji", turn_back, local)
    rotations = None
    if clip.rotations is not None:
        rotations = clip.rotations.copy()
        rotations[:, 0] = turn_back @ clip.rotations[:, 0]
    start = about_up(-heading[:1])[0]
    travelled = root - root[0] * np.array([1.0, 0.0, 1.0])
    return positions, rotations, RootPath(travelled @ start.T, heading - heading[0])


def put_back_root(positions: np.ndarray, path: RootPath) -> np.ndarray:
    """Poses (frames, joints, 3) with the root removed -> world positions along a path."""
    turned = np.einsum("tik,tjk->tji", about_up(path.heading), positions)
    return turned + path.position[:, None]


@dataclass(frozen=True, eq=False)
class RootQuantizer:
    """Closed-loop quantiser of a path: four tokens a frame, each of `alphabet` values.

    Attributes:
        alphabet: values per token.
        steps: (4,) size of one quantisation step: metres, metres, metres, radians.
        height: metres, where the pelvis starts (mean of train).
    """

    alphabet: int
    steps: np.ndarray
    height: float

    @property
    def alphabets(self) -> tuple[int, ...]:
        """Alphabet of each of the four tokens."""
        return (self.alphabet,) * ROOT_TOKENS

    @classmethod
    def fit(cls, paths: list[RootPath], alphabet: int) -> RootQuantizer:
        """Step sizes such that all but one in a thousand training steps are in range."""
        moves = np.concatenate([_moves(p) for p in paths])
        reach = np.quantile(np.abs(moves), 0.999, axis=0)
        steps = np.maximum(reach / max(alphabet // 2 - 0.5, 0.5), 1e-5)
        height = float(np.mean(np.concatenate([p.position[:, 1] for p in paths])))
        return cls(alphabet, steps, height)

    def encode(self, path: RootPath) -> np.ndarray:
        """Path -> tokens (frames, 4) int32 in [0, alphabet)."""
        low, high = -(self.alphabet // 2), self.alphabet - self.alphabet // 2 - 1
        tokens = np.empty((len(path.heading), ROOT_TOKENS), dtype=np.int32)
        state = np.array([0.0, self.height, 0.0, 0.0])
        for t in range(len(tokens)):
            target = np.array([*path.position[t], path.heading[t]])
            wanted = _into_frame(target - state, state[3])
            index = np.clip(np.rint(wanted / self.steps), low, high)
            tokens[t] = index - low
            state = state + _out_of_frame(index * self.steps, state[3])
        return tokens

    def decode(self, tokens: np.ndarray) -> RootPath:
        """Tokens (frames, 4) -> path."""
        low = -(self.alphabet // 2)
        state = np.array([0.0, self.height, 0.0, 0.0])
        states = np.empty((len(tokens), 4))
        for t, row in enumerate(tokens):
            state = state + _out_of_frame((row + low) * self.steps, state[3])
            states[t] = state
        return RootPath(states[:, :3], states[:, 3])

    def arrays(self) -> Mapping[str, np.ndarray]:
        """What `from_arrays` needs."""
        return {
            "alphabet": np.array(self.alphabet),
            "steps": self.steps,
            "height": np.array(self.height),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> RootQuantizer:
        """The quantiser that gave these arrays."""
        return cls(int(arrays["alphabet"]), np.asarray(arrays["steps"]), float(arrays["height"]))


def _moves(path: RootPath) -> np.ndarray:
    delta = np.diff(np.column_stack([path.position, path.heading]), axis=0)
    if not len(delta):
        return np.zeros((1, ROOT_TOKENS))
    return np.stack([_into_frame(d, h) for d, h in zip(delta, path.heading[:-1], strict=True)])


def _into_frame(delta: np.ndarray, heading: float) -> np.ndarray:
    cos, sin = np.cos(-heading), np.sin(-heading)
    x, y, z, turn = delta
    return np.array([cos * x + sin * z, y, -sin * x + cos * z, turn])


def _out_of_frame(delta: np.ndarray, heading: float) -> np.ndarray:
    return _into_frame(delta, -heading)
