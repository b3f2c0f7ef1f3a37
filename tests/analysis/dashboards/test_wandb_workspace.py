"""The saved workspace: panels over what the mirror writes, of this sweep's runs alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.dashboards import TrackerUnavailable
from analysis.dashboards.wandb import group_name
from analysis.dashboards.wandb_workspace import make_workspace, save_workspace
from analysis.log import Log, read_log
from tests.analysis.dashboards.fake_trackers import make_log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    names = ("rate_nominal_bps", "rmse_full_cm", "rmse_hands_cm")
    make_log(tmp_path, trials=2, objectives=names)
    return read_log(tmp_path)


def test_it_shows_the_front_and_the_objectives_of_the_sweeps_own_runs(log: Log) -> None:
    made = make_workspace(log, "somebody")
    assert (made.entity, made.project) == ("somebody", "ratefront")
    view = json.loads(made._to_model().spec.model_dump_json(by_alias=True))
    text = json.dumps(view)
    sections = view["section"]["panelBankConfig"]["sections"]
    configs = [panel["config"] for section in sections for panel in section["panels"]]
    keys = [c["mediaKeys"] for c in configs if c.get("mediaKeys")]
    assert keys == [["front_chart", "front_chart_rmse_hands_cm"]]
    axes = {(c["xAxis"], c["yAxis"]) for c in configs if "yAxis" in c}
    assert axes == {
        ("summary:rate_nominal_bps", "summary:val_rmse_full_cm"),
        ("summary:rate_nominal_bps", "summary:val_rmse_hands_cm"),
    }
    curves = [c["metrics"] for c in configs if c.get("metrics")]
    assert ["curve/val_rmse_full_cm"] in curves and ["hypervolume"] in curves
    assert group_name(log) in text


def test_offline_there_is_nowhere_to_save_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from wandb.sdk import wandb_setup

    # A singleton of wandb's own would leave its threads behind.
    settings = SimpleNamespace(settings=SimpleNamespace(mode="offline"))
    monkeypatch.setattr(wandb_setup, "singleton", lambda: settings)
    with pytest.raises(TrackerUnavailable, match="set WANDB_MODE=online"):
        save_workspace(log)


def test_a_missing_library_is_one_line(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.workspaces", None)
    with pytest.raises(TrackerUnavailable, match=r"pip install 'ratefront\[workspaces\]'"):
        make_workspace(log, "somebody")
