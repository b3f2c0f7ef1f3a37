"""What one trial needs, what the nodes of a cluster hold, and how many trials that makes at a time.

Counted node by node, since a trial's process lies on one node: two nodes of three cores hold two
trials of two cores, not three. A node counts where its labels are those that were asked for. A
cluster that grows by itself (Ray's autoscaler) counts as large as it, or a person, says that it may
become: what does not fit yet waits for it, and what never can is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search_spaces.devices import node_kind
from search_spaces.errors import BadInput

_NEARLY = 1e-6
MOST = 10_000
"""Trials at a time, where an autoscaler names no bound."""


@dataclass(frozen=True)
class Need:
    """One trial.

    Attributes:
        workers: processes, each on one node, on the same or on several.
        cpus: of each.
        gpus: of each: whole ones, or 1/n of one.
        labels: that their nodes must have, in Ray's words (`H100`, `!T4`, `in(H100,H200)`).
    """

    workers: int
    cpus: int
    gpus: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        each = f"{self.cpus} CPU" + (f" and {self.gpus:.4g} GPU" if self.gpus else "")
        said = each if self.workers == 1 else f"{self.workers} workers of {each}"
        labels = ", ".join(f"{k}={v}" for k, v in self.labels.items())
        return f"{said} on nodes with {labels}" if labels else said


@dataclass(frozen=True)
class Nodes:
    """Some nodes of one kind.

    Attributes:
        count: of them, or that there may be.
        resources: of each, in Ray's names.
        labels: of each; None: not known before it is there.
    """

    count: int
    resources: Mapping[str, float]
    labels: Mapping[str, str] | None = field(default_factory=dict)

    def workers(self, need: Need) -> int:
        """How many workers of a trial one of them holds."""
        if self.labels is not None and not _match(self.labels, need.labels):
            return 0
        held = int(self.resources.get("CPU", 0) // need.cpus)
        if not need.gpus:
            return held
        gpus = self.resources.get("GPU", 0)
        if need.gpus < 1:
            # n trials share one GPU, and no trial lies across two.
            return min(held, int(gpus + _NEARLY) * round(1 / need.gpus))
        return min(held, int(gpus // need.gpus))


def trials_at_a_time(need: Need, nodes: Sequence[Nodes], asked: int = 0) -> int:
    """How many trials nodes hold together, or fewer if asked.

    Args:
        need: of one trial.
        nodes: that there are or may be.
        asked: bound; 0: none.

    Raises:
        BadInput: not even one fits; says what would.
    """
    workers = sum(each.count * each.workers(need) for each in nodes)
    fits = min(MOST, workers // need.workers)
    if fits < 1:
        raise BadInput(f"one trial needs {need}, which never fits: {_remedy(need, nodes)}")
    return min(fits, asked) if asked else fits


def present_nodes(nodes: Iterable[Mapping[str, Any]]) -> list[Nodes]:
    """Nodes as `ray.nodes()` tells them, those that live."""
    return [Nodes(1, n["Resources"], n.get("Labels") or {}) for n in nodes if n["Alive"]]


def declared_nodes(config: Any) -> list[Nodes]:
    """Kinds of nodes that an autoscaler may start, as it told Ray; none without one.

    Args:
        config: Ray's `ClusterConfig`, or None. A kind without a bound has `max_count` -1.
    """
    groups = config.node_group_configs if config is not None else ()
    return [
        Nodes(MOST if g.max_count < 0 else g.max_count, dict(g.resources), None) for g in groups
    ]


def reachable_nodes(grows_to: Sequence[str] = ()) -> list[Nodes]:
    """Nodes of the cluster that was joined: as it is, or as large as its autoscaler may make it.

    Args:
        grows_to: kinds of nodes that somebody said the autoscaler may start, since Ray's own
            (2.60) tell nobody how far they may go.
    """
    import ray

    present = present_nodes(ray.nodes())
    declared = declared_nodes(ray._private.state.state.get_cluster_config())
    if grows_to:
        kinds = map(node_kind, grows_to)
        declared = [Nodes(n, {"CPU": cpus, "GPU": gpus}, None) for n, cpus, gpus in kinds]
    return declared if _cores(declared) > _cores(present) else present


def _cores(nodes: Sequence[Nodes]) -> float:
    return sum(each.count * each.resources.get("CPU", 0) for each in nodes)


def _match(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    if not wanted:
        return True
    import ray

    return bool(ray._raylet.node_labels_match_selector(dict(labels), dict(wanted)))


def _remedy(need: Need, nodes: Sequence[Nodes]) -> str:
    """What would fit."""
    there = [n for n in nodes if n.count]
    fitting = [n for n in there if n.labels is None or _match(n.labels, need.labels)]
    if not fitting:
        known = {
            f"{k}={n.labels[k]}" for n in there for k in need.labels if n.labels and k in n.labels
        }
        said = f"nodes have {', '.join(sorted(known))}" if known else "no node has such a label"
        return f"{said}; change --on"
    workers = sum(n.count * n.workers(need) for n in fitting)
    if workers:
        return f"{workers} such workers fit; lower --workers to {workers}"
    best = max(fitting, key=lambda n: (n.resources.get("GPU", 0), n.resources.get("CPU", 0)))
    cpus, gpus = int(best.resources.get("CPU", 0)), best.resources.get("GPU", 0)
    largest = f"the largest node has {cpus} CPU and {gpus:g} GPU"
    fixes = []
    most = max((int(n.resources.get("CPU", 0)) for n in fitting), default=0)
    if need.cpus > most:
        fixes.append(f"lower threads to {most}" if most else "start nodes with cores")
    if need.gpus > gpus:
        whole = int(gpus)
        fixes.append(f"lower gpus_per_trial to {whole}" if whole else "--set gpus_per_trial=0")
    return f"{largest}; {' and '.join(fixes or ['lower threads'])}"
