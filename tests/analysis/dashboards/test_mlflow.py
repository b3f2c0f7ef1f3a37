"""MLflow's store holds what the log says; read back with its own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.dashboards import TrackerUnavailable, make_tracker, mirror
from analysis.dashboards.mlflow import DATABASE, IDENTITY
from tests.analysis.dashboards.contract import Seen, TrackerContract, text
from tests.analysis.dashboards.fake_trackers import make_log


def _client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _runs(client: Any, kind: str) -> list[Any]:
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    asked = f"tags.kind = '{kind}'"
    return list(client.search_runs([experiment.experiment_id], asked, order_by=["run_name"]))


def _files(client: Any, run: str, path: str | None = None) -> set[str]:
    found: set[str] = set()
    for entry in client.list_artifacts(run, path):
        found |= _files(client, run, entry.path) if entry.is_dir else {entry.path}
    return found


class TestMLflow(TrackerContract):
    name = "mlflow"
    module = "mlflow"

    @classmethod
    def environment(cls, place: Path) -> dict[str, str]:
        # Making a database takes ten seconds; a test marked long uses one.
        return {
            "MLFLOW_TRACKING_URI": (place / "store").as_uri(),
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    @classmethod
    def read(cls, folder: Path, place: Path) -> list[Seen]:
        client = _client((place / "store").as_uri())
        found = []
        for run in _runs(client, "trial"):
            tags, data = run.data.tags, run.data
            curve = {}
            if "curve/val_rmse_full_cm" in data.metrics:
                rows = client.get_metric_history(run.info.run_id, "curve/val_rmse_full_cm")
                curve = {row.step: row.value for row in rows}
            config = {k: _number(v) for k, v in data.params.items()}
            values = {k: v for k, v in data.metrics.items() if not k.startswith("curve/")}
            found.append(
                Seen(tags[IDENTITY], run.info.run_name, tags["status"], config, values, curve)
            )
        return found

    def hypervolumes(self, folder: Path, place: Path) -> list[list[float]]:
        client = _client((place / "store").as_uri())
        whole = _runs(client, "analysis")
        for run in whole:
            assert {"points.csv", "front.csv"} <= _files(client, run.info.run_id)
            assert run.data.params["goal.rmse_full_cm"] == "minimize"
        steps = [client.get_metric_history(r.info.run_id, "hypervolume") for r in whole]
        return [[m.value for m in sorted(rows, key=lambda m: m.step)] for rows in steps]

    def codecs(self, folder: Path, place: Path) -> dict[str, set[str]] | None:
        client = _client((place / "store").as_uri())
        files = {r.info.run_name: _files(client, r.info.run_id) for r in _runs(client, "trial")}
        return {trial: own for trial, own in files.items() if own}

    def test_a_trial_that_failed_is_failed_there_and_a_refused_one_is_not(
        self, replays: object, place: Path
    ) -> None:
        runs = _runs(_client((place / "store").as_uri()), "trial")
        told = {r.data.tags["status"]: r.info.status for r in runs}
        assert told["done"] == "FINISHED"
        assert told["refused"] == told["stopped"] == "KILLED"

    def test_a_server_that_does_not_answer_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        make_log(tmp_path, trials=2)
        with pytest.raises(TrackerUnavailable, match="MLflow could not be used") as caught:
            mirror(tmp_path, make_tracker("mlflow"))
        assert "\n" not in str(caught.value)


@pytest.mark.long
def test_without_an_address_a_database_lies_in_the_sweep_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    make_log(tmp_path / "sweep", trials=3)
    tracker = make_tracker("mlflow")
    assert mirror(tmp_path / "sweep", tracker) == 3
    assert tracker.place == f"sqlite:///{tmp_path / 'sweep' / DATABASE}"
    client = _client(tracker.place)
    assert len(_runs(client, "trial")) == 3
    (whole,) = _runs(client, "analysis")
    assert "points.csv" in _files(client, whole.info.run_id)
    assert (tmp_path / "sweep" / "mlflow-artifacts").is_dir()


def _number(word: str) -> str:
    try:
        return text(float(word))
    except ValueError:
        return word
