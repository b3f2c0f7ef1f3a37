"""The searchers under comparison, each behind the simulator's ask and tell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from benchmarks.search.problem import Scale, Task
from cluster.replay.simulator import Arm

_OURS = (
    "ratefront", "ratefront-no-stopping", "ratefront-halving", "ratefront-no-prefixes",
    "ratefront-candidates", "ratefront-no-fantasies", "ratefront-ends-only",
    "ratefront-plain-start", "ratefront-long-start", "ratefront-unsettled", "ratefront-no-trend",
    "ratefront-finished-front",
)  # fmt: skip
_OPTUNA = ("random", "random-halving", "tpe", "nsga2", "gpsampler")
_BRIDGE = ("ray-optuna", "ray-optuna-asha", "ray-nsga2", "ray-gp")
_WHERE = {
    **dict.fromkeys(_OURS, "ours"),
    **dict.fromkeys(_OPTUNA, "optuna_arms"),
    **dict.fromkeys(_BRIDGE, "ray_bridge"),
}
ARMS = tuple(_WHERE)


def make_arm(name: str, task: Task, scale: Scale, seed: int, workers: int) -> Arm:
    """An arm by name; ImportError where its library is not installed (`make bench-peers`)."""
    if name not in _WHERE:
        raise ValueError(f"no arm {name!r}; there are {', '.join(ARMS)}")
    made: Callable[..., Arm] = import_module(f"{__name__}.{_WHERE[name]}").make
    return made(name, task, scale, seed, workers)
