"""Weights go as the front moves, everything else stays, and what went comes back to the bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.best import describe_best
from cluster.export import Choice, export
from cluster.rerun import rerun
from cluster.retention import GOING, Retention, fronts_of, near_front
from cluster.store import Store
from search_spaces.errors import BadInput
from search_spaces.inputs import folder_hash
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.record import CODEC_FOLDER, SPEC_FILE, TOKENS_FILE, TRIALS_FOLDER
from search_spaces.spec import SweepSpec
from tests.cluster.in_process import sweep_in_process, tiny_preset
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare

GOALS = objectives(["rate_nominal_bps", "rmse_full_cm"])
QUIET = Console(quiet=True)


def row(trial: str, rate: float, rmse: float, depth: int = 1, **more: Any) -> dict[str, Any]:
    return {"trial": trial, "depth": depth, "rate_nominal_bps": rate, "val_rmse_full_cm": rmse,
            **more}  # fmt: skip


class Shelf:
    """A sweep's folder whose trials have a codec and tokens, and its retention."""

    def __init__(self, folder: Path, **run: Any) -> None:
        self.folder = folder
        self.log: list[dict[str, Any]] = []
        preset = str(run.pop("preset", "rate_distortion"))
        limits = [f"constraints={run.pop('constraints')}"] if "constraints" in run else []
        self.spec: SweepSpec = load_spec(preset, settings=limits, overrides={"run": run})
        self.retention = Retention(self.spec, GOALS, folder, self.record)

    def record(self, event: str, **fields: Any) -> None:
        self.log.append({"event": event, **fields})

    def done(self, *rows: dict[str, Any]) -> None:
        trial = str(rows[0]["trial"])
        place = self.folder / TRIALS_FOLDER / trial
        (place / CODEC_FOLDER / "body").mkdir(parents=True)
        (place / CODEC_FOLDER / "body" / "weights").write_bytes(b"1")
        (place / TOKENS_FILE).write_bytes(b"2")
        for one in rows:
            self.record("point", trial=trial, row=one)
        self.record("done", trial=trial)
        self.retention.remove(self.retention.done(trial, rows))

    @property
    def kept(self) -> set[str]:
        places = (self.folder / TRIALS_FOLDER).iterdir()
        return {p.name for p in places if (p / CODEC_FOLDER).is_dir()}


