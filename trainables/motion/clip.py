"""A Clip: the only in-memory form of motion.

Every reader makes one; nothing downstream knows what file it came from. Y up, frames at a checked
rate; metres wherever the source allows. Positions are always there, rotations only where the source
has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNITS, Unit
from trainables.motion.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording.

    Attributes:
        recording: name that is unique within a data set (a path relative to its folder, no suffix).
        skeleton: its joints, with this recording's own offsets.
        fps: frames per second, positive and finite.
        positions: (frames, joints, 3) float64 world positions in `unit`, Y up.
        rotations: (frames, joints, 3, 3) float64 local rotation matrices, or None for
            position-only sources. `positions` then cannot be rebuilt from the skeleton.
        mask: (frames, joints) bool, True where the joint was seen; None where all were.
        unit: "m", "px", or "sw" (shoulder widths).
        signer: who moves, where the source says so.
        notes: oddities found on reading, one sentence each.
        source_fps: frames per second of the file, where it was resampled since; 0 where not.
        source_frames: frames of the file, where it was resampled since and is whole; 0 where not.
        approx_skeleton: whether positions stand on bones of average proportions.
        confidence: (frames, joints) float64, 0 to 1, how sure the detector was; None where the
            source does not say. 0 where `mask` is False.
        session: the recording session, where several people were recorded at once; "" where each
            recording stands for itself.
    """

    recording: str
    skeleton: Skeleton
    fps: float
    positions: np.ndarray
    rotations: np.ndarray | None = None
    mask: np.ndarray | None = None
    unit: Unit = "m"
    signer: str | None = None
    notes: tuple[str, ...] = field(default=())
    source_fps: float = 0.0
    source_frames: int = 0
    approx_skeleton: bool = False
    confidence: np.ndarray | None = None
    session: str = ""

    def __post_init__(self) -> None:
        frames, joints = self.positions.shape[:2]
        where = f"{self.recording}: "
        if not np.isfinite(self.fps) or self.fps <= 0:
            raise BadInput(f"{where}fps must be positive, got {self.fps}")
        if self.positions.shape != (frames, len(self.skeleton), 3):
            raise BadInput(
                f"{where}positions must be (frames, {len(self.skeleton)}, 3) to fit the joint "
                f"names, got {self.positions.shape}"
            )
        if frames == 0:
            raise BadInput(f"{where}holds no frames")
        if self.rotations is not None and self.rotations.shape != (frames, joints, 3, 3):
            raise BadInput(
                f"{where}rotations must be ({frames}, {joints}, 3, 3), got {self.rotations.shape}"
            )
        if self.mask is not None and self.mask.shape != (frames, joints):
            raise BadInput(f"{where}mask must be ({frames}, {joints}), got {self.mask.shape}")
        if self.confidence is not None and self.confidence.shape != (frames, joints):
            raise BadInput(
                f"{where}confidence must be ({frames}, {joints}), got {self.confidence.shape}"
            )
        if self.unit not in UNITS:
            raise BadInput(f"{where}unit must be m, px or sw, got {self.unit!r}")
        seen = self.positions if self.mask is None else self.positions[self.mask]
        if not np.isfinite(seen).all():
            raise BadInput(f"{where}positions hold NaN or infinity in joints marked as seen")

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.positions.shape[0])

    @property
    def seconds(self) -> float:
        """Length: frames over fps, so that rates add up over cuts."""
        return self.frames / self.fps

    def cut(self, start: int, stop: int, recording: str | None = None) -> Clip:
        """Frames start..stop as a clip of their own."""
        return replace(
            self,
            recording=recording or self.recording,
            positions=self.positions[start:stop],
            rotations=None if self.rotations is None else self.rotations[start:stop],
            mask=None if self.mask is None else self.mask[start:stop],
            confidence=None if self.confidence is None else self.confidence[start:stop],
            source_frames=0,
        )
