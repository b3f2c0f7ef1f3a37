"""The estimator of flow matching: shapes, frames that are not there, what it may look at."""

from __future__ import annotations

import pytest
import torch

from trainables.networks.unet1d import TAPS, Unet1d, filtered


def network(features: int = 3, condition: int = 4) -> Unet1d:
    torch.manual_seed(0)
    net = Unet1d(features, condition, 16, heads=2, head_width=4, middle=1)
    torch.nn.init.normal_(net.taps.weight, std=0.05)
    return net.eval()


@pytest.mark.parametrize("frames", [1, 2, 7, 16])
def test_any_number_of_frames_goes_in_and_comes_out(frames: int) -> None:
    x, told = torch.randn(2, frames, 3), torch.randn(2, frames, 4)
    assert network()(x, told, torch.rand(2)).shape == (2, frames, 3)


@pytest.mark.parametrize("there", [6, 7])
def test_what_lies_beyond_the_end_of_a_recording_changes_nothing(there: int) -> None:
    """All but the group normalisation, which counts the zeros there: so frames are compared with
    frames of a window of the same length that holds something else beyond the end."""
    net = network()
    x, told = torch.randn(1, 12, 3), torch.randn(1, 12, 4)
    valid = torch.arange(12)[None] < there
    other, otherwise = x.clone(), told.clone()
    other[:, there:], otherwise[:, there:] = 7.0, -5.0
    time = torch.tensor([0.4])
    first, second = net(x, told, time, valid), net(other, otherwise, time, valid)
    assert torch.allclose(first[:, :there], second[:, :there], atol=1e-6)
    assert (first[:, there:] == 0).all()


def test_the_time_and_the_condition_are_seen() -> None:
    net = network()
    x, told = torch.randn(1, 8, 3), torch.randn(1, 8, 4)
    at = net(x, told, torch.tensor([0.2]))
    assert not torch.allclose(at, net(x, told, torch.tensor([0.9])))
    assert not torch.allclose(at, net(x, told + 1, torch.tensor([0.2])))


def test_filters_are_convolutions_of_each_signal_alone() -> None:
    signals, taps = torch.zeros(2, 9, 3), torch.zeros(2, 3, 5)
    signals[:, 4] = 1.0
    taps[1, 2] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    found = filtered(signals, taps)
    assert found[0].abs().sum() == 0 and found[1, :, :2].abs().sum() == 0
    assert found[1, :, 2].tolist() == [0, 0, 5, 4, 3, 2, 1, 0, 0]


def test_a_path_ends_at_the_smoothed_condition_before_anything_is_learnt() -> None:
    net = Unet1d(2, 3, 8, heads=1, head_width=4)
    for weight in (net.out.weight, net.out.bias):
        torch.nn.init.zeros_(weight)
    told = torch.ones(1, 4 * TAPS, 3)
    told[:, 2 * TAPS :] = 3.0
    end = net.eval()(torch.randn(1, 4 * TAPS, 2), told, torch.tensor([0.5]))[0, TAPS:-TAPS]
    assert torch.allclose(end[[0, -1]], torch.tensor([[1.0], [3.0]]).expand(2, 2), atol=1e-5)
    assert (end.diff(dim=0) > -1e-6).all() and end.diff(dim=0).max() < 0.5


@pytest.mark.parametrize(("width", "condition"), [(12, 4), (16, 2)])
def test_sizes_that_cannot_be(width: int, condition: int) -> None:
    with pytest.raises(ValueError, match="width"):
        Unet1d(3, condition, width)
