"""The books: what a trial said is durable before anything else hears of it, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.books import STOPPED_EARLY, Books
from cluster.searchers.proposer import Proposal, Proposer, make_searcher
from cluster.store import Store
from search_spaces.objectives import objectives
from tests.cluster.searchers.sweeping import Told, invented_row, some_facts, some_spec


class Desk:
    """Books over a real store, and a list of what was written and told in its order."""

    def __init__(self, folder: Path, *, create: bool = True, **search: Any) -> None:
        self.order: list[str] = []
        spec = some_spec(**{"trials": 3, **search})
        self.store = Store.create(folder, "") if create else Store.open(folder)
        if create:
            self.store.append("sweep", name="x")
        goals = objectives(spec.objectives)
        self.searcher = Told(make_searcher(spec, goals, some_facts(), {}))
        proposer = Proposer(spec, some_facts(), goals, self.searcher, self.store.append)
        self.before = self.store.read().events
        proposer.replay(self.before)
        self._watch(proposer)
        self.books = Books(self.store, proposer)

    def _watch(self, proposer: Proposer) -> None:
        tell = self.searcher.tell

        def told(ask: int, values: Any, **rest: Any) -> None:
            self.order.append(f"told after {len(self.events())} events on disk")
            tell(ask, values, **rest)

        proposer._searcher.tell = told  # type: ignore[method-assign]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What a reader finds on disk now."""
        found = self.store.read()
        return list(found.of(*kinds) if kinds else found.events)

    def next(self) -> Proposal:
        proposal = self.books.next()
        assert proposal is not None
        self.books.started(proposal.trial)
        return proposal


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "sweep")
    yield desk
    desk.store.close()


def rows_of(proposal: Proposal, levels: int = 2) -> list[dict[str, Any]]:
    return [
        {**invented_row(proposal.config, 0, depth), "levels": levels, "trial": proposal.trial}
        for depth in range(1, levels + 1)
    ]


def test_points_are_on_disk_before_the_searcher_is_told(desk: Desk) -> None:
    proposal = desk.next()
    rows = rows_of(proposal)
    desk.books.reported(proposal.trial, {"share": 1.0, "points": rows})
    assert [e["row"] for e in desk.events("point")] == rows
    assert desk.searcher.told == [] and desk.order == []
    desk.books.ended(proposal.trial)
    # sweep, proposed, started, two points, done: all of them lay on disk when it was told.
    assert desk.order == ["told after 6 events on disk"]
    assert desk.searcher.told[0][1] == [rows[1]["rate_nominal_bps"], rows[1]["val_rmse_full_cm"]]


def test_a_proposal_is_on_disk_before_it_runs(desk: Desk) -> None:
    proposal = desk.books.next()
    assert proposal is not None
    (event,) = desk.events("proposed")
    assert (event["trial"], event["config"], event["seed"]) == (
        proposal.trial,
        proposal.config,
        proposal.seed,
    )
    assert desk.books.counts()["queued"] == 3
    desk.books.started(proposal.trial)
    desk.books.started(proposal.trial)
    assert len(desk.events("started")) == 1
    assert (desk.books.counts()["queued"], desk.books.counts()["running"]) == (2, 1)


def test_a_trial_that_ends_twice_counts_once(desk: Desk) -> None:
    proposal = desk.next()
    for _ in range(2):
        desk.books.reported(proposal.trial, {"points": rows_of(proposal)})
    desk.books.ended(proposal.trial)
    desk.books.ended(proposal.trial)
    desk.books.ended(proposal.trial, "raised after its end")
    desk.books.started(proposal.trial)
    assert len(desk.events("point")) == len(desk.books.rows) == 2
    assert len(desk.events("done", "failed", "stopped")) == 1
    assert desk.books.counts()["done"] == 1 and desk.books.counts()["failed"] == 0
    assert len(desk.searcher.told) == 1


def test_progress_rows_are_kept_and_are_no_points(desk: Desk) -> None:
    proposal = desk.next()
    report = {
        "share": 0.25, "val_rmse_full_cm": 4.0, "train_loss": 0.5, "trial_id": "x",
        "config": {"trial": "x"}, "time_total_s": 1.0,
    }  # fmt: skip
    desk.books.reported(proposal.trial, report)
    desk.books.reported(proposal.trial, {"trial_id": "x"})
    (event,) = desk.events("progress")
    assert event["row"] == {"share": 0.25, "val_rmse_full_cm": 4.0, "train_loss": 0.5}
    assert desk.books.rows == [] and desk.searcher.told == []


