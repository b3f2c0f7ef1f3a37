"""Shared fixtures: where real motion lies, and few threads so that tests do not fight."""

from __future__ import annotations

import os
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real motion and papers, or a skip that says how to name it."""
    place = Path(os.environ.get("RATEFRONT_SHARED", str(ROOT.parent / "shared")))
    if not (place / "data" / "real").is_dir():
        pytest.skip(f"no real motion at {place}; set RATEFRONT_SHARED to its folder")
    return place


@pytest.fixture(scope="session")
def real(shared: Path) -> Path:
    """The folder of real motion files."""
    return shared / "data" / "real"
