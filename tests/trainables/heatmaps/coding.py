"""Small codecs of heatmaps and data for them."""

from __future__ import annotations

from search_spaces.families import complete
from search_spaces.space import Config, Value
from tests.trainables.heatmaps.motion import waving
from trainables.heatmaps.dataset import HeatmapData, drawn
from trainables.heatmaps.dvae import DVAECodec
from trainables.heatmaps.motion import HeatmapMotion, drawing, read_motion
from trainables.heatmaps.vqgan import VQGANCodec

SMALL: Config = {
    "picture": 16, "window": 16, "stride": 8, "width": 0.0625, "res_blocks": 1, "attention": 0,
    "latent_dim": 4, "compression": 4, "codebook_size": 8, "max_steps": 4, "learning_rate": 1e-3,
}  # fmt: skip


def config(codec: str = "vqgan", **given: Value) -> Config:
    """A small configuration; its discriminator judges from the second step on."""
    own: Config = {"disc_start": 1} if codec == "vqgan" else {}
    return complete({"codec": codec, **SMALL, **own, **given})


def motion(frames: int = 40) -> HeatmapMotion:
    """Five waving bodies."""
    from search_spaces.heatmaps import heatmap_spec

    return read_motion(heatmap_spec({}), [waving(name, frames) for name in "abcde"])


def data(of: Config, frames: int = 40) -> HeatmapData:
    """The bodies as a configuration draws them."""
    found = motion(frames)
    return drawn(found, drawing(found.reading, of))


def codec(of: Config, on: HeatmapData, seed: int = 0) -> VQGANCodec | DVAECodec:
    """An untrained codec."""
    make = VQGANCodec if of["codec"] == "vqgan" else DVAECodec
    return make(of, on.input_channels, on.target_channels, seed)
