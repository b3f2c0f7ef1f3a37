"""The lint: every way to open a cluster to strangers is found, and what we render has none."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.places import kuberay, ray_up
from cluster.places.dispatch import laid_over, rendered
from cluster.places.exposure import exposures
from search_spaces.errors import BadInput
from tests.cluster.places.given import AWS, FOLDER, GCP, HOSTS, KUBERAY, submission

_CONTAINER = {"name": "ray-head", "image": "a"}
KUBERNETES: list[tuple[dict[str, Any], str]] = [
    ({"rayClusterSpec": {"headGroupSpec": {"serviceType": "LoadBalancer"}}}, "LoadBalancer"),
    ({"rayClusterSpec": {"headGroupSpec": {"serviceType": "NodePort"}}}, "NodePort"),
    ({"rayClusterSpec": {"headGroupSpec": {"enableIngress": True}}}, "enableIngress"),
    ({"rayClusterSpec": {"headGroupSpec": {"template": {"spec": {"hostNetwork": True}}}}}, "hostN"),
    ({"rayClusterSpec": {"authOptions": {"mode": "disabled"}}}, "must be token"),
    (
        {"rayClusterSpec": {"headGroupSpec": {"template": {"spec": {"containers": [
            {**_CONTAINER, "ports": [{"containerPort": 8265, "hostPort": 8265}]}]}}}}},
        "hostPort",
    ),
    (
        {"rayClusterSpec": {"headGroupSpec": {"template": {"spec": {"containers": [
            {**_CONTAINER, "env": [{"name": "RAY_AUTH_MODE", "value": "disabled"}]}]}}}}},
        "RAY_AUTH_MODE",
    ),
]  # fmt: skip
RULE = {"IpPermissions": [{"FromPort": 8265, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
LAUNCHER: list[tuple[dict[str, Any], str]] = [
    ({"head_start_ray_commands": ["ray start --head"]}, "RAY_AUTH_MODE"),
    (
        {"head_start_ray_commands": [
            "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=a ray start --head --dashboard-host=0.0.0.0"]},
        "listens on 0.0.0.0",
    ),
    ({"worker_start_ray_commands": ["RAY_AUTH_MODE=disabled ray start"]}, "RAY_AUTH"),
    ({"provider": {"security_group": RULE}}, "everybody"),
    ({"docker": {"run_options": ["-p 0.0.0.0:8265:8265"]}}, "publishes 8265"),
    ({"docker": {"run_options": ["--publish=10001:10001"]}}, "publishes 10001"),
]  # fmt: skip


@pytest.mark.parametrize("place", [AWS, GCP, HOSTS])
def test_our_clusters_are_closed(place: dict[str, Any]) -> None:
    assert exposures(ray_up.render(submission(place), FOLDER)) == []


def test_our_jobs_are_closed() -> None:
    documents = kuberay.render(submission(KUBERAY))
    assert [f for d in documents for f in exposures(d)] == []
    assert {d["kind"] for d in documents} == {"ConfigMap", "NetworkPolicy", "RayJob"}


@pytest.mark.parametrize(("overlay", "said"), KUBERNETES)
def test_an_open_job_is_refused(overlay: dict[str, Any], said: str) -> None:
    given = submission(KUBERAY, overlay=yaml.safe_dump({"spec": overlay}))
    with pytest.raises(BadInput, match=said):
        rendered(given)


@pytest.mark.parametrize(("overlay", "said"), LAUNCHER)
def test_an_open_cluster_is_refused(overlay: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        rendered(submission(AWS, overlay=yaml.safe_dump(overlay)), FOLDER)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Ingress", "spec": {}},
        {"kind": "Service", "spec": {"type": "LoadBalancer"}},
        {"kind": "Service", "spec": {"externalIPs": ["192.0.2.1"]}},
        {"kind": "NetworkPolicy", "spec": {"ingress": [{}]}},
        {"kind": "NetworkPolicy", "spec": {"ingress": [{"from": [{"namespaceSelector": {}}]}]}},
        {"kind": "RayCluster", "spec": {}},
    ],
)
def test_other_documents_are_looked_at_too(document: dict[str, Any]) -> None:
    assert exposures(document)


def test_the_policy_lets_in_the_job_and_the_operator_alone() -> None:
    policy = kuberay.render(submission(KUBERAY))[1]["spec"]
    own, operator = policy["ingress"]
    assert own["from"] == [{"podSelector": policy["podSelector"]}]
    assert operator["ports"] == [{"protocol": "TCP", "port": 8265}]
    labels = policy["podSelector"]["matchLabels"]
    job = kuberay.render(submission(KUBERAY))[2]["spec"]
    cluster = job["rayClusterSpec"]
    pods = [job["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    pods += [group["template"] for group in cluster["workerGroupSpecs"]]
    assert all(labels.items() <= pod["metadata"]["labels"].items() for pod in pods)


def test_laying_over_replaces_lists_and_changes_nothing_given() -> None:
    under = {"a": {"b": [1, 2], "c": 3}}
    assert laid_over(under, {"a": {"b": [9]}}) == {"a": {"b": [9], "c": 3}}
    assert under == {"a": {"b": [1, 2], "c": 3}}
