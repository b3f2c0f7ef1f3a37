"""Before a trial: every node runs the same software, and finds these packages, not namesakes.

`analysis` or `cluster` may be a folder of somebody's own; a node whose search path puts that first,
or that holds another release, would fail late, or measure something else. A node that joins later
is asked by the first trial there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cluster.every_node import ask_every_node
from search_spaces.errors import BadInput

PACKAGES = ("search_spaces", "trainables", "cluster", "analysis")
DISTRIBUTIONS = (
    "ray", "torch", "numpy", "scipy", "scikit-learn", "vector-quantize-pytorch", "constriction",
    "pyarrow",
)  # fmt: skip
"""Whose versions decide whether nodes understand each other, and what numbers they give."""
RAY_FLOOR = (2, 60)
"""2.52: tokens at all. 2.54: an unauthenticated DELETE is refused (CVE-2026-27482). 2.60: what the
stopping of worker groups, reused actors and joining with a token were tested with."""


_passed: set[str] = set()
"""Nodes of this process that were found equal; it has one, and needs to look once."""


class NodeError(RuntimeError):
    """A trial came to a node whose software differs from the driver's."""


@dataclass(frozen=True)
class Preflight:
    """What the driver had before the first trial, and whom it asked.

    Attributes:
        software: of the driver.
        nodes: Ray's names of the nodes that were found equal.
    """

    software: Mapping[str, str]
    nodes: frozenset[str]


def check_ray(found: str | None = None) -> None:
    """This environment's Ray is recent enough.

    Raises:
        BadInput: it is older.
    """
    found = found or version("ray")
    if tuple(int(part) for part in found.split(".")[:2]) < RAY_FLOOR:
        floor = ".".join(map(str, RAY_FLOOR))
        raise BadInput(
            f"Ray {found} is older than {floor}; install ray>={floor} (docs/security.md)"
        )


def software() -> dict[str, str]:
    """Versions, and where the four packages lie and a hash of their sources, of this process."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in DISTRIBUTIONS:
        try:
            # A build for a GPU and one for processors are one release: 2.13.0+cu130.
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "none"
    for name in PACKAGES:
        place = _folder(name)
        found[f"{name} at"] = str(place or "nowhere")
        found[name] = _hash(place) if place else "none"
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What another process has that differs; equal sources at another place do not."""
    said = []
    for name in here:
        if name.endswith(" at") or here[name] == there.get(name):
            continue
        if name in PACKAGES:
            place, theirs = here[f"{name} at"], there.get(f"{name} at")
            which = f"the one of the driver, at {place}"
            if place == theirs:
                which = "what the driver has there"
            said.append(f"package {name} at {theirs} is not {which}")
        else:
            said.append(f"{name} {there.get(name)}, the driver has {here[name]}")
    return said


def check_software(seconds: float = 120) -> Preflight:
    """Compares every node of the joined cluster with this process.

    Returns:
        What nodes that come later are compared with (`check_late_node`).

    Raises:
        BadInput: names the node, and the first difference.
    """
    check_ray()
    here = software()
    answers = ask_every_node(software, seconds=seconds)
    for node, there in answers.items():
        found = differences(here, there)
        # Somebody may have saved a source file since: then that is what the node saw.
        if found and differences(software(), there):
            raise BadInput(_said(str(node), found))
    return Preflight(here, frozenset(node.identity for node in answers))


def check_late_node(preflight: Preflight | None) -> None:
    """Compares the node of this process, where it joined the cluster after the preflight.

    Raises:
        NodeError: it differs; names the node, and the first difference.
    """
    if preflight is None:
        return
    import ray

    context = ray.get_runtime_context()
    node = context.get_node_id()
    if node in preflight.nodes or node in _passed:
        return
    if found := differences(preflight.software, software()):
        raise NodeError(_said(f"{ray.util.get_node_ip_address()} ({node[:8]})", found))
    _passed.add(node)


def _said(node: str, found: list[str]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return (
        f"node {node}: {found[0]}{more}; give all nodes the same image or environment "
        "(docs/cluster.md)"
    )


def _folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
