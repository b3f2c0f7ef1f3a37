"""Ray's cluster launcher: its YAML, and the Jobs API of the head, reached over SSH alone.

`ray up` starts the machines, and `head_job` on the head submits the sweep under its own id. The
dashboard listens on the head's loopback address. Fields: ray/autoscaler/ray-schema.json.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from cluster.places import ledger
from cluster.places.entrypoint import MODULE
from cluster.places.programs import run
from cluster.places.submission import RayUp, State, Submission
from cluster.places.travelling import options
from search_spaces.errors import BadInput

MANIFEST = "cluster.yaml"
REMOTE = "~/ratefront"
_AUTH = f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={REMOTE}/{ledger.TOKEN_FILE}"
_HEAD_JOB = "cluster.places.head_job"
_IDLE = "cluster.places.idle"
_HEAD_TYPES = {"aws": "m6i.xlarge", "gcp": "n2-standard-4"}
_STATES: dict[str, State] = {
    "PENDING": "queued", "RUNNING": "running", "SUCCEEDED": "finished", "FAILED": "failed",
    "STOPPED": "stopped", "NONE": "unknown",
}  # fmt: skip


def render(submission: Submission, folder: Path) -> dict[str, Any]:
    """The launcher's document.

    Raises:
        BadInput: the place lacks what its provider needs.
    """
    place, machines = _ray_up(submission), submission.machines
    document: dict[str, Any] = {
        "cluster_name": submission.id,
        "max_workers": machines.nodes,
        "provider": _provider(place),
        "auth": {"ssh_user": place.ssh_user},
    }
    if place.ssh_key:
        document["auth"]["ssh_private_key"] = place.ssh_key
    if place.image:
        document["docker"] = {
            "image": place.image,
            "container_name": "ratefront",
            "pull_before_run": True,
            "run_options": ["--ulimit nofile=65536:65536"],
        }
    if machines.min_nodes is not None:
        if place.provider == "local":
            raise BadInput(
                "submit ray-up: your own machines are all there from the start; leave --min-nodes "
                "out"
            )
        document["idle_timeout_minutes"] = machines.idle_seconds / 60
    if place.provider != "local":
        document["available_node_types"] = _node_types(submission, place)
        document["head_node_type"] = "head"
    token = f"{REMOTE}/{ledger.TOKEN_FILE}"
    start = f"{_AUTH} ray start --disable-usage-stats --object-manager-port=8076"
    return {
        **document,
        "file_mounts": {
            token: str(folder / ledger.TOKEN_FILE),
            f"{REMOTE}/{ledger.SPEC_FILE}": str(folder / ledger.SPEC_FILE),
            **{f"{REMOTE}/{name}": str(folder / name) for name in submission.plugins},
        },
        "setup_commands": [f"chmod 600 {token}", *place.setup],
        "head_start_ray_commands": [
            "ray stop",
            f"{start} --head --port=6379 --dashboard-host=127.0.0.1 "
            "--autoscaling-config=~/ray_bootstrap_config.yaml",
            *_idle_watch(place, machines.idle_minutes),
        ],
        "worker_start_ray_commands": ["ray stop", f"{start} --address=$RAY_HEAD_IP:6379"],
    }


def text(document: dict[str, Any]) -> str:
    """As YAML."""
    return yaml.safe_dump(document, sort_keys=False, width=100)


def submit(submission: Submission, folder: Path) -> str:
    """Starts the machines, where they do not run, and the sweep, where it does not run."""
    run("ray", "up", "--yes", "--no-config-cache", str(folder / MANIFEST), log=True)
    machines = submission.machines
    nodes = machines.standing + (_ray_up(submission).provider != "local")
    entrypoint = [
        _ray_up(submission).python, "-P", "-m", MODULE, "--nodes", str(nodes),
        "--out", submission.out, *options(submission.plugins),
    ]  # fmt: skip
    words = f"{shlex.join(entrypoint)} --spec {REMOTE}/{ledger.SPEC_FILE}"
    said = _on_head(submission, folder, "submit", f"--entrypoint={shlex.quote(words)}")
    return said or "is queued"


def status(submission: Submission, folder: Path) -> tuple[State, str]:
    """Its state, asked of the head."""
    word = _on_head(submission, folder, "status")
    return _STATES.get(word, "unknown"), word


def logs(submission: Submission, folder: Path, follow: bool) -> str:
    """What the job said."""
    return _on_head(submission, folder, "follow" if follow else "logs", log=True)


def stop(submission: Submission, folder: Path) -> str:
    """Stops the sweep and gives the machines back; its folder stays where it was written."""
    _on_head(submission, folder, "stop", fails=True)
    run("ray", "down", "--yes", str(folder / MANIFEST), log=True)
    return "is stopped, and its machines are given back"


def _idle_watch(place: RayUp, minutes: float) -> list[str]:
    """What gives machines of a cloud back; one's own are not switched off."""
    if place.provider == "local" or not minutes:
        return []
    program = f"{shlex.quote(place.python)} -P -m {_IDLE} --minutes {minutes:g}"
    return [
        f"{_AUTH} nohup {program} --config ~/ray_bootstrap_config.yaml --pid {REMOTE}/idle.pid "
        f"> {REMOTE}/idle.log 2>&1 < /dev/null &"
    ]


