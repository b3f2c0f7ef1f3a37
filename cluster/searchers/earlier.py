"""What earlier sweeps found, as a searcher that starts warm is given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.space import Config


@dataclass(frozen=True)
class Earlier:
    """A configuration that was finished before, means over its seeds.

    Attributes:
        config: complete.
        points: by ascending depth, values as a searcher is told them: objectives, minimised, then
            metrics with a limit.
        rates: of the same points, nominal rates by their columns, bits/s.
    """

    config: Config
    points: Sequence[Sequence[float]]
    rates: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class EarlierSweep:
    """A sweep that one starts from.

    Attributes:
        sweep: its folder.
        same_motion: whether data and split are those of the new one.
        trials: what it found.
    """

    sweep: str
    same_motion: bool
    trials: tuple[Earlier, ...]
