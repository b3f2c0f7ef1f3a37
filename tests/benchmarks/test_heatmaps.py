"""The benchmarks of heatmaps compare like with like, and print what they say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def loaded(name: str) -> ModuleType:
    """A benchmark as a module."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / f"benchmarks/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_ways_draw_the_same_and_rates_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded("heatmaps")
    size = 16
    points = np.random.default_rng(0).uniform(3, 12, (2, 19, 3))
    ours = bench.planes(torch.tensor(points, dtype=torch.float32), size).unflatten(0, (3, 2))
    plain = bench.segment_gaussians(points[1, :, :2], bench.pixels(size, 2))
    assert np.abs(ours[0, 1, 0].numpy() - plain).max() < 1e-5
    voxels = bench.voxel_planes(points, size)
    assert (voxels <= ours[:, :, 0].transpose(0, 1).numpy() + 1e-5).all()
    assert bench.main(["--quick", "--size", "16", "--voxels", "8", "--repeats", "1"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["planes_over_voxels"] > 0 and "CPU" in last["device"]
    assert len(last["frames_per_second"]) == 9


def test_floors_are_a_table_with_every_floor(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bench = loaded("heatmap_floors")
    arguments = ["--quick", "--windows", "1", "--frames", "16", "--png", str(tmp_path)]
    assert bench.main(arguments) == 0
    said = capsys.readouterr().out.splitlines()
    found = json.loads(said[-1])["embedded"]
    assert set(found) == {"all_zero", "repeat_frame", "noise_ceiling", "second_draw"}
    assert found["all_zero"]["iou_index"] == 0 < found["noise_ceiling"]["iou_index"] < 1
    assert sum(line.startswith("| ") for line in said) == 5
    assert (tmp_path / "embedded_2d_2d.png").stat().st_size > 1000


def test_a_step_is_timed_with_each_perceptual_term(capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded("vqgan_step")
    bench.REDUCED |= {"picture": 16, "width": 0.0625, "attention": 0, "latent_dim": 4}
    assert bench.main(["--quick", "--device", "cpu", "--steps", "1", "--compression", "4"]) == 0
    said = capsys.readouterr().out
    last = json.loads(said.splitlines()[-1])
    assert last["reduced"] and "CPU" in last["device"] and "says nothing of a GPU" in said
    assert set(last["steps_per_second"]) == {"none", "discriminator features", "LPIPS-VGG"}
    assert all(0 <= share < 1 for share in last["share_of_perceptual"].values())


def test_the_step_runs_with_the_term_that_it_names(tmp_path: Path) -> None:
    from argparse import Namespace

    from trainables.heatmaps.vqgan import VQGANCodec

    bench = loaded("vqgan_step")
    weights = bench.random_vgg(tmp_path / "vgg.safetensors", 0.05)
    given = Namespace(pair="c2d_2d", compression=8, steps=1)
    for term in ("discriminator features", "LPIPS-VGG"):
        config = bench.configuration(term, bench.REDUCED, given, weights)
        assert VQGANCodec(config, 2, 1, 0).perceptual() == term
    full = bench.configuration("none", bench.PUBLISHED, given, weights)
    assert (full["window"], full["picture"], full["width"], full["precision"]) == (
        64,
        128,
        1.0,
        "bf16",
    )
    assert VQGANCodec(full, 2, 1, 0).perceptual().startswith("none")
