"""Presets: the grids of the papers and our own spaces, at three sizes, as YAML beside this file.

A preset has the keys of a `SweepSpec` and `sizes`, whose entry for the size asked for is laid over
them. `--set key=value` is laid over that: keys of the data and the search by their names, anything
else is a configuration key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import BadInput
from search_spaces.families import known_keys
from search_spaces.space import PARTS, Value, base_key
from search_spaces.spec import (
    SIZES,
    DataSpec,
    RunSpec,
    SearchSpec,
    SweepSpec,
    parse_spec,
    read_yaml,
)

FOLDER = Path(__file__).parent / "presets"

_SECTIONS: dict[str, str] = {
    **{name: "data" for name in DataSpec.model_fields if name not in ("path", "parts")},
    **{name: "search" for name in SearchSpec.model_fields},
    **{name: "run" for name in RunSpec.model_fields},
}


def preset_names() -> list[str]:
    """Names of all presets, sorted: `klezovich/table1`, `rate_distortion`, ..."""
    return sorted(
        str(p.relative_to(FOLDER).with_suffix("")).replace("\\", "/")
        for p in FOLDER.rglob("*.yaml")
    )


def load_spec(
    preset: str,
    *,
    size: str | None = None,
    settings: Sequence[str] = (),
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    name: str | None = None,
) -> SweepSpec:
    """A preset (by name) or a YAML file (preset or resolved spec), resolved.

    Args:
        preset: name or path.
        size: debug, reduced or full; a resolved spec keeps its own where left out.
        settings: `key=value` texts of `--set`; `key=a,b` gives choices.
        overrides: section -> values, from options of the command line.
        name: of the sweep.

    Raises:
        BadInput: no such preset, an unknown key, a value outside its limits.
    """
    path = FOLDER / f"{preset}.yaml"
    if preset not in preset_names():
        path = Path(preset)
        if path.suffix not in (".yaml", ".yml") or not path.is_file():
            raise BadInput(
                f"no preset {preset!r} and no YAML file of that name; presets are "
                f"{', '.join(preset_names())}"
            )
    document = read_yaml(path)
    sizes = document.pop("sizes", {})
    chosen = size or document.get("size") or "reduced"
    if chosen not in SIZES:
        raise BadInput(f"--size must be one of {', '.join(SIZES)}, got {chosen!r}")
    document = lay_over(document, sizes.get(chosen, {}))
    document["size"] = chosen
    document.setdefault("preset", preset)
    document.setdefault(
        "name", preset.replace("/", "-") if path.parent != Path(preset).parent else path.stem
    )
    if name:
        document["name"] = name
    document.setdefault("data", {}).setdefault("embedded_size", chosen)
    document = lay_over(document, overrides or {})
    for setting in settings:
        _apply(document, setting)
    return parse_spec(document, preset)


def lay_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key, anything else replaced."""
    merged = dict(under)
    for key, value in over.items():
        mine = merged.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        merged[key] = lay_over(mine, value) if both else value  # type: ignore[arg-type]
    return merged


def parse_setting(setting: str) -> tuple[str, list[Value]]:
    """`key=value` or `key=a,b` -> key and values typed as YAML types them."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip() or not text.strip():
        raise BadInput(f"--set needs key=value, got {setting!r}")
    values = []
    for piece in text.split(","):
        try:
            value = yaml.safe_load(piece)
        except yaml.YAMLError:
            value = piece
        if isinstance(value, str):
            # YAML reads 1e-3 as text.
            try:
                value = float(value)
            except ValueError:
                value = value.strip()
        if value is None or isinstance(value, dict | list):
            raise BadInput(f"--set {key}: {piece!r} is no single value")
        values.append(value)
    return key.strip(), values


def _apply(document: dict[str, Any], setting: str) -> None:
    key, values = parse_setting(setting)
    if key == "objectives":
        document["objectives"] = [str(v) for v in values]
    elif key in _SECTIONS:
        section = document.setdefault(_SECTIONS[key], {})
        section[key] = values if key == "shares" else _single(key, values)
    elif key.startswith("part_joints."):
        part = key.removeprefix("part_joints.")
        document["data"].setdefault("part_joints", {})[part] = [str(v) for v in values]
    elif key.startswith("parts."):
        document["data"].setdefault("parts", {})[key.removeprefix("parts.")] = _single(key, values)
    elif base_key(key) in known_keys():
        _restrict(document.setdefault("space", {}), key, values)
    else:
        known = sorted(known_keys()) + sorted(_SECTIONS) + ["objectives", *PARTS]
        raise BadInput(f"--set: no parameter {key!r}; there are {', '.join(known)}")


def _single(key: str, values: list[Value]) -> Value:
    if len(values) != 1:
        raise BadInput(f"--set {key} takes one value, got {', '.join(map(str, values))}")
    return values[0]


def _restrict(space: dict[str, Any], key: str, values: list[Value]) -> None:
    """Narrows a space to some values of a key."""
    cells = space.get("cells")
    if cells and any(key in cell for cell in cells):
        kept = [c for c in cells if key not in c or c[key] in values]
        if not any(key in c for c in kept):
            there = sorted({str(c[key]) for c in cells if key in c})
            raise BadInput(f"--set {key}: no cell has that value; cells have {', '.join(there)}")
        space["cells"] = kept
        return
    parameters = space.get("parameters", [])
    mine = [p for p in parameters if p["name"] == key]
    if not mine or cells:
        if len(values) == 1:
            space.setdefault("fixed", {})[key] = values[0]
            space["cells"] = [{k: v for k, v in c.items() if k != key} for c in cells or []]
        else:
            space["parameters"] = [*parameters, {"name": key, "choices": values}]
        return
    for parameter in mine:
        for limit in ("low", "high", "log", "integer", "step", "value"):
            parameter.pop(limit, None)
        parameter["choices"] = list(values)
    if key == "codec":
        _drop_unreachable(space, values)


def _drop_unreachable(space: dict[str, Any], codecs: list[Value]) -> None:
    def reachable(parameter: dict[str, Any]) -> bool:
        wanted = parameter.get("when", {}).get("codec")
        if wanted is None:
            return True
        return bool(set(wanted if isinstance(wanted, list) else [wanted]) & set(codecs))

    space["parameters"] = [p for p in space["parameters"] if reachable(p)]
