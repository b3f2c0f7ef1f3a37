"""What is submitted: a resolved sweep, the machines it asks for, the place; and its name for good.

The identity is a hash of what differs from the defaults: the same command gives the same id
wherever and whenever it is given, and submitting twice is harmless (the idea of Dora,
github.com/facebookresearch/dora).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from cluster.storage.location import is_uri, parse_location
from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec, RunSpec, SearchSpec, explained

PREFIX = "ratefront-"
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f]*")

State = Literal["queued", "running", "finished", "failed", "stopped", "unknown"]
"""Of a submission, in the same words everywhere."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _one_line(cls, value: object) -> object:
        # A line break would begin a line of its own in the script or manifest.
        inside = value if isinstance(value, tuple) else (value,)
        for text in inside:
            if isinstance(text, str) and not _ONE_LINE.fullmatch(text):
                raise ValueError(f"must be one line without control characters, got {text!r}")
        return value


class Machines(_Model):
    """What a place is asked for."""

    nodes: int = Field(default=1, ge=1, le=10_000)
    cpus: int = Field(default=4, ge=1)
    """Per node."""
    gpus: int = Field(default=0, ge=0)
    """Per node."""
    memory_gb: int = Field(default=16, ge=1)
    """Per node."""
    hours: float = Field(default=24.0, gt=0, le=24 * 365)
    """After which the place ends it; submitting again goes on from there."""
    idle_minutes: float = Field(default=10.0, ge=0, le=24 * 60)
    """Without a job, after which a cluster that was started for it is given back; 0: never, where
    the place leaves a choice."""
    min_nodes: int | None = Field(default=None, ge=0)
    """Of `nodes`, those that stand from the start; the place's autoscaler starts the others as
    trials need them. None: all of them stand."""

    @field_validator("min_nodes")
    @classmethod
    def _not_above_nodes(cls, given: int | None, info: ValidationInfo) -> int | None:
        if given is not None and given > info.data.get("nodes", given):
            raise ValueError(f"{given} are more than the {info.data['nodes']} of nodes")
        return given

    @property
    def standing(self) -> int:
        """Nodes for trials that a sweep waits for before it begins."""
        return self.nodes if self.min_nodes is None else self.min_nodes

    @property
    def idle_seconds(self) -> int:
        """After which an autoscaler gives a node back; as long as the place is had for 0."""
        return round(60 * self.idle_minutes) or round(3600 * self.hours)


class Slurm(_Model):
    """A SLURM cluster, whose nodes share the home and the sweep's folder."""

    kind: Literal["slurm"] = "slurm"
    python: str
    """Interpreter of the environment that every node sees."""
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    setup: tuple[str, ...] = ()
    """Shell lines before Ray starts, as in `module load cuda`."""
    options: tuple[str, ...] = ()
    """More options of sbatch, as in `--gres=gpu:h100:4`."""

    @field_validator("options")
    @classmethod
    def _are_options(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        for text in options:
            if not text.startswith("--"):
                raise ValueError(f"sbatch options begin with --, got {text!r}")
        return options


class KubeRay(_Model):
    """A Kubernetes cluster with the KubeRay operator."""

    kind: Literal["kuberay"] = "kuberay"
    image: str = Field(min_length=1)
    namespace: str = Field(default="default", pattern=_DNS_LABEL)
    operator_namespace: str = Field(default="kuberay-system", pattern=_DNS_LABEL)
    """Whose operator may reach the dashboard."""
    volumes: dict[str, str] = {}
    """Mount path -> name of a persistent volume claim, on which data and sweep lie."""
    queue: str = ""
    """Of Kueue."""
    pull_secret: str = ""

    @field_validator("volumes")
    @classmethod
    def _mounts(cls, volumes: dict[str, str]) -> dict[str, str]:
        for place, claim in volumes.items():
            if not place.startswith("/") or ".." in PurePosixPath(place).parts:
                raise ValueError(f"a volume is CLAIM:/MOUNT, got a mount of {place!r}")
            if not re.fullmatch(_DNS_LABEL, claim):
                raise ValueError(f"{claim!r} is no name of a volume claim")
        return volumes


class RayUp(_Model):
    """Machines that Ray's cluster launcher starts, or reaches by SSH (`provider: local`)."""

    kind: Literal["ray-up"] = "ray-up"
    provider: Literal["aws", "gcp", "local"]
    region: str = ""
    zone: str = ""
    project: str = ""
    """Of Google Cloud."""
    head_type: str = ""
    worker_type: str = ""
    hosts: tuple[str, ...] = ()
    """Addresses of `local`; the first is the head."""
    ssh_user: str = "ubuntu"
    ssh_key: str = ""
    image: str = ""
    """Container image; where empty, `python` must lie on the machines."""
    python: str = "python"
    setup: tuple[str, ...] = ()


Place = Annotated[Slurm | KubeRay | RayUp, Field(discriminator="kind")]


class Submission(BaseModel):
    """One specification for every place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    spec: str
    """Text of the resolved sweep: what `sweep.yaml` says."""
    out: str
    """The sweep's folder, as the machines there see it, or a place in a bucket."""
    machines: Machines = Machines()
    place: Place
    plugins: dict[str, str] = {}
    """File name -> text of the plugins that go along; they lie beside the specification there."""
    overlay: str = ""
    """YAML laid over the manifest that is rendered, where a place needs what is not asked here."""

    @field_validator("out")
    @classmethod
    def _is_a_folder(cls, out: str) -> str:
        if is_uri(out):
            # With the endpoint that is set here: a job has no environment of ours.
            try:
                return str(parse_location(out))
            except BadInput as error:
                raise ValueError(str(error)) from None
        if not out.startswith("/") or not _ONE_LINE.fullmatch(out):
            raise ValueError(f"must be an absolute path on the machines, got {out!r}")
        return out

    @property
    def id(self) -> str:
        """The same for the same submission, 22 characters that every place takes as a name."""
        whole = {**self.model_dump(mode="json"), "spec": told(yaml.safe_load(self.spec))}
        # A submission from before there was a choice keeps its name.
        if self.machines.idle_minutes == Machines().idle_minutes:
            del whole["machines"]["idle_minutes"]
        if self.machines.min_nodes is None:
            del whole["machines"]["min_nodes"]
        if not self.plugins:
            del whole["plugins"]
        text = json.dumps(whole, sort_keys=True)
        return PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]


def told(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A specification without what stands at its default: a release that adds a key changes no id.

    Args:
        spec: as in `sweep.yaml`.
    """
    sections = {"data": DataSpec(), "search": SearchSpec(), "run": RunSpec()}
    kept: dict[str, Any] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping) and key in sections:
            default = sections[key].model_dump(mode="json")
            value = {k: v for k, v in value.items() if k not in default or default[k] != v}
        if value or value == 0:
            kept[key] = value
    return kept


def make_submission(**given: object) -> Submission:
    """A checked submission.

    Raises:
        BadInput: the first fault, in one line.
    """
    try:
        return Submission.model_validate(given)
    except ValidationError as error:
        raise BadInput(f"submit: {explained(error)}") from None
