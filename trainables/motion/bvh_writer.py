"""Writes BVH files: centimetres, Y up, one rotation order, in a form that readers agree on.

The root's OFFSET is zero, so that readers which add its positions and readers which replace the
OFFSET by them place it alike. Rotations are written as Zrotation Xrotation Yrotation, whose middle
angle is the one that people's joints and headings take to a right angle least often; where it gets
there all the same (gimbal lock) the last angle is taken from what the first leaves over, so the
matrix comes back whatever the angles are. Numbers carry six decimals: 2e-8 rad and 10 nm.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from uuid import uuid4

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.bvh_layout import (
    CENTIMETRES,
    columns,
    depth_first,
    frame_time,
    hierarchy,
    number_rows,
    safe_names,
)
from trainables.motion.clip import Clip
from trainables.motion.local_frames import mean_seen, to_local, world_orientations
from trainables.motion.skeleton import Skeleton, pelvis_index

LOOSE_BONE = 2e-6
"""Metres that a bone may depart from its OFFSET before it is given position channels; files with
six decimals in metres depart by half of it."""

MAX_METRES = 1e5
"""From the origin; readers, our own too, take larger numbers for damage."""

BLOCK = 1024
"""Frames of a clip that are turned to text at a time."""


def write_bvh(clip: Clip, path: Path) -> None:
    """Writes a clip as a BVH file, in place of whatever was at `path`.

    Joints come depth first, as BVH nests them, which a skeleton need not be; names that would
    break the text are changed as `safe_names` says. Joints whose bone is not rigid get position
    channels, so world positions come back even there. What a mask marks as unseen is written
    like the rest; a bone that has no place in a frame takes its OFFSET.

    BVH states neither unit nor up axis. A reader that tells them from the body, as `read_bvh`
    does, can take a cut in which somebody is upside down, or a skeleton of one arm, for another;
    and it leaves out a first frame that stands alone like a rest pose.

    Args:
        clip: with rotations, in metres.
        path: the file; its folder has to be there.

    Raises:
        BadInput: the clip has positions alone, is not in metres, has a root without a place or
            a rotation that is none; or the file cannot be written.
    """
    if clip.rotations is None:
        raise BadInput(
            f"{clip.recording}: has positions but no rotations, which BVH is made of; write it "
            "as .npz"
        )
    if clip.unit != "m":
        raise BadInput(f"{clip.recording}: is in {clip.unit}, BVH needs metres; write it as .npz")
    parents = clip.skeleton.parents
    local = to_local(parents, clip.positions, world_orientations(clip))[1]
    seen = np.isfinite(local).all(axis=-1)
    local[:, 1:] = np.where(seen[:, 1:, None], local[:, 1:], clip.skeleton.offsets[1:])
    apart = np.abs(local - clip.skeleton.offsets).max(axis=(0, 2))
    moving = [j for j in range(1, len(parents)) if apart[j] > LOOSE_BONE]
    offsets = clip.skeleton.offsets.copy()
    offsets[moving] = mean_seen(local, seen, offsets)[moving]
    # Above the body a translation is travel and no bone: zero, for the reason that the root's is.
    offsets[[j for j in moving if j in _trunk(parents)]] = 0.0
    names = [clip.skeleton.names[j] for j in moving]
    skeleton = clip.skeleton.with_offsets(offsets)
    with BvhWriter(path, skeleton, clip.fps, clip.frames, names) as writer:
        for start in range(0, clip.frames, BLOCK):
            block = slice(start, start + BLOCK)
            writer.write(clip.rotations[block], local[block, 0], local[block][:, moving])


class BvhWriter:
    """A BVH file that is written block by block, so that an hour takes the memory of a block.

    The text grows beside `path` under a name with `.part-` in it and is moved into place by
    `close`, once all frames are there. A `with` block closes it, or takes it away on an error.

    Args:
        path: the file; its folder has to be there.
        skeleton: its joints; offsets and End Sites in metres.
        fps: frames per second; read back as the same number where decimals allow.
        frames: how many will be written: BVH says so before the first.
        moving: joints below the root whose place in their parent's frame changes; the others
            stay at their offset.

    Attributes:
        names: joint names as written, in the order of the skeleton.

    Raises:
        BadInput: fps or frames that BVH readers do not take, or a file that cannot be written.
    """

    def __init__(
        self, path: Path, skeleton: Skeleton, fps: float, frames: int, moving: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        if not 0.1 <= fps <= 1e4:
            raise BadInput(f"{self.path}: {fps} fps is not between 0.1 and 10000; resample first")
        if frames < 1:
            raise BadInput(f"{self.path}: {frames} frames are no motion; write one or more")
        self.names = safe_names(skeleton.names)
        self.frames = frames
        self._written = 0
        self._joints = len(skeleton)
        self._moving = [skeleton.index(name) for name in moving]
        order = depth_first(skeleton.parents)
        with_positions = {0, *self._moving}
        self._columns = columns(order, with_positions, len(skeleton))
        text = hierarchy(skeleton, self.names, order, with_positions)
        text += ["MOTION", f"Frames: {frames}", f"Frame Time: {frame_time(fps)}", ""]
        self._part = self.path.with_name(f"{self.path.name}.part-{os.getpid()}-{uuid4().hex[:8]}")
        self._file: BinaryIO | None = None
        try:
            self._file = self._part.open("xb")
            self._file.write("\n".join(text).encode())
        except OSError as error:
            self.discard()
            raise self._cannot(error) from None

    def write(
        self,
        rotations: np.ndarray,
        root_positions: np.ndarray,
        translations: np.ndarray | None = None,
    ) -> None:
        """Adds frames.

        Args:
            rotations: (n, joints, 3, 3) local.
            root_positions: (n, 3) metres.
            translations: (n, moving, 3) metres in the parent's frame, for the joints named as
                `moving`, in that order; needed where there are any.

        Raises:
            BadInput: shapes that do not fit, more frames than were announced, numbers that are
                not finite or beyond 100 km; or a full disk.
        """
        if self._file is None:
            raise BadInput(f"{self.path}: is closed; open a new writer")
        n = len(rotations)
        if translations is None:
            translations = np.empty((n, 0, 3))
        expected = [(n, self._joints, 3, 3), (n, 3), (n, len(self._moving), 3)]
        shapes = [np.shape(a) for a in (rotations, root_positions, translations)]
        if shapes != expected:
            raise BadInput(
                f"{self.path}: rotations, root positions and translations must be "
                f"{', '.join(map(str, expected))}, got {', '.join(map(str, shapes))}"
            )
        if self._written + n > self.frames:
            raise BadInput(
                f"{self.path}: frame {self._written + n - 1} is past the {self.frames} announced"
            )
        places = np.concatenate([np.asarray(root_positions)[:, None], translations], axis=1)
        self._check(np.asarray(rotations), places)
        values = np.empty((n, self._joints, 2, 3))
        values[:, [0, *self._moving], 0] = places * CENTIMETRES
        values[:, :, 1] = np.degrees(_zxy_angles(np.asarray(rotations, dtype=np.float64)))
        try:
            self._file.write(number_rows(values.reshape(n, self._joints * 6)[:, self._columns]))
        except OSError as error:
            self.discard()
            raise self._cannot(error) from None
        self._written += n

    def close(self) -> None:
        """Moves the file into place; once is enough.

        Raises:
            BadInput: frames are missing (nothing stays then), or the file cannot be written.
        """
        if self._file is None:
            return
        if self._written != self.frames:
            self.discard()
            raise BadInput(
                f"{self.path}: {self._written} of {self.frames} frames were written; nothing kept"
            )
        try:
            self._file.close()
            os.replace(self._part, self.path)
        except OSError as error:
            self.discard()
            raise self._cannot(error) from None
        self._file = None

    def discard(self) -> None:
        """Takes away what was written; whatever was at `path` before stays."""
        if self._file is not None:
            with suppress(OSError):  # a full disk, which is said by whoever met it first
                self._file.close()
            self._file = None
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> BvhWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _check(self, rotations: np.ndarray, places: np.ndarray) -> None:
        turned = np.isfinite(rotations).all(axis=(-1, -2))
        placed = (np.abs(places) <= MAX_METRES).all(axis=-1)
        for good, joints, what in (
            (turned, range(self._joints), "rotation"),
            (placed, (0, *self._moving), "position"),
        ):
            if not good.all():
                frame, column = np.argwhere(~good)[0]
                raise BadInput(
                    f"{self.path}: frame {self._written + frame} has no usable {what} of "
                    f"{self.names[joints[column]]!r}; fill the gap or write it as .npz"
                )

    def _cannot(self, error: OSError) -> BadInput:
        return BadInput(
            f"{self.path}: cannot be written ({error.strerror or error}); choose another place"
        )


def _trunk(parents: np.ndarray) -> list[int]:
    """The joints from the pelvis up to the root."""
    chain = [pelvis_index(parents)]
    while parents[chain[-1]] >= 0:
        chain.append(int(parents[chain[-1]]))
    return chain


def _zxy_angles(rotations: np.ndarray) -> np.ndarray:
    """Angles (..., 3) in radians with R = Rz(first) Rx(second) Ry(third), for (..., 3, 3).

    The third is read off Rz(first)^T R: at gimbal lock, where the first may be anything, it makes
    up for whatever the first became.
    """
    r = rotations
    angles = np.empty(r.shape[:-1])
    angles[..., 0] = first = np.arctan2(-r[..., 0, 1], r[..., 1, 1])
    angles[..., 1] = np.arctan2(r[..., 2, 1], np.hypot(r[..., 0, 1], r[..., 1, 1]))
    cos, sin = np.cos(first), np.sin(first)
    angles[..., 2] = np.arctan2(
        cos * r[..., 0, 2] + sin * r[..., 1, 2], cos * r[..., 0, 0] + sin * r[..., 1, 0]
    )
    return angles
