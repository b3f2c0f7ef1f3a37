"""`python -m analysis`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.fronts import RATES
from analysis.points import points_frame, read_log
from search_spaces.objectives import Objective
from tests.analysis.make_sweep import FakeSweep


def test_best_prints_the_point_and_where_its_codec_lies(
    one_seed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(one_seed), "--at", "600"]) == 0
    said = capsys.readouterr().out
    assert "validation" in said and "codebook_size=" in said
    assert str(one_seed / "trials") in said
    assert "test" not in said.replace(str(one_seed), "")
    rates = next(line for line in said.splitlines() if line.split()[0] == "rate")
    assert [w for w in rates.replace(",", " ").split() if w in RATES] == list(RATES)
    assert "(header " in rates


def test_best_under_every_rate_exits_2_with_the_nearest(
    one_seed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(one_seed), "--at", "1"]) == 2
    assert "the nearest is" in capsys.readouterr().err


@pytest.mark.parametrize("rate", sorted(RATES))
def test_best_keeps_to_the_rate_that_is_meant(
    rate: str, one_seed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = points_frame(read_log(one_seed))
    column = Objective(RATES[rate]).column("val")
    at = float(points[column].median())
    assert main(["best", str(one_seed), "--at", str(at), "--rate", rate]) == 0
    cheap = points[points[column] <= at]
    best = cheap.loc[cheap["val_rmse_full_cm"].idxmin(), "point"]
    assert f"(point {best}," in capsys.readouterr().out


def test_an_older_sweep_is_told_to_ask_for_the_nominal_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = FakeSweep(trials=4, streams=False, clips=False)
    folder = str(sweep.write(tmp_path / "old", np.random.default_rng(0)))
    assert main(["best", folder, "--at", "600"]) == 2
    printed = capsys.readouterr().err
    assert "--rate nominal" in printed and printed.count("\n") == 1
    assert main(["best", folder, "--at", "600", "--rate", "nominal"]) == 0
    printed = capsys.readouterr().out
    assert " model" in printed and "header" not in printed and "stream" not in printed


def test_what_is_no_sweep_exits_2_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
