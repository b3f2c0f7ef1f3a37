"""The specification of a sweep: what `sweep.yaml` says, checked, and re-runnable as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from search_spaces.believed_points import believed_points
from search_spaces.bones import TWICE
from search_spaces.budget import check_budget, deadline_at
from search_spaces.consistency import check_space
from search_spaces.devices import node_kind, whole_gpus
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, families, family_of, generators, there_are
from search_spaces.heatmap_families import PART as HEATMAP_PART
from search_spaces.inputs import InputsSpec
from search_spaces.limits import limits, searched_as
from search_spaces.objectives import Objective, find_metric, in_unit
from search_spaces.search_spec import SearchSpec as SearchSpec
from search_spaces.search_spec import Section
from search_spaces.space import Config, Parameter, Space, Value
from search_spaces.speech_families import SPEECH_TO_CODES
from search_spaces.stopping import check_stopping
from search_spaces.units import UNIT_WORDS, Yardstick

SPEC_VERSION = 1
EMBEDDED = "embedded"
EMBEDDED_FLAT = "embedded:2d"
"""The procedural signer as a camera in front of it sees it: x and y alone."""
EMBEDDED_SPEAKING = "embedded:speaking"
"""The procedural signer's body, gesturing to generated speech."""
PROCEDURAL = (EMBEDDED, EMBEDDED_FLAT, EMBEDDED_SPEAKING)
Size = Literal["debug", "reduced", "full"]
SIZES: tuple[Size, ...] = ("debug", "reduced", "full")
DEFAULT_PARTS = {"body": "required", "right_hand": "optional", "left_hand": "optional"}


class DataSpec(Section):
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
    features: Literal["auto", "expmap", "rot6d", "position"] = "auto"
    mirror: bool = False
    parts: dict[str, Literal["required", "optional"]] = DEFAULT_PARTS  # type: ignore[assignment]
    part_joints: dict[str, tuple[str, ...]] = Field(default={})
    """Joints of a part by name, where the names in the files say nothing."""
    embedded_size: Size = "reduced"
    embedded_seed: int = 0
    on_bad_file: Literal["error", "skip"] = "error"
    rest_skeleton: str = ""
    """BVH file with the bones for SMPL-X rotations, which hold none."""
    body_model: str = ""
    """The body model's .npz, for the bones of each recording's own betas; average bones where this
    and `rest_skeleton` are empty."""
    unit: Literal["auto", "m", "px", "sw"] = "auto"
    """auto: the files' own. sw: each recording over its median distance between the shoulders."""

    @field_validator("shares")
    @classmethod
    def _shares_add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
            raise ValueError(
                f"shares of train, val and test must be positive and add up to 1: {shares}"
            )
        return shares

    @model_validator(mode="after")
    def _bones_are_given_once(self) -> DataSpec:
        if self.rest_skeleton and self.body_model:
            raise ValueError(TWICE)
        return self

    @property
    def part_names(self) -> tuple[str, ...]:
        """Parts that may be coded: those asked for and those whose joints are given."""
        return tuple({**self.parts, **self.part_joints})


