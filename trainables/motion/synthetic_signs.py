"""The lexicon of the synthetic signer: what each sign is, before anybody signs it.

A sign has for each hand a location in signing space, a palm orientation, a hand shape at its start
and its end, and a movement (straight, arc, circle, repeated, wrist turn, finger wiggle), and for
head and trunk a non-manual part: the parameters by which sign phonology describes signs (Stokoe,
1960; Liddell and Johnson, 1989, for movements and holds). Everything is drawn once per seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.motion.rotations import exp_map
from trainables.motion.synthetic_handshapes import ANGLES, SHAPE_NAMES
from trainables.motion.synthetic_reach import Arm, reach_for, wrist_angles
from trainables.motion.synthetic_skeleton import reference_skeleton

SIGNS = 160
REST = 0
"""The entry that is no sign: both hands lowered and relaxed."""
ONE_HANDED, SYMMETRIC, BASE_HAND = 0, 1, 2

# Where the wrist is, metres from the chest joint of a person of 1.70 m: outwards, up, forwards.
LOCATIONS = np.array([
    [0.14, -0.02, 0.31], [0.12, 0.06, 0.33], [0.10, -0.12, 0.29], [0.26, 0.03, 0.29],
    [0.02, 0.00, 0.31], [0.22, 0.16, 0.29], [0.10, 0.15, 0.36], [0.33, -0.06, 0.22],
    [0.08, 0.15, 0.22], [0.10, 0.19, 0.21], [0.15, 0.24, 0.20], [0.12, 0.31, 0.21],
    [0.21, 0.29, 0.15], [0.06, 0.03, 0.18], [-0.06, 0.06, 0.22], [0.15, -0.18, 0.23],
    [0.33, 0.22, 0.24], [-0.05, -0.06, 0.28],
])  # fmt: skip
_IN_FRONT = np.array([0, 1, 2, 3, 5, 6, 7, 15])
NEUTRAL = np.array([0.12, -0.01, 0.29])

# Fingers' and palm's directions of a left hand: outwards, up, forwards.
_PALMS = (
    ((0.0, 1.0, 0.1), (0.0, 0.0, 1.0)), ((-0.2, 1.0, 0.0), (0.0, 0.0, -1.0)),
    ((0.0, 1.0, 0.2), (-1.0, 0.0, 0.0)), ((0.0, 0.1, 1.0), (0.0, -1.0, 0.0)),
    ((-0.2, 0.1, 1.0), (0.0, 1.0, 0.0)), ((0.0, 0.2, 1.0), (-1.0, 0.0, 0.0)),
    ((-1.0, 0.1, 0.2), (0.0, 0.0, -1.0)), ((-1.0, 0.0, 0.3), (0.0, -1.0, 0.0)),
    ((-1.0, 0.1, 0.4), (0.0, 1.0, 0.0)), ((-0.7, 0.7, 0.1), (0.0, 0.0, -1.0)),
    ((-0.5, 0.7, 0.5), (-0.3, -0.7, 0.7)), ((-0.6, 0.3, 0.7), (-0.7, 0.3, -0.6)),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All signs; the first axis is the sign, arms are (dominant, other), each as a left arm.

    Attributes:
        kind: (signs,) ONE_HANDED, SYMMETRIC or BASE_HAND.
        weights: (signs,) how often each is signed, summing to 1.
        place: (signs, 2, 3) metres, wrist at the start.
        travel: (signs, 2, 3) metres, from start to end.
        palm: (signs, 2 arms, start and end, 3, 3) orientation of the hand in the chest's frame.
        swivel: (signs, 2) radians, lift of the elbow.
        shape: (signs, 2 arms, start and end) index of the hand shape.
        sway: (signs, 2, 3) metres, sine part of the path.
        swing: (signs, 2, 3) metres, cosine part of the path.
        turn: (signs, 2, 3) radians, repeated twist, deviation and flexion of the wrist.
        wiggle: (signs, 2, 21) radians, repeated movement of the fingers.
        phase_rate: (signs,) radians of the path from start to end: pi for an arc, else whole
            turns, so that it closes.
        turn_rate: (signs,) radians of the turn from start to end.
        wiggle_rate: (signs,) radians of the wiggle from start to end.
        stroke: (signs,) seconds from start to end.
        holds: (signs, 2) seconds held before and after.
        torso: (signs, 3) radians, pitch, yaw, roll.
        head: (signs, 3) radians, pitch, yaw, roll.
        nod: (signs, 3) radians, repeated movement of the head.
        nod_rate: (signs,) radians of it from start to end.
    """

    kind: np.ndarray
    weights: np.ndarray
    place: np.ndarray
    travel: np.ndarray
    palm: np.ndarray
    swivel: np.ndarray
    shape: np.ndarray
    sway: np.ndarray
    swing: np.ndarray
    turn: np.ndarray
    wiggle: np.ndarray
    phase_rate: np.ndarray
    turn_rate: np.ndarray
    wiggle_rate: np.ndarray
    stroke: np.ndarray
    holds: np.ndarray
    torso: np.ndarray
    head: np.ndarray
    nod: np.ndarray
    nod_rate: np.ndarray


