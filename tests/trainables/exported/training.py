"""Codecs trained in a second and exported, without a sweep around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.families import complete
from search_spaces.record import (
    CODEC_FOLDER,
    PREPARATION_FOLDER,
    RECONSTRUCTIONS_FILE,
    TOKEN_MODELS_FILE,
    TOKENS_FILE,
    TRIAL_CLIPS_FILE,
)
from search_spaces.spec import DataSpec
from tests.trainables.tiny import make_clip, moved
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import load_codec
from trainables.exported.card import card, page, without_names
from trainables.exported.codec_folder import ExportedCodec, load_exported, save_exported
from trainables.exported.prepared import load_prepared, save_prepared
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "kmeans": {"codec": "kmeans", "codebook_size": 16, "iterations": 5},
    "rqvae": {
        "codec": "rqvae", "codebook_size": 8, "quantizer_depth": 3, "latent_dim": 8,
        "hidden_dim": 16, "batch_frames": 96, "max_steps": 12,
    },
    "temporal_rvq": {
        "codec": "temporal_rvq", "codebook_size": 8, "quantizer_depth": 2, "latent_dim": 8,
        "hidden_dim": 16, "batch_frames": 128, "max_steps": 12, "window": 16, "compression": 4,
    },
    "eg_vqvae": {
        "codec": "eg_vqvae", "codebook_size": 8, "quantizer_depth": 2, "latent_dim": 8,
        "hidden_dim": 16, "batch_frames": 128, "max_steps": 12, "window": 16, "compression": 2,
    },
}  # fmt: skip
"""One small configuration of every codec."""


def write_recordings(folder: Path, count: int = 6, suffix: str = ".bvh") -> Path:
    """Invented recordings of unlike lengths and bodies, each somewhere else in the room."""
    (folder / "more").mkdir(parents=True)
    for i in range(count):
        clip = make_clip(f"take-{i}", i, 60 + 7 * i, scale=1.1 if i % 3 == 2 else 1.0)
        clip = moved(clip, 0.7 * i, (0.4 * i, 0.0, -0.3 * i))
        place = folder / ("more" if i % 2 else "") / f"take-{i}{suffix}"
        write_bvh(clip, place)
    return folder


@dataclass(frozen=True, eq=False)
class Trained:
    """One trial and the codec that it left.

    Attributes:
        source: the motion it was trained on.
        data: that motion, prepared.
        trial: folder of its artefacts.
        folder: of the exported codec.
        rows: its operating points.
    """

    source: Path
    data: MotionData
    trial: Path
    folder: Path
    rows: list[dict[str, Any]]

    @cached_property
    def codec(self) -> ExportedCodec:
        """As read from its folder."""
        return load_exported(self.folder)

    @cached_property
    def tokens(self) -> dict[str, np.ndarray]:
        """`<split>/<part>/<recording>` -> tokens as the trial stored them."""
        return dict(np.load(self.trial / TOKENS_FILE))

    @cached_property
    def reconstructions(self) -> dict[str, np.ndarray]:
        """`<recording>/depth<q>` -> positions as the trial stored them."""
        return dict(np.load(self.trial / RECONSTRUCTIONS_FILE))

    @cached_property
    def clips(self) -> pd.DataFrame:
        """Scores of every recording."""
        return pd.read_parquet(self.trial / TRIAL_CLIPS_FILE)

    @property
    def levels(self) -> int:
        """Depth of the last point."""
        return int(self.rows[-1]["depth"])

    def score(self, recording: str, metric: str) -> float:
        """What the trial measured on a test recording at full depth."""
        point, table = self.rows[-1]["point"], self.clips
        same = (table["recording"] == recording) & (table["metric"] == metric)
        (value,) = table[same & (table["point"] == point) & (table["split"] == "test")]["value"]
        return float(value)


def train(folder: Path, source: Path, codec: str, spec: DataSpec | None = None) -> Trained:
    """Prepares, trains, scores and exports with the root as the data's preparation has it.

    Args:
        folder: where trial and codec go.
        source: folder or file of motion.
        codec: a key of `CONFIGURATIONS`.
        spec: how to prepare; as usual where left out.
    """
    spec = spec or DataSpec(path=str(source))
    return train_on(folder, source, codec, prepare(spec))


def train_on(folder: Path, source: Path, codec: str, data: MotionData) -> Trained:
    """`train` for data that was prepared."""
    task = TrialTask("tiny", complete(CONFIGURATIONS[codec]), 0, folder / "trial")
    rows = run_trial(task, data, PlainRuntime())
    save_prepared(data, folder / PREPARATION_FOLDER)
    exported = export(folder, data, rows[-1], data.preparation.root_coded)
    return Trained(source, data, folder / "trial", exported, rows)


def export(
    folder: Path, data: MotionData, row: dict[str, Any], root_coded: bool, name: str = "codec"
) -> Path:
    """The codec's folder of a trial that lies at `folder / "trial"`."""
    from safetensors.numpy import load_file

    prepared = load_prepared(folder / PREPARATION_FOLDER)
    place = folder / "trial" / CODEC_FOLDER
    codecs = {part: load_codec(place / part) for part in data.facts.part_names}
    tables = load_file(place / TOKEN_MODELS_FILE)
    models = {
        part: TokenModel.from_arrays(
            c.alphabet,
            {k.removeprefix(f"{part}/"): v for k, v in tables.items() if k.startswith(f"{part}/")},
        ).cut(min(row["depth"], c.levels))
        for part, c in codecs.items()
    }
    if root_coded:
        models["root"] = prepared.root_model
    codec = ExportedCodec(
        replace(prepared.preparation, root_coded=root_coded),
        codecs,
        {part: min(row["depth"], c.levels) for part, c in codecs.items()},
        models,
        without_names(data.facts),
        {},
    )
    said = card(codec, row, {"sweep": "tiny", "trial": row["trial"]}, prepared.root_rates)
    save_exported(replace(codec, card=said), folder / name, page(said, codec))
    return folder / name


def file_of(source: Path, recording: str) -> Path:
    """The file that a recording of a data set was read from."""
    return source if source.is_file() else source / f"{recording}.bvh"


def same_motion(one: Clip, other: Clip, most: float) -> None:
    """Asserts the same joints, rate and frames, and places that are within `most` metres."""
    assert one.skeleton.names == other.skeleton.names
    assert (one.fps, one.frames) == (other.fps, other.frames)
    assert np.abs(one.positions - other.positions).max() < most