class RunSpec(Section):
    """Where trials run."""

    placement: Literal["local", "group", "packed"] = "local"
    workers: int = Field(default=1, ge=1)
    members: int = Field(default=0, ge=0)
    """Trials that one device or core trains at once in `packed`; 0: as many as pay there."""
    concurrency: int = Field(default=0, ge=0)
    """Trials at a time; 0: as many as there are cores (or devices)."""
    address: str = ""
    threads: int = Field(default=1, ge=1)
    gpus_per_trial: float = Field(default=0.0, ge=0)
    """Of each worker: whole ones, or 1/n of one (`0.5`, `1/3`)."""
    node_labels: dict[str, str] = Field(default={})
    """That the nodes of trials must have, in Ray's words (`H100`, `!T4`, `in(H100,H200)`)."""
    grows_to: tuple[str, ...] = ()
    """Kinds of nodes that the cluster's autoscaler may start, as `NODES:CPUS:GPUS`."""
    trial_timeout: float = Field(default=0.0, ge=0)
    """Seconds after which a trial counts as hung; 0: never."""
    retries: int = Field(default=0, ge=0)
    """How often a trial that raised, died or hung is tried again, from its last rung."""
    max_failures: int | None = Field(default=None, ge=0)
    """Failed trials that leave the exit code at 0, and after one more of which nothing new begins;
    None: any leaves it at 1, and none ends the sweep."""
    max_gpu_hours: float = Field(default=0.0, ge=0)
    """GPU-hours of trials after which nothing new begins; 0: no bound."""
    price_gpu_hour: float = Field(default=0.0, ge=0)
    price_cpu_hour: float = Field(default=0.0, ge=0)
    """In whatever currency: what trials cost by them stands in status, report and merges."""
    deadline: str = ""
    """Time from which on nothing new begins: `36h` after the start, or a moment in ISO 8601."""
    track: str = ""
    """Experiment tracker that the log is mirrored in (`wandb`); none where left out."""
    clips: bool = True
    """Whether pages and uploads may hold motion of the recordings."""
    retain: Literal["all", "front", "none"] = "front"
    """Whose weights stay; front: of trials on a front or within `retain_within` of one."""
    retain_within: float = Field(default=5.0, ge=0, le=1000)
    """Percent above the lowest distortion at or under a point's own rate."""

    @field_validator("gpus_per_trial", mode="before")
    @classmethod
    def _gpus_are_whole_or_a_fraction(cls, given: Any) -> Any:
        return whole_gpus(given)

    @field_validator("grows_to")
    @classmethod
    def _kinds_of_nodes(cls, given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for text in given:
            node_kind(text)
        if given and info.data.get("placement") == "packed":
            raise ValueError("packed takes nodes as they are; no --grows-to or --min-nodes")
        return given


class SweepSpec(Section):
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
    constraints: tuple[str, ...] = ()
    """Limits on results, as in `rmse_hands_cm<=4`."""
    plugins: tuple[str, ...] = ()
    inputs: InputsSpec = InputsSpec()
    """What trials take from elsewhere: the codec whose tokens generators are given."""
    _objectives_typed: bool = PrivateAttr(default=False)

    @field_validator("objectives")
    @classmethod
    def _two_or_more(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < max(2, len(names)):
            raise ValueError(
                f"a front needs two different objectives or more, got {', '.join(names) or 'none'}"
            )
        return names

    def configuration(self, proposal: Mapping[str, Value]) -> Config:
        """A proposal completed: fixed values that its codec knows, and its family's defaults."""
        proposal = self.inputs.laid_under({**self.space.start(), **proposal})
        family = family_of({**self.space.fixed, **proposal})
        fixed = {k: v for k, v in self.space.fixed.items() if family.key_of(k)}
        return family.complete({**fixed, **proposal})

    def with_typed_objectives(self) -> SweepSpec:
        """The same, remembering that a person wrote the objectives: theirs are not renamed."""
        same = self.model_copy()
        same._objectives_typed = True
        return same

    def dump(self) -> str:
        """The text of `sweep.yaml`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)


def parse_spec(document: Mapping[str, Any], where: str) -> SweepSpec:
    """A checked spec; BadInput with the place and fault in one line otherwise.

    A spec that names codecs or metrics of plugins that are not loaded yet passes unchecked: whoever
    loads them calls `check_spec`.
    """
    version = document.get("spec_version", SPEC_VERSION)
    if version != SPEC_VERSION:
        raise BadInput(
            f"{where}: spec version {version!r} is not {SPEC_VERSION}, which this release reads; "
            "use the release that wrote it"
        )
    try:
        spec = SweepSpec.model_validate(document)
        if not _awaits_plugins(spec):
            check_spec(spec)
    except ValidationError as error:
        raise BadInput(f"{where}: {explained(error)}") from None
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    return spec


def check_spec(spec: SweepSpec) -> None:
    """Checks a spec against the codecs and metrics that are registered.

    Raises:
        BadInput: an unknown codec, parameter or metric, a value outside its limits, a sampler that
            cannot search the space.
    """
    parts = spec.data.part_names
    systems = codecs_of(spec.space)
    if spec.inputs.codec is not None and not {g.name for g in generators()} & set(systems):
        raise BadInput("inputs.codec is for generators, and the space has none; leave it out")
    if spec.inputs.features is not None and SPEECH_TO_CODES not in systems:
        raise BadInput(f"inputs.features is for {SPEECH_TO_CODES}; leave it out of this space")
    # What an input fills in is known when it was found.
    if spec.inputs.codec is None or spec.inputs.codec.sha256:
        check_space(_with_inputs(spec), parts)
    scopes = {name: Objective(searched_as(name)).scope for name in spec.objectives}
    scopes |= {text: find_metric(limits([text])[0].name)[1] for text in spec.constraints}
    drawn = any(family_of({"codec": name}).medium == "heatmaps" for name in systems)
    for name, scope in scopes.items():
        known = [HEATMAP_PART] if drawn else ["full", "hands", *parts]
        if scope not in ("", *known, *(() if drawn else ("root",))):
            raise BadInput(f"objective {name}: no part {scope!r}; {there_are(scope, known)}")
    sampler = spec.search.sampler
    if spec.space.cells and sampler not in ("cells", "grid"):
        raise BadInput(f"sampler {sampler} has nothing to choose: the space lists cells; use cells")
    if sampler == "cells" and not spec.space.cells:
        raise BadInput("sampler cells needs a space with cells; use grid, tpe or random")
    if sampler == "grid" and not spec.space.finite:
        open_ = next(p for p in spec.space.parameters if p.choices is None and not p.integer)
        raise BadInput(
            f"sampler grid: {open_.name} is continuous; add --set {open_.name}=A,B or use tpe"
        )
    check_stopping(
        spec.search.stopping, sampler, spec.search.seeds,
        [*spec.objectives, *(limit.name for limit in limits(spec.constraints))],
    )  # fmt: skip
    search = spec.search
    if search.warm_start and sampler in ("grid", "cells"):
        raise BadInput(
            f"sampler {sampler} runs its list and learns nothing from earlier sweeps; "
            "--set sampler=rate_aware, or leave --warm-start out"
        )
    if spec.space.points and sampler in ("grid", "cells"):
        raise BadInput(f"sampler {sampler} runs its whole list; leave the points out (--point)")
    believed_points(spec.space)
    deadline_at(spec.run.deadline, 0.0)
    if spec.run.max_gpu_hours and not spec.run.gpus_per_trial:
        raise BadInput(
            f"max_gpu_hours {spec.run.max_gpu_hours:g} bounds nothing, since trials use no GPU; "
            "add --set gpus_per_trial=1, or use --deadline"
        )
    check_budget(search.stop_when, search.repeat_front, search.seeds, sampler, spec.objectives)


def _with_inputs(spec: SweepSpec) -> Space:
    """The space with what inputs fill in: what is checked is what will be proposed."""
    if spec.inputs.codec is None:
        return spec.space
    cells = tuple(spec.inputs.laid_under({**spec.space.start(), **c}) for c in spec.space.cells)
    return spec.space.model_copy(update={"cells": cells}) if cells else spec.space


def _awaits_plugins(spec: SweepSpec) -> bool:
    if not spec.plugins:
        return False
    try:
        for name in spec.objectives:
            find_metric(name)
    except BadInput:
        return True
    systems = {f.name for f in families()} | {g.name for g in generators()}
    return not set(codecs_of(spec.space)) <= systems


_PLACES: dict[str, type[BaseModel]] = {
    "data": DataSpec,
    "search": SearchSpec,
    "run": RunSpec,
    "space": Space,
    "parameters": Parameter,
}


def explained(error: ValidationError, inside: str = "") -> str:
    """The first fault that pydantic found, in one line: place, fault, what was given."""
    first = error.errors()[0]
    place = [step for step in (inside, *first["loc"]) if step != ""]
    said, given = first["msg"].removeprefix("Value error, "), first["input"]
    if first["type"] == "extra_forbidden":
        owner = next((_PLACES[s] for s in reversed(place[:-1]) if s in _PLACES), SweepSpec)
        said = f"no such key; {there_are(place[-1], list(owner.model_fields))}"
    elif first["type"] == "missing":
        said = "is missing"
    elif place and place[-1] in ("str", "int", "float", "bool"):
        place, said = place[:-1], f"must be a number, a text or a switch, got {given!r}"
    elif first["type"] != "value_error":
        fault = said.partition(", unable")[0].replace("Input should be", "must be")
        said = f"{fault}, got {given!r}"
    return f"{'.'.join(map(str, place))}: {said}" if place else said


class _StrictLoader(yaml.SafeLoader):
    """YAML lets the last of two equal keys win in silence; here it is an error with its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} stands twice", key.start_mark
                )
            seen.add(str(name))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; BadInput with file and line where it is none."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
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
    """Objectives over parts that are coded, and a sentence for each dropped with its part."""
    kept, said = [], []
    for name in spec.objectives:
        scope = find_metric(name)[1]
        hands = any(p.endswith("hand") for p in parts)
        if scope == "root" and spec.data.root != "coded":
            said.append(f"objective {name} is dropped: the root is removed, not coded")
        elif (scope == "hands" and not hands) or (
            scope not in ("", "full", "hands", "root", *parts)
        ):
            said.append(f"objective {name} is dropped: these skeletons have no {scope}")
        else:
            kept.append(name)
    return tuple(kept), said


def objectives_in(spec: SweepSpec, yardstick: Yardstick) -> tuple[tuple[str, ...], list[str]]:
    """Objectives as the data's own unit names them, and a sentence where that changed one.

    Raises:
        BadInput: a person named one that these data do not have.
    """
    meant = {name: searched_as(name) for name in spec.objectives}
    said = [
        f"{old} is best where the original stands; searched for is {new}"
        for old, new in meant.items() if old != new
    ]  # fmt: skip
    wanted = tuple(dict.fromkeys(meant.values()))
    names = tuple(in_unit(name, yardstick) for name in wanted)
    renamed = {old: new for old, new in zip(wanted, names, strict=True) if old != new}
    if not renamed:
        return names, said
    bones = " on bones of average proportions" if yardstick.approx_skeleton else ""
    what = f"this motion is in {UNIT_WORDS[yardstick.unit]}{bones}"
    if spec._objectives_typed:
        old, new = next(iter(renamed.items()))
        raise BadInput(f"objective {old}: {what}; name it {new}")
    pairs = ", ".join(f"{old} is read as {new}" for old, new in renamed.items())
    return names, [*said, f"{what}: {pairs}"]
