"""TensorBoard as a mirror: a run of scalars and hyperparameters for each trial, one for the sweep.

Event files lie under the sweep folder, in `tensorboard/<trial>/`, for `tensorboard --logdir`. A run
is written whole when its trial has ended and replaces what lay there, with the log's own times, so
that mirroring again gives the same bytes. Of a trial: its learning curve over the share of training
in per mille (`curve/…`), its operating points over the depth that was decoded, and a session of the
HParams page (configuration, seed, how it ended). Written with the records of the `tensorboard`
package alone; neither TensorFlow nor torch is touched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.dashboards.overview import Overview, finite, overview
from analysis.dashboards.tracker import TrackerUnavailable, Trial, sweep_identity
from analysis.labels import objective_label, unit_label
from analysis.log import Log
from analysis.statistics import is_metric, is_score
from search_spaces.record import COST_COLUMNS, STATUSES, TOKEN_COUNTS

FOLDER = "tensorboard"
ANALYSIS = "analysis"
CURVE = "curve/"
WHOLE = 1000
"""Step at which a trial has spent its whole training budget."""
_STATUS = {"done": 1, "stopped": 1, "failed": 2}  # of HParams; a refused one never ran: unknown, 0
_DATA_CLASS_SCALAR, _DATA_CLASS_TENSOR = 1, 2
_DT_FLOAT, _DT_STRING = 1, 7


class TensorBoard:
    """Mirrors a sweep into event files; see the module for what becomes what."""

    name = "tensorboard"

    def __init__(self, *, clips: bool = True) -> None:
        """Imports nothing yet; `clips` changes nothing, since no motion is ever written here."""
        self._head: Log
        self._folder = Path()

    @property
    def place(self) -> str:
        """The folder for `tensorboard --logdir`."""
        return "" if self._folder == Path() else str(self._folder)

    def start(self, head: Log) -> None:
        """Imports the records of TensorBoard.

        Raises:
            TrackerUnavailable: `tensorboard` is not installed.
        """
        try:
            import tensorboard.compat.proto.event_pb2
            import tensorboard.plugins.hparams.plugin_data_pb2
            import tensorboard.summary.writer.record_writer  # noqa: F401
        except ImportError as error:
            raise TrackerUnavailable(
                f"tensorboard cannot be imported ({error}); pip install 'ratefront[tensorboard]'"
            ) from None
        self._head, self._folder = head, head.folder / FOLDER

    def trial(self, trial: Trial) -> None:
        """Writes the run of a trial in place of any that lay there."""
        began, ended = trial.began, trial.ended
        with self._run(trial.name, began) as run:
            run.hparams(
                "session_start_info", _session_start(trial, began, sweep_identity(self._head))
            )
            for row in trial.progress:
                step = round(WHOLE * float(row.get("share") or 0))
                curve = {f"{CURVE}{k}": v for k, v in _numbers(row).items()}
                run.scalars(curve, step, ended)
            for row in trial.points:
                run.scalars(_numbers(row), int(row.get("depth") or 0), ended)
            seconds = trial.end.get("seconds")
            run.scalars(finite({"seconds": seconds}), 0, ended)
            said = f"{trial.status}: {trial.reason}" if trial.reason else trial.status
            run.text("status", said, ended)
            run.hparams("session_end_info", _session_end(trial, ended), ended)

    def finish(self, log: Log) -> None:
        """Writes the run of the sweep: columns of HParams, hypervolume, the front, warnings."""
        seen = overview(log)
        began = float(log.sweep.get("time") or 0.0)
        ended = float(log.last.get("time") or began)
        with self._run(ANALYSIS, began) as run:
            run.hparams("experiment", _experiment(log, seen), began)
            if seen.history is not None:
                for value, step in zip(seen.history.value, seen.history.trials, strict=True):
                    run.scalars({"hypervolume": float(value)}, int(step), ended)
            totals = {k: v for k, v in seen.summary.items() if isinstance(v, int | float)}
            run.scalars({k: v for k, v in totals.items() if k != "hypervolume"}, 0, ended)
            run.text("front", _front_table(seen), ended)
            for warning in seen.summary["warnings"]:
                run.text("warnings", warning, ended)

    def close(self) -> None:
        """Nothing is open between calls."""

    def abandon(self) -> None:
        """Nothing outlives this process."""

    def _run(self, name: str, began: float) -> _Run:
        return _Run(self._folder / name, began)


class _Run:
    """One event file, under its name once it is whole."""

    def __init__(self, folder: Path, began: float) -> None:
        self._folder, self._began = folder, began

    def __enter__(self) -> _Run:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        self._folder.mkdir(parents=True, exist_ok=True)
        self._temporary = self._folder / "being-written"
        self._file = self._temporary.open("wb")
        self._writer = RecordWriter(self._file)
        self._write(Event(file_version="brain.Event:2", wall_time=self._began))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.close()
        if kind is not None:
            self._temporary.unlink(missing_ok=True)
            return
        target = self._folder / f"events.out.tfevents.{int(self._began)}.ratefront"
        for older in self._folder.glob("events.out.tfevents.*"):
            if older != target:
                older.unlink()
        os.replace(self._temporary, target)

    def scalars(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Numbers at a step."""
        for tag, value in values.items():
            event = self._event(step=step, wall_time=time)
            entry = event.summary.value.add(tag=tag)
            entry.metadata.plugin_data.plugin_name = "scalars"
            entry.metadata.data_class = _DATA_CLASS_SCALAR
            entry.tensor.dtype = _DT_FLOAT
            entry.tensor.tensor_shape.SetInParent()
            entry.tensor.float_val.append(float(value))
            self._write(event)

    def text(self, tag: str, markdown: str, time: float) -> None:
        """A passage of Markdown."""
        event = self._event(wall_time=time)
        entry = event.summary.value.add(tag=tag)
        entry.metadata.plugin_data.plugin_name = "text"
        entry.metadata.data_class = _DATA_CLASS_TENSOR
        entry.tensor.dtype = _DT_STRING
        entry.tensor.tensor_shape.dim.add(size=1)
        entry.tensor.string_val.append(markdown.encode())
        self._write(event)

    def hparams(self, what: str, content: Any, time: float | None = None) -> None:
        """One of the messages of the HParams page, which stand in metadata."""
        event = self._event(wall_time=self._began if time is None else time)
        entry = event.summary.value.add(tag=f"_hparams_/{what}")
        entry.metadata.plugin_data.plugin_name = "hparams"
        entry.metadata.plugin_data.content = content.SerializeToString()
        entry.metadata.data_class = _DATA_CLASS_TENSOR
        # A value without any tensor would be passed over.
        entry.tensor.dtype = _DT_FLOAT
        entry.tensor.tensor_shape.dim.add(size=1)
        entry.tensor.float_val.append(0.0)
        self._write(event)

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """What was measured, of a row of points or of a learning curve."""
    costs = (*COST_COLUMNS, *TOKEN_COUNTS)
    return {
        k: float(v)
        for k, v in finite(row).items()
        if isinstance(v, int | float) and (is_score(k) or k.startswith("train_") or k in costs)
    }


