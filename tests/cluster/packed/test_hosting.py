"""Leases of a host: trials that are lost, let go, taken in again, and stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.packed.leases import LEASE_SECONDS, Leases
from cluster.rerun import _differs, _trained
from cluster.trial_log import TRIAL_LOG
from search_spaces.spec import RunSpec
from tests.cluster.packed.made import Clock, hear_all, hosting, request
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import STATE_NAME, TrialTask, run_trial

TIMES = {"train_seconds", "rung_seconds", "evaluate_seconds", "codec_bytes"}


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(4, 50))


def _scores(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {k: float(v) for k, v in r.items() if k not in TIMES and k.startswith(("train_", "val_"))}
        for r in rows
    ]


def test_places_are_taken_and_free_again() -> None:
    clock = Clock()
    leases = Leases(2, clock)
    one, two = leases.take({"trial": "a"}), leases.take({"trial": "b"})
    assert one is not None and two is not None and leases.take({"trial": "c"}) is None
    leases.give_back(one.number)
    assert leases.left() == [one] and leases.ask(one.number, 0) is None
    three = leases.take({"trial": "c"})
    assert three is not None and leases.left() == []
    clock.now = LEASE_SECONDS - 1
    assert leases.ask(three.number, 0) is three
    clock.now = LEASE_SECONDS + 1
    assert leases.left() == [two] and len(leases) == 1, "nobody asked after it"


def test_a_trial_that_asks_again_has_one_place() -> None:
    leases = Leases(1)
    first = leases.take({"trial": "a"})
    second = leases.take({"trial": "a"})
    assert first is not None and second is not None and first.number != second.number
    assert leases.left() == [first] and leases.ask(second.number, 0) is second


def test_a_lost_trials_place_is_free_after_a_while_and_it_goes_on_elsewhere(
    data: MotionData, tmp_path: Path
) -> None:
    """Its process died without a word; another host takes up what it had kept, to the bit."""
    clock = Clock()
    first = hosting(data, tmp_path, places=2, clock=clock)
    lost, other = first.attach(request(0)), first.attach(request(1, quantizer_depth=3))
    assert lost is not None and other is not None and first.attach(request(2)) is None
    while not lost.said:
        first.turn()
    clock.now = LEASE_SECONDS + 1
    first.leases.ask(other.number, len(other.said))
    first.turn()
    third = first.attach(request(2))
    assert third is not None, "the place is free"
    assert (tmp_path / lost.trial / "state" / STATE_NAME).is_file()
    second = hosting(data, tmp_path)
    again = second.attach(request(0))
    assert again is not None
    hear_all(second, again)
    whole = hosting(data, tmp_path / "whole")
    undisturbed = whole.attach(request(0))
    assert undisturbed is not None
    hear_all(whole, undisturbed)
    assert again.error is None
    assert _scores(again.said) == _scores(undisturbed.said)
    assert _scores(again.said[-1]["points"]) == _scores(undisturbed.said[-1]["points"])
    hear_all(first, other, third)
    assert other.error is None and third.error is None


def test_a_freed_place_is_taken_while_others_run(data: MotionData, tmp_path: Path) -> None:
    """Three trials on two places: the stopped one's is another's, and nobody's numbers move."""
    host = hosting(data, tmp_path, places=2)
    stopped, stays = host.attach(request(0)), host.attach(request(1))
    assert stopped is not None and stays is not None
    while not stopped.said:
        host.turn()
    host.leases.give_back(stopped.number)
    late = host.attach(request(2))
    assert late is not None
    hear_all(host, stays, late)
    for lease in (stays, late):
        runtime = PlainRuntime()
        asked = lease.request
        run_trial(TrialTask("sweep", asked["config"], asked["seed"], None), data, runtime)
        for one, other in zip(_scores(lease.said), _scores(runtime.reports), strict=True):
            assert one == pytest.approx(other, abs=1e-4, nan_ok=True)
    assert not stopped.over


def test_a_trial_cannot_run_ahead_of_who_hears_it(data: MotionData, tmp_path: Path) -> None:
    """A stopping rule may be slow: a trial waits with its second report, and others go on."""
    host = hosting(data, tmp_path)
    slow, quick = host.attach(request(0)), host.attach(request(1))
    assert slow is not None and quick is not None
    hear_all(host, quick)
    assert len(slow.said) == 1 and not slow.over


def test_a_trial_that_cannot_begin_says_why(data: MotionData, tmp_path: Path) -> None:
    host = hosting(data, tmp_path)
    broken = request(0)
    broken["config"] = {**broken["config"], "quantizer": "unheard_of"}
    wrong, right = host.attach(broken), host.attach(request(1))
    assert wrong is not None and right is not None
    hear_all(host, right)
    assert right.error is None
    assert wrong.over and "unheard_of" in str(wrong.error)
    said = (tmp_path / wrong.trial / TRIAL_LOG).read_text()
    assert "Traceback" in said and "unheard_of" in said
    assert not (tmp_path / right.trial / TRIAL_LOG).exists()


def test_a_machine_that_is_taken_away_keeps_every_trial(data: MotionData, tmp_path: Path) -> None:
    """Between two rungs: what was learnt since the last one is not lost with the machine."""
    notices = iter([False, False, True])
    host = hosting(data, tmp_path, noticed=lambda: next(notices, False))
    lease = host.attach(request(0, max_steps=4000))
    assert lease is not None
    for _ in range(2):
        host.turn()
    state = tmp_path / lease.trial / "state" / STATE_NAME
    assert not state.exists()
    host.turn()
    assert state.is_file() and not lease.said


def test_rerun_comes_to_what_a_pack_came_to(data: MotionData, tmp_path: Path) -> None:
    host = hosting(data, tmp_path / "packed")
    asked = [request(seed, quantizer_backend="fused") for seed in range(3)]
    leases = [lease for one in asked if (lease := host.attach(one)) is not None]
    hear_all(host, *leases)
    assert len(leases) == 3 and not any(lease.error for lease in leases)
    for one, lease in zip(asked, leases, strict=True):
        recorded = [row for said in lease.said for row in said.get("points", ())]
        task = TrialTask("sweep", one["config"], one["seed"], tmp_path / "again" / one["trial"],
                         objectives=())  # fmt: skip
        now = _trained(task, data, RunSpec(placement="packed", threads=1))
        assert recorded and _differs(recorded, now) == ""
        alone = run_trial(replace(task, folder=tmp_path / "alone" / one["trial"]), data,
                          PlainRuntime())  # fmt: skip
        assert _differs(recorded, alone), "else nothing were to be minded"
