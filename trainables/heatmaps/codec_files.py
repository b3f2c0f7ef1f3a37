"""Trained codecs of heatmaps read back from their folder: JSON and safetensors, never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.heatmaps import HeatmapSpec
from trainables.codecs.codec import CODEC_VERSION, CONFIG_NAME, WEIGHTS_NAME
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.drawing import Drawing
from trainables.heatmaps.dvae import DVAECodec
from trainables.heatmaps.layout import layout_of
from trainables.heatmaps.vqgan import VQGANCodec

_CLASSES: dict[str, type[HeatmapCodec]] = {
    VQGANCodec.family: VQGANCodec,
    DVAECodec.family: DVAECodec,
}


def heatmap_codec_class(name: str) -> type[HeatmapCodec]:
    """The class of a codec of heatmaps.

    Raises:
        BadInput: there is none of this name.
    """
    if name not in _CLASSES:
        raise BadInput(f"no codec of heatmaps is called {name!r}; there are {', '.join(_CLASSES)}")
    return _CLASSES[name]


def heatmap_codec_from(
    described: Mapping[str, Any], arrays: Mapping[str, np.ndarray], drawing: Drawing
) -> HeatmapCodec:
    """A trained codec of what its files say.

    Args:
        described: as `codec.json`.
        arrays: everything learnt.
        drawing: how motion is drawn for it; channels must be those of the codec.

    Raises:
        BadInput, KeyError, TypeError or ValueError: they are no codec, or do not fit.
    """
    if described["codec_version"] != CODEC_VERSION:
        raise BadInput(
            f"codec version {described['codec_version']} is not {CODEC_VERSION}; use the release "
            "that wrote it"
        )
    config = complete(dict(described["config"]))
    spec = drawing.spec
    if (config["picture"], config["window"]) != (spec.size, spec.window):
        raise ValueError("the codec and its drawing speak of other sizes")
    inward, outward = int(described["inward"]), int(described["outward"])
    if (inward, outward) != _channels(spec, drawing):
        raise ValueError("the codec has other channels than what is drawn for it")
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite numbers")
    make = heatmap_codec_class(str(config["codec"]))
    codec = make(config, inward, outward, int(described["seed"]))
    codec.load_arrays(arrays)
    codec.trained_share = 1.0
    return codec


def load_heatmap_codec(folder: Path, drawing: Drawing) -> HeatmapCodec:
    """Reads what `HeatmapCodec.save` wrote.

    Raises:
        BadInput: a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        return heatmap_codec_from(described, load_file(folder / WEIGHTS_NAME), drawing)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise BadInput(f"{folder}: is damaged ({error}); run the trial again") from None


def _channels(spec: HeatmapSpec, drawing: Drawing) -> tuple[int, int]:
    drawn = layout_of(drawing.skeleton).drawn(spec.heatmap)
    return spec.input_channels(drawn), spec.target_channels(drawn)
