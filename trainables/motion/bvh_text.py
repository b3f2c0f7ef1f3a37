"""The text of a BVH file: its hierarchy, its channels and its numbers, checked line by line.

Nothing here knows about units, axes or bodies. Every fault is a `BadInput` that names file and
line; memory follows the size of the text, never a number that the text declares.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import NoReturn

import numpy as np

from search_spaces.errors import BadInput

MAX_BYTES = 2 << 30
MAX_JOINTS = 2_000
MAX_JOINT_FRAMES = 50_000_000
"""Rotations take 72 bytes per joint and frame: 3.6 GB, some five hours of 22 joints at 120 Hz."""
MAX_NUMBER = 1e7
"""Larger than any place in millimetres or any angle in degrees that a capture can hold."""

_CHANNEL = {f"{axis}{kind}": (kind, "xyz".index(axis)) for axis in "xyz"
            for kind in ("position", "rotation")}  # fmt: skip


@dataclass
class BvhJoint:
    """One ROOT or JOINT as written."""

    name: str
    parent: int
    line: int
    offset: tuple[float, float, float] | None = None
    end_site: tuple[float, float, float] | None = None
    channels: list[tuple[str, int]] | None = None
    """("position" | "rotation", axis 0..2) in the order of the columns."""
    first_column: int = 0

    def columns(self, kind: str) -> list[tuple[int, int]]:
        """(axis, column of the motion block) of its position or rotation channels, in order."""
        written = enumerate(self.channels or [], start=self.first_column)
        return [(axis, column) for column, (k, axis) in written if k == kind]

    @property
    def rotation_order(self) -> str:
        """Axes of its rotation channels in the order they are applied, such as "ZXY"."""
        return "".join("XYZ"[axis] for axis, _ in self.columns("rotation"))


@dataclass
class BvhText:
    """A BVH file, parsed: joints in file order, numbers as (frames, channels) float64."""

    joints: list[BvhJoint]
    frame_time: float
    values: np.ndarray
    oddities: list[str] = field(default_factory=list)


class _Lines:
    """The lines before the motion rows, one at a time, and errors that know where they are."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.number = 0

    def fail(self, fault: str, line: int | None = None) -> NoReturn:
        raise BadInput(f"{self.path}, line {self.number if line is None else line}: {fault}")

    def __iter__(self) -> Iterator[str]:
        while self.number < len(self.lines):
            self.number += 1
            yield self.lines[self.number - 1].strip()


def parse_bvh(path: Path) -> BvhText:
    """Reads and checks the text of a BVH file.

    Raises:
        BadInput: with file, line and remedy, for whatever is wrong with it.
    """
    lines = _Lines(path, _read_text(path))
    joints = _hierarchy(lines)
    oddities = []
    column = 0
    for joint in joints:
        joint.first_column = column
        column += len(joint.channels or [])
    if column == 0:
        lines.fail("no joint has CHANNELS: there is no motion to read; export it with channels")
    frames, frame_time = _motion_header(lines)
    values = _rows(lines, frames, column)
    if len(values) * len(joints) > MAX_JOINT_FRAMES:
        raise BadInput(
            f"{path}: {len(values)} frames of {len(joints)} joints are more than "
            f"{MAX_JOINT_FRAMES} joint frames; cut the recording into shorter files"
        )
    empty = [joint.name for joint in joints if not joint.channels]
    if empty:
        oddities.append(f"no channels on {', '.join(empty[:5])}: they stay at their OFFSET.")
    return BvhText(joints, frame_time, values, oddities)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{path}: {size} bytes are too many; cut it into files below 2 GiB")
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None
    if not raw.strip():
        raise BadInput(f"{path}: the file is empty; export it again")
    if b"\0" in raw:
        raise BadInput(f"{path}: holds binary data, not BVH text; export it as plain text BVH")
    text = raw.decode("utf-8-sig", errors="replace")
    if not re.search(r"^\s*(HIERARCHY|ROOT)\b", text[:4096], re.IGNORECASE | re.MULTILINE):
        raise BadInput(f"{path}: no HIERARCHY at its start, so it is no BVH file; check the file")
    return text


