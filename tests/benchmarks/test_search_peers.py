"""The search benchmark's peers, each in its environment."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from benchmarks.search.arms import ENVIRONMENTS, make_arm
from benchmarks.search.arms.optuna_arms import OptunaArm
from benchmarks.search.cells import Cell, read_cell, run_cell, scored
from benchmarks.search.peers import python_of, run_peers
from benchmarks.search.problem import scale_of
from benchmarks.search.recorded import Codecs


def test_peers_without_their_environment_say_how_to_get_it(tmp_path: Path) -> None:
    outcome = run_peers("none", ["ax"], [], tmp_path, root=tmp_path)
    assert "make bench-peers" in outcome.not_run["ax"]


def test_the_hub_s_pruner_that_cannot_be_fetched_is_not_run(
    table: Codecs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(package: str, ref: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "optunahub", SimpleNamespace(load_module=refused))
    with pytest.raises(ImportError, match=r"GitHub did not give .*\(no route to host\); a copy"):
        run_cell(Cell("codecs", "optuna-mmp", 0, 4), table, scale_of(table), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_hub_s_pruner_hears_whole_codecs_and_ends_trials(
    table: Codecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int, dict[str, float]]] = []

    class Pruner(optuna.pruners.NopPruner):
        def __init__(self, base: Any, *, metric_directions: dict[str, str], joint: bool) -> None:
            super().__init__()
            assert joint and set(metric_directions.values()) == {"minimize"}

    class Wrapped:
        def __init__(self, trial: optuna.Trial) -> None:
            self.number = trial.number

        def report(self, values: dict[str, float], step: int) -> None:
            heard.append((self.number, step, values))

        def should_prune(self) -> bool:
            return len(heard) % 2 == 0

    hub = SimpleNamespace(MultiMetricPruner=Pruner, MultiMetricPrunerTrial=Wrapped)
    monkeypatch.setitem(
        sys.modules, "optunahub", SimpleNamespace(load_module=lambda package, ref: hub)
    )
    arm = make_arm("optuna-mmp", table, scale_of(table), 0, 1)
    assert isinstance(arm, OptunaArm)
    seen = {}
    for number in range(6):
        assert arm.ask() is not None
        row = table.rows[number]
        arm.moved(row.proposal)
        reports = table.run(row.proposal, 0)
        goes_on = len(reports) == 1 or arm.report(number, reports[0].share, reports[0].points)
        arm.tell(number, reports[-1].points if goes_on else None)
        seen[arm._trials[number]] = (reports, goes_on)
    told = arm._study.get_trials(deepcopy=False)
    for trial, (reports, goes_on) in seen.items():
        state = optuna.trial.TrialState.COMPLETE if goes_on else optuna.trial.TrialState.PRUNED
        assert told[trial].state is state
        if goes_on:
            assert told[trial].values == list(reports[-1].points[-1])
    assert heard and {goes_on for _, goes_on in seen.values()} == {True, False}
    for trial, step, values in heard:
        first = seen[trial][0][0]
        assert step == round(1000 * first.share)
        assert list(values.values()) == list(first.points[-1])


@pytest.mark.long
@pytest.mark.parametrize(
    "arm",
    ["syne-moasha", "syne-moasha-repaired", "neps-moasha", "smac", "deephyper", "optuna-mmp"],
)
def test_peers_run_in_their_environments(arm: str, table_file: Path, tmp_path: Path) -> None:
    if not python_of(ENVIRONMENTS[arm]).is_file():
        pytest.skip("make bench-peers was not run")
    options = ["--table", str(table_file), "--seeds", "1"]
    outcome = run_peers(ENVIRONMENTS[arm], [arm], options, tmp_path)
    if arm == "optuna-mmp" and outcome.not_run:
        pytest.skip(outcome.not_run[arm])
    assert not outcome.failed and not outcome.not_run
    (path,) = outcome.cells
    assert scored(read_cell(path)).final > 0
