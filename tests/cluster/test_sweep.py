"""One real sweep on Ray from end to end, one that was interrupted, and what their folders hold."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.rates import ratio_column, share_column
from cluster.cli import main
from search_spaces.presets import load_spec
from search_spaces.record import (
    CLIP_COLUMNS,
    COST_COLUMNS,
    POINT_KEYS,
    STATUSES,
    TRIAL_COLUMNS,
)
from search_spaces.space import trial_id
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import SMALL, events, points, ratefront, trap
from trainables.codecs.codec import load_codec
from trainables.motion.dataset import MotionData, prepare

PARTS = ("body", "right_hand", "left_hand")
TRIALS = 5
TIMES = ("train_seconds", "evaluate_seconds")


@dataclass(frozen=True)
class Swept:
    """A finished sweep."""

    folder: Path
    motion: Path
    elsewhere: Path
    printed: str


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """One sweep of all codecs, one trial at a time so that its order is the log's.

    By a sampler that proposes what cannot work, too.
    """
    base = tmp_path_factory.mktemp("real")
    motion, elsewhere = write_motion(base / "motion"), trap(base / "elsewhere")
    folder = elsewhere / "sweeps" / "first"
    ended = ratefront(
        "sweep", "rate_distortion", "--data", str(motion), "--out", "sweeps/first",
        "--trials", str(TRIALS), "--concurrency", "1", "--set", "sampler=tpe",
        "--set", "startup=4", *SMALL, cwd=elsewhere,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Swept(folder, motion, elsewhere, ended.stdout + ended.stderr)


@pytest.fixture(scope="session")
def table(swept: Swept) -> pd.DataFrame:
    """Its operating points."""
    return points(swept.folder)


@pytest.fixture(scope="session")
def data(swept: Swept) -> MotionData:
    """The motion that it saw, prepared again."""
    return prepare(load_spec(str(swept.folder / "sweep.yaml")).data)


# ---- what it prints and leaves -------------------------------------------------------------


def test_it_shows_progress_the_front_and_the_report(swept: Swept) -> None:
    for words in (
        f"{TRIALS} done", "0 stopped", "refused", "0 failed", "hypervolume", "elapsed", "ETA",
        "rate–distortion front", str(swept.folder / "report.html"),
    ):  # fmt: skip
        assert words in swept.printed
    assert "Traceback" not in swept.printed and "Warning" not in swept.printed


def test_every_file_is_there(swept: Swept, table: pd.DataFrame) -> None:
    folder = swept.folder
    for name in (
        "sweep.yaml", "log.jsonl", "trials.csv", "points.parquet", "points.csv", "clips.parquet",
        "front.csv", "front_rmse_body_cm.csv", "front_rmse_hands_cm.csv", "report.html",
    ):  # fmt: skip
        assert (folder / name).stat().st_size > 50, name
    drawn = {p.stem for p in (folder / "figures").glob("*.png")}
    assert drawn and drawn == {p.stem for p in (folder / "figures").glob("*.pdf")}
    assert not list(folder.rglob("*.tmp")) and not (folder / "owner.json").exists()
    assert {p.name for p in (folder / "trials").iterdir()} == set(table["trial"])
    for trial in table["trial"].unique():
        kept = {p.name for p in (folder / "trials" / trial).iterdir()}
        assert kept == {
            "codec", "tokens.npz", "reconstructions.npz", "errors.npz", "clips.parquet",
            "curve.json", "shown.npz", "trial.log",
        }  # fmt: skip
    page = (folder / "report.html").read_text()
    assert 'src="http' not in page and 'rel="stylesheet"' not in page, "opens without a network"
    assert table["config_hash"].iloc[0] in page


def test_the_log_is_in_order(swept: Swept) -> None:
    kinds = [e["event"] for e in events(swept.folder)]
    assert kinds[:3] == ["sweep", "data", "bounds"] and kinds[-1] == "finished"
    assert kinds.count("proposed") == kinds.count("started") == kinds.count("done") == TRIALS
    for trial in {e["trial"] for e in events(swept.folder, "proposed")}:
        mine = [e["event"] for e in events(swept.folder) if e.get("trial") == trial]
        order = [k for k in dict.fromkeys(mine) if k != "progress"]
        assert order == ["proposed", "started", "point", "done"]
    times = [e["time"] for e in events(swept.folder)]
    assert times == sorted(times)
    opened = events(swept.folder, "sweep")[0]
    assert opened["versions"]["ray"] and opened["versions"]["torch"]
    assert set(opened["reference_point"]) == {"rate_nominal_bps", "rmse_full_cm"}


def test_the_reference_point_is_the_largest_rate_and_the_mean_pose(
    swept: Swept, table: pd.DataFrame
) -> None:
    corner = events(swept.folder, "sweep")[0]["reference_point"]
    bounds = {r["codec"]: r for r in events(swept.folder, "bounds")[0]["rows"]}
    # Three levels of 64 codes for three parts; 4,096 codes are refused everywhere.
    assert corner["rate_nominal_bps"] == 3 * 3 * 6 * 30.0
    assert corner["rmse_full_cm"] == bounds["mean pose"]["val_rmse_full_cm"]
    assert bounds["mean pose"]["rate_nominal_bps"] == 0
    frames = events(swept.folder, "data")[0]["facts"]["train"]["frames"]
    nearest = bounds["nearest training frame"]["rate_nominal_bps"]
    assert nearest == pytest.approx(3 * 30 * math.log2(frames))
    assert table["rate_nominal_bps"].max() <= corner["rate_nominal_bps"]


def test_the_spec_can_be_run_again(swept: Swept, capsys: pytest.CaptureFixture[str]) -> None:
    spec = load_spec(str(swept.folder / "sweep.yaml"))
    assert spec.model_dump(mode="json") == events(swept.folder, "sweep")[0]["spec"]
    assert spec.data.path == str(swept.motion) and spec.search.trials == TRIALS
    assert main(["spaces", str(swept.folder / "sweep.yaml")]) == 0
    assert "codebook_size" in capsys.readouterr().out


# ---- tables --------------------------------------------------------------------------------


def test_every_trial_has_a_row_with_its_status(swept: Swept) -> None:
    trials = pd.read_csv(swept.folder / "trials.csv", keep_default_na=False)
    assert list(trials.columns[: len(TRIAL_COLUMNS)]) == list(TRIAL_COLUMNS)
    assert {"codebook_size", "quantizer_depth", "learning_rate"} <= set(trials.columns)
    assert trials["trial"].is_unique and set(trials["status"]) <= set(STATUSES)
    assert (trials["status"] == "done").sum() == TRIALS
    refused = trials[trials["status"] == "refused"]
    assert len(refused) and all("more than its" in r for r in refused["reason"])
    assert 4096 in set(refused["codebook_size"].astype(int))
    done = trials[trials["status"] == "done"]
    assert 4096 not in set(done["codebook_size"].astype(int))
    assert (done["seconds"].astype(float) > 0).all()
    assert set(trials["codec"]) == {"kmeans", "rqvae", "temporal_rvq"}


def test_points_have_their_columns(swept: Swept, table: pd.DataFrame) -> None:
    assert table["point"].is_unique
    measured = [f"{split}_rate_{kind}_bps" for split in ("val", "test")
                for kind in ("entropy", "model")]  # fmt: skip
    for split in ("val", "test"):
        measured += [f"{split}_{name}" for name in (
            "rmse_full_cm", "rmse_body_cm", "rmse_right_hand_cm", "rmse_hands_cm", "mpjpe_full_cm",
            "hull_pct", "hull_error_pct", "jerk_mps3", "jerk_error_mps3",
            "utilisation_body_pct", "perplexity_left_hand_codes",
        )]  # fmt: skip
    for column in ("rate_nominal_bps", *measured):
        assert np.isfinite(table[column]).all(), column
    assert {*POINT_KEYS, *COST_COLUMNS} <= set(table.columns)
    as_text = pd.read_csv(swept.folder / "points.csv").sort_values("point")
    assert list(as_text.columns) == list(table.columns)
    assert np.allclose(as_text["val_rmse_full_cm"], table["val_rmse_full_cm"], rtol=1e-12)


def test_each_codec_is_there_and_every_prefix_is_flagged(swept: Swept, table: pd.DataFrame) -> None:
    assert set(table["codec"]) == {"kmeans", "rqvae", "temporal_rvq"}
    for trial, rows in table.groupby("trial"):
        codec, levels = rows["codec"].iloc[0], int(rows["levels"].iloc[0])
        depths = sorted(rows["depth"])
        assert depths == (list(range(1, levels + 1)) if codec != "kmeans" else [1])
        assert (rows["is_prefix"] == (rows["depth"] < rows["levels"])).all()
        config = next(e for e in events(swept.folder, "proposed") if e["trial"] == trial)
        assert trial == trial_id(config["config"], 0)
        assert (rows["config_hash"] == config["config_hash"]).all()
    assert table["is_prefix"].any() and not table["is_prefix"].all()


def test_rates_are_in_closed_form_and_bound_what_is_measured(
    swept: Swept, table: pd.DataFrame, data: MotionData
) -> None:
    fps = 30.0
    facts = data.facts
    splits = (facts.train, facts.val, facts.test)
    for _, row in table.iterrows():
        width = math.log2(row["codebook_size"]) * row["depth"] * len(PARTS)
        ratio = int(row["compression"]) if row["codec"] == "temporal_rvq" else 1
        lengths = [n for s in splits for n in s.lengths]
        tokens = sum(math.ceil(n / ratio) for n in lengths)
        want = width * fps * tokens / sum(lengths)
        assert row["rate_nominal_bps"] == pytest.approx(want, rel=1e-9)
        for split, of in (("val", facts.val), ("test", facts.test)):
            seconds = sum(of.lengths) / fps
            bits = width * sum(math.ceil(n / ratio) for n in of.lengths)
            if ratio == 1:
                assert bits / seconds == pytest.approx(row["rate_nominal_bps"])
            assert 0 < row[f"{split}_rate_entropy_bps"] <= bits / seconds + 1e-6
            flags = len(of.lengths) * len(PARTS) * row["depth"]
            assert row[f"{split}_rate_model_bps"] <= (bits + flags) / seconds + 1e-6


def test_the_front_is_what_nothing_dominates_on_validation(
    swept: Swept, table: pd.DataFrame
) -> None:
    for file, distortion in (
        ("front.csv", "rmse_full_cm"), ("front_rmse_hands_cm.csv", "rmse_hands_cm"),
    ):  # fmt: skip
        found = pd.read_csv(swept.folder / file)
        values = table[["rate_nominal_bps", f"val_{distortion}"]].to_numpy()
        free = [
            not any((other <= mine).all() and (other < mine).any() for other in values)
            for mine in values
        ]
        assert set(found["point"]) == set(table["point"][free])
        assert list(found["rate_nominal_bps"]) == sorted(found["rate_nominal_bps"])
        beside = {f(split) for split in ("val", "test") for f in (ratio_column, share_column)}
        assert set(table.columns) | beside == set(found.columns)
        for split in ("val", "test"):
            stream = found[f"{split}_rate_stream_bps"]
            assert np.allclose(found[ratio_column(split)], stream / found["rate_nominal_bps"])
        tested = table.set_index("point").loc[found["point"], f"test_{distortion}"]
        assert np.allclose(found[f"test_{distortion}"], tested, rtol=1e-12)


def test_clips_say_what_points_say(swept: Swept, table: pd.DataFrame) -> None:
    clips = pd.read_parquet(swept.folder / "clips.parquet")
    assert list(clips.columns) == list(CLIP_COLUMNS)
    assert set(clips["point"]) == set(table["point"]) and set(clips["split"]) == {"val", "test"}
    for split in ("val", "test"):
        name = "rmse_full_cm"
        mine = clips[(clips["split"] == split) & (clips["metric"] == name)]
        means = mine.groupby("point")["value"].mean()
        assert np.allclose(means.loc[table["point"]], table[f"{split}_{name}"], rtol=1e-6)


# ---- a trial's folder ----------------------------------------------------------------------


def test_codecs_tokens_and_reconstructions_come_back(
    swept: Swept, table: pd.DataFrame, data: MotionData
) -> None:
    """What lies in a trial's folder gives its reconstructions and its test score again."""
    from trainables.codecs.codec import Tokens

    scored = data.scored["full"]
    for trial, rows in table.groupby("trial"):
        folder = swept.folder / "trials" / str(trial)
        last = rows.loc[rows["depth"].idxmax()]
        tokens = np.load(folder / "tokens.npz", allow_pickle=False)
        rebuilt = np.load(folder / "reconstructions.npz", allow_pickle=False)
        codecs = {part: load_codec(folder / "codec" / part) for part in PARTS}
        assert not list(folder.rglob("*.pkl")) and not list(folder.rglob("*.pt"))
        assert len(rebuilt.files) == len(data.splits["test"])
        errors = []
        for clip in data.splits["test"]:
            decoded = {}
            for part, codec in codecs.items():
                indices = tokens[f"test/{part}/{clip.recording}"]
                assert np.array_equal(codec.encode(clip.features[part]).indices, indices)
                rate = codec.fps / codec.compression
                decoded[part] = codec.decode(Tokens(indices, codec.alphabet, rate, clip.frames))
            positions = rebuilt[f"{clip.recording}/depth{last['depth']}"]
            again = data.reconstruct(clip, decoded, None)
            assert np.abs(again - positions).max() < 1e-4
            apart = np.linalg.norm(positions - clip.original, axis=-1)[:, scored]
            errors.append(100 * math.sqrt((apart**2).mean()))
        assert np.mean(errors) == pytest.approx(last["test_rmse_full_cm"], rel=1e-4)


