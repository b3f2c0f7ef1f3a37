"""From a searcher's proposals to trials: refusals, repeats, seeds, and the log of all of it.

Every proposal is completed, checked and written down before anything runs. What cannot work is
refused at no cost; what is in the store already is answered from it; a configuration that is
repeated over seeds is told as the mean. Replaying the log into a new proposer gives the state of
the old one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cluster.inputs import InputsFirst, implied_codecs, implied_encoders
from cluster.schedulers.decisions import Decisions
from cluster.schedulers.rule import Decision, StoppingRule
from cluster.searchers.asks import Ask, said, signed
from cluster.searchers.asks import Proposal as Proposal
from cluster.searchers.named import make_searcher as make_searcher
from cluster.searchers.repeats import MOST_OF_BUDGET, Repeats
from cluster.searchers.searcher import Searcher
from cluster.wanted import Wanted
from search_spaces.believed_points import believed_points
from search_spaces.constraints import cautions
from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.inputs import Resolved, awaited_of
from search_spaces.limits import Limit
from search_spaces.objectives import Objective
from search_spaces.space import Config, canonical, trial_id
from search_spaces.spec import SweepSpec

Row = Mapping[str, Any]
Record = Callable[..., object]
FindInput = Callable[[Config, int], Resolved | None]
"""(configuration, seed) -> what the trial needs of another; BadInput where that is not there."""
MAX_IDLE = 200
"""Proposals in a row that were refused or repeated, after which a space counts as exhausted."""


class ReplayMismatch(Exception):
    """The log holds a proposal that the searcher does not make again."""


class Proposer:
    """Hands out trials and takes their ends, keeping the books."""

    def __init__(
        self,
        spec: SweepSpec,
        facts: DataFacts,
        objectives: Sequence[Objective],
        searcher: Searcher,
        record: Record,
        find_input: FindInput = lambda config, seed: None,
        rule: StoppingRule | None = None,
    ) -> None:
        """Proposes for a sweep; `record(event, **fields)` makes an event durable.

        A trial that needs another's codec is handed out when that one is done.
        """
        self._spec = spec
        self._facts = facts
        self._wanted = Wanted(spec, facts)
        # What a searcher is told: the objectives, then the metrics that have a limit.
        self._objectives: tuple[Objective | Limit, ...] = (*objectives, *self._wanted.measured)
        self._searcher = InputsFirst(searcher, spec.configuration)
        self._record = record
        self.decisions = Decisions(rule, len(objectives))
        self._find_input = find_input
        self._repeats = Repeats(spec.search.repeat_front, len(objectives), self._keeps)
        self._again_count = 0
        self._asks: list[Ask] = []
        self._queue: deque[Proposal] = deque()
        self._ask_of: dict[str, int] = {}
        points = believed_points(spec.space)
        self._believed = {canonical(spec.configuration(point)) for point in points}
        self._accepted = 0
        self._idle = 0
        self._over = self._drained = False
        self._exhausted = False
        self.rows: dict[str, list[Row]] = {}
        """trial -> its rows, for trials that are done."""
        self.closed: set[str] = set()
        """Trials that have an end in the log, whatever it is."""
        self.refused = 0
        self.cautions: dict[str, list[str]] = {}

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Limits on results, which points must keep to count."""
        return self._wanted.limits

    @property
    def _listed(self) -> bool:
        """Whether configurations come from a finite list, which ends by itself."""
        return self._spec.search.sampler in ("grid", "cells")

    @property
    def budget(self) -> int:
        """Trials that will be run if none is refused: configurations times seeds."""
        search = self._spec.search
        if self._listed:
            whole = int(self._spec.space.size()) + implied_codecs(self._spec)
            return whole * search.seeds + implied_encoders(self._spec)
        return search.trials * search.seeds

    def next(self) -> Proposal | None:
        """The next trial to run, or None where there is none now (see `exhausted`)."""
        while (ready := self._ready()) is None:
            if self._exhausted:
                return None
            if self._repeat_of_front():
                continue
            if self._over or self._spent():
                # What is under way may bring the front a configuration to be run again.
                self._exhausted = not (self._repeats.wanted and self._left > 0 and self._open)
                return None
            proposed = self._searcher.ask()
            if proposed is None:
                self._over = True
                continue
            self._take(proposed, recording=True)
            if self._idle > MAX_IDLE and not self._listed:
                self._over = True
        return ready

    def enough(self, *, repeats: bool = True) -> None:
        """Nothing new is proposed any more, nor the front's configurations again unless `repeats`;
        what was proposed is finished."""
        self._over = True
        self._drained |= not repeats

    @property
    def _left(self) -> int:
        """Trials of the budget that are left."""
        spent = self._accepted * self._spec.search.seeds + self._again_count
        return 0 if self._drained else self.budget - spent

    @property
    def _open(self) -> bool:
        return any(ask.accepted and not ask.complete for ask in self._asks)

    def _repeat_of_front(self) -> bool:
        """Proposes a configuration of the front with its next seed, where it is time to."""
        if not self._repeats.wanted or self._left <= 0:
            return False
        missing = self._repeats.missing(self._asks)
        kept_back = min(len(missing), self.budget // MOST_OF_BUDGET - self._again_count)
        over = self._over or self._spent()
        if not missing or (not over and self._left > kept_back):
            return False
        proposal = self._repeated_with(self._next_seed(missing[0]), missing[0])
        warned = self.cautions.get(proposal.trial, [])
        self._record("proposed", **said(proposal, self._believed), warnings=warned, repeat=True)
        return True

    def _next_seed(self, number: int) -> int:
        return self._spec.search.seed + len(self._asks[number].trials)

    def _repeated_with(self, seed: int, number: int) -> Proposal:
        ask = self._asks[number]
        proposal = Proposal(trial_id(ask.config, seed), ask.config, seed, number)
        warned = self.cautions.get(ask.trials[0])
        if warned:
            self.cautions[proposal.trial] = warned
        ask.trials.append(proposal.trial)
        self._ask_of[proposal.trial] = number
        self._again_count += 1
        self._queue.append(proposal)
        return proposal

    def _is_repeat(self, trial: str) -> bool:
        trials = self._asks[self._ask_of[trial]].trials
        return trials.index(trial) >= self._spec.search.seeds

    def _keeps(self, point: Sequence[float]) -> bool:
        values = point[len(point) - len(self._wanted.measured) :]
        return all(w.kept(v) for w, v in zip(self._wanted.measured, values, strict=True))

    def _ready(self) -> Proposal | None:
        """The first in the queue that waits for nothing; what waits in vain is refused."""
        waiting: deque[Proposal] = deque()
        ready = None
        while self._queue and ready is None:
            proposal = self._queue.popleft()
            awaited = [a.trial(proposal.seed) for a in awaited_of(proposal.config)]
            if proposal.trial in self.closed:
                continue
            if any(self._under_way(trial) for trial in awaited):
                waiting.append(proposal)
                continue
            try:
                if missed := [trial for trial in awaited if trial not in self.rows]:
                    raise BadInput(f"its codec {missed[0]} did not end well")
                source = self._find_input(proposal.config, proposal.seed)
            except BadInput as error:
                self.refused += 1
                self._record("refused", **said(proposal, self._believed), reason=str(error))
                self._end(proposal.trial, None)
            else:
                ready = replace(proposal, source=source)
        self._queue = waiting + self._queue
        return ready

    def _under_way(self, trial: str) -> bool:
        """Whether a trial is still to end, so that it is worth waiting for."""
        known = trial in self._ask_of and self._asks[self._ask_of[trial]].accepted
        return known and trial not in self.closed

    @property
    def exhausted(self) -> bool:
        """Whether no further trial will be proposed."""
        return self._exhausted and not self._queue

    def done(self, trial: str, rows: Sequence[Row]) -> None:
        """A trial ended with its operating points."""
        self.rows[trial] = list(rows)
        self._end(trial, self._points(rows))

    def ended(self, trial: str, *, stopped: bool = False) -> None:
        """A trial was stopped or failed: it has no final values."""
        if stopped:
            self._asks[self._ask_of[trial]].stopped = True
        self._end(trial, None)

    def reported(self, trial: str, share: float, rows: Sequence[Row]) -> Decision:
        """Whether a trial goes on that has these points at a share of its budget."""
        if self._is_repeat(trial):
            return Decision(True)  # of the front it is to be known in full
        ask = self._ask_of[trial]
        follower = self._searcher if self._spec.search.seeds == 1 else None
        points = np.array(signed(rows, self._objectives), float)
        return self.decisions.made(trial, self._number(trial), share, points, follower, ask)

    def _number(self, trial: str) -> int:
        ask = self._ask_of[trial]
        return ask * self._spec.search.seeds + self._asks[ask].trials.index(trial)

    def replay(self, events: Sequence[Mapping[str, Any]]) -> list[Proposal]:
        """Takes up a log: asks and tells in its order; returns trials that have no end yet.

        Raises:
            ReplayMismatch: the searcher proposes something else than the log holds.
        """
        open_trials: dict[str, Proposal] = {}
        points: dict[str, list[Row]] = {}
        asked: set[int] = set()
        self.decisions.take_up(events)
        for event in events:
            kind = event["event"]
            if kind in ("proposed", "refused", "repeated") and "ask" in event:
                if event["ask"] not in asked:
                    asked.add(event["ask"])
                    self._again(event)
                elif kind == "refused" and event["trial"] in open_trials:
                    # It was to be run, and what it waited for did not come.
                    open_trials.pop(event["trial"])
                    self.refused += 1
                    self.ended(event["trial"])
                if kind == "proposed":
                    if event.get("repeat"):
                        self._repeated_with(event["seed"], event["ask"])
                    proposal = Proposal(
                        event["trial"], event["config"], event["seed"], event["ask"]
                    )
                    open_trials[proposal.trial] = proposal
            elif kind == "progress" and "points" in event and event["trial"] in open_trials:
                self.reported(event["trial"], event["row"]["share"], event["points"])
            elif kind == "decided":
                self.decisions.recall(event)
            elif kind == "enough":
                self.enough(repeats=event.get("repeats", True))
            elif kind == "point":
                points.setdefault(event["trial"], []).append(event["row"])
            elif kind == "done" and event["trial"] in open_trials:
                open_trials.pop(event["trial"])
                self.done(event["trial"], points.get(event["trial"], []))
            elif kind in ("stopped", "failed") and event["trial"] in open_trials:
                open_trials.pop(event["trial"])
                self.ended(event["trial"], stopped=kind == "stopped")
        self._queue.clear()
        missing = [p for p in open_trials.values() if p.trial not in self.closed]
        unlogged = self._unlogged_seeds({p.trial for p in missing})
        for proposal in unlogged:
            warned = self.cautions.get(proposal.trial, [])
            self._record("proposed", **said(proposal, self._believed), warnings=warned)
        self._queue.extend(missing + unlogged)
        return missing + unlogged

    def _spent(self) -> bool:
        return not self._listed and self._left < self._spec.search.seeds

    def _again(self, event: Mapping[str, Any]) -> None:
        proposed = self._searcher.ask()
        config = None if proposed is None else self._spec.configuration(proposed)
        if config != event["config"]:
            raise ReplayMismatch(
                f"proposal {event['ask']} in the log is {event['config']}, now it would be {config}"
            )
        self._take(proposed or {}, recording=False)

    def _unlogged_seeds(self, logged: set[str]) -> list[Proposal]:
        """Seeds of the last configuration that a crash kept out of the log."""
        known = self.closed | logged
        return [
            Proposal(trial, ask.config, self._first_seed(number) + s, number)
            for number, ask in enumerate(self._asks)
            for s, trial in enumerate(ask.trials)
            if ask.accepted and trial not in known
        ]

    def _take(self, proposed: Config, *, recording: bool) -> None:
        number = len(self._asks)
        config = self._spec.configuration(proposed)
        first, only = self._first_seed(number), number in self._searcher.seeds
        seeds = range(first, first + (1 if only else self._spec.search.seeds))
        trials = [trial_id(config, seed) for seed in seeds]
        self._asks.append(Ask(config, trials))
        reason = self._wanted.refusal(config)
        if reason:
            self._refuse(number, reason, recording)
            return
        known = [t for t in trials if t in self._ask_of]
        if known:
            self._repeat(number, recording)
            return
        self._idle = 0
        self._accepted += number not in self._searcher.implied
        self._asks[number].accepted = True
        warned = cautions(config, self._facts)
        for trial, seed in zip(trials, seeds, strict=True):
            self._ask_of[trial] = number
            if warned:
                self.cautions[trial] = warned
            proposal = Proposal(trial, config, seed, number)
            self._queue.append(proposal)
            if recording:
                self._record("proposed", **said(proposal, self._believed), warnings=warned)

    def _first_seed(self, number: int) -> int:
        return self._searcher.seeds.get(number, self._spec.search.seed)

    def _refuse(self, number: int, reason: str, recording: bool) -> None:
        ask = self._asks[number]
        self._idle += 1
        known = ask.trials[0] in self._ask_of
        self._ask_of.setdefault(ask.trials[0], number)
        self.refused += 0 if known else 1
        self._searcher.tell(number, None, refused=True)
        if recording:
            proposal = Proposal(ask.trials[0], ask.config, self._first_seed(number), number)
            self._record("refused", **said(proposal, self._believed), reason=reason)

    def _repeat(self, number: int, recording: bool) -> None:
        """The same configuration again: answered from the store, or with the answer to come."""
        ask = self._asks[number]
        self._idle += 1
        earlier = self._asks[self._ask_of[ask.trials[0]]]
        if earlier.told:
            self._tell(number, earlier.answer)
        else:
            earlier.repeats.append(number)
        if recording:
            proposal = Proposal(ask.trials[0], ask.config, self._first_seed(number), number)
            self._record("repeated", **said(proposal, self._believed))

    def _end(self, trial: str, points: list[list[float]] | None) -> None:
        if trial in self.closed:
            return
        self.closed.add(trial)
        number = self._ask_of[trial]
        ask = self._asks[number]
        ask.points[trial] = points
        if not self._is_repeat(trial):
            self.decisions.ended(self._number(trial), points)
        if ask.complete and not ask.told:
            ask.told = True
            for told in (number, *ask.repeats):
                self._tell(told, ask.answer, stopped=ask.stopped)

    def _tell(self, number: int, points: list[list[float]], *, stopped: bool = False) -> None:
        if stopped and not points:
            return self._searcher.stopped(number)
        self._searcher.tell(number, points[-1] if points else None, points=points)

    def _points(self, rows: Sequence[Row]) -> list[list[float]] | None:
        """Signed validation values of each point; None where the deepest one lacks any.

        A prefix that diverged keeps its place, as infinitely bad.
        """
        points = signed(rows, self._objectives)
        return points if points and np.isfinite(points[-1]).all() else None
