"""Sweeps against each other: on what footing, by how much, and in which words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.comparability import Footing
from analysis.compare import as_dict, compare
from analysis.comparison_text import markdown
from search_spaces.errors import BadInput
from search_spaces.record import CLIP_COLUMNS, LOG_FILE, TRIAL_CLIPS_FILE, TRIALS_FOLDER
from tests.analysis.make_sweep import FakeSweep

RATES = (100.0, 200.0, 400.0, 800.0, 1600.0)


def write_sweep(folder: Path, scale: float = 1.0, recordings: int = 8, seed: int = 0) -> Path:
    """A sweep of one codec whose distortion is `scale` times 8 - 2 log10(rate / 100)."""
    fake = FakeSweep(trials=0)
    fake.write(folder, np.random.default_rng(0))
    events = [json.loads(x) for x in (folder / LOG_FILE).read_text().splitlines()]
    hard = np.random.default_rng(1).normal(0, 0.4, recordings)
    rng = np.random.default_rng(seed)
    finished = events.pop()
    for number, rate in enumerate(RATES):
        trial = f"t{number}"
        row = {"point": f"{trial}-d1", "codec": "kmeans", "codebook_size": 2**number, "seed": 0,
               "depth": 1, "levels": 1, "is_prefix": False, "config_hash": trial,
               "rate_nominal_bps": rate}  # fmt: skip
        clips = []
        for split in ("val", "test"):
            level = scale * (8 - 2 * np.log10(rate / 100))
            values = level + hard + rng.normal(0, 0.01, recordings)
            row[f"{split}_rmse_full_cm"] = float(values.mean())
            clips += [(trial, row["point"], f"{split}-{i}", "", split, "full", "rmse_full_cm", v,
                       100) for i, v in enumerate(values)]  # fmt: skip
        events += [{"event": "proposed", "trial": trial, "config": {"codec": "kmeans"}},
                   {"event": "point", "trial": trial, "row": row},
                   {"event": "done", "trial": trial}]  # fmt: skip
        place = folder / TRIALS_FOLDER / trial
        place.mkdir(parents=True)
        pd.DataFrame(clips, columns=list(CLIP_COLUMNS)).to_parquet(place / TRIAL_CLIPS_FILE)
    lines = [json.dumps(e) for e in [*events, finished]]
    (folder / LOG_FILE).write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("compare") / "base")


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("compare") / "better", scale=0.9, seed=5)


def changed(source: Path, target: Path, change: Callable[[dict], None]) -> Path:
    """A copy of a sweep with every event of its log passed through `change`."""
    shutil.copytree(source, target)
    events = [json.loads(x) for x in (target / LOG_FILE).read_text().splitlines()]
    for event in events:
        change(event)
    (target / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in events))
    return target


def test_a_better_sweep_on_the_same_recordings_wins_beyond_chance(base: Path, better: Path) -> None:
    found = compare([base, better])
    assert found.common.footing is Footing.PAIRED
    (pair,) = found.pairs
    delta = pair["bd"]["rate"]
    assert delta["value"] < 0 and delta["low"] <= delta["value"] <= delta["high"] < 0
    assert pair["hypervolume"]["value"] > 0 and pair["hypervolume"]["test_ahead"] == 1
    (tests,) = found.tests.values()
    assert len(tests) == 4 and all(t.difference < 0 and t.p < 0.05 for t in tests)
    assert all(t.recordings == 8 for t in tests)
    said = " ".join(found.verdict)
    assert "better needs" in said and "fewer bits than base" in said
    assert "4 are beyond chance" in said


def test_turned_round_it_says_the_opposite(base: Path, better: Path) -> None:
    there, back = compare([base, better]).pairs[0], compare([better, base]).pairs[0]
    assert back["hypervolume"]["value"] == pytest.approx(-there["hypervolume"]["value"])
    product = (1 + there["bd"]["rate"]["value"] / 100) * (1 + back["bd"]["rate"]["value"] / 100)
    assert product == pytest.approx(1)
    assert "more bits than better" in " ".join(compare([better, base]).verdict)


def test_a_sweep_against_its_copy_differs_by_nothing(base: Path, tmp_path: Path) -> None:
    found = compare([base, shutil.copytree(base, tmp_path / "copy")])
    (pair,) = found.pairs
    assert pair["bd"]["rate"]["value"] == pytest.approx(0, abs=1e-9)
    assert pair["hypervolume"]["value"] == 0
    assert pair["hypervolume"]["low"] == pair["hypervolume"]["high"] == 0
    assert "the same hypervolume" in " ".join(found.verdict)
    (tests,) = found.tests.values()
    assert all(t.p == 1 and t.difference == 0 for t in tests)


def test_other_recordings_are_compared_without_pairing(
    base: Path, better: Path, tmp_path: Path
) -> None:
    def other(event: dict) -> None:
        if event["event"] == "data":
            event["facts"] |= {"split_hash": "sha256:other", "data_hash": "sha256:other"}

    found = compare([base, changed(better, tmp_path / "elsewhere", other)])
    assert found.common.footing is Footing.UNPAIRED and not found.tests
    assert "codecs and motion together" in found.verdict[0] and "split" in found.verdict[0]
    paired = compare([base, better]).pairs[0]["hypervolume"]
    apart = found.pairs[0]["hypervolume"]
    assert apart["value"] == pytest.approx(paired["value"])
    # Recordings that are hard for both sides no longer cancel.
    assert apart["high"] - apart["low"] > 3 * (paired["high"] - paired["low"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e["event"] == "sweep" and e.update(metric_versions={"rmse_cm": 2}),
         "definition of rmse_full_cm"),
        (lambda e: e["event"] == "data" and e["facts"].update(root="coded"), "root"),
        (lambda e: e["event"] == "data" and e["facts"].update(parts=e["facts"]["parts"][:1]),
         "coded parts"),
        (lambda e: e["event"] == "point" and e["row"].update(
            {k.replace("_cm", "_px"): e["row"].pop(k) for k in list(e["row"]) if "_cm" in k}),
         "scored in px"),
    ],
)  # fmt: skip
def test_numbers_that_mean_different_things_are_not_subtracted(
    base: Path, better: Path, tmp_path: Path, change: Callable[[dict], None], words: str
) -> None:
    found = compare([base, changed(better, tmp_path / "other", change)])
    assert found.common.footing is Footing.APART and not found.pairs and not found.tests
    assert words in found.verdict[0] and "cannot be compared" in found.verdict[0]
    # What can still be said: each sweep of itself.
    assert all("points on its front" in said for said in found.verdict[1:3])
    assert "apart" in markdown(found)


def test_a_fact_that_hinders_nothing_is_told(base: Path, better: Path, tmp_path: Path) -> None:
    def slower(event: dict) -> None:
        if event["event"] == "data":
            event["facts"] |= {"fps": 25.0}

    found = compare([base, changed(better, tmp_path / "slow", slower)])
    assert found.common.footing is Footing.PAIRED
    assert any("25 fps in slow" in said for said in found.common.differing)


def test_a_comparison_is_json_and_markdown(base: Path, better: Path) -> None:
    found = compare([base, better])
    said = as_dict(found)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    text = markdown(found)
    table = [x for x in text.splitlines() if x.startswith("|")]
    assert len(table) == 3 + 6 and "BD-rate" in text and "[−" in text


def test_folders_of_one_name_are_told_apart(base: Path, tmp_path: Path) -> None:
    again = shutil.copytree(base, tmp_path / "second" / base.name)
    assert [s.name for s in compare([base, again]).sides] != [base.name, base.name]


def test_points_without_a_number_are_passed_over(base: Path, better: Path, tmp_path: Path) -> None:
    left = iter(range(3))

    def diverged(event: dict) -> None:
        if event["event"] == "point" and next(left, None) is not None:
            event["row"]["val_rmse_full_cm"] = None

    found = compare([better, changed(base, tmp_path / "gaps", diverged)])
    assert found.verdict and np.isfinite(found.pairs[0]["hypervolume"]["value"])

    def nowhere(event: dict) -> None:
        if event["event"] == "point":
            event["row"]["val_hull_error_pct"] = None

    none = [changed(base, tmp_path / name, nowhere) for name in ("a", "b")]
    with pytest.raises(BadInput, match="no sweep has a finite hull_error_pct"):
        compare(none, objective="hull_error_pct")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_less_than_two_sweeps_are_refused(base: Path, count: int) -> None:
    with pytest.raises(BadInput, match="two or more"):
        compare([base] * count)


def test_a_sweep_without_points_is_refused(base: Path, tmp_path: Path) -> None:
    empty = FakeSweep(trials=0).write(tmp_path / "empty", np.random.default_rng(0))
    with pytest.raises(BadInput, match="no operating point yet"):
        compare([base, empty])


def test_a_rate_that_was_not_measured_is_refused(base: Path, better: Path) -> None:
    with pytest.raises(BadInput, match="rate_stream_bps"):
        compare([base, better], which="stream")
    with pytest.raises(BadInput, match="no rate 'zip'"):
        compare([base, better], which="zip")


def test_too_few_recordings_are_said_of_the_sweep_that_has_them(
    base: Path, better: Path, tmp_path: Path
) -> None:
    def other(event: dict) -> None:
        if event["event"] == "data":
            event["facts"] |= {"split_hash": "sha256:other", "data_hash": "sha256:other"}

    few = changed(write_sweep(tmp_path / "three", recordings=3), tmp_path / "few", other)
    of_both, of_one = (" ".join(compare([base, each]).verdict) for each in (better, few))
    assert "Intervals rest on 8 recordings" in of_both
    assert "base: intervals rest on 8 recordings" in of_one
    assert "few: intervals rest on 3 recordings" in of_one
