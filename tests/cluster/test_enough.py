"""A sweep that has looked enough proposes nothing new; before that, and undecided, it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.indicators import hypervolume
from cluster.books import Books
from cluster.enough import Enough, device_seconds
from cluster.searchers.proposer import Proposal, Proposer, make_searcher
from cluster.store import Store
from search_spaces.errors import BadInput
from search_spaces.limits import limits
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.search_spec import SearchSpec
from tests.cluster.searchers.sweeping import REFERENCE, invented_row, some_facts, some_spec

GOALS = objectives(["rate_nominal_bps", "rmse_full_cm"])


def row(rate: float, rmse: float) -> dict[str, Any]:
    return {"rate_nominal_bps": rate, "val_rmse_full_cm": rmse}


def follower(**search: Any) -> Enough:
    return Enough(SearchSpec.model_validate({"stop_after": 4, **search}), GOALS, REFERENCE)


def test_volume_is_measured_by_the_second() -> None:
    enough = follower(stop_when="hypervolume<50%", stop_window=2)
    # 4000 of 5000 bits/s times 20 of 25 cm in 10 s, then a tenth of that in 2 s: half the mean.
    enough.ended(10.0, [row(1000, 5)])
    enough.ended(0.0, [row(1000, 5)])
    enough.ended(1.0, [row(1000, 3)])
    enough.ended(1.0)
    assert enough.verdict() is None  # 8000 in 2 s against 88000 in 12 s: 54.5 %
    enough = follower(stop_when="hypervolume<55%", stop_window=2)
    for seconds, points in ((10, [row(1000, 5)]), (0, []), (1, [row(1000, 3)]), (1, [])):
        enough.ended(seconds, points)
    said = enough.verdict()
    assert said is not None and said.gain == pytest.approx(100 * (8000 / 2) / (88000 / 12))
    assert said.window == 2 and said.seconds == 2 and "under 55 %" in said.reason


def test_what_breaks_a_limit_adds_nothing() -> None:
    wanted = limits(["rmse_hands_cm<=4"])
    search = SearchSpec.model_validate(
        {"stop_after": 2, "stop_when": "hypervolume<5%", "stop_window": 1}
    )
    for hands, enough_now in ((5.0, True), (3.0, False)):
        enough = Enough(search, GOALS, REFERENCE, wanted)
        enough.ended(1.0, [{**row(1000, 15), "val_rmse_hands_cm": 2.0}])
        enough.ended(1.0, [{**row(500, 5), "val_rmse_hands_cm": hands}])
        assert (enough.verdict() is not None) == enough_now


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 24)), max_size=4),
        min_size=4,
        max_size=15,
    )
)
def test_points_that_were_left_out_are_missed_by_no_front(trials: list[list[Any]]) -> None:
    enough = follower(stop_when="hypervolume<100%", stop_window=2)
    for n, points in enumerate(trials, start=1):
        enough.ended(1.0, [row(100.0 * rate, float(rmse)) for rate, rmse in points])
        said = enough.verdict()
        corner = np.array([REFERENCE[goal.name] for goal in GOALS])
        if n < 4:
            continue
        all_of = [
            np.array([(100.0 * r, float(d)) for points in trials[:until] for r, d in points])
            for until in (n - 2, n)
        ]
        old, new = (hypervolume(points.reshape(-1, 2), corner).value for points in all_of)
        gain = 100 * (new - old) / 2 / (new / n) if new else None
        if gain is None or gain > 100 + 1e-6:
            assert said is None
        elif gain < 100 - 1e-6:
            assert said is not None and said.gain == pytest.approx(gain, abs=1e-9)


def test_nothing_ends_before_the_least_number_of_trials() -> None:
    enough = follower(stop_when="hypervolume<5%", stop_window=1)
    for number in range(4):
        assert enough.verdict() is None
        enough.ended(1.0, [row(1000, 5)])
        assert (enough.verdict() is not None) == (number == 3)


def test_a_window_of_time_holds_the_trials_that_ended_in_it() -> None:
    enough = follower(stop_when="hypervolume<5%", stop_window=0.5)
    for seconds in (1, 1, 1, 5):
        enough.ended(seconds, [row(1000, 5)])
    said = enough.verdict()
    assert said is not None and said.window == 1


@pytest.mark.parametrize("search", [{"stop_when": "none"}, {"stop_when": "bd_rate<5%"}])
def test_what_cannot_be_said_ends_nothing(search: dict[str, Any]) -> None:
    enough = follower(**search)
    for _ in range(8):
        enough.ended(1.0, [row(1000, 5)])  # a single point is no curve
    assert enough.verdict() is None


def test_bits_saved_at_equal_distortion() -> None:
    def after(*last: dict[str, Any]) -> Enough:
        enough = follower(stop_when="bd_rate<5%", stop_window=1)
        for _ in range(3):
            enough.ended(1.0, [row(100 * 2**i, 16 - 3 * i) for i in range(4)])
        enough.ended(1.0, last)
        return enough

    assert after().verdict() is not None
    assert after(row(210, 13)).verdict() is not None  # dominated
    better = after(*[row(80 * 2**i, 16 - 3 * i) for i in range(4)])
    assert better.verdict() is None  # a fifth of the bits
    assert after(row(1600, 4)).verdict() is None  # the front reaches further, unseen by BD-rate


def test_a_failed_measure_is_refused_in_one_line() -> None:
    for setting, said in (
        ("stop_when=hv<5%", "write hypervolume<5%"),
        ("stop_when=hypervolume<0%", "write hypervolume<5%"),
        ("stop_window=2.5", "whole trials"),
        ("repeat_front=1", "a higher number"),
    ):
        with pytest.raises(BadInput, match=said):
            load_spec("rate_distortion", settings=[setting])
    three = "objectives=rate_nominal_bps,rmse_full_cm,rmse_body_cm"
    with pytest.raises(BadInput, match="needs two objectives"):
        load_spec("rate_distortion", settings=["stop_when=bd_rate<1%", three])
    with pytest.raises(BadInput, match="--seeds 3 repeats"):
        load_spec("klezovich/table1", settings=["repeat_front=3"])


def test_seconds_leave_pauses_out() -> None:
    assert device_seconds([{"train_seconds": 2.0, "evaluate_seconds": 0.5}], 1e6) == 2.5
    assert device_seconds([], 7.0) == 7.0


class Desk:
    """Books over a real store, whose trials never get better after the first."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        spec = some_spec(
            trials=20, sampler="random", stop_when="hypervolume<5%", stop_window=3, stop_after=5
        )
        self.store = Store.create(folder, "") if create else Store.open(folder)
        if create:
            self.store.append("sweep", name="x")
        searcher = make_searcher(spec, GOALS, some_facts(), REFERENCE)
        self.proposer = Proposer(spec, some_facts(), GOALS, searcher, self.store.append)
        events = self.store.read().events
        self.proposer.replay(events)
        self.books = Books(self.store, self.proposer, Enough(spec.search, GOALS, REFERENCE))
        self.books.take_up(events)

    def end(self, proposal: Proposal) -> None:
        self.books.started(proposal.trial)
        last = {**invented_row({"codebook_size": 8}, 0), "train_seconds": 1.0}
        self.books.reported(proposal.trial, {"share": 1.0, "points": [last]})
        self.books.ended(proposal.trial)

    def run(self, most: int = 100) -> int:
        ran = 0
        while ran < most and (proposal := self.books.next()) is not None:
            self.end(proposal)
            ran += 1
        return ran


def test_a_sweep_ends_with_its_reason_and_stays_ended(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "sweep")
    assert desk.run() == 5 and desk.books.settled
    (said,) = desk.store.read().of("enough")
    assert said["reason"] == desk.books.enough and said["gain"] == 0 and said["window"] == 3
    desk.store.close()
    again = Desk(tmp_path / "sweep", create=False)
    assert again.run() == 0 and again.books.enough == said["reason"]
    assert len(list(again.store.read().of("enough"))) == 1
    again.store.close()


def test_a_kill_before_the_decision_was_written_decides_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "sweep")
    under_way = [desk.books.next() for _ in range(2)]  # these are finished whatever is decided
    desk.run(5)
    desk.store.close()
    log = tmp_path / "sweep" / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    assert '"enough"' in lines[-1]
    log.write_text("".join(lines[:-1]))
    again = Desk(tmp_path / "sweep", create=False)
    assert len(list(again.store.read().of("enough"))) == 1
    assert all(p is not None for p in under_way) and again.run() == 2
    again.store.close()
