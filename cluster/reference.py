"""What is fixed at the start of a sweep: the reference point and the versions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.families import codecs_of, family_of
from search_spaces.objectives import RATE_STREAM, Objective, Scope, metrics, objectives
from search_spaces.rate import nearest_frame_rate, nominal_rate
from search_spaces.record import ALL_BLACK, MEAN_POSE
from search_spaces.space import Config
from search_spaces.spec import SweepSpec
from trainables.plugins import plugin_hashes

if TYPE_CHECKING:
    from analysis.log import Log

VERSIONED = (
    "ratefront", "ray", "torch", "optuna", "vector-quantize-pytorch", "scikit-learn", "scipy",
    "numpy", "moocore",
)  # fmt: skip

PLUGIN = "plugin "
"""Before the name of a plugin among versions; its version is the hash of its source."""

PIXELS_OFF = 64.0
"""Of distances in pictures: half the side of the published ones."""


def reference_point(
    spec: SweepSpec, facts: DataFacts, bounds: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The corner that hypervolume is measured from, fixed at the start of a sweep.

    For rates the largest nominal rate of the space (for that of files, beside it the mean pose's,
    which is that of headers alone); 0 for what is maximised; for anything else the mean pose of
    train, on validation.
    """
    mean = next(row for row in bounds if row["codec"] in (MEAN_POSE, ALL_BLACK))
    largest = largest_rate(spec, facts)
    corner = {}
    for objective in objectives(spec.objectives):
        value = float(mean.get(objective.column("val"), math.nan))
        if objective.metric.scope is Scope.RATE or objective.metric is RATE_STREAM:
            header = value if objective.metric is RATE_STREAM and math.isfinite(value) else 0.0
            corner[objective.name] = largest + header
            continue
        if objective.sign < 0:
            corner[objective.name] = 0.0
            continue
        corner[objective.name] = value if math.isfinite(value) else _worst(objective)
    return corner


def _worst(objective: Objective) -> float:
    # A metric that the mean pose does not define (no wrists, say) gets its unit's natural corner.
    corners = {"px": PIXELS_OFF} if objective.metric.scope is Scope.TOTAL else {}
    return (
        100.0
        if objective.metric.unit.startswith("pct")
        else corners.get(objective.metric.unit, 1.0)
    )


def largest_rate(spec: SweepSpec, facts: DataFacts) -> float:
    """The largest nominal rate that a configuration of the space has and that is not refused."""
    rate_keys: set[str] = {"codec"}
    for name in codecs_of(spec.space):
        rate_keys |= family_of({"codec": name}).rate_keys
    rates = []
    for proposal in spec.space.projected(rate_keys):
        config: Config = spec.configuration(proposal)
        if refusal(config, facts) is None:
            rates.append(nominal_rate(config, facts).total)
    return max(rates, default=nearest_frame_rate(facts).total)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found | {f"{PLUGIN}{name}": sha for name, sha in plugin_hashes().items()}


def plugins_of(log: Log) -> dict[str, str]:
    """Plugins that a sweep was begun with -> hash; none for a sweep of an earlier release."""
    said = log.sweep.get("versions") or {}
    return {str(k): str(v) for k, v in said.items() if str(k).startswith(PLUGIN)}


def plugins_changed(before: Mapping[str, str]) -> list[str]:
    """Plugins that a sweep was begun with and that are not what they were, in words.

    Args:
        before: `versions()` as the sweep's log has them.
    """
    now = plugin_hashes()
    return [
        f"{name} was {sha} and is {now.get(name.removeprefix(PLUGIN), 'not loaded')} now"
        for name, sha in before.items()
        if name.startswith(PLUGIN) and now.get(name.removeprefix(PLUGIN)) != sha
    ]


def metric_versions() -> dict[str, int]:
    """Version of every metric's definition: values of two versions are not compared."""
    return {m.objective(): m.version for m in metrics()}