# ---- the other commands --------------------------------------------------------------------


def test_resuming_a_finished_sweep_says_so(
    swept: Swept, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (swept.folder / "log.jsonl").read_bytes()
    assert main(["resume", str(swept.folder)]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (swept.folder / "log.jsonl").read_bytes() == before


def test_best_names_a_codec_that_loads(
    swept: Swept, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(swept.folder), "--at", "300"]) == 0
    text = capsys.readouterr().out
    cheap = table[table["rate_nominal_bps"] <= 300]
    want = cheap.loc[cheap["val_rmse_full_cm"].idxmin()]
    place = swept.folder / "trials" / want["trial"] / "codec"
    assert str(place) in text and "not there" not in text
    assert load_codec(place / "body").alphabet[0] == want["codebook_size"]


def test_report_makes_the_same_tables_from_the_log(
    swept: Swept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for kept in ("sweep.yaml", "log.jsonl"):
        shutil.copy(swept.folder / kept, copy)
    shutil.copytree(swept.folder / "trials", copy / "trials")
    assert main(["report", str(copy)]) == 0
    assert str(copy / "report.html") in capsys.readouterr().out
    tables = [p for p in swept.folder.iterdir() if p.suffix in (".csv", ".parquet")]
    assert len(tables) >= 6
    for path in tables:
        assert (copy / path.name).read_bytes() == path.read_bytes(), path.name


# ---- an interrupted sweep ------------------------------------------------------------------


def interrupted(swept: Swept, folder: Path, done: int) -> Path:
    """The sweep as a crash would have left it: some trials done, one begun, a torn line."""
    (folder / "trials").mkdir(parents=True)
    spec = (swept.folder / "sweep.yaml").read_text()
    (folder / "sweep.yaml").write_text(spec)
    kept: list[str] = []
    ended = 0
    for line in (swept.folder / "log.jsonl").read_text().splitlines():
        event = json.loads(line)
        if ended == done and event["event"] == "point":
            break
        ended += event["event"] == "done"
        kept.append(line)
    (folder / "log.jsonl").write_text("\n".join([*kept, line[:70]]))
    for event in map(json.loads, kept):
        if event["event"] == "done":
            trial = event["trial"]
            shutil.copytree(swept.folder / "trials" / trial, folder / "trials" / trial)
    return folder


def test_an_interrupted_sweep_goes_on_as_if_nothing_had_happened(
    swept: Swept, table: pd.DataFrame, tmp_path: Path
) -> None:
    folder = interrupted(swept, tmp_path / "cut", done=3)
    before = (folder / "log.jsonl").read_bytes()
    finished = {p.name for p in (folder / "trials").iterdir()}
    codecs = {p: p.stat().st_mtime_ns for p in (folder / "trials").rglob("*") if p.is_file()}
    ended = ratefront("resume", str(folder), cwd=swept.elsewhere)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 trial(s) were under way" in ended.stdout
    # Append-only, past the torn line; nothing that was finished is touched or run again.
    after = (folder / "log.jsonl").read_bytes()
    assert after.startswith(before)
    new = [json.loads(line) for line in after[len(before) :].splitlines() if line.strip()]
    assert new[0]["event"] == "resumed" and new[-1]["event"] == "finished"
    assert not finished & {e["trial"] for e in new if e["event"] in ("started", "point", "done")}
    assert {p: p.stat().st_mtime_ns for p in codecs} == codecs
    # The books balance, and are those of the sweep that nothing had happened to.
    again = points(folder)
    assert again["point"].is_unique
    assert not again.duplicated(["config_hash", "seed", "depth"]).any()
    assert list(again["point"]) == list(table["point"])
    for column in table.columns:
        if column not in TIMES and table[column].dtype.kind == "f":
            assert np.allclose(again[column], table[column], rtol=1e-6, equal_nan=True), column
    trials = pd.read_csv(folder / "trials.csv")
    assert trials["trial"].is_unique and (trials["status"] == "done").sum() == TRIALS
    assert main(["resume", str(folder)]) == 0


def test_a_sweep_whose_motion_changed_is_not_resumed(
    swept: Swept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = interrupted(swept, tmp_path / "cut", done=1)
    other = write_motion(tmp_path / "other", recordings=6)
    spec = (folder / "sweep.yaml").read_text().replace(str(swept.motion), str(other))
    (folder / "sweep.yaml").write_text(spec)
    before = (folder / "log.jsonl").read_bytes()
    assert main(["resume", str(folder)]) == 2
    assert "data_hash" in capsys.readouterr().err
    assert (folder / "log.jsonl").read_bytes() == before
