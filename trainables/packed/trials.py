"""Trials side by side in one process: each is a course of its own, and all train in one engine.

Only training is fused. A trial reports by itself, in turn with the others; it is scored here, or
elsewhere while the others train on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

from search_spaces.families import family_of, is_generator
from trainables.motion.dataset import MotionData
from trainables.packed import engine
from trainables.runtime import Runtime
from trainables.scoring import Scoring
from trainables.trial import Course, TrialTask, trial_course
from trainables.trial_folder import PATIENCE_S, sole_writer

Ended = Callable[[str, Exception | None], None]
"""Told the name of a trial that is over, and what ended it before its time."""

Elsewhere = Callable[[Scoring], "Future[Any]"]
"""Has something scored in another process, on the same data; the answer is what its `run` gives."""

ROUND_STEPS = 32
"""Training steps of each pack between two looks at the trials."""
_IDLE_SECONDS = 0.005


@dataclass(eq=False)
class _Running:
    """A trial on its way.

    Attributes:
        course: of it, once it holds its folder.
        begun: whether its course is on its way.
        stretches: of its parts, in training or trained.
        scores: that are made elsewhere.
        patient_until: by when its folder must be free.
    """

    task: TrialTask
    data: MotionData
    runtime: Runtime
    held: Callable[[], bool]
    patient_until: float
    course: Course | None = None
    begun: bool = False
    stretches: list[engine.Stretch] = field(default_factory=list)
    scores: Future[Any] | None = None

    @property
    def ready(self) -> bool:
        """Whether it can go on."""
        if self.scores is not None:
            return self.scores.done()
        return all(stretch.over for stretch in self.stretches) and not self.held()

    def answer(self) -> Any:
        """What its course waits for; what training or scoring raised is raised here."""
        if self.scores is not None:
            return self.scores.result()
        for stretch in self.stretches:
            if stretch.error is not None:
                raise stretch.error
        if not self.begun:
            return None
        losses = [cast(dict[str, float], stretch.losses) for stretch in self.stretches]
        return losses, sum(stretch.seconds for stretch in self.stretches)


class PackedTrials:
    """Trials of one device."""

    def __init__(
        self, ended: Ended, steps: int = ROUND_STEPS, elsewhere: Elsewhere | None = None
    ) -> None:
        """No trial yet.

        Args:
            ended: is told of every trial's end but those that were dropped.
            steps: training steps between two looks at the trials.
            elsewhere: scores trials while others train; where None it is done here, in turn.
        """
        self._ended, self._steps, self._elsewhere = ended, steps, elsewhere
        self._engine = engine.Engine()
        self._running: dict[str, _Running] = {}
        self._leaving: list[_Running] = []

    def admit(
        self,
        name: str,
        task: TrialTask,
        data: MotionData,
        runtime: Runtime,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Takes a trial in, which goes on from its last checkpoint; drops one of the same name.

        Args:
            name: by which it is dropped, and spoken of when it ends.
            task: of a codec of motion.
            data: prepared; trials that are given the same object share what is made of it.
            runtime: that it reports to.
            held: whether it is to wait with its next report.

        Raises:
            ValueError: a trial of another kind.
        """
        self.drop(name)
        if is_generator(task.config) or family_of(task.config).medium != "motion":
            raise ValueError(f"{task.config['codec']} is no codec of motion and trains alone")
        until = time.monotonic() + PATIENCE_S
        self._running[name] = _Running(task, data, runtime, held, until)

    def drop(self, name: str) -> None:
        """A trial stops where it is; nothing happens where there is none."""
        trial = self._running.pop(name, None)
        if trial is None:
            return
        self._forget(trial)
        if trial.scores is not None and not trial.scores.done():
            # Its artefacts may be on their way into its folder, which is nobody else's until then.
            self._leaving.append(trial)
        elif trial.course is not None:
            trial.course.close()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def packs(self) -> list[int]:
        """Members of each pack."""
        return self._engine.sizes

    def settle(self) -> None:
        """What every codec has learnt so far stands in it, as if it had trained alone."""
        self._engine.settle()

    def advance(self) -> bool:
        """One look at every trial, and some training steps of all; False where nothing was done."""
        self._let_go()
        moved = False
        for name, trial in list(self._running.items()):
            if trial.ready:
                moved |= self._go_on(name, trial)
        if not self._engine.idle:
            self._engine.advance(self._steps)
            return True
        return moved

    def _go_on(self, name: str, trial: _Running) -> bool:
        """To what it waits for next, or its end; False where its folder is not free yet."""
        try:
            self._take_up(trial)
        except StopIteration:
            self._end(name, trial, None)
        except Exception as error:
            if not trial.begun and isinstance(error, TimeoutError):
                trial.course = None
                if time.monotonic() < trial.patient_until:
                    return False
            self._end(name, trial, error)
        return True

    def _take_up(self, trial: _Running) -> None:
        """What its course wants next is begun; StopIteration where it has come to its end."""
        if trial.course is None:
            trial.course = _held(trial)
        wanted = trial.course.send(trial.answer())
        trial.begun, trial.scores = True, None
        while isinstance(wanted, Scoring):
            if self._elsewhere is not None:
                trial.scores = self._elsewhere(wanted)
                return
            wanted = trial.course.send(wanted.run(trial.data))
        trial.stretches = [
            self._engine.begin(codec, trial.data.parts[part], trial.runtime, wanted.share)
            for part, codec in wanted.codecs.items()
        ]

    def _let_go(self) -> None:
        """Folders of trials that were dropped as they were scored, and now are."""
        for trial in [t for t in self._leaving if t.scores is not None and t.scores.done()]:
            self._leaving.remove(trial)
            if trial.course is not None:
                trial.course.close()

    def _end(self, name: str, trial: _Running, error: Exception | None) -> None:
        del self._running[name]
        self._forget(trial)
        if trial.course is not None:
            trial.course.close()
        self._ended(name, error)

    def _forget(self, trial: _Running) -> None:
        for stretch in trial.stretches:
            self._engine.drop(stretch.codec)


def _held(trial: _Running) -> Course:
    """A trial's course while nobody else works on its folder; TimeoutError where someone does."""
    with sole_writer(trial.task.folder, patience=0.0):
        rows = yield from trial_course(trial.task, trial.data, trial.runtime)
    return rows


def run_packed(
    tasks: Mapping[str, tuple[TrialTask, MotionData, Runtime]],
    steps: int = ROUND_STEPS,
    elsewhere: Elsewhere | None = None,
) -> dict[str, Exception]:
    """Runs trials side by side to their ends; returns what some raised, by name."""
    raised: dict[str, Exception] = {}

    def ended(name: str, error: Exception | None) -> None:
        if error is not None:
            raised[name] = error

    trials = PackedTrials(ended, steps, elsewhere)
    for name, (task, data, runtime) in tasks.items():
        trials.admit(name, task, data, runtime)
    while len(trials):
        if not trials.advance():
            time.sleep(_IDLE_SECONDS)
    return raised
