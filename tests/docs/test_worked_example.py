"""The worked example: its commands run, one after the other, and its pictures are there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.record import LOG_FILE, REPORT_FILE
from tests.analysis.make_sweep import FakeSweep

PAGE = Path(__file__).resolve().parents[2] / "docs" / "worked-example.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]
DATA = "../shared/data/real/cmu_iclone"


def drawable(command: list[str]) -> list[str]:
    """The command, as GIF where there is no ffmpeg."""
    if shutil.which("ffmpeg"):
        return command
    return [word.replace(".mp4", ".gif") for word in command]


def written(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.is_file()}


def test_what_follows_the_sweeps_runs_on_any_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("study", "search")):
        sweep = FakeSweep(trials=10, seeds=3, codecs=("kmeans", "rqvae"), failures=False)
        sweep.motion = name == "search"
        sweep.write(tmp_path / "sweeps" / name, np.random.default_rng(seed))
    after = [c for c in COMMANDS if c[0] not in ("inspect", "sweep", "report", "render")]
    assert [c[0] for c in after] == ["best", "best", "best", "compare", "table", "figure"]
    for command in after:
        assert main(command) == 0, command
    assert written(tmp_path) == {"table.tex", "front.pdf"}
    assert "compare.pdf" in written(tmp_path / "comparison")
    assert "tabular" in (tmp_path / "table.tex").read_text()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_whole_page_runs_at_debug_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        smaller = ["embedded" if word == DATA else word for word in command]
        if command[0] == "sweep":
            smaller += ["--size", "debug", "--trials", "3", "--seeds", "1"]
            smaller += ["--set", "max_steps=5"]
        if command[0] == "inspect":
            continue  # it reads files
        given = [w if not re.fullmatch(r"\d+cm", w) else "40cm" for w in drawable(smaller)]
        given = [w if w not in ("300", "450") else "2000" for w in given]
        assert main(given) == 0, given
    for name in ("study", "search"):
        assert {LOG_FILE, REPORT_FILE} <= written(tmp_path / "sweeps" / name)
    assert {"table.tex", "front.pdf"} <= written(tmp_path)
    assert any(n.startswith("worst.") for n in written(tmp_path))


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    for name in pictures:
        assert (PAGE.parent / name).stat().st_size < 300_000