def test_a_trial_without_points_is_stopped_not_done(desk: Desk) -> None:
    proposal = desk.next()
    desk.books.reported(proposal.trial, {"share": 0.25, "val_rmse_full_cm": 4.0})
    desk.books.ended(proposal.trial)
    (event,) = desk.events("stopped")
    assert event["reason"] == STOPPED_EARLY and event["seconds"] >= 0
    assert desk.searcher.told == [(0, None, False)], "its truncated value is told to nobody"


def test_a_failure_is_written_with_its_reason(desk: Desk) -> None:
    proposal = desk.next()
    desk.books.reported(proposal.trial, {"points": rows_of(proposal)})
    desk.books.ended(proposal.trial, "ValueError: loss is not finite")
    (event,) = desk.events("failed")
    assert event["reason"] == "ValueError: loss is not finite"
    assert desk.searcher.told == [(0, None, False)]
    assert desk.books.counts()["failed"] == 1


def test_every_change_is_shown(desk: Desk) -> None:
    seen: list[tuple[int, int, int]] = []

    def show() -> None:
        counts = desk.books.counts()
        seen.append((counts["queued"], counts["running"], counts["done"]))

    desk.books.on_change = show
    proposal = desk.next()
    desk.books.reported(proposal.trial, {"points": rows_of(proposal)})
    desk.books.ended(proposal.trial)
    assert seen[0] == (3, 0, 0) and seen[-1] == (2, 0, 1) and (2, 1, 0) in seen


# ---- taking up an earlier process ----------------------------------------------------------


def test_an_earlier_process_is_counted(desk: Desk, tmp_path: Path) -> None:
    first, second = desk.next(), desk.next()
    desk.books.reported(first.trial, {"points": rows_of(first)})
    desk.books.ended(first.trial)
    desk.books.ended(second.trial, "died")
    desk.store.close()
    again = Desk(tmp_path / "sweep", create=False)
    again.books.take_up(again.before)
    counts = again.books.counts()
    assert (counts["done"], counts["failed"], counts["queued"]) == (1, 1, 1)
    assert again.books.rows == rows_of(first)
    assert again.books.next().trial not in (first.trial, second.trial)  # type: ignore[union-attr]
    again.store.close()


def test_a_trial_whose_points_are_all_there_is_done(desk: Desk, tmp_path: Path) -> None:
    """The process died between the last point and the end: nothing is left to run."""
    proposal = desk.next()
    desk.books.reported(proposal.trial, {"points": rows_of(proposal)})
    desk.store.close()
    again = Desk(tmp_path / "sweep", create=False)
    again.books.take_up(again.before)
    assert [e["trial"] for e in again.events("done")] == [proposal.trial]
    assert again.searcher.told[0][1] is not None
    assert again.books.next().trial != proposal.trial  # type: ignore[union-attr]
    assert len(again.books.rows) == 2
    again.store.close()


def test_a_trial_whose_last_point_is_missing_runs_again_and_counts_once(
    desk: Desk, tmp_path: Path
) -> None:
    proposal = desk.next()
    desk.store.append("point", trial=proposal.trial, row=rows_of(proposal)[0])
    desk.store.close()
    again = Desk(tmp_path / "sweep", create=False)
    again.books.take_up(again.before)
    assert again.books.rows == [] and again.events("done") == []
    same = again.next()
    assert same.trial == proposal.trial
    again.books.reported(same.trial, {"points": rows_of(same)})
    again.books.ended(same.trial)
    assert again.books.rows == rows_of(same)
    again.store.close()


def test_books_are_settled_when_everything_has_an_end(desk: Desk) -> None:
    while not desk.books.proposer.exhausted:
        assert not desk.books.settled
        proposal = desk.books.next()
        if proposal is None:
            break
        desk.books.started(proposal.trial)
        assert not desk.books.settled
        desk.books.reported(proposal.trial, {"points": rows_of(proposal)})
        desk.books.ended(proposal.trial)
    assert desk.books.settled
