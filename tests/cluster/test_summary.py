"""The table that a finished sweep prints."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from analysis.best import describe_best
from analysis.log import read_log
from analysis.points import write_tables
from cluster.summary import print_answer, print_front
from tests.analysis.make_sweep import FakeSweep

WIDTH = 120
"""Of a log file; what a table needs more is cut."""


def printed(folder: Path) -> str:
    out = io.StringIO()
    print_front(write_tables(folder), read_log(folder), Console(file=out, width=WIDTH))
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sweep = FakeSweep(trials=15, clips=False)
    return sweep.write(tmp_path / "sweep", np.random.default_rng(0))


def test_every_point_of_the_front_shows_nominal_beside_stream_rate(folder: Path) -> None:
    lines = printed(folder).splitlines()
    head = next(line for line in lines if "nominal" in line)
    names = [name.strip() for name in head.strip("┃").split("┃")]
    front = write_tables(folder).fronts["rmse_full_cm"]
    rows = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    assert len(rows) == len(front) > 3
    columns = {"nominal": "rate_nominal_bps", "stream": "val_rate_stream_bps",
               "model": "val_rate_model_bps"}  # fmt: skip
    for row, point in zip(rows, front.to_dict("records"), strict=True):
        shown = dict(zip(names, (c.strip() for c in row), strict=True))
        assert {k: shown[k] for k in columns} == {k: f"{point[c]:.0f}" for k, c in columns.items()}
        ratio = point["val_rate_stream_bps"] / point["rate_nominal_bps"]
        assert shown["÷ nom."] == f"{ratio:.2f}"
        share = 100 * point["val_rate_header_bps"] / point["val_rate_stream_bps"]
        assert shown["head %"] == f"{share:.1f}"


def test_sentences_speak_of_the_points_in_the_table(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=15, seeds=3, clips=False)
    folder = sweep.write(tmp_path / "sweep", np.random.default_rng(3))
    text = printed(folder)
    rows = sum(line.startswith("│") for line in text.splitlines())
    said = [(int(a), int(b)) for a, b in re.findall(r"holds (\d+) of the (\d+) points", text)]
    assert said and {size for _, size in said} == {rows}
    assert sum(held for held, _ in said) == rows


def test_the_table_fits_a_log_file(folder: Path) -> None:
    text = printed(folder)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_sweep_before_files_were_measured_has_no_column_for_them(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=6, clips=False, streams=False)
    text = printed(sweep.write(tmp_path / "sweep", np.random.default_rng(0)))
    assert "nominal" in text and "stream" not in text and "÷" not in text


def test_without_points_the_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"event": "sweep", "name": "young"}\n')
    assert "the report says" in printed(tmp_path)


def test_a_sweep_of_generators_alone_has_no_front(folder: Path) -> None:
    tables = write_tables(folder)
    of_generators = replace(tables, fronts={}, points=tables.points.assign(conditioning="kmeans"))
    out = io.StringIO()
    print_front(of_generators, read_log(folder), Console(file=out, width=WIDTH))
    assert "jerk.html" in out.getvalue() and "refused" not in out.getvalue()


def test_without_a_full_pose_the_front_is_of_what_was_searched(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=6, clips=False, objectives=("rate_nominal_bps", "rmse_body_cm"))
    folder = sweep.write(tmp_path / "sweep", np.random.default_rng(0))
    tables = write_tables(folder)
    # Neither where nothing has a full pose, nor where only what trials were given has one.
    without = {name: rows for name, rows in tables.fronts.items() if name != "rmse_full_cm"}
    for fronts in (without, tables.fronts):
        out = io.StringIO()
        print_front(
            replace(tables, fronts=fronts), read_log(folder), Console(file=out, width=WIDTH)
        )
        assert "front: Body RMSE, chosen" in out.getvalue()
        assert "full-pose" not in out.getvalue() and "of the front" in out.getvalue()


def answered(folder: Path, **spec: object) -> str:
    """What is printed of a sweep with such a spec."""
    log = read_log(folder)
    log.sweep["spec"] = spec
    out = io.StringIO()
    print_answer(log, Console(file=out, width=WIDTH))
    return out.getvalue()


def test_a_search_for_some_rates_ends_with_its_best_point(folder: Path) -> None:
    nominal = describe_best(folder, 900.0, "nominal")
    for search in ({"at": 900.0}, {"at": 0.0, "between": [300, 900]}):
        said = answered(folder, search=search)
        assert said.startswith("best --at 900 --rate nominal:\n")
        assert nominal.splitlines()[0] in said
    assert "no operating point at or under 1 bits" in answered(folder, search={"at": 1.0})
    assert answered(folder, search={"at": 0.0, "between": None}) == ""


def test_limits_on_results_end_with_how_many_keep_them(folder: Path) -> None:
    rows = [event["row"] for event in read_log(folder).of("point")]
    middle = float(np.median([row["val_rmse_full_cm"] for row in rows]))
    kept = sum(row["val_rmse_full_cm"] <= middle for row in rows)
    assert 0 < kept < len(rows)
    said = answered(folder, constraints=[f"rmse_full_cm<={middle!r}"])
    assert said.startswith(f"{kept} of {len(rows)} points keep rmse_full_cm<=")
