"""Trials side by side: the rows, reports and checkpoints that each has by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.record import COST_COLUMNS
from search_spaces.space import Config
from tests.trainables.packed.made import SMALL
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import MotionData, prepare
from trainables.packed.trials import PackedTrials, run_packed
from trainables.runtime import PlainRuntime
from trainables.trial import STATE_NAME, TrialTask, run_trial
from trainables.trial_folder import sole_writer

CONFIGS: dict[str, Config] = {
    "one": {"codec": "rqvae", **SMALL, "quantizer_depth": 1},
    "three": {"codec": "rqvae", **SMALL, "quantizer_depth": 3, "loss.position": 1.0},
    "library": {"codec": "rqvae", **SMALL, "quantizer_backend": "library"},
    "clusters": {"codec": "kmeans", "codebook_size": 8},
}


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(5, 60))


def _task(name: str, folder: Path | None = None, **changes: Any) -> TrialTask:
    config = complete({**CONFIGS[name], **changes})
    return TrialTask("sweep", config, 0, folder, objectives=("rmse_full_cm",))


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    times = {*COST_COLUMNS, "rung_seconds", "train_seconds", "codec_bytes"}
    return {name: value for name, value in row.items() if name not in times and name != "rung"}


def _assert_alike(ours: Mapping[str, Any], solo: Mapping[str, Any]) -> None:
    one, other = _compared(ours), _compared(solo)
    assert one.keys() == other.keys()
    for name, value in other.items():
        if isinstance(value, float):
            assert np.isclose(one[name], value, rtol=1e-4, atol=1e-5, equal_nan=True), name
        elif name != "points":
            assert one[name] == value, name


def test_rows_and_reports_are_those_of_each_trial_alone(data: MotionData, tmp_path: Path) -> None:
    alone, beside = {}, {}
    for name in CONFIGS:
        alone[name] = PlainRuntime(checkpoints=tmp_path / "alone" / name / "state")
        run_trial(_task(name, tmp_path / "alone" / name), data, alone[name])
        beside[name] = PlainRuntime(checkpoints=tmp_path / "beside" / name / "state")
    tasks = {n: (_task(n, tmp_path / "beside" / n), data, beside[n]) for n in CONFIGS}
    assert run_packed(tasks) == {}
    for name in CONFIGS:
        ours, solo = beside[name].reports, alone[name].reports
        assert [r["share"] for r in ours] == [r["share"] for r in solo]
        for one, other in zip(ours, solo, strict=True):
            _assert_alike(one, other)
        for one, other in zip(ours[-1]["points"], solo[-1]["points"], strict=True):
            _assert_alike(one, other)
        files = [sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
                 for place in (tmp_path / "alone" / name, tmp_path / "beside" / name)]  # fmt: skip
        assert files[0] == files[1] and files[0]


def test_a_dropped_trial_goes_on_from_its_checkpoint(data: MotionData, tmp_path: Path) -> None:
    """Beside others, in another process of packs, or alone; a freed place is taken meanwhile."""
    ended: dict[str, Exception | None] = {}
    whole = PlainRuntime()
    run_packed({"three": (_task("three"), data, whole)})
    trials = PackedTrials(ended.__setitem__, steps=2)
    places = {name: tmp_path / name for name in ("three", "other")}
    first = PlainRuntime(checkpoints=places["three"] / "state")
    trials.admit("three", _task("three", places["three"]), data, first)
    trials.admit("one", _task("one"), data, PlainRuntime())
    while not first.reports:
        trials.advance()
    trials.drop("three")
    assert len(trials) == 1 and not ended
    assert (places["three"] / "state" / STATE_NAME).is_file()
    second = PlainRuntime(checkpoints=places["three"] / "state")
    elsewhere = PackedTrials(ended.__setitem__)
    elsewhere.admit("three", _task("three", places["three"]), data, second)
    while len(elsewhere):
        elsewhere.advance()
    assert ended == {"three": None}
    assert second.reports[0] == first.reports[0], "said again"
    for one, other in zip(second.reports, whole.reports, strict=True):
        assert _compared(one).keys() == _compared(other).keys()
        for name, value in _compared(other).items():
            if isinstance(value, float):
                assert np.array_equal(one[name], value, equal_nan=True), name
    while len(trials):
        trials.advance()
    assert ended == {"three": None, "one": None}


def test_a_trial_that_raises_ends_alone(data: MotionData) -> None:
    runtimes = {name: PlainRuntime() for name in ("one", "three")}

    def broken(_: Mapping[str, Any]) -> None:
        raise OSError("no space left")

    runtimes["three"].report = broken  # type: ignore[method-assign]
    raised = run_packed({n: (_task(n), data, r) for n, r in runtimes.items()})
    assert list(raised) == ["three"] and "no space left" in str(raised["three"])
    assert runtimes["one"].reports[-1]["share"] == 1.0


def test_a_trial_waits_for_its_folder(data: MotionData, tmp_path: Path) -> None:
    """Another process may still work on it, and those beside it do not wait."""
    ended: dict[str, Exception | None] = {}
    trials = PackedTrials(ended.__setitem__)
    with sole_writer(tmp_path / "one"):
        trials.admit("one", _task("one", tmp_path / "one"), data, PlainRuntime())
        trials.admit("three", _task("three"), data, PlainRuntime())
        while len(trials) > 1:
            trials.advance()
        assert ended == {"three": None}
        assert not trials.advance()
    while len(trials):
        trials.advance()
    assert ended == {"three": None, "one": None}


def test_a_trial_is_at_most_one_report_ahead(data: MotionData) -> None:
    """While nobody has heard a report, no other is made; others go on."""
    runtime, ended = PlainRuntime(), []
    heard = 0
    trials = PackedTrials(lambda name, _: ended.append(name), steps=4)
    trials.admit("one", _task("one"), data, runtime, lambda: len(runtime.reports) > heard)
    trials.admit("three", _task("three"), data, PlainRuntime())
    while "three" not in ended:
        trials.advance()
    assert len(runtime.reports) == 1 and "one" not in ended
    while len(trials):
        heard = len(runtime.reports)
        trials.advance()
    assert ended == ["three", "one"]


def test_what_is_no_codec_of_motion_is_refused(data: MotionData) -> None:
    config = complete({"codec": "vqgan", "codebook_size": 16})
    trials = PackedTrials(lambda name, error: None)
    with pytest.raises(ValueError, match="trains alone"):
        trials.admit("pictures", TrialTask("sweep", config, 0, None), data, PlainRuntime())
