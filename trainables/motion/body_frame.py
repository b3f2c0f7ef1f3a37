"""Which way is up, and how long is a unit: read off the body itself.

Motion files state neither. Up is where the head is, seen from the feet; the unit is the one that
makes the bones from ankle to pelvis to head the length they have in people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from trainables.motion.joint_names import is_foot, is_head
from trainables.motion.skeleton import pelvis_index

UNITS = {
    "m": 1.0,
    "foot": 0.3048,
    "dm": 0.1,
    "CMU unit (5.644 cm)": 0.0254 / 0.45,  # mocap.cs.cmu.edu: ASF lengths are inches times 0.45
    "inch": 0.0254,
    "cm": 0.01,
    "mm": 0.001,
}
"""Candidates, metres per unit."""

TO_Y_UP = {
    "Y": np.diag([1.0, 1.0, 1.0]),
    "Z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-Y": np.diag([1.0, -1.0, -1.0]),
    "-Z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
"""Rotations that turn the named axis to +Y."""

# Ankle to pelvis plus pelvis to head joint, along the bones: 1.33 to 1.71 m over eleven public
# skeletons. The nearest two units differ by a factor of 1.77, so either end is told apart.
_ANKLE_TO_HEAD = 1.5
# The longest way through the bones, from foot to hand: 1.97 to 2.61 m on the same skeletons.
_LONGEST_WAY = 2.25


@dataclass(frozen=True)
class Unit:
    """A unit of length and what it was estimated from."""

    name: str
    metres: float
    oddity: str | None = None


def estimate_unit(names: Sequence[str], parents: np.ndarray, bones: np.ndarray) -> Unit:
    """The unit that gives the skeleton the size of a person.

    Args:
        names: joint names.
        parents: (joints,).
        bones: (joints,) lengths of the bones to the parents, in the unknown unit.
    """
    size, usual = _size(names, parents, bones)
    if not size > 0:
        return Unit("cm", 0.01, "The bones have no length, so the unit is a guess: cm.")
    name = min(UNITS, key=lambda unit: abs(log(size * UNITS[unit] / usual)))
    metres = UNITS[name]
    oddity = None
    if not 0.6 < size * metres / usual < 1.5:
        oddity = (
            f"No unit gives a person's size; {name} is the nearest and makes the skeleton "
            f"{size * metres / usual:.2f} times as long as usual."
        )
    elif usual != _ANKLE_TO_HEAD:
        oddity = f"No head and feet by name, so the unit, {name}, is read off the overall size."
    return Unit(name, metres, oddity)


def _size(names: Sequence[str], parents: np.ndarray, bones: np.ndarray) -> tuple[float, float]:
    """A length of the body in the file's unit, and what it usually is in metres."""
    pelvis = pelvis_index(parents)
    bones = np.where(np.arange(len(bones)) > pelvis, bones, 0.0)  # travel above it is no bone
    reach = np.zeros(len(parents))  # along the bones from the pelvis
    for j in range(1, len(parents)):
        reach[j] = reach[parents[j]] + bones[j]
    ankles, heads = ankles_and_heads(names, parents)
    if ankles and heads:
        size = float(np.mean(reach[ankles]) + reach[heads[0]])
        if size > 0:
            return size, _ANKLE_TO_HEAD
    return _longest_way(parents, bones), _LONGEST_WAY


def _longest_way(parents: np.ndarray, bones: np.ndarray) -> float:
    """Greatest distance between two joints, along the bones."""
    deepest = np.zeros(len(parents))
    best = 0.0
    for j in range(len(parents) - 1, 0, -1):
        p = parents[j]
        arm = deepest[j] + bones[j]
        best = max(best, deepest[p] + arm)
        deepest[p] = max(deepest[p], arm)
    return float(best)


def ankles_and_heads(names: Sequence[str], parents: np.ndarray) -> tuple[list[int], list[int]]:
    """Topmost foot joints (ankles) and head joints, by name."""
    feet = {j for j, name in enumerate(names) if is_foot(name)}
    ankles = [j for j in sorted(feet) if int(parents[j]) not in feet]
    return ankles, [j for j, name in enumerate(names) if is_head(name)]


def estimate_up_axis(
    names: Sequence[str], parents: np.ndarray, positions: np.ndarray, rest: np.ndarray
) -> tuple[str, str | None]:
    """The axis that points up: a key of `TO_Y_UP`, and an oddity where it is in doubt.

    Args:
        names: joint names.
        parents: (joints,).
        positions: (frames, joints, 3) world positions as in the file.
        rest: (joints, 3) positions with all rotations zero; asked where the motion shows nobody
            upright.
    """
    ankles, heads = ankles_and_heads(names, parents)
    if not ankles or not heads:
        return "Y", "No head and feet by name, so Y is taken to be up."
    upright = np.median(positions[:, heads[0]] - positions[:, ankles].mean(axis=1), axis=0)
    axis, share = _main_axis(upright)
    if share >= 0.75:
        return axis, None
    rest_axis, rest_share = _main_axis(rest[heads[0]] - rest[ankles].mean(axis=0))
    axis = rest_axis if rest_share >= 0.75 else "Y"
    return axis, f"Nobody stands upright for long; {axis} is taken to be up from the rest pose."


def _main_axis(direction: np.ndarray) -> tuple[str, float]:
    """The axis out of `TO_Y_UP` nearest to a direction, and the cosine to it."""
    length = float(np.linalg.norm(direction))
    if not length > 0:
        return "Y", 0.0
    cosines = {axis: float(turn[1] @ direction) / length for axis, turn in TO_Y_UP.items()}
    axis = max(cosines, key=lambda a: cosines[a])
    return axis, cosines[axis]
