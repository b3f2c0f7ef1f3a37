"""A judge of wrong uses: exit code 2, one line with its words, and no folder left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.cli import main

DEBUG = ("rate_distortion", "--size", "debug")
CONFIGURATION = ("--set", "codec=kmeans", "--set", "codebook_size=8")
READERS = ("sweep", "trial", "spaces", "inspect")
"""Commands that read motion."""
FOUND = "RATEFRONT_BAD_INPUT_LINES"
"""A file that collects case and line, for who wants to read them all."""


class Refused:
    """Runs wrong uses and gives the lines that they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
        self.out = folder / "made" / "by" / "nobody"
        self._capsys = capsys
        self._case = case

    def __call__(self, *arguments: object, words: tuple[object, ...] = ()) -> str:
        command = [str(a) for a in arguments]
        if command[0] in ("sweep", "trial") and "--out" not in command:
            command += ["--out", str(self.out)]
        self._capsys.readouterr()
        code = main(command)
        printed = self._capsys.readouterr()
        assert code == 2, (code, printed)
        (line,) = printed.err.splitlines()
        assert line.startswith("ratefront: ") and "Traceback" not in printed.out, line
        assert 20 < len(line) < 900 and "Error:" not in line.split(": ")[:2], line
        for word in words:
            assert str(word) in line, (word, line)
        assert not self.out.parent.parent.exists()
        if FOUND in os.environ:
            with open(os.environ[FOUND], "a") as lines:
                lines.write(f"{self._case} | {command[0]} | {line}\n")
        return line

    def reading(self, path: object, *words: object, commands: tuple[str, ...] = READERS) -> None:
        """Every command that reads motion, given a path."""
        for command in commands:
            if command == "inspect":
                self("inspect", path, words=words)
            else:
                more = CONFIGURATION if command == "trial" else ()
                self(command, *DEBUG, "--data", path, *more, words=words)
