"""A sweep as an Optuna study: states, values, distributions, and the same front as the report's."""

from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from analysis.dashboards.optuna_server import (
    Studies,
    application,
    dashboard_server,
    serve_dashboard,
    write_journal,
)
from analysis.dashboards.optuna_study import DEPTH, STATES
from analysis.fronts import front
from analysis.log import read_log
from analysis.points import points_frame
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.record import LOG_FILE
from tests.analysis.dashboards.fake_trackers import cut, make_log

NETWORKS = ["rqvae", "temporal_rvq"]
SPACE = {
    "parameters": [
        {"name": "codec", "choices": ["kmeans", *NETWORKS]},
        {"name": "codebook_size", "when": {"codec": ["kmeans"]},
         "choices": [2**n for n in range(4, 15)]},
        {"name": "codebook_size", "when": {"codec": NETWORKS},
         "choices": [2**n for n in range(3, 15)]},
        {"name": "learning_rate", "when": {"codec": NETWORKS}, "low": 1e-4, "high": 1e-2,
         "log": True},
        {"name": "quantizer_depth", "when": {"codec": NETWORKS}, "low": 1, "high": 4,
         "integer": True},
    ]
}  # fmt: skip


def with_space(folder: Path, lines: list[str], space: dict[str, Any] = SPACE) -> list[str]:
    """The log with a searched space in its spec."""
    head = json.loads(lines[0])
    head["spec"]["space"] = space
    changed = [json.dumps(head) + "\n", *lines[1:]]
    (folder / LOG_FILE).write_text("".join(changed))
    return changed


