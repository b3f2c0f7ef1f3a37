"""A sweep on a real SLURM: cancelled, submitted again, requeued half-way, and at its end whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.places.ledger import TOKEN_FILE
from search_spaces.record import LOG_FILE, REPORT_FILE
from tests.cluster.sweeping import events
from tests.long.slurm_on_one_machine import SlurmOnOneMachine, why_not

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(1200)]

RATEFRONT = str(Path(sys.executable).with_name("ratefront"))
TRIALS = 8
CANARY = "canary-3d1f0c"


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmOnOneMachine]:
    """Two nodes of two cores each."""
    if reason := why_not():
        pytest.skip(reason)
    # munge wants a short path that only root writes.
    folder = Path(tempfile.mkdtemp(prefix="rfslurm-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with SlurmOnOneMachine(folder, nodes=2, cpus=2) as running:
            running.environment |= {
                "RATEFRONT_STATE": str(folder / "ledger"),
                "WANDB_API_KEY": CANARY,
            }
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ratefront(slurm: SlurmOnOneMachine, *words: str) -> str:
    ran = subprocess.run(
        [RATEFRONT, *words], env=slurm.environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def command(out: Path, *more: str) -> list[str]:
    return [
        "submit", "slurm", "rate_distortion", "--size", "debug", "--data", "embedded",
        "--out", str(out), "--nodes", "2", "--cpus", "1", "--memory", "2", "--concurrency", "1",
        "--trials", str(TRIALS), "--set", "codec=kmeans", *more,
    ]  # fmt: skip


def wait_for(slurm: SlurmOnOneMachine, out: Path, done: int, seconds: float = 300) -> None:
    """Until so many trials are done, or the job ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (out / LOG_FILE).exists() and len(events(out, "done")) >= done:
            return
        time.sleep(0.3)
    raise TimeoutError(ratefront(slurm, "status"))


def wait_for_state(slurm: SlurmOnOneMachine, *states: str, seconds: float = 600) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        said = ratefront(slurm, "status")
        if said.split()[2] in states:
            return said.split()[2]
        time.sleep(3)
    raise TimeoutError(said)


def test_a_sweep_outlives_its_job(slurm: SlurmOnOneMachine, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    name = ratefront(slurm, *command(out)).split()[0]
    again = ratefront(slurm, *command(out))
    assert again.startswith(f"{name} is ") and "already, as job 1" in again

    wait_for(slurm, out, 1)
    assert "is stopped (job 1)" in ratefront(slurm, "stop", name)
    before = len(events(out, "done"))
    assert before < TRIALS and wait_for_state(slurm, "stopped") == "stopped"

    assert "is queued as job 2" in ratefront(slurm, *command(out))
    wait_for(slurm, out, before + 2)
    assert len(events(out, "done")) < TRIALS
    slurm.run("scontrol", "requeue", "2")
    # SLURM holds a job that was requeued back for two minutes.
    assert wait_for_state(slurm, "finished", "failed") == "finished"

    done = Counter(e["trial"] for e in events(out, "done"))
    assert len(done) == TRIALS and set(done.values()) == {1}
    points = Counter((e["trial"], e["row"]["depth"]) for e in events(out, "point"))
    assert points and set(points.values()) == {1}
    assert len(events(out, "resumed")) == 2 and len(events(out, "finished")) == 1
    assert (out / REPORT_FILE).is_file()
    assert "report: " in ratefront(slurm, "logs", name)
    assert "is finished already" in ratefront(slurm, *command(out))

    folder = Path(slurm.environment["RATEFRONT_STATE"]) / name
    secrets = ((folder / TOKEN_FILE).read_bytes(), CANARY.encode())
    kept = [p for p in (*out.rglob("*"), *folder.iterdir()) if p.is_file()]
    tell = [p for p in kept if any(s in p.read_bytes() for s in secrets)]
    assert tell == [folder / TOKEN_FILE]
    assert not [p for job in (1, 2) for p in Path("/tmp").glob(f"rfray-{job}-*")]


def test_a_start_that_fails_is_a_failure(slurm: SlurmOnOneMachine, tmp_path: Path) -> None:
    lost = "export RAY_AUTH_TOKEN_PATH=/nowhere"
    name = ratefront(slurm, *command(tmp_path / "other", "--setup", lost)).split()[0]
    until = time.monotonic() + 90
    while "failed" not in (said := ratefront(slurm, "status", name)):
        assert time.monotonic() < until, said
        time.sleep(1)
    assert "no token authentication" in ratefront(slurm, "logs", name)
    assert not (tmp_path / "other").exists()
