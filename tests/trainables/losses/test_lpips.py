"""LPIPS from a file: what it compares, what the file may hold, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from search_spaces.errors import BadInput
from trainables.losses.lpips import STAGES, load_lpips


def weights(width: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """VGG-16 in little: every convolution has `width` channels."""
    rng = torch.Generator().manual_seed(seed)
    found, before = {}, 3
    for at in (place for stage in STAGES for place in stage):
        found[f"features.{at}.weight"] = torch.randn(width, before, 3, 3, generator=rng) / 3
        found[f"features.{at}.bias"] = torch.zeros(width)
        before = width
    return found


def test_distance_is_zero_for_the_same_and_grows_with_the_difference(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "vgg.safetensors")
    network, digest = load_lpips(tmp_path / "vgg.safetensors")
    x = torch.rand(1, 2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) - 0.5
    assert float(network(x, x)) == 0.0
    assert 0 < float(network(x, x + 0.1 * noise)) < float(network(x, x + noise))
    assert len(digest) == 16 and network.linear is False
    assert not [p for p in network.parameters() if p.requires_grad]


def test_linear_layers_weigh_channels(tmp_path: Path) -> None:
    lins = {f"lin{at}.model.1.weight": torch.zeros(1, 4, 1, 1) for at in range(5)}
    torch.save({**weights(), **lins}, tmp_path / "vgg.pth")
    network, _ = load_lpips(tmp_path / "vgg.pth")
    x = torch.rand(1, 1, 2, 16, 16)
    assert network.linear is True and float(network(x, 1 - x)) == 0.0


def test_it_is_a_mean_over_pictures_and_pulls(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "vgg.safetensors")
    network, _ = load_lpips(tmp_path / "vgg.safetensors")
    x = torch.rand(1, 1, 70, 16, 16, generator=torch.Generator().manual_seed(3))
    y = (1 - x).requires_grad_()
    whole = network(x, y)
    each = [network(x[:, :, t : t + 1], y[:, :, t : t + 1]) for t in range(70)]
    assert float(whole) == pytest.approx(float(torch.stack(each).mean()), rel=1e-4)
    whole.backward()
    assert y.grad is not None and float(y.grad.abs().sum()) > 0


@pytest.mark.parametrize("wrong", ["missing", "other"])
def test_a_wrong_file_is_said_in_one_line(tmp_path: Path, wrong: str) -> None:
    place = tmp_path / "vgg.safetensors"
    if wrong == "other":
        save_file({"a": torch.ones(1)}, place)
    with pytest.raises(BadInput, match=r"perceptual_weights=.*no weights of VGG-16") as caught:
        load_lpips(place)
    assert "\n" not in str(caught.value)
