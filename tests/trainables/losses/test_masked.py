"""Losses that look away from what was not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainables.codecs.contract import chain_geometry, part_data, structured_recordings
from trainables.losses.reconstruction import ReconstructionLoss
from trainables.motion.part_data import PartData

WEIGHTS = {"loss.angle": 1.0, "loss.position": 1.0, "loss.geodesic": 1.0}


def moving_part() -> PartData:
    rng = np.random.default_rng(0)
    return part_data("body", structured_recordings((60,), 9, rng), chain_geometry(3, rng))


def losses(data: PartData, wrong: torch.Tensor) -> dict[str, torch.Tensor]:
    features = torch.from_numpy((data.features - data.mean) / data.std)
    loss = ReconstructionLoss(WEIGHTS, data, data.std, features)
    rows = torch.arange(len(features))
    return loss.errors(features + wrong, features, rows, 1)


def test_all_seen_is_as_without_a_mask() -> None:
    data = moving_part()
    wrong = 0.1 * torch.ones(data.features.shape)
    points = len(data.geometry.parents)
    whole = replace(data, seen=np.ones((len(data.features), points), bool))
    plain, same = losses(data, wrong), losses(whole, wrong)
    assert plain.keys() == same.keys() == WEIGHTS.keys()
    for name, value in plain.items():
        assert float(same[name]) == pytest.approx(float(value), rel=1e-5)


def test_what_was_not_seen_has_no_gradient() -> None:
    data = moving_part()
    seen = np.ones((len(data.features), len(data.geometry.parents)), bool)
    seen[10:20] = False
    seen[30:40, -1] = False
    masked = replace(data, seen=seen)
    wrong = torch.full(data.features.shape, 0.1, requires_grad=True)
    for name, value in losses(masked, wrong).items():
        (slope,) = torch.autograd.grad(value, wrong, retain_graph=True)
        assert not slope[10:20].any() and slope[:10].any(), name
    own = masked.seen_features
    assert own is not None
    (slope,) = torch.autograd.grad(losses(masked, wrong)["loss.angle"], wrong)
    assert not slope[torch.from_numpy(~own)].any() and slope[torch.from_numpy(own)].all()


def test_nothing_seen_is_no_error() -> None:
    data = moving_part()
    points = len(data.geometry.parents)
    blind = replace(data, seen=np.zeros((len(data.features), points), bool))
    found = losses(blind, torch.ones(data.features.shape))
    assert {float(v) for v in found.values()} == {0.0}
