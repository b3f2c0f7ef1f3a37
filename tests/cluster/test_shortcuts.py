"""What makes a sweep quicker changes no number of it: its table of points, with and without."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor, nn

from search_spaces import objectives
from tests.cluster.in_process import TIMES, sweep_in_process, tiny_preset
from tests.trainables.tiny import make_clips, spec
from trainables.codecs.weight_update import WeightUpdate
from trainables.motion.dataset import prepare
from trainables.quantizers import residual_vq


def test_the_points_are_those_of_the_plain_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepare(spec(), make_clips(6, 45))
    quick = sweep_in_process(tiny_preset(4), data, tmp_path / "quick").points
    taken = set()

    def by_torch(values: Tensor) -> Tensor:
        taken.add("smallest")
        return values.argmin(-1)

    def apply(update: WeightUpdate, rate: float) -> None:
        taken.add("update")
        (group,) = update._optimiser.param_groups
        nn.utils.clip_grad_norm_(group["params"], update._norm)
        group["lr"] = rate
        update._optimiser.step()

    def found_anew(objective: str) -> tuple[objectives.Metric, str]:
        taken.add("metric")
        return objectives._find.__wrapped__(objective, 0)

    monkeypatch.setattr(residual_vq, "smallest", by_torch)
    monkeypatch.setattr(WeightUpdate, "apply", apply)
    monkeypatch.setattr("trainables.evaluate.find_metric", found_anew)
    plain = sweep_in_process(tiny_preset(4), data, tmp_path / "plain").points
    assert taken == {"smallest", "update", "metric"}
    kept = [c for c in quick.columns if c not in TIMES]
    assert len(quick) > 4
    pd.testing.assert_frame_equal(quick[kept], plain[kept], check_exact=True)
