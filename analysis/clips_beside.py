"""Clips of a long sweep, gathered by a second process while this one makes the other tables.

Reading ten thousand small files takes a third of the time of a whole report, and needs nothing but
the names of the trials.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pandas as pd

from analysis.clip_rows import trial_clips

MANY = 2_000
"""Trials from which on a second process pays: it takes about a second to start."""


class ClipsBeside:
    """Gathers rows of clips from its making on; `frame` waits for them.

    Args:
        folder: the sweep directory.
        trials: identities, in the order that the rows shall have.
        many: trials from which on a second process reads; fewer are read by `frame` itself.
    """

    def __init__(self, folder: Path, trials: Sequence[str], many: int = MANY) -> None:
        self._folder, self._trials = folder, trials
        self._process: subprocess.Popen[str] | None = None
        if len(trials) < many or (os.cpu_count() or 1) < 2:
            return
        self._place = tempfile.TemporaryDirectory(prefix="ratefront-clips-")
        self._file = Path(self._place.name) / "clips.parquet"
        names = Path(self._place.name) / "trials"
        names.write_text("\n".join(trials), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder.resolve()), str(names), str(self._file)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """Rows as `trial_clips` gives them.

        Raises:
            BadInput: a file cannot be read.
        """
        if self._process is None:
            return trial_clips(self._folder, self._trials)
        if self._process.wait() != 0:  # whatever stopped it is met here again, and said
            return trial_clips(self._folder, self._trials)
        return pd.read_parquet(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of the process stays, whether its rows were asked for or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._place.cleanup()


def _gather(folder: Path, names: Path, target: Path) -> None:
    trials = names.read_text(encoding="utf-8").split("\n")
    trial_clips(folder, trials).to_parquet(target, index=False)


if __name__ == "__main__":
    _gather(*map(Path, sys.argv[1:4]))
