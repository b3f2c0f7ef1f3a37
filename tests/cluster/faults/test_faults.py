"""Whatever dies, a sweep ends with every operating point, each once, and gives everything back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cluster import without_ray
from tests.cluster.faults.storm import ROOT, Storm, soon
from tests.cluster.processes import below
from tests.cluster.sweeping import events, points
from tests.cluster.test_kill import assert_same

pytestmark = pytest.mark.ray

FEW = {"trial": 2, "memory": 1, "worker": 1, "short_cut": 1, "driver_lost": 1}
MANY = {
    "trial": 80, "worker": 10, "memory": 24, "node": 6, "short_cut": 70, "long_cut": 2,
    "disk": 3, "preemption": 2, "driver_lost": 3, "head": 1,
}  # fmt: skip
"""Faults by class: 201."""
FREE = """
import json, ray
ray.init(address="auto", log_to_driver=False)
from ray.util import placement_group_table
groups = [g["state"] for g in placement_group_table().values()]
print(json.dumps([ray.available_resources(), ray.cluster_resources(), groups]))
"""


def weather(storm: Storm, faults: dict[str, int], seed: int) -> None:
    """Faults of all classes in an order that nobody chose, and trials that end among them."""
    rng = np.random.default_rng(seed)
    for kind in rng.permutation([kind for kind, n in faults.items() for _ in range(n)]):
        storm.inject(str(kind), rng)
        storm.ticket(int(rng.random() < 0.25))


def everything_is_free(storm: Storm) -> bool:
    """Whether all that the cluster has can be had."""
    ran = subprocess.run(
        [sys.executable, "-c", FREE], env=storm.environment, cwd=storm.place,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    free, whole, groups = json.loads(ran.stdout.splitlines()[-1])
    # Object stores are caches: what lies in them is not reserved.
    free, whole = ({k: v for k, v in r.items() if "object_store" not in k} for r in (free, whole))
    return free == whole and set(groups) <= {"REMOVED"}


def nothing_is_lost_or_doubled(storm: Storm, straight: pd.DataFrame) -> Counter[str]:
    """Compares with a run that nothing hit; how trials ended."""
    folder = storm.out
    told = events(folder)
    proposed = [e["trial"] for e in told if e["event"] == "proposed"]
    ends = Counter(e["trial"] for e in told if e["event"] in ("done", "failed", "stopped"))
    assert len(set(proposed)) == len(proposed) and set(ends) == set(proposed)
    assert set(ends.values()) == {1}, "a trial ends once"
    assert told[-1]["event"] == "finished"
    assert_same(points(folder), straight)
    assert pd.read_csv(folder / "trials.csv")["status"].isin(["done"]).all()
    return Counter(e["event"] for e in told)


def survives(place: Path, faults: dict[str, int], *, hosts: int, seeds: int) -> None:
    """The whole story; prints what was injected."""
    storm = Storm(place, hosts, seeds)
    with storm.running():
        weather(storm, faults, seed=7)
        straight = place / "straight"
        ran = subprocess.Popen(
            [sys.executable, without_ray.__file__, "sweep", str(place / "spec.yaml"),
             "--out", str(straight)],
            env={**storm.environment, "PYTHONPATH": str(ROOT)}, cwd=place,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        with ran:
            assert storm.finish() == 0, storm.said()
            soon(lambda: everything_is_free(storm), "everything is free again", limit=60)
            said_straight, _ = ran.communicate()
        assert ran.returncode == 0, said_straight
        kinds = nothing_is_lost_or_doubled(storm, points(straight))
        said = {"faults": dict(storm.count), "left out": storm.left_out, "hosts": storm.hosts.said,
                "driver ended with": storm.exits, "events": dict(kinds),
                "points": len(points(storm.out)),
                "kept at a notice": storm.kept_at_notice}  # fmt: skip
        raylets = [host.raylet for host in storm.hosts.hosts]
        assert raylets and not [p for host in storm.hosts.hosts for p in host.trials()]
    assert not [p for pid in raylets for p in below(pid)]
    print(json.dumps(said))


STORMS = {"few": (FEW, 1, 3), "many": (MANY, 2, 40)}
"""Faults, hosts, seeds."""


def survived(place: Path, storm: str) -> dict[str, Any]:
    """What a storm says, lived through in a process of its own.

    Ray keeps for good how its process first proved who it is, and other tests came before.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "tests.cluster.faults.test_faults", str(place), storm],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-6000:]
    said: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    print(said)
    faults = STORMS[storm][0]
    assert said["faults"] == {k: n for k, n in faults.items() if k not in said["left out"]}
    return said


@pytest.mark.timeout(1200)  # minutes, beside other work
def test_a_sweep_survives_a_few_faults(tmp_path: Path) -> None:
    survived(tmp_path, "few")


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_sweep_survives_two_hundred_faults(tmp_path: Path) -> None:
    assert survived(tmp_path, "many")["kept at a notice"], "no trial kept its state at a notice"


if __name__ == "__main__":
    chosen, hosts_of_it, seeds_of_it = STORMS[sys.argv[2]]
    survives(Path(sys.argv[1]), chosen, hosts=hosts_of_it, seeds=seeds_of_it)
