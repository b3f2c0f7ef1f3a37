"""What every searcher promises, as tests: a searcher's own test subclasses `SearcherContract`.

    class TestMySearcher(SearcherContract):
        def make(self, space, seed):
            return MySearcher(space, seed=seed)

Run by pytest. Objectives are two, minimised: an invented rate and an invented distortion.
"""

# ruff: noqa: D102 - the names of the tests say what is promised
from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from cluster.searchers.searcher import Searcher
from search_spaces.space import Config, Parameter, Space, Value, canonical

CODECS = ("kmeans", "rqvae", "temporal_rvq")


def _parameters(*said: Mapping[str, object]) -> tuple[Parameter, ...]:
    return tuple(Parameter.model_validate(each) for each in said)


def conditional_space(*, finite: bool) -> Space:
    """A codec with parameters of its own, ordered, unordered and (unless `finite`) continuous."""
    networks = {"codec": ["rqvae", "temporal_rvq"]}
    said: list[Mapping[str, object]] = [
        {"name": "codec", "choices": CODECS},
        {"name": "codebook_size", "when": {"codec": "kmeans"}, "choices": [8, 64, 512]},
        {"name": "codebook_size", "when": networks, "choices": [8, 16, 32]},
        {"name": "quantizer_depth", "when": networks, "low": 1, "high": 3, "integer": True},
        {"name": "compression", "when": {"codec": "temporal_rvq"}, "choices": [1, 4]},
    ]
    if not finite:
        rate = {"name": "learning_rate", "when": networks, "low": 1e-4, "high": 1e-2, "log": True}
        said.append(rate)
    return Space(parameters=_parameters(*said))


def invented_values(config: Mapping[str, Value]) -> list[float]:
    """A rate and a distortion that follow from a configuration."""
    levels = float(config.get("quantizer_depth", 1)) / float(config.get("compression", 1))
    rate = 30 * math.log2(float(config["codebook_size"])) * levels
    miss = abs(math.log10(float(config.get("learning_rate", 1e-3))) + 3)
    return [rate, (1 + miss) * 10 / (1 + rate / 100)]


