"""A cluster that `ray start --head` began with a token: joined, and asked by its Jobs API."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.places.ledger import make_token
from cluster.places.software import PACKAGES
from cluster.places.symmetric import LOOPBACK, free_port, new_scratch, ray_node
from search_spaces.record import REPORT_FILE, SPEC_FILE
from tests.cluster.sweeping import events

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ["rate_distortion", "--size", "debug", "--data", "embedded", "--set", "codec=kmeans",
         "--trials", "2", "--concurrency", "1"]  # fmt: skip


class Cluster:
    """A head with two cores, and the environment of who may use it."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs yet."""
        self.token = make_token(folder / "token")
        self.address = f"{LOOPBACK}:{free_port()}"
        self.dashboard = f"http://{LOOPBACK}:{free_port()}"
        plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        self.environment = {
            **plain, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token),
        }  # fmt: skip

    def await_head(self) -> None:
        """In a process of its own: Ray keeps for good how its process first proved who it is."""
        wait = f"from cluster.places.nodes import await_nodes; await_nodes({self.address!r}, 1, 90)"
        subprocess.run([sys.executable, "-P", "-c", wait], env=self.environment, check=True)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A module of ours, as the head runs it."""
        return subprocess.run(
            [sys.executable, "-P", "-m", *words],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    there = Cluster(tmp_path_factory.mktemp("token"))
    host, port = there.address.split(":")
    options = ["--head", f"--node-ip-address={host}", f"--port={port}", "--num-cpus=2",
               "--include-dashboard=true", f"--dashboard-host={LOOPBACK}",
               f"--dashboard-port={there.dashboard.rpartition(':')[2]}"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, new_scratch() as scratch:
        for name in [n for n in os.environ if n.startswith("RAY_")]:
            patch.delenv(name)
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
            patch.setenv(name, there.environment[name])
        with ray_node([*options, f"--temp-dir={scratch / 'ray'}"], scratch) as node:
            there.await_head()
            assert node.poll() is None
            yield there


def test_strangers_are_turned_away(cluster: Cluster) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{cluster.dashboard}/api/jobs/", timeout=5)
        except urllib.error.HTTPError as error:
            assert error.code == 401
            break
        except urllib.error.URLError:
            assert time.monotonic() < until
            time.sleep(1)
        else:
            raise AssertionError("the Jobs API answered without a token")
    request = urllib.request.Request(
        f"{cluster.dashboard}/api/jobs/",
        headers={"Authorization": f"Bearer {cluster.token.read_text()}"},
    )
    assert urllib.request.urlopen(request, timeout=5).status == 200


def test_a_sweep_joins_it_by_address(cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    ran = cluster.run("cluster", "sweep", *SWEEP, "--address", cluster.address, "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(events(out, "done")) == 2 and (out / REPORT_FILE).is_file()


def test_another_token_does_not_join_it(cluster: Cluster, tmp_path: Path) -> None:
    other = make_token(tmp_path / "token")
    out = tmp_path / "sweep"
    words = ["cluster", "sweep", *SWEEP, "--address", cluster.address, "--out", str(out)]
    ran = cluster.run(*words, RAY_AUTH_TOKEN_PATH=str(other))
    assert ran.returncode != 0 and not (out / SPEC_FILE).exists()
    assert other.read_text() not in ran.stdout + ran.stderr


def test_a_late_node_with_other_sources_ends_the_sweep(cluster: Cluster, tmp_path: Path) -> None:
    """What is under way is left to `resume`: a node that differs would fail all that comes."""
    other = tmp_path / "other"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("*.pyc"))
    with (other / "analysis" / "indicators.py").open("a") as source:
        source.write("\n# another release\n")
    out = tmp_path / "sweep"
    words = [*SWEEP[:-5], "codec=rqvae", "--trials", "200", "--grows-to", "2:2"]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "cluster", "sweep", *words, "--address", cluster.address,
         "--out", str(out)],
        env=cluster.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as sweep, new_scratch() as scratch, pytest.MonkeyPatch.context() as patch:  # fmt: skip
        until = time.monotonic() + 120
        while not (out.is_dir() and events(out, "done")):
            assert time.monotonic() < until and sweep.poll() is None
            time.sleep(1)
        patch.setenv("PYTHONPATH", str(other))
        options = [f"--address={cluster.address}", "--num-cpus=2"]
        with ray_node(options, scratch):
            said = sweep.communicate(timeout=180)[1]
    assert sweep.returncode == 2, said
    assert "package analysis at " in said and str(other) in said and said.count("\n") == 1
    assert not events(out, "failed") and len(events(out, "proposed")) > len(events(out, "done"))


def test_the_head_runs_a_submission_once(cluster: Cluster, tmp_path: Path) -> None:
    out, spec = tmp_path / "sweep", tmp_path / "spec.yaml"
    save = ["cluster", "sweep", *SWEEP, "--address", "auto", "--save-spec", str(spec)]
    assert cluster.run(*save).returncode == 0
    entrypoint = (
        f"{sys.executable} -P -m cluster.places.entrypoint --spec {spec} --out {out} --nodes 1"
    )

    def head(*words: str) -> str:
        command, *rest = words
        ran = cluster.run(
            "cluster.places.head_job", command, "job-1", "--dashboard", cluster.dashboard, *rest
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert head("status") == "ratefront: NONE\n"
    assert head("submit", "--entrypoint", entrypoint) == "ratefront: is queued\n"
    assert head("submit", "--entrypoint", entrypoint) in (
        "ratefront: is pending already\n", "ratefront: is running already\n",
    )  # fmt: skip
    until = time.monotonic() + 200
    while (said := head("status")) not in ("ratefront: SUCCEEDED\n", "ratefront: FAILED\n"):
        assert time.monotonic() < until, said
        time.sleep(2)
    logs = head("logs")
    assert said == "ratefront: SUCCEEDED\n", logs
    assert "report: " in logs and cluster.token.read_text() not in logs
    assert head("submit", "--entrypoint", entrypoint) == "ratefront: is succeeded already\n"
    assert head("stop") == "ratefront: is not under way\n"
    assert len(events(out, "done")) == 2
