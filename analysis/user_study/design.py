"""Which pairs of clips raters see, under which names, and what the names stand for.

EGGesture (ACM MM 2024), section 4.3: raters see two clips of the same speech and say which is the
better in three questions. Clips have names drawn at random; what they stand for is in the key, a
file of its own. Pairs are ordered so that any stretch of them has each pair of systems about
equally often; a rater is given one stretch. Checks have a known answer: a clip, and the same clip
with every joint shaken at random in every frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.report.arrays import packed_motion
from analysis.user_study.data_uri import wav_uri
from analysis.user_study.takes import Sound, Take, Takes, alike
from search_spaces.errors import BadInput

STUDY_VERSION = 1
QUESTIONS = ("preference", "beats", "diversity")
"""Of every pair; the first is the one by which checks are judged."""
EXTENT_STEPS = 1_500
SHAKEN = 0.06
"""Standard deviation of a shaken joint, of the body's height."""
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """How a study is made.

    Attributes:
        seconds: of a clip, at most.
        pairs: that one rater sees, checks and repeats not counted; 0 for all.
        checks: pairs with a known answer.
        repeats: of a rater's pairs that come again with their sides exchanged.
        recordings: that are shown, at most; 0 for all.
        seed: of all choices.
    """

    seconds: float = 10.0
    pairs: int = 20
    checks: int = 6
    repeats: int = 4
    recordings: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Study:
    """A study as it is written: what the page holds, and what stays beside it."""

    payload: Mapping[str, Any]
    key: Mapping[str, Any]


def design(takes: Takes, sounds: Mapping[str, Sound], plan: Plan) -> Study:
    """Draws pairs, windows and names.

    Args:
        takes: two systems or more; what real people did may be one of them.
        sounds: recording -> audio; a recording without one is shown silently.
        plan: sizes and seed.

    Raises:
        BadInput: fewer than two systems, or no recording that two of them have.
    """
    if len(takes) < 2:
        raise BadInput("a study compares two systems or more; add --system NAME=PLACE")
    takes = alike(takes)
    rng = np.random.default_rng(plan.seed)
    listed = _recordings(takes, plan, rng)
    fps = min(t.fps for own in takes.values() for t in own.values())
    first = next(iter(next(iter(takes.values())).values()))
    windows = {r: _window(r, takes, sounds, plan, rng) for r in listed}
    shown = {
        (system, r): own[r].cut(*windows[r], fps)
        for system, own in takes.items()
        for r in listed
        if r in own
    }
    high = max(float(np.nanmax(np.ptp(m, axis=1))) for m in shown.values())
    step = max(high, 1e-6) / EXTENT_STEPS
    book = _Book(rng, step, {r: i for i, r in enumerate(listed)})
    for (system, r), motion in shown.items():
        book.add(system, r, windows[r][0], motion)
    pairs = [
        [book.name(a, r), book.name(b, r)] for (a, b), r in _balanced(takes, listed, rng)
    ]  # fmt: skip
    checks = []
    order = list(shown)
    for i in rng.permutation(len(order))[: plan.checks]:
        system, r = order[int(i)]
        motion = shown[system, r]
        noise = rng.normal(0, SHAKEN * high, motion.shape).astype(np.float32)
        checks.append([book.name(system, r), book.add("", r, windows[r][0], motion + noise)])
    study = rng.bytes(8).hex()
    common = {"ratefront_study": STUDY_VERSION, "study": study}
    payload = {
        **common,
        "fps": fps,
        "step": step,
        "joints": len(first.joints),
        "parents": [int(p) for p in first.parents],
        "hands": _hands(first),
        "clips": dict(sorted(book.clips.items())),
        "sounds": [_heard(sounds.get(r), windows[r]) for r in listed],
        "pairs": [list(map(str, rng.permutation(pair))) for pair in pairs],
        "checks": [list(map(str, rng.permutation(pair))) for pair in checks],
        "asked": min(plan.pairs or len(pairs), len(pairs)),
        "repeats": plan.repeats,
    }
    key = {
        **common,
        "seed": plan.seed,
        "systems": list(takes),
        "clips": book.key,
        "checks": len(checks),
        "repeats": plan.repeats,
        "seconds": {r: seconds for r, (_, seconds) in windows.items()},
    }
    return Study(payload, key)


