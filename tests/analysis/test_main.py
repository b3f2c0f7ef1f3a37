"""`python -m analysis`."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.__main__ import main


def test_best_prints_the_point_and_where_its_codec_lies(
    one_seed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(one_seed), "--at", "600"]) == 0
    said = capsys.readouterr().out
    assert "validation" in said and "codebook_size=" in said
    assert str(one_seed / "trials") in said
    assert "test" not in said.replace(str(one_seed), "")


def test_best_under_every_rate_exits_2_with_the_nearest(
    one_seed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(one_seed), "--at", "1"]) == 2
    assert "the nearest is" in capsys.readouterr().err


def test_what_is_no_sweep_exits_2_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
