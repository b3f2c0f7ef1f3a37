"""wav2vec2, BERT and CLIP from a local folder: tiny ones of random weights, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput, Refused
from search_spaces.pretrained import weights_missing
from tests.trainables.speech.tiny_encoders import tiny_bert, tiny_clip, tiny_wav2vec2
from trainables.speech.encoders import AudioEncoder, TextEncoder
from trainables.speech.speech import Speech, Word

transformers = pytest.importorskip("transformers")
WORDS = [Word("so", 0.0, 0.4), Word("somewhat", 0.4, 1.0), Word("so", 1.2, 1.5)]


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_wav2vec2(tmp_path_factory.mktemp("wav2vec2"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def test_audio_features_stand_at_the_frames_of_the_clip(wav2vec2: Path) -> None:
    encode = AudioEncoder(wav2vec2)
    assert (encode.dimensions, encode.sample_rate) == (16, 16_000)
    rng = np.random.default_rng(0)
    for seconds, rate in ((3.0, 16_000), (3.0, 24_000), (41.03, 16_000), (0.02, 16_000)):
        speech = Speech("a", rng.normal(0, 0.1, round(seconds * rate)).astype(np.float32), rate)
        found = encode(speech, frames=round(15 * seconds) + 1, fps=15.0)
        assert found.shape == (round(15 * seconds) + 1, 16) and np.isfinite(found).all()
    loud = Speech(
        "a", np.r_[np.zeros(16_000), rng.normal(0, 0.3, 16_000)].astype(np.float32), 16_000
    )
    found = encode(loud, 30, 15.0)
    # What stands in the first second is of its silence: all alike, and not like the second.
    assert found[2:12].std(axis=0).mean() < 0.5 * found[17:27].std(axis=0).mean()


def test_audio_features_are_the_models_and_nothing_is_trained(wav2vec2: Path) -> None:
    import torch

    encode = AudioEncoder(wav2vec2)
    speech = Speech("a", np.random.default_rng(1).normal(0, 0.1, 32_000).astype(np.float32), 16_000)
    model = transformers.Wav2Vec2Model.from_pretrained(wav2vec2).eval()
    normed = (speech.samples - speech.samples.mean()) / np.sqrt(speech.samples.var() + 1e-7)
    with torch.no_grad():
        theirs = model(torch.from_numpy(normed)[None]).last_hidden_state[0].numpy()
    ours = encode(speech, 100, 50.0)
    assert np.abs(ours[10:90] - theirs[10:90]).max() < 0.2 * np.abs(theirs).max()
    assert np.corrcoef(ours[10:90].ravel(), theirs[10:90].ravel())[0, 1] > 0.95
    assert not any(p.requires_grad for p in encode.model.parameters())


def test_text_features_of_words_in_pieces_and_in_time(bert: Path) -> None:
    encode = TextEncoder(bert)
    found = encode(WORDS, 24, 15.0)
    assert found.shape == (24, 13)
    assert found[:, -1].tolist() == [1.0] * 15 + [0.0] * 3 + [1.0] * 4 + [0.0] * 2
    first, second, again = found[2, :-1], found[10, :-1], found[20, :-1]
    assert np.abs(first - second).max() > 0.01
    # In context: the same word elsewhere has another vector.
    assert np.abs(first - again).max() > 1e-4 and not found[16].any()
    assert encode([], 5, 15.0).tolist() == np.zeros((5, 13)).tolist()
    assert np.isfinite(encode(WORDS * 50, 24, 15.0)).all()


def test_clips_text_tower(tmp_path: Path) -> None:
    assert TextEncoder(tiny_clip(tmp_path))(WORDS, 24, 15.0).shape == (24, 9)


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_missing_weights_are_refused_with_the_way_to_get_them(
    tmp_path: Path, modality: str
) -> None:
    make = {"audio": AudioEncoder, "text": TextEncoder}[modality]
    for folder in ("", tmp_path / "none", tmp_path):
        with pytest.raises(Refused, match=r"^weights missing: .*hf download .* --local-dir"):
            make(folder)
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(Refused, match=r"lacks config\.json and model\.safetensors; .*pickle"):
        make(tmp_path)


def test_whole_folders_miss_nothing(wav2vec2: Path, bert: Path) -> None:
    assert weights_missing(wav2vec2, "audio") == weights_missing(bert, "text") == ""


def test_folders_of_something_else(tmp_path: Path, wav2vec2: Path, bert: Path) -> None:
    with pytest.raises(BadInput, match="is no model of waveforms"):
        AudioEncoder(bert)
    with pytest.raises(BadInput, match="is no model of text"):
        TextEncoder(wav2vec2)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(BadInput, match="cannot be read") as caught:
        TextEncoder(tmp_path)
    assert "\n" not in str(caught.value)
