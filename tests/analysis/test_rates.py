"""Stream beside nominal rate, and the rule that says where entropy rests on too few tokens."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.figures import front_figure
from analysis.findings import Findings
from analysis.fronts import RATES
from analysis.log import read_log
from analysis.points import configuration_columns, points_frame, write_tables
from analysis.rates import (
    beside_nominal,
    few_tokens,
    has_trivial,
    header_share,
    ratio_column,
    share_column,
)
from analysis.statistics import is_rate, seed_means
from search_spaces.data_facts import DataFacts
from search_spaces.rate import TOKENS_PER_CODE, tokens_per_code
from search_spaces.record import POINT_KEYS, TRIVIAL_CODECS
from tests.analysis.make_sweep import FakeSweep


def facts_of(folder: Path) -> DataFacts:
    facts = read_log(folder).facts
    assert facts is not None
    return facts


def test_rates_stand_side_by_side_after_the_keys(one_seed: Path) -> None:
    points = points_frame(read_log(one_seed))
    beside = beside_nominal(points)
    first = beside.columns[len(POINT_KEYS) :].tolist()
    assert first[:4] == ["rate_nominal_bps", "val_rate_stream_bps", ratio_column("val"),
                         share_column("val")]  # fmt: skip
    row = beside.iloc[3]
    assert row[ratio_column("val")] == row["val_rate_stream_bps"] / row["rate_nominal_bps"]
    share = 100 * row["test_rate_header_bps"] / row["test_rate_stream_bps"]
    assert row[share_column("test")] == header_share(row, "test") == pytest.approx(share)
    pd.testing.assert_frame_equal(beside[points.columns], points)
    assert configuration_columns(beside) == configuration_columns(points)


def test_front_csv_has_them_for_every_point(one_seed: Path, tmp_path: Path) -> None:
    front = write_tables(FakeSweep(trials=6, clips=False).write(
        tmp_path / "s", np.random.default_rng(0))).fronts["rmse_full_cm"]  # fmt: skip
    written = pd.read_csv(tmp_path / "s" / "front.csv")
    for split in ("val", "test"):
        ratio = written[f"{split}_rate_stream_bps"] / written["rate_nominal_bps"]
        assert written[ratio_column(split)].to_numpy() == pytest.approx(ratio.to_numpy())
        assert written[share_column(split)].between(0, 100).all()
    assert len(written) == len(front) > 1


def test_older_points_are_given_back_as_they_are(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=3, streams=False, clips=False)
    points = points_frame(read_log(sweep.write(tmp_path / "s", np.random.default_rng(0))))
    assert beside_nominal(points) is points
    assert math.isnan(header_share(points.iloc[0], "val"))


def test_rates_of_bytes_are_rates_and_have_no_error_over_seeds(three_seeds: Path) -> None:
    assert is_rate("val_rate_stream_bps") and is_rate("rate_nominal_body_bps")
    assert not is_rate("rmse_full_cm") and not is_rate("bps")
    means = seed_means(points_frame(read_log(three_seeds)))
    assert "val_rmse_full_cm_se" in means.columns
    assert not [c for c in means.columns if "rate" in c and c.endswith("_se")]


def test_a_searched_stream_rate_is_the_rate_of_the_sweep(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=6, clips=False, objectives=("rate_nominal_bps", "rmse_full_cm"))
    folder = sweep.write(tmp_path / "s", np.random.default_rng(0))
    log = folder / "log.jsonl"
    searched = '["rate_nominal_bps", "rmse_full_cm"]'
    text = log.read_text()
    assert searched in text
    log.write_text(text.replace(searched, '["rate_stream_bps", "rmse_full_cm"]'))
    tables = write_tables(folder)
    findings = Findings(read_log(folder), tables)
    assert findings.log.rate.name == "rate_stream_bps"
    assert "rate_stream_bps" not in [o.name for o in findings.distortions]
    rates = tables.fronts["rmse_full_cm"]["val_rate_stream_bps"]
    assert len(rates) > 1 and rates.is_monotonic_increasing


def test_tokens_of_each_code_by_hand(one_seed: Path) -> None:
    facts = facts_of(one_seed)  # three parts
    kmeans: dict[str, Any] = {"codec": "kmeans", "codebook_size": 16}
    assert tokens_per_code(kmeans, facts, 3 * 160) == 10
    deep = {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 4}
    assert tokens_per_code(deep, facts, 3 * 2 * 400, depth=2) == 50
    uneven = {**kmeans, "codebook_size.body": 64}
    assert tokens_per_code(uneven, facts, 3 * 640) == 10
    coded = facts.model_copy(update={"root": "coded", "root_alphabet": (16, 16)})
    slow = {"codec": "temporal_rvq", "codebook_size": 8, "quantizer_depth": 1, "compression": 4}
    # Four frames to a token of a part, one to a root token: 3 x 100 + 2 x 400 tokens.
    assert tokens_per_code(slow, coded, 1100) == pytest.approx(100 / 8)


def test_the_rule_is_that_of_the_metric() -> None:
    from trainables.metrics import rate

    assert rate.TOKENS_PER_CODE == TOKENS_PER_CODE
    for count in (159, 160):
        tokens = [np.zeros((count, 1), int)]
        warned = rate.few_tokens_warning(tokens, (16,)) is not None
        assert warned == (count / 16 < TOKENS_PER_CODE)


def test_few_tokens_are_found_on_each_split(one_seed: Path) -> None:
    facts = facts_of(one_seed)
    points = pd.DataFrame(
        {
            "codec": ["kmeans", "kmeans", "rqvae", "a plugin's", "kmeans"],
            "codebook_size": [16.0, 16.0, 16.0, 16.0, 16.0],
            "quantizer_depth": [np.nan, np.nan, 2.0, np.nan, np.nan],
            "depth": [1, 1, 2, 1, 1],
            "val_tokens": [480.0, 479.0, 959.0, 479.0, np.nan],
        }
    )
    assert few_tokens(points, facts, "val").tolist() == [False, True, True, True, False]
    assert few_tokens(points, facts, "test").tolist() == [False] * 5
    assert few_tokens(points, None, "val").tolist() == [False] * 5


def test_points_alike_in_what_counts_are_judged_as_each_alone(one_seed: Path) -> None:
    facts, rng = facts_of(one_seed), np.random.default_rng(0)
    count = 60
    points = pd.DataFrame(
        {
            "codec": rng.choice(["kmeans", "rqvae", "temporal_rvq", "a plugin's"], count),
            "codebook_size": rng.choice([8, 64], count),
            "codebook_size.body": rng.choice([np.nan, 128], count),
            "quantizer_depth": 3.0,
            "compression": rng.choice([1, 4, 8], count),
            "learning_rate": rng.uniform(size=count),
            "depth": rng.integers(1, 4, count),
            "val_tokens": rng.choice([900.0, 2000.0, 9000.0, np.nan], count),
        }
    )
    each = [bool(few_tokens(points.iloc[[i]], facts, "val")[0]) for i in range(count)]
    assert few_tokens(points, facts, "val").tolist() == each
    assert 0.2 < np.mean(each) < 0.8


def test_quantised_floats_are_no_bound(one_seed: Path) -> None:
    findings = Findings(read_log(one_seed), write_tables(one_seed))
    assert [b["codec"] for b in findings.bounds] == ["mean pose", "nearest training frame"]
    assert len(findings.baselines) == 3
    rates = [b["test_rate_stream_bps"] for b in findings.baselines]
    assert rates == sorted(rates, reverse=True)
    assert not [b for b in findings.baselines if "rate_nominal_bps" in b]


def test_trivial_codecs_are_curves_and_no_bounds(one_seed: Path) -> None:
    findings = Findings(read_log(one_seed), write_tables(one_seed))
    assert tuple(findings.trivial) == TRIVIAL_CODECS
    for rows in findings.trivial.values():
        rates = [row["test_rate_stream_bps"] for row in rows]
        assert len(rates) == 4 and rates == sorted(rates)
        assert not [row for row in rows if "rate_nominal_bps" in row]
    assert not {b["codec"] for b in [*findings.bounds, *findings.baselines]} & {*TRIVIAL_CODECS}
    assert [n for n in RATES.values() if has_trivial(n)] == ["rate_model_bps", "rate_stream_bps"]


def test_trivial_codecs_are_drawn_over_measured_rates_alone(tmp_path: Path) -> None:
    """And widen no axis: what lies beyond is said."""
    for rate in ("rate_nominal_bps", "rate_stream_bps"):
        sweep = FakeSweep(trials=6, failures=False, objectives=(rate, "rmse_full_cm"))
        folder = sweep.write(tmp_path / rate, np.random.default_rng(4))
        findings = Findings(read_log(folder), write_tables(folder))
        (axes,) = front_figure(findings, "rmse_full_cm").axes
        drawn = {line.get_label() for line in axes.lines} & {*TRIVIAL_CODECS}
        assert drawn == ({*TRIVIAL_CODECS} if rate == "rate_stream_bps" else set())
        said = " ".join(text.get_text() for text in axes.texts)
        longest = max(max(r["val_rate_stream_bps"] for r in v) for v in findings.trivial.values())
        if rate == "rate_stream_bps":
            end = axes.get_xlim()[1]
            assert (longest > end) == ("beyond the axis" in said)
            assert end < 1.5 * findings.means["val_rate_stream_bps"].max()
        else:
            assert "beyond the axis" not in said
