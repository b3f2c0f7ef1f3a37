"""Motion from speech: trials of every system, the control, resume, 60 s, and encoders."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.inputs import Resolved, codec_of, folder_hash
from search_spaces.record import CODEC_FOLDER, SHOWN_FILE, TRIAL_CLIPS_FILE
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from search_spaces.speech_families import feature_codec
from tests.trainables.speech.tiny_encoders import tiny_bert, tiny_wav2vec2
from trainables.codecs.codec import load_codec
from trainables.generators.speech_codes import codes_of, drawn_codes
from trainables.generators.speech_retrieval import Retrieval, faded
from trainables.generators.speech_to_codes import SpeechToCodes, SpeechTraining
from trainables.motion.dataset import prepare
from trainables.runtime import PlainRuntime
from trainables.speech.inputs import SpeechReader, SpeechTokens
from trainables.speech.spoken_data import SpokenMotion, with_speech
from trainables.speech.synthetic import embedded_speaking_clips
from trainables.trial import TrialTask, run_trial

SMALL: Config = {
    "codec": "speech_to_codes", "conditioning": "eg_vqvae", "codebook_size": 16,
    "compression": 4, "hidden_dim": 16, "latent_dim": 8, "max_steps": 8, "batch_frames": 128,
    "window": 32, "speech.width": 16, "speech.heads": 2, "speech.layers": 1, "speech.window": 12,
    "speech.seed_tokens": 4, "speech.batch_tokens": 48, "speech.max_steps": 8, "speech.rounds": 4,
    "frechet.latent_dim": 1, "frechet.hidden_dim": 8, "frechet.max_steps": 4,
    "frechet.compression": 4, "speech.label_noise": True,
}  # fmt: skip


def config(**settings: Any) -> Config:
    return family_of(SMALL).complete({**SMALL, **settings})


def speech_settings(**settings: Any) -> Config:
    return {f"speech.{name}": value for name, value in settings.items()}


class Dies(PlainRuntime):
    """A place whose process ends at the n-th report."""

    def __init__(self, checkpoints: Path, at: int) -> None:
        super().__init__(checkpoints=checkpoints)
        self._left = at

    def report(self, metrics: Mapping[str, Any]) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        super().report(metrics)


@pytest.fixture(scope="module")
def data() -> SpokenMotion:
    spec = DataSpec(path="embedded:speaking", fps=15, embedded_size="debug", features="expmap")
    return with_speech(prepare(spec, embedded_speaking_clips("debug")[:20]), spec)


@pytest.fixture(scope="module")
def inputs(data: SpokenMotion, tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    """The codec and the feature autoencoder of a trial that trains neither."""
    places = []
    wanted = feature_codec(config())
    assert wanted is not None
    for asked in (codec_of(config()), wanted):
        task = TrialTask("a", asked, 0, tmp_path_factory.mktemp("input"))
        run_trial(task, data, PlainRuntime())
        assert task.folder is not None
        place = task.folder / CODEC_FOLDER
        places.append((str(place), folder_hash(place), task.trial))
    return Resolved(*places[0], features=places[1])


def alone(inputs: Resolved) -> Resolved:
    """What a joint trial is given."""
    return Resolved("", "", features=inputs.features)


def ran(
    data: SpokenMotion, given: Resolved | None, folder: Path | None = None, **settings: Any
) -> dict[str, Any]:
    task = TrialTask("a", config(**speech_settings(**settings)), 0, folder, input=given)
    (row,) = run_trial(task, data, PlainRuntime())
    return row


@pytest.fixture(scope="module")
def joint(data: SpokenMotion, inputs: Resolved, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("joint")
    return folder, ran(data, alone(inputs), folder)


def test_a_joint_trial_leaves_scores_and_its_codec(
    data: SpokenMotion, joint: tuple[Path, dict[str, Any]]
) -> None:
    folder, row = joint
    for name in (
        "val_accuracy_pct", "val_accuracy_shuffled_pct", "test_code_accuracy_body_pct",
        "val_beat_alignment_gesture_index", "val_beat_alignment_audio_original_index",
        "val_beat_alignment_gesture_shuffled_index", "val_utilisation_body_pct",
        "val_codec_rmse_full_cm", "test_rate_model_bps", "rate_nominal_bps",
    ):  # fmt: skip
        assert math.isfinite(row[name]), name
    assert not {n for n in row if n.startswith("val_rmse")}, "what is made reconstructs nothing"
    place = folder / "generator" / CODEC_FOLDER
    codecs = {p: load_codec(place / p) for p in data.facts.part_names}
    clip = data.splits["val"][0]
    codes = codes_of(codecs, dict(clip.features))
    assert codes.shape == (-(-clip.frames // 4), 3) and codes.max() < 16
    described = json.loads((folder / "generator" / "generator.json").read_text())
    assert described["config"]["speech.joint"] and described["words"]
    with np.load(folder / SHOWN_FILE) as kept:
        assert set(map(str, kept["recordings"])) <= set(data.facts.val.recordings)
    assert (folder / TRIAL_CLIPS_FILE).is_file()


def test_what_cannot_be_said_has_no_number(joint: tuple[Path, dict[str, Any]]) -> None:
    _, row = joint
    assert row["val_l1div_pairwise_half_n"] < row["val_l1div_pairwise_half_least_n"] == 40
    assert math.isnan(row["val_l1div_pairwise_half_cm"])
    assert math.isnan(row["val_l1div_frame_mean_original_cm"])
    # Three dimensions want thirty vectors, and three clips have so many.
    assert row["val_fid_least_n"] == 30 <= row["val_fid_n"]
    assert row["val_fid_squared"] > 0 and row["val_fid_bias_squared"] > 0
    named = [n for n in row if n.startswith("val_fid_") and n.endswith("_d3_squared")]
    assert [row[n] for n in named] == [row["val_fid_squared"]]


def test_a_joint_trial_goes_on_from_its_last_rounds(
    data: SpokenMotion, inputs: Resolved, joint: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    at = 2
    task = TrialTask("a", config(), 0, None, input=alone(inputs))
    with pytest.raises(KeyboardInterrupt):
        run_trial(task, data, Dies(tmp_path / "state", at))
    runtime = PlainRuntime(checkpoints=tmp_path / "state")
    (row,) = run_trial(task, data, runtime)
    assert [r["share"] for r in runtime.reports] == [*(0.25, 0.5, 0.75)[at:], 1.0]
    keep = [n for n in row if n.startswith(("val_", "test_"))]
    assert {n: row[n] for n in keep} == pytest.approx({n: joint[1][n] for n in keep}, nan_ok=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"network": "lstm", "audio_tcn": True, "text_tcn": True},
        {"reweighting": "exp", "text": "none", "temperature": 1.0},
        {"system": "regression"},
        {"system": "retrieval"},
    ],
)
def test_codes_of_a_codec_that_was_trained_before(
    data: SpokenMotion, inputs: Resolved, settings: dict[str, Any]
) -> None:
    row = ran(data, inputs, joint=False, **settings)
    assert (row["input_hash"], row["features_hash"]) == (inputs.sha256, inputs.features[1])
    assert math.isfinite(row["val_accuracy_pct"]) and math.isfinite(row["test_fid_squared"])
    assert (row["parameters"] == 0) == (settings.get("system") == "retrieval")


def test_a_codec_that_is_not_there(data: SpokenMotion, inputs: Resolved) -> None:
    with pytest.raises(BadInput, match="no codec is there"):
        ran(data, alone(inputs), joint=False)
    with pytest.raises(BadInput, match="was named"):
        ran(data, replace(inputs, sha256="0" * 16), joint=False)
    spec = DataSpec(path="embedded", embedded_size="debug")
    with pytest.raises(BadInput, match="has no speech"):
        with_speech(data, spec)


def test_labels_are_drawn_with_noise(data: SpokenMotion, inputs: Resolved) -> None:
    codec = load_codec(Path(inputs.place) / "body")
    features = data.splits["val"][0].features["body"]
    first, again = (
        drawn_codes(codec, features, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    nearest = codec.encode(features).indices
    assert first.shape == nearest.shape and (first == again).all() and (first != nearest).any()


# ---- what is learnt ---------------------------------------------------------------------------


def telling(tokens: int, seed: int) -> tuple[SpeechTokens, np.ndarray]:
    """Audio that says the code, and no words."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(16, size=(tokens, 1))
    audio = np.zeros((tokens, 256), np.float32)
    audio[np.arange(tokens), codes[:, 0]] = 1.0
    return SpeechTokens(audio, np.full((tokens, 4), -1, np.int64)), codes


