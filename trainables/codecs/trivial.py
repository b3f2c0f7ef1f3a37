"""Codecs that anybody would think of first: scalar quantisers of angles, of keyframes and of PCA.

They learn nothing but statistics of train. A codec worth its training beats them at the bits of a
file; a wrong unit or rate shows at once where it does not stand as it should to them. Each is one
step size over whole coordinates, so distortion falls with the step down to nothing, and what a
coordinate costs is left to the entropy coder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from search_spaces.record import HOLD_LAST, INTERPOLATED, PCA, UNIFORM
from trainables.codecs.codec import Codec, Tokens
from trainables.motion.feature_scale import levers
from trainables.motion.part_data import PartData, PartGeometry
from trainables.runtime import Runtime

MAX_REACH = (1 << 15) - 1
"""Steps to either side that a level may have: the container holds 65,536 symbols."""

MARGIN = 4
"""Times the farthest step of train that an alphabet reaches at least: a coordinate that moves at
all on train is rarely cut off elsewhere, and symbols that never come cost next to nothing."""


class Scalar(Codec):
    """Coordinates of a frame, each rounded to whole steps of one size.

    Coordinates are `(features - mean) @ into`, features `steps @ back + mean`; a level for each. A
    coordinate that stays at the mean on train is left out, unless it is the last that there is.
    Alphabets are powers of two to either side and fall from level to level, so a header tells them
    shortly.
    """

    def __init__(
        self,
        data: PartData,
        step: float,
        into: np.ndarray,
        back: np.ndarray,
        every: int = 1,
    ) -> None:
        """A quantiser with alphabets for what train needs, and `MARGIN` beyond.

        Args:
            data: training data of the part.
            step: of every coordinate.
            into: (dimensions, coordinates).
            back: (coordinates, dimensions).
            every: frames per token; the first of them is sent.

        Raises:
            ValueError: more steps than a level may have.
        """
        super().__init__({"codec": self.family}, data.name, data.dimensions, data.fps, seed=0)
        self.step, self.every = step, every
        self.mean = data.features.mean(axis=0, dtype=np.float64)
        self.into, self.back = into, back
        farthest = np.abs(self._steps(data.features)).max(axis=0)
        needed = 2 ** np.ceil(np.log2(MARGIN * np.maximum(farthest, 1))).astype(np.int64)
        reach = np.where(farthest > 0, np.minimum(needed, MAX_REACH), 0)
        if farthest.max() > MAX_REACH:
            raise ValueError(f"a step of {step:g} gives more than {MAX_REACH} to either side")
        order = np.argsort(-reach, kind="stable")[: max(1, int((reach > 0).sum()))]
        self.into, self.back, self.reach = into[:, order], back[order], reach[order]
        self.trained_share = 1.0

    @property
    def alphabet(self) -> tuple[int, ...]:
        """Steps of each coordinate."""
        return tuple((2 * self.reach + 1).tolist())

    @property
    def compression(self) -> int:
        """Frames per token."""
        return self.every

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Nothing is left to learn."""
        return {}

    def _steps(self, features: np.ndarray) -> np.ndarray:
        coordinates = (features - self.mean) @ self.into
        return np.rint(coordinates / self.step).astype(np.int64)

    def encode(self, features: np.ndarray) -> Tokens:
        """The nearest step of each coordinate of every `every`-th frame."""
        steps = np.clip(self._steps(features[:: self.every]), -self.reach, self.reach)
        indices = (steps + self.reach).astype(np.int32)
        return Tokens(indices, self.alphabet, self.fps / self.every, frames=len(features))

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        """Features (frames, dimensions) float32 of all coordinates; levels are no refinements."""
        keys = (tokens.indices - self.reach) * self.step @ self.back + self.mean
        return self._filled(keys, tokens.frames).astype(np.float32)

    def _filled(self, keys: np.ndarray, frames: int) -> np.ndarray:
        """Every sent frame is held until the next."""
        return np.repeat(keys, self.every, axis=0)[:frames]

    def arrays(self) -> dict[str, np.ndarray]:
        """Coordinates, step and alphabets."""
        return {
            "step": np.array(self.step), "mean": self.mean, "into": self.into, "back": self.back,
            "reach": self.reach,
        }  # fmt: skip

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave."""
        self.step, self.mean = float(arrays["step"]), arrays["mean"]
        self.into, self.back, self.reach = arrays["into"], arrays["back"], arrays["reach"]

    def training_state(self) -> dict[str, Any]:
        """Nothing is learnt in steps."""
        return {}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to go back to."""


