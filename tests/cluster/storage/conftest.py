"""Buckets, and a process that may use them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.storage.mirror import _HELD
from tests.cluster.storage.services import KEYS, Service, gs_service, s3_service


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Service]:
    """moto's server."""
    with s3_service() as service:
        yield service


@pytest.fixture(scope="session")
def gs_server() -> Iterator[Service]:
    """fake-gcs-server, where it is built for this machine."""
    try:
        with gs_service() as service:
            yield service
    except RuntimeError as error:
        pytest.skip(f"no fake of Google's storage here: {error}")


@pytest.fixture(autouse=True)
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys, a cache of its own, leases that run out soon, and no copy is held afterwards."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("RATEFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RATEFRONT_LEASE_SECONDS", "1.2")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    yield
    for mirror in list(_HELD.values()):
        with contextlib.suppress(OSError):
            mirror.release()