@pytest.fixture(scope="module")
def learnt(data: SpokenMotion) -> SpeechToCodes:
    settings = speech_settings(
        text="none", max_steps=120, batch_tokens=240, learning_rate=0.01, dropout=0.0,
        seed_dropout=0.5,
    )  # fmt: skip
    whole = config(**settings)
    model = SpeechToCodes(whole, SpeechReader(whole, data, 4), [16], 1, 0)
    speech, codes = telling(600, 0)
    training = SpeechTraining(speech, codes, np.zeros((600, 0), np.float32), (200, 200, 200))
    halves = [model.fit(training, PlainRuntime(), share) for share in (0.5, 1.0)]
    assert halves[1]["accuracy"] > halves[0]["accuracy"]
    return model


def test_sixty_seconds_are_made_window_by_window(learnt: SpeechToCodes) -> None:
    """225 tokens at 3.75 a second: 19 windows of 12 tokens, each seeded with 4."""
    speech, codes = telling(225, 1)
    found = learnt.predict(speech, np.random.default_rng(0))
    assert found.shape == (225, 1)
    right = found == codes
    assert right.mean() > 0.9
    # The last seconds are no worse than the first: nothing drifts along the windows.
    assert right[-75:].mean() > right[:75].mean() - 0.1


def test_each_window_begins_with_the_end_of_the_one_before(
    learnt: SpeechToCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[np.ndarray, int]] = []
    model = learnt._model
    assert model is not None
    forward = model.forward

    def told(audio: Any, said: Any, seeds: Any, seeded: Any, missing: Any = None) -> Any:
        seen.append((seeds[0, seeded[0]].numpy().copy(), int(seeded.sum())))
        return forward(audio, said, seeds, seeded, missing)

    monkeypatch.setattr(model, "forward", told)
    found = learnt.predict(telling(30, 2)[0], np.random.default_rng(0))
    assert [n for _, n in seen] == [0, 4, 4, 4]
    assert (seen[1][0] == found[8:12]).all() and (seen[2][0] == found[16:20]).all()


