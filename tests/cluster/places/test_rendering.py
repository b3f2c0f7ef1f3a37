"""Manifests as they are sent: pinned texts, and the published schemas of who reads them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml

from cluster.places import kuberay, ray_up
from cluster.places.dispatch import laid_over, rendered
from search_spaces.errors import BadInput
from tests.cluster.places.given import (
    AWS,
    FOLDER,
    GOLDEN,
    GROWING,
    HOSTS,
    KUBERAY,
    PINNED,
    SLURM,
    submission,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", PINNED)
def test_what_is_sent_is_what_is_pinned(name: str) -> None:
    """To pin anew after a change that is meant: `python -m tests.cluster.places.pin`."""
    ray_version = f"rayVersion: {ray.__version__}"
    text = rendered(PINNED[name], FOLDER)[0]
    assert text.replace(ray_version, "rayVersion: RAY") == (GOLDEN / name).read_text()


def test_the_script_is_a_script() -> None:
    script = rendered(submission(SLURM), FOLDER)[0]
    ran = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = script.splitlines()
    options = [i for i, line in enumerate(lines) if line.startswith("#SBATCH")]
    # sbatch reads no option after the first command.
    assert options == list(range(1, len(options) + 1))


def test_a_group_gets_the_dashboard_that_its_cleaner_needs() -> None:
    spec = yaml.safe_dump({"run": {"placement": "group"}})
    assert " --dashboard -- " in rendered(submission(SLURM, spec=spec), FOLDER)[0]
    assert " --dashboard" not in rendered(submission(SLURM), FOLDER)[0]


@pytest.fixture(scope="module")
def rayjob() -> Any:
    """KubeRay's schema, made to refuse what the API server would drop without a word."""
    schema = json.loads((ROOT / "tests" / "schemas" / "rayjob.json").read_text())
    return jsonschema.Draft202012Validator(_strict(schema))


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {k: _strict(v) for k, v in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed["additionalProperties"] = False
    if schema.get("type") == "object" and set(schema) == {"type"}:
        closed.pop("additionalProperties", None)  # metadata
    return closed


@pytest.mark.parametrize("name", ["kuberay.yaml", "kuberay-growing.yaml"])
def test_kuberay_takes_the_job(rayjob: Any, name: str) -> None:
    job = kuberay.render(PINNED[name])[-1]
    assert [e.message for e in rayjob.iter_errors(job)] == []


def test_the_schema_refuses_what_kuberay_does_not_know(rayjob: Any) -> None:
    job = kuberay.render(submission(KUBERAY))[-1]
    for wrong in (
        {"spec": {"rayClusterSpec": {"authOptions": {"mode": "open"}}}},
        {"spec": {"rayClusterSpec": {"headGroupSpec": {"rayStartparams": {}}}}},
        {"spec": {"shutdownAfterJobFinishes": "yes"}},
    ):
        assert list(rayjob.iter_errors(laid_over(job, wrong)))


def test_only_the_autoscaler_may_ask_kubernetes_for_machines() -> None:
    """Neither the driver nor a trial has a token of the API server, which may start pods."""
    cluster = kuberay.render(PINNED["kuberay-growing.yaml"])[-1]["spec"]["rayClusterSpec"]
    head, (trials,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    scaler = cluster["autoscalerOptions"]
    assert {m["name"] for m in scaler["volumeMounts"]} == {"token", "api"}
    for group in (head, trials):
        pod = group["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        mounted = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
        assert "token" in mounted and "api" not in mounted
    assert {"name": "RAY_AUTH_TOKEN", "value": ""} in scaler["env"]
    assert (trials["minReplicas"], trials["maxReplicas"]) == (0, 4)
    assert "enableInTreeAutoscaling" not in str(kuberay.render(submission(KUBERAY)))


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml", "hosts.yaml", "aws-growing.yaml"])
def test_the_launcher_takes_the_cluster(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    document = ray_up.render(PINNED[name], FOLDER)
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(document, schema)
    # Ray's own checks, which know more than its schema.
    validate_config(prepare_config(document))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "head_commands": []}, schema)


def test_an_overlay_is_laid_over_the_job() -> None:
    overlay = yaml.safe_dump({"spec": {"backoffLimit": 7, "rayClusterSpec": {"suspend": True}}})
    documents = list(yaml.safe_load_all(rendered(submission(KUBERAY, overlay=overlay))[0]))
    spec = documents[-1]["spec"]
    assert spec["backoffLimit"] == 7 and spec["rayClusterSpec"]["suspend"] is True
    assert spec["rayClusterSpec"]["authOptions"]["mode"] == "token"


@pytest.mark.parametrize(
    ("place", "more", "said"),
    [
        (KUBERAY, {"out": "/home/ada/sweep"}, "lies on no volume"),
        (KUBERAY, {"spec": "data: {path: /motion}"}, "/motion lies on no volume"),
        (AWS | {"region": ""}, {}, "needs --region"),
        (AWS | {"worker_type": ""}, {}, "needs --worker-type, a machine with 16 cores and 2 GPUs"),
        (HOSTS | {"hosts": ()}, {}, "needs --host"),
        (SLURM, {"overlay": "a: 1"}, "--sbatch"),
        (KUBERAY, {"machines": GROWING}, "leave out --queue or --min-nodes"),
        (HOSTS, {"machines": GROWING}, "all there from the start"),
        (AWS, {"machines": {**GROWING, "min_nodes": 5}}, "5 are more than the 4 of nodes"),
        (KUBERAY, {"overlay": "- a"}, "must hold a mapping"),
    ],
)
def test_what_would_fail_there_is_refused_here(
    place: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        rendered(submission(place, **more), FOLDER)
    assert "\n" not in str(raised.value)