def _hierarchy(lines: _Lines) -> list[BvhJoint]:
    """Reads up to and including the MOTION line."""
    joints: list[BvhJoint] = []
    seen: dict[str, int] = {}
    open_nodes: list[int | None] = []  # joint indices, None for an End Site
    pending: int | str | None = ""  # what the next "{" opens; "" for nothing
    for line in lines:
        for piece in filter(None, (p.strip() for p in re.split(r"([{}])", line))):
            word, *rest = piece.split()
            key = word.lower()
            if key == "motion":
                if open_nodes or pending != "" or not joints:
                    lines.fail("MOTION comes before the hierarchy is closed; add the missing }")
                return joints
            if pending != "" and key != "{":
                lines.fail(f"expected {{ after a joint, got {piece[:40]!r}")
            if key in ("root", "joint"):
                pending = _new_joint(lines, key, " ".join(rest), joints, seen, open_nodes)
            elif key == "end":
                if not open_nodes or open_nodes[-1] is None:
                    lines.fail("an End Site outside of a joint; put it inside the braces of one")
                pending = None
            elif key == "{":
                if isinstance(pending, str):
                    lines.fail("a { that opens nothing; remove it")
                open_nodes.append(pending)
                pending = ""
            elif key == "}":
                if not open_nodes:
                    lines.fail("a } that closes nothing; remove it")
                closed = open_nodes.pop()
                if closed is not None and joints[closed].offset is None:
                    lines.fail(f"joint {joints[closed].name!r} has no OFFSET; add one")
            elif key == "offset":
                _offset(lines, rest, joints, open_nodes)
            elif key == "channels":
                _channels(lines, rest, joints, open_nodes)
            elif key != "hierarchy":
                lines.fail(f"{piece[:40]!r} is no BVH keyword; is the file damaged?")
    raise BadInput(f"{lines.path}: no MOTION block; the file is cut short, export it again")


def _new_joint(
    lines: _Lines,
    key: str,
    name: str,
    joints: list[BvhJoint],
    seen: dict[str, int],
    open_nodes: list[int | None],
) -> int:
    if not name:
        lines.fail(f"{key.upper()} without a name; name the joint")
    if name in seen:
        lines.fail(f"joint {name!r} already stands on line {seen[name]}; give each its own name")
    if key == "root" and joints:
        lines.fail("a second ROOT; keep one skeleton per file")
    if key == "joint" and (not open_nodes or open_nodes[-1] is None):
        lines.fail(f"joint {name!r} stands outside of a parent's braces; check the braces")
    if len(joints) >= MAX_JOINTS:
        lines.fail(f"more than {MAX_JOINTS} joints; is this a body?")
    parent = -1 if key == "root" else open_nodes[-1]
    assert parent is not None  # an End Site was refused above
    seen[name] = lines.number
    joints.append(BvhJoint(name, parent, lines.number))
    return len(joints) - 1


def _offset(
    lines: _Lines, words: list[str], joints: list[BvhJoint], open_nodes: list[int | None]
) -> None:
    if not open_nodes:
        lines.fail("an OFFSET outside of a joint; check the braces")
    if len(words) != 3:
        lines.fail(f"OFFSET needs 3 numbers, got {len(words)}")
    numbers = [_number(lines, word, "OFFSET") for word in words]
    place = (numbers[0], numbers[1], numbers[2])
    joint = open_nodes[-1]
    if joint is not None:
        if joints[joint].offset is not None:
            lines.fail(f"joint {joints[joint].name!r} has two OFFSETs; remove one")
        joints[joint].offset = place
        return
    owner = open_nodes[-2]
    assert owner is not None  # an End Site opens inside a joint only
    if joints[owner].end_site is None:
        joints[owner].end_site = place


