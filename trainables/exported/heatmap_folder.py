"""The folder that an exported codec of heatmaps is, and what it makes of recordings.

    config.json        schema, `medium: heatmaps`, the codec's configuration, how motion is drawn
    model.safetensors  everything learnt
    card.json, card.md measured numbers, their floors, and where they come from
    SHA256SUMS         of every file above

Recordings become tokens, window after window, and tokens become heatmaps; where each channel shows
one keypoint, also the skeleton that is located in them, in pixels. Where somebody stands and how
tall is in no heatmap (every window is framed by itself), so no motion file can be made of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_spaces.errors import BadInput
from trainables.codecs.codec import CODEC_VERSION
from trainables.exported.checked_codec import FAULTS, first_line
from trainables.exported.codec_folder import (
    CARD_NAME,
    CARD_PAGE,
    CONFIG_NAME,
    MODEL_NAME,
    SUMS_NAME,
    checked_sums,
    file_sum,
    identity_of,
)
from trainables.heatmaps.codec import HeatmapCodec
from trainables.heatmaps.codec_files import heatmap_codec_from
from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.drawing import ALL, Drawing, described_drawing
from trainables.heatmaps.shown import overlaid, picture_names, skeletons
from trainables.motion.clip import Clip
from trainables.trial_folder import whole

SCHEMA = 1
MEDIUM = "heatmaps"
IDENTITY = (CONFIG_NAME, MODEL_NAME)
"""Files that decide what a token means."""


@dataclass(frozen=True, eq=False)
class ExportedHeatmapCodec:
    """A codec of heatmaps that stands alone.

    Attributes:
        codec: trained.
        drawing: how motion is drawn for it.
        card: measured numbers and where they come from.
        identity: 8 bytes; empty before it was written.
    """

    codec: HeatmapCodec
    drawing: Drawing
    card: Mapping[str, Any]
    identity: bytes = b""

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tokens of a window along time, height and width."""
        factor, spec = self.codec.whole("compression"), self.drawing.spec
        return spec.window // factor, spec.size // factor, spec.size // factor


@dataclass(frozen=True, eq=False)
class CodedWindows:
    """A recording as tokens.

    Attributes:
        recording: its name.
        frames: at the codec's rate.
        starts: first frame of each window.
        tokens: (windows, T, H, W) int64.
    """

    recording: str
    frames: int
    starts: tuple[int, ...]
    tokens: np.ndarray


def is_heatmap_codec(folder: Path) -> bool:
    """Whether a folder holds an exported codec of heatmaps, by what its `config.json` says."""
    try:
        said = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("medium") == MEDIUM


def save_exported_heatmaps(codec: ExportedHeatmapCodec, folder: Path, page: str) -> bytes:
    """Writes the folder, all of it or nothing; returns the codec's identity.

    Args:
        codec: what to write.
        folder: a new or empty one.
        page: text of `card.md`; `{codec}` in it stands for the identity.
    """
    from safetensors.numpy import save_file

    own = codec.codec
    config = {
        "schema": SCHEMA,
        "medium": MEDIUM,
        "codec": {
            "codec_version": CODEC_VERSION, "config": own.config, "inward": own.inward,
            "outward": own.outward, "seed": own.seed,
        },
        "drawing": codec.drawing.described(),
    }  # fmt: skip
    with whole(folder) as place:
        arrays = {k: np.ascontiguousarray(v) for k, v in own.arrays().items()}
        save_file(arrays, place / MODEL_NAME)
        _write(place / CONFIG_NAME, config)
        identity = identity_of({name: file_sum(place / name) for name in IDENTITY}, IDENTITY)
        _write(place / CARD_NAME, {**codec.card, "codec": identity.hex()})
        (place / CARD_PAGE).write_text(page.replace("{codec}", identity.hex()), encoding="utf-8")
        sums = {f.name: file_sum(f) for f in sorted(place.iterdir())}
        lines = "".join(f"{value}  {name}\n" for name, value in sums.items())
        (place / SUMS_NAME).write_text(lines, encoding="utf-8")
    return identity


def load_exported_heatmaps(folder: Path) -> ExportedHeatmapCodec:
    """Reads a codec's folder; no code of it is run.

    Raises:
        BadInput: a file is missing, was changed, or does not fit the others.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    sums = checked_sums(folder, (*IDENTITY, CARD_NAME))
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        if config["schema"] != SCHEMA:
            raise BadInput(
                f"schema {config['schema']} is not {SCHEMA}; use the release that wrote it"
            )
        drawing = described_drawing(config["drawing"])
        codec = heatmap_codec_from(config["codec"], load_file(folder / MODEL_NAME), drawing)
        card = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
    except (*FAULTS, OSError, SafetensorError) as error:
        raise BadInput(f"{folder}: is damaged: {first_line(error)}; export it again") from None
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from None
    identity = identity_of({name: sums[name] for name in IDENTITY}, IDENTITY)
    return ExportedHeatmapCodec(codec, drawing, card, identity)


def encode_recording(exported: ExportedHeatmapCodec, clip: Clip) -> CodedWindows:
    """A recording as read from its file -> tokens of windows that follow one another.

    Raises:
        BadInput: it lacks the codec's joints, or is shorter than a window.
    """
    data = exported.drawing.data([exported.drawing.bring(clip)])
    windows = data.windows[ALL]
    grids = [exported.codec.coded(data.expected_input(w)).indices.cpu().numpy() for w in windows]
    frames = data.clips[clip.recording].frames
    return CodedWindows(clip.recording, frames, tuple(w.start for w in windows), np.stack(grids))


def decode_recording(exported: ExportedHeatmapCodec, coded: CodedWindows) -> dict[str, np.ndarray]:
    """Tokens -> what is written as `.npz`.

    Returns:
        `heatmaps` uint8 (windows, pictures, frames, size, size), 255 being 1, limbs or keypoints of
        a picture over one another; `starts`, `fps`, `pictures`; where each channel shows one
        keypoint, `keypoints` float32 (windows, pictures, frames, joints, 2) pixels to the right and
        down, NaN where lost, `joints`, and `limbs`.
    """
    like = exported.drawing.data([])  # of nothing: what is asked of it is how pictures are named
    maps = [exported.codec.decode(torch.as_tensor(grid)).clamp(0, 1) for grid in coded.tokens]
    pictures = [(overlaid(like, m) * 255).round().to(torch.uint8).cpu().numpy() for m in maps]
    found: dict[str, np.ndarray] = {
        "heatmaps": np.stack(pictures),
        "starts": np.array(coded.starts, np.int64),
        "fps": np.array(exported.drawing.fps),
        "pictures": np.array(picture_names(like), np.str_),
    }
    if like.names_keypoints:
        found["keypoints"] = np.stack([skeletons(like, m) for m in maps])
        found |= {"joints": np.array(like.layout.names, np.str_), "limbs": like.layout.limbs}
    return found


def drawn_recordings(drawing: Drawing, clips: Sequence[Clip]) -> HeatmapData:
    """Recordings as a codec sees them, all in one."""
    return drawing.data([drawing.bring(clip) for clip in clips])


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