class Uniform(Scalar):
    """Every feature in equal steps: of rotations a turn, of positions the widest range on train.

    So many bits for a whole turn, the same step for each angle of each joint.
    """

    family: ClassVar[str] = UNIFORM

    def __init__(self, data: PartData, bits: int, every: int = 1) -> None:
        """Steps of a turn over 2**bits; every `every`-th frame is sent."""
        turn = math.tau
        if data.geometry.kind != "expmap":
            turn = float(np.ptp(data.features, axis=0).max())
        each = np.eye(data.dimensions)
        super().__init__(data, turn / (1 << bits), each, each, every)


class HoldLast(Uniform):
    """Every n-th frame, held until the next: frame decimation."""

    family: ClassVar[str] = HOLD_LAST


class Interpolated(Uniform):
    """Every n-th frame, and between them the shortest way: slerp of rotations, else straight.

    After the last one that was sent, it is held.
    """

    family: ClassVar[str] = INTERPOLATED

    def __init__(self, data: PartData, bits: int, every: int = 1) -> None:
        """As for `Uniform`."""
        super().__init__(data, bits, every)
        self.geometry = data.geometry

    def _filled(self, keys: np.ndarray, frames: int) -> np.ndarray:
        return between(keys, self.every, frames, self.geometry)


class PcaScalar(Scalar):
    """Principal components in equal steps, those below the step left out: reverse water-filling.

    Features are first scaled by what they move (`levers`), so components, their order and the step
    are in metres, root mean square over the part's points, and parts share one step.
    """

    family: ClassVar[str] = PCA

    def __init__(self, data: PartData, step: float) -> None:
        """Components of the part's training features; `step` in metres."""
        scale = levers(data.geometry)
        scaled = (data.features - data.features.mean(axis=0, dtype=np.float64)) * scale
        components = np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1]  # the largest first
        super().__init__(data, step, scale[:, None] * components, components.T / scale)


def between(keys: np.ndarray, every: int, frames: int, geometry: PartGeometry) -> np.ndarray:
    """Frames between keyframes that stand `every` frames apart; the last is held.

    Args:
        keys: (keyframes, dimensions) features.
        every: frames from one to the next.
        frames: at most `every * keyframes`.
        geometry: of the part: whether features are rotations, and which of each joint's move.

    Returns:
        (frames, dimensions) float64.
    """
    if every == 1 or len(keys) == 1:
        return np.repeat(keys, every, axis=0)[:frames]
    share = (np.arange(every) / every)[:, None]
    if geometry.kind != "expmap":
        way = keys[:-1, None] + share * np.diff(keys, axis=0)[:, None]
    else:
        vectors = np.tile(geometry.constant, (len(keys), 1))
        vectors[:, geometry.active] = keys
        whole = _slerp(_quaternions(vectors.reshape(len(keys), -1, 3)), share)
        way = whole.reshape(len(keys) - 1, every, -1)[:, :, geometry.active]
    held = np.repeat(keys[-1:], every, axis=0)
    return np.concatenate([way.reshape(-1, keys.shape[1]), held])[:frames]


def _quaternions(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) -> unit quaternions (..., 4), scalar first."""
    half = np.linalg.norm(vectors, axis=-1, keepdims=True) / 2
    return np.concatenate([np.cos(half), np.sinc(half / np.pi) / 2 * vectors], axis=-1)


def _slerp(keys: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Shoemake, Animating Rotation with Quaternion Curves (1985).

    Args:
        keys: (keyframes, joints, 4) unit quaternions.
        share: (steps, 1) of the way from one to the next.

    Returns:
        (keyframes - 1, steps, joints, 3) rotation vectors.
    """
    first, second = keys[:-1], keys[1:]
    along = np.einsum("kjq,kjq->kj", first, second)
    second = second * np.where(along < 0, -1.0, 1.0)[..., None]  # of its two signs the nearer
    angle = np.arccos(np.minimum(np.abs(along), 1.0))[:, None]  # (ways, 1, joints)
    # sin(s a) / sin(a), written with sinc so that it is s where the two are one
    least = np.sinc(angle / np.pi)
    a = (1 - share) * np.sinc((1 - share) * angle / np.pi) / least
    b = share * np.sinc(share * angle / np.pi) / least
    found = a[..., None] * first[:, None] + b[..., None] * second[:, None]
    found *= np.where(found[..., :1] < 0, -1.0, 1.0)  # turns of at most half a turn
    sine = np.linalg.norm(found[..., 1:], axis=-1, keepdims=True)
    half = np.arctan2(sine, found[..., :1])
    return np.asarray(2 / np.sinc(half / np.pi) * found[..., 1:])
