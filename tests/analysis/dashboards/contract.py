"""What every tracker promises, as tests: a tracker's own test subclasses `TrackerContract`.

One small sweep is mirrored in three goes (interrupted, resumed, once more) and read back from what
was written; the checks share those files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from analysis.dashboards import TrackerUnavailable, make_tracker, mirror
from analysis.dashboards.overview import overview
from analysis.dashboards.tracker import TRACKING_FILE, run_identity
from analysis.log import read_log
from analysis.points import points_frame, trials_frame
from search_spaces.record import CODEC_FOLDER, LOG_FILE, RECONSTRUCTIONS_FILE, TRIALS_FOLDER
from tests.analysis.dashboards.fake_trackers import cut, make_log

TRIALS, BEFORE = 8, 4
MOTION = b"how somebody moved"


@dataclass(frozen=True)
class Seen:
    """A trial as it was read back.

    Attributes:
        id: what the tracker knows it by.
        trial: its name in the sweep.
        status: how it ended.
        config: its configuration, `codec` and `seed` among it, every value as text.
        values: columns of its deepest operating point.
        curve: full-pose error at each share in per mille.
    """

    id: str
    trial: str
    status: str
    config: dict[str, str]
    values: dict[str, float]
    curve: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Replays:
    """A sweep and what was read back after each go."""

    folder: Path
    interrupted: list[Seen]
    resumed: list[Seen]
    again: list[Seen]


class TrackerContract:
    """Checks that every tracker passes. Subclass it and say how to read back."""

    name: ClassVar[str]
    module: ClassVar[str]
    """What it imports: where that is missing, it says so in a line."""
    forgetful: ClassVar[bool] = True
    """Whether a lost `tracking.json` still gives each trial once."""

    @classmethod
    def environment(cls, place: Path) -> dict[str, str]:
        """Variables under which it writes into `place`."""
        return {}

    @classmethod
    def read(cls, folder: Path, place: Path) -> list[Seen]:
        """Every trial that stands there; one that stands there twice is given twice."""
        raise NotImplementedError

    def hypervolumes(self, folder: Path, place: Path) -> list[list[float]]:
        """Hypervolume step by step, of each run of the whole sweep."""
        raise NotImplementedError

    def codecs(self, folder: Path, place: Path) -> dict[str, set[str]] | None:
        """Trial -> files of its uploaded codec; None where it takes no files."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        place = tmp_path_factory.mktemp(cls.name)
        with pytest.MonkeyPatch.context() as patch:
            for name in [n for n in os.environ if n.startswith(("WANDB_", "MLFLOW_"))]:
                patch.delenv(name)
            for name, value in cls.environment(place).items():
                patch.setenv(name, value)
            yield place

    @pytest.fixture(scope="class")
    @classmethod
    def replays(cls, place: Path) -> Replays:
        folder = place / "sweep"
        lines = make_log(folder, trials=TRIALS)
        log = folder / LOG_FILE
        for trial in set(points_frame(read_log(folder))["trial"]):
            codec = folder / TRIALS_FOLDER / trial / CODEC_FOLDER / "body"
            codec.mkdir(parents=True)
            (codec / "codec.json").write_text('{"kind": "invented"}')
            (folder / TRIALS_FOLDER / trial / RECONSTRUCTIONS_FILE).write_bytes(MOTION)
        at = cut(lines, BEFORE) + 2
        log.write_text("".join(lines[:at]))
        assert cls._mirror(folder) == BEFORE
        first = cls.read(folder, place)
        resumed = '{"event": "resumed", "time": 1795000100.0}\n'
        log.write_text("".join([*lines[:at], resumed, *lines[at:]]))
        assert cls._mirror(folder) == TRIALS - BEFORE
        second = cls.read(folder, place)
        assert cls._mirror(folder) == 0
        return Replays(folder, first, second, cls.read(folder, place))

    @classmethod
    def _mirror(cls, folder: Path) -> int:
        return mirror(folder, make_tracker(cls.name))

    def test_each_ended_trial_stands_there_once(self, replays: Replays) -> None:
        names = [t.trial for t in replays.resumed]
        assert sorted(names) == sorted(trials_frame(read_log(replays.folder))["trial"])
        assert len({t.id for t in replays.resumed}) == TRIALS

    def test_identities_are_the_sweeps_own(self, replays: Replays) -> None:
        log = read_log(replays.folder)
        known = {run_identity(log, t.trial): t.trial for t in replays.resumed}
        assert {t.id: t.trial for t in replays.resumed} in (known, {n: n for n in known.values()})

    def test_resuming_adds_and_changes_nothing_that_stood_there(self, replays: Replays) -> None:
        assert len(replays.interrupted) == BEFORE
        assert [t for t in replays.resumed if t in replays.interrupted] == replays.interrupted

    def test_mirroring_again_changes_nothing(self, replays: Replays) -> None:
        assert replays.again == replays.resumed

    def test_a_trial_is_told_as_the_log_tells_it(self, replays: Replays) -> None:
        log = read_log(replays.folder)
        proposed = {e["trial"]: e for e in log.of("proposed", "refused")}
        assert len(proposed) == TRIALS
        rows = trials_frame(log).set_index("trial")
        deepest = points_frame(log).groupby("trial").last()
        statuses = set()
        for trial in replays.resumed:
            event = proposed[trial.trial]
            assert trial.status == rows.loc[trial.trial, "status"]
            given = {**event["config"], "codec": event["codec"], "seed": event["seed"]}
            assert {k: trial.config.get(k) for k in given} == {k: text(v) for k, v in given.items()}
            statuses.add(trial.status)
            for column in ("rate_nominal_bps", "val_rate_model_bps", "val_rate_entropy_bps",
                           "val_rate_stream_bps", "val_rmse_body_cm", "val_rmse_hands_cm",
                           "val_utilisation_body_pct", "val_perplexity_body_codes",
                           "test_rmse_full_cm", "train_seconds"):  # fmt: skip
                if trial.trial in deepest.index:
                    told = deepest.loc[trial.trial, column]
                    assert trial.values[column] == pytest.approx(told, rel=1e-6)
                else:
                    assert column not in trial.values
        assert {"done", "refused", "stopped"} <= statuses

    def test_learning_curves_stand_at_their_share(self, replays: Replays) -> None:
        curves = [t.curve for t in replays.resumed if t.curve]
        assert len(curves) > 3
        for curve in curves:
            assert curve == pytest.approx({250: 8.0, 500: 7.0, 750: 6.0})

    def test_the_whole_sweep_is_told_by_its_last_state(self, replays: Replays, place: Path) -> None:
        seen = overview(read_log(replays.folder))
        assert seen.history is not None
        told = self.hypervolumes(replays.folder, place)
        assert told[-1] == pytest.approx(list(seen.history.value), rel=1e-6)
        assert len(told) == 1 or self.name == "wandb"  # whose offline folders of an id pile up

    def test_codecs_of_the_fronts_alone_go_up_and_no_motion(
        self, replays: Replays, place: Path
    ) -> None:
        told = self.codecs(replays.folder, place)
        if told is None:
            return
        points = overview(read_log(replays.folder)).points
        front = set(points.loc[points["fronts"] != "", "trial"])
        assert 0 < len(front) < points["trial"].nunique()
        assert front <= set(told)
        assert all(files == {"codec/body/codec.json"} for files in told.values())
        written = [p for p in place.rglob("*") if p.is_file() and TRIALS_FOLDER not in p.parts]
        assert written
        assert not [p for p in written if MOTION in p.read_bytes()]

    def test_without_the_ledger_nothing_stands_there_twice(
        self, replays: Replays, place: Path
    ) -> None:
        (replays.folder / TRACKING_FILE).unlink()
        if self.forgetful:
            assert self._mirror(replays.folder) == TRIALS
            assert sorted(map(repr, self.read(replays.folder, place))) == sorted(
                map(repr, replays.resumed)
            )
            assert len(self.hypervolumes(replays.folder, place)) == 1

    def test_a_missing_library_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        for name in [n for n in sys.modules if n.split(".")[0] == self.module]:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, self.module, None)
        make_log(tmp_path / "sweep", trials=2)
        with pytest.raises(TrackerUnavailable, match=f"{self.module} cannot be imported") as caught:
            self._mirror(tmp_path / "sweep")
        assert "\n" not in str(caught.value)
        assert "install" in str(caught.value)


def text(value: Any) -> str:
    """A value of a configuration, whatever a tracker made of a whole number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{float(value):g}" if number else str(value)
