"""Reads .pose files: the sign-language community's container of detected points.

A header (version, frame size, components with named points and limbs), then float32 coordinates
(frames, persons, points, 2 or 3) and confidences (frames, persons, points):
https://github.com/sign-language-processing/pose/blob/master/docs/specs. Versions 0.1 (whole fps,
frame count modulo 65,536) and 0.2 are read.

The parser is our own: pose-format takes the frame count of version 0.1 from the file's length, so
that a file cut short gives confidences out of the midst of its coordinates, divides by a count of
persons of zero, and brings a video decoder with it (it serves as an oracle in the tests).

Image coordinates run down and away from the camera; they are turned about x, so that Y is up. A
confidence of 0 means that the point was not seen: its place is NaN, never zero, and its mask False.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.units import Unit
from trainables.motion.body_frame import TO_Y_UP
from trainables.motion.clip import Clip
from trainables.motion.joint_names import words
from trainables.motion.keypoint_tree import (
    MAX_POINTS,
    Component,
    joint_tree,
    mean_bones,
    shoulder_width,
)
from trainables.motion.skeleton import Skeleton

VERSIONS = (0.1, 0.2)
MAX_BYTES = 2 << 30
MAX_COORDINATE = 1e7
SMALL = 20.0
"""A span of coordinates below this is no image in pixels."""


@dataclass(frozen=True, eq=False)
class PoseFile:
    """A .pose file: the clip of its first person, and the facts of the file.

    Attributes:
        clip: points as joints COMPONENT/POINT, Y up.
        path: where it lies.
        version: of the format.
        persons: how many the file has places for.
        size: width, height and depth of the frame as the header says, px.
        components: component -> number of points, in the file's order.
    """

    clip: Clip
    path: Path
    version: float
    persons: int
    size: tuple[int, int, int]
    components: dict[str, int]


def read_pose(path: Path, recording: str | None = None) -> PoseFile:
    """Reads one .pose file.

    Args:
        path: the file.
        recording: name of the recording; the file's stem when left out.

    Raises:
        BadInput: for every fault of the file, in one line.
    """
    cursor = _Cursor(path, _content(path))
    version = _version(path, cursor.take("f")[0])
    size = cursor.take("HHH")
    components, dimensions = _components(path, cursor)
    points = sum(len(c.points) for c in components)
    fps, data, confidence, persons, extra = _body(path, cursor, version, points, dimensions)

    notes = [f"There are {persons} persons; the first is read."] if persons > 1 else []
    if extra:
        notes.append("Bytes after the last frame are passed over.")
    components, kept, unit, note = _without_world(components)
    notes += note
    positions = np.zeros((len(data), len(kept), 3))
    with np.errstate(invalid="ignore"):  # a signalling NaN is found with the other NaN
        positions[..., :dimensions] = data[:, kept]
    finite = np.isfinite(positions).all(axis=-1)
    seen = (confidence[:, kept] > 0) & finite
    if (confidence[:, kept] > 0).sum() > seen.sum():
        notes.append("Points that are NaN or infinite count as not seen.")
    _check(path, positions, seen, [p for c in components for p in c.points])

    order, parents = joint_tree(components)
    names = [point for component in components for point in component.points]
    names = [names[j] for j in order]
    positions, seen = positions[:, order], seen[:, order]
    positions = np.where(seen[..., None], positions, np.nan) @ TO_Y_UP["-Y"].T + 0.0
    notes.append("Image coordinates run down; they are turned so that Y is up.")
    if dimensions == 2:
        notes.append("The points are two-dimensional: z is 0.")
    elif len(components) > 1:
        notes.append("Depth (z) counts from an origin of each component's own.")
    if unit == "px":
        unit, note = _unit(names, positions, seen)
        notes += note
    never = int((~seen.any(axis=0)).sum())
    if never:
        notes.append(f"{never} of {len(names)} joints are never seen.")
    clip = Clip(
        recording=recording or path.stem,
        skeleton=Skeleton(tuple(names), parents, mean_bones(parents, positions, seen)),
        fps=fps,
        positions=positions,
        mask=None if seen.all() else seen,
        unit=unit,
        notes=tuple(notes),
    )
    counts = Counter[str]()
    for component in components:
        counts[component.name] += len(component.points)
    return PoseFile(clip, path, version, persons, (size[0], size[1], size[2]), dict(counts))


class _Cursor:
    """Little-endian fields one after another; a field past the end is a BadInput."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self.content, self.at = path, content, 0

    def take(self, fields: str) -> tuple:
        form = "<" + fields
        end = self.at + struct.calcsize(form)
        if end > len(self.content):
            raise BadInput(f"{self._path}: ends in its header; the file is cut short or no .pose")
        found = struct.unpack_from(form, self.content, self.at)
        self.at = end
        return found

    def text(self) -> str:
        (length,) = self.take("H")
        piece = self.content[self.at : self.at + length]
        if len(piece) < length:
            raise BadInput(f"{self._path}: ends in its header; the file is cut short or no .pose")
        self.at += length
        try:
            text = piece.decode("utf-8")
        except UnicodeDecodeError:
            text = "\n"
        if not text.isprintable():
            raise BadInput(f"{self._path}: a name in the header is no text; the file is damaged")
        return text


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: is past 2 GiB; cut it into shorter recordings")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None


def _version(path: Path, number: float) -> float:
    for version in VERSIONS:
        if abs(number - version) < 5e-4:
            return version
    tenths = number * 10
    # the first four bytes of a text are no round number, or a vanishing one
    if number == 0 or (0.99 < tenths < 1000 and abs(tenths - round(tenths)) < 1e-3):
        raise BadInput(
            f"{path}: is of version {number:.1f} of .pose, and 0.1 and 0.2 are read; write it "
            "again with the release of pose-format that wrote it, as one of these"
        )
    raise BadInput(f"{path}: is no .pose file: it does not begin with a version")


