"""Refuses manifests by which strangers could reach a Ray cluster.

Whoever reaches Ray's ports and holds its token runs what they like; without a token, everybody
(CVE-2023-48022, "ShadowRay"). So: a token always, and no public way to the ports all the same. What
is looked at is the manifest as it would be sent, after a person's own overlay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from search_spaces.errors import BadInput

PORTS = {6379: "control store", 8265: "dashboard and Jobs API", 10001: "Ray Client"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYBODY = ("0.0.0.0/0", "::/0")
_DASHBOARD = re.compile(r"--dashboard-host[= ](\S+)")
_STARTS_RAY = re.compile(r"\bray start\b")


def check_exposure(documents: Iterable[Mapping[str, Any]], what: str) -> None:
    """Looks at Kubernetes documents, or at a cluster launcher's.

    Raises:
        BadInput: the first fault, with its place in the document.
    """
    found = [fault for document in documents for fault in exposures(document)]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise BadInput(f"{what}: {found[0]}{more}; take that out of --overlay")


def exposures(document: Mapping[str, Any]) -> list[str]:
    """Every way in which a document opens a cluster to strangers; empty where there is none."""
    found: list[str] = []
    kind = document.get("kind")
    if "provider" in document:
        found += _of_launcher(document)
    if kind == "Ingress" or kind in ("Gateway", "HTTPRoute", "Route"):
        found.append(f"a {kind} leads to the cluster from outside")
    if kind in ("RayJob", "RayCluster"):
        cluster = document.get("spec", {})
        cluster = cluster.get("rayClusterSpec", cluster) if kind == "RayJob" else cluster
        if cluster.get("authOptions", {}).get("mode") != "token":
            found.append("rayClusterSpec.authOptions.mode must be token")
    for path, value in _walk(document):
        found += _of_value(path, value)
    return found


def _of_value(path: str, value: Any) -> Iterator[str]:
    key = path.rpartition(".")[2]
    if key in ("serviceType", "type") and value in ("LoadBalancer", "NodePort"):
        yield f"{path}: {value} is reached from outside; only ClusterIP is not"
    if key in ("enableIngress", "hostNetwork") and value is True:
        yield f"{path}: true opens the cluster's ports to the network around it"
    if key in ("hostPort", "nodePort", "externalIPs") and value:
        yield f"{path}: {value} is reached from outside"
    if key == "namespaceSelector" and value == {} and ".from" in path:
        yield f"{path}: lets in every namespace"
    if key == "ingress" and isinstance(value, list):
        for number, rule in enumerate(value):
            if isinstance(rule, Mapping) and not rule.get("from"):
                yield f"{path}[{number}]: lets in everybody"
    if isinstance(value, str) and value in _EVERYBODY:
        yield f"{path}: {value} is everybody"
    if isinstance(value, str) and "RAY_AUTH_MODE=disabled" in value:
        yield f"{path}: token authentication is turned off"
    names_mode = isinstance(value, Mapping) and value.get("name") == "RAY_AUTH_MODE"
    if names_mode and value.get("value") != "token":
        yield f"{path}: RAY_AUTH_MODE must be token"


def _of_launcher(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for command in document.get(key, ()):
            if not _STARTS_RAY.search(command):
                continue
            if "RAY_AUTH_MODE=token" not in command or "RAY_AUTH_TOKEN_PATH=" not in command:
                yield f"{key}: starts Ray without RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"
            for host in _DASHBOARD.findall(command):
                if host not in LOOPBACK:
                    yield f"{key}: the dashboard listens on {host}; only 127.0.0.1 is private"
    for path, value in _walk(document):
        if not isinstance(value, str):
            continue
        for port, name in PORTS.items():
            if re.search(rf"(?:-p|--publish)[= ]\S*\b{port}\b", value):
                yield f"{path}: publishes {port}, Ray's {name}"


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _walk(inside, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _walk(inside, f"{path}[{number}]")
