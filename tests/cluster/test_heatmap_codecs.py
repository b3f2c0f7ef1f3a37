"""Codecs of heatmaps as a person takes them: best, export, encode, decode, evaluate, render."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.log import read_log
from analysis.media import asked_rate
from search_spaces.errors import BadInput
from search_spaces.heatmap_families import PART
from search_spaces.presets import load_spec
from search_spaces.record import CODEC_FOLDER, DRAWING_FILE, TRIALS_FOLDER
from tests.cluster.codec_sweeps import run_main
from tests.cluster.in_process import sweep_in_process
from tests.trainables.heatmaps.motion import waving
from trainables.exported.heatmap_folder import load_exported_heatmaps
from trainables.motion.npz import write_npz
from trainables.prepared_data import prepare_data

Run = Callable[..., tuple[int, str, str]]
SMALL = ("picture=16", "window=16", "stride=16", "max_steps=2", "latent_dim=4", "compression=4",
         "codebook_size=8", "adversarial=false", "heatmap=keypoints", "channels=each",
         "intensity=constant")  # fmt: skip
FRAMES = 40


@dataclass(frozen=True)
class Swept:
    folder: Path
    motion: Path
    trial: str


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """One VQ-GAN of keypoint maps, trained for two steps on five waving bodies."""
    place = tmp_path_factory.mktemp("heatmaps")
    motion = place / "motion"
    motion.mkdir()
    for name in "abcde":
        write_npz(waving(name, FRAMES), motion / f"{name}.npz")
    spec = load_spec(
        "vqgan/compression", size="debug", settings=SMALL, overrides={"data": {"path": str(motion)}}
    )
    tables = sweep_in_process(spec, prepare_data(spec.data, ["vqgan"]), place / "sweep")  # type: ignore[arg-type]
    return Swept(place / "sweep", motion, str(tables.points.trial[0]))


@pytest.fixture(scope="module")
def codec(swept: Swept) -> Path:
    place = swept.folder.parent / "codec"
    assert run_main("export", swept.folder, "--at", 1e6, "-o", place) == 0
    return place


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_main(*arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return ran


def test_best_answers_by_a_score_that_grows_and_names_the_export(swept: Swept, run: Run) -> None:
    code, said, _ = run("best", swept.folder, "--at", 1e6)
    assert code == 0 and "the highest foreground IoU at or under 1e+06 bits/s (nominal)" in said
    assert "first frame: Foreground IoU" in said and f"--trial {swept.trial}" in said
    code, _, error = run("best", swept.folder, "--under", 0.999)
    assert code == 1 and "at or above 0.999" in error


def test_rates_of_files_are_refused_for_what_writes_none(swept: Swept, run: Run) -> None:
    code, _, error = run("best", swept.folder, "--at", 300, "--rate", "stream")
    assert code == 2 and "write no entropy-coded files" in error and "--rate nominal" in error
    with pytest.raises(BadInput, match="--rate model"):
        asked_rate(read_log(swept.folder), "model")


def test_an_exported_codec_gives_the_tokens_of_its_trial(
    swept: Swept, codec: Path, run: Run, tmp_path: Path
) -> None:
    lines = tmp_path / "tokens.jsonl"
    code, said, _ = run("encode", codec, swept.motion, "-o", lines)
    assert code == 0 and "tokens of 8 codes" in said
    coded = {r["recording"]: r for r in map(json.loads, lines.read_text().splitlines())}
    assert set(coded) == set("abcde")
    # 40 frames are two windows, and a third that ends with them
    assert [w["start"] for w in coded["a"]["windows"]] == [0, 16, 24]
    stored = np.load(swept.folder / TRIALS_FOLDER / swept.trial / "tokens.npz")
    name = next(n for n in stored.files if n.endswith("@16"))
    recording = name.split("/")[-1].partition("@")[0]
    mine = np.array(coded[recording]["windows"][1]["tokens"]).reshape(stored[name].shape)
    assert (mine == stored[name]).all()


def test_tokens_become_heatmaps_and_the_skeleton_they_show(
    swept: Swept, codec: Path, run: Run, tmp_path: Path
) -> None:
    lines, out = tmp_path / "tokens.jsonl", tmp_path / "again.npz"
    assert run("encode", codec, swept.motion / "a.npz", "-o", lines)[0] == 0
    assert run("decode", codec, lines, "-o", out)[0] == 0
    found = np.load(out)
    assert found["heatmaps"].shape == (3, 1, 16, 16, 16) and found["heatmaps"].dtype == np.uint8
    joints = len(found["joints"])
    assert found["keypoints"].shape == (3, 1, 16, joints, 2)
    assert found["limbs"].max() < joints and list(found["starts"]) == [0, 16, 24]
    exported = load_exported_heatmaps(codec)
    window = json.loads(lines.read_text())["windows"][0]["tokens"]
    import torch

    maps = exported.codec.decode(torch.tensor(window).reshape(exported.grid)).clamp(0, 1)
    assert found["heatmaps"][0, 0] == pytest.approx(maps.amax(0).numpy() * 255, abs=0.51)


def test_what_is_no_use_of_such_a_codec_is_said_in_a_line(
    swept: Swept, codec: Path, run: Run, tmp_path: Path
) -> None:
    clip = swept.motion / "a.npz"
    for said, command in {
        "name the file to write *.jsonl": ("encode", codec, clip, "-o", tmp_path / "a.rft"),
        "encode motion first": ("decode", codec, clip, "-o", tmp_path / "b.npz"),
        "nothing of them is composed": (
            "export", swept.folder, "--composed", "--row", 1, "-o", tmp_path / "c"
        ),
        "is not defined on heatmaps": (
            "evaluate", codec, "--data", swept.motion, "--metric", "rmse_full_cm"
        ),
    }.items():  # fmt: skip
        code, _, error = run(*command)
        assert (code, said in error, error.count("\n")) == (2, True, 1), error


def test_motion_that_does_not_fit_is_named(codec: Path, run: Run, tmp_path: Path) -> None:
    write_npz(waving("short", 12), tmp_path / "short.npz")
    code, _, error = run("encode", codec, tmp_path / "short.npz", "-o", tmp_path / "x.jsonl")
    assert code == 2 and "has 12 frames at 30 fps, and this codec needs windows of 16" in error


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("codec", "00" * 8, "was encoded with the codec 0000000000000000"),
        ("frames", 10**9, "raise --max-seconds"),
        ("frames", 20, "windows outside its 20 frames"),
        ("windows", [{"start": 0, "tokens": [8] * 64}], "tokens outside 0 to 7"),
        ("windows", [{"start": 0, "tokens": [1]}], "is no recording of this codec"),
    ],
)
def test_lines_that_are_not_of_the_codec_are_refused(
    key: str, value: object, said: str, swept: Swept, codec: Path, run: Run, tmp_path: Path
) -> None:
    lines = tmp_path / "tokens.jsonl"
    run("encode", codec, swept.motion / "a.npz", "-o", lines)
    lines.write_text(json.dumps({**json.loads(lines.read_text()), key: value}) + "\n")
    code, _, error = run("decode", codec, lines, "-o", tmp_path / "x.npz")
    assert code == 2 and said in error and f"{lines}:1" in error


def test_a_changed_file_of_the_codec_is_refused(codec: Path, run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "codec"
    shutil.copytree(codec, copy)
    card = copy / "config.json"
    card.write_text(card.read_text().replace('"fps": 30', '"fps": 60'))
    code, _, error = run("decode", copy, tmp_path / "x.jsonl", "-o", tmp_path / "x.npz")
    assert code == 2
    (tmp_path / "x.jsonl").write_text("")
    code, _, error = run("decode", copy, tmp_path / "x.jsonl", "-o", tmp_path / "x.npz")
    assert code == 2 and "its SHA-256 differs" in error


def test_an_evaluation_stands_between_its_floors_and_overwrites_nothing(
    swept: Swept, codec: Path, run: Run
) -> None:
    for folder in (swept.folder, codec):
        code, said, _ = run("evaluate", folder, "--data", swept.motion)
        assert code == 0 and "motion: 5 recording(s)" in said
        place = next((folder / "evaluations").iterdir())
        row = pd.read_parquet(place / "points.parquet").iloc[0]
        assert row["test_floor_all_zero_iou_index"] == 0.0
        assert row["rate_nominal_bps"] == pytest.approx(64 * 3 * 30 / 16)
        clips = pd.read_parquet(place / "clips.parquet")
        iou = clips[clips["metric"] == "iou_index"]
        assert len(iou) == 15 and iou["value"].mean() == pytest.approx(row["test_iou_index"])


def test_a_window_is_drawn_with_its_skeleton(swept: Swept, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "w.gif"
    code, said, _ = run("render", swept.folder, "--at", 1e6, "--clip", "worst", "-o", out)
    assert code == 0 and "worst" in said
    with Image.open(out) as gif:
        assert gif.n_frames == 16
        colours = np.asarray(gif.convert("RGB")).reshape(-1, 3).astype(int)
    assert ((colours[:, 0] - colours[:, 2]) > 80).any()  # the skeleton's orange


def test_weights_that_were_removed_are_trained_again(swept: Swept, run: Run) -> None:
    place = swept.folder / TRIALS_FOLDER / swept.trial / CODEC_FOLDER
    before = (place / PART / "model.safetensors").read_bytes()
    shutil.rmtree(place)
    code, _, error = run("export", swept.folder, "--trial", swept.trial, "-o", place.parent / "no")
    assert code == 2 and f"ratefront rerun {swept.folder} --trial {swept.trial}" in error
    code, said, _ = run("rerun", swept.folder, "--trial", swept.trial)
    assert code == 0 and "as recorded, to the bit" in said
    assert (place / PART / "model.safetensors").read_bytes() == before
    assert (place / PART / DRAWING_FILE).is_file()


def test_sweeps_of_other_pictures_are_not_set_against_each_other(
    swept: Swept, run: Run, tmp_path: Path
) -> None:
    settings = [s for s in SMALL if not s.startswith("heatmap=")]
    spec = load_spec(
        "vqgan/compression", size="debug", settings=[*settings, "heatmap=limbs"],
        overrides={"data": {"path": str(swept.motion)}},
    )  # fmt: skip
    other = tmp_path / "limbs"
    sweep_in_process(spec, prepare_data(spec.data, ["vqgan"]), other)  # type: ignore[arg-type]
    code, said, _ = run("compare", swept.folder, other)
    assert code == 0 and "cannot be compared by their numbers: Not the same pictures" in said
    code, _, error = run("allocate", other)
    assert code == 2 and "heatmaps are one part" in error