def test_others_speech_lowers_accuracy(learnt: SpeechToCodes) -> None:
    speech, codes = telling(60, 3)
    other, _ = telling(48, 4)
    rng = np.random.default_rng(0)
    own = (learnt.predict(speech, rng) == codes).mean()
    strange = (learnt.predict(other.as_long_as(60), rng) == codes).mean()
    assert own > 0.9 and strange < 0.3


def test_weights_come_back_from_arrays(learnt: SpeechToCodes, data: SpokenMotion) -> None:
    again = SpeechToCodes(learnt.config, SpeechReader(learnt.config, data, 4), [16], 1, 5)
    again.load_arrays(learnt.arrays())
    speech, rng = telling(20, 6)[0], np.random.default_rng(0)
    assert (again.predict(speech, rng) == learnt.predict(speech, rng)).all()
    with pytest.raises(BadInput, match="do not fit"):
        SpeechToCodes(learnt.config, again.reader, [8], 1, 5).load_arrays(learnt.arrays())


def test_retrieval_finds_the_speech_that_it_knows() -> None:
    speech, _ = telling(40, 7)
    targets = np.arange(40, dtype=np.float32)[:, None]
    table = np.zeros((0, 0), np.float32)
    known = Retrieval(speech, (24, 16), targets, table, 4)
    part = SpeechTokens(speech.audio[8:16], speech.said[8:16])
    assert (known.predict(part)[:, 0] == np.arange(8, 16)).all()
    assert len(known.predict(SpeechTokens(speech.audio[:5], speech.said[:5]))) == 5


