"""Audio features against librosa, and words as vectors in time."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from trainables.speech.log_mel import at_frames, log_mel, mel_power
from trainables.speech.onsets import onset_strength, onsets
from trainables.speech.speech import Word
from trainables.speech.synthetic import embedded_speech
from trainables.speech.text import (
    hashed_vector,
    hashed_vectors,
    known_share,
    read_vectors,
    vectors_at_frames,
)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return next(islice(embedded_speech("debug"), 2, None)).samples


@pytest.mark.long  # librosa is compiled as it is first used
def test_log_mel_is_librosas(samples: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    theirs = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=512, hop_length=160, n_mels=64
    )
    ours = mel_power(samples)
    assert np.abs(ours - theirs.T).max() < 1e-5 * theirs.max()
    assert np.abs(log_mel(samples) - librosa.power_to_db(theirs).T).max() < 0.01


@pytest.mark.long
def test_onsets_are_librosas(samples: np.ndarray) -> None:
    librosa = pytest.importorskip("librosa")
    theirs = librosa.onset.onset_strength(y=samples, sr=16_000)
    assert np.allclose(onset_strength(samples, 16_000), theirs, atol=1e-4)
    times = librosa.onset.onset_detect(y=samples, sr=16_000, units="time")
    assert np.array_equal(np.round(onsets(samples, 16_000), 6), np.round(times, 6))


def test_rises_are_found_and_silence_has_none() -> None:
    steps = np.zeros(32_000)
    for second in (0.4, 0.9, 1.5):
        begin = round(second * 16_000)
        steps[begin : begin + 4000] = np.sin(np.arange(4000)) * np.linspace(1, 0, 4000)
    away = np.abs(np.subtract.outer(onsets(steps, 16_000, delta=0.2), [0.4, 0.9, 1.5]))
    assert away.min(axis=0).max() < 0.04 and away.min(axis=1).max() < 0.1
    assert not len(onsets(np.zeros(16_000), 16_000))
    assert not len(onsets(np.zeros(5), 16_000))


def test_a_tone_lies_in_its_band() -> None:
    tones = [np.sin(2 * np.pi * f * np.arange(16_000) / 16_000) for f in (200, 1000, 4000)]
    bands = [int(log_mel(t).mean(0).argmax()) for t in tones]
    assert bands == sorted(bands) and bands[0] < 8 < bands[1] < 40 < bands[2]


def test_features_at_frames() -> None:
    ramp = np.arange(100.0)[:, None]
    assert at_frames(ramp, 100.0, 15, 15.0)[3:12, 0] == pytest.approx(
        np.arange(3, 12) * 100 / 15, abs=0.5
    )
    assert at_frames(ramp, 5.0, 4, 15.0)[:, 0] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-5)
    assert at_frames(ramp, 100.0, 30, 15.0)[-1, 0] == 99.0  # past the end it is held
    # Every window counts once where there are several to a frame.
    assert at_frames(ramp, 100.0, 10, 10.0).sum() == pytest.approx(
        np.arange(95).sum() / 10, rel=0.01
    )
    with pytest.raises(ValueError, match="windows"):
        at_frames(np.zeros((0, 3)), 100.0, 4, 15.0)


def test_hashed_vectors_are_fixed_and_near_for_like_words() -> None:
    first = hashed_vector("running")
    assert np.linalg.norm(first) == pytest.approx(1.0)
    assert np.array_equal(first, hashed_vector(" Running "))
    # Pinned: a changed hash would make trained models read other words.
    assert np.sign(first[:8]).astype(int).tolist() == PINNED
    assert first @ hashed_vector("runner") > 0.25 > abs(first @ hashed_vector("table"))
    with pytest.raises(BadInput, match="1 to 512"):
        hashed_vector("a", 513)


PINNED = [-1, 1, -1, 1, 1, -1, -1, 1]


def test_vec_file(tmp_path: Path) -> None:
    path = tmp_path / "some.vec"
    path.write_text("3 2\nhouse 1 2\nHouse 3 4\ntree 5 6 \n")
    found = read_vectors(path, ["House", "HOUSE", "tree", "sea"])
    assert {k: v.tolist() for k, v in found.items()} == {
        "House": [3.0, 4.0], "HOUSE": [1.0, 2.0], "tree": [5.0, 6.0],
    }  # fmt: skip
    words = [Word("tree", 0, 1), Word("sea", 1, 2)]
    assert known_share(words, found) == 0.5
    for text, said in (("house 1 2\n", "first line"), ("1 3\nhouse 1 2\n", "line 2"),
                       ("1 2\nhouse 1 x\n", "line 2"), ("", "first line")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_vectors(path, ["house"])
    with pytest.raises(BadInput, match="cannot be read"):
        read_vectors(tmp_path / "none.vec", ["house"])


def test_words_stand_at_their_frames() -> None:
    words = [Word("a", 0.2, 0.5), Word("b", 0.5, 0.52), Word("unknown", 0.8, 1.0)]
    table = {k: v + 0 for k, v in hashed_vectors(["a", "b"], 4).items()}
    found = vectors_at_frames(words, table, 4, frames=12, fps=10.0)
    assert found.shape == (12, 5)
    assert found[:, 4].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]
    assert np.array_equal(found[3, :4], table["a"]) and np.array_equal(found[5, :4], table["b"])
    assert not found[8, :4].any() and not found[0].any()
