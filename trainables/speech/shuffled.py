"""The control of every claim about speech: each motion with the audio of another recording.

What a model or a metric keeps of its score here, it did not get from speech.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.errors import BadInput
from trainables.speech.speech import Spoken, together


def partners(lengths: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """(recordings,) whose audio each motion is given: another's, of a like length, each used once.

    Recordings are ordered by length and cut into runs of about eight; within a run they go round in
    one random circle, so nobody keeps their own and little is cut off.

    Raises:
        BadInput: fewer than two recordings.
    """
    n = len(lengths)
    if n < 2:
        raise BadInput(f"audio cannot be shuffled among {n} recordings; give two or more")
    order = np.argsort(np.asarray(lengths), kind="stable")
    found = np.empty(n, np.int64)
    for run in np.array_split(order, max(1, n // 8)):
        circle = rng.permutation(run)
        found[circle] = np.roll(circle, 1)
    return found


def with_others_speech(spoken: Sequence[Spoken], rng: np.random.Generator) -> list[Spoken]:
    """Each clip with another's speech, cut to the shorter of both; the clips keep their order.

    Raises:
        BadInput: fewer than two recordings.
    """
    whose = partners([s.clip.seconds for s in spoken], rng)
    return [together(s.clip, spoken[i].speech) for s, i in zip(spoken, whose, strict=True)]
