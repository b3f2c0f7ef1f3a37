"""A `Preparation` as files: JSON for what is said, safetensors for numbers. Nothing is run.

`preparation.json` holds names and structure, `preparation.safetensors` every array. What is read
may come from a stranger, so every name, shape and range is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search_spaces.errors import BadInput
from search_spaces.units import Unit
from trainables.motion.features import FeatureMap
from trainables.motion.part_data import WIDTHS, PartGeometry
from trainables.motion.parts import Part
from trainables.motion.preparation import Preparation
from trainables.motion.root import RootQuantizer
from trainables.motion.skeleton import Skeleton

PREPARATION_VERSION = 2
"""Written where units, depth or unseen joints are said; else 1, which older releases read too."""
DESCRIPTION_NAME = "preparation.json"
ARRAYS_NAME = "preparation.safetensors"
_GEOMETRY = ("parents", "offsets", "coded", "mean_rotations", "constant", "active")
_MOST_JOINTS = 4096


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    coded: list[int] = Field(min_length=1, max_length=_MOST_JOINTS)
    scored: list[int] = Field(min_length=1, max_length=_MOST_JOINTS)


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    fps: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    frame_stride: int = Field(ge=1, le=10_000)
    kind: str = Field(pattern="^(expmap|rot6d|position)$")
    joints: list[str] = Field(min_length=1, max_length=_MOST_JOINTS)
    parents: list[int]
    end_sites: dict[str, tuple[float, float, float]]
    parts: dict[str, _Part] = Field(min_length=1, max_length=64)
    wrists: list[int] = Field(max_length=2)
    hips: tuple[int, int] | None
    root_alphabet: int = Field(ge=3, le=4096)
    root_height: float = Field(allow_inf_nan=False)
    root_coded: bool
    unit: Unit = "m"
    flat: bool = False
    centre: list[int] = Field(default=[], max_length=8)
    unseen: list[int] = Field(default=[], max_length=_MOST_JOINTS)


def save_preparation(preparation: Preparation, folder: Path) -> None:
    """Writes both files into a folder that it makes."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {k: np.ascontiguousarray(v) for k, v in _arrays(preparation).items()}
    save_file(arrays, folder / ARRAYS_NAME)
    text = json.dumps(_description(preparation), indent=1)
    (folder / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")


def load_preparation(folder: Path) -> Preparation:
    """Reads what `save_preparation` wrote.

    Raises:
        BadInput: the files are missing, newer, damaged, or do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        raw = json.loads((folder / DESCRIPTION_NAME).read_text(encoding="utf-8"))
        arrays = load_file(folder / ARRAYS_NAME)
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise BadInput(
            f"{folder}: no preparation can be read here ({error}); export the codec again"
        ) from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if type(version) is not int or not 1 <= version <= PREPARATION_VERSION:
        raise BadInput(
            f"{folder / DESCRIPTION_NAME}: version {version} is not 1 to {PREPARATION_VERSION}, "
            "which this release reads; use the release that wrote it"
        )
    try:
        return _made(_Described.model_validate(raw), arrays)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{folder / DESCRIPTION_NAME}: {place}: {first['msg']}; export the codec again"
        ) from None
    except (BadInput, KeyError, ValueError) as error:
        raise BadInput(f"{folder}: is damaged: {error}; export the codec again") from None


def _description(preparation: Preparation) -> dict[str, Any]:
    skeleton = preparation.skeleton
    newer = {
        "unit": preparation.unit,
        "flat": preparation.flat,
        "centre": list(preparation.centre),
        "unseen": sorted(preparation.feature_map.unseen),
    }
    newer = {key: newer[key] for key in newer if newer[key] != _Described.model_fields[key].default}
    return {
        "version": PREPARATION_VERSION if newer else 1,
        "fps": preparation.fps,
        "frame_stride": preparation.frame_stride,
        "kind": preparation.feature_map.kind,
        "joints": list(skeleton.names),
        "parents": skeleton.parents.tolist(),
        "end_sites": {n: np.asarray(o).tolist() for n, o in skeleton.end_sites.items()},
        "parts": {
            name: {"coded": part.coded.tolist(), "scored": part.scored.tolist()}
            for name, part in preparation.feature_map.parts.items()
        },
        "wrists": list(preparation.wrists),
        "hips": preparation.hips,
        "root_alphabet": preparation.root.alphabet,
        "root_height": preparation.root.height,
        "root_coded": preparation.root_coded,
        **newer,
    }


def _arrays(preparation: Preparation) -> dict[str, np.ndarray]:
    fitted = preparation.feature_map
    arrays = {
        "offsets": preparation.skeleton.offsets,
        "pelvis_up": preparation.pelvis_up,
        "mean_rotations": fitted.mean_rotations,
        "mean_positions": fitted.mean_positions,
        "root.steps": preparation.root.steps,
    }
    for part, geometry in fitted.geometry.items():
        arrays |= {f"{part}/{name}": getattr(geometry, name) for name in _GEOMETRY}
    return arrays


def _made(said: _Described, arrays: Mapping[str, np.ndarray]) -> Preparation:
    joints = len(said.joints)
    parents = np.array(said.parents, np.int64)
    ends = {name: np.array(offset, np.float64) for name, offset in said.end_sites.items()}
    skeleton = Skeleton(tuple(said.joints), parents, _floats(arrays, "offsets", (joints, 3)), ends)
    for name in ends:
        skeleton.index(name)
    parts = {}
    for name, part in said.parts.items():
        for given in (part.coded, part.scored):
            if min(given) < 0 or max(given) >= joints:
                raise ValueError(f"part {name} names a joint beyond the {joints} there are")
        parts[name] = Part(np.array(part.coded, np.int64), np.array(part.scored, np.int64))
    for joint in (*said.wrists, *(said.hips or ()), *said.centre, *said.unseen):
        if not 0 <= joint < joints:
            raise ValueError(f"joint {joint} is beyond the {joints} there are")
    scored = {name: part.scored for name, part in parts.items()}
    scored["full"] = np.unique(np.concatenate(list(scored.values())))
    fitted = FeatureMap(
        said.kind,
        parents,
        parts,
        {name: _geometry(said.kind, name, part, arrays) for name, part in parts.items()},
        _floats(arrays, "mean_rotations", (joints, 3, 3)),
        _floats(arrays, "mean_positions", (joints, 3)),
        frozenset(said.unseen),
        bool(said.centre),
    )
    return Preparation(
        fps=said.fps,
        frame_stride=said.frame_stride,
        skeleton=skeleton,
        feature_map=fitted,
        scored=scored,
        wrists=tuple(said.wrists),
        pelvis_up=_floats(arrays, "pelvis_up", (3,)),
        hips=said.hips,
        root=RootQuantizer(
            said.root_alphabet, _floats(arrays, "root.steps", (4,)), said.root_height, said.flat
        ),
        root_coded=said.root_coded,
        unit=said.unit,
        flat=said.flat,
        centre=tuple(said.centre),
    )


def _geometry(kind: str, name: str, part: Part, arrays: Mapping[str, np.ndarray]) -> PartGeometry:
    coded = len(part.coded)
    points = len(arrays[f"{name}/parents"])
    places = _whole(arrays, f"{name}/parents", points, (-1, points))
    if places[0] != -1 or (places[1:] >= np.arange(1, points)).any() or (places[1:] < 0).any():
        raise ValueError(f"{name}/parents is no tree of its points")
    active, width = arrays[f"{name}/active"], WIDTHS[kind]
    return PartGeometry(
        kind=kind,
        parents=places,
        offsets=_floats(arrays, f"{name}/offsets", (points, 3)),
        coded=_whole(arrays, f"{name}/coded", coded, (0, points)),
        mean_rotations=_floats(arrays, f"{name}/mean_rotations", (coded, 3, 3)),
        constant=_floats(arrays, f"{name}/constant", (width * coded,)),
        active=_whole(arrays, f"{name}/active", len(active), (0, width * coded)),
    )


def _floats(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(arrays[name])
    if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers of shape {shape}")
    return array.astype(np.float64)


def _whole(
    arrays: Mapping[str, np.ndarray], name: str, length: int, bounds: tuple[int, int]
) -> np.ndarray:
    array = np.asarray(arrays[name])
    if array.shape != (length,) or array.dtype.kind not in "iu" or not length:
        raise ValueError(f"{name} must be {length} whole numbers")
    if array.min() < bounds[0] or array.max() >= bounds[1]:
        raise ValueError(f"{name} must lie in [{bounds[0]}, {bounds[1]})")
    return array.astype(np.int64)
