"""A sweep's log as an Optuna study, for optuna-dashboard and for whoever reads studies.

A trial of the sweep is a trial of the study: its deepest operating point gives the values, in the
objectives' own directions. What a residual codec gives at fewer levels is a trial beside it, told
by `is_prefix`, so that the study's Pareto front is that of the sweep. Stopped and refused trials
are PRUNED (neither failed), and `status` says which. The study is a view: what is written into it
by hand goes no further than the storage that it is in.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from analysis.dashboards.tracker import sweep_identity
from analysis.log import Event, Log
from search_spaces.distributions import distribution
from search_spaces.errors import BadInput
from search_spaces.record import STATUSES
from search_spaces.space import Space, Value, distinct

DEPTH = "decoded_levels"
"""Parameter that says how many levels of a residual codec were decoded."""
STATES = {
    "done": TrialState.COMPLETE,
    "failed": TrialState.FAIL,
    "stopped": TrialState.PRUNED,
    "refused": TrialState.PRUNED,
}
WIDE = 20
"""Ratio of its ends from which a range is shown on a logarithmic axis."""
_SHOWN = ("val_rmse_", "val_rate_", "rate_nominal", "val_hull_", "train_seconds", "parameters")


@dataclass
class _Trial:
    """What the study is to say of one operating point, or of a trial without any."""

    key: str
    state: TrialState
    values: list[float] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None

    def frozen(self) -> FrozenTrial:
        return FrozenTrial(
            number=-1, trial_id=-1, state=self.state, value=None, values=self.values,
            datetime_start=self.began, datetime_complete=self.ended, params=self.params,
            distributions=self.distributions, user_attrs=self.attributes, system_attrs={},
            intermediate_values={},
        )  # fmt: skip


class SweepStudy:
    """A study in a storage that is brought up to a sweep's log, again and again as that grows."""

    def __init__(self, storage: BaseStorage) -> None:
        """Makes nothing before the first `sync`."""
        self._storage = storage
        self._study = -1
        self._kept: dict[str, tuple[int, _Trial]] = {}

    def sync(self, log: Log) -> str:
        """Adds what is new in the log; begins the study anew where what was told has changed.

        Returns:
            The name of the study.

        Raises:
            BadInput: the log names no objectives.
        """
        if not log.objectives:
            raise BadInput(f"{log.folder} has no objectives, so it makes no study")
        wanted = _trials(log)
        if self._study < 0:
            self._create(log)
        try:
            self._bring_up(wanted)
        except _Changed:
            self._storage.delete_study(self._study)
            self._kept.clear()
            self._create(log)
            self._bring_up(wanted)
        return self._storage.get_study_name_from_id(self._study)

    def _create(self, log: Log) -> None:
        directions = [
            StudyDirection.MINIMIZE if o.sign > 0 else StudyDirection.MAXIMIZE
            for o in log.objectives
        ]
        name = f"{log.name} ({sweep_identity(log)[:6]})"
        self._study = self._storage.create_new_study(directions, name)
        study = optuna.load_study(study_name=name, storage=self._storage)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([o.column("val") for o in log.objectives])
        facts = log.facts
        said = {
            "folder": str(log.folder), "preset": log.sweep.get("preset"),
            "size": log.sweep.get("size"), "data": facts.name if facts else None,
            "split": facts.split if facts else None, "sweep_id": sweep_identity(log),
        }  # fmt: skip
        for key, value in said.items():
            study.set_user_attr(key, value)

    def _bring_up(self, wanted: list[_Trial]) -> None:
        for trial in wanted:
            if trial.key not in self._kept:
                try:
                    number = self._storage.create_new_trial(self._study, trial.frozen())
                except ValueError as error:  # a choice that the distribution did not have
                    raise _Changed from error
                self._kept[trial.key] = number, trial
                continue
            number, kept = self._kept[trial.key]
            if kept == trial:
                continue
            if kept.state.is_finished():
                raise _Changed
            self._finish(number, trial)
            self._kept[trial.key] = number, trial

    def _finish(self, number: int, trial: _Trial) -> None:
        for name, value in trial.params.items():
            kind = trial.distributions[name]
            self._storage.set_trial_param(number, name, kind.to_internal_repr(value), kind)
        for key, value in trial.attributes.items():
            self._storage.set_trial_user_attr(number, key, value)
        if trial.state.is_finished():
            self._storage.set_trial_state_values(number, trial.state, trial.values)


class _Changed(Exception):
    """The log tells otherwise what the study has as finished."""


