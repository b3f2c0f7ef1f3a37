"""The searchers under comparison, each behind the simulator's ask and tell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.search.problem import Scale, Task
from cluster.replay.simulator import Arm

_OURS = (
    "ratefront", "ratefront-no-stopping", "ratefront-halving", "ratefront-no-prefixes",
    "ratefront-candidates", "ratefront-no-fantasies", "ratefront-ends-only",
    "ratefront-low-rate-start", "ratefront-long-start", "ratefront-unsettled", "ratefront-no-trend",
    "ratefront-finished-front", "ratefront-no-rate", "ratefront-cost", "ratefront-half-cost",
    "ratefront-shipped",
)  # fmt: skip
_OPTUNA = ("random", "random-halving", "tpe", "nsga2", "gpsampler")
_BRIDGE = ("ray-optuna", "ray-optuna-asha", "ray-nsga2", "ray-gp")
_PEERS = {
    "syne-moasha": ("syne_arms", "syne"),
    "syne-moasha-repaired": ("syne_arms", "syne"),
    "optuna-mmp": ("mmp_arm", "optunahub"),
    "neps-primo": ("neps_arms", "neps"),
    "neps-moasha": ("neps_arms", "neps"),
    "neps-primo-shipped": ("neps_arms", "neps"),
    "neps-moasha-shipped": ("neps_arms", "neps"),
    "ax": ("ax_arm", "ax"),
    "smac": ("smac_arm", "smac"),
    "deephyper": ("deephyper_arm", "deephyper"),
}
"""Arm -> (module, environment): each runs in `.venv-peers-<environment>`."""
_WHERE = {
    **dict.fromkeys(_OURS, "ours"),
    **dict.fromkeys(_OPTUNA, "optuna_arms"),
    **dict.fromkeys(_BRIDGE, "ray_bridge"),
    **{name: module for name, (module, _) in _PEERS.items()},
}
ARMS = tuple(_WHERE)
ENVIRONMENTS = {name: environment for name, (_, environment) in _PEERS.items()}
"""Environment of each arm that does not run in Ratefront's own."""


def make_arm(name: str, task: Task, scale: Scale, seed: int, workers: int) -> Arm:
    """An arm by name; ImportError where its library is not installed (`make bench-peers`)."""
    if name not in _WHERE:
        raise ValueError(f"no arm {name!r}; there are {', '.join(ARMS)}")
    made: Callable[..., Arm] = import_module(f"{__name__}.{_WHERE[name]}").make
    return made(name, task, scale, seed, workers)
