"""A small study of made-up motion, and raters who answer it in known ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.user_study.answers import Key
from analysis.user_study.design import QUESTIONS, Plan, Study, design
from analysis.user_study.takes import Sound, Take

JOINTS = ("hips", "spine", "head", "left_wrist", *(f"left_{k}" for k in range(6)))
PARENTS = np.array([-1, 0, 1, 1, 3, 3, 3, 3, 3, 3])
NAMES = ("alpha_system", "beta_system", "real_people")


def take(rng: np.random.Generator, seconds: float = 4.0, fps: float = 15.0) -> Take:
    rest = rng.normal(size=(1, len(JOINTS), 3))
    steps = 0.02 * rng.normal(size=(int(seconds * fps), len(JOINTS), 3))
    return Take(fps, JOINTS, PARENTS, (rest + steps.cumsum(axis=0)).astype(np.float32))


def small_study(plan: Plan, recordings: int = 5) -> Study:
    rng = np.random.default_rng(3)
    takes = {name: {f"talk{i}": take(rng) for i in range(recordings)} for name in NAMES}
    rate = 16_000
    tone = np.sin(2 * np.pi * 220 * np.arange(4 * rate) / rate).astype(np.float32)
    sounds = {f"talk{i}": Sound(0.1 * tone, rate) for i in range(recordings)}
    return design(takes, sounds, plan)


def key_of(study: Study, folder: Path) -> Key:
    from analysis.user_study.answers import read_key

    path = folder / "study.key.json"
    path.write_text(json.dumps(study.key))
    return read_key(path)


Choose = Callable[[str, str, str], str]
"""(question, left, right) -> left or right."""


def answers(
    study: Study,
    rater: str,
    choose: Choose,
    rng: np.random.Generator,
    seconds: float = 8.0,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A file as the page saves it, of all pairs, all checks and the repeats."""
    pairs = [list(rng.permutation(p)) for p in (*study.payload["pairs"], *study.payload["checks"])]
    pairs = [pairs[int(i)] for i in rng.permutation(len(pairs))]
    real = [p for p in pairs if all(study.key["clips"][c]["system"] for c in p)]
    pairs += [p[::-1] for p in real[: study.payload["repeats"]]]
    told = [
        {"left": a, "right": b, **{q: choose(q, a, b) for q in QUESTIONS}, "seconds": seconds}
        for a, b in pairs
    ]
    return {"ratefront_study": 1, "study": study.key["study"], "rater": rater, "answers": told,
            **(extra or {})}  # fmt: skip


def attentive(study: Study, rng: np.random.Generator, favour: float) -> Choose:
    """Sees what is shaken, and takes the first system with some probability, for good."""
    minds: dict[frozenset[str], str] = {}
    clips = study.key["clips"]

    def choose(question: str, left: str, right: str) -> str:
        pair = frozenset((left, right))
        if pair not in minds:
            shaken = [c for c in (left, right) if clips[c]["spoiled"]]
            ours = [c for c in (left, right) if clips[c]["system"] == NAMES[0]]
            if shaken:
                minds[pair] = left if right in shaken else right
            elif ours and rng.random() < favour:
                minds[pair] = ours[0]
            else:
                minds[pair] = str(rng.permutation([c for c in (left, right) if c not in ours])[0])
        return "left" if minds[pair] == left else "right"

    return choose


def coin(rng: np.random.Generator) -> Choose:
    return lambda question, left, right: "left" if rng.random() < 0.5 else "right"
