"""What a motion file holds and how it is read: for people who want to check before they train."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from trainables.motion.bvh import BvhFile, read_bvh
from trainables.motion.clip import Clip
from trainables.motion.parts import find_parts
from trainables.motion.readers import read_clip


@dataclass(frozen=True)
class Inspection:
    """Facts of one motion file.

    Attributes:
        path: where it lies.
        format: "BVH", "NPZ", or the suffix of a plug-in's reader.
        joints: how many.
        parts: part found -> number of joints coded.
        missing_parts: part not found -> why.
        fps: frames per second as in the file.
        frames: frames as in the file, a rest pose in front included.
        seconds: frames / fps.
        unit: the unit of the file; of BVH it is estimated.
        up_axis: the axis that is up in the file.
        root_positions: "replace", "add" (how positions meet the root's OFFSET) or "absolute".
        has_rotations: whether there are rotations or positions only.
        dropped_first: whether frame 0 is a rest pose and left out.
        rotation_orders: order -> joints that have it.
        channels: number of channels -> joints that have them.
        fingers: finger joints by name.
        moving_fingers: those of them that move.
        oddities: one sentence each.
    """

    path: Path
    format: str
    joints: int
    parts: dict[str, int]
    missing_parts: dict[str, str]
    fps: float
    frames: int
    seconds: float
    unit: str
    up_axis: str
    root_positions: str
    has_rotations: bool
    dropped_first: bool = False
    rotation_orders: dict[str, int] = field(default_factory=dict)
    channels: dict[int, int] = field(default_factory=dict)
    fingers: int | None = None
    moving_fingers: int | None = None
    oddities: tuple[str, ...] = ()


def inspect_file(path: Path) -> Inspection:
    """Reads a motion file and tells what it is.

    Raises:
        BadInput: as the file's reader does.
    """
    path = Path(path)
    if path.suffix.lower() == ".bvh" and path.is_file():
        return _of_bvh(read_bvh(path))
    return _of_clip(path, read_clip(path))


def describe(found: Inspection) -> str:
    """An inspection as text of one fact per line."""
    parts = ", ".join(f"{part} ({n} joints)" for part, n in found.parts.items()) or "none"
    lines = [
        f"{found.path}",
        f"  format    {found.format}, {'rotations' if found.has_rotations else 'positions only'}",
        f"  joints    {found.joints}",
        f"  parts     {parts}",
        *(f"            no {part}: {why}" for part, why in found.missing_parts.items()),
        f"  length    {found.frames} frames at {found.fps:.3f} fps, {found.seconds:.2f} s",
        f"  unit      {found.unit}",
        f"  up        {found.up_axis}",
        f"  root      positions {_ROOT[found.root_positions]}",
    ]
    if found.rotation_orders:
        lines.append(f"  rotation  {_counts(found.rotation_orders)}")
    if found.channels:
        lines.append(f"  channels  {_counts(found.channels)}")
    if found.fingers:
        lines.append(f"  fingers   {found.moving_fingers} of {found.fingers} joints move")
    lines += [f"  note      {oddity}" for oddity in found.oddities]
    return "\n".join(lines)


_ROOT = {
    "replace": "replace the OFFSET",
    "add": "are added to the OFFSET",
    "absolute": "are absolute",
}


def _counts(table: dict[str, int] | dict[int, int]) -> str:
    return ", ".join(f"{key or 'none'} on {n} joints" for key, n in table.items())


def _of_bvh(file: BvhFile) -> Inspection:
    clip = file.clip
    parts = find_parts(clip.skeleton.names, clip.skeleton.parents)
    return Inspection(
        path=file.path,
        format="BVH",
        joints=len(clip.skeleton),
        parts={name: len(part.coded) for name, part in parts.parts.items()},
        missing_parts=parts.missing,
        fps=file.fps,
        frames=file.file_frames,
        seconds=file.file_frames / file.fps,
        unit=file.unit,
        up_axis=file.up_axis,
        root_positions=file.root_positions,
        has_rotations=True,
        dropped_first=file.dropped_first,
        rotation_orders=dict(Counter(file.rotation_orders)),
        channels=dict(Counter(file.channels)),
        fingers=len(file.finger_joints),
        moving_fingers=len(file.finger_joints) - len(file.static_fingers),
        oddities=file.oddities,
    )


def _of_clip(path: Path, clip: Clip) -> Inspection:
    parts = find_parts(clip.skeleton.names, clip.skeleton.parents)
    return Inspection(
        path=path,
        format=path.suffix.lstrip(".").upper(),
        joints=len(clip.skeleton),
        parts={name: len(part.coded) for name, part in parts.parts.items()},
        missing_parts=parts.missing,
        fps=clip.fps,
        frames=clip.frames,
        seconds=clip.seconds,
        unit=clip.unit,
        up_axis="Y",
        root_positions="absolute",
        has_rotations=clip.rotations is not None,
        oddities=clip.notes,
    )