def test_weights_go_as_the_front_moves_and_nothing_else_does(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.done(row("a", 100, 10.0))
    shelf.done(row("b", 200, 12.0))
    assert shelf.kept == {"a"}
    shelf.done(row("c", 100, 9.6))
    assert shelf.kept == {"a", "c"}, "a is 4 % above the lowest at its rate"
    shelf.done(row("d", 50, 9.0), row("d", 400, 3.0, depth=2))
    assert shelf.kept == {"d"}
    shelf.done(row("e", 60, 9.3), row("e", 90, 50.0, depth=2))
    assert shelf.kept == {"d", "e"}, "one prefix near the front keeps a trial"
    assert all((tmp_path / TRIALS_FOLDER / t / TOKENS_FILE).is_file() for t in "abcde")
    assert [e["trial"] for e in shelf.log if e["event"] == "pruned"] == ["b", "a", "c"]


def test_what_breaks_a_limit_is_on_no_front(tmp_path: Path) -> None:
    def hands(trial: str, rate: float, rmse: float, value: float, **more: Any) -> dict[str, Any]:
        return row(trial, rate, rmse, val_rmse_hands_cm=value, **more)

    shelf = Shelf(tmp_path / "single", constraints="rmse_hands_cm<=4")
    shelf.done(hands("bad", 100, 5.0, 4.1))
    shelf.done(row("unknown", 100, 5.0))
    shelf.done(hands("good", 100, 9.0, 4.0))
    shelf.done(hands("worse", 100, 9.6, 3.0))
    assert shelf.kept == {"good"}, "within 5 % of the best that keeps it is `good` alone"
    shelf = Shelf(tmp_path / "means", constraints="rmse_hands_cm<=4")
    shelf.done(hands("a0", 100, 5.0, 4.5, config_hash="a"))
    shelf.done(hands("b0", 100, 9.0, 3.0, config_hash="b"))
    assert shelf.kept == {"b0"}
    shelf = Shelf(tmp_path / "mean", constraints="rmse_hands_cm<=4")
    shelf.done(
        hands("a0", 100, 5.0, 3.9, config_hash="a"), hands("a0", 90, 5.5, 3.9, config_hash="a")
    )
    shelf.done(hands("a1", 100, 5.0, 4.05, config_hash="a"))
    assert shelf.kept == {"a0", "a1"}, "a mean that keeps it keeps its seeds"


def test_fronts_of_parts_know_no_limit(tmp_path: Path) -> None:
    def part(trial: str, rmse: float) -> dict[str, Any]:
        more = {"rate_nominal_body_bps": 60.0, "val_rmse_body_cm": rmse, "val_rmse_hands_cm": rmse}
        return row(trial, 100, rmse, **more)

    shelf = Shelf(tmp_path, constraints="rmse_hands_cm>=4")
    shelf.done(part("keeps", 5.0))
    shelf.done(part("breaks", 3.0))
    assert shelf.kept == {"keeps", "breaks"}, "allocate may compose the body of either"


def test_all_and_none(tmp_path: Path) -> None:
    for retain, kept in (("all", {"a", "b"}), ("none", set())):
        shelf = Shelf(tmp_path / retain, retain=retain)
        shelf.done(row("a", 100, 10.0))
        shelf.done(row("b", 200, 12.0))
        assert shelf.kept == kept


def test_a_front_of_means_keeps_every_seed_of_what_stands_on_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.done(row("lucky", 100, 5.0, config_hash="x"))
    shelf.done(row("steady", 100, 5.2, config_hash="y"))
    assert shelf.kept == {"lucky", "steady"}
    shelf.done(row("unlucky", 100, 9.0, config_hash="x"))
    assert shelf.kept == {"lucky", "steady"}, "a seed far off goes where its mean is off too"
    shelf.done(row("second", 100, 6.0, config_hash="y"))
    assert "second" in shelf.kept, "the mean of y is on the front of means"


def test_every_rate_that_best_and_export_read_has_its_front(tmp_path: Path) -> None:
    rows = [
        row("a", 100, 10.0, val_rate_stream_bps=500.0, val_rate_model_bps=90.0),
        row("b", 200, 12.0, val_rate_stream_bps=300.0, val_rate_model_bps=190.0),
    ]
    shelf = Shelf(tmp_path)
    for one in rows:
        shelf.done(one)
    assert shelf.kept == {"a", "b"}
    named = [tuple(o.name for o in pair) for pair in fronts_of(rows, GOALS)]
    assert ("rate_stream_bps", "rmse_full_cm") in named


def test_codecs_that_generators_may_ask_for_stay(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, preset="klezovich/jerk", retain="none")
    shelf.done(row("a", 100, 10.0))
    assert shelf.kept == {"a"}


def test_near_is_what_best_within_means() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = rng.uniform(1, 10, (30, 2)).round(1)
        lowest = [values[values[:, 0] <= rate, 1].min() for rate in values[:, 0]]
        wanted = values[:, 1] <= 1.05 * np.array(lowest)
        from analysis.indicators import nondominated

        front = values[nondominated(values)]
        found = near_front(values, front, np.array([True, False]), 5.0)
        assert (found | ~wanted).all(), "what --within would take is kept"
        beyond = values[:, 1] > 1.05 * np.array(lowest)
        assert not (found & beyond).any()


def test_a_kill_between_two_removals_is_made_up_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, retain="all")
    for one in (row("a", 100, 10.0), row("b", 200, 12.0), row("c", 300, 13.0)):
        shelf.done(one)
    # Decided for b, whose folder is half gone; c was not come to.
    log = [*shelf.log, {"event": "pruned", "trial": "b"}]
    place = tmp_path / TRIALS_FOLDER / "b"
    (place / CODEC_FOLDER).rename(place / GOING)
    again = Shelf(tmp_path)
    again.retention.take_up(log)
    assert again.kept == {"a"} and not (place / GOING).exists()
    assert [e["trial"] for e in again.log] == ["c"], "b is not written down twice"
    # One that was trained again since is nobody's to remove.
    (place / CODEC_FOLDER).mkdir()
    later = Shelf(tmp_path)
    later.retention.take_up([*log, *again.log, {"event": "restored", "trial": "b"}])
    assert later.kept == {"a", "b"} and later.log == []


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retention") / "sweep"
    chosen = tiny_preset(2)
    data_spec = spec()
    chosen = chosen.model_copy(update={"data": data_spec})
    sweep_in_process(chosen, prepare(data_spec, make_clips(6, 45)), folder)
    return folder


