"""A sweep over real motion that is killed at random moments, resumed, and audited.

    python tests/long/kill_ten_times.py --data DIR --out DIR [--trials 60] [--kills 10]

Kills alternate between the driver (alone, or with every process below it) and a trial's process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from tests.cluster.processes import Process, below, gone, is_trial, kill  # noqa: E402

BUDGET = ("--size", "debug", "--set", "max_steps=40", "--set", "hidden_dim=32")
ENDS = ("done", "stopped", "failed")
LAST_OF_RAY_S = 90.0
"""Two agents of Ray notice about a minute after a kill of the driver alone that they are alone."""
TIMES = ("train_seconds", "evaluate_seconds")


@dataclass
class Ordeal:
    """What was done to a sweep."""

    folder: Path
    kills: list[str] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)
    orphans: list[Process] = field(default_factory=list)
    exit_code: int = -1
    seconds: float = 0.0


def suffer(data: Path, out: Path, *, trials: int, kills: int, seed: int, deadline: float) -> Ordeal:
    """Runs a sweep to its end in spite of `kills` kills.

    Raises:
        TimeoutError: it took longer than `deadline` seconds.
    """
    rng = random.Random(seed)
    after = sorted(rng.choices(range(trials - 1), k=kills))
    ordeal = Ordeal(out)
    log = out / "log.jsonl"
    script = str(Path(sys.executable).with_name("ratefront"))
    first = [
        script, "sweep", "rate_distortion", "--data", str(data), "--out", str(out),
        "--trials", str(trials), "--retries", "1", *BUDGET,
    ]  # fmt: skip
    began = time.monotonic()
    said = out.with_name(f"{out.name}.printed").open("ab")

    def launch(command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)

    driver = launch(first)
    try:
        for number, ended in enumerate(after):
            while driver.poll() is None and _ended(log) < ended:
                _in_time(began, deadline)
                time.sleep(0.1)
            time.sleep(rng.uniform(0.0, 5.0))
            if driver.poll() is not None:
                break
            if number % 2:
                ordeal.kills.append(_kill_a_trial(driver, rng, began, deadline))
                ordeal.logs.append(log.read_bytes())
                continue
            # A sweep that has no folder yet has nothing to resume.
            while not (out / "sweep.yaml").exists():
                _in_time(began, deadline)
                time.sleep(0.1)
            with_all = number % 4 == 2
            family = below(driver.pid)
            ordeal.orphans += family
            driver.kill()
            for process in family if with_all else ():
                kill(process)
            driver.wait()
            whom = "driver and all below it" if with_all else "driver alone"
            ordeal.kills.append(f"{whom} at {time.monotonic() - began:.0f} s")
            ordeal.logs.append(log.read_bytes())
            driver = launch([script, "resume", str(out)])
        while driver.poll() is None:
            _in_time(began, deadline)
            time.sleep(0.2)
    finally:
        if driver.poll() is None:
            for process in below(driver.pid):
                kill(process)
            driver.kill()
        said.close()
    ordeal.exit_code = driver.returncode
    ordeal.seconds = time.monotonic() - began
    return ordeal


def _ended(log: Path) -> int:
    return log.read_bytes().count(b'"event":"done"') if log.exists() else 0


def _in_time(began: float, deadline: float) -> None:
    if time.monotonic() - began > deadline:
        raise TimeoutError(f"the sweep has not come to its end within {deadline:g} s")


def _kill_a_trial(
    driver: subprocess.Popen[bytes], rng: random.Random, began: float, deadline: float
) -> str:
    while driver.poll() is None:
        _in_time(began, deadline)
        running = [p for p in below(driver.pid) if is_trial(p)]
        if running:
            kill(rng.choice(running))
            return f"a trial's process at {time.monotonic() - began:.0f} s"
        time.sleep(0.1)
    return "a trial's process: too late"


def audit(ordeal: Ordeal, trials: int) -> dict[str, Any]:
    """Balances the books; returns what was counted.

    Raises:
        AssertionError: names what does not add up.
    """
    import pandas as pd

    from analysis.log import read_log
    from search_spaces.record import point_id
    from search_spaces.space import trial_id

    assert ordeal.exit_code in (0, 1), f"exit code {ordeal.exit_code}"
    now = (ordeal.folder / "log.jsonl").read_bytes()
    for number, before in enumerate(ordeal.logs):
        assert now.startswith(before), f"the log before kill {number} is no prefix of the last"
    log = read_log(ordeal.folder)
    proposed = [e for e in log.events if e["event"] == "proposed"]
    asked = {(e["config_hash"], e["seed"]) for e in proposed}
    assert len(asked) == len({e["trial"] for e in proposed}) == len(proposed) == trials
    assert all(e["trial"] == trial_id(e["config"], e["seed"]) for e in proposed)
    ends = Counter(e["trial"] for e in log.of(*ENDS))
    assert set(ends) == {e["trial"] for e in proposed}, "a trial has no end, or an unknown one"
    assert set(ends.values()) == {1}, "a trial ended twice"
    kinds = Counter(e["event"] for e in log.events)
    refused = {e["trial"] for e in log.of("refused")}
    pruned = {e["trial"] for e in log.of("pruned")}  # the default keeps what is on a front

    acknowledged: dict[str, list[dict[str, Any]]] = {}
    for event in log.of("point"):
        name = point_id(event["trial"], event["row"]["depth"])
        acknowledged.setdefault(name, []).append(event["row"])
    table = pd.read_parquet(ordeal.folder / "points.parquet")
    done = {e["trial"] for e in log.of("done")}
    assert table["point"].is_unique, "a point stands twice"
    of_done = {n for n, rows in acknowledged.items() if rows[0]["trial"] in done}
    assert set(table["point"]) == of_done, "an acknowledged point is lost, or one came from nowhere"
    assert set(table["trial"]) == done
    for name, rows in acknowledged.items():
        values = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
        assert all(v == values[0] for v in values), f"{name} was measured twice, differently"
    for trial, mine in table.groupby("trial"):
        residual = mine["codec"].iloc[0] != "kmeans"
        levels = int(mine["levels"].iloc[0])
        want = list(range(1, levels + 1)) if residual else [levels]
        assert sorted(mine["depth"]) == want, f"{trial} lacks a depth"
        kept = {p.name for p in (ordeal.folder / "trials" / str(trial)).iterdir()}
        assert {"tokens.npz", "curve.json"} <= kept, f"{trial} lacks an artefact"
        assert ("codec" in kept) == (trial not in pruned), f"{trial}: {kept}"
        assert not any(p.startswith(".part") or p == "state" for p in kept), f"{trial}: {kept}"
        curve = json.loads((ordeal.folder / "trials" / str(trial) / "curve.json").read_text())
        shares = [row["share"] for row in curve]
        assert shares == sorted(set(shares)) and shares[-1] == 1.0, f"{trial}: {shares}"

    rows_of = pd.read_csv(ordeal.folder / "trials.csv")
    assert rows_of["trial"].is_unique
    statuses = Counter(rows_of["status"])
    assert statuses == Counter(
        {k: v for k, v in {**{k: kinds[k] for k in ENDS}, "refused": len(refused)}.items() if v}
    )
    assert sum(statuses.values()) - statuses["refused"] == trials
    replayed = replay(ordeal.folder)
    patience = time.monotonic() + LAST_OF_RAY_S
    while left := [p for p in ordeal.orphans if not gone(p)]:
        assert time.monotonic() < patience, f"outlived its driver: {left}"
        time.sleep(1.0)
    return {
        "kills": len([k for k in ordeal.kills if "too late" not in k]),
        "resumed": kinds["resumed"],
        "proposed": len(proposed),
        **{k: statuses[k] for k in (*ENDS, "refused")},
        "points in the table": len(table),
        "point events": kinds["point"],
        "pruned": len(pruned),
        "torn lines": log.torn,
        "asks replayed": replayed,
        "exit code": ordeal.exit_code,
        "seconds": round(ordeal.seconds),
    }


def replay(folder: Path) -> int:
    """Makes every proposal of a log again; returns how many there were.

    Raises:
        ReplayMismatch: one differs.
    """
    from analysis.log import read_log
    from cluster.searchers.proposer import Proposer, make_searcher
    from search_spaces.objectives import objectives
    from search_spaces.spec import parse_spec

    log = read_log(folder)
    spec = parse_spec(log.sweep["spec"], "log")
    goals = objectives(spec.objectives)
    assert log.facts is not None

    def nothing_new(*_: object, **__: object) -> None:
        raise AssertionError("the replay wants to write a proposal that the log lacks")

    proposer = Proposer(
        spec,
        log.facts,
        goals,
        make_searcher(spec, goals, log.facts, log.sweep["reference_point"]),
        nothing_new,
    )
    assert proposer.replay(log.events) == [], "trials are left over"
    return len({e["ask"] for e in log.of("proposed", "refused", "repeated")})


def main() -> int:
    """Runs the ordeal and prints what the audit counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=900.0)
    given = parser.parse_args()
    ordeal = suffer(
        given.data, given.out.absolute(), trials=given.trials, kills=given.kills, seed=given.seed,
        deadline=given.deadline,
    )  # fmt: skip
    for killed in ordeal.kills:
        print("killed:", killed)
    for name, count in audit(ordeal, given.trials).items():
        print(f"{name}: {count}")
    print("the books balance")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sys.exit(main())
