"""The benchmark of files on a codec that is made in a moment: motion, steps and headline."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from search_spaces.families import complete
from tests.conftest import ROOT
from tests.trainables.tiny import make_clip, make_clips, spec
from trainables.exported.codec_folder import ExportedCodec, load_exported, save_exported
from trainables.motion.dataset import prepare
from trainables.motion.readers import read_clip
from trainables.runtime import PlainRuntime
from trainables.token_rates import fit_token_models
from trainables.trial import TrialTask, make_codecs


@pytest.fixture
def bitstream(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import bitstream as module

    return module


@pytest.fixture
def codec_folder(tmp_path: Path) -> Path:
    data = prepare(spec(root="coded"), make_clips())
    config = complete({"codec": "kmeans", "codebook_size": 8})
    codecs = make_codecs(TrialTask("t", config, 0, None), data)
    for part, codec in codecs.items():
        codec.fit(data.parts[part], PlainRuntime())
    models = fit_token_models(codecs, data)
    depths = dict.fromkeys(codecs, 1)
    exported = ExportedCodec(data.preparation, codecs, depths, models, data.facts, {})
    save_exported(exported, tmp_path / "codec", page="")
    return tmp_path / "codec"


def test_motion_is_as_long_as_asked_for_and_does_not_repeat(bitstream: ModuleType) -> None:
    clip = bitstream.joined_motion(1)
    assert clip.frames == 60 * clip.fps and clip.rotations is not None
    poses = clip.rotations.reshape(clip.frames, -1)
    half = clip.frames // 2
    assert np.abs(poses[half:] - poses[:half]).max(axis=1).min() > 1e-3
    bones = np.linalg.norm(clip.positions[:, 1] - clip.positions[:, 0], axis=-1)
    assert np.ptp(bones) < 1e-9, "one body, whoever signs"


def test_steps_make_their_files_and_say_what_they_took(
    bitstream: ModuleType, codec_folder: Path, tmp_path: Path
) -> None:
    from bitstream_steps.steps import STEPS

    motion = tmp_path / "motion.npz"
    clip = make_clip("motion", 9, frames=120)
    bitstream.save_motion(clip, motion)
    given = clip.positions.nbytes + (0 if clip.rotations is None else clip.rotations.nbytes)
    codec = load_exported(codec_folder)
    rows = {step: STEPS[step](codec, motion) for step in bitstream.STEPS}
    assert all(row["seconds"] > 0 and row["base_mib"] > 1 for row in rows.values())
    assert rows["encode"]["given_mib"] == rows["read"]["given_mib"] == given / 2**20
    assert rows["tokens"]["bytes"] == motion.with_suffix(".rft").stat().st_size
    assert rows["tokens"]["tokens"] == 120 * (len(codec.codecs) + 4)
    again = read_clip(motion.with_suffix(".out.bvh"))
    assert again.frames == clip.frames and again.fps == clip.fps


def test_a_step_in_a_process_of_its_own(
    bitstream: ModuleType, codec_folder: Path, tmp_path: Path
) -> None:
    motion = tmp_path / "motion.npz"
    bitstream.save_motion(make_clip("motion", 9), motion)
    row = bitstream.in_process("minute", codec_folder, motion)
    assert set(row) == {"loaded", "encode_cold", "decode_cold", "encode_warm", "decode_warm"}
    assert all(0 < seconds < 60 for seconds in row.values())
    with pytest.raises(SystemExit, match="encode of nothing failed"):
        bitstream.in_process("encode", tmp_path / "nothing", motion)


def test_the_headline_is_the_worst_of_all_codecs(bitstream: ModuleType) -> None:
    way = ("order0_encode_us", "order0_decode_us", "order1_encode_us", "order1_decode_us")
    times = [dict(zip(way, us, strict=True)) for us in ((0.1, 0.3, 5, 2), (0.2, 0.1, 1, 9))]
    a_minute = [
        {"encode_cold": c, "encode_warm": c / 2, "decode_cold": 0.1, "decode_warm": 0.1}
        for c in (0.6, 0.4)
    ]
    grown = [
        {"codec": codec, "step": step, "minutes": m, "seconds": s, "rest_mib": m * 2.0}
        for codec, slow in (("one", 60.0), ("two", 90.0))
        for step in bitstream.STEPS
        for m, s in ((1, 1.0), (60, slow))
    ]
    worst = bitstream.headline(times, a_minute, grown)
    assert worst["order0_us"] == 0.3 and worst["order1_us"] == 9
    assert worst["minute_encode_cold"] == 0.6 and worst["minute_encode_warm"] == 0.3
    assert worst["longest_decode_rest_mib"] == 120 and worst["growth_decode"] == 1.5


def test_tokens_that_do_not_come_back_stop_it(
    bitstream: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = np.arange(64)[:, None] % 8
    model = bitstream.TokenModel.fit([tokens], (8,), 1)
    assert min(bitstream.coding_seconds(model, tokens)) > 0
    monkeypatch.setattr(bitstream.TokenModel, "decode_level", lambda *_: np.zeros(64, np.int32))
    with pytest.raises(SystemExit, match="did not come back"):
        bitstream.coding_seconds(model, tokens)
