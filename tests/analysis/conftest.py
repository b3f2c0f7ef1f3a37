"""Invented sweep directories, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.make_sweep import FakeSweep


@pytest.fixture(scope="session")
def one_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with one seed. Read only."""
    return FakeSweep().write(tmp_path_factory.mktemp("one") / "sweep", np.random.default_rng(0))


@pytest.fixture(scope="session")
def three_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with three seeds of each configuration. Read only."""
    folder = tmp_path_factory.mktemp("three") / "sweep"
    return FakeSweep(trials=15, seeds=3).write(folder, np.random.default_rng(1))


@pytest.fixture
def own_copy(one_seed: Path, tmp_path: Path) -> Path:
    """A copy of the sweep with one seed, to be damaged."""
    return Path(shutil.copytree(one_seed, tmp_path / "sweep"))
