"""The page on clusters: each `ratefront submit` on it is taken, as a dry run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cluster.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCKS = [b.replace("\\\n", " ") for b in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]
COMMANDS = [
    shlex.split(line)[1:]
    for block in BLOCKS
    for line in block.splitlines()
    if re.match(r"(\.venv/bin/)?ratefront submit", line)
]


def test_there_is_a_command_for_every_place() -> None:
    assert {words[1] for words in COMMANDS} == {"slurm", "kuberay", "ray-up"}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[1])
def test_commands_of_the_page_are_taken(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "motion").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RATEFRONT_STATE", str(tmp_path / "state"))
    assert main([*(w for w in words if w != "--dry-run"), "--dry-run"]) == 0
    assert "ratefront-" in capsys.readouterr().out
    assert not (tmp_path / "state").exists()


def test_links_of_both_pages_lead_somewhere() -> None:
    for name in ("cluster.md", "security.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (ROOT / "docs" / target).is_file(), f"{name}: {target}"