def _on_head(
    submission: Submission,
    folder: Path,
    command: str,
    rest: str = "",
    log: bool = False,
    fails: bool = False,
) -> str:
    python = shlex.quote(_ray_up(submission).python)
    words = f"{_AUTH} {python} -P -m {_HEAD_JOB} {command} {submission.id} {rest}".strip()
    ran = run("ray", "exec", str(folder / MANIFEST), words, log=log, fails=fails)
    # What SSH says on the way stands before the answer.
    found = re.findall(r"^ratefront: (.*?)\r?$", ran.stdout or "", re.MULTILINE)
    return found[-1] if found else ""


def _provider(place: RayUp) -> dict[str, Any]:
    needs = {
        "aws": {"region": place.region},
        "gcp": {
            "region": place.region,
            "availability_zone": place.zone,
            "project_id": place.project,
        },
        "local": {"hosts": " ".join(place.hosts)},
    }[place.provider]
    option = {"availability_zone": "--zone", "project_id": "--project", "hosts": "--host"}
    for name, value in needs.items():
        if not value:
            raise BadInput(
                f"submit ray-up: {place.provider} needs {option.get(name, f'--{name}')}; add it"
            )
    if place.provider == "local":
        return {"type": "local", "head_ip": place.hosts[0], "worker_ips": list(place.hosts[1:])}
    if place.provider == "aws" and place.zone:
        needs["availability_zone"] = place.zone
    return {"type": place.provider, **needs, "cache_stopped_nodes": False}


def _node_types(submission: Submission, place: RayUp) -> dict[str, Any]:
    machines = submission.machines
    if not place.worker_type:
        raise BadInput(
            f"submit ray-up: {place.provider} needs --worker-type, a machine with {machines.cpus} "
            f"cores and {machines.gpus} GPUs; add it"
        )
    head = place.head_type or _HEAD_TYPES[place.provider]
    resources = {"CPU": machines.cpus}
    if machines.gpus:
        resources["GPU"] = machines.gpus
    return {
        # No trial beside the driver.
        "head": {
            "node_config": _node_config(place, head),
            "resources": {"CPU": 0},
            "min_workers": 0,
            "max_workers": 0,
        },
        "trials": {
            "node_config": _node_config(place, place.worker_type),
            "resources": resources,
            "min_workers": machines.standing,
            "max_workers": machines.nodes,
        },
    }


def _node_config(place: RayUp, kind: str) -> dict[str, Any]:
    if place.provider == "aws":
        return {"InstanceType": kind}
    return {
        "machineType": kind,
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "type": "PERSISTENT",
                "initializeParams": {
                    "diskSizeGb": 100,
                    "sourceImage": "projects/deeplearning-platform-release/global/images/family/"
                    "common-cpu",
                },
            }
        ],
    }


def _ray_up(submission: Submission) -> RayUp:
    assert isinstance(submission.place, RayUp)
    return submission.place