def test_a_pruned_trial_says_how_and_comes_back_to_the_bit(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept, folder)
    monkeypatch.setattr(
        "trainables.motion.dataset.prepare", lambda said: prepare(said, make_clips(6, 45))
    )
    for trial in sorted(p.name for p in (folder / TRIALS_FOLDER).iterdir()):
        place = folder / TRIALS_FOLDER / trial / CODEC_FOLDER
        before = folder_hash(place)
        with pytest.raises(BadInput, match="weights are there"):
            rerun(folder, trial, QUIET)
        shutil.rmtree(place)
        with pytest.raises(BadInput, match=f"ratefront rerun .* --trial {trial}'"):
            export(folder, tmp_path / "out", Choice(trial=trial), "removed", QUIET)
        rerun(folder, trial, QUIET)
        assert folder_hash(place) == before
    with Store.open(folder) as store:
        assert len(list(store.read().of("restored"))) == 2
    with pytest.raises(BadInput, match="no finished trial 'x'"):
        rerun(folder, "x", QUIET)


def test_what_several_workers_trained_is_refused_before_it_is_trained(
    swept: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept, folder)
    log = folder / "log.jsonl"
    first, rest = log.read_text().split("\n", 1)
    event = json.loads(first)
    event["spec"]["run"] |= {"placement": "group", "workers": 2}
    log.write_text(json.dumps(event) + "\n" + rest)
    trial = next((folder / TRIALS_FOLDER).iterdir())
    shutil.rmtree(trial / CODEC_FOLDER)
    with pytest.raises(BadInput, match="2 workers trained each trial together"):
        rerun(folder, trial.name, QUIET)


def test_best_names_the_command_for_what_was_not_kept(swept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept, folder)
    assert "ratefront export" in describe_best(folder, 1e9)
    for place in (folder / TRIALS_FOLDER).iterdir():
        shutil.rmtree(place / CODEC_FOLDER)
    assert f"ratefront rerun {folder} --trial" in describe_best(folder, 1e9)


def test_other_numbers_than_recorded_are_refused(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept, folder)
    monkeypatch.setattr(
        "trainables.motion.dataset.prepare", lambda said: prepare(said, make_clips(6, 45))
    )
    trial = next((folder / TRIALS_FOLDER).iterdir())
    shutil.rmtree(trial / CODEC_FOLDER)
    log = folder / "log.jsonl"
    log.write_text(log.read_text().replace('"val_rmse_full_cm":', '"val_rmse_full_cm":1'))
    with pytest.raises(BadInput, match=r"val_rmse_full_cm at depth 1 was 1\d"):
        rerun(folder, trial.name, QUIET)
    assert not (trial / CODEC_FOLDER).exists()


def test_a_sweep_from_before_retention_keeps_everything(tmp_path: Path) -> None:
    from cluster.sweep import _as_begun

    text = load_spec("rate_distortion").dump()
    (tmp_path / SPEC_FILE).write_text(text.replace("  retain: front\n", ""))
    assert _as_begun(tmp_path / SPEC_FILE).run.retain == "all"
    (tmp_path / SPEC_FILE).write_text(text)
    assert _as_begun(tmp_path / SPEC_FILE).run.retain == "front"
