"""The searchers under comparison, each behind the simulator's ask and tell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.search.problem import Scale, Task
from cluster.replay.simulator import Arm

_WHERE = {
    "ratefront": "ours", "ratefront-no-rate": "ours", "ratefront-no-stopping": "ours",
    "ratefront-halving": "ours", "ratefront-cost": "ours", "ratefront-no-prefixes": "ours",
    "ratefront-candidates": "ours", "ratefront-no-fantasies": "ours",
    "ratefront-ends-only": "ours", "ratefront-plain-start": "ours",
    "ratefront-finished-front": "ours",
    "random": "optuna_arms", "random-halving": "optuna_arms", "tpe": "optuna_arms",
    "nsga2": "optuna_arms", "gpsampler": "optuna_arms", "optuna-mmp": "optuna_arms",
    "ray-optuna": "ray_bridge", "ray-optuna-asha": "ray_bridge",
    "ray-nsga2": "ray_bridge", "ray-gp": "ray_bridge",
    "syne-moasha": "syne", "syne-moasha-repaired": "syne",
    "neps-primo": "neps_arms", "neps-moasha": "neps_arms",
    "ax": "ax_arm", "smac": "smac_arm", "deephyper": "deephyper_arm",
}  # fmt: skip
ARMS = tuple(_WHERE)


def make_arm(name: str, task: Task, scale: Scale, seed: int, workers: int) -> Arm:
    """An arm by name; ImportError where its library is not installed (`make bench-peers`)."""
    if name not in _WHERE:
        raise ValueError(f"no arm {name!r}; there are {', '.join(ARMS)}")
    made: Callable[..., Arm] = import_module(f"{__name__}.{_WHERE[name]}").make
    return made(name, task, scale, seed, workers)
