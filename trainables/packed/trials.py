"""Trials side by side in one process: each is a course of its own, and all train in one engine.

Only training is fused. A trial fits its token models, is scored, reports and writes its artefacts
by itself, in turn with the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from search_spaces.families import family_of, is_generator
from trainables.motion.dataset import MotionData
from trainables.packed import engine
from trainables.runtime import Runtime
from trainables.trial import Course, Stretch, Trained, TrialTask, trial_course
from trainables.trial_folder import PATIENCE_S, sole_writer

Ended = Callable[[str, Exception | None], None]
"""Told the name of a trial that is over, and what ended it before its time."""

ROUND_STEPS = 32
"""Training steps of each pack between two looks at the trials."""


@dataclass(eq=False)
class _Running:
    """A trial on its way.

    Attributes:
        course: of it, once it holds its folder.
        stretches: of its parts, in training or trained.
        patient_until: by when its folder must be free.
    """

    task: TrialTask
    data: MotionData
    runtime: Runtime
    held: Callable[[], bool]
    patient_until: float
    course: Course | None = None
    wanted: Stretch | None = None
    stretches: list[engine.Stretch] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether it can go on."""
        return all(stretch.over for stretch in self.stretches) and not self.held()

    def trained(self) -> Trained | None:
        """What its course waits for; what a codec's training raised is raised here."""
        for stretch in self.stretches:
            if stretch.error is not None:
                raise stretch.error
        if self.wanted is None:
            return None
        losses = [cast(dict[str, float], stretch.losses) for stretch in self.stretches]
        return losses, sum(stretch.seconds for stretch in self.stretches)


class PackedTrials:
    """Trials of one device."""

    def __init__(self, ended: Ended, steps: int = ROUND_STEPS) -> None:
        """No trial yet.

        Args:
            ended: is told of every trial's end but those that were dropped.
            steps: training steps between two looks at the trials.
        """
        self._ended, self._steps = ended, steps
        self._engine = engine.Engine()
        self._running: dict[str, _Running] = {}

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
        if trial.course is not None:
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
        moved = False
        for name, trial in list(self._running.items()):
            if trial.ready:
                moved |= self._go_on(name, trial)
        if not self._engine.idle:
            self._engine.advance(self._steps)
            return True
        return moved

    def _go_on(self, name: str, trial: _Running) -> bool:
        """To its next stretch, or its end; False where its folder is not free yet."""
        try:
            if trial.course is None:
                trial.course = _held(trial)
            trial.wanted = trial.course.send(cast(Trained, trial.trained()))
        except StopIteration:
            self._end(name, trial, None)
            return True
        except TimeoutError as error:
            trial.course = None
            if time.monotonic() < trial.patient_until:
                return False
            self._end(name, trial, error)
            return True
        except Exception as error:
            self._end(name, trial, error)
            return True
        trial.stretches = [
            self._engine.begin(codec, trial.data.parts[part], trial.runtime, trial.wanted.share)
            for part, codec in trial.wanted.codecs.items()
        ]
        return True

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
    tasks: Mapping[str, tuple[TrialTask, MotionData, Runtime]], steps: int = ROUND_STEPS
) -> dict[str, Exception]:
    """Runs trials side by side to their ends; returns what some raised, by name."""
    raised: dict[str, Exception] = {}

    def ended(name: str, error: Exception | None) -> None:
        if error is not None:
            raised[name] = error

    trials = PackedTrials(ended, steps)
    for name, (task, data, runtime) in tasks.items():
        trials.admit(name, task, data, runtime)
    while len(trials):
        trials.advance()
    return raised
