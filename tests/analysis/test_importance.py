"""What matters is found where it is known, and not claimed where nothing can be said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.importance import Design, importance
from search_spaces.objectives import Objective

RATE, FULL = Objective("rate_nominal_bps"), Objective("rmse_full_cm")
CORNER = np.array([1000.0, 10.0])


def trials(count: int, seed: int, noise: float = 0.05) -> pd.DataFrame:
    """Distortion that follows from `width`, the codec and its `decay`, and not from `taste`."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        codec = str(rng.choice(["able", "bad"]))
        width, taste = int(rng.choice([16, 32, 64])), str(rng.choice(["x", "y", "z"]))
        decay = float(rng.uniform()) if codec == "bad" else None
        for depth in (1, 2):
            rate = 100.0 * depth * float(rng.choice([1, 2, 4]))
            value = 6 - 2 * np.log2(width / 16) + (codec == "bad") + 1.5 * (decay or 0)
            rows.append({"point": f"{i}-{depth}", "config_hash": str(i), "depth": depth, "seed": 0,
                         "codec": codec, "width": width, "taste": taste, "decay": decay,
                         "fixed": 3, "rate_nominal_bps": rate,
                         "val_rmse_full_cm": value + float(rng.normal(0, noise))})  # fmt: skip
    return pd.DataFrame(rows)


def test_the_parameter_that_acts_is_first_and_the_idle_one_nothing() -> None:
    found = importance(trials(120, 0), RATE, FULL, CORNER, bands=1)
    (_, band) = found.targets
    said = {p.name: p for p in band.parameters}
    assert band.parameters[0].name == "width" and band.r2 > 0.8
    assert said["width"].importance > 0.5 and abs(said["taste"].importance) < 0.05
    assert "fixed" not in said and said["codec"].importance > 0.1
    assert 0.3 < said["decay"].active < 0.7 and said["decay"].importance > 0.01


def test_conditional_parameters_move_only_within_their_codec() -> None:
    frame = trials(60, 1)
    frame = frame[frame["depth"] == 1].reset_index(drop=True)
    table = Design.of(frame, None)
    held = np.arange(len(frame))
    rng = np.random.default_rng(0)
    moved = table.shuffled(held, "decay", rng)
    (column,) = table.columns["decay"]
    bad = (frame["codec"] == "bad").to_numpy()
    assert (moved[~bad] == table.matrix[~bad]).all()
    assert sorted(moved[bad, column]) == sorted(table.matrix[bad, column])
    assert (moved[bad, column] != table.matrix[bad, column]).any()
    # With the codec go the parameters that it alone has: no row gets another codec's settings.
    together = table.shuffled(held, "codec", rng)
    codec = together[:, table.columns["codec"]]
    pairs = {(tuple(c), d < 0) for c, d in zip(codec, together[:, column], strict=True)}
    assert len(pairs) == 2


def test_noise_is_not_explained() -> None:
    frame = trials(80, 2)
    frame["val_rmse_full_cm"] = np.random.default_rng(3).normal(5, 1, len(frame))
    (_, band) = importance(frame, RATE, FULL, CORNER, bands=1).targets
    assert not band.parameters and "nothing can be said" in band.reason


@pytest.mark.parametrize(("count", "change", "words"), [
    (10, {}, "fewer than 20"),
    (30, {"val_rmse_full_cm": 4.0, "rate_nominal_bps": 100.0}, "same for all"),
    (0, {}, "no points"),
])  # fmt: skip
def test_what_cannot_be_said_has_a_reason(count: int, change: dict, words: str) -> None:
    found = importance(trials(30, 4).iloc[: 2 * count].assign(**change), RATE, FULL, CORNER)
    assert words in found.targets[0].reason


def test_it_is_the_same_every_time_and_for_any_unit() -> None:
    frame = trials(60, 5)
    first = importance(frame, RATE, FULL, CORNER).as_dict()
    assert first == importance(frame, RATE, FULL, CORNER).as_dict()
    assert "held-out variance" in first["measured"]
    scaled = frame.assign(val_rmse_full_cm=frame["val_rmse_full_cm"] * 100)
    again = importance(scaled, RATE, FULL, CORNER * [1, 100], bands=1).targets[0]
    once = importance(frame, RATE, FULL, CORNER, bands=1).targets[0]
    assert again.r2 == pytest.approx(once.r2, abs=0.03)  # rounding breaks ties of splits


def test_bands_share_the_points_between_them() -> None:
    found = importance(trials(60, 6), RATE, FULL, CORNER)
    assert len(found.targets) == 4
    assert sum(t.rows for t in found.targets[1:]) == 120
    assert [t.low for t in found.targets[2:]] == [t.high for t in found.targets[1:-1]]
