"""`evaluate`: a sweep's own test recordings give its own numbers; nothing is ever overwritten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.evaluations import read_evaluations
from analysis.findings import Findings
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.report import render
from cluster.cli import main
from search_spaces import objectives
from search_spaces.record import (
    CLIPS_TABLE,
    CODEC_FOLDER,
    EVALUATIONS_FOLDER,
    POINTS_TABLE,
    RECONSTRUCTIONS_FILE,
    TRIALS_FOLDER,
)
from search_spaces.spec import DataSpec
from tests.cluster.codec_sweeps import Swept, shared_sweeps
from tests.cluster.refusing import Refused
from tests.trainables.exported.training import write_recordings
from tests.trainables.tiny import make_clip
from trainables.metrics import clip_pair
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.npz import write_npz
from trainables.motion.recordings import data_hash, load_clips

PEAK = """
import numpy as np
from search_spaces.objectives import Direction, Metric, Scope
from trainables.metrics.clip_pair import clip_metric

PEAK_GAP = Metric("peak_gap", "cm", Direction.MIN, Scope.POSE, source="a test", title="peak gap")


@clip_metric(PEAK_GAP)
def peak_gap(pair, scope):
    joints = slice(None) if scope == "full" else pair.parts[scope]
    apart = pair.original[:, joints] - pair.reconstruction[:, joints]
    return 100.0 * float(np.linalg.norm(apart, axis=-1).max())
