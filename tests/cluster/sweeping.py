"""Runs `ratefront` as a person does, from a folder that holds packages of the same names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from search_spaces.record import LOG_FILE, POINTS_TABLE

Event = dict[str, Any]
SMALL = (
    "--size", "debug", "--set", "codebook_size=8,64,4096", "--set", "quantizer_depth=2,3",
    "--set", "latent_dim=16", "--set", "max_steps=12", "--set", "retain=all",
)  # fmt: skip


def trap(folder: Path) -> Path:
    """A working folder with an `analysis` and a `cluster` of its own, which fail on import."""
    for name in ("analysis", "cluster", "trainables", "search_spaces"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f'raise ImportError("the wrong {name}")\n')
    return folder


def ratefront(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The console script beside the interpreter that runs the tests, with more `variables`."""
    script = Path(sys.executable).with_name("ratefront")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PYTHONPATH"))}
    return subprocess.run(
        [str(script), *arguments],
        cwd=cwd,
        env={**environment, "COLUMNS": "160", **variables},
        capture_output=True,
        text=True,
        timeout=240,
    )


def events(folder: Path, *kinds: str) -> list[Event]:
    """Events of a log that has no torn line."""
    found = [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]
    return [e for e in found if not kinds or e["event"] in kinds]


def points(folder: Path) -> pd.DataFrame:
    """The table of operating points, ordered by their names."""
    frame = pd.read_parquet(folder / POINTS_TABLE)
    return frame.sort_values("point").reset_index(drop=True)