def test_seams_fade() -> None:
    motion = np.repeat([[0.0], [1.0]], 6, axis=0)
    found = faded(motion, 6, 3)[:, 0]
    assert (found[:6] == 0).all() and found[6:9] == pytest.approx([0.25, 0.5, 0.75])
    assert (found[9:] == 1).all()


# ---- encoders of a person's own folders -------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pytest.importorskip("transformers")
    audio, text = (tmp_path_factory.mktemp(n) for n in ("wav2vec2", "bert"))
    return {"audio": str(tiny_wav2vec2(audio)), "text": str(tiny_bert(text))}


@pytest.mark.parametrize("tuned", [False, True])
def test_wav2vec2_and_bert_from_a_folder(
    data: SpokenMotion, folders: dict[str, str], tuned: bool
) -> None:
    """Frozen, their weights are no part of the model; tuned, they are learnt."""
    whole = config(**speech_settings(
        audio="encoder", audio_weights=folders["audio"], audio_finetune=tuned,
        text="encoder", text_weights=folders["text"], text_finetune=tuned, max_steps=2,
        batch_tokens=12,
    ))  # fmt: skip
    few = replace(data, splits={s: c[:2] for s, c in data.splits.items()},
                  speech={c.recording: data.speech[c.recording]
                          for clips in data.splits.values() for c in clips[:2]})  # fmt: skip
    reader = SpeechReader(whole, few, 4)
    speech, lengths = reader.together("train")
    assert (speech.audio.shape[1] == reader.samples) == tuned
    model = SpeechToCodes(whole, reader, [4], 1, 0)
    before = model.arrays()
    encoders = [n for n in before if n.startswith(("text_model.", "audio_model."))]
    assert bool(encoders) == tuned
    codes = np.arange(len(speech))[:, None] % 4
    training = SpeechTraining(speech, codes, np.zeros((len(speech), 0), np.float32), lengths)
    assert math.isfinite(model.fit(training, PlainRuntime())["loss"])
    after = model.arrays()
    for head in ("text_model.", "audio_model.") if tuned else ():
        assert any((after[n] != before[n]).any() for n in encoders if n.startswith(head)), head
    assert model.predict(speech.as_long_as(20), np.random.default_rng(0)).shape == (20, 1)


def test_vectors_of_words_are_tuned(data: SpokenMotion, tmp_path: Path) -> None:
    words = sorted({w.text for s in data.speech.values() for w in s.words or ()})
    lines = [f"{len(words)} 3", *(f"{w} 1 0 {i}" for i, w in enumerate(words))]
    file = tmp_path / "some.vec"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = config(**speech_settings(text="vectors", text_weights=str(file), text_finetune=True))
    reader = SpeechReader(whole, data, 4)
    assert reader.table.shape == (len(words), 3)
    model = SpeechToCodes(whole, reader, [4], 1, 0)
    speech, lengths = reader.together("train")
    codes = np.arange(len(speech))[:, None] % 4
    model.fit(
        SpeechTraining(speech, codes, np.zeros((len(speech), 0), np.float32), lengths),
        PlainRuntime(),
    )
    said = np.unique(speech.said[speech.said >= 0])
    tuned = model.arrays()["tuned"]
    assert (tuned[said] != 0).any() and (np.delete(tuned, said, axis=0) == 0).all()