def hyperparameters(trial: Trial) -> dict[str, Any]:
    """What a trial was given, as HParams shows it."""
    given = {**trial.config, "codec": trial.codec, "seed": trial.proposed.get("seed")}
    return finite(given) | {"status": trial.status}


def _session_start(trial: Trial, began: float, sweep: str) -> Any:
    from tensorboard.plugins.hparams import plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=0)
    start = data.session_start_info
    start.group_name, start.model_uri, start.start_time_secs = trial.name, sweep, began
    for key, value in hyperparameters(trial).items():
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[key].number_value = value
        else:
            start.hparams[key].string_value = str(value)
    return data


def _session_end(trial: Trial, ended: float) -> Any:
    from tensorboard.plugins.hparams import plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=0)
    data.session_end_info.status = _STATUS.get(trial.status, 0)
    data.session_end_info.end_time_secs = ended
    return data


def _experiment(log: Log, seen: Overview) -> Any:
    """Columns of the HParams page: every key that a trial was given, and the objectives' goals."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=0)
    experiment = data.experiment
    experiment.name = log.name
    experiment.time_created_secs = float(log.sweep.get("time") or 0.0)
    values: dict[str, list[Any]] = {"codec": [], "status": [], "seed": []}
    for event in log.of("proposed", "refused"):
        known = {k: event.get(k) for k in ("codec", "seed")}
        for key, value in finite({**(event.get("config") or {}), **known}).items():
            values.setdefault(key, []).append(value)
    values["status"] = list(STATUSES)
    # The page shows the first few; what was varied says more than what was not.
    for key in sorted(values, key=lambda k: len(set(map(str, values[k]))) == 1):
        given = values[key]
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
        kind = api_pb2.DATA_TYPE_FLOAT64 if numeric else api_pb2.DATA_TYPE_STRING
        if all(isinstance(v, bool) for v in given):
            kind = api_pb2.DATA_TYPE_BOOL
        experiment.hparam_infos.add(name=key, type=kind)
    for name, goal in _shown(log, seen):
        metric = experiment.metric_infos.add(description=goal)
        metric.name.tag = name
        label, unit = (objective_label(name), unit_label(name)) if is_metric(name) else (name, "")
        metric.display_name = f"{label} ({unit})" if unit else label
    return data


def _shown(log: Log, seen: Overview) -> Iterator[tuple[str, str]]:
    """Columns of points that HParams lists, objectives first, with their goals."""
    goals = {o.column("val"): "minimize" if o.sign > 0 else "maximize" for o in log.objectives}
    yield from goals.items()
    for column in map(str, seen.points.columns):
        if column not in goals and column.startswith(
            ("val_rmse_", "val_rate_", "rate_nominal_bps")
        ):
            yield column, ""


def _front_table(seen: Overview) -> str:
    x, y = seen.rate.column("val"), seen.distortion.column("val")
    if not {x, y} <= set(seen.front.columns):
        return "The front is empty."
    rows = [
        f"| {r['point']} | {r['codec']} | {r[x]:.6g} | {r[y]:.6g} |"
        for r in seen.front.to_dict("records")
    ]
    return "\n".join([f"| point | codec | {x} | {y} |", "|---|---|---|---|", *rows])
