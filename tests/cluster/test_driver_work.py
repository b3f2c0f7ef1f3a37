"""What the driver does for a trial does not grow with the trials before it: work is counted."""

from __future__ import annotations

import io
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import cluster.retention
from analysis.indicators import nondominated
from cluster import progress
from cluster.books import Books
from cluster.mean_fronts import MeanFront
from cluster.progress import Progress
from cluster.retention import Retention, near_front
from cluster.schedulers.halving import SuccessiveHalving
from cluster.schedulers.ranking import place_of, positions
from cluster.searchers.proposer import Proposer, make_searcher
from cluster.store import Store
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.record import CODEC_FOLDER, TRIALS_FOLDER
from tests.cluster.searchers.sweeping import REFERENCE, some_facts, some_spec
from tests.cluster.stopping import Sweep
from tests.cluster.test_retention import GOALS, row


class Counted:
    """A function of arrays, and the rows that it was given."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.rows = inner, 0

    def __call__(self, values: np.ndarray, *rest: Any) -> Any:
        self.rows += len(values)
        return self.inner(values, *rest)


def retained(folder: Path, trials: int, seeds: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows that are looked at while so many trials end."""
    near, front = Counted(near_front), Counted(nondominated)
    monkeypatch.setattr(cluster.retention, "near_front", near)
    monkeypatch.setattr(cluster.retention, "nondominated", front)
    monkeypatch.setattr("cluster.mean_fronts.nondominated", front)
    retention = Retention(load_spec("rate_distortion"), GOALS, folder, lambda *_, **__: None)
    rng = np.random.default_rng(0)
    for trial in range(trials):
        rate = float(rng.integers(1, 9) * 100)
        points = [
            row(f"t{trial}", rate * d, float(rng.uniform(5, 20)) / d, depth=d,
                config_hash=f"c{trial // seeds}")
            for d in (1, 2, 3)
        ]  # fmt: skip
        retention.remove(retention.done(f"t{trial}", points))
    return near.rows + front.rows


