"""What the synthetic speaker says: words of no language, in time, syllable by syllable.

Words are made of consonant and vowel syllables, one of them stressed; content words carry one of
`CONCEPTS` meanings, function words none. Phrases are parted by pauses, and in each most content
words are accented: louder, higher, longer on the stressed syllable. Everything is drawn from the
generators handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainables.speech.speech import Word

CONCEPTS = 12
"""Meanings of content words, each with a kind of gesture."""
CONTENT_WORDS, FUNCTION_WORDS = 180, 40
CONSONANTS = "ptkbdgmnslrv"
VOWELS = "aeiou"
NO_CONCEPT = -1
ACCENTED = 0.75
"""Share of content words whose stressed syllable is accented."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All words; the first axis is the word.

    Attributes:
        texts: as written.
        syllables: of each word, (consonant, vowel) of every syllable.
        stressed: (words,) which syllable is stressed.
        concept: (words,) 0..CONCEPTS-1, or `NO_CONCEPT` for function words.
        weights: (words,) how often each is said, summing to 1.
    """

    texts: tuple[str, ...]
    syllables: tuple[tuple[tuple[int, int], ...], ...]
    stressed: np.ndarray
    concept: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Voice:
    """How somebody sounds.

    Attributes:
        pitch: Hz of an unstressed syllable.
        span: share by which an accent raises it.
        tract: formants relative to a man's.
        pace: seconds of a plain syllable.
        loudness: of the whole.
    """

    pitch: float
    span: float
    tract: float
    pace: float
    loudness: float


@dataclass(frozen=True, eq=False)
class Script:
    """What is said in one recording; arrays have the syllable as first axis.

    Attributes:
        seconds: length of the recording.
        words: in time.
        start: (syllables,) seconds at which the consonant begins.
        onset: (syllables,) seconds at which the vowel begins: the beat of the syllable.
        end: (syllables,) seconds.
        consonant: (syllables,) index in `CONSONANTS`.
        vowel: (syllables,) index in `VOWELS`.
        stress: (syllables,) 0 unstressed, 0.5 stressed, 1 accented.
        concept: (syllables,) of its word.
        declination: (syllables,) share of its phrase that is over, 0 to 1.
    """

    seconds: float
    words: tuple[Word, ...]
    start: np.ndarray
    onset: np.ndarray
    end: np.ndarray
    consonant: np.ndarray
    vowel: np.ndarray
    stress: np.ndarray
    concept: np.ndarray
    declination: np.ndarray


def draw_vocabulary(rng: np.random.Generator) -> Vocabulary:
    """Words that all speakers share."""
    count = CONTENT_WORDS + FUNCTION_WORDS
    lengths = np.where(np.arange(count) < CONTENT_WORDS, rng.choice([2, 3, 4], count), 1)
    texts: list[str] = []
    syllables: list[tuple[tuple[int, int], ...]] = []
    for length in lengths.tolist():
        text = ""
        while not text or text in texts:
            drawn = tuple(
                (int(rng.integers(len(CONSONANTS))), int(rng.integers(len(VOWELS))))
                for _ in range(length)
            )
            text = "".join(CONSONANTS[c] + VOWELS[v] for c, v in drawn)
        texts.append(text)
        syllables.append(drawn)
    content = np.arange(count) < CONTENT_WORDS
    weights = rng.permutation((np.arange(CONTENT_WORDS) + 8.0) ** -0.9)
    weights = np.concatenate([weights / weights.sum(), np.full(FUNCTION_WORDS, 1 / FUNCTION_WORDS)])
    return Vocabulary(
        texts=tuple(texts),
        syllables=tuple(syllables),
        stressed=(rng.random(count) * np.minimum(lengths, 2)).astype(np.int64),
        concept=np.where(content, np.arange(count) % CONCEPTS, NO_CONCEPT),
        weights=np.where(content, 0.55, 0.45) * weights,
    )


def draw_voice(rng: np.random.Generator) -> Voice:
    """A speaker's voice."""
    high = rng.random() < 0.5
    return Voice(
        pitch=float(rng.uniform(165, 220) if high else rng.uniform(90, 130)),
        span=float(rng.uniform(0.2, 0.45)),
        tract=float(rng.uniform(1.1, 1.2) if high else rng.uniform(0.95, 1.05)),
        pace=float(rng.uniform(0.145, 0.19)),
        loudness=float(rng.uniform(0.7, 1.0)),
    )


def draw_script(
    rng: np.random.Generator, vocabulary: Vocabulary, voice: Voice, seconds: float
) -> Script:
    """What is said in so many seconds; the last word ends before they are over."""
    rows: list[tuple[float, ...]] = []
    words: list[Word] = []
    now, limit = float(rng.uniform(0.15, 0.6)), seconds - 0.1
    while now < limit:
        count = int(rng.integers(3, 9))
        said = rng.choice(len(vocabulary.texts), count, p=vocabulary.weights)
        for place, w in enumerate(said.tolist()):
            syllables, ends = _syllables(rng, vocabulary, voice, w, now, place == count - 1)
            if ends > limit:
                now = limit
                break
            rows += [(*row, place / count) for row in syllables]
            words.append(Word(vocabulary.texts[w], now, ends))
            now = ends
        else:
            now += 0.3 + min(float(rng.exponential(0.4)), 1.2)
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    start, onset, end, consonant, vowel, stress, concept, declination = table.T
    return Script(
        seconds, tuple(words), start, onset, end,
        consonant.astype(np.int64), vowel.astype(np.int64), stress,
        concept.astype(np.int64), declination,
    )  # fmt: skip


def _syllables(
    rng: np.random.Generator,
    vocabulary: Vocabulary,
    voice: Voice,
    word: int,
    now: float,
    last: bool,
) -> tuple[list[tuple[float, ...]], float]:
    """Rows of a word's syllables, and when it ends."""
    concept = int(vocabulary.concept[word])
    accented = concept != NO_CONCEPT and rng.random() < ACCENTED
    rows: list[tuple[float, ...]] = []
    for k, (consonant, vowel) in enumerate(vocabulary.syllables[word]):
        stress = 0.0
        if concept != NO_CONCEPT and k == vocabulary.stressed[word]:
            stress = 1.0 if accented else 0.5
        length = voice.pace * (1.0 + 0.45 * stress) * np.exp(rng.normal(0.0, 0.12))
        if last and k == len(vocabulary.syllables[word]) - 1:
            length *= 1.4
        onset = now + min(0.4 * length, float(rng.uniform(0.03, 0.07)))
        rows.append((now, onset, now + length, consonant, vowel, stress, concept))
        now += float(length)
    return rows, now