class _Book:
    """Clips under names that say nothing."""

    def __init__(self, rng: np.random.Generator, step: float, number: Mapping[str, int]) -> None:
        self.clips: dict[str, dict[str, Any]] = {}
        self.key: dict[str, dict[str, Any]] = {}
        self._rng, self._step, self._number = rng, step, number
        self._names: dict[tuple[str, str], str] = {}

    def add(self, system: str, recording: str, start: float, motion: np.ndarray) -> str:
        """Its name; `system` is "" for a clip that was spoiled."""
        name = self._rng.bytes(6).hex()
        self.clips[name] = {
            "frames": len(motion),
            "sound": self._number[recording],
            "motion": packed_motion(motion, self._step),
        }
        self.key[name] = {
            "system": system,
            "recording": recording,
            "start": start,
            "spoiled": not system,
        }
        if system:
            self._names[system, recording] = name
        return name

    def name(self, system: str, recording: str) -> str:
        return self._names[system, recording]


def _recordings(takes: Takes, plan: Plan, rng: np.random.Generator) -> list[str]:
    """Those that two systems have, so many of them, in any order."""
    counts: dict[str, int] = {}
    for own in takes.values():
        for recording in own:
            counts[recording] = counts.get(recording, 0) + 1
    both = sorted(r for r, n in counts.items() if n > 1)
    if not both:
        raise BadInput(
            "no recording is there by two systems: names differ; a file is called as its recording"
        )
    return [both[int(i)] for i in rng.permutation(len(both))[: plan.recordings or None]]


def _window(
    recording: str, takes: Takes, sounds: Mapping[str, Sound], plan: Plan, rng: np.random.Generator
) -> tuple[float, float]:
    """Start and length in seconds of what is shown of a recording, alike for all systems."""
    each = [own[recording].seconds for own in takes.values() if recording in own]
    if recording in sounds:
        each.append(sounds[recording].seconds)
    there = min(each)
    if there < LEAST_SECONDS:
        raise BadInput(
            f"{recording}: {there:.2f} s are there by all systems, and {LEAST_SECONDS:g} s are "
            "needed; leave the recording out"
        )
    seconds = min(plan.seconds, there)
    return float(rng.uniform(0, there - seconds)), seconds


def _balanced(
    takes: Takes, listed: list[str], rng: np.random.Generator
) -> list[tuple[tuple[str, str], str]]:
    """All pairs of systems on all recordings, pairs of systems taking turns."""
    queues = []
    for a, b in itertools.combinations(takes, 2):
        there = [r for r in listed if r in takes[a] and r in takes[b]]
        queues.append([((a, b), there[int(i)]) for i in rng.permutation(len(there))])
    found: list[tuple[tuple[str, str], str]] = []
    for turn in itertools.zip_longest(*queues):
        one = [pair for pair in turn if pair is not None]
        found += [one[int(i)] for i in rng.permutation(len(one))]
    return found


def _hands(take: Take) -> list[list[int]]:
    """Joints of each hand, where fingers are there: what hangs on a wrist, and the wrist."""
    found = []
    for i, name in enumerate(take.joints):
        if not name.lower().endswith(("wrist", "hand")):
            continue
        below = [j for j in range(len(take.joints)) if _under(take, j, i)]
        if len(below) > 5:
            found.append([i, *below])
    return found


def _under(take: Take, joint: int, top: int) -> bool:
    above = int(take.parents[joint])
    while above >= 0 and above != top:
        above = int(take.parents[above])
    return above == top


def _heard(sound: Sound | None, window: tuple[float, float]) -> str:
    """A WAV as a data URI; "" where nothing is heard."""
    if sound is None:
        return ""
    first = round(window[0] * sound.sample_rate)
    stop = first + round(window[1] * sound.sample_rate)
    return wav_uri(sound.samples[first:stop], sound.sample_rate)