def study_of(storage: Any, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=storage)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with a searched space. Read only."""
    place = tmp_path_factory.mktemp("studied")
    with_space(place, make_log(place))
    return place


@pytest.fixture(scope="module")
def study(folder: Path) -> optuna.Study:
    storage = InMemoryStorage()
    return study_of(storage, Studies([folder], storage).names[0])


def deepest(study: optuna.Study) -> dict[str, FrozenTrial]:
    return {t.user_attrs["trial"]: t for t in study.trials if not t.user_attrs.get("is_prefix")}


def test_every_trial_is_there_in_its_state_and_nothing_refused_is_failed(
    folder: Path, study: optuna.Study
) -> None:
    log, seen = read_log(folder), set()
    for event in log.of(*STATES):
        trial = deepest(study)[event["trial"]]
        assert trial.state is STATES[event["event"]]
        assert trial.user_attrs["status"] == event["event"]
        assert trial.user_attrs.get("reason", "") == event["reason"]
        seen.add((event["event"], trial.state))
    assert ("refused", TrialState.PRUNED) in seen
    assert ("failed", TrialState.FAIL) in seen
    assert len(seen) == 4


def test_points_give_values_in_the_objectives_directions(folder: Path, study: optuna.Study) -> None:
    assert study.directions == [StudyDirection.MINIMIZE] * 2
    assert study.metric_names == ["rate_nominal_bps", "val_rmse_full_cm"]
    done = {t.user_attrs["trial"] for t in study.trials if t.state is TrialState.COMPLETE}
    points = points_frame(read_log(folder))
    points = points[points["trial"].isin(done)]
    told = {t.user_attrs["point"]: t.values for t in study.trials if t.values}
    assert set(told) == set(points["point"])
    for row in points.to_dict("records"):
        assert told[row["point"]] == [row["rate_nominal_bps"], row["val_rmse_full_cm"]]


def test_the_studys_front_is_the_sweeps(folder: Path, study: optuna.Study) -> None:
    points = points_frame(read_log(folder))
    done = {t.user_attrs["trial"] for t in study.trials if t.state is TrialState.COMPLETE}
    rows = front(points[points["trial"].isin(done)],
                 objectives(["rate_nominal_bps", "rmse_full_cm"])).rows  # fmt: skip
    best = {t.user_attrs["point"] for t in study.best_trials}
    assert best == set(rows["point"])


def test_parameters_have_the_spaces_distributions(folder: Path, study: optuna.Study) -> None:
    proposed = {e["trial"]: e["config"] for e in read_log(folder).of("proposed", "refused")}
    for name, trial in deepest(study).items():
        config = proposed[name]
        kinds = trial.distributions
        assert kinds["codec"] == CategoricalDistribution(["kmeans", *NETWORKS])
        if config["codec"] == "kmeans":
            assert trial.params["codebook_size|codec=kmeans"] == config["codebook_size"]
            assert not any("learning_rate" in key for key in kinds)
            continue
        label = "{}|codec=rqvae/temporal_rvq".format
        assert trial.params[label("codebook_size")] == config["codebook_size"]
        assert kinds[label("learning_rate")] == FloatDistribution(1e-4, 1e-2, log=True)
        assert kinds[label("quantizer_depth")] == IntDistribution(1, 4)
        assert trial.params[label("learning_rate")] == config["learning_rate"]


def test_seeds_times_and_depths_are_told(folder: Path, study: optuna.Study) -> None:
    ends = {e["trial"]: e for e in read_log(folder).of(*STATES)}
    depths = set()
    for trial in study.trials:
        end = ends[trial.user_attrs["trial"]]
        assert trial.user_attrs["seed"] == 0
        assert trial.datetime_complete is not None
        assert trial.datetime_complete.timestamp() == pytest.approx(end["time"])
        if trial.values and trial.user_attrs["levels"] > 1:
            assert trial.params[DEPTH] == trial.user_attrs["depth"]
            depths.add(trial.user_attrs["is_prefix"])
    assert depths == {True, False}


def test_what_is_maximised_is_maximised(tmp_path: Path) -> None:
    lines = make_log(tmp_path, trials=4)
    head = json.loads(lines[0]) | {"objectives": ["rate_nominal_bps", "utilisation_body_pct"]}
    (tmp_path / LOG_FILE).write_text("".join([json.dumps(head) + "\n", *lines[1:]]))
    storage = InMemoryStorage()
    found = study_of(storage, Studies([tmp_path], storage).names[0])
    assert found.directions == [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]


def test_a_value_that_is_not_finite_is_no_result(tmp_path: Path) -> None:
    events = [json.loads(line) for line in make_log(tmp_path, trials=1)]
    for event in events:
        if event["event"] == "point":
            event["row"]["val_rmse_full_cm"] = None
    (tmp_path / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in events))
    storage = InMemoryStorage()
    (trial,) = study_of(storage, Studies([tmp_path], storage).names[0]).trials
    assert trial.state is TrialState.FAIL


def _said(study: optuna.Study) -> list[tuple[Any, ...]]:
    rows = [(t.user_attrs["trial"], t.params.get(DEPTH, 0), t.state, t.values, t.params,
             {k: v for k, v in t.user_attrs.items() if v}) for t in study.trials]  # fmt: skip
    return sorted(rows, key=lambda row: row[:2])


@pytest.mark.parametrize("searched", [True, False])
def test_a_growing_log_gives_the_study_of_the_whole(tmp_path: Path, searched: bool) -> None:
    lines = make_log(tmp_path)
    if searched:
        lines = with_space(tmp_path, lines)
    log = tmp_path / LOG_FILE
    whole = InMemoryStorage()
    expected = _said(study_of(whole, Studies([tmp_path], whole).names[0]))
    started = next(i for i, line in enumerate(lines, 1) if '"started"' in line)
    log.write_text("".join(lines[:started]))
    storage = InMemoryStorage()
    studies = Studies([tmp_path], storage)
    name = studies.names[0]
    (running,) = [t for t in study_of(storage, name).trials if not t.state.is_finished()]
    assert running.state is TrialState.RUNNING
    for end in (cut(lines, 3), cut(lines, 9) - 1, len(lines)):
        log.write_text("".join(lines[:end]))
        assert studies.refresh() == [name]
    assert studies.refresh() == []
    assert _said(study_of(storage, name)) == expected
    assert len(storage.get_all_studies()) == 1


def test_a_later_end_replaces_an_earlier_one(tmp_path: Path) -> None:
    lines = make_log(tmp_path, trials=3)
    end = json.loads(lines[cut(lines, 1) - 1])
    (tmp_path / LOG_FILE).write_text("".join(lines))
    storage = InMemoryStorage()
    studies = Studies([tmp_path], storage)
    with (tmp_path / LOG_FILE).open("a") as log:
        log.write(json.dumps({**end, "event": "failed", "reason": "scored anew"}) + "\n")
    (name,) = studies.refresh()
    trials = [t for t in study_of(storage, name).trials if t.user_attrs["trial"] == end["trial"]]
    assert [t.state for t in trials] == [TrialState.FAIL]


# ---- the server ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    storage = InMemoryStorage()
    Studies([folder], storage)
    server = dashboard_server(application(storage))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_dashboard_knows_the_study(address: str, study: optuna.Study) -> None:
    with urllib.request.urlopen(f"{address}/api/studies") as answer:
        (summary,) = json.load(answer)["study_summaries"]
    assert summary["study_name"] == study.study_name
    with urllib.request.urlopen(f"{address}/api/studies/{summary['study_id']}") as answer:
        told = json.load(answer)
    assert len(told["trials"]) == len(study.trials)
    assert told["directions"] == ["minimize", "minimize"]
    assert {t["state"] for t in told["trials"]} == {"Complete", "Pruned", "Fail"}


def test_the_dashboard_answers_its_own_machine_alone(address: str) -> None:
    request = urllib.request.Request(f"{address}/api/studies", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_missing_dashboard_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(BadInput, match=r"pip install 'ratefront\[dashboard\]'"):
        serve_dashboard([folder], None, print)


def test_a_journal_holds_the_study_for_others(
    folder: Path, study: optuna.Study, tmp_path: Path
) -> None:
    file = tmp_path / "study.log"
    (name,) = write_journal([folder], file)
    read = study_of(JournalStorage(JournalFileBackend(str(file))), name)
    assert _said(read) == _said(study)
    with pytest.raises(BadInput, match="is there already"):
        write_journal([folder], file)
    with pytest.raises(BadInput, match="its folder is not there"):
        write_journal([folder], tmp_path / "gone" / "study.log")
    assert not (tmp_path / "gone").exists()
