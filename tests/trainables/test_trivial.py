"""Curves of the trivial codecs: each trades rate for distortion, in the right units."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from search_spaces.record import (
    HOLD_LAST,
    INTERPOLATED,
    MEASURED,
    PCA,
    QUANTISED_FLOATS,
    RATE_KIND,
    SETTING,
    TRIVIAL_CODECS,
    UNIFORM,
)
from tests.trainables.tiny import make_clips, spec
from trainables import trivial
from trainables.bounds import bound_rows
from trainables.motion.dataset import MotionData, prepare
from trainables.trivial import some_train, trivial_rows

RMSE, RATE = "test_rmse_full_cm", "test_rate_stream_bps"


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(path="embedded", embedded_size="debug"))


@pytest.fixture(scope="module")
def rows(data: MotionData) -> list[dict[str, Any]]:
    return bound_rows(data)


def _curve(rows: list[dict[str, Any]], codec: str) -> list[tuple[float, float]]:
    """(rate, distortion), from the coarsest point on."""
    points = [(row[RATE], row[RMSE]) for row in rows if row["codec"] == codec]
    return sorted(points, key=lambda point: -point[1])


def test_every_row_says_that_its_rate_was_measured(rows: list[dict[str, Any]]) -> None:
    own = [row for row in rows if row.get(RATE_KIND) == MEASURED]
    named = {row["codec"] for row in own}
    assert named == {*TRIVIAL_CODECS, *(f"{QUANTISED_FLOATS}, {s}" for s in trivial.FLOATS)}
    for row in own:
        assert not [c for c in row if c.startswith("rate_nominal")]
        assert not [c for c in row if "utilisation" in c or "perplexity" in c or "entropy" in c]
        assert all(row[f"{split}_rate_stream_bps"] > 0 for split in ("val", "test"))
    points = [(row["codec"], row[SETTING]) for row in own]
    assert len(set(points)) == len(points)


@pytest.mark.parametrize("codec", TRIVIAL_CODECS)
def test_distortion_is_bought_with_bits(rows: list[dict[str, Any]], codec: str) -> None:
    curve = _curve(rows, codec)
    assert len(curve) >= 3
    rates = [rate for rate, _ in curve]
    assert rates == sorted(rates) and len(set(rates)) == len(rates)
    mean = next(row for row in rows if row["codec"] == "mean pose")
    assert all(rate > mean[RATE] for rate in rates)
    assert curve[-1][1] < 0.2 * mean[RMSE]


def test_principal_components_beat_plain_angles_at_equal_distortion(
    rows: list[dict[str, Any]],
) -> None:
    pca, plain = _curve(rows, PCA), _curve(rows, UNIFORM)
    errors = np.log([error for _, error in pca][::-1])
    inside = [(r, e) for r, e in plain if errors[0] <= math.log(e) <= errors[-1]]
    assert inside
    for rate, error in inside:
        of_pca = np.interp(math.log(error), errors, np.log([r for r, _ in pca][::-1]))
        assert math.exp(of_pca) < rate


def test_interpolation_beats_holding_at_the_same_bits(rows: list[dict[str, Any]]) -> None:
    held, moved = _curve(rows, HOLD_LAST), _curve(rows, INTERPOLATED)
    assert [rate for rate, _ in held] == [rate for rate, _ in moved]
    assert all(m < h for (_, h), (_, m) in zip(held, moved, strict=True))


def test_a_file_of_fine_steps_loses_nothing(
    data: MotionData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trivial, "UNIFORM_BITS", (13,))
    monkeypatch.setattr(trivial, "HELD_FRAMES", ())
    monkeypatch.setattr(trivial, "PCA_STEPS_CM", (0.01,))
    for row in trivial_rows(data):
        assert row[RMSE] < 0.1 and row[RATE] > 10_000


def test_centimetres_taken_for_metres_would_show() -> None:
    """A step of 1 cm errs by some of a centimetre: a hundredfold unit would be the mean pose."""
    for features in ("expmap", "position"):
        data = prepare(spec(features=features), make_clips(8, 90))
        by_name = {(row["codec"], row[SETTING]): row for row in trivial_rows(data)}
        for cm in (2.0, 1.0, 0.5):
            error = by_name[PCA, f"steps of {cm:g} cm"][RMSE]
            # sqrt(coordinates) of cm / sqrt(12) a joint, were all of them independent
            assert 0.2 * cm < error < 6 * cm


def test_train_is_bounded_and_keeps_every_recording(data: MotionData) -> None:
    assert some_train(data) is data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trivial, "FIT_FRAMES", 200)
        some = some_train(data)
    assert len(some.splits["train"]) == len(data.splits["train"])
    part = some.parts["body"]
    assert sum(part.lengths) == len(part.features) == pytest.approx(200, abs=8)
    first, whole = some.splits["train"][0], data.splits["train"][0]
    start = (whole.frames - first.frames) // 2
    within = whole.features["body"][start : start + first.frames]
    assert np.array_equal(first.features["body"], within)
    assert np.array_equal(part.features[: first.frames], within)
    assert some.splits["test"] is data.splits["test"]


def test_coded_root_counts_in_every_row() -> None:
    removed = prepare(spec(), make_clips(7, 60))
    coded = prepare(spec(root="coded"), make_clips(7, 60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trivial, "UNIFORM_BITS", (4,))
        patch.setattr(trivial, "HELD_FRAMES", (8,))
        patch.setattr(trivial, "PCA_STEPS_CM", (2.0,))
        patch.setattr(trivial, "FIT_FRAMES", 100)
        pairs = list(zip(trivial_rows(removed), trivial_rows(coded), strict=True))
    for without, with_root in pairs:
        assert without["codec"] == with_root["codec"]
        if "test_rate_model_root_bps" in with_root:
            assert with_root["test_rate_model_root_bps"] > 0
            assert with_root[RATE] > without[RATE]


def test_stills_cost_a_header_alone() -> None:
    """A part whose coordinates stay within half a step sends nothing but the flags of its file."""
    data = prepare(spec(), make_clips(7, 60))
    still = {n: replace(p, features=np.tile(p.mean, (len(p.features), 1))) for n, p in
             data.parts.items()}  # fmt: skip
    codecs = {name: trivial.PcaScalar(part, 0.05) for name, part in still.items()}
    assert all(codec.alphabet == (1,) for codec in codecs.values())
