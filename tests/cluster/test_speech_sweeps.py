"""Motion from speech in a sweep: what its trials wait for, and autoencoders from elsewhere."""

from __future__ import annotations

import copy
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.points import Tables
from analysis.user_study.takes import alike
from cluster.cli import main
from cluster.inputs import implied_codecs, implied_encoders, staged, take_in
from cluster.searchers.proposer import Proposal
from cluster.study_sources import read_systems
from search_spaces.errors import BadInput
from search_spaces.inputs import InputsSpec, awaited_of
from search_spaces.record import INPUTS_FOLDER, RECONSTRUCTIONS_FILE, TRIALS_FOLDER
from search_spaces.space import Config, Space
from search_spaces.spec import DataSpec, SearchSpec, SweepSpec, check_spec
from search_spaces.speech_families import FEATURES_INPUT
from tests.cluster.in_process import sweep_in_process
from tests.cluster.searchers.sweeping import Bench, some_facts, spec_of
from tests.trainables.speech.wav_files import write_pcm
from trainables.generators.trained_speech import load_speech_generator
from trainables.motion.dataset import prepare
from trainables.motion.readers import read_clip
from trainables.speech.speech import Speech
from trainables.speech.spoken_data import SpokenMotion, with_speech
from trainables.speech.synthetic import embedded_speaking_clips

SMALL: Config = {
    "codec": "speech_to_codes", "conditioning": "eg_vqvae", "codebook_size": 16,
    "hidden_dim": 16, "latent_dim": 8, "max_steps": 4, "batch_frames": 128, "window": 32,
    "speech.width": 16, "speech.heads": 2, "speech.layers": 1, "speech.window": 12,
    "speech.seed_tokens": 4, "speech.batch_tokens": 48, "speech.max_steps": 4, "speech.rounds": 2,
    "frechet.latent_dim": 1, "frechet.hidden_dim": 8, "frechet.max_steps": 2,
    "frechet.compression": 4,
}  # fmt: skip


def cells(*listed: Config, **fixed: Any) -> Space:
    return Space(cells=listed, fixed={**SMALL, **fixed})


BOTH = cells({"speech.joint": True}, {"speech.joint": False})


def bench(space: Space = BOTH, **search: Any) -> Bench:
    return Bench(spec_of(space, sampler="cells", **search), some_facts())


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_one_autoencoder_is_trained_for_all_seeds(at_a_time: int) -> None:
    made = bench(seeds=3)
    ended: list[str] = []

    def end(of: Bench, proposal: Proposal) -> None:
        assert {a.trial(proposal.seed) for a in awaited_of(proposal.config)} <= set(ended)
        ended.append(proposal.trial)
        of.finish(proposal)

    ran = made.run(at_a_time, end)
    named = [str(p.config["codec"]) for p in ran]
    assert (named.count("feature_autoencoder"), named.count("eg_vqvae")) == (1, 3)
    assert named.count("speech_to_codes") == 6 and len(ran) == made.proposer.budget == 10
    assert implied_codecs(made.proposer._spec) == implied_encoders(made.proposer._spec) == 1


def test_its_seed_is_its_own_whatever_seeds_a_sweep_has() -> None:
    ran = bench(cells({"frechet.seed": 9}), seeds=2, seed=4).run()
    seeds = [(str(p.config["codec"]), p.seed) for p in ran]
    assert seeds == [("feature_autoencoder", 9), ("speech_to_codes", 4), ("speech_to_codes", 5)]


def test_a_log_that_was_cut_anywhere_goes_on_to_the_same_trials() -> None:
    whole = bench(seeds=2)
    whole.run(2)
    wanted = {e["trial"] for e in whole.log if e["event"] == "done"}
    assert len(wanted) == 7
    for cut in range(len(whole.log)):
        again = bench(seeds=2)
        again.log = copy.deepcopy(whole.log[:cut])
        again.proposer.replay(copy.deepcopy(again.log))
        again.run(2)
        found = [e["trial"] for e in again.log if e["event"] == "done"]
        assert set(found) == wanted and len(found) == len(wanted), cut


