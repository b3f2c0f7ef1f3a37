"""Real drivers with real workers and a sweep in a bucket: stopped, taken over, woken up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.storage.location import parse_location
from cluster.storage.mirror import Extent, hold
from tests.cluster.motion import write_motion
from tests.cluster.processes import below
from tests.cluster.storage.services import Service, environment

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(900)]
OPTIONS = (
    "--size", "debug", "--set", "codec=rqvae", "--set", "codebook_size=8,16,32",
    "--set", "quantizer_depth=2", "--set", "latent_dim=8", "--set", "max_steps=12",
    "--set", "hidden_dim=16", "--trials", "5", "--concurrency", "1",
)  # fmt: skip


def soon(happened: Callable[[], bool], driver: subprocess.Popen[str], limit: float = 240) -> None:
    until = time.monotonic() + limit
    while not happened():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.3)


def start(*words: str, cache: Path) -> subprocess.Popen[str]:
    script = Path(sys.executable).with_name("ratefront")
    variables = {**environment(str(cache)), "RATEFRONT_LEASE_SECONDS": "6"}
    return subprocess.Popen(
        [str(script), *words], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def events(uri: str) -> list[dict[str, object]]:
    mirror = hold(parse_location(uri))
    mirror.refresh(Extent.LOG)
    text = (mirror.folder / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_driver_that_is_stopped_and_woken_finds_itself_replaced(
    s3_server: Service, tmp_path: Path
) -> None:
    """SIGSTOP is a suspended machine. Its successor finishes the sweep; both then live."""
    motion = write_motion(tmp_path / "motion", recordings=4, frames=60)
    uri = s3_server.uri("ray/stopped")
    first = start("sweep", "rate_distortion", "--data", str(motion), "--out", uri, *OPTIONS,
                  cache=tmp_path / "one")  # fmt: skip

    def half_way() -> bool:
        with contextlib.suppress(Exception):
            return any(e["event"] == "done" for e in events(uri))
        return False

    soon(half_way, first)
    workers = [first.pid, *(p.pid for p in below(first.pid))]
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        second = start("resume", uri, cache=tmp_path / "two")
        out, err = second.communicate(timeout=400)
        assert second.returncode == 0, (out, err)
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    out, err = first.communicate(timeout=200)
    said = [line for line in err.splitlines() if line.startswith("ratefront:")]
    assert first.returncode == 2, (out, err)
    assert len(said) == 1 and "was taken over by process" in said[0]

    found = events(uri)
    points = [e["row"]["point"] for e in found if e["event"] == "point"]  # type: ignore[index]
    ended = [e["trial"] for e in found if e["event"] in ("done", "stopped", "failed")]
    proposed = {e["trial"] for e in found if e["event"] == "proposed"}
    assert len(points) == len(set(points)) and set(ended) == proposed
    assert len(ended) == len(set(ended))
    assert found[-1]["event"] == "finished"
    keys = [k.key for k in hold(parse_location(uri)).bucket.listed()]
    assert "report.html" in keys
    again = start("resume", uri, cache=tmp_path / "three")
    out, err = again.communicate(timeout=200)
    assert again.returncode == 0, (out, err)
