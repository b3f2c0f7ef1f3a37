"""Trials that are scored elsewhere while others train: the same numbers, files and faults."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.record import CODEC_FOLDER, COST_COLUMNS, TRIAL_CLIPS_FILE
from search_spaces.space import Config
from tests.trainables.packed.made import SMALL
from tests.trainables.tiny import make_clips, spec
from trainables.codecs.codec import WEIGHTS_NAME
from trainables.motion.dataset import MotionData, prepare
from trainables.packed.trials import Elsewhere, PackedTrials, run_packed
from trainables.runtime import PlainRuntime
from trainables.scoring import Scoring
from trainables.trial import TrialTask
from trainables.trial_folder import sole_writer

CONFIGS: dict[str, Config] = {
    "one": {"codec": "rqvae", **SMALL, "quantizer_depth": 1},
    "three": {"codec": "rqvae", **SMALL, "quantizer_depth": 3, "loss.position": 1.0},
    "clusters": {"codec": "kmeans", "codebook_size": 8},
    "grouped": {"codec": "rqvae", **SMALL, "quantizer_backend": "library", "groups": 2},
}
TIMES = {*COST_COLUMNS, "rung_seconds", "train_seconds"}


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(5, 200))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def _task(name: str, folder: Path | None = None) -> TrialTask:
    return TrialTask(
        "sweep", complete(CONFIGS[name]), 0, folder, objectives=("rmse_full_cm",)
    )  # fmt: skip


def _through_pickle(data: MotionData, pool: ThreadPoolExecutor) -> Elsewhere:
    """As another process would: all that it has of a trial is what was pickled."""

    def elsewhere(scoring: Scoring) -> Future[Any]:
        carried = pickle.dumps(scoring)
        return pool.submit(lambda: pickle.loads(carried).run(data))

    return elsewhere


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in row.items() if k not in TIMES}
    for name in {"points", "rung"} & kept.keys():
        kept[name] = [_without_times(each) for each in kept[name]]
    return kept


def test_reports_and_artefacts_are_those_of_scoring_in_turn(
    data: MotionData, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    said: list[dict[str, PlainRuntime]] = []
    for place, elsewhere in (("here", None), ("there", _through_pickle(data, pool))):
        runtimes = {n: PlainRuntime(checkpoints=tmp_path / place / n / "state") for n in CONFIGS}
        tasks = {n: (_task(n, tmp_path / place / n), data, runtimes[n]) for n in CONFIGS}
        assert run_packed(tasks, elsewhere=elsewhere) == {}
        said.append(runtimes)
    for name in CONFIGS:
        here, there = (runtimes[name].reports for runtimes in said)
        assert (here[-1]["points"] and len(here) > 1) or name == "clusters"
        np.testing.assert_equal([*map(_without_times, there)], [*map(_without_times, here)])
        places = [tmp_path / place / name for place in ("here", "there")]
        weights = [f"{CODEC_FOLDER}/{part}/{WEIGHTS_NAME}" for part in data.parts]
        for file in (TRIAL_CLIPS_FILE, *weights):
            one, other = ((place / file).read_bytes() for place in places)
            assert one == other, file


def test_a_trial_that_is_let_go_as_it_is_scored_holds_its_folder_until_that_ends(
    data: MotionData, tmp_path: Path
) -> None:
    """What is being scored may write there, and nobody else may meanwhile."""
    asked: list[tuple[Scoring, Future[Any]]] = []

    def elsewhere(scoring: Scoring) -> Future[Any]:
        asked.append((scoring, Future()))
        return asked[-1][1]

    trials = PackedTrials(lambda name, error: None, elsewhere=elsewhere)
    trials.admit("one", _task("clusters", tmp_path), data, PlainRuntime())
    while not asked:
        trials.advance()
    assert not trials.advance(), "nothing to do but wait"
    trials.drop("one")
    trials.advance()
    with pytest.raises(TimeoutError), sole_writer(tmp_path, patience=0.0):
        raise AssertionError("two writers")
    scoring, answer = asked[0]
    answer.set_result(scoring.run(data))
    trials.advance()
    with sole_writer(tmp_path, patience=0.0):
        assert len(trials) == 0


def test_others_train_while_one_is_scored(data: MotionData) -> None:
    """One that is scored for ever keeps nobody from the end."""
    never, ended = threading.Event(), list[str]()

    def elsewhere(scoring: Scoring) -> Future[Any]:
        answer: Future[Any] = Future()
        if scoring.task.seed == 0:
            never.set()
        else:
            answer.set_result(scoring.run(data))
        return answer

    trials = PackedTrials(lambda name, _: ended.append(name), elsewhere=elsewhere)
    for seed in (0, 1, 2):
        task = TrialTask("sweep", complete(CONFIGS["three"]), seed, None)
        trials.admit(str(seed), task, data, PlainRuntime())
    while len(trials) > 1:
        trials.advance()
    assert never.is_set() and sorted(ended) == ["1", "2"]


def test_what_scoring_raises_ends_its_trial_alone(
    data: MotionData, pool: ThreadPoolExecutor
) -> None:
    def elsewhere(scoring: Scoring) -> Future[Any]:
        if scoring.task.config["quantizer_depth"] == 3:
            answer: Future[Any] = Future()
            # Not that of a folder which somebody holds.
            answer.set_exception(TimeoutError("no answer"))
            return answer
        return _through_pickle(data, pool)(scoring)

    runtimes = {name: PlainRuntime() for name in ("one", "three")}
    tasks = {n: (_task(n), data, r) for n, r in runtimes.items()}
    raised = run_packed(tasks, elsewhere=elsewhere)
    assert list(raised) == ["three"] and "no answer" in str(raised["three"])
    assert runtimes["one"].reports[-1]["share"] == 1.0 and not runtimes["three"].reports
