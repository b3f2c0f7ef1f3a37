"""Hand shapes of the synthetic signer: an inventory with flexion and spread of every finger.

A hand shape is 21 angles (radians): thumb (flexion across the palm, palmar abduction, roll, MCP
and IP flexion), then for index, middle, ring and little finger the flexion of MCP, PIP and DIP and
the abduction of MCP (towards the thumb). The inventory spans the shapes that sign phonologies
list: fists, flat hands, selected fingers extended, bent, hooked, curved, or touching the thumb.
"""

from __future__ import annotations

import numpy as np

from trainables.motion.synthetic_reach import within
from trainables.motion.synthetic_skeleton import THUMB_AXIS

ANGLES = 21

# Degrees.
_THUMBS = {
    "e": (-12, 5, 0, 0, 0),  # extended to the side
    "u": (-22, -6, -5, -4, -8),  # up, thrown back
    "a": (34, 6, 0, 6, 10),  # alongside the index
    "x": (44, 38, 20, 34, 36),  # across the fist
    "p": (58, 24, 18, 36, 30),  # folded into the palm
    "o": (13, 40, 20, 10, 10),  # opposed to the fingers
    "t": (17, 46, 24, 24, 20),  # touching the middle fingertips
    "i": (10, 40, 22, 26, 22),  # touching the index
    "k": (44, 56, 24, 30, 24),  # touching the little finger
    "r": (14, 20, 8, 10, 14),  # relaxed
}
_FINGER = {
    "0": (0, 3, 2),  # extended
    "r": (20, 24, 12),  # relaxed
    "b": (72, 8, 5),  # bent at the knuckle
    "h": (14, 86, 50),  # hooked
    "c": (34, 42, 26),  # curved
    "o": (52, 52, 30),  # curved to the thumb
    "t": (56, 62, 30),  # touching the thumb
    "w": (4, 56, 36),  # claw
    "v": (46, 84, 52),  # half closed
    "f": (82, 96, 56),  # folded
}
# name -> thumb, four fingers, spread between neighbours in degrees
_SHAPES: dict[str, tuple[str, int]] = {
    "relaxed": ("rrrrr", 4), "A": ("affff", 0), "S": ("xffff", 0), "ten": ("uffff", 0),
    "B": ("p0000", 0), "flat": ("a0000", 1), "five": ("e0000", 15), "four": ("p0000", 12),
    "C": ("occcc", 3), "O": ("toooo", 0), "one": ("x0fff", 0), "D": ("t0ooo", 0),
    "V": ("x00ff", 13), "U": ("x00ff", 0), "R": ("x00ff", -6), "three": ("e00ff", 13),
    "H": ("a00ff", 0), "W": ("k000f", 11), "F": ("it000", 10), "eight": ("t0t00", 8),
    "seven": ("t00t0", 8), "six": ("k000t", 8), "I": ("xfff0", 4), "Y": ("efff0", 12),
    "L": ("e0fff", 6), "bent-L": ("ehfff", 6), "X": ("xhfff", 0), "bent-V": ("xhhff", 11),
    "bent-three": ("ehhff", 11), "bent-B": ("abbbb", 0), "flat-O": ("tbbbb", 0),
    "claw": ("ewwww", 13), "claw-C": ("owwww", 5), "K": ("o0bff", 4), "ILY": ("e0ff0", 8),
    "horns": ("x0ff0", 5), "baby-O": ("itfff", 0), "G": ("abfff", 0), "E": ("pvvvv", 0),
    "M": ("pbbbf", 0), "N": ("pbbff", 0), "T": ("avfff", 0), "open-eight": ("e0b00", 13),
    "bent-one": ("xbfff", 0), "small-C": ("ocfff", 0), "half": ("accff", 5),
}  # fmt: skip
SHAPE_NAMES = tuple(_SHAPES)

_ABDUCTION = np.array([1.0, 0.15, -0.6, -1.3])
_LOW = np.radians([-30, -15, -15, -10, -15] + [-15, 0, 0, -25] * 4)
_HIGH = np.radians([68, 65, 40, 55, 70] + [92, 108, 75, 25] * 4)
LIMITS = (_LOW, _HIGH)
"""(21,) lower and upper anatomical limits, radians."""

# Axes of the left hand, in its frame: fingers along +X, palm facing -Y, thumb towards +Z.
_ABDUCT_THUMB = np.cross(THUMB_AXIS, [0.0, -1.0, 0.0])
_ABDUCT_THUMB /= np.linalg.norm(_ABDUCT_THUMB)
_FLEX_THUMB = 0.85 * np.array([0.0, 1.0, 0.0]) + 0.5 * _ABDUCT_THUMB
_FLEX_THUMB -= (_FLEX_THUMB @ THUMB_AXIS) * THUMB_AXIS
_FLEX_THUMB /= np.linalg.norm(_FLEX_THUMB)


def inventory() -> np.ndarray:
    """Angles (shapes, 21) of all hand shapes, radians, in the order of `SHAPE_NAMES`."""
    rows = []
    for code, spread in _SHAPES.values():
        row: list[float] = [float(v) for v in _THUMBS[code[0]]]
        for finger, state in enumerate(code[1:]):
            # Collateral ligaments tighten as a knuckle bends: a folded finger cannot spread.
            free = max(0.0, 1.0 - _FINGER[state][0] / 80)
            row += [*_FINGER[state], spread * float(_ABDUCTION[finger]) * free]
        rows.append(row)
    return np.radians(np.array(rows))


def within_limits(angles: np.ndarray) -> np.ndarray:
    """Angles (..., 21) held inside the anatomical limits, smoothly over the last 6 degrees."""
    return within(angles, *LIMITS, np.radians(6.0))


def finger_vectors(angles: np.ndarray) -> np.ndarray:
    """Rotation vectors (frames, 15, 3) of a left hand: index, middle, ring, pinky, thumb, 3 each.

    Args:
        angles: (frames, 21) radians, already within limits.
    """
    vectors = np.zeros((len(angles), 15, 3))
    for finger in range(4):
        mcp, pip, dip, abduction = angles[:, 5 + 4 * finger : 9 + 4 * finger].T
        vectors[:, 3 * finger, 1] = -abduction
        for k, flexion in enumerate((mcp, pip, dip)):
            vectors[:, 3 * finger + k, 2] = -flexion
    flexion, abduction, roll, mcp, ip = angles[:, :5].T
    up = np.array([0.0, 1.0, 0.0])
    vectors[:, 12] = (
        flexion[:, None] * up + abduction[:, None] * _ABDUCT_THUMB + roll[:, None] * THUMB_AXIS
    )
    vectors[:, 13] = mcp[:, None] * _FLEX_THUMB
    vectors[:, 14] = ip[:, None] * _FLEX_THUMB
    return vectors
