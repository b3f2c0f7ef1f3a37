"""Names of metrics, their columns, and what may be optimised."""

from __future__ import annotations

from dataclasses import replace

import pytest

import search_spaces.objectives as registered
from search_spaces.errors import BadInput
from search_spaces.objectives import (
    RMSE,
    Direction,
    Metric,
    Objective,
    Scope,
    column_of,
    find_metric,
    metrics,
    objectives,
    register_metric,
)
from search_spaces.speech_metrics import BEAT_ALIGNMENT_AUDIO

PARTS = ("body", "right_hand", "left_hand", "tail")


@pytest.mark.parametrize(
    ("name", "stem", "scope"),
    [
        ("val_rmse_right_hand_cm", "rmse", "right_hand"),
        ("test_rmse_full_cm", "rmse", "full"),
        ("rmse_hands_cm", "rmse", "hands"),
        ("rate_nominal_bps", "rate_nominal", ""),
        ("rate_nominal_body_bps", "rate_nominal", "body"),
        ("train_rate_entropy_left_hand_bps", "rate_entropy", "left_hand"),
        ("hull_pct", "hull", ""),
        ("val_hull_error_pct", "hull_error", ""),
        ("jerk_error_mps3", "jerk_error", ""),
        ("val_utilisation_body_pct", "utilisation", "body"),
        ("perplexity_right_hand_codes", "perplexity", "right_hand"),
        ("test_code_entropy_body_bits", "code_entropy", "body"),
    ],
)
def test_columns_are_read(name: str, stem: str, scope: str) -> None:
    metric, found = find_metric(name)
    assert (metric.stem, found) == (stem, scope)


def test_a_name_is_read_anew_when_metrics_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "sway_full_cm"
    with pytest.raises(BadInput, match="no metric"):
        find_metric(name)
    with monkeypatch.context() as patch:
        patch.setattr(registered, "_REGISTRY", dict(registered._REGISTRY))
        sway = register_metric(replace(RMSE, stem="sway"))
        assert find_metric(name) == find_metric(name) == (sway, "full")
    with pytest.raises(BadInput, match="no metric"):
        find_metric(name)


@pytest.mark.parametrize("metric", metrics(), ids=lambda m: m.stem)
def test_every_column_that_is_written_is_read_back(metric: Metric) -> None:
    scopes = {
        Scope.TOTAL: ("",),
        Scope.PARTS: PARTS,
        Scope.POSE: ("full", "hands", *PARTS),
        Scope.RATE: ("", "root", *PARTS),
    }[metric.scope]
    for scope in scopes:
        assert find_metric(metric.objective(scope)) == (metric, scope)
        for split in ("train", "val", "test"):
            column = metric.column(split, scope)
            assert find_metric(column) == (metric, scope)
            assert column.startswith(f"{split}_") is not metric.known


@pytest.mark.parametrize(
    "name",
    [
        "beauty_cm",
        "rmse",
        "rmse_full",
        "rmse_full_m",
        "hull_body_pct",
        "rate_bps",
        "",
        "val_",
        "cm",
    ],
)
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        find_metric(name)
    for known in ("rate_nominal_bps", "rmse_full_cm", "hull_error_pct", "utilisation_body_pct"):
        assert known in str(caught.value)


def test_a_slip_of_the_pen_is_guessed() -> None:
    with pytest.raises(BadInput, match="did you mean mpjpe_full_cm"):
        find_metric("mpjep_full_cm")


def test_directions() -> None:
    rate, use = objectives(["rate_nominal_bps", "utilisation_body_pct"])
    assert (rate.metric.direction, rate.sign) == (Direction.MIN, 1)
    assert (use.metric.direction, use.sign) == (Direction.MAX, -1)


def test_selection_reads_validation_unless_known_before() -> None:
    columns = [Objective(n).column() for n in ("rate_nominal_bps", "rmse_body_cm")]
    assert columns == ["rate_nominal_bps", "val_rmse_body_cm"]
    assert Objective("rmse_body_cm").column("test") == "test_rmse_body_cm"
    with pytest.raises(ValueError, match="split must be one of"):
        column_of("rmse_body_cm", "dev", known=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hull_pct", "closest to the reference, so it cannot be optimised; use hull_error_pct"),
        ("jerk_mps3", "use jerk_error_mps3"),
        ("test_rmse_full_cm", "names a split; selection is told as 'rmse_full_cm'"),
        ("val_rmse_full_cm", "names a split"),
        ("rmse_cm", "needs a part, as in rmse_full_cm"),
        ("utilisation_pct", "needs a part, as in utilisation_body_pct"),
        ("utilisation_full_pct", "does not exist; codebook utilisation is of a part"),
        ("rate_nominal_full_bps", "does not exist; nominal rate is of a part: rate_nominal_body"),
    ],
)
def test_what_cannot_be_optimised(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Objective(name)


def test_every_reference_metric_has_an_error_to_optimise() -> None:
    references = [m for m in metrics() if m.direction is Direction.REFERENCE]
    assert BEAT_ALIGNMENT_AUDIO in references and len(references) >= 5
    for metric in references:
        error = find_metric(f"{metric.stem}_error_{metric.unit}")[0]
        assert error.direction is Direction.MIN


def test_a_definition_is_registered_once() -> None:
    assert register_metric(RMSE) is RMSE
    with pytest.raises(BadInput, match="two different metrics are called 'rmse_cm'"):
        register_metric(replace(RMSE, version=2))
    assert find_metric("rmse_full_cm")[0] is RMSE
