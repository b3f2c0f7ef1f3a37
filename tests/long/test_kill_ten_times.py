"""The ordeal of `kill_ten_times.py` on real motion, and that its audit notices what is wrong.

`RATEFRONT_KILLS`, `RATEFRONT_KILL_TRIALS` and `RATEFRONT_KILL_SEED` make it smaller or another one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.log import read_log
from cluster.searchers.proposer import ReplayMismatch
from search_spaces.space import trial_id
from tests.long.kill_ten_times import Ordeal, audit, replay, suffer

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(1200)]
KILLS = int(os.environ.get("RATEFRONT_KILLS", "10"))
TRIALS = int(os.environ.get("RATEFRONT_KILL_TRIALS", "60"))
SEED = int(os.environ.get("RATEFRONT_KILL_SEED", "0"))
DEADLINE_S = 900.0


@pytest.fixture(scope="module")
def ordeal(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Ordeal:
    """A sweep that was killed at random moments and resumed every time."""
    out = tmp_path_factory.mktemp("killed") / "sweep"
    return suffer(
        real / "cmu_iclone", out, trials=TRIALS, kills=KILLS, seed=SEED, deadline=DEADLINE_S
    )


def test_the_books_of_a_sweep_that_was_killed_again_and_again_balance(ordeal: Ordeal) -> None:
    counted = audit(ordeal, TRIALS)
    assert counted["kills"] == KILLS and counted["resumed"] == (KILLS + 1) // 2
    assert counted["done"] + counted["failed"] == TRIALS


def _without(kind: str) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        at = max(i for i, line in enumerate(lines) if f'"event":"{kind}"' in line)
        return [*lines[:at], *lines[at + 1 :]]

    return change


def _twice(lines: list[str]) -> list[str]:
    return [*lines, next(line for line in lines if '"event":"done"' in line)]


@pytest.mark.parametrize(
    "change", [_without("point"), _without("done"), _twice],
    ids=["a point is lost", "an end is lost", "a trial ends twice"],
)  # fmt: skip
def test_the_audit_notices(
    ordeal: Ordeal, change: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ordeal.folder, copy)
    log = copy / "log.jsonl"
    log.write_text("".join(f"{line}\n" for line in change(log.read_text().splitlines())))
    with pytest.raises(AssertionError):
        audit(replace(ordeal, folder=copy, logs=[]), TRIALS)


def test_the_replay_notices_that_a_proposal_differs(ordeal: Ordeal, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ordeal.folder, copy)
    log = copy / "log.jsonl"
    assert replay(copy) >= TRIALS
    last = [e for e in read_log(copy).events if e["event"] == "proposed"][-1]
    other = trial_id({**last["config"], "codebook_size": 3}, last["seed"])
    lines = [line.replace(last["trial"], other) for line in log.read_text().splitlines()]
    at = max(i for i, line in enumerate(lines) if '"event":"proposed"' in line)
    event = json.loads(lines[at])
    event["config"]["codebook_size"] = 3
    event["config_hash"] = other.rsplit("-", 2)[1]
    log.write_text(
        "".join(f"{line}\n" for line in [*lines[:at], json.dumps(event), *lines[at + 1 :]])
    )
    with pytest.raises(ReplayMismatch):
        replay(copy)
