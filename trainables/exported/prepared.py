"""What a sweep keeps of its prepared data, so that a codec can leave it without the data.

The preparation, and the root's token model with its rates: a sweep that removes the root scores
poses alone, and its codec gets a root when it is exported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.bitstream.token_model import TokenModel
from trainables.metrics.rate import model_rate_bps
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import Preparation
from trainables.motion.preparation_files import load_preparation, save_preparation
from trainables.trial_folder import whole

ROOT_MODEL_NAME = "root_tokens.safetensors"
ROOT_RATES_NAME = "root_rates.json"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a sweep keeps.

    Attributes:
        preparation: recordings <-> features.
        root_model: tables of the root's tokens, fitted on train.
        root_rates: split -> bits per second of the root under them.
    """

    preparation: Preparation
    root_model: TokenModel
    root_rates: dict[str, float]


def save_prepared(data: MotionData, folder: Path) -> None:
    """Writes it, all or nothing; the root's tables see training recordings alone."""
    from safetensors.numpy import save_file

    quantizer = data.preparation.root
    tokens = {
        split: [quantizer.encode(c.path) if c.root_tokens is None else c.root_tokens for c in clips]
        for split, clips in data.splits.items()
    }
    model = TokenModel.fit(tokens["train"], quantizer.alphabets)
    rates = {
        split: model_rate_bps(tokens[split], model, sum(map(len, tokens[split])) / data.fps)
        for split in ("val", "test")
    }
    with whole(folder) as place:
        save_preparation(data.preparation, place)
        arrays = {k: np.ascontiguousarray(v) for k, v in model.arrays().items()}
        save_file(arrays, place / ROOT_MODEL_NAME)
        (place / ROOT_RATES_NAME).write_text(json.dumps(rates, indent=1) + "\n")


def load_prepared(folder: Path) -> Prepared:
    """Reads what `save_prepared` wrote.

    Raises:
        BadInput: it is not there, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not folder.is_dir():
        raise BadInput(
            f"{folder}: is missing, the sweep was recorded by an older release; run it again with "
            "this one"
        )
    preparation = load_preparation(folder)
    try:
        arrays = load_file(folder / ROOT_MODEL_NAME)
        rates = {
            str(split): float(rate)
            for split, rate in json.loads((folder / ROOT_RATES_NAME).read_text()).items()
        }
    except (OSError, ValueError, AttributeError, SafetensorError) as error:
        raise BadInput(f"{folder}: is damaged ({error}); run the sweep again") from None
    model = TokenModel.from_arrays(preparation.root.alphabets, arrays)
    return Prepared(preparation, model, rates)
