"""One training step of the VQ-GAN: steps per second, memory, and what the perceptual term takes.

On a GPU the published size (64 x 128 x 128, full width) under bf16; on the CPU a reduced one, which
says nothing of a GPU and is named so. The same step is timed three ways: no perceptual term,
features of the discriminator, and LPIPS on a VGG-16 of random weights, which costs what trained
ones do. The discriminator judges from the first step. Motion is the embedded signer's; drawing it
is part of the step, as in training, and is timed by itself beside it.

Usage: python benchmarks/vqgan_step.py [--quick] [--device cpu|cuda] [--steps N] [--pair PAIR]
       [--compression F]
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from search_spaces.families import complete
from search_spaces.heatmaps import heatmap_spec
from search_spaces.space import Config
from trainables.heatmaps.dataset import HeatmapData, drawn
from trainables.heatmaps.motion import drawing, read_motion
from trainables.heatmaps.vqgan import VQGANCodec
from trainables.losses.lpips import STAGES
from trainables.runtime import PlainRuntime

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of VGG-16's stages."""
PUBLISHED: Config = {"picture": 128, "window": 64, "precision": "bf16", "width": 1.0}
REDUCED: Config = {"picture": 32, "window": 16, "precision": "fp32", "width": 0.125,
                   "attention": 8, "latent_dim": 32}  # fmt: skip
TERMS = ("none", "discriminator features", "LPIPS-VGG")
WARM = 2


class OnDevice(PlainRuntime):
    """One worker on a device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device


def random_vgg(place: Path, share: float) -> Path:
    """A VGG-16 of random weights in `place`, `share` of its published width."""
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    weights: dict[str, torch.Tensor] = {}
    before = 3
    for stage, width in zip(STAGES, WIDTHS, strict=True):
        wide = max(2, int(width * share))
        for at in stage:
            scale = (2 / (9 * before)) ** 0.5
            kernel = torch.randn(wide, before, 3, 3, generator=generator) * scale
            weights |= {f"features.{at}.weight": kernel, f"features.{at}.bias": torch.zeros(wide)}
            before = wide
    save_file(weights, place)
    return place


def configuration(term: str, size: Config, given: argparse.Namespace, weights: Path) -> Config:
    """Of a step with one perceptual term."""
    return complete(
        {
            "codec": "vqgan", "codebook_size": 512, "pair": given.pair, "stride": 64,
            "compression": given.compression, "intensity": "random", "legacy_weighting": True,
            "disc_start": 0, "max_steps": WARM + given.steps, **size,
            "loss.perceptual": 0.0 if term == "none" else 1.0,
            "perceptual_weights": str(weights) if term == "LPIPS-VGG" else "",
        }
    )  # fmt: skip


def timed(config: Config, data: HeatmapData, device: str, steps: int) -> tuple[float, float]:
    """Seconds of the quickest step, after some that warm up, and peak memory in GB.

    Memory is the GPU's, or all of the process on the CPU. The quickest counts, since whatever else
    runs on the machine can only slow a step down.
    """
    codec = VQGANCodec(config, data.input_channels, data.target_channels, 0)
    runtime = OnDevice(device)
    codec.fit(data, runtime, WARM / (WARM + steps))
    cuda = device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for step in range(WARM, WARM + steps):
        if cuda:
            torch.cuda.synchronize()
        began = time.perf_counter()
        codec.fit(data, runtime, (step + 1) / (WARM + steps))
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    if cuda:
        return min(seconds), torch.cuda.max_memory_allocated() / 1e9
    return min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def drawing_seconds(data: HeatmapData, device: str, repeats: int = 3) -> float:
    """Seconds that drawing one window as input and target takes, after one that warms up."""
    window = data.windows["train"][0]
    data.pair(window, device)
    began = time.perf_counter()
    for _ in range(repeats):
        data.pair(window, device)
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats


def main(argv: Sequence[str] | None = None) -> int:
    """Times steps, and prints a table and one JSON object."""
    parser = argparse.ArgumentParser(description="One training step of the VQ-GAN.")
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=10, help="that are timed")
    parser.add_argument("--pair", choices=("c2d_2d", "3d_3d"), default="c2d_2d")
    parser.add_argument("--compression", type=int, choices=(4, 8, 16, 32), default=8)
    given = parser.parse_args(argv)
    given.steps = min(given.steps, 3) if given.quick else given.steps
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    full = device == "cuda"
    size = PUBLISHED if full else REDUCED
    name = torch.cuda.get_device_name() if full else f"CPU ({platform.machine()})"
    if not full:
        torch.set_num_threads(1)
        print("no GPU: a reduced step on one thread of the CPU, which says nothing of a GPU")
    motion = read_motion(heatmap_spec({"path": "embedded", "embedded_size": "debug", "fps": 30}))
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = random_vgg(Path(folder) / "vgg.safetensors", 1.0 if full else 0.125)
        for term in TERMS:
            config = configuration(term, size, given, weights)
            data = drawn(motion, drawing(motion.reading, config))
            found[term] = timed(config, data, device, given.steps)
    drawing_takes = drawing_seconds(data, device)
    none = found["none"][0]
    print(
        f"{size['window']} x {size['picture']} x {size['picture']}, width {size['width']}, "
        f"F{given.compression}, {given.pair}, {size['precision']}, {given.steps} steps on {name}"
    )
    shares = {term: max(0.0, 1 - none / seconds) for term, (seconds, _) in found.items()}
    for term, (seconds, memory) in found.items():
        print(
            f"  {term:<24} {1 / seconds:>8.3f} steps/s  {memory:>7.2f} GB  "
            f"{100 * shares[term]:>5.1f} % of the step"
        )
    print(f"  drawing one window takes {1000 * drawing_takes:.0f} ms of each")
    print(json.dumps({
        "device": name, "reduced": not full, "precision": size["precision"],
        "steps_per_second": {t: round(1 / s, 4) for t, (s, _) in found.items()},
        "memory_gb": {t: round(m, 3) for t, (_, m) in found.items()},
        "share_of_perceptual": {t: round(v, 4) for t, v in shares.items() if t != "none"},
        "drawing_seconds": round(drawing_takes, 4),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
