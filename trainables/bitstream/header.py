"""What stands at the front of an .rft file: all that a decoder must know beside the codec itself.

A `Header` checks its limits when it is made, so one that was read is as good as one that was
written, and nothing in it can ask for more memory than the limits allow. `header_layout` says how
it is stored.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import UNITS, Unit
from trainables.bitstream.offsets_block import MAX_JOINTS
from trainables.bitstream.varints import frame_rate

RANGE_CODER = 1
"""Id of the one coder there is: constriction's range coder."""
DEFAULT_CHUNK_FRAMES = 4096
MAX_CHUNK_FRAMES = 65_536
"""Frames of one chunk; with the other limits this bounds what is held at a time."""
MAX_PARTS = 64
MAX_LEVELS = 64
MAX_ALPHABET = 65_536
MAX_COMPRESSION = 65_536
MAX_NAME_BYTES = 64
CODEC_HASH_BYTES, SKELETON_HASH_BYTES = 8, 4
START_LAYOUT = struct.Struct("<hhH")
"""How a `Start` is stored, which is also what limits it."""


STARTS_PER_UNIT = {"m": 100, "px": 1, "sw": 100}
"""Whole numbers that places of a start have per unit: centimetres, pixels, hundredths."""
LIFT_LAYOUT = struct.Struct("<i")


class Start(NamedTuple):
    """Where a recording starts, when its root is coded: what the path is relative to.

    Attributes:
        x_cm: sideways, whole centimetres (pixels, hundredths of shoulder widths), int16.
        z_cm: forwards, likewise.
        turn: heading in 65536ths of a full turn, uint16.
    """

    x_cm: int
    z_cm: int
    turn: int

    @classmethod
    def at(cls, x: float, z: float, heading: float, unit: Unit = "m") -> Start:
        """From metres (or another unit) and radians; a `Header` refuses what is out of range."""
        per = STARTS_PER_UNIT[unit]
        return cls(round(per * x), round(per * z), round(heading / math.tau * 65536) % 65536)

    @property
    def heading(self) -> float:
        """Radians, from 0 to a full turn."""
        return self.turn / 65536 * math.tau