def test_without_its_autoencoder_a_trial_is_refused() -> None:
    made = bench(cells({"speech.joint": True}))

    def end(of: Bench, proposal: Proposal) -> None:
        of.fail(proposal)

    assert [str(p.config["codec"]) for p in made.run(1, end)] == ["feature_autoencoder"]
    (refused,) = [e for e in made.log if e["event"] == "refused"]
    assert "feature_autoencoder" in refused["reason"] and "did not end well" in refused["reason"]


def test_missing_weights_stand_in_the_log_as_refused() -> None:
    made = bench(cells({"speech.text": "encoder"}, {"speech.text": "none"}, **{
        "frechet.measured": False}))  # fmt: skip
    assert len(made.run()) == 1
    (refused,) = [e for e in made.log if e["event"] == "refused"]
    assert refused["reason"].startswith("weights missing") and "hf download" in refused["reason"]


# ---- a real sweep ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> SpokenMotion:
    return with_speech(prepare(SPOKEN, embedded_speaking_clips("debug")[:20]), SPOKEN)


SPOKEN = DataSpec(path="embedded:speaking", fps=15, embedded_size="debug", features="expmap")


def sweep_of(space: Space, **more: Any) -> SweepSpec:
    return spec_of(space).model_copy(
        update={"search": SearchSpec(sampler="cells"), "data": SPOKEN,
                "objectives": ("rate_nominal_bps", "beat_alignment_gesture_error_index",
                               "fid_squared", "accuracy_pct"), **more}
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept(data: SpokenMotion, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    folder = tmp_path_factory.mktemp("speech") / "sweep"
    return folder, sweep_in_process(sweep_of(BOTH), data, folder)


def test_points_of_both(swept: tuple[Path, Tables]) -> None:
    _, tables = swept
    points = tables.points[~tables.points["is_prefix"].astype(bool)].set_index("codec")
    named = ["eg_vqvae", "feature_autoencoder", "speech_to_codes", "speech_to_codes"]
    assert sorted(points.index) == named
    made = points.loc["speech_to_codes"]
    assert made["features_hash"].nunique() == 1
    assert made["val_fid_squared"].notna().all() and made["val_accuracy_pct"].notna().all()
    frozen = made[~made["speech.joint"].astype(bool)].iloc[0]
    codec = points.loc["eg_vqvae"]
    assert frozen["val_codec_rmse_full_cm"] == pytest.approx(codec["val_rmse_full_cm"])
    assert frozen["val_utilisation_body_pct"] == pytest.approx(codec["val_utilisation_body_pct"])
    assert math.isnan(frozen["val_rmse_full_cm"])


def test_an_autoencoder_of_another_sweep(
    swept: tuple[Path, Tables], data: SpokenMotion, tmp_path: Path
) -> None:
    inputs = InputsSpec.model_validate({"features": {"sweep": str(swept[0])}})
    with staged(sweep_of(BOTH, inputs=inputs), data.facts) as (spec, place):
        found = spec.inputs.features
        assert found is not None and found.trial.startswith("feature_autoencoder-")
        take_in(spec, place, tmp_path)
        assert (tmp_path / INPUTS_FOLDER / found.sha256 / "body" / "codec.json").is_file()
        config = spec.configuration(spec.space.cells[0])
        assert config[FEATURES_INPUT] == found.sha256 and awaited_of(config) == ()
    exported = {"features": {"sweep": str(swept[0]), "choose": "codec=eg_vqvae"}}
    with (
        pytest.raises(BadInput, match=r"no finished codec|name one of"),
        staged(sweep_of(BOTH, inputs=InputsSpec.model_validate(exported)), data.facts),
    ):
        pass


# ---- models leave their sweep ----------------------------------------------------------------


@pytest.fixture(scope="module", params=["jointly", "in two stages"])
def exported(
    request: pytest.FixtureRequest,
    swept: tuple[Path, Tables],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """The folder of an exported model, and its trial."""
    folder, tables = swept
    points = tables.points[tables.points["codec"] == "speech_to_codes"]
    joint = points["speech.joint"].astype(bool)
    trial = str(points[joint == (request.param == "jointly")].iloc[0]["trial"])
    out = tmp_path_factory.mktemp("exported") / "model"
    assert main(["export", str(folder), "--trial", trial, "-o", str(out)]) == 0
    return out, trial


def test_an_exported_model_makes_what_its_trial_made(
    exported: tuple[Path, str], swept: tuple[Path, Tables], data: SpokenMotion
) -> None:
    out, trial = exported
    model, source = load_speech_generator(out), data.audio()
    clips = data.splits["test"]
    made = model.features({c.recording: source[c.recording] for c in clips})
    with np.load(swept[0] / TRIALS_FOLDER / trial / RECONSTRUCTIONS_FILE) as kept:
        for clip in clips:
            again = data.reconstruct(clip, made[clip.recording], clip.root_tokens)
            assert np.abs(again - kept[f"{clip.recording}/depth1"]).max() < 1e-5


def test_motion_of_ones_own_speech_of_any_length(
    exported: tuple[Path, str], data: SpokenMotion, tmp_path: Path
) -> None:
    out, _ = exported
    source = data.audio()
    names = [c.recording for c in data.splits["test"]][:3]
    long = replace(source[names[0]], samples=np.concatenate([source[n].samples for n in names] * 4))
    write_pcm(tmp_path / "talk.wav", long)
    (tmp_path / "talk.tsv").write_text("0.2\t0.6\thello\n0.7\t1.1\tunheard-of\n")
    arguments = ["generate", str(out), str(tmp_path / "talk.wav"), "-o", str(tmp_path / "made")]
    assert main([*arguments, "--audio"]) == 0
    clip = read_clip(tmp_path / "made" / "talk.bvh")
    assert abs(clip.seconds - long.seconds) < 0.1 and clip.seconds > 20
    assert clip.fps == pytest.approx(15, rel=1e-3)
    assert np.isfinite(clip.positions).all() and 0.5 < np.ptp(clip.positions[0, :, 1]) < 2.5
    wav = (tmp_path / "made" / "talk.wav").read_bytes()
    assert wav == (tmp_path / "talk.wav").read_bytes()
    (tmp_path / "made" / "talk.wav").unlink()
    # A model in a study is what it makes of the study's audio.
    takes = alike(read_systems([f"made={tmp_path / 'made'}", f"model={out}"], tmp_path).takes)
    a, b = (takes[system]["talk"] for system in ("made", "model"))
    assert len(a.joints) > 40 and len(a.positions) == len(b.positions)
    assert np.abs(a.positions - b.positions).max() < 2e-3
    # Silence has no words, and moves all the same.
    write_pcm(tmp_path / "silent.wav", replace(long, samples=np.zeros(16_000, np.float32)))
    assert (
        main(["generate", str(out), str(tmp_path / "silent.wav"), "-o", str(tmp_path / "s")]) == 0
    )
    assert read_clip(tmp_path / "s" / "silent.bvh").frames == 15


def test_folders_that_are_no_model(
    exported: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = exported
    write_pcm(tmp_path / "a.wav", Speech("a", np.zeros(16_000, np.float32), 16_000))
    bad = tmp_path / "bad"
    shutil.copytree(out, bad)
    (bad / "generator.safetensors").write_bytes(b"no")
    told = json.loads((bad / "generator.json").read_text())
    newer = tmp_path / "newer"
    shutil.copytree(out, newer)
    (newer / "generator.json").write_text(json.dumps({**told, "generator_version": 99}))
    for folder, fault in ((bad, "is damaged"), (newer, "use the release that wrote it"),
                          (tmp_path, "no model from speech")):  # fmt: skip
        code = main(["generate", str(folder), str(tmp_path / "a.wav"), "-o", str(tmp_path / "x")])
        line = capsys.readouterr().err
        assert code == 2 and fault in line and len(line.strip().splitlines()) == 1
        assert not (tmp_path / "x").exists()
    assert main(["generate", str(out), str(tmp_path / "nothing.wav")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_an_autoencoder_for_nobody() -> None:
    inputs = InputsSpec.model_validate({"features": {"sweep": "runs/a"}})
    with pytest.raises(BadInput, match="leave it out of this space"):
        check_spec(spec_of(Space(cells=({"codec": "kmeans", "codebook_size": 8},))).model_copy(
            update={"inputs": inputs, "search": SearchSpec(sampler="cells")}))  # fmt: skip
