"""A trained generator as files: `generator.json` and `generator.safetensors`, never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import generators
from trainables.generators.flow_matching import FlowMatching

GENERATOR_VERSION = 1
CONFIG_NAME = "generator.json"
WEIGHTS_NAME = "generator.safetensors"

_CLASSES: dict[str, type[FlowMatching]] = {FlowMatching.family: FlowMatching}


def generator_class(name: str) -> type[FlowMatching]:
    """The class of a generator; BadInput where there is none."""
    if name not in _CLASSES:
        raise BadInput(
            f"no generator {name!r}; there are {', '.join(g.name for g in generators())}"
        )
    return _CLASSES[name]


def save_generator(generator: FlowMatching, folder: Path, conditioning: Mapping[str, Any]) -> None:
    """Writes a generator into a folder that is made; `conditioning` says what tokens it takes."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {k: np.ascontiguousarray(v) for k, v in generator.arrays().items()}
    save_file(arrays, folder / WEIGHTS_NAME)
    described = {
        "generator_version": GENERATOR_VERSION,
        "family": generator.family,
        "config": generator.config,
        "features": generator.features,
        "seed": generator.seed,
        "conditioning": dict(conditioning),
    }
    text = json.dumps(described, indent=1, sort_keys=True)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def load_generator(folder: Path) -> FlowMatching:
    """Reads a generator that `save_generator` wrote. Runs no code from the folder.

    Raises:
        BadInput: the folder holds none, a newer one, or one whose weights do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        version = described["generator_version"]
        if version != GENERATOR_VERSION:
            raise BadInput(
                f"{folder}: generator version {version} is not {GENERATOR_VERSION}; use the "
                "release that wrote it"
            )
        make = generator_class(str(described["family"]))
        made = make(dict(described["config"]), int(described["features"]), int(described["seed"]))
        arrays = load_file(folder / WEIGHTS_NAME)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadInput(f"{folder}: no generator can be read here ({error!r})") from None
    made.load_arrays(arrays)
    return made
