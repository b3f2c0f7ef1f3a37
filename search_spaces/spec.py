"""The specification of a sweep: what `sweep.yaml` says, checked, and re-runnable as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.objectives import Objective, find_metric
from search_spaces.space import Config, Space, Value, base_key

SPEC_VERSION = 1
EMBEDDED = "embedded"
Size = Literal["debug", "reduced", "full"]
SIZES: tuple[Size, ...] = ("debug", "reduced", "full")
DEFAULT_PARTS = {"body": "required", "right_hand": "optional", "left_hand": "optional"}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSpec(_Model):
    """What motion, at what rate, how split, how represented."""

    path: str = EMBEDDED
    fps: float = Field(default=30.0, gt=0, le=1000)
    frame_stride: int = Field(default=1, ge=1)
    """Every n-th frame after resampling: the coded rate is fps / frame_stride."""
    split: Literal["auto", "recording", "time"] = "auto"
    """auto: by recording, in time where there is a single recording."""
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_seed: int = 0
    gap_seconds: float = Field(default=1.0, ge=1.0)
    root: Literal["removed", "coded"] = "removed"
    root_codes: int = Field(default=16, ge=3, le=4096)
    features: Literal["auto", "expmap", "position"] = "auto"
    mirror: bool = False
    parts: dict[str, Literal["required", "optional"]] = DEFAULT_PARTS  # type: ignore[assignment]
    part_joints: dict[str, tuple[str, ...]] = {}
    """Joints of a part by name, where the names in the files say nothing."""
    embedded_size: Size = "reduced"
    embedded_seed: int = 0
    on_bad_file: Literal["error", "skip"] = "error"

    @field_validator("shares")
    @classmethod
    def _shares_add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
            raise ValueError(
                f"shares of train, val and test must be positive and add up to 1: {shares}"
            )
        return shares


class SearchSpec(_Model):
    """How configurations are chosen."""

    sampler: Literal["tpe", "nsga2", "nsga3", "gp", "random", "grid", "cells"] = "tpe"
    trials: int = Field(default=24, ge=1)
    seeds: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)
    startup: int = Field(default=8, ge=0)
    """Trials chosen at random before a model-based sampler is asked."""


class RunSpec(_Model):
    """Where trials run."""

    placement: Literal["local", "group"] = "local"
    workers: int = Field(default=1, ge=1)
    concurrency: int = Field(default=0, ge=0)
    """Trials at a time; 0: as many as there are cores (or devices)."""
    address: str = ""
    threads: int = Field(default=1, ge=1)
    gpus_per_trial: float = Field(default=0.0, ge=0)
    max_failures: int = Field(default=0, ge=0)


class SweepSpec(_Model):
    """A whole sweep, resolved: no name in it refers to anything but data on disk."""

    spec_version: int = SPEC_VERSION
    name: str
    preset: str
    title: str = ""
    source: str = ""
    size: Size = "reduced"
    data: DataSpec = DataSpec()
    space: Space
    search: SearchSpec = SearchSpec()
    run: RunSpec = RunSpec()
    objectives: tuple[str, ...] = ("rate_nominal_bps", "rmse_full_cm")
    plugins: tuple[str, ...] = ()

    @field_validator("objectives")
    @classmethod
    def _objectives_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            Objective(name)
        if len(names) < 2:
            raise BadInput(f"a front needs two objectives or more, got {', '.join(names)}")
        return names

    def configuration(self, proposal: Mapping[str, Value]) -> Config:
        """A proposal completed: fixed values that its codec knows, and its family's defaults."""
        family = family_of({**self.space.fixed, **proposal})
        known = {k.name for k in family.keys} | {"codec"}
        fixed = {k: v for k, v in self.space.fixed.items() if base_key(k) in known}
        return family.complete({**fixed, **proposal})

    def dump(self) -> str:
        """The text of `sweep.yaml`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)


def parse_spec(document: dict[str, Any], where: str) -> SweepSpec:
    """A checked spec; BadInput with the place and fault in one line otherwise."""
    version = document.get("spec_version", SPEC_VERSION)
    if version != SPEC_VERSION:
        raise BadInput(
            f"{where}: spec version {version} is not {SPEC_VERSION}; use the release that wrote it"
        )
    try:
        spec = SweepSpec.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{where}: {place + ': ' if place else ''}{said}") from None
    if spec.space.cells:
        for cell in spec.space.grid():
            spec.configuration(cell)
    elif not any(p.name == "codec" for p in spec.space.parameters):
        if "codec" not in spec.space.fixed:
            raise BadInput(f"{where}: space needs the parameter 'codec'")
    return spec


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; BadInput with file and line where it is none."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInput(
            f"{path}{line}: not valid YAML ({getattr(error, 'problem', error)})"
        ) from None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: must hold a mapping with the keys of a preset")
    return document


def drop_objectives(spec: SweepSpec, parts: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """Objectives over parts that are coded, and a sentence for each that was dropped with its part."""
    kept, said = [], []
    for name in spec.objectives:
        scope = find_metric(name)[1]
        hands = any(p.endswith("hand") for p in parts)
        missing = (scope == "hands" and not hands) or (
            scope not in ("", "full", "hands", "root") and scope not in parts
        )
        if missing:
            said.append(f"objective {name} is dropped: these skeletons have no {scope}")
        else:
            kept.append(name)
    return tuple(kept), said
