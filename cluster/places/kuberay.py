"""Kubernetes: a RayJob of KubeRay with its RayCluster, the specification and a NetworkPolicy.

The token is a mounted file. The operator must reach the dashboard, so that one listens on the pod's
address, behind the token, a ClusterIP service and the policy. Fields: KubeRay's RayJob v1
(github.com/ray-project/kuberay, tests/schemas/rayjob.json).
"""

from __future__ import annotations

import json
import shlex
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from cluster.places import ledger
from cluster.places.entrypoint import MODULE
from cluster.places.programs import run
from cluster.places.submission import KubeRay, State, Submission
from cluster.places.travelling import options
from cluster.storage.location import is_uri
from search_spaces.errors import BadInput
from search_spaces.spec import PROCEDURAL

MANIFEST = "rayjob.yaml"
TOKEN_FOLDER = "/etc/ratefront-token"
SPEC_FOLDER = "/etc/ratefront-spec"
_KEY = "auth_token"
"""Of the Secret; the operator reads it, too (raycluster_types.go, AuthOptions.SecretName)."""
_TOKEN = (
    {"name": "RAY_AUTH_MODE", "value": "token"},
    {"name": "RAY_AUTH_TOKEN", "value": ""},
    {"name": "RAY_AUTH_TOKEN_PATH", "value": f"{TOKEN_FOLDER}/{_KEY}"},
)
"""An empty token is passed over for the file; the operator finds the name taken and does not put
the real one into every process's environment (pod.go, SetContainerTokenAuthEnvVars)."""
_API_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where programs in a pod look for the API server's token."""
_STATES: dict[str, State] = {
    "": "queued", "Initializing": "queued", "Waiting": "queued", "Suspended": "queued",
    "Suspending": "queued", "Retrying": "queued", "Running": "running", "Complete": "finished",
    "Failed": "failed",
}  # fmt: skip


def render(submission: Submission, folder: Path | None = None) -> list[dict[str, Any]]:
    """Documents for `kubectl apply`: ConfigMap, NetworkPolicy, RayJob.

    Raises:
        BadInput: motion or sweep do not lie on a volume.
    """
    place = _kuberay(submission)
    _check_paths(submission, place)
    if place.queue and submission.machines.min_nodes is not None:
        raise BadInput(
            f"submit kuberay: Kueue admits a job of fixed size to {place.queue}; leave out --queue "
            "or --min-nodes"
        )
    meta: dict[str, Any] = {
        "name": submission.id,
        "namespace": place.namespace,
        "labels": _labels(submission),
    }
    job_labels = _labels(submission)
    if place.queue:
        job_labels["kueue.x-k8s.io/queue-name"] = place.queue
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "data": {ledger.SPEC_FILE: submission.spec, **submission.plugins},
    }
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {**meta, "labels": job_labels},
        "spec": _job(submission, place),
    }
    return [config, _policy(submission, place, meta), job]


def text(documents: list[dict[str, Any]]) -> str:
    """As one YAML file."""
    return yaml.safe_dump_all(documents, sort_keys=False, width=100)


def submit(submission: Submission, folder: Path) -> str:
    """Creates what is not there; a job that failed or was stopped is made anew, and resumes."""
    space = _kuberay(submission).namespace
    state, said = status(submission, folder)
    if state in ("queued", "running", "finished"):
        return f"is {state} already ({said or 'as a RayJob'})"
    if state in ("failed", "stopped"):
        run("kubectl", "-n", space, "delete", "rayjob", submission.id, "--wait=true")
    secret = f"{submission.id}-token"
    known = run("kubectl", "-n", space, "get", "secret", secret, "-o", "name", fails=True)
    if known.returncode:
        token = f"--from-file={_KEY}={folder / ledger.TOKEN_FILE}"
        run("kubectl", "-n", space, "create", "secret", "generic", secret, token)
    run("kubectl", "apply", "-f", str(folder / MANIFEST))
    return f"is queued as RayJob {submission.id} in namespace {space}"


def status(submission: Submission, folder: Path) -> tuple[State, str]:
    """Its state, and the operator's words for it."""
    place = _kuberay(submission)
    asked = run(
        "kubectl", "-n", place.namespace, "get", "rayjob", submission.id, "-o", "json", fails=True
    )
    if asked.returncode:
        if "not found" in asked.stderr.lower():
            return "unknown", "no such RayJob"
        raise BadInput(f"kubectl: {' '.join(asked.stderr.split())[-300:]}; mend that and ask again")
    found = json.loads(asked.stdout).get("status") or {}
    deployment, job = found.get("jobDeploymentStatus", ""), found.get("jobStatus", "")
    words = " ".join(w for w in (deployment, job, found.get("message", "")) if w)
    if job in ("STOPPED", "FAILED"):
        return ("stopped" if job == "STOPPED" else "failed"), words
    return _STATES.get(deployment, "unknown"), words


def logs(submission: Submission, folder: Path, follow: bool) -> str:
    """What the job said, from the pod that submitted it."""
    space = _kuberay(submission).namespace
    words = ["kubectl", "-n", space, "logs", f"job/{submission.id}", "--tail=-1"]
    ran = run(*words, *(["-f"] if follow else []), log=follow)
    return ran.stdout or ""


def stop(submission: Submission, folder: Path) -> str:
    """Deletes the job and what came with it; the sweep's folder stays, and may be resumed."""
    space = _kuberay(submission).namespace
    for kind, name in (
        ("rayjob", submission.id),
        ("networkpolicy", submission.id),
        ("configmap", submission.id),
        ("secret", f"{submission.id}-token"),
    ):
        run("kubectl", "-n", space, "delete", kind, name, "--ignore-not-found=true")
    return "is stopped, and its cluster deleted"


