"""What a sweep costs: said by the ends of its trials, and told in status and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.costs import costs
from analysis.log import Log
from analysis.report import build_report
from cluster.allowance import Allowance
from cluster.books import Books
from cluster.cli import main
from search_spaces.record import LOG_FILE
from search_spaces.spec import RunSpec
from tests.cluster.test_books import Desk, rows_of
from tests.cluster.test_books import desk as desk


def end(trial: str, seconds: float, **more: Any) -> dict[str, Any]:
    return {"event": "done", "trial": trial, "seconds": seconds, **more}


def test_the_price_of_a_trial_is_that_of_all_its_devices() -> None:
    run = RunSpec(
        placement="group", workers=2, threads=3, gpus_per_trial=0.5,
        price_gpu_hour=4.0, price_cpu_hour=0.1,
    )  # fmt: skip
    paid = Allowance(run, 0.0).paid
    assert paid["hourly"] == pytest.approx(2 * (0.5 * 4.0 + 3 * 0.1)) and paid["user"]
    assert Allowance(RunSpec(gpus_per_trial=1), 0.0).paid == {}


def test_costs_are_told_by_trial_sweep_and_user() -> None:
    found = costs(Log(Path("x"), (
        end("a", 1800, user="ada", hourly=2.0), end("b", 3600, user="bob", hourly=1.0),
        end("c", 900, user="ada", hourly=2.0), end("free", 900),
    )))  # fmt: skip
    assert found.trials == {"a": 1.0, "b": 1.0, "c": 0.5} and found.whole == 2.5
    assert found.users == {"ada": 1.5, "bob": 1.0}
    assert str(found) == "2.50, 0.8333 a trial (ada 1.50, bob 1.00)"
    assert str(costs(Log(Path("x"), (end("free", 9),)))) == ""


def test_the_end_of_a_trial_says_who_pays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("cluster.books.time.time", lambda: now[0])
    allowance = Allowance(RunSpec(price_cpu_hour=0.5), 0.0)
    books = Books(desk.store, desk.books.proposer, allowance=allowance)
    proposal = books.next()
    assert proposal is not None
    books.started(proposal.trial)
    now[0] += 720
    books.reported(proposal.trial, {"points": rows_of(proposal)})
    books.ended(proposal.trial)
    assert costs(desk.store.read()).trials == {proposal.trial: pytest.approx(0.1)}


def test_of_a_shared_device_a_trial_has_what_it_took(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the hour that it stood there beside others; after a resume the same."""
    now = [1000.0]
    monkeypatch.setattr("cluster.books.time.time", lambda: now[0])
    run = RunSpec(placement="packed", gpus_per_trial=1, price_gpu_hour=2.0, max_gpu_hours=0.02)
    allowance = Allowance(run, 0.0, clock=lambda: now[0])
    books = Books(desk.store, desk.books.proposer, allowance=allowance)
    first, second = books.next(), books.next()
    assert first is not None and second is not None
    for each in (first, second):
        books.started(each.trial)
    now[0] += 3600
    told = {"share": 0.5, "train_seconds": 10.0, "rung_seconds": 2.0}
    books.reported(first.trial, told)
    books.reported(first.trial, told)  # once more after a loss of its host
    books.ended(first.trial, "it raised")
    books.reported(second.trial, {**told, "share": 0.25})
    rows = [{**row, "train_seconds": 50.0, "evaluate_seconds": 8.0} for row in rows_of(second)]
    books.reported(second.trial, {"points": rows})
    books.ended(second.trial)
    found = costs(desk.store.read()).trials
    assert found == {
        first.trial: pytest.approx(12 / 1800), second.trial: pytest.approx(60 / 1800)
    }  # fmt: skip
    again = Allowance(run, 0.0, clock=lambda: now[0])
    Books(desk.store, desk.books.proposer, allowance=again).take_up(desk.store.read().events)
    assert "0.02 GPU-hours" in allowance.spent() and again.spent() == allowance.spent()


def test_status_and_report_show_it(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [json.loads(line) for line in (swept / LOG_FILE).read_text().splitlines()]
    for event in log:
        if event["event"] == "done":
            event |= {"seconds": 36.0, "hourly": 100.0, "user": "ada"}
    place = tmp_path / "priced"
    place.mkdir()
    for each in swept.iterdir():
        (place / each.name).symlink_to(each)
    (place / LOG_FILE).unlink()
    (place / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in log))
    done = sum(e["event"] == "done" for e in log)
    assert done and main(["status", str(place)]) == 0
    assert f"{done:.2f}, 1.0000 a trial" in capsys.readouterr().out
    page = build_report(place).read_text()
    assert 'id="cost"' in page and f"<b>{done:.2f}</b>" in page
