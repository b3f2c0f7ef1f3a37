"""The text of a BVH file that is written: its names, its nested joints and its rows of numbers.

Nothing here knows about rotations; the counterpart of `bvh_text`, which reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainables.motion.skeleton import Skeleton

CENTIMETRES = 100.0
"""Per metre."""

DECIMALS = 6
"""Of every number; twenty bones in a row then lie within a micrometre of where they were."""

STUB = 0.01
"""Metres from a last joint to its End Site where the skeleton has none: a bone without length is
dropped or refused by some programs."""

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")


def safe_names(names: Sequence[str]) -> tuple[str, ...]:
    """Joint names as BVH can hold them: one word, no braces, none twice.

    Blanks, braces and characters that do not print become "_", an empty name becomes "joint", and
    a name that is taken then gets "_2", "_3" and so on. Names that are fine stay as they are.
    """
    cleaned = [
        "".join("_" if c in "{}" or c.isspace() or not c.isprintable() else c for c in name)
        or "joint"
        for name in names
    ]
    # a name that was fine keeps it, wherever it stands
    taken = {new for new, old in zip(cleaned, names, strict=True) if new == old}
    result = []
    for new, old in zip(cleaned, names, strict=True):
        name, number = new, 2
        while name != old and name in taken:
            name, number = f"{new}_{number}", number + 1
        taken.add(name)
        result.append(name)
    return tuple(result)


def depth_first(parents: np.ndarray) -> list[int]:
    """Joints in the order in which nested braces hold them, siblings as they stand."""
    children: list[list[int]] = [[] for _ in parents]
    for j in range(1, len(parents)):
        children[int(parents[j])].append(j)
    order, waiting = [], [0]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting += reversed(children[joint])
    return order


def columns(order: Sequence[int], with_positions: set[int], joints: int) -> np.ndarray:
    """Where each channel stands among (joints, position or rotation, 3), flattened."""
    place = np.arange(joints * 6).reshape(joints, 2, 3)
    return np.concatenate(
        [place[j].reshape(-1) if j in with_positions else place[j, 1] for j in order]
    )


def hierarchy(
    skeleton: Skeleton, names: Sequence[str], order: Sequence[int], with_positions: set[int]
) -> list[str]:
    """The lines from HIERARCHY to the last brace."""
    lines = ["HIERARCHY"]
    depth = 0
    depths = np.zeros(len(names), dtype=np.int64)
    for j in order:
        parent = int(skeleton.parents[j])
        depths[j] = depths[parent] + 1 if parent >= 0 else 0
        while depth > depths[j]:
            depth -= 1
            lines.append("\t" * depth + "}")
        indent = "\t" * depth
        channels = (*POSITIONS, *ROTATIONS) if j in with_positions else ROTATIONS
        offset = skeleton.offsets[j] if j else np.zeros(3)
        lines += [
            f"{indent}{'JOINT' if j else 'ROOT'} {names[j]}",
            f"{indent}{{",
            f"{indent}\tOFFSET {_triple(offset)}",
            f"{indent}\tCHANNELS {len(channels)} {' '.join(channels)}",
        ]
        depth += 1
        end = skeleton.end_sites.get(skeleton.names[j])
        if end is None and j not in skeleton.parents:
            end = _stub(offset)
        if end is not None:
            lines += [f"{indent}\tEnd Site", f"{indent}\t{{"]
            lines += [f"{indent}\t\tOFFSET {_triple(end)}", f"{indent}\t}}"]
    lines += ["\t" * d + "}" for d in range(depth - 1, -1, -1)]
    return lines


def _stub(offset: np.ndarray) -> np.ndarray:
    """A short way on in the direction of the bone that leads here."""
    length = float(np.linalg.norm(offset))
    ahead = offset / length if length > 0 else np.array([0.0, 1.0, 0.0])
    return np.asarray(STUB * ahead)


def _triple(metres: np.ndarray) -> str:
    return " ".join(f"{x:.{DECIMALS}f}" for x in np.asarray(metres, dtype=float) * CENTIMETRES)


def frame_time(fps: float) -> str:
    """Seconds per frame, in the fewest decimals (six or more) that give the rate back."""
    for decimals in range(6, 20):
        text = f"{1.0 / fps:.{decimals}f}"
        if float(text) > 0 and 1.0 / float(text) == fps:
            return text
    return repr(1.0 / fps)  # some rates are the inverse of no float: one is next to it


def number_rows(values: np.ndarray) -> bytes:
    """Numbers (rows, columns) as text with `DECIMALS` decimals: blanks between, one row a line.

    Digit by digit over the whole array, which is four times as fast as Python's own formatting.
    """
    rows, columns = values.shape
    if rows == 0:
        return b""
    scaled = np.rint(values * 10**DECIMALS).astype(np.int64).ravel()
    whole, part = np.divmod(np.abs(scaled), 10**DECIMALS)
    digits = len(str(int(whole.max())))
    width = 1 + digits + 1 + DECIMALS + 1  # sign, whole, point, decimals, blank
    text = np.empty((width, rows * columns), dtype=np.uint8)
    keep = np.ones(text.shape, dtype=bool)
    text[0], keep[0] = ord("-"), scaled < 0
    at = width - 2
    part = part.astype(np.uint32)  # a quarter of the time of 64 bits
    for _ in range(DECIMALS):
        left = part // 10
        text[at] = part - 10 * left + ord("0")
        part, at = left, at - 1
    text[at] = ord(".")
    for place in range(digits):
        left = whole // 10
        text[digits - place] = whole - 10 * left + ord("0")
        keep[digits - place] = (whole > 0) | (place == 0)  # no zeros in front
        whole = left
    text[-1] = ord(" ")
    text[-1].reshape(rows, columns)[:, -1] = ord("\n")
    return text.T[keep.T].tobytes()