def _components(path: Path, cursor: _Cursor) -> tuple[list[Component], int]:
    """The components, their points called COMPONENT/POINT, and coordinates per point."""
    found: list[Component] = []
    taken: Counter[str] = Counter()
    points, dimensions = 0, 0
    for _ in range(cursor.take("H")[0]):
        name, form = cursor.text(), cursor.text()
        if form not in ("XYC", "XYZC"):
            raise BadInput(
                f"{path}: points of {name!r} have the format {form[:20]!r}, and XYC and XYZC are "
                "read"
            )
        dimensions = max(dimensions, len(form) - 1)
        own, limbs, colours = cursor.take("HHH")
        points += own
        if points > MAX_POINTS:
            raise BadInput(f"{path}: has more than {MAX_POINTS} points; leave out some of the face")
        names = [_unique(f"{name}/{cursor.text()}", taken) for _ in range(own)]
        ends = cursor.take(f"{2 * limbs}H")
        cursor.take(f"{3 * colours}H")
        if any(end >= own for end in ends):
            raise BadInput(f"{path}: a limb of {name!r} joins a point that it lacks; damaged")
        pairs = tuple(zip(ends[::2], ends[1::2], strict=True))
        found.append(Component(name, tuple(names), pairs))
    if not points:
        raise BadInput(f"{path}: its header names no points; there is nothing to read")
    return found, dimensions


def _unique(name: str, taken: Counter[str]) -> str:
    """The name itself, with #2, #3 where it stood before."""
    taken[name] += 1
    if taken[name] == 1:
        return name
    return _unique(f"{name}#{taken[name]}", taken)


def _body(
    path: Path, cursor: _Cursor, version: float, points: int, dimensions: int
) -> tuple[float, np.ndarray, np.ndarray, int, bool]:
    """fps, first person's coordinates and confidences, number of persons, whether bytes are over.

    Shapes are (frames, points, dimensions) and (frames, points).
    """
    fps, frames, persons = cursor.take("HHH" if version == 0.1 else "fIH")
    if not 0.1 <= fps <= 1e4:
        raise BadInput(f"{path}: fps is {fps:g}, and must be from 0.1 to 10000 frames per second")
    if not persons:
        raise BadInput(f"{path}: has places for 0 persons; detect the points again")
    left = len(cursor.content) - cursor.at
    one = persons * points * (dimensions + 1) * 4
    declared = frames
    if version == 0.1:
        # 65,536 frames and more overflow the field: they count by the file's length
        frames = left // one
        if left % one or frames % 65536 != declared:
            raise BadInput(
                f"{path}: says that it has {declared} frames of {one} bytes, and {left} bytes "
                "follow; the file is cut short or damaged"
            )
    if frames * one > left:
        raise BadInput(
            f"{path}: says that it has {frames} frames of {one} bytes, and {left} bytes follow; "
            "the file is cut short or damaged"
        )
    if not frames:
        raise BadInput(f"{path}: holds no frames; detect the points again")
    numbers = np.frombuffer(cursor.content, dtype="<f4", count=frames * one // 4, offset=cursor.at)
    coordinates = frames * persons * points * dimensions
    data = numbers[:coordinates].reshape(frames, persons, points, dimensions)[:, 0]
    confidence = numbers[coordinates:].reshape(frames, persons, points)[:, 0]
    return float(fps), data, confidence, int(persons), frames * one < left


def _without_world(
    components: list[Component],
) -> tuple[list[Component], np.ndarray, Unit, list[str]]:
    """Components in pixels, places of their points, the unit, and a note on what was left out.

    MediaPipe's world landmarks are metres about the hips: they do not stand in the picture.
    """
    world = [c for c in components if "world" in words(c.name)]
    if len(world) == len(components):
        return components, np.arange(sum(len(c.points) for c in components)), "m", []
    starts = np.cumsum([0, *(len(c.points) for c in components)])
    kept = [n for n, c in enumerate(components) if c not in world and c.points]
    places = np.concatenate([np.arange(starts[n], starts[n + 1]) for n in kept])
    note = [
        f"{c.name} is left out: metres about the hips, where the rest stands in the picture."
        for c in world
    ]
    return [components[n] for n in kept], places, "px", note


def _check(path: Path, positions: np.ndarray, seen: np.ndarray, names: list[str]) -> None:
    if not seen.any():
        raise BadInput(f"{path}: no point is seen in any frame; detect the points again")
    wrong = seen & ~(np.abs(positions).max(axis=-1, initial=0.0) <= MAX_COORDINATE)
    if wrong.any():
        frame, joint = np.argwhere(wrong)[0]
        raise BadInput(
            f"{path}: {names[joint]} lies at {positions[frame, joint].tolist()} in frame {frame}; "
            "the file is damaged"
        )


def _unit(names: list[str], positions: np.ndarray, seen: np.ndarray) -> tuple[Unit, list[str]]:
    """px, or shoulder widths where the file was normalised to them, with a note."""
    if float(np.ptp(positions[seen][:, :2], axis=0).max()) >= SMALL:
        return "px", []
    width = shoulder_width(names, positions, seen)
    if width is not None and abs(width - 1) < 0.02:
        return "sw", ["The shoulders are 1 apart on average: the unit is shoulder widths."]
    return "px", [
        "Coordinates span less than 20, so they are hardly pixels; px is put all the same."
    ]