def _trials(log: Log) -> list[_Trial]:
    """All trials of the study in the order in which they were proposed, prefixes after them."""
    # A refused trial has one event, which says what was proposed and why not.
    proposed: dict[str, Event] = {}
    for event in log.of("proposed", "refused"):
        proposed.setdefault(str(event["trial"]), event)
    began = {str(e["trial"]): e for e in log.of("started")}
    ends = {str(e["trial"]): e for e in log.of(*STATUSES)}
    rows: dict[str, dict[int, Event]] = {}
    for event in log.of("point"):
        by_depth = rows.setdefault(str(event["trial"]), {})
        by_depth[int(event["row"].get("depth") or 0)] = event["row"]
    kinds = _Kinds(log, list(proposed.values()))
    found = []
    for name, event in proposed.items():
        end = ends.get(name)
        if end is None and name not in began:
            continue
        whole = _Trial(name, STATES[end["event"]] if end else TrialState.RUNNING)
        whole.params, whole.distributions = kinds.of(event.get("config") or {})
        whole.began = _time(began.get(name, event))
        whole.ended = _time(end) if end else None
        whole.attributes = _attributes(name, event, end)
        found += _with_points(log, whole, [row for _, row in sorted(rows.get(name, {}).items())])
    return found


def _with_points(log: Log, whole: _Trial, points: list[Event]) -> list[_Trial]:
    """A trial with the values of its deepest point, and one more for each point above that."""
    if whole.state is TrialState.COMPLETE and not points:
        whole.state = TrialState.FAIL
    if whole.state is not TrialState.COMPLETE:
        return [whole]
    columns = [o.column("val") for o in log.objectives]
    found = []
    for row in reversed(points):
        values = [row.get(c) for c in columns]
        finite = all(isinstance(v, int | float) and math.isfinite(v) for v in values)
        one = _Trial(whole.key if row is points[-1] else str(row.get("point")), whole.state)
        one.state = TrialState.COMPLETE if finite else TrialState.FAIL
        one.values = [float(v) for v in values if v is not None] if finite else None
        one.params, one.distributions = dict(whole.params), dict(whole.distributions)
        levels = int(row.get("levels") or 1)
        if levels > 1:
            one.params[DEPTH] = int(row.get("depth") or 0)
            one.distributions[DEPTH] = IntDistribution(1, levels)
        shown = {k: v for k, v in row.items() if k.startswith(_SHOWN) and v is not None}
        said = {k: row.get(k) for k in ("point", "depth", "levels", "is_prefix")}
        one.attributes = {**whole.attributes, **said, **shown}
        one.began, one.ended = whole.began, whole.ended
        found.append(one)
    return found


def _attributes(name: str, proposed: Event, end: Event | None) -> dict[str, Any]:
    said = {
        "trial": name, "status": end["event"] if end else "running",
        "reason": (end or {}).get("reason") or None, "seed": proposed.get("seed"),
        "codec": proposed.get("codec"), "config_hash": proposed.get("config_hash"),
        "seconds": (end or {}).get("seconds"),
        "config": json.dumps(proposed.get("config") or {}, sort_keys=True),
    }  # fmt: skip
    return {k: v for k, v in said.items() if v is not None}


def _time(event: Event) -> datetime:
    return datetime.fromtimestamp(float(event.get("time") or 0.0))


class _Kinds:
    """Optuna's distributions of what a sweep tried: from its space, else from what was proposed."""

    def __init__(self, log: Log, proposed: list[Event]) -> None:
        document = (log.sweep.get("spec") or {}).get("space")
        try:
            self._space = Space.model_validate(document or {})
        except (ValidationError, BadInput):
            self._space = Space()
        listed: dict[str, list[Value]] = {}
        for config in self._space.cells or [e.get("config") or {} for e in proposed]:
            for key, value in config.items():
                listed.setdefault(key, []).append(value)
        kind = _chosen if self._space.cells else _spanned
        self._listed = {k: kind(values) for k, values in listed.items()}

    def of(self, config: Mapping[str, Value]) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Parameters of a configuration, under the labels of its space, and their distributions."""
        params: dict[str, Any] = {}
        kinds: dict[str, BaseDistribution] = {}
        for parameter in self._space.active(config):
            value = config.get(parameter.name)
            if value is None or not parameter.contains(value):
                continue
            if parameter.choices is not None:
                params[parameter.label] = parameter.choice(value)
                kinds[parameter.label] = CategoricalDistribution(parameter.choices)
            else:
                params[parameter.label] = value
                kinds[parameter.label] = distribution(parameter)
        if params:
            return params, kinds
        searched = {k for cell in self._space.cells for k in cell} or set(self._listed)
        known = {k: v for k, v in config.items() if k in searched and k in self._listed}
        return known, {k: self._listed[k] for k in known}


def _chosen(values: list[Value]) -> BaseDistribution:
    return CategoricalDistribution(distinct(values))


def _spanned(values: list[Value]) -> BaseDistribution:
    """Numbers as a range from their least to their greatest, anything else as choices."""
    several = distinct(values)
    numbers = [v for v in several if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(several):
        return CategoricalDistribution(several)
    log = min(numbers) > 0 and max(numbers) / min(numbers) >= WIDE
    if all(float(v).is_integer() for v in numbers):
        return IntDistribution(int(min(numbers)), int(max(numbers)), log=log)
    return FloatDistribution(float(min(numbers)), float(max(numbers)), log=log)
