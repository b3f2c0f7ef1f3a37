"""Points that a detector found, hung on one another so that they make a skeleton.

Detectors give components (body, hands, face) with limbs inside each, and none between them. Here
they become one tree: the body first, from its neck (else chest, pelvis, shoulder, its first point)
along its limbs, breadth first; each hand, from its wrist, on the body's wrist of that side; a
face on the nose, head or neck; a piece that no limb reaches on its component's first joint. So
the parts are found as in any skeleton. The tree says what moves with what; detectors promise no
bone of constant length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.motion.joint_names import is_face, is_finger, is_hand, side, words
from trainables.motion.local_frames import mean_seen

ROOTS = ("neck", "chest", "thorax", "sternum", "pelvis", "hips", "shoulder")
"""Words of the joint that a body hangs on, best first: signers are often cut off at the waist."""
MAX_POINTS = 2000
"""Points of a detector; MediaPipe Holistic with all of its face has 586."""
FACE_HOLDERS = ("nose", "head", "neck")


@dataclass(frozen=True)
class Component:
    """Points that a detector gives together.

    Attributes:
        name: of the component, such as LEFT_HAND_LANDMARKS.
        points: names of its points in the skeleton, unique over all components.
        limbs: pairs of places in `points`.
    """

    name: str
    points: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()

    @property
    def kind(self) -> str:
        """ "left", "right" (hands), "face" or "body"."""
        said = words(self.name)
        if "hand" in said and side(self.name):
            return str(side(self.name))
        return "face" if "face" in said else "body"


def joint_tree(components: Sequence[Component]) -> tuple[np.ndarray, np.ndarray]:
    """One tree over all points of some components.

    Returns:
        order (joints,): places of the points, components one after another, in
        parent-before-child order; parents (joints,) int64 in that order, -1 for the first.
    """
    starts = np.cumsum([0, *(len(c.points) for c in components)])
    rank = {"body": 0, "right": 1, "left": 1, "face": 2}
    chain = sorted(range(len(components)), key=lambda c: rank[components[c].kind])
    names = [point for component in components for point in component.points]
    above = np.full(len(names), -1, dtype=np.int64)
    order: list[int] = []
    for number in chain:
        component, start = components[number], int(starts[number])
        if not component.points:
            continue
        root = _root(component)
        holder = _holder(component.kind, names, order)
        for point, parent in _spanned(len(component.points), component.limbs, root):
            above[start + point] = holder if parent < 0 else start + parent
            order.append(start + point)
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1  # parent of the root
    return np.array(order, dtype=np.int64), place[above[order]]


def by_names(
    names: Sequence[str], limbs: Sequence[tuple[int, int]] = ()
) -> tuple[tuple[Component, ...], np.ndarray]:
    """Components of points that come as one list, told apart by name.

    Args:
        names: names of the points.
        limbs: pairs of places in `names`; those between components are left out. Without any,
            every point of a component hangs on its first joint.

    Returns:
        the components, and the places (points,) of their points in `names`.
    """
    kinds = [_kind_of(name, names) for name in names]
    components, places = [], []
    for kind, title in (("body", "body"), ("right", "right hand"), ("left", "left hand"),
                        ("face", "face")):  # fmt: skip
        own = [j for j, k in enumerate(kinds) if k == kind]
        at = {j: place for place, j in enumerate(own)}
        inside = tuple((at[a], at[b]) for a, b in limbs if a in at and b in at)
        if own:
            components.append(Component(title, tuple(names[j] for j in own), inside))
            places += own
    return tuple(components), np.array(places, dtype=np.int64)


def mean_bones(parents: np.ndarray, positions: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """Offsets (joints, 3) of a skeleton without rotations: mean direction at mean length.

    Args:
        parents: (joints,), -1 for the root.
        positions: (frames, joints, 3), may hold NaN where unseen.
        seen: (frames, joints) bool, or None for all.
    """
    both = None if seen is None else seen & seen[:, np.where(parents < 0, 0, parents)]
    bones = positions - positions[:, parents] * (parents >= 0)[:, None]
    zero = np.zeros(positions.shape[1:])
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    mean = mean_seen(bones, both, zero)
    mean_length = mean_seen(np.broadcast_to(length, bones.shape), both, zero)
    norm = np.linalg.norm(mean, axis=-1, keepdims=True)
    return np.where(norm > 0, mean / np.where(norm > 0, norm, 1.0) * mean_length, 0.0)


def shoulder_width(
    names: Sequence[str], positions: np.ndarray, seen: np.ndarray | None
) -> float | None:
    """Mean distance between the shoulders while both are seen; None where they are not found."""
    pair = []
    for wanted in ("left", "right"):
        found = [j for j, n in enumerate(names) if "shoulder" in words(n) and side(n) == wanted]
        if len(found) != 1:
            return None
        pair += found
    at = np.ones(len(positions), bool) if seen is None else seen[:, pair].all(axis=1)
    if not at.any():
        return None
    apart = positions[at][:, pair[0]] - positions[at][:, pair[1]]
    return float(np.linalg.norm(apart, axis=-1).mean())


def _kind_of(name: str, names: Sequence[str]) -> str:
    if is_face(name):
        return "face"
    which = side(name)
    if which and is_finger(name):
        return which
    if which and is_hand(name):
        alike = [n for n in names if is_hand(n) and side(n) == which]
        wrists = [n for n in alike if "wrist" in words(n) and "hand" not in words(n)]
        return "body" if name == (wrists or alike)[0] else which
    return "body"


def _root(component: Component) -> int:
    """The point of a component that the others hang on."""
    bare = [point.rsplit("/", 1)[-1] for point in component.points]
    wanted = ROOTS if component.kind == "body" else ("wrist", "base", "root")
    for word in wanted:
        found = [p for p, name in enumerate(bare) if word in words(name)]
        if found:
            return found[0]
    return 0


def _holder(kind: str, names: Sequence[str], order: Sequence[int]) -> int:
    """The joint that a component hangs on among those placed already; -1 where none is."""
    if not order:
        return -1
    if kind in ("left", "right"):
        for fits in (is_hand, lambda name: "elbow" in words(name)):
            found = [j for j in order if side(names[j]) == kind and fits(names[j])]
            if found:
                return found[0]
    if kind == "face":
        for word in FACE_HOLDERS:
            found = [j for j in order if word in words(names[j].rsplit("/", 1)[-1])]
            if found:
                return found[0]
    return order[0]


def _spanned(points: int, limbs: Sequence[tuple[int, int]], root: int) -> list[tuple[int, int]]:
    """(point, parent) breadth first from the root; -1 is the root's parent."""
    beside: list[set[int]] = [set() for _ in range(points)]
    for a, b in limbs:
        if a != b:
            beside[a].add(b)
            beside[b].add(a)
    reached = [(root, -1)]
    known = {root}
    for start in (root, *range(points)):
        if start not in known:  # a piece of its own
            known.add(start)
            reached.append((start, root))
        front = [start]
        while front:
            further = []
            for point in front:
                for other in sorted(beside[point] - known):
                    known.add(other)
                    reached.append((other, point))
                    further.append(other)
            front = further
    return reached