class SearcherContract:
    """Checks that every searcher passes. Subclass it and override `make`."""

    finite: ClassVar[bool] = False
    """True for a searcher that lists a finite space and then ends."""
    ends: ClassVar[bool] = False
    """True for a searcher that never repeats a proposal, so that a finite space ends."""
    asks: ClassVar[int] = 15
    """Proposals of most checks."""
    many: ClassVar[int] = 30
    """Proposals of a check that needs many; the finite space has 30 points."""

    def make(self, space: Space, seed: int) -> Searcher:
        """A new searcher over a space, of two objectives."""
        raise NotImplementedError

    def space(self) -> Space:
        """The space of the checks."""
        return conditional_space(finite=self.finite)

    def play(self, searcher: Searcher, history: Sequence[str]) -> list[Config]:
        """Asks and tells as `history` says, and gives the proposals.

        Each entry is `ask`, `ask refused`, `tell N` (with values), or `fail N`, N an ask's number.
        """
        proposals: list[Config] = []
        for step in history:
            if step.startswith("ask"):
                proposed = searcher.ask()
                assert proposed is not None
                proposals.append(copy.deepcopy(proposed))
                if step == "ask refused":
                    searcher.tell(len(proposals) - 1, None, refused=True)
                continue
            what, number = step.split()
            values = invented_values(proposals[int(number)]) if what == "tell" else None
            searcher.tell(int(number), values)
        return proposals

    def sequential(self) -> list[str]:
        """One trial at a time; some refused, some failed."""
        history = []
        for number in range(self.asks):
            if number % 6 == 4:
                history.append("ask refused")
            else:
                history += ["ask", f"{'fail' if number % 5 == 3 else 'tell'} {number}"]
        return history

    def interleaved(self) -> list[str]:
        """Three trials at a time, the last of which ends first."""
        history: list[str] = []
        for first in range(0, self.asks, 3):
            numbers = range(first, min(first + 3, self.asks))
            history += ["ask" for _ in numbers]
            history += [f"{'fail' if n % 7 == 5 else 'tell'} {n}" for n in reversed(numbers)]
        return history

    # What a proposal is.

    def test_proposals_lie_in_the_space(self) -> None:
        space = self.space()
        for config in self.play(self.make(space, 0), self.sequential()):
            active = {p.name: p for p in space.active(config)}
            assert set(config) == set(active)
            assert all(active[name].contains(value) for name, value in config.items())

    def test_every_codec_is_proposed(self) -> None:
        for seed in range(4):
            searcher, seen = self.make(self.space(), seed), set()
            for number in range(self.many if self.finite else 5):
                config = searcher.ask()
                assert config is not None
                seen.add(config["codec"])
                searcher.tell(number, invented_values(config))
            assert seen == set(CODECS)

    def test_a_refused_codec_is_proposed_again(self) -> None:
        searcher, accepted = self.make(self.space(), 0), set()
        for number in range(self.many):
            config = searcher.ask()
            assert config is not None
            large = config["codec"] == "kmeans" and int(config["codebook_size"]) > 8
            if large:
                searcher.tell(number, None, refused=True)
            else:
                accepted.add(config["codec"])
                searcher.tell(number, invented_values(config))
        assert accepted == set(CODECS)

    def test_a_codec_that_is_always_refused_does_not_stand_in_the_way(self) -> None:
        searcher, accepted = self.make(self.space(), 0), 0
        for number in range(self.many):
            config = searcher.ask()
            assert config is not None
            refused = config["codec"] == "kmeans"
            searcher.tell(number, None if refused else invented_values(config), refused=refused)
            accepted += not refused
        assert accepted >= self.many / 5

    # What it follows from.

    def test_the_same_history_gives_the_same_proposals(self) -> None:
        for history in (self.sequential(), self.interleaved()):
            first = self.play(self.make(self.space(), 3), history)
            assert self.play(self.make(self.space(), 3), history) == first

    def test_a_replayed_history_goes_on_alike(self) -> None:
        for history in (self.sequential(), self.interleaved()):
            asks = [i for i, step in enumerate(history) if step.startswith("ask")]
            whole = self.play(self.make(self.space(), 1), history)
            cut = asks[self.asks // 2]
            searcher = self.make(self.space(), 1)
            assert self.play(searcher, history[:cut]) == whole[: self.asks // 2]
            assert searcher.ask() == whole[self.asks // 2]

    def test_global_randomness_is_neither_used_nor_touched(self) -> None:
        np.random.seed(1)
        first = self.play(self.make(self.space(), 2), self.sequential())
        np.random.seed(2)
        before = np.random.get_state(legacy=False)["state"]["key"].copy()
        assert self.play(self.make(self.space(), 2), self.sequential()) == first
        assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before)

    def test_another_seed_gives_other_proposals(self) -> None:
        proposals = {
            str([canonical(c) for c in self.play(self.make(self.space(), s), self.sequential())])
            for s in range(3)
        }
        assert len(proposals) == (1 if self.finite else 3)

    def test_what_was_told_is_not_changed(self) -> None:
        searcher = self.make(self.space(), 0)
        config = searcher.ask()
        assert config is not None
        values = invented_values(config)
        kept = list(values)
        searcher.tell(0, values)
        searcher.ask()
        assert values == kept

    # What is no result.

    def test_nothing_finite_is_no_result(self) -> None:
        nothing: tuple[list[float] | None, ...] = (None, [math.nan, 1.0], [1.0, math.inf])
        answers = []
        for values in nothing:
            searcher = self.make(self.space(), 0)
            for number in range(9):
                searcher.ask()
                searcher.tell(number, values)
            answers.append([searcher.ask() for _ in range(3)])
        assert answers[0] == answers[1] == answers[2], "a number that is none was learnt from"

    # How it ends.

    def test_a_finite_space_is_listed_once_or_searched_on(self) -> None:
        space = conditional_space(finite=True)
        searcher, seen = self.make(space, 0), []
        grid = {canonical(c) for c in space.grid()}
        for number in range(len(grid)):
            config = searcher.ask()
            assert config is not None
            seen.append(canonical(config))
            searcher.tell(number, invented_values(config))
        assert set(seen) <= grid
        assert (searcher.ask() is None) == (self.finite or self.ends)
        if self.finite or self.ends:
            assert len(seen) == len(set(seen)) == len(grid)
