"""The log and the tables made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.fronts import nondominated
from analysis.log import Log, read_log
from analysis.points import (
    clips_frame,
    configuration_columns,
    points_frame,
    trials_frame,
    write_tables,
)
from search_spaces.errors import BadInput
from search_spaces.record import LOG_FILE, POINT_KEYS, RECORD_VERSION, TRIAL_COLUMNS


def append(folder: Path, *lines: str) -> None:
    with (folder / LOG_FILE).open("a", encoding="utf-8") as file:
        file.writelines(lines)


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"event": kind, "time": 1_795_009_000.0, **fields}) + "\n"


def test_a_torn_last_line_is_dropped(own_copy: Path) -> None:
    whole = read_log(own_copy)
    append(own_copy, event("point", trial="t000", row={})[:25])
    torn = read_log(own_copy)
    assert (torn.events, torn.torn, whole.torn) == (whole.events, 1, 0)


def test_a_torn_line_before_a_resume_is_dropped_and_its_pause_not_counted(own_copy: Path) -> None:
    before = read_log(own_copy)
    append(own_copy, '{"event": "poi', "\n", event("resumed"))
    after = read_log(own_copy)
    assert after.torn == 1
    assert after.events[-1]["event"] == "resumed"
    assert after.elapsed == before.elapsed > 10


def test_damage_in_the_middle_is_told_with_its_line(own_copy: Path) -> None:
    number = len(read_log(own_copy).events) + 1
    append(own_copy, "%%%\n", event("finished"))
    with pytest.raises(BadInput, match=f"line {number}"):
        read_log(own_copy)


def test_what_is_no_sweep_directory(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no sweep directory"):
        read_log(tmp_path)
    append(tmp_path, event("done", trial="t"))
    with pytest.raises(BadInput, match="no 'sweep' event"):
        read_log(tmp_path)


NEWER = RECORD_VERSION + 1


@pytest.mark.parametrize("said", [{"versions": {"record": NEWER}}, {"record_version": NEWER}])
def test_a_newer_record_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    append(tmp_path, event("sweep", name="later", **said))
    with pytest.raises(BadInput, match=f"record version {NEWER}"):
        read_log(tmp_path)


def test_a_repeated_point_counts_once_the_last_time(own_copy: Path) -> None:
    points = points_frame(read_log(own_copy))
    row = points.iloc[0].dropna().to_dict()
    append(own_copy, event("point", trial=row["trial"], row={**row, "val_rmse_full_cm": 0.125}))
    again = points_frame(read_log(own_copy))
    assert len(again) == len(points)
    assert again.set_index("point").loc[row["point"], "val_rmse_full_cm"] == 0.125


def test_columns_stand_in_groups(one_seed: Path) -> None:
    columns = points_frame(read_log(one_seed)).columns.tolist()
    assert tuple(columns[: len(POINT_KEYS)]) == POINT_KEYS
    groups = ("codebook_size", "rate_nominal", "val_", "test_", "train_seconds")
    first = [next(i for i, c in enumerate(columns) if c.startswith(g)) for g in groups]
    assert first == sorted(first)


def test_trials_have_their_last_end_and_reason(own_copy: Path) -> None:
    trials = trials_frame(read_log(own_copy)).set_index("trial")
    assert tuple(trials.reset_index().columns[: len(TRIAL_COLUMNS)]) == TRIAL_COLUMNS
    assert trials.loc["t007", "status"] == "refused"
    assert "16384" in trials.loc["t007", "reason"]
    assert trials.loc["t011", "status"] == "failed"
    append(own_copy, event("done", trial="t011", seconds=3.0), event("started", trial="t999"))
    log = read_log(own_copy)
    assert trials_frame(log).set_index("trial").loc["t011", "status"] == "done"
    assert len(trials_frame(log)) == len(trials)
    assert log.unfinished == ("t999",)


def test_tables_agree_with_the_log(own_copy: Path) -> None:
    tables = write_tables(own_copy)
    csv = pd.read_csv(own_copy / "points.csv")
    parquet = pd.read_parquet(own_copy / "points.parquet")
    assert csv.columns.tolist() == parquet.columns.tolist() == tables.points.columns.tolist()
    assert csv["val_rmse_full_cm"].tolist() == parquet["val_rmse_full_cm"].tolist()
    front = pd.read_csv(own_copy / "front.csv")
    derived = [c for c in front.columns if c not in csv.columns]
    assert len(derived) == 4 and set(front.columns) == {*csv.columns, *derived}
    values = csv[["rate_nominal_bps", "val_rmse_full_cm"]].to_numpy()
    once = csv.drop_duplicates(["config_hash", "depth", "seed"], keep="last")["point"]
    assert set(front["point"]) == set(csv["point"][nondominated(values)]) & set(once)
    written = {p.name for p in own_copy.iterdir()}
    assert {"front_rmse_body_cm.csv", "front_rmse_hands_cm.csv", "front_hull_error_pct.csv",
            "trials.csv", "clips.parquet"} <= written  # fmt: skip
    assert not [name for name in written if name.endswith(".tmp")]
    before = {p.name: p.read_bytes() for p in own_copy.iterdir() if p.is_file()}
    write_tables(own_copy)
    assert before == {p.name: p.read_bytes() for p in own_copy.iterdir() if p.is_file()}


def test_clips_of_unlogged_points_stay_out(own_copy: Path) -> None:
    log = read_log(own_copy)
    clips = clips_frame(log)
    assert set(clips["point"]) == set(points_frame(log)["point"])
    lines = (own_copy / LOG_FILE).read_text().splitlines(keepends=True)
    kept = [x for x in lines if '"event": "point"' not in x or '"trial": "t000"' in x]
    (own_copy / LOG_FILE).write_text("".join(kept))
    assert set(clips_frame(read_log(own_copy))["trial"]) == {"t000"}


def test_fronts_over_seeds_have_one_row_per_configuration(three_seeds: Path) -> None:
    tables = write_tables(three_seeds)
    front = tables.fronts["rmse_full_cm"]
    assert not front.duplicated(["config_hash", "depth"]).any()
    assert front["seeds"].eq(3).all()
    assert front["val_rmse_full_cm_se"].gt(0).all()
    member = front.iloc[0]
    same = tables.points[
        (tables.points["config_hash"] == member["config_hash"])
        & (tables.points["depth"] == member["depth"])
    ]
    assert member["test_rmse_full_cm"] == pytest.approx(same["test_rmse_full_cm"].mean())


def test_a_sweep_without_points_has_empty_tables(tmp_path: Path) -> None:
    append(tmp_path, event("sweep", name="young"), event("refused", trial="a", reason="no"))
    tables = write_tables(tmp_path)
    assert (len(tables.points), len(tables.trials)) == (0, 1)
    assert pd.read_csv(tmp_path / "front.csv").empty


def test_mixed_choices_are_stored(own_copy: Path) -> None:
    row = points_frame(read_log(own_copy)).iloc[0].dropna().to_dict()
    for n, value in enumerate((1, "auto")):
        append(own_copy, event("point", trial="m", row={**row, "point": f"m{n}", "window": value}))
    write_tables(own_copy)
    assert pd.read_parquet(own_copy / "points.parquet")["window"].dropna().tolist() == [
        "1", '"auto"',
    ]  # fmt: skip


def test_scores_that_were_not_finite_are_numbers_again(own_copy: Path) -> None:
    row = points_frame(read_log(own_copy)).iloc[0].dropna().to_dict()
    lost = {"val_rmse_full_cm": None, "val_mine_percent": None, "point": "lost"}
    append(own_copy, event("point", trial="t", row={**row, **lost}))
    points = points_frame(read_log(own_copy))
    assert points["val_rmse_full_cm"].dtype == float
    assert points.set_index("point")["val_rmse_full_cm"].isna()["lost"]
    assert "val_mine_percent" not in configuration_columns(points)


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_lines_read_together_are_the_lines_read_alone(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    alone = [json.loads(line) for line in (own_copy / LOG_FILE).read_text().splitlines()]
    monkeypatch.setattr("analysis.log.BATCH", batch)
    assert list(read_log(own_copy).events) == alone
    # Two events on a line, and a line that goes on in the next, are no events.
    append(own_copy, event("finished").strip() + "," + event("finished"), event("resumed"))
    append(own_copy, '{"event": "x", "a": [1\n', event("resumed"), '{"event": "x"\n')
    log = read_log(own_copy)
    assert log.torn == 3 and [e["event"] for e in log.events[len(alone) :]] == ["resumed"] * 2


def test_tables_of_a_log_are_those_of_its_folder(own_copy: Path) -> None:
    of_folder, of_log = write_tables(own_copy), write_tables(read_log(own_copy))
    pd.testing.assert_frame_equal(of_folder.points, of_log.points)
    pd.testing.assert_frame_equal(of_folder.clips, of_log.clips)


def test_the_log_keeps_its_rows(own_copy: Path) -> None:
    log = read_log(own_copy)
    before = json.dumps(log.events)
    write_tables(log)
    assert json.dumps(log.events) == before


def test_trials_that_a_person_believed_in_are_marked(tmp_path: Path) -> None:
    def events(**more: object) -> tuple[dict[str, object], ...]:
        proposed = [
            {"event": "proposed", "trial": t, "config": {"codec": "kmeans"}, **extra}
            for t, extra in (("a", more), ("b", {}))
        ]
        return (*proposed, *({"event": "done", "trial": t} for t in "ab"))

    named = trials_frame(Log(tmp_path, events(believed=True), 0))
    assert named.set_index("trial")["believed"].to_dict() == {"a": True, "b": False}
    assert "believed" not in trials_frame(Log(tmp_path, events(), 0)).columns
