"""What several tests of the command line start from; a module may have its own of these names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_spaces.record import SPEC_FILE
from tests.analysis.make_sweep import FakeSweep
from tests.cluster.motion import write_motion
from tests.cluster.refusing import Refused


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good recordings."""
    return write_motion(tmp_path_factory.mktemp("motion"), recordings=4, frames=40)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep directory in the record's form, invented."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    FakeSweep(trials=6).write(folder, np.random.default_rng(0))
    (folder / SPEC_FILE).write_text("name: x\npreset: x\nspace: {}\n")
    return folder


@pytest.fixture
def refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Refused:
    """A judge of lines."""
    return Refused(tmp_path, capsys, request.node.name)
