"""Presets: the grids of the papers and our own spaces, at three sizes, as YAML beside this file.

A preset has the keys of a `SweepSpec` and `sizes`, whose entry for the size asked for is laid over
them; the options of the command line and `--set key=value` are laid over that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search_spaces.errors import BadInput
from search_spaces.families import there_are
from search_spaces.settings import apply_settings
from search_spaces.space import Space
from search_spaces.spec import SIZES, SweepSpec, explained, parse_spec, read_yaml

FOLDER = Path(__file__).parent / "presets"

_SECTIONS = ("data", "search", "run", "space")


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
    path, default_name = _place(preset)
    document = read_yaml(path)
    sizes = _mapping(document.pop("sizes", None), f"{preset}: sizes")
    if unknown := sorted(set(map(str, sizes)) - set(SIZES)):
        raise BadInput(f"{preset}: sizes has {unknown[0]!r}; there are {', '.join(SIZES)}")
    chosen = size or document.get("size") or "reduced"
    if chosen not in SIZES:
        raise BadInput(f"--size must be one of {', '.join(SIZES)}, got {chosen!r}")
    if not sizes and document.get("size", chosen) != chosen:
        raise BadInput(
            f"{preset} is resolved at size {document['size']}; ask its preset for size {chosen}"
        )
    for section in _SECTIONS:
        document[section] = _mapping(document.get(section), f"{preset}: {section}")
    document = lay_over(document, _mapping(sizes.get(chosen), f"{preset}: sizes.{chosen}"))
    document["size"] = chosen
    document.setdefault("preset", preset)
    document["name"] = name or document.get("name", default_name)
    document["data"].setdefault("embedded_size", chosen)
    document = lay_over(document, overrides or {})
    try:
        document["space"] = Space.model_validate(document["space"])
    except ValidationError as error:
        raise BadInput(f"{preset}: {explained(error, 'space')}") from None
    points = document["space"].points
    apply_settings(document, settings)
    document["space"] = document["space"].model_copy(update={"points": points})
    spec = parse_spec(document, preset)
    typed = any(text.partition("=")[0].strip() == "objectives" for text in settings)
    return spec.with_typed_objectives() if typed else spec


def _place(preset: str) -> tuple[Path, str]:
    """Where a preset or file lies, and what a sweep of it is called by default."""
    names = preset_names()
    if preset in names:
        return FOLDER / f"{preset}.yaml", preset.replace("/", "-")
    path = Path(preset)
    if path.suffix not in (".yaml", ".yml"):
        near = there_are(preset, names)
        more = " 'ratefront spaces' lists them all" if near.endswith("?") else ""
        raise BadInput(f"no preset {preset!r}, and no YAML file; {near}{more}")
    if not path.is_file():
        raise BadInput(
            f"no file {preset}; give a YAML file that exists, or one of the presets that "
            "'ratefront spaces' lists"
        )
    return path, path.stem


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInput(f"{where} must be a mapping of keys to values, got {value!r}")
    return dict(value)


def lay_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key, anything else replaced."""
    merged = dict(under)
    for key, value in over.items():
        mine = merged.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        merged[key] = lay_over(mine, value) if both else value  # type: ignore[arg-type]
    return merged
