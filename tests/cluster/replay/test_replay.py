"""Recorded sweeps replayed: the same decisions as when they ran, others' costs, and bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.log import read_log
from cluster.cli import main
from cluster.replay.recorded import RecordedSweep, proposal_of
from cluster.replay.simulator import simulate
from cluster.replay.study import Replay, middle
from cluster.sweep import start
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.space import canonical
from tests.cluster.stopping import RUNGS, Sweep


def recorded(folder: Path, **search: Any) -> Path:
    """An invented sweep that ran to its end."""
    sweep = Sweep(folder, **search)
    sweep.run()
    sweep.store.append("finished", counts={})
    sweep.store.close()
    return folder


def ran(folder: Path) -> tuple[list[str], list[tuple[str, float, bool]]]:
    """Trials that were proposed, and what was decided, in order."""
    log = read_log(folder)
    proposed = [str(e["trial"]) for e in log.of("proposed")]
    return proposed, [(e["trial"], e["share"], e["go_on"]) for e in log.of("decided")]


def replayed(
    folder: Path, searcher: str, scheduler: str, seed: int = 0, trials: int = 10**6
) -> Any:
    """The same from the simulator, one worker, as many trials as the sweep had."""
    replay = Replay(read_log(folder))
    arm, table = replay.arm(searcher, scheduler, seed)
    trace = simulate(replay.table, arm, workers=1, horizon=math.inf, most_trials=trials)
    names = [arm.trials[int(str(r["ask"]))] for r in trace.rows if r["event"] == "asked"]
    return names, [(d["trial"], d["share"], d["go_on"]) for d in arm.decided], table.moves


@pytest.mark.parametrize(
    ("sampler", "stopping"),
    [("tpe", "none"), ("tpe", "halving"), ("rate_aware", "model"), ("random", "halving")],
)
def test_the_simulator_proposes_and_stops_what_the_sweep_did(
    tmp_path: Path, sampler: str, stopping: str
) -> None:
    folder = recorded(tmp_path / "s", sampler=sampler, stopping=stopping)
    proposed, decided = ran(folder)
    assert len(proposed) == 14 and bool(decided) == (stopping != "none")
    names, made, moves = replayed(folder, sampler, stopping, trials=len(proposed))
    assert names == proposed and made == decided and moves == 0


def test_a_proposal_that_was_never_run_is_moved_to_the_nearest_of_its_codec(
    tmp_path: Path,
) -> None:
    folder = recorded(tmp_path / "s", sampler="random", stopping="none", trials=20)
    log = read_log(folder)
    replay = Replay(log)
    table = RecordedSweep(log, replay.spec)
    names, _, moves = replayed(folder, "tpe", "none", seed=5)
    assert moves > 0 and len(set(names)) == len(names) == len(table.trials)
    one = next(iter(table.trials.values())).config
    near = {**proposal_of(replay.spec.space, one)}
    assert canonical(replay.spec.configuration(table.nearest(near, set()) or {})) == canonical(one)
    other = table.nearest(near, {canonical(one)})
    assert other is not None and other["codec"] == one["codec"]
    assert table.nearest(near, set(table.trials)) is None


def test_time_and_volume_are_those_of_the_record(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "s", sampler="random", stopping="none")
    replay = Replay(read_log(folder))
    assert replay.table.seconds == pytest.approx(10.01 * len(replay.table.trials))
    assert replay.table.shares == RUNGS
    # The sweep's own search reaches its own front, and no sooner than its last gain.
    found = replay.standing("random", "none", [replay.spec.search.seed], 1)
    assert found.hypervolume.median == pytest.approx(1.0)
    shares = [m.median for m in found.reached.values()]
    assert all(s is not None and 0 < s <= 1 + 1e-9 for s in shares) and shares == sorted(shares)  # type: ignore[type-var]
    assert found.finished == 14 and found.stopped == 0


def test_never_is_no_number_and_intervals_hold_the_median() -> None:
    found = middle([0.1, 0.2, 0.3, math.inf, math.inf, math.inf, math.inf])
    assert found.median is None and found.high is None and found.low is not None
    values = np.linspace(0, 1, 21).tolist()
    found = middle(values)
    assert found.low is not None and found.high is not None
    assert found.low < 0.5 < found.high and found.median == 0.5
    assert middle(values) == found


def test_the_command_prints_a_table_and_says_how_proposals_are_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path / "s", sampler="random", stopping="none")
    asked = ["replay", str(folder), "--searcher", "tpe", "--scheduler", "none", "--scheduler"]
    assert main([*asked, "halving", "--seeds", "2", "--workers", "2"]) == 0
    text = capsys.readouterr().out
    assert "nearest recorded configuration" in text and "halving" in text and "95%" in text
    assert main([*asked, "halving", "--seeds", "2", "--workers", "2", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert [s["scheduler"] for s in said["standings"]] == ["none", "halving"]
    assert said["standings"][1]["stopped"] > 0 and said["seeds"] == 2
    assert set(said["standings"][0]["reached"]) == {"0.9", "0.95", "0.99"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--scheduler", "halving"], "no points at rungs"),
        (["--searcher", "nobody"], "nobody"),
        (["--scheduler", "model"], "rate_aware"),
        (["--searcher", "tpe", "--searcher", "tpe"], "only once"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    folder = recorded(tmp_path / "s", sampler="random", stopping="none")
    log = folder / "log.jsonl"
    kept = [line for line in log.read_text().splitlines(True) if '"event":"progress"' not in line]
    log.write_text("".join(kept))
    assert main(["replay", str(folder), "--seeds", "1", *asked]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1, error


def test_a_sweep_in_which_nothing_finished_cannot_be_replayed(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "s", sampler="random", stopping="none")
    log = folder / "log.jsonl"
    kept = [line for line in log.read_text().splitlines(True) if '"event":"point"' not in line]
    log.write_text("".join(kept))
    with pytest.raises(BadInput, match="no trial finished"):
        Replay(read_log(folder))


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.parametrize(
    ("searcher", "scheduler"),
    [("tpe", "halving"), ("rate_aware", "halving"), ("rate_aware", "model")],
)
def test_ray_tune_and_the_simulator_propose_and_stop_alike(
    tmp_path: Path, searcher: str, scheduler: str
) -> None:
    """The bridge: a real sweep, one trial at a time, against a replay of its own log."""
    out = tmp_path / "sweep"
    spec = load_spec(
        "rate_distortion",
        size="debug",
        settings=(
            "codec=rqvae", "codebook_size=8,16,32", "quantizer_depth=1,2", "max_steps=30",
            "latent_dim=16", "hidden_dim=16", "loss.position=0",
        ),
        overrides={
            "search": {"trials": 8, "sampler": searcher, "stopping": scheduler},
            "run": {"concurrency": 1},
        },
    )  # fmt: skip
    start(spec, out, Console(quiet=True))
    proposed, decided = ran(out)
    stopped = {str(e["trial"]) for e in read_log(out).of("stopped")}
    assert stopped == {trial for trial, _, goes_on in decided if not goes_on} and stopped
    assert not stopped & {str(e["trial"]) for e in read_log(out).of("point")}
    names, made, moves = replayed(out, searcher, scheduler, trials=len(proposed))
    assert names == proposed and made == decided and moves == 0
