"""best, compare, table and figure on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.record import LOG_FILE
from tests.analysis.make_sweep import FakeSweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    return FakeSweep(trials=12, seeds=2).write(folder, np.random.default_rng(0))


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(arguments) == code
    printed = capsys.readouterr()
    return printed.out if code == 0 else printed.err


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (["--at", "900"], "at or under 900 bits/s (stream)"),
        (["--under", "6cm", "--rate", "nominal"], "at or under 6.00 cm"),
        (["--knee"], "knee of the front"),
        (["--within", "10%"], "within 10 % of the lowest"),
        (["--within", "10%", "--at", "900", "--objective", "rmse_hands_cm"], "hands RMSE"),
    ],
)
def test_best_answers_each_question(
    question: list[str], words: str, swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["best", str(swept), *question], capsys)
    assert words in text and "config" in text and "validation" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "--knee"),
        (["--at", "300", "--knee"], 2, "one question"),
        (["--under", "3px"], 2, "in cm"),
        (["--within", "few"], 2, "2%"),
        (["--knee", "--objective", "jerk_mps3"], 2, "jerk_error_mps3"),
        (["--under", "0.001cm"], 1, "nearest"),
    ],
)
def test_best_says_in_one_line_what_is_wrong(
    arguments: list[str], code: int, words: str, swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = said(["best", str(swept), *arguments], capsys, code).strip().splitlines()
    assert line.startswith("ratefront: ") and words in line


def test_compare_prints_a_verdict_and_writes_what_it_rests_on(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = FakeSweep(trials=12, seeds=2).write(tmp_path / "other", np.random.default_rng(3))
    out = tmp_path / "comparison"
    text = said(["compare", str(swept), str(other), "--out", str(out)], capsys)
    assert "BD-rate" in text and "hypervolume" in text
    assert {p.name for p in out.iterdir()} == {
        "compare.json", "compare.md", "compare.pdf", "compare.png",
    }  # fmt: skip
    assert text.startswith((out / "compare.md").read_text())
    found = json.loads((out / "compare.json").read_text())
    assert [s["name"] for s in found["sides"]] == ["sweep", "other"]
    assert found["verdict"] and found["footing"] == "paired"


def test_compare_refuses_one_sweep_and_what_is_none(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "two or more" in said(["compare", str(swept)], capsys, 2)
    line = said(["compare", str(swept), str(tmp_path), "--out", str(tmp_path / "x")], capsys, 2)
    assert LOG_FILE in line and not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("form", "words"), [("latex", r"\toprule"), ("markdown", "|---|"), ("csv", "at_most_bps,")]
)
def test_table_prints_every_format(
    form: str, words: str, swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table", str(swept), "--format", form, "--at", "500", "--at", "1500"]
    text = said(command, capsys)
    assert words in text
    place = tmp_path / "new" / "table.txt"
    assert str(place) in said([*command, "-o", str(place)], capsys).replace("\n", "")
    assert place.read_text() == text


@pytest.mark.parametrize(
    "arguments",
    [["--format", "html"], ["--rows", "all"], ["--column", "beauty"], ["--split", "train"],
     ["--rate", "zip"]],
)  # fmt: skip
def test_table_names_what_it_does_not_know(
    arguments: list[str], swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = said(["table", str(swept), *arguments], capsys, 2).strip().splitlines()
    assert arguments[1] in line


def test_figure_writes_a_pdf(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("front", "attainment"):
        path = tmp_path / f"{kind}.pdf"
        said(["figure", str(swept), "-o", str(path), "--kind", kind, "--rate", "stream"], capsys)
        assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "x.doc"], ".doc"),
        (["--kind", "pie"], "attainment"),
        (["--width", "poster"], "column"),
        (["--kind", "importance"], "fewer than 20"),
        (["--rate", "zip"], "nominal"),
        (["--objective", "rmse_tail_cm"], "rmse_full_cm"),
    ],
)
def test_figure_says_in_one_line_what_it_cannot(
    arguments: list[str],
    words: str,
    swept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = said(["figure", str(swept), *arguments], capsys, 2).strip().splitlines()
    assert words in line and not list(tmp_path.iterdir())
