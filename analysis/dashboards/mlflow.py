"""MLflow as a mirror: an experiment for the sweep, a run for each trial and one for the whole.

`MLFLOW_TRACKING_URI` and the variables of its login mean what they mean to MLflow; without it a
database and a folder of artifacts lie under the sweep folder, for `mlflow ui --backend-store-uri`.
Runs carry the sweep's own identities as tags: one that was begun before and cut off is deleted and
written whole, so that mirroring again changes nothing. The codecs of trials on the front are
artifacts of their runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.dashboards.overview import finite, overview
from analysis.dashboards.tracker import (
    TrackerUnavailable,
    Trial,
    run_identity,
    sweep_identity,
)
from analysis.dashboards.uploads import codec_folders, on_a_front, shared_page
from analysis.log import Log
from search_spaces.record import FIGURES_FOLDER, FRONT_TABLE, POINTS_CSV, REPORT_FILE

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
ANALYSIS = "analysis"
CURVE = "curve/"
WHOLE = 1000
"""Step at which a trial has spent its whole training budget."""
IDENTITY = "ratefront_id"
"""Tag of a run that says which trial of which sweep it is."""
_STATUS = {"done": "FINISHED", "failed": "FAILED"}  # else KILLED: stopped, or refused
_BATCH = 100
_LENGTH = 500


class MLflow:
    """Mirrors a sweep into MLflow; see the module for what becomes what."""

    name = "mlflow"

    def __init__(self, *, clips: bool = True) -> None:
        """Imports nothing yet; without `clips` no page with motion is uploaded."""
        self._clips = clips
        self._client: Any = None
        self._head: Log
        self._experiment = ""
        self._uri = ""

    @property
    def place(self) -> str:
        """The tracking address."""
        return self._uri

    def start(self, head: Log) -> None:
        """Imports MLflow and finds or makes the experiment of the sweep.

        Raises:
            TrackerUnavailable: MLflow is not installed, or its server cannot be used.
        """
        # Nobody asked for reports of use; nor for lines across the sweep's progress.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise TrackerUnavailable(
                f"mlflow cannot be imported ({error}); pip install 'ratefront[mlflow]'"
            ) from None
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._head = head
        folder = head.folder.absolute()
        given = os.environ.get("MLFLOW_TRACKING_URI")
        self._uri = given or f"sqlite:///{folder / DATABASE}"
        name = f"{head.name}-{sweep_identity(head)[:6]}"
        with _answering():
            self._client = MlflowClient(tracking_uri=self._uri)
            known = self._client.get_experiment_by_name(name)
            if known is not None and known.lifecycle_stage != "active":
                raise TrackerUnavailable(
                    f"the MLflow experiment {name} was deleted; restore it, or remove it for good"
                )
            place = None if given else (folder / ARTIFACTS).as_uri()
            self._experiment = (
                known.experiment_id
                if known is not None
                else self._client.create_experiment(name, artifact_location=place)
            )

    def trial(self, trial: Trial) -> None:
        """Writes the run of a trial in place of any that was begun before."""
        seed = trial.proposed.get("seed")
        tags = {"codec": trial.codec, "status": trial.status, "reason": trial.reason,
                "config_hash": trial.proposed.get("config_hash"), "seed": seed}  # fmt: skip
        params = {**trial.config, "codec": trial.codec, "seed": seed}
        began, ended = trial.began, trial.ended
        values: list[tuple[str, float, int]] = []
        for row in trial.progress:
            step = round(WHOLE * float(row.get("share") or 0))
            values += [(f"{CURVE}{k}", v, step) for k, v in _numbers(row).items() if k != "share"]
        for row in trial.points:
            depth = int(row.get("depth") or 0)
            values += [(k, v, depth) for k, v in _numbers(row).items() if k not in params]
        values += [("seconds", v, 0) for v in _numbers(trial.end, "seconds").values()]
        with _answering(), self._run(trial.name, "trial", tags, began) as run:
            self._write(run, params, values, ended)
            self._client.set_terminated(run, _STATUS.get(trial.status, "KILLED"), _ms(ended))

    def finish(self, log: Log) -> None:
        """Writes the run of the sweep: hypervolume, totals, tables, charts, page; and codecs."""
        seen = overview(log)
        began = float(log.sweep.get("time") or 0.0)
        ended = float(log.last.get("time") or began)
        values: list[tuple[str, float, int]] = []
        if seen.history is not None:
            steps = zip(seen.history.value.tolist(), seen.history.trials.tolist(), strict=True)
            values += [("hypervolume", value, int(step)) for value, step in steps]
        totals = _numbers({k: v for k, v in seen.summary.items() if k != "hypervolume"})
        values += [(k, v, 0) for k, v in totals.items()]
        params = {
            f"goal.{o.name}": "minimize" if o.sign > 0 else "maximize" for o in log.objectives
        }
        with _answering():
            for trial in on_a_front(seen):
                self._add_codec(log, trial)
            with self._run(ANALYSIS, ANALYSIS, {}, began) as run:
                self._write(run, params, values, ended)
                self._client.log_text(run, seen.points.to_csv(index=False), POINTS_CSV)
                self._client.log_text(run, seen.front.to_csv(index=False), FRONT_TABLE)
                for chart in sorted((log.folder / FIGURES_FOLDER).glob("*.png")):
                    self._client.log_artifact(run, str(chart), FIGURES_FOLDER)
                page = shared_page(log, self._clips)
                if page is not None:
                    self._client.log_text(run, page.read_text(encoding="utf-8"), REPORT_FILE)
                self._client.set_terminated(run, "FINISHED", _ms(ended))

    def close(self) -> None:
        """Nothing is open between calls."""

    def abandon(self) -> None:
        """A call that hangs does so in a thread that ends with this process."""

    @contextlib.contextmanager
    def _run(self, name: str, kind: str, tags: Mapping[str, Any], began: float) -> Iterator[str]:
        """A new run; one that is left by an exception is deleted again."""
        for older in self._runs(name):
            self._client.delete_run(older)
        head, facts = self._head, self._head.facts
        said = {
            IDENTITY: run_identity(head, name), "kind": kind, "sweep": head.name,
            "sweep_id": sweep_identity(head), "preset": head.sweep.get("preset"),
            "size": head.sweep.get("size"), "data": facts.name if facts else None,
            "data_hash": facts.data_hash if facts else None, **tags,
        }  # fmt: skip
        texts = {k: str(v)[:_LENGTH] for k, v in finite(said).items() if v != ""}
        created = self._client.create_run(self._experiment, _ms(began), texts, name)
        run = str(created.info.run_id)
        try:
            yield run
        except BaseException:
            with contextlib.suppress(Exception):
                self._client.delete_run(run)
            raise

    def _runs(self, name: str) -> list[str]:
        asked = f"tags.{IDENTITY} = '{run_identity(self._head, name)}'"
        return [r.info.run_id for r in self._client.search_runs([self._experiment], asked)]

    def _add_codec(self, log: Log, trial: str) -> None:
        folders = codec_folders(log, trial)
        for run in self._runs(trial) if folders else ():
            if not self._client.list_artifacts(run):
                for name, place in folders.items():
                    self._client.log_artifacts(run, str(place), name)

    def _write(
        self, run: str, params: Mapping[str, Any], values: list[tuple[str, float, int]], at: float
    ) -> None:
        from mlflow.entities import Metric, Param

        given = [Param(_key(k), str(v)[:_LENGTH]) for k, v in finite(params).items()]
        metrics = [Metric(_key(k), v, _ms(at), step) for k, v, step in values]
        for first in range(0, len(given), _BATCH):
            self._client.log_batch(run, params=given[first : first + _BATCH])
        for first in range(0, len(metrics), 5 * _BATCH):
            self._client.log_batch(run, metrics=metrics[first : first + 5 * _BATCH])


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Whatever MLflow, its server or its database objects to, in one line."""
    try:
        yield
    except TrackerUnavailable:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrackerUnavailable(f"MLflow could not be used: {words}") from error


def _numbers(row: Mapping[str, Any], *only: str) -> dict[str, float]:
    return {
        k: float(v)
        for k, v in finite(row).items()
        if isinstance(v, int | float) and not isinstance(v, bool) and (not only or k in only)
    }


def _key(name: str) -> str:
    """MLflow takes letters, digits and `_-./ :` in names."""
    return "".join(c if c.isalnum() or c in "_-./ :" else "_" for c in name)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
