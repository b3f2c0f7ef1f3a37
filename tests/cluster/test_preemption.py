"""A notice that a node will be taken away leads to a state that is kept, and is no failure."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray.core.generated.common_pb2 import ActorDiedErrorContext, NodeDeathInfo
from ray.exceptions import ActorDiedError, NodeDiedError, RayActorError, RayTaskError

from cluster.jobs import LocalRuntime
from cluster.lost_actors import LostNodes, as_dead_actor, lost_node
from cluster.preemption import KEEP_SECONDS, Keeping, Notice
from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.motion.dataset import prepare
from trainables.runtime import PlainRuntime
from trainables.trial import STATE_NAME, TrialTask, run_trial

CONFIG = complete(
    {"codec": "rqvae", "codebook_size": 8, "quantizer_depth": 2, "latent_dim": 8,
     "hidden_dim": 16, "max_steps": 30, "epochs": 100, "batch_frames": 96}
)  # fmt: skip
TIMES = {"train_seconds", "evaluate_seconds", "rung_seconds"}


def died(text: str, preempted: bool = False) -> ActorDiedError:
    reason = NodeDeathInfo.AUTOSCALER_DRAIN_PREEMPTED if preempted else 0
    said = ActorDiedErrorContext(
        error_message=text, actor_id=b"a" * 16, node_death_info=NodeDeathInfo(reason=reason)
    )
    return ActorDiedError(said)


def test_only_a_lost_node_is_no_fault_of_the_trial() -> None:
    gone = died("The actor died because its node has died. Node Id: 80ee")
    for fault in (gone, died("The node was drained", preempted=True), NodeDiedError("it is gone")):
        seen = as_dead_actor(fault)
        assert isinstance(seen, RayActorError) and seen.preempted
        assert str(seen).startswith("the trial's process died: its node was ")
    own = died("Worker unexpectedly exits with a connection error code 2.")
    assert as_dead_actor(own) is own and not own.preempted
    assert lost_node([ValueError("x"), own]) is None
    # What a worker of a group says arrives inside an error of the task that ran it.
    plain = RayActorError(error_msg="The actor died because its node has died.")
    wrapped = RayTaskError("f", "traceback", plain)
    found = lost_node([ValueError("x"), wrapped])
    assert found is not None and found.preempted


def test_a_trial_that_loses_node_after_node_pays_in_the_end() -> None:
    counts = LostNodes(most=3)
    trial: Any = SimpleNamespace(trial_id="t", run_metadata=SimpleNamespace(num_failures=0))
    for _ in range(3):
        counts.on_trial_recover(0, [], trial)
    assert trial.run_metadata.num_failures == 0
    counts.on_trial_recover(0, [], trial)
    assert trial.run_metadata.num_failures == 1
    trial.run_metadata.num_failures += 1  # a failure of its own, which Tune counts
    counts.on_trial_recover(0, [], trial)
    assert trial.run_metadata.num_failures == 2


def test_a_notice_is_heard_and_an_unreachable_control_store_is_none() -> None:
    answers: list[Any] = [[], ["other"], ["mine"], OSError("away")]
    asked = threading.Semaphore(0)
    go_on = threading.Semaphore(0)

    def draining() -> Any:
        asked.release()
        go_on.acquire()
        answer = answers.pop(0) if answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    notice = Notice("mine".__eq__, draining, ask_seconds=0.0)
    heard = []
    for _ in range(4):
        asked.acquire()  # the question before this one has been answered by now
        heard.append(notice.given)
        go_on.release()
    asked.acquire()
    assert [*heard[1:], notice.given] == [False, False, True, False]


def test_states_are_kept_at_a_notice_and_not_at_every_step() -> None:
    now, kept = [0.0], []
    notice: Any = SimpleNamespace(given=False)
    keeping = Keeping(notice, clock=lambda: now[0])
    keeping.stepped(lambda: kept.append(now[0]))
    notice.given = True
    for second in (1.0, 2.0, 1.0 + KEEP_SECONDS):
        now[0] = second
        keeping.stepped(lambda: kept.append(now[0]))
    assert kept == [1.0, 1.0 + KEEP_SECONDS]
    Keeping(None).stepped(lambda: kept.append(-1.0))
    assert -1.0 not in kept


class Taken(Exception):
    """The machine is gone."""


def test_a_trial_goes_on_from_the_step_of_its_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notice at the 17th of 30 steps, between two rungs; the machine goes at the 19th."""
    monkeypatch.setattr("ray.tune.report", lambda row: None)
    data = prepare(spec(), make_clips(6, 45))
    whole = run_trial(TrialTask("x", CONFIG, 0, None, 1), data, PlainRuntime())
    task = TrialTask("x", CONFIG, 0, tmp_path, 1)
    notice: Any = SimpleNamespace(given=False)
    runtime = LocalRuntime("cpu", tmp_path / "state", Keeping(notice))
    steps, stepped = [0], runtime.stepped

    def step() -> None:
        steps[0] += 1
        notice.given = steps[0] >= 17
        stepped()
        if steps[0] == 19:
            raise Taken

    monkeypatch.setattr(runtime, "stepped", step)
    with pytest.raises(Taken):
        run_trial(task, data, runtime)
    state = torch.load(tmp_path / "state" / STATE_NAME, weights_only=True)
    done = {part: half.get("step", 0) for part, half in state["codecs"].items()}
    assert sum(done.values()) == 17 and state["spent"] > 0
    second = LocalRuntime("cpu", tmp_path / "state")
    steps[0] = 0
    monkeypatch.setattr(second, "stepped", lambda: steps.__setitem__(0, steps[0] + 1))
    rows = run_trial(task, data, second)
    total = 30 * len(done)
    assert steps[0] == total - 17, "it began anew"
    assert not (tmp_path / "state").exists()
    for one, other in zip(rows, whole, strict=True):
        same = {k: v for k, v in one.items() if k not in TIMES and k != "codec_bytes"}
        assert repr(same) == repr({k: other[k] for k in same})
