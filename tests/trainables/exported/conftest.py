"""Trained codecs that the tests of exported codecs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.spec import DataSpec
from tests.trainables.exported.training import CONFIGURATIONS, Trained, train, write_recordings


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of invented motion."""
    return write_recordings(tmp_path_factory.mktemp("recordings") / "motion")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> dict[str, Trained]:
    """Every codec with the root removed; K-Means with it coded; K-Means of positions."""
    place = tmp_path_factory.mktemp("trained")
    found = {name: train(place / name, recordings, name) for name in CONFIGURATIONS}
    for name, settings in (("root", {"root": "coded"}), ("position", {"features": "position"})):
        spec = DataSpec.model_validate({"path": str(recordings), **settings})
        found[name] = train(place / name, recordings, "kmeans", spec)
    return found