def _hand_frame(fingers: tuple[float, ...], palm: tuple[float, ...]) -> np.ndarray:
    """(3, 3) of a left hand whose fingers are +X and whose palm faces -Y."""
    x = np.array(fingers) / np.linalg.norm(fingers)
    y = -np.array(palm) + (np.array(palm) @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _comfortable_palms(rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """For each place (n, 3) an orientation (n, 3, 3) that an arm reaches without strain."""
    palms = np.stack([_hand_frame(*p) for p in _PALMS])
    count = len(palms)
    wrists = np.repeat(places, count, axis=0)
    reach = reach_for(Arm.of(reference_skeleton()), wrists, np.zeros(len(wrists)))
    wanted = np.tile(palms, (len(places), 1, 1))
    twist, deviation, flexion = wrist_angles(reach.forearm, wanted).T
    strain = (twist / 1.2) ** 4 + (deviation / 0.45) ** 4 + (flexion / 0.9) ** 4
    ease = -strain.reshape(-1, count) + rng.gumbel(size=(len(places), count))
    tilt = exp_map(rng.normal(0.0, np.radians(11.0), (len(places), 3)))
    return tilt @ palms[np.argmax(ease, axis=1)]


def draw_lexicon(rng: np.random.Generator) -> Lexicon:
    """A lexicon of `SIGNS` entries, of which the first is rest."""
    n = SIGNS
    kind = rng.choice(3, n, p=[0.42, 0.36, 0.22])
    # A few signs make up much of what is signed, with a long tail.
    weights = rng.permutation((np.arange(1, n + 1) + 12.0) ** -0.8)
    place = _draw_places(rng, kind)
    movement = _draw_movement(rng)
    palm = np.empty((n, 2, 2, 3, 3))
    for arm in range(2):
        palm[:, arm, :] = _comfortable_palms(rng, place[:, arm])[:, None]
    flipping = rng.random(n) < 0.22
    flipped = _comfortable_palms(rng, place[:, 0] + movement["travel"][:, 0])
    palm[:, 0, 1] = np.where(flipping[:, None, None], flipped, palm[:, 0, 1])
    lexicon = Lexicon(
        kind=kind,
        weights=weights,
        place=place,
        palm=palm,
        swivel=rng.normal(np.radians(-13.0), np.radians(11.0), (n, 2)),
        shape=_draw_shapes(rng, kind),
        holds=rng.uniform([0.0, 0.04], [0.08, 0.26], (n, 2)),
        torso=np.radians(rng.normal(0.0, [3.0, 4.0, 2.5], (n, 3))),
        head=np.radians(rng.normal(0.0, [6.0, 9.0, 5.0], (n, 3))),
        nod=_draw_nods(rng),
        nod_rate=2 * np.pi * rng.choice([1.0, 2.0], n),
        **movement,
    )
    both = kind == SYMMETRIC
    alternating = np.where(rng.random(n) < 0.35, -1.0, 1.0)[:, None]
    for array in (lexicon.sway, lexicon.swing, lexicon.turn):
        array[both, 1] = (alternating * array[:, 0])[both]
    for array in (lexicon.travel, lexicon.palm, lexicon.shape, lexicon.wiggle, lexicon.swivel):
        array[both, 1] = array[both, 0]
    return _with_rest(lexicon)


def _draw_places(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    """(signs, 2, 3): two-handed signs in front of the body, one-handed also at head and trunk."""
    n = len(kind)
    anywhere, in_front = rng.integers(len(LOCATIONS), size=n), rng.choice(_IN_FRONT, n)
    where = np.where(kind == ONE_HANDED, anywhere, in_front)
    place = np.empty((n, 2, 3))
    place[:, 0] = LOCATIONS[where] + rng.normal(0.0, 0.03, (n, 3))
    other = NEUTRAL + rng.normal(0.0, 0.05, (n, 3))
    place[:, 1] = np.where((kind == SYMMETRIC)[:, None], place[:, 0], other)
    # The dominant hand works close over the base hand: near it in the dominant hand's mirror.
    over = rng.normal([0.03, 0.07, 0.03], [0.04, 0.05, 0.04], (n, 3))
    base = kind == BASE_HAND
    place[base, 0] = (place[:, 1] * [-1.0, 1.0, 1.0] + [0.20, 0.0, 0.0] + over)[base]
    return place


def _draw_movement(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Path, turn, wiggle and duration of every sign, of the dominant hand alone."""
    n = SIGNS
    direction = rng.normal(size=(n, 3)) * [1.0, 0.9, 0.7]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    straight = rng.random((n, 1)) < 0.5
    travel, sway, swing, turn = (np.zeros((n, 2, 3)) for _ in range(4))
    travel[:, 0] = np.where(straight, direction * rng.uniform(0.05, 0.26, (n, 1)), 0.0)

    none, arc, circle, repeated, zigzag = range(5)
    path = rng.choice(5, n, p=[0.22, 0.24, 0.16, 0.24, 0.14])
    cycles = rng.choice([1.0, 2.0, 3.0], n, p=[0.35, 0.5, 0.15])
    across = np.cross(direction, rng.normal(size=(n, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    size = rng.uniform(0.025, 0.085, n) / np.where(cycles > 2, 1.5, 1.0)
    sideways = np.select([path == arc, path == circle, path == zigzag], [size, size, size / 2], 0.0)
    along = np.where((path == circle) | (path == repeated), 2 * size, 0.0)
    sway[:, 0], swing[:, 0] = across * sideways[:, None], direction * along[:, None]

    turning = rng.random((n, 1)) < 0.3
    turn[:, 0] = turning * rng.normal(0.0, np.radians([26.0, 7.0, 17.0]), (n, 3))
    wiggling = rng.random(n) < 0.14
    # Neighbouring fingers move against each other, most at the knuckle.
    alternate = np.outer([1.0, -1.0, 1.0, -1.0], [1.0, 0.7, 0.5, 0.0]).ravel()
    wiggle = np.zeros((n, 2, ANGLES))
    wiggle[:, 0, 5:] = np.radians(22.0) * np.outer(wiggling, alternate)
    times = np.where((path == none) | (path == arc), 1.0, cycles)
    return {
        "travel": travel,
        "sway": sway,
        "swing": swing,
        "turn": turn,
        "wiggle": wiggle,
        "phase_rate": np.where(path == arc, np.pi, 2 * np.pi * cycles),
        "turn_rate": 2 * np.pi * cycles,
        "wiggle_rate": 2 * np.pi * rng.choice([2.0, 3.0], n),
        "stroke": rng.uniform(0.20, 0.36, n) + 0.13 * times + 0.15 * wiggling,
    }


def _draw_shapes(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    """(signs, 2 arms, start and end): some signs change their hand shape on the way."""
    n, shapes = len(kind), len(SHAPE_NAMES)
    frequency = rng.permutation((np.arange(1, shapes + 1) + 6.0) ** -0.7)
    frequency /= frequency.sum()
    shape = np.repeat(rng.choice(shapes, (n, 2, 1), p=frequency), 2, axis=2)
    changing = rng.random(n) < 0.27
    shape[:, 0, 1] = np.where(changing, rng.choice(shapes, n, p=frequency), shape[:, 0, 0])
    # A base hand takes one of the few unmarked shapes (Battison, 1978).
    unmarked = [SHAPE_NAMES.index(s) for s in ("S", "A", "B", "flat", "five", "one", "C", "O")]
    base = kind == BASE_HAND
    shape[base, 1] = rng.choice(unmarked, (n, 1))[base]
    return shape


def _draw_nods(rng: np.random.Generator) -> np.ndarray:
    """(signs, 3) radians: most signs none, some a nod, some a shake of the head."""
    sort = rng.choice(3, SIGNS, p=[0.76, 0.14, 0.10])
    nod = np.where(sort == 1, np.radians(rng.uniform(5.0, 12.0, SIGNS)), 0.0)
    shake = np.where(sort == 2, np.radians(rng.uniform(7.0, 15.0, SIGNS)), 0.0)
    return np.stack([nod, shake, np.zeros(SIGNS)], axis=1)


def _with_rest(lexicon: Lexicon) -> Lexicon:
    """Makes entry `REST` both hands lowered before the body, without movement."""
    lexicon.kind[REST] = SYMMETRIC
    lexicon.place[REST] = [0.12, -0.26, 0.17]
    lexicon.palm[REST] = _hand_frame((-0.75, -0.25, 0.6), (-0.2, -0.8, -0.55))
    for array in (
        lexicon.travel, lexicon.sway, lexicon.swing, lexicon.turn, lexicon.wiggle, lexicon.nod,
        lexicon.torso, lexicon.head,
    ):  # fmt: skip
        array[REST] = 0.0
    lexicon.shape[REST] = SHAPE_NAMES.index("relaxed")
    lexicon.swivel[REST] = 0.0
    lexicon.stroke[REST] = 0.3
    lexicon.holds[REST] = (0.1, 0.4)
    lexicon.weights[REST] = 0.0
    lexicon.weights[:] /= lexicon.weights.sum()
    return lexicon