@pytest.mark.parametrize("seeds", [1, 2])
def test_retention_looks_at_what_is_kept(
    seeds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = retained(tmp_path, 200, seeds, monkeypatch)
    many = retained(tmp_path, 800, seeds, monkeypatch)
    assert many < 9 * few, "with a look at all trials it would be sixteen times as much"


@pytest.mark.parametrize("case", range(20))
def test_the_front_of_means_is_that_of_all_means(case: int) -> None:
    rng = np.random.default_rng(case)
    kept = MeanFront(2, lambda limited: bool((limited < 0.8).all()))
    seen: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for number in range(40):
        key = (f"c{rng.integers(12)}", int(rng.integers(1, 3)))
        trial, values = f"t{number % 30}", np.append(rng.integers(0, 5, 2), rng.random())
        kept.add(key, trial, values)
        seen.setdefault(key, {})[trial] = values
        if rng.random() < 0.4:
            means = [np.mean(list(v.values()), axis=0) for v in seen.values()]
            good = np.array([m[:2] for m in means if m[2] < 0.8]).reshape(-1, 2)
            found = sorted(map(tuple, kept.front.tolist()))
            assert found == sorted(map(tuple, good[nondominated(good)].tolist()))
    assert kept.repeated


def test_a_rung_of_thousands_is_ranked_in_little_memory() -> None:
    rng = np.random.default_rng(0)
    sets = [rng.random((4, 2)) for _ in range(2500)]
    tracemalloc.start()
    place = place_of(7, sets, lambda i: i)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20, "a table of all pairs of points would be a hundred MB"
    few = sets[:60]
    assert place_of(7, few, lambda i: i) == positions(few, range(60))[7]
    assert 0 <= place < 2500


def test_the_front_of_finished_trials_is_kept_and_not_all_of_them() -> None:
    rule = SuccessiveHalving(seed=0)
    rng = np.random.default_rng(0)
    points = rng.random((500, 2))
    for trial, point in enumerate(points):
        rule.ended(trial, point[None])
    assert rule._front is not None and len(rule._front) < 30
    for point in rng.random((50, 2)) * 0.4:
        free = not ((points <= point).all(1)).any()
        assert rule._adds(point[None]) == free


def test_a_resumed_sweep_ranks_no_report_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Sweep(tmp_path / "sweep", sampler="random", stopping="halving")
    first.run()
    decided = first.log("decided")
    first.store.close()
    ranked: list[object] = []
    decide = SuccessiveHalving.decide
    monkeypatch.setattr(
        SuccessiveHalving, "decide", lambda *given: ranked.append(given) or decide(*given)
    )
    again = Sweep(tmp_path / "sweep", sampler="random", stopping="halving")
    assert len(decided) > 10 and not ranked
    rule, known = (s.books.proposer.decisions._rule for s in (again, first))
    assert isinstance(rule, SuccessiveHalving) and isinstance(known, SuccessiveHalving)
    assert rule._reports.keys() == known._reports.keys()
    for share, rung in known._reports.items():
        assert list(rule._reports[share]) == list(rung)
        assert all((rule._reports[share][t] == points).all() for t, points in rung.items())


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that a file is flushed to disk."""
    found: list[int] = []
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: found.append(handle) or flush(handle))
    return found


def test_a_report_is_flushed_once_and_weights_go_after_that(
    tmp_path: Path, flushes: list[int]
) -> None:
    spec = some_spec(trials=3, sampler="random")
    goals, facts = objectives(spec.objectives), some_facts()
    with Store.create(tmp_path / "sweep", "") as store:
        store.append("sweep", name="x")
        searcher = make_searcher(spec, goals, facts, REFERENCE)
        proposer = Proposer(spec, facts, goals, searcher, store.append)
        retention = Retention(spec, goals, store.folder, store.append)
        books = Books(store, proposer, retention=retention)
        for rmse in (9.0, 1.0):
            proposal = books.next()
            assert proposal is not None
            books.started(proposal.trial)
            codec = store.folder / TRIALS_FOLDER / proposal.trial / CODEC_FOLDER
            codec.mkdir(parents=True)
            flushes.clear()
            points = [row(proposal.trial, 100.0 * d, rmse / d, d, levels=8) for d in range(1, 9)]
            books.reported(proposal.trial, {"points": points})
            assert len(flushes) == 1, "eight points"
            books.ended(proposal.trial)
            assert len(flushes) == 2, "its end, and weights that go"
        assert [e["event"] for e in store.read().events][-2:] == ["done", "pruned"]
        gone = store.read().events[-1]["trial"]
        assert not (store.folder / TRIALS_FOLDER / gone / CODEC_FOLDER).exists()


def test_weights_stay_where_it_could_not_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removal follows the record, in a folder as in a bucket."""
    spec = some_spec(trials=3, sampler="random", seed=1)
    goals, facts = objectives(spec.objectives), some_facts()
    with Store.create(tmp_path / "sweep", "") as store:
        store.append("sweep", name="x")
        searcher = make_searcher(spec, goals, facts, REFERENCE)
        retention = Retention(spec, goals, store.folder, store.append)
        proposer = Proposer(spec, facts, goals, searcher, store.append)
        books = Books(store, proposer, retention=retention)
        codecs = []
        for rmse in (9.0, 1.0):
            proposal = books.next()
            assert proposal is not None
            books.started(proposal.trial)
            codecs.append(store.folder / TRIALS_FOLDER / proposal.trial / CODEC_FOLDER)
            codecs[-1].mkdir(parents=True)
            books.reported(proposal.trial, {"points": [row(proposal.trial, 100.0, rmse)]})
            if rmse == 1.0:
                monkeypatch.setattr(store.medium, "write", full)
                with pytest.raises(Exception, match="No space"):
                    books.ended(proposal.trial)
            else:
                books.ended(proposal.trial)
        assert all(codec.is_dir() for codec in codecs)


def full(lines: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_a_terminal_is_shown_the_books_now_and_then_and_counts_points_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FewBooks:
        rows: list[dict[str, Any]] = []  # noqa: RUF012
        proposer = type("Anyone", (), {"limits": ()})
        looks = 0

        def counts(self) -> dict[str, int]:
            FewBooks.looks += 1
            return dict.fromkeys(progress.STATUSES, 1)

    front = Counted(nondominated)
    monkeypatch.setattr(progress, "nondominated", front)
    now = {"time": 100.0}
    monkeypatch.setattr(progress.time, "time", lambda: now["time"])
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    shown: Any = Progress(FewBooks(), GOALS, {"rate_nominal_bps": 9e3, "rmse_full_cm": 20}, console)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    with shown:
        before = FewBooks.looks
        for number in range(1000):
            FewBooks.rows.append(row(f"t{number}", rng.uniform(1, 900), rng.uniform(1, 19)))
            now["time"] += 0.01
            shown.update()
        assert FewBooks.looks - before < 4 * 60, "ten seconds, four looks a second"
    assert front.rows < 1000 + 45 * 40, "each point once, and the front at each look"
    values = np.array([[r["rate_nominal_bps"], r["val_rmse_full_cm"]] for r in FewBooks.rows])
    assert f"front {nondominated(values).sum()} |" in shown.line()