"""

Sweeps = dict[str, Swept]


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Sweeps:
    """With the root removed, of every codec; and with it coded."""
    return shared_sweeps(tmp_path_factory.getbasetemp())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Path]:
    """Evaluates; gives the folder that was written."""

    def ran(*arguments: object) -> Path:
        capsys.readouterr()
        code = main(["evaluate", *map(str, arguments)])
        printed = capsys.readouterr()
        assert code == 0 and printed.err == "", printed
        return Path(printed.out.rpartition("evaluation: ")[2].replace("\n", "").strip())

    return ran


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but its evaluations."""
    found = [p for p in folder.rglob("*") if p.is_file() and EVALUATIONS_FOLDER not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


def points(place: Path) -> pd.DataFrame:
    return pd.read_parquet(place / POINTS_TABLE).set_index("point")


@pytest.mark.parametrize("root", ["removed", "coded"])
def test_a_sweeps_own_test_recordings_give_its_test_columns(
    root: str, sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path
) -> None:
    """To the bit, for codecs of frames and of time alike: recordings are coded whole.

    Nominal rates have no split: of a codec in time they count the padded tails of all the motion
    that is known, and so differ a little.
    """
    swept = sweeps[root]
    before = files(swept.folder)
    motion = swept.test_recordings(tmp_path / "test")
    place = run(swept.folder, "--data", motion, "--points", "all")
    assert place.parent == swept.folder / EVALUATIONS_FOLDER
    found, known = points(place), swept.points.set_index("point")
    assert set(found.index) == set(known.index)
    assert {"kmeans", "rqvae", "temporal_rvq"} >= set(found["codec"])
    measured = [c for c in known.columns if c.startswith("test_")]
    assert len(measured) > 20
    for column in measured:
        assert np.array_equal(found[column], known.loc[found.index, column], equal_nan=True), column
    nominal = found["rate_nominal_bps"] / known.loc[found.index, "rate_nominal_bps"]
    in_time = found["codec"] == "temporal_rvq"
    assert (nominal[~in_time] == 1).all() and (abs(nominal - 1) < 0.05).all()
    for column in ("depth", "levels", "codebook_size", "root", "fps"):
        assert (found[column] == known.loc[found.index, column]).all(), column
    clips = pd.read_parquet(place / CLIPS_TABLE)
    theirs = pd.read_parquet(swept.folder / CLIPS_TABLE)
    theirs = theirs[theirs["split"] == "test"]
    keys = ["point", "recording", "metric"]
    one, two = (t.set_index(keys)["value"].sort_index() for t in (clips, theirs))
    assert one.equals(two)
    assert files(swept.folder) == before  # byte for byte
    about = json.loads((place / "evaluation.json").read_text())
    assert about["id"] == place.name and about["split"] == "all"
    read, _ = load_clips(DataSpec(path=str(motion)))
    assert about["data_hash"] == data_hash(read) == found["data_hash"].unique()
    assert about["recordings"] == [c.recording for c in read]
    assert set(found["evaluation"]) == set(clips["evaluation"]) == {place.name}


def test_an_exported_codec_gives_the_same(
    sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path
) -> None:
    """Exported as it was scored, at either depth; with a root, the root's error is in it."""
    swept = sweeps["removed"]
    motion = swept.test_recordings(tmp_path / "test")
    known = swept.points.set_index("point")
    trial = swept.trial("rqvae")
    for depth in (1, 2):
        codec = tmp_path / f"codec-{depth}"
        export = ("export", swept.folder, "--trial", trial, "--depth", depth, "-o", codec)
        assert main([*map(str, export), "--root", "removed"]) == 0
        before = files(codec)
        found = points(run(codec, "--data", motion))
        ((point, row),) = found.iterrows()
        assert point == f"{trial}-d{depth}" and row["trial"] == trial
        for column in known.columns:
            if column.startswith("test_"):
                same = np.array_equal(row[column], known.loc[point, column], equal_nan=True)
                assert same, column
        assert files(codec) == before
        assert main(["encode", str(codec), str(motion), "-o", str(tmp_path / "x")]) == 0
    whole = tmp_path / "whole"
    assert main(["export", str(swept.folder), "--trial", trial, "-o", str(whole)]) == 0
    row = points(run(whole, "--data", motion)).iloc[0]
    assert row["root"] == "coded" and row["test_rate_model_root_bps"] > 0
    assert row["test_rmse_full_cm"] != known.loc[f"{trial}-d2", "test_rmse_full_cm"]
    assert row["test_rmse_hands_cm"] == pytest.approx(
        known.loc[f"{trial}-d2", "test_rmse_hands_cm"], rel=1e-5
    )  # which is relative to the wrists


def test_a_second_evaluation_stands_beside_the_first(
    sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path
) -> None:
    swept = sweeps["coded"]
    motion = write_recordings(tmp_path / "other", 2)
    first = run(swept.folder, "--data", motion)
    kept = {p.name: p.read_bytes() for p in first.iterdir()}
    second = run(swept.folder, "--data", motion)
    third = run(swept.folder, "--data", motion / "take-0.bvh")
    assert len({first, second, third}) == 3
    assert {p.name: p.read_bytes() for p in first.iterdir()} == kept
    same = [c for c in points(first).columns if c != "evaluation"]
    assert points(first)[same].equals(points(second)[same])
    assert points(first)["data_hash"].iloc[0] != points(third)["data_hash"].iloc[0]


def test_the_front_or_all_points(sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path) -> None:
    swept = sweeps["removed"]
    motion = write_recordings(tmp_path / "other", 1)
    every = points(run(swept.folder, "--data", motion, "--points", "all"))
    front = points(run(swept.folder, "--data", motion))
    assert set(every.index) == set(swept.points["point"])
    values = swept.points.set_index("point")[["rate_nominal_bps", "val_rmse_full_cm"]]
    kept = [p for p, v in values.iterrows()
            if not ((values <= v).all(axis=1) & (values < v).any(axis=1)).any()]  # fmt: skip
    assert set(front.index) == set(kept) < set(every.index)


def test_a_new_metric_of_a_plugin(
    sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (clip_pair, objectives):  # the metric goes with the test
        monkeypatch.setattr(module, "_REGISTRY", dict(module._REGISTRY))
    swept = sweeps["removed"]
    motion = swept.test_recordings(tmp_path / "test")
    (tmp_path / "peak_gap.py").write_text(PEAK)
    place = run(swept.folder, "--data", motion, "--points", "all", "--plugin",
                tmp_path / "peak_gap.py", "--metric", "peak_gap_full_cm", "--metric",
                "rmse_full_cm")  # fmt: skip
    found, known = points(place), swept.points.set_index("point")
    (clip,) = swept.data.splits["test"]
    deepest = found[found["depth"] == found["levels"]]  # a trial keeps the motion of these
    assert len(deepest) == 3
    for _, row in deepest.iterrows():
        stored = np.load(swept.folder / TRIALS_FOLDER / row["trial"] / RECONSTRUCTIONS_FILE)
        rebuilt = stored[f"{clip.recording}/depth{row['depth']}"]
        gap = 100 * np.linalg.norm(clip.original - rebuilt, axis=-1).max()
        assert row["test_peak_gap_full_cm"] == pytest.approx(gap, rel=1e-4)
    assert (found["test_rmse_full_cm"] == known.loc[found.index, "test_rmse_full_cm"]).all()
    assert "test_mpjpe_full_cm" not in found and "test_rate_stream_bps" in found
    clips = pd.read_parquet(place / CLIPS_TABLE)
    assert set(clips["metric"]) == {"peak_gap_full_cm", "rmse_full_cm"}
    assert "test_peak_gap_full_cm" not in known


def test_the_report_shows_evaluations(
    sweeps: Sweeps, run: Callable[..., Path], tmp_path: Path
) -> None:
    swept = sweeps["coded"]
    motion = write_recordings(tmp_path / "elsewhere", 3)
    place = run(swept.folder, "--data", motion)
    page = render(Findings(read_log(swept.folder), write_tables(swept.folder)))
    assert place.name in page and "elsewhere" in page
    read = read_evaluations(swept.folder)
    assert read.damaged == () and place.name in {e.facts.id for e in read.read}
    known = swept.points["test_rmse_full_cm"].iloc[0]
    value = points(place)["test_rmse_full_cm"].iloc[0]
    section = page[page.index('id="evaluations"') :]
    section = section[: section.index("</section>")]
    assert place.name in section and f"{value:.4g}"[:4] in section and f"{known:.4g}"[:4] in section


def test_what_cannot_be_evaluated(sweeps: Sweeps, refused: Refused, tmp_path: Path) -> None:
    swept = sweeps["removed"]
    folder, before = swept.folder, files(swept.folder)
    evaluations = sorted((folder / EVALUATIONS_FOLDER).glob("*"))
    motion = write_recordings(tmp_path / "motion", 2)
    empty = tmp_path / "empty"
    empty.mkdir()
    clip = make_clip("take", 0, 9)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    write_bvh(clip, mixed / "a.bvh")
    write_npz(type(clip)("b", clip.skeleton, clip.fps, clip.positions), mixed / "b.npz")
    for arguments, words in (
        ((folder, "--data", tmp_path / "none"), ("none", "no such")),
        ((folder, "--data", empty), (empty, "no recordings")),
        ((folder, "--data", mixed), ("b: holds positions only",)),
        ((folder, "--data", motion, "--points", "best"), ("best", "front or all")),
        ((folder, "--data", motion, "--metric", "beauty"), ("beauty",)),
        ((folder, "--data", motion, "--metric", "rmse_tail_cm"), ("rmse_tail_cm",)),
        ((empty, "--data", motion), (empty,)),
        ((motion / "take-0.bvh", "--data", motion), ("take-0.bvh",)),
        ((folder,), ("--data",)),
    ):
        refused("evaluate", *arguments, words=words)
    assert files(folder) == before
    assert sorted((folder / EVALUATIONS_FOLDER).glob("*")) == evaluations


def test_points_whose_codec_was_not_kept(sweeps: Sweeps, refused: Refused, tmp_path: Path) -> None:
    other = tmp_path / "sweep"
    shutil.copytree(sweeps["coded"].folder, other)
    (trial,) = (other / TRIALS_FOLDER).iterdir()
    shutil.rmtree(trial / CODEC_FOLDER)
    motion = write_recordings(tmp_path / "motion", 1)
    refused("evaluate", other, "--data", motion, words=(trial, "not kept"))
