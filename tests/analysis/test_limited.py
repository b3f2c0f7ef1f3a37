"""Points that break a declared limit: shown, and counted in no front, hypervolume or answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.best import describe_best
from analysis.findings import Findings
from analysis.fronts import NoAnswer, front, hypervolume, objective_values
from analysis.limited import keeps, limits_of
from analysis.log import read_log
from analysis.points import write_tables
from analysis.report.report import render
from tests.analysis.make_sweep import FakeSweep


def findings(folder: Path, *constraints: str) -> Findings:
    fake = replace(FakeSweep(trials=12, clips=False), constraints=constraints)
    fake.write(folder, np.random.default_rng(3))
    return Findings(read_log(folder), write_tables(folder))


def test_a_point_that_breaks_a_limit_counts_nowhere(tmp_path: Path) -> None:
    free = findings(tmp_path / "free")
    hands = free.front_of("rmse_full_cm")["val_rmse_hands_cm"].sort_values()
    limit = float(hands.iloc[len(hands) // 2])
    bound = findings(tmp_path / "bound", f"rmse_hands_cm<={limit!r}")
    kept = free.means["val_rmse_hands_cm"] <= limit
    assert 0 < kept.sum() < len(kept)
    on_front = bound.front_of("rmse_full_cm")
    wanted = front(free.means[kept], [free.log.rate, "rmse_full_cm"]).rows
    assert list(on_front["point"]) == list(wanted["point"])
    assert list(bound.tables.fronts["rmse_full_cm"]["point"]) == list(wanted["point"])
    assert set(on_front["point"]) < set(free.front_of("rmse_full_cm")["point"])
    assert bound.reference is not None and bound.hypervolume is not None
    values = objective_values(free.means[kept], free.objectives)
    assert bound.hypervolume == hypervolume(values, bound.reference)
    assert free.hypervolume is not None and bound.hypervolume.value < free.hypervolume.value
    assert bound.history is not None
    assert bound.history.value[-1] == pytest.approx(bound.hypervolume.value)
    assert len(bound.means) == len(free.means), "shown all the same"
    (said,) = [w for w in bound.warnings if "rmse_hands_cm" in w]
    assert said.startswith(f"{(~kept).sum()} of {len(kept)} points break the declared")
    assert not [w for w in free.warnings if "declared" in w]
    page = render(bound)
    assert f"{(~kept).sum()} of {len(kept)} points break the declared" in page


def test_best_answers_with_what_keeps_all_limits(tmp_path: Path) -> None:
    free = findings(tmp_path / "free")
    rate = float(free.means["rate_nominal_bps"].max())
    best = free.means.sort_values("val_rmse_full_cm").iloc[0]
    assert str(best["point"]) in describe_best(tmp_path / "free", rate, "nominal")
    limit = float(np.nextafter(best["rate_nominal_bps"], 0))
    findings(tmp_path / "bound", f"rate_nominal_bps<={limit!r}")
    assert str(best["point"]) not in describe_best(tmp_path / "bound", rate, "nominal")
    findings(tmp_path / "none", "rmse_full_cm<=0.001")
    with pytest.raises(NoAnswer, match=r"keeps rmse_full_cm<=0\.001"):
        describe_best(tmp_path / "none", rate, "nominal")


def test_what_was_not_measured_keeps_no_limit(tmp_path: Path) -> None:
    none = findings(tmp_path / "s", "mpjpe_full_px<=4", "rmse_full_cm>=0")
    assert not keeps(none.means, limits_of(none.log)).any()
    assert none.front_of("rmse_full_cm").empty and none.hypervolume is not None
    assert none.hypervolume.value == 0 and none.tables.fronts["rmse_full_cm"].empty
    assert "points break the declared" in render(none)