def _channels(
    lines: _Lines, words: list[str], joints: list[BvhJoint], open_nodes: list[int | None]
) -> None:
    joint = open_nodes[-1] if open_nodes else None
    if joint is None:
        lines.fail("CHANNELS outside of a joint; check the braces")
    if joints[joint].channels is not None:
        lines.fail(f"joint {joints[joint].name!r} has two CHANNELS lines; remove one")
    names = [word.lower() for word in words[1:]]
    if not words or not words[0].isdecimal() or int(words[0][:6]) != len(names):
        lines.fail(
            f"CHANNELS says {words[0][:12] if words else 'nothing'} and names {len(names)} "
            "channels; make the two agree"
        )
    unknown = [word for word in words[1:] if word.lower() not in _CHANNEL]
    if unknown or len(set(names)) != len(names):
        lines.fail(
            f"channels must be distinct ones of Xposition .. Zrotation, got {' '.join(words[1:7])}"
        )
    joints[joint].channels = [_CHANNEL[name] for name in names]


def _number(lines: _Lines, word: str, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or abs(value) > MAX_NUMBER:
        lines.fail(f"{what} {word[:40]!r} is no usable number; correct it")
    return value


def _motion_header(lines: _Lines) -> tuple[int, float]:
    """Declared frame count and frame time in seconds."""
    frames = -1
    for line in filter(None, lines):
        found = re.match(r"(Frames|Frame\s+Time)\s*:?\s*(\S*)\s*$", line, re.IGNORECASE)
        if not found:
            lines.fail(f"expected 'Frames: N' and 'Frame Time: seconds', got {line[:40]!r}")
        if found[1].lower() == "frames":
            if not re.fullmatch(r"\d{1,12}", found[2], re.ASCII):
                lines.fail(f"Frames {found[2][:40]!r} is no count; write a whole number")
            frames = int(found[2])
            if frames == 0:
                lines.fail("Frames: 0, the file holds no motion; export it with its frames")
            continue
        if frames < 0:
            lines.fail("Frame Time comes before Frames; write 'Frames: N' first")
        seconds = _number(lines, found[2], "Frame Time")
        if not 1e-4 <= seconds <= 10:
            lines.fail(
                f"Frame Time {found[2]} s is not between 0.0001 and 10 s; write seconds per frame"
            )
        return frames, seconds
    raise BadInput(f"{lines.path}: MOTION has no Frame Time; the file is cut short, export again")


def _rows(lines: _Lines, frames: int, width: int) -> np.ndarray:
    """The motion block as (frames, width), every row checked."""
    block = lines.lines[lines.number :]
    rows = [line for line in block if line and not line.isspace()]
    if not rows:
        raise BadInput(f"{lines.path}: no frames after Frame Time; the file is cut short")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None)
    except (ValueError, Warning):
        values = np.empty((0, 0))
    good = values.shape == (len(rows), width)
    if not good or not (np.abs(values) <= MAX_NUMBER).all():
        _find_fault(lines, frames, width)
    if len(rows) != frames:
        remedy = "the file is cut short" if len(rows) < frames else "rows were added"
        raise BadInput(
            f"{lines.path}: Frames says {frames} and {len(rows)} rows follow: {remedy}; "
            f"export it again or write Frames: {len(rows)}"
        )
    return values


def _find_fault(lines: _Lines, frames: int, width: int) -> NoReturn:
    """Goes through the rows one by one to name the first that is wrong."""
    frame = 0
    for number, line in enumerate(lines.lines[lines.number :], start=lines.number + 1):
        words = line.split()
        if not words:
            continue
        if len(words) != width:
            last = " (the last row: the file is cut short)" if frame == frames - 1 else ""
            lines.fail(
                f"frame {frame} has {len(words)} numbers, the hierarchy has {width} channels"
                f"{last}; export the file again",
                number,
            )
        for word in words:
            try:
                value = float(word)
            except ValueError:
                value = float("nan")
            if not abs(value) <= MAX_NUMBER:
                comma = "; write decimals with a point" if "," in word else "; remove the frame"
                lines.fail(f"frame {frame} holds {word[:40]!r}, no usable number{comma}", number)
        frame += 1
    raise BadInput(f"{lines.path}: the motion rows cannot be read as numbers; export it again")