def _job(submission: Submission, place: KubeRay) -> dict[str, Any]:
    machines = submission.machines
    entrypoint = [
        "python", "-P", "-m", MODULE, "--spec", f"{SPEC_FOLDER}/{ledger.SPEC_FILE}",
        "--out", submission.out, "--nodes", str(machines.standing + 1),
        *options(submission.plugins),
    ]  # fmt: skip
    wanted = {"cpu": str(machines.cpus), "memory": f"{machines.memory_gb}Gi"}
    if machines.gpus:
        wanted["nvidia.com/gpu"] = str(machines.gpus)
    # The head holds the driver and no trial: what starves there would take the sweep along.
    little = {"cpu": "2", "memory": "8Gi"}
    head = {"num-cpus": "0", "num-gpus": "0", "dashboard-host": "0.0.0.0"}
    return {
        "entrypoint": shlex.join(entrypoint),
        "jobId": submission.id,
        "submissionMode": "K8sJobMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": round(60 * machines.idle_minutes),
        "activeDeadlineSeconds": round(machines.hours * 3600),
        # Each retry is a new cluster that resumes: the loss of a head costs a start.
        "backoffLimit": 2,
        "submitterPodTemplate": _pod(
            submission, place, "submitter", {"cpu": "500m", "memory": "1Gi"}, restart="Never"
        ),
        "rayClusterSpec": {
            "rayVersion": version("ray"),
            "authOptions": {"mode": "token", "secretName": f"{submission.id}-token"},
            **_autoscaling(submission),
            "headGroupSpec": {
                "serviceType": "ClusterIP",
                "enableIngress": False,
                "rayStartParams": head,
                "template": _head_pod(submission, place, little),
            },
            "workerGroupSpecs": [
                {
                    "groupName": "trials",
                    "replicas": machines.standing,
                    "minReplicas": machines.standing,
                    "maxReplicas": machines.nodes,
                    "rayStartParams": {},
                    "template": _pod(submission, place, "ray-worker", wanted),
                }
            ],
        },
    }


def _autoscaling(submission: Submission) -> dict[str, Any]:
    """Nothing, or the autoscaler beside the head.

    KubeRay would give it the token in a variable; of two variables of one name the later one
    counts, which is ours (pod.go, mergeAutoscalerOverrides).
    """
    machines = submission.machines
    if machines.min_nodes is None:
        return {}
    return {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "upscalingMode": "Default",
            "idleTimeoutSeconds": machines.idle_seconds,
            "env": [dict(variable) for variable in _TOKEN],
            "volumeMounts": [
                {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
                {"name": "api", "mountPath": _API_FOLDER, "readOnly": True},
            ],
            "securityContext": _unprivileged(),
        },
    }


def _unprivileged() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _head_pod(submission: Submission, place: KubeRay, wanted: dict[str, str]) -> dict[str, Any]:
    """With the API server's token for the autoscaler; the driver beside it has none."""
    pod = _pod(submission, place, "ray-head", wanted)
    if submission.machines.min_nodes is not None:
        namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
        sources = [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {"downwardAPI": {"items": [namespace]}},
        ]
        pod["spec"]["volumes"].append({"name": "api", "projected": {"sources": sources}})
    return pod


def _pod(
    submission: Submission, place: KubeRay, name: str, wanted: dict[str, str], restart: str = ""
) -> dict[str, Any]:
    mounts = [
        {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
        {"name": "spec", "mountPath": SPEC_FOLDER, "readOnly": True},
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "token", "secret": {"secretName": f"{submission.id}-token", "defaultMode": 0o440}},
        {"name": "spec", "configMap": {"name": submission.id}},
    ]
    for number, (mount, claim) in enumerate(sorted(place.volumes.items())):
        mounts.append({"name": f"volume-{number}", "mountPath": mount})
        volumes.append({"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": claim}})
    container = {
        "name": name,
        "image": place.image,
        "env": [dict(variable) for variable in _TOKEN],
        "resources": {"requests": dict(wanted), "limits": dict(wanted)},
        "volumeMounts": mounts,
        "securityContext": _unprivileged(),
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
        "containers": [container],
        "volumes": volumes,
    }
    if place.pull_secret:
        spec["imagePullSecrets"] = [{"name": place.pull_secret}]
    if restart:
        spec["restartPolicy"] = restart
    return {"metadata": {"labels": _labels(submission)}, "spec": spec}


def _policy(submission: Submission, place: KubeRay, meta: dict[str, Any]) -> dict[str, Any]:
    own = {"podSelector": {"matchLabels": _labels(submission)}}
    operator = {
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": place.operator_namespace}
        },
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "kuberay-operator"}},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta,
        "spec": {
            **own,
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [own]},
                {"from": [operator], "ports": [{"protocol": "TCP", "port": 8265}]},
            ],
        },
    }


def _labels(submission: Submission) -> dict[str, str]:
    return {"ratefront.submission": submission.id}


def _check_paths(submission: Submission, place: KubeRay) -> None:
    spec = yaml.safe_load(submission.spec)
    data = spec.get("data", {})
    named = [submission.out, *(data.get(n, "") for n in ("path", "rest_skeleton", "body_model"))]
    for path in named:
        if path in ("", *PROCEDURAL) or is_uri(path):
            continue
        if not any(PurePosixPath(path).is_relative_to(mount) for mount in place.volumes):
            raise BadInput(
                f"submit kuberay: {path} lies on no volume, so no other pod would see it; add "
                "--volume CLAIM:/MOUNT"
            )


def _kuberay(submission: Submission) -> KubeRay:
    assert isinstance(submission.place, KubeRay)
    return submission.place
