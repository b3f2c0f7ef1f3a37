"""What motion made from speech is worth: against the real codes, the real motion, and the audio.

Every value of a corpus stands beside the real motion's own, as `<stem>_original_<unit>`, with its
n; below the least n there is none. The control gives each motion the speech of another recording:
what is left of a score then (`<stem>_shuffled_<unit>`), was not got from speech.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_spaces.speech_metrics import (
    ACCURACY,
    BALANCED_ACCURACY,
    BEAT_ALIGNMENT_AUDIO,
    BEAT_ALIGNMENT_GESTURE,
    FRECHET,
    MADE_UTILISATION,
    PART_ACCURACY,
)
from trainables.codecs.feature_autoencoder import MotionFeatures
from trainables.metrics.beat_alignment import BeatDirection, clip_alignment, corpus_alignment
from trainables.metrics.corpus_score import CorpusScore
from trainables.metrics.diversity import diversity_between, diversity_within
from trainables.metrics.frechet import frechet_score
from trainables.motion.preparation import SplitClip
from trainables.speech.spoken_data import SpokenMotion

DIRECTIONS: tuple[tuple[BeatDirection, str], ...] = (
    ("gesture", BEAT_ALIGNMENT_GESTURE.objective()),
    ("audio", BEAT_ALIGNMENT_AUDIO.objective()),
)
_HALVES = 5  # stream of random numbers


@dataclass(frozen=True, eq=False)
class Made:
    """Motion of one recording, made from speech.

    Attributes:
        codes: (tokens, heads) that were said, or that the codec gives the motion.
        features: part -> (frames, dimensions).
        positions: (frames, joints, 3) metres.
    """

    codes: np.ndarray
    features: Mapping[str, np.ndarray]
    positions: np.ndarray


@dataclass(eq=False)
class SpeechScores:
    """Scores of a split.

    Attributes:
        row: `<split>_<name>` -> value.
        clips: recording -> metric -> value.
    """

    row: dict[str, float]
    clips: dict[str, dict[str, float]] = field(default_factory=dict)


def score_made(
    data: SpokenMotion,
    split: str,
    made: Sequence[Made],
    shuffled: Sequence[Made],
    codes: Sequence[np.ndarray],
    heads: Mapping[str, Sequence[int]],
    sigma: float,
    encoder: MotionFeatures | None = None,
) -> SpeechScores:
    """Scores of the recordings of a split, in its order.

    Args:
        data: the prepared data.
        split: val or test.
        made: motion of every recording from its own speech.
        shuffled: from another's.
        codes: (tokens, heads) of the real motion.
        heads: part -> codes of each of its levels, in the order of the codes' columns.
        sigma: seconds, of beat alignment.
        encoder: features for Fréchet distances; none are taken without.
    """
    clips = data.splits[split]
    found = SpeechScores({}, {c.recording: {} for c in clips})
    for name, each in (("", made), ("shuffled", shuffled)):
        for stem, value in _accuracies(each, codes, heads, whole=not name).items():
            metric, _, unit = stem.rpartition("_")
            found.row["_".join(n for n in (split, metric, name, unit) if n)] = value
    for i, clip in enumerate(clips):
        found.clips[clip.recording][ACCURACY.objective()] = _right(made[i].codes, codes[i])
    _score_beats(found, data, split, made, shuffled, sigma)
    joints = data.scored["full"]
    real = [c.original[:, joints].astype(np.float64) for c in clips]
    own = [m.positions[:, joints] for m in made]
    for score in (diversity_between(own, real), diversity_within(own, real)):
        found.row.update(_said(score, split, score.metric.stem, score.metric.unit))
    if encoder is not None:
        found.row.update(_frechet(data, clips, split, made, encoder))
    return found


def _accuracies(
    made: Sequence[Made],
    codes: Sequence[np.ndarray],
    heads: Mapping[str, Sequence[int]],
    whole: bool,
) -> dict[str, float]:
    """Objective -> percent; the accuracy alone unless `whole`."""
    said, right = (np.concatenate(list(e)) for e in ([m.codes for m in made], codes))
    hits = said == right
    found = {ACCURACY.objective(): 100.0 * float(hits.mean())}
    if not whole:
        return found
    recalls, used, majority, first = [], [], [], 0
    for part, sizes in heads.items():
        own = slice(first, first + len(sizes))
        found[PART_ACCURACY.objective(part)] = 100.0 * float(hits[:, own].mean())
        for column, size in enumerate(sizes, start=first):
            counts = np.bincount(right[:, column], minlength=size)
            caught = np.bincount(right[hits[:, column], column], minlength=size)
            there = counts > 0
            recalls.append(float((caught[there] / counts[there]).mean()))
            majority.append(counts.max() / counts.sum())
            used.append(len(np.unique(said[:, column])) / size)
        first += len(sizes)
    found[BALANCED_ACCURACY.objective()] = 100.0 * float(np.mean(recalls))
    found[MADE_UTILISATION.objective()] = 100.0 * float(np.mean(used))
    # What saying each part's commonest code would get.
    found["accuracy_majority_pct"] = 100.0 * float(np.mean(majority))
    return found


def _right(said: np.ndarray, right: np.ndarray) -> float:
    return 100.0 * float((said == right).mean())


def _score_beats(
    found: SpeechScores,
    data: SpokenMotion,
    split: str,
    made: Sequence[Made],
    shuffled: Sequence[Made],
    sigma: float,
) -> None:
    clips = data.splits[split]
    wrists = list(data.wrists)
    for direction, name in DIRECTIONS:

        def aligned(
            clip: SplitClip, positions: np.ndarray, asked: BeatDirection = direction
        ) -> float:
            heard = data.speech[clip.recording].onsets
            return clip_alignment(positions[:, wrists], data.fps, heard, asked, sigma=sigma)

        own = [aligned(c, m.positions) for c, m in zip(clips, made, strict=True)]
        other = [aligned(c, m.positions) for c, m in zip(clips, shuffled, strict=True)]
        real = [aligned(c, c.original.astype(np.float64)) for c in clips]
        score = corpus_alignment(own, real, direction)
        stem, unit = score.metric.stem, score.metric.unit
        found.row.update(_said(score, split, stem, unit))
        control = corpus_alignment(other, real, direction)
        found.row[f"{split}_{stem}_shuffled_{unit}"] = control.value
        for clip, value, shuffled_value in zip(clips, own, other, strict=True):
            found.clips[clip.recording][name] = value
            found.clips[clip.recording][f"{stem}_shuffled_{unit}"] = shuffled_value


def _said(score: CorpusScore, split: str, stem: str, unit: str) -> dict[str, float]:
    """A value, the original's, how far they are apart, and the n and least n of both."""
    return {
        f"{split}_{stem}_{unit}": score.value,
        f"{split}_{stem}_original_{unit}": score.truth,
        f"{split}_{stem}_error_{unit}": abs(score.value - score.truth),
        f"{split}_{stem}_n": float(score.n),
        f"{split}_{stem}_least_n": float(score.least),
    }


def _frechet(
    data: SpokenMotion,
    clips: Sequence[SplitClip],
    split: str,
    made: Sequence[Made],
    encoder: MotionFeatures,
) -> dict[str, float]:
    ours = np.concatenate([encoder(m.features) for m in made])
    real = np.concatenate([encoder(c.features) for c in clips])
    score = frechet_score(ours, real, encoder.space, np.random.default_rng(_HALVES))
    unit = score.metric.unit
    row = _said(score, split, FRECHET.stem, unit)
    row.pop(f"{split}_{FRECHET.stem}_error_{unit}")
    row[f"{split}_{FRECHET.stem}_bias_{unit}"] = score.bias if score.can_be_said else math.nan
    row[f"{split}_{score.metric.objective()}"] = score.value
    return row
