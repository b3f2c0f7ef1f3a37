"""Vectors of words, aligned in time.

Hashed vectors need no file: each word is the sum of its character n-grams, as in fastText
(https://arxiv.org/abs/1607.04606), and each n-gram a row of signs that its hash says, so words
that share stems or endings lie near each other and nothing of meaning is known. A person's own
`.vec` file (fastText, word2vec text) brings meaning.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.speech.speech import Word

DIMENSIONS = 64
NGRAMS = (3, 4, 5)
_MOST = 512
"""Bits of a hash: dimensions that hashed vectors may have."""


def hashed_vector(text: str, dimensions: int = DIMENSIONS) -> np.ndarray:
    """(dimensions,) float32 of length 1, the same on every machine and in every version.

    Raises:
        BadInput: dimensions below 1 or above 512.
    """
    if not 1 <= dimensions <= _MOST:
        raise BadInput(f"hashed word vectors have 1 to {_MOST} dimensions, got {dimensions}")
    word = f"<{text.strip().lower()}>"
    grams = {word[i : i + n] for n in NGRAMS for i in range(len(word) - n + 1)} | {word}
    total = np.zeros(dimensions)
    for gram in sorted(grams):
        bits = np.unpackbits(np.frombuffer(hashlib.blake2b(gram.encode()).digest(), np.uint8))
        total += 2.0 * bits[:dimensions] - 1.0
    length = np.linalg.norm(total)
    return np.asarray(total / length if length else total, dtype=np.float32)


def hashed_vectors(words: Collection[str], dimensions: int = DIMENSIONS) -> dict[str, np.ndarray]:
    """Word -> `hashed_vector`, each word once."""
    return {text: hashed_vector(text, dimensions) for text in dict.fromkeys(words)}


def read_vectors(path: Path, words: Collection[str]) -> dict[str, np.ndarray]:
    """Vectors of some words from a `.vec` file; words that it lacks are left out.

    A word is looked for as it is written, else in lower case. The file is read line by line, since
    the published ones hold millions of words.

    Args:
        path: text, "words dimensions" in the first line, then a word and its numbers in each.
        words: that are wanted.

    Returns:
        Word as asked for -> (dimensions,) float32.

    Raises:
        BadInput: missing, or no such file.
    """
    wanted: dict[str, list[str]] = {}
    for text in dict.fromkeys(words):
        for spelled in dict.fromkeys((text, text.lower())):
            wanted.setdefault(spelled, []).append(text)
    found: dict[str, np.ndarray] = {}
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            head = next(lines, "").split()
            if len(head) != 2 or not all(h.isdigit() for h in head) or int(head[1]) < 1:
                raise BadInput(
                    f"{path}: the first line must say how many words and dimensions there are, "
                    "as in '2000000 300'; name a .vec file of fastText"
                )
            for number, line in enumerate(lines, start=2):
                text, _, rest = line.rstrip("\n ").partition(" ")
                if text not in wanted:
                    continue
                vector = _vector(path, number, rest, int(head[1]))
                for asked in wanted[text]:
                    if asked == text or asked not in found:
                        found[asked] = vector
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); name a .vec file") from None
    return found


def _vector(path: Path, number: int, text: str, dimensions: int) -> np.ndarray:
    try:
        vector = np.array(text.split(), dtype=np.float32)
    except ValueError:
        vector = np.zeros(0, np.float32)
    if len(vector) != dimensions or not np.isfinite(vector).all():
        raise BadInput(f"{path}, line {number}: must hold a word and {dimensions} numbers")
    return vector


def vectors_at_frames(
    words: Sequence[Word],
    vectors: Mapping[str, np.ndarray],
    dimensions: int,
    frames: int,
    fps: float,
) -> np.ndarray:
    """At each frame the vector of the word that sounds then, and whether one does.

    Args:
        words: in time; of two that overlap the later one counts.
        vectors: of each text; zeros for a word that is not there.
        dimensions: of the vectors.
        frames: of the clip.
        fps: frames per second.

    Returns:
        (frames, dimensions + 1) float32: the vector, then 1 where a word sounds, else 0.
    """
    found = np.zeros((frames, dimensions + 1), np.float32)
    for word in words:
        # Frame i stands for the seconds nearer to it than to another; a short word has one too.
        first = min(max(0, math.ceil(word.start * fps - 0.5)), frames)
        last = min(max(first + 1, math.ceil(word.end * fps - 0.5)), frames)
        found[first:last, :-1] = vectors.get(word.text, 0.0)
        found[first:last, -1] = 1.0
    return found


def known_share(words: Sequence[Word], vectors: Mapping[str, np.ndarray]) -> float:
    """Share of spoken words that have a vector; NaN where none is spoken."""
    return sum(w.text in vectors for w in words) / len(words) if words else math.nan
