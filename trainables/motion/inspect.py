"""What a motion file holds and how it is read: for people who want to check before they train."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from search_spaces.bones import AVERAGE_BONES, Bones
from trainables.motion.bvh import BvhFile, read_bvh
from trainables.motion.clip import Clip
from trainables.motion.npz import read_npz_file
from trainables.motion.panoptic import read_session
from trainables.motion.parts import PartMap, find_parts
from trainables.motion.pose_files import read_pose
from trainables.motion.readers import read_clip


@dataclass(frozen=True)
class Inspection:
    """Facts of one motion file.

    Attributes:
        path: where it lies.
        format: "BVH", "NPZ", "NPZ (keypoints)", "NPZ (SMPL-X)", "POSE 0.1", "Panoptic coco19"
            and its cameras, or the suffix of a plug-in's reader.
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
        persons: how many the file has places for; the first is read.
        seen: share of joint places that were seen; 1 where the file has no mask.
        seen_parts: part found -> the same of its joints; empty where there is no mask.
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
    persons: int = 1
    seen: float = 1.0
    seen_parts: dict[str, float] = field(default_factory=dict)


def inspect_file(path: Path, *, bones: Bones = AVERAGE_BONES) -> Inspection:
    """Reads a motion file and tells what it is.

    Args:
        path: the file.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: as the file's reader does.
    """
    path = Path(path)
    suffix = path.suffix.lower() if path.is_file() else ""
    if suffix == ".bvh":
        return _of_bvh(read_bvh(path))
    if suffix == ".npz":
        rest, model = (
            Path(name).expanduser() if name else None
            for name in (bones.rest_skeleton, bones.body_model)
        )
        file = read_npz_file(path, rest_skeleton=rest, body_model=model)
        form = "NPZ" if file.content == "clip" else f"NPZ ({file.content})"
        return _of_clip(path, file.clip, form, file.up_axis, file.persons)
    if suffix == ".pose":
        pose = read_pose(path)
        return _of_clip(path, pose.clip, f"POSE {pose.version}", "-Y", pose.persons)
    clip = read_clip(path, rest_skeleton=bones.rest_skeleton, body_model=bones.body_model)
    return _of_clip(path, clip, path.suffix.lstrip(".").upper())


def inspect_session(path: Path) -> list[Inspection]:
    """Reads a Panoptic session and tells what it holds: each person's stretches without gaps.

    Raises:
        BadInput: as `read_session` does.
    """
    session = read_session(path)
    kind = f"Panoptic coco19, {len(session.cameras)} HD cameras"
    people = len({clip.signer for clip in session.clips})
    return [
        replace(
            _of_clip(Path(path).parent / clip.recording, clip, kind, "-Y"),
            unit="cm",
            oddities=(*clip.notes, f"One of {people} people of {session.name}."),
        )
        for clip in session.clips
    ]


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
    if found.persons > 1:
        lines.append(f"  persons   {found.persons}, the first is read")
    if found.seen_parts:
        each = ", ".join(f"{part} {_percent(share)}" for part, share in found.seen_parts.items())
        lines.append(f"  seen      {_percent(found.seen)} of all places ({each})")
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


def _of_clip(path: Path, clip: Clip, form: str, up_axis: str = "Y", persons: int = 1) -> Inspection:
    parts = find_parts(clip.skeleton.names, clip.skeleton.parents)
    return Inspection(
        path=path,
        format=form,
        joints=len(clip.skeleton),
        parts={name: len(part.coded) for name, part in parts.parts.items()},
        missing_parts=parts.missing,
        fps=clip.fps,
        frames=clip.frames,
        seconds=clip.seconds,
        unit=clip.unit,
        up_axis=up_axis,
        root_positions="absolute",
        has_rotations=clip.rotations is not None,
        oddities=clip.notes,
        persons=persons,
        seen=1.0 if clip.mask is None else float(clip.mask.mean()),
        seen_parts={} if clip.mask is None else _seen_parts(clip.mask, parts),
    )


def _seen_parts(mask: np.ndarray, parts: PartMap) -> dict[str, float]:
    return {name: float(mask[:, part.coded].mean()) for name, part in parts.parts.items()}


def _percent(share: float) -> str:
    """A share in percent that says 100 and 0 only where all or none are meant.

    >>> _percent(1.0), _percent(0.9999), _percent(0.843), _percent(0.0)
    ('100 %', '99.9 %', '84.3 %', '0 %')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"
