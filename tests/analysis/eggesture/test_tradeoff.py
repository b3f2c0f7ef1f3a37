"""The front of guidance, and which way each quantity is said to have gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.eggesture.gestures_page import build_gestures
from analysis.eggesture.tradeoff import ACCURACY, LOSS, RATE, USE, lines, weights_of
from search_spaces.presets import load_spec
from tests.analysis.eggesture.test_gestures import read, write_sweep

WEIGHTS = [0.0, 0.1, 1.0, 3.0, 10.0, 30.0]


def measured(config: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Use and rate rise with the weight, accuracy falls, error is alike; seeds differ by much more
    than weights, but alike in all of them."""
    step = WEIGHTS.index(float(config["guidance.weight"]))
    own = np.random.default_rng([seed, step]).normal(size=4)
    return {
        "test_utilisation_body_pct": 30.0 + 20 * seed + 4 * step + 0.2 * own[0],
        "test_utilisation_hand_pct": 40.0 + 20 * seed + 4 * step + 0.2 * own[0],
        "test_rate_model_bps": 80.0 + 30 * seed + 2 * step + 0.1 * own[1],
        "test_accuracy_pct": 20.0 + 5 * seed - 0.5 * step + 0.05 * own[2],
        "test_codec_rmse_full_cm": 4.0 + 2 * seed + 0.05 * own[3],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sweep(tmp_path, "tradeoff", lambda c: 1.0, seeds=5, more=measured)


def test_cells_are_of_one_task_and_equal_steps() -> None:
    spec = load_spec("eggesture/tradeoff", size="reduced")
    configs = [spec.configuration(c) for c in spec.space.grid()]
    assert [c["guidance.weight"] for c in configs] == WEIGHTS and spec.search.seeds >= 5
    (alike,) = {tuple(sorted((k, v) for k, v in c.items() if k != "guidance.weight"))
                for c in configs}  # fmt: skip
    kept = dict(alike)
    assert not kept["speech.joint"] and kept["speech.reweighting"] == "none"
    named = ("rate_model_bps", "codec_rmse_full_cm", "accuracy_pct", "utilisation_body_pct")
    assert spec.objectives == named


def test_what_went_which_way_by_pairs_of_seeds(folder: Path) -> None:
    cells = weights_of(read(folder, "tradeoff"))
    assert [c.weight for c in cells] == WEIGHTS
    table = lines(cells)
    assert table[0].said == () and table[0].label == "vanilla"
    for line in table[2:]:  # Not paired, seeds would hide all of it.
        assert line.said == ("up", "no difference that these seeds can tell", "up", "down")
        assert all(not np.isnan(c.low) and c.seeds == 5 for c in line.changes)
    change = cells[5].less(cells[0], USE)
    assert change.mean == pytest.approx(20.0, abs=0.5) and change.high - change.low < 1
    use = cells[0].of(USE)
    assert use.mean == pytest.approx(75.0, abs=0.5), "a mean over parts, then over seeds"
    assert use.low < use.mean - 20


def test_the_front_is_of_error_rate_and_accuracy(folder: Path, tmp_path: Path) -> None:
    table = lines(weights_of(read(folder, "tradeoff")))
    # More rate and less accuracy at the same error: the vanilla codec is on the front.
    assert table[0].on_front
    values = [[q.better * c.of(q).mean for q in (LOSS, RATE, ACCURACY)]
              for c in weights_of(read(folder, "tradeoff"))]  # fmt: skip
    for i, line in enumerate(table):
        beaten = any(all(np.array(o) >= values[i]) and o != values[i] for o in values)
        assert line.on_front != beaten


def test_one_seed_tells_nothing(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, "tradeoff", lambda c: 1.0, seeds=1, more=measured)
    table = lines(weights_of(read(folder, "tradeoff")))
    assert {s for line in table[1:] for s in line.said} == {"one seed tells no difference"}


def test_sweeps_about_something_else_have_no_such_front(tmp_path: Path) -> None:
    for table in ("table1", "table3", "figure7", "grid"):
        folder = write_sweep(tmp_path / table, table, lambda c: 1.0)
        assert weights_of(read(folder, table)) == []


def test_it_stands_on_the_page(folder: Path) -> None:
    page = build_gestures(folder)
    assert page is not None
    text = page.read_text()
    assert 'id="guidance"' in text and "<b>up</b>" in text and "<b>down</b>" in text
    assert "<b>no difference that these seeds can tell</b>" in text
    assert "accuracy of codes from speech (%)" in text and "on the front" in text
    assert "nan" not in text.replace("nanmean", "")
    other = build_gestures(write_sweep(folder / "other", "table3", lambda c: 1.0))
    assert other is not None and 'id="guidance"' not in other.read_text()
