"""A real autoscaler of Ray's starts nodes for a sweep's trials and gives them back.

Its nodes are raylets on this machine; what starts them is Ray's own, as in its tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

from search_spaces.record import POINTS_CSV
from tests.cluster.processes import below, kill

ROOT = Path(__file__).resolve().parents[2]
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
COUNT = """
import json, ray
ray.init(address="auto", log_to_driver=False)
print(json.dumps([node["Alive"] for node in ray.nodes()]))
"""


def config(address: str) -> dict[str, object]:
    """A head without cores, and two nodes of one core that may be started."""
    empty = [
        "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
        "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files",
        "rsync_exclude", "rsync_filter",
    ]  # fmt: skip
    return {
        "cluster_name": "growing",
        "max_workers": 2,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "external", "module": PROVIDER, "disable_node_updaters": True,
            "head_node_id": FAKE_HEAD_NODE_ID, "gcs_address": address,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "small": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 2},
        },
        **{name: [] for name in empty},
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        "file_mounts_sync_continuously": False,
    }  # fmt: skip


@contextlib.contextmanager
def growing(place: Path) -> Iterator[dict[str, str]]:
    """A head with an autoscaler; the environment in which programs find it."""
    import ray

    (place / "token").write_text(secrets.token_hex(32))
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    address = f"{ray._private.services.get_node_ip_address()}:{port}"
    (place / "config.json").write_text(json.dumps(config(address)))
    own = {
        "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(place / "token"),
        "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1", "OMP_NUM_THREADS": "1",
        "RAY_enable_autoscaler_v2": "1", "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    }  # fmt: skip
    environment = {**os.environ, **own}
    with (place / "head.log").open("wb") as said:
        head = subprocess.Popen(
            [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
             f"--port={port}", "--num-cpus=0", f"--temp-dir={place / 'r'}",
             f"--autoscaling-config={place / 'config.json'}", "--include-dashboard=false"],
            env={**environment, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID},
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        yield {**environment, "RAY_ADDRESS": address}
    finally:
        for process in below(head.pid):
            kill(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)
        head.wait()


def run(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip


def alive(environment: dict[str, str]) -> list[bool]:
    """Of each node that ever was, whether it lives; empty while there is no head yet."""
    said = run(["-c", COUNT], environment)
    found: list[bool] = json.loads(said.stdout.splitlines()[-1]) if said.returncode == 0 else []
    return found


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_an_autoscaler_starts_nodes_for_trials_and_gives_them_back() -> None:
    with tempfile.TemporaryDirectory(prefix="rf") as short:  # Ray puts sockets there
        place = Path(short)
        with growing(place) as environment:
            until = time.monotonic() + 300
            while alive(environment) != [True]:
                assert time.monotonic() < until, (place / "head.log").read_text()[-3000:]
                time.sleep(1)
            sweep = ["-m", "cluster", "sweep", "rate_distortion", "--size", "debug",
                     "--trials", "6", "--address", "auto", "--out"]  # fmt: skip
            small = run([*sweep, str(place / "small")], environment)
            why = small.stderr + (place / "head.log").read_text()[-3000:]
            assert small.returncode == 2 and "which never fits" in small.stderr, why
            grown = run([*sweep, str(place / "grown"), "--grows-to", "2:1"], environment)
            assert grown.returncode == 0, grown.stdout[-3000:] + grown.stderr[-3000:]
            assert len(pd.read_csv(place / "grown" / POINTS_CSV)) >= 6
            assert len(alive(environment)) == 3
            while sum(alive(environment)) > 1:
                assert time.monotonic() < until + 900, "nodes are never given back"
                time.sleep(1)
