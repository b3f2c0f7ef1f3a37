"""Numbers for Prometheus: what is served is what the dashboard asks for, and follows the books."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.dashboard.modules.reporter.reporter_agent import METRICS_GAUGES

from cluster.metrics import GAUGES, SECONDS, Meters

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "ratefront.json"


class Gauge:
    """Remembers what was set."""

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.keys, self.values = set(tag_keys), {}  # type: ignore[var-annotated]
        assert description and re.fullmatch(r"[a-z_]+", name)

    def set(self, value: float, tags: dict[str, str]) -> None:
        assert set(tags) == self.keys
        self.values[tags.get("status", "")] = value


def test_the_dashboard_asks_for_every_number_and_for_no_other() -> None:
    board = json.loads(DASHBOARD.read_text())
    asked = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    names = set(re.findall(r"ray_[a-z_]+", " ".join(asked)))
    ours = {f"ray_{name}" for name in GAUGES}
    assert ours <= names
    assert names - ours <= {f"ray_{name}" for name in METRICS_GAUGES}
    labels = {label for _, labels in GAUGES.values() for label in labels}
    assert set(re.findall(r"by \(([^)]*)\)", " ".join(asked))) <= {"sweep", "sweep, status"}
    assert labels == {"sweep", "status"}
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places) and len({p["id"] for p in board["panels"]}) == len(
        places
    )


def test_numbers_follow_the_books() -> None:
    now, counts = [0.0], Counter(queued=4)
    books: Any = SimpleNamespace(counts=lambda: Counter(counts), rows=[])
    job: Any = SimpleNamespace(sweep="x", placement="group", workers=2, gpus=0.5, threads=3)
    made: dict[str, Gauge] = {}

    def gauge(name: str, **more: Any) -> Gauge:
        return made.setdefault(name, Gauge(name, **more))

    meters = Meters(books, job, gauge, clock=lambda: now[0])
    meters.update()
    assert made["ratefront_trials"].values["queued"] == 4
    now[0] += 1
    counts.update(running=3)
    meters.update()
    assert made["ratefront_trials"].values["running"] == 0, "too soon"
    now[0] += SECONDS
    meters.update()
    assert made["ratefront_gpus_in_use"].values[""] == 3
    assert made["ratefront_cpus_in_use"].values[""] == 18
    assert made["ratefront_last_event_seconds"].values[""] == 0
    now[0] = 1800.0
    counts.update(done=2, failed=1, running=-3)
    books.rows = [1, 2, 3]
    meters.update()
    assert made["ratefront_trials_per_hour"].values[""] == 6
    assert made["ratefront_points"].values[""] == 3
    now[0] = 1800.0 + 3600
    meters.update()
    assert made["ratefront_trials_per_hour"].values[""] == 0
    assert made["ratefront_last_event_seconds"].values[""] == 3600


SERVED = """
import socket, sys, time, urllib.request
from collections import Counter
from types import SimpleNamespace
import ray
from ray.util.metrics import Gauge
from cluster.metrics import GAUGES, Meters

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
ray.init(
    address="local", num_cpus=1, include_dashboard=False, log_to_driver=False,
    _temp_dir=sys.argv[1], _metrics_export_port=port,
    _system_config={"metrics_report_interval_ms": 500},
)
counts = Counter(queued=4, running=2)
books = SimpleNamespace(counts=lambda: counts, rows=[1, 2, 3])
Meters(books, SimpleNamespace(sweep="x", placement="local", workers=1, gpus=0.5, threads=1),
       Gauge).update()
lines, until = [], time.monotonic() + 120
while len({line.split("{")[0] for line in lines}) < len(GAUGES) and time.monotonic() < until:
    time.sleep(0.5)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        continue
    lines = [line for line in text.splitlines() if line.startswith("ray_ratefront_")]
print("\\n".join(lines))
"""


@pytest.mark.long
@pytest.mark.ray
def test_rays_agent_serves_them() -> None:
    # A short path: Ray puts sockets there.
    with tempfile.TemporaryDirectory(prefix="rf") as place:
        ran = subprocess.run(
            [sys.executable, "-c", SERVED, place], cwd=ROOT, capture_output=True, text=True,
            check=True, timeout=300,
        )  # fmt: skip
    served = {
        (match[1], match[2] or ""): float(match[3])
        for line in ran.stdout.splitlines()
        if (match := re.fullmatch(r"ray_(\w+)\{(?:.*status=\"(\w+)\")?.*\} (\S+)", line))
    }
    assert {name for name, _ in served} == set(GAUGES)
    assert served["ratefront_trials", "queued"] == 4 and served["ratefront_points", ""] == 3
    assert served["ratefront_gpus_in_use", ""] == 1 and served["ratefront_cpus_in_use", ""] == 2
