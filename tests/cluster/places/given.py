"""Submissions to each place, with nothing of this machine in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.places.submission import Submission, make_submission

SPEC = "name: hands\npreset: rate_distortion\nrun:\n  address: auto\n  placement: local\n"
FOLDER = Path("/home/ada/.local/state/ratefront/ID")
GOLDEN = Path(__file__).parent / "golden"

SLURM: dict[str, Any] = {
    "kind": "slurm", "python": "/home/ada/env/bin/python", "partition": "gpu", "account": "signs",
    "setup": ("module load cuda",), "options": ("--mail-type=FAIL",),
}  # fmt: skip
KUBERAY: dict[str, Any] = {
    "kind": "kuberay", "image": "registry.example/ratefront:0.1.0", "namespace": "signs",
    "volumes": {"/lab": "lab"}, "queue": "research", "pull_secret": "registry",
}  # fmt: skip
AWS: dict[str, Any] = {
    "kind": "ray-up", "provider": "aws", "region": "eu-central-1", "worker_type": "g6.12xlarge",
    "image": "registry.example/ratefront:0.1.0", "setup": ("sudo mount /lab",),
}  # fmt: skip
GCP: dict[str, Any] = {
    "kind": "ray-up", "provider": "gcp", "region": "europe-west4", "zone": "europe-west4-a",
    "project": "signs", "worker_type": "g2-standard-24",
}  # fmt: skip
HOSTS: dict[str, Any] = {
    "kind": "ray-up", "provider": "local", "hosts": ("node-a", "node-b"), "ssh_user": "ada",
    "ssh_key": "/home/ada/.ssh/id", "python": "/opt/env/bin/python",
}  # fmt: skip
MACHINES: dict[str, Any] = {"nodes": 4, "cpus": 16, "gpus": 2, "memory_gb": 64, "hours": 36.5}


def submission(place: dict[str, Any], **more: Any) -> Submission:
    """To a place, asking for four machines with two GPUs each."""
    given = {"name": "hands", "spec": SPEC, "out": "/lab/sweeps/hands", "machines": MACHINES}
    return make_submission(place=place, **{**given, **more})


GROWING = {**MACHINES, "min_nodes": 0}
"""No machine until a trial waits, and up to four."""
PINNED = {
    "slurm.sbatch": submission(SLURM), "kuberay.yaml": submission(KUBERAY),
    "aws.yaml": submission(AWS), "gcp.yaml": submission(GCP), "hosts.yaml": submission(HOSTS),
    "kuberay-growing.yaml": submission(KUBERAY | {"queue": ""}, machines=GROWING),
    "aws-growing.yaml": submission(AWS, machines=GROWING),
}  # fmt: skip
"""Name of a pinned text -> what it is of."""