@dataclass(frozen=True)
class PartStream:
    """The tokens of one part: a stream for each quantizer level.

    Attributes:
        name: of the part, at most 64 bytes of UTF-8.
        alphabet: size of each level's alphabet, 1 to 65536 (1: the level costs no bits).
        compression: frames (at codec fps) per token.
        fitted: for each level, whether it is coded with the fitted table, else uniformly.
    """

    name: str
    alphabet: tuple[int, ...]
    compression: int
    fitted: tuple[bool, ...]

    def __post_init__(self) -> None:
        # a name is shown on terminals; and what is printable can be encoded
        if not self.name.isprintable() or not 1 <= len(self.name.encode()) <= MAX_NAME_BYTES:
            raise BadInput(
                f"part name {self.name[:80]!r} must be 1 to {MAX_NAME_BYTES} bytes of UTF-8, all "
                "printable"
            )
        if not 1 <= len(self.alphabet) <= MAX_LEVELS:
            raise BadInput(
                f"{self.name} has {len(self.alphabet)} levels; 1 to {MAX_LEVELS} can be stored"
            )
        if len(self.fitted) != len(self.alphabet):
            raise ValueError(f"{self.name}: {len(self.alphabet)} levels need a flag each")
        for size in self.alphabet:
            if not 1 <= size <= MAX_ALPHABET:
                raise BadInput(
                    f"{self.name} has a level of {size} codes; 1 to {MAX_ALPHABET} can be stored"
                )
        if not 1 <= self.compression <= MAX_COMPRESSION:
            raise BadInput(
                f"{self.name} has {self.compression} frames per token; 1 to {MAX_COMPRESSION} "
                "can be stored"
            )

    def tokens(self, frames: int) -> int:
        """Tokens per level for so many frames; the last may stand for fewer."""
        return -(-frames // self.compression)


@dataclass(frozen=True, eq=False)
class Header:
    """Everything about a recording but its tokens.

    Attributes:
        codec_hash: 8 bytes; which codec the tokens are of.
        skeleton_hash: 4 bytes; names and tree of the codec's skeleton.
        source_fps: frames per second of the file that was encoded, exact.
        fps: of the codec, exact.
        source_frames: frames of the file that was encoded.
        frames: at codec fps.
        parts: in the order in which their tokens are coded.
        coder: id of the entropy coder; `RANGE_CODER` is the only one.
        offsets: (joints, 3) int32, the recording's bone offsets less the codec's in steps of
            2**-14 m (of shoulder widths, where that is the unit); None where they are equal.
        start: place and heading of the first frame where the root is coded, else None.
        chunk_frames: frames per chunk; the last may hold fewer.
        unit: of the motion that it decodes to.
        lift: height of the first frame in steps of a start, where heights count from it: in pixels
            and shoulder widths, with a start.

    Raises:
        BadInput: a limit is passed, or frames and rates contradict each other.
    """

    codec_hash: bytes
    skeleton_hash: bytes
    source_fps: float
    fps: float
    source_frames: int
    frames: int
    parts: tuple[PartStream, ...]
    coder: int = RANGE_CODER
    offsets: np.ndarray | None = None
    start: Start | tuple[int, int, int] | None = None
    chunk_frames: int = DEFAULT_CHUNK_FRAMES
    unit: Unit = "m"
    lift: int = 0

    def __post_init__(self) -> None:
        if len(self.codec_hash) != CODEC_HASH_BYTES or len(self.skeleton_hash) != (
            SKELETON_HASH_BYTES
        ):
            raise ValueError("a codec hash takes 8 bytes and a skeleton hash 4")
        if self.coder != RANGE_CODER:
            raise BadInput(
                f"coder {self.coder} is unknown, only {RANGE_CODER} is known; use the release "
                "that wrote it"
            )
        if not 1 <= len(self.parts) <= MAX_PARTS:
            raise BadInput(f"{len(self.parts)} parts; 1 to {MAX_PARTS} can be stored")
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise BadInput(f"part names must be unique: {', '.join(names)}")
        if min(self.frames, self.source_frames, self.chunk_frames) < 1:
            raise BadInput("frames, source frames and frames per chunk must be 1 or more")
        if max(self.frames, self.source_frames) >= 1 << 48:
            raise BadInput("a number of frames needs more than 48 bits")
        if self.chunk_frames > MAX_CHUNK_FRAMES:
            raise BadInput(
                f"{self.chunk_frames} frames per chunk; at most {MAX_CHUNK_FRAMES} can be stored"
            )
        if self.unit not in UNITS:
            raise BadInput(f"unit {self.unit!r} is unknown; there are {', '.join(UNITS)}")
        frame_rate(self.fps), frame_rate(self.source_fps)  # within their limits
        self._check_lengths()
        if self.offsets is not None and (
            self.offsets.dtype != np.int32
            or self.offsets.shape != (len(self.offsets), 3)
            or not 1 <= len(self.offsets) <= MAX_JOINTS
        ):
            raise BadInput(
                f"offsets must be int32 of shape (1 to {MAX_JOINTS}, 3), got {self.offsets.dtype} "
                f"of {self.offsets.shape}"
            )
        if self.start is not None:
            object.__setattr__(self, "start", Start(*self.start))
            try:
                START_LAYOUT.pack(*self.start)
                LIFT_LAYOUT.pack(self.lift)
            except struct.error:
                far = {"m": "327 m", "px": "32767 pixels", "sw": "327 shoulder widths"}[self.unit]
                raise BadInput(
                    f"a recording that starts at {tuple(self.start)} (cm, cm, 65536ths of a turn) "
                    f"is out of range; move it to within {far} of the origin"
                ) from None
        if self.lift and (self.unit == "m" or self.start is None):
            raise BadInput(f"a height of {self.lift} at the start has no place in this file")

    def _check_lengths(self) -> None:
        """Resampling rounds to a frame, and takes rates within 0.1 % to be equal."""
        here, source = self.seconds, self.source_frames / self.source_fps
        if abs(here - source) > 1 / self.fps + 1 / self.source_fps + 0.002 * max(here, source):
            raise BadInput(
                f"{self.frames} frames at {self.fps:g} fps do not last as long as "
                f"{self.source_frames} at {self.source_fps:g}"
            )

    @property
    def seconds(self) -> float:
        """Length: frames over fps."""
        return self.frames / self.fps

    @property
    def tokens(self) -> tuple[int, ...]:
        """Tokens per level of each part."""
        return tuple(part.tokens(self.frames) for part in self.parts)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.frames // self.chunk_frames)

    def chunk_tokens(self, chunk: int) -> tuple[tuple[int, int], ...]:
        """For each part, the first token of a chunk and the one after its last.

        A token belongs to the chunk in which its first frame lies.
        """
        first = min(chunk * self.chunk_frames, self.frames)
        end = min(first + self.chunk_frames, self.frames)
        return tuple((part.tokens(first), part.tokens(end)) for part in self.parts)
