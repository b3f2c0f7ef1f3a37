"""Who holds the front where, and what beats the rest: the report's sentences.

A dominated point is set beside one point of the front: of those that dominate it, the one of lowest
distortion, which is what the same bits would have bought.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.fronts import nondominated, objective_values
from analysis.labels import codec_label, listed, point_label, quantity
from search_spaces.families import generators
from search_spaces.objectives import Objective, objectives


@dataclass(frozen=True)
class Standing:
    """Where one codec stands.

    Attributes:
        codec: its name.
        points: finite operating points that it has.
        on_front: how many of them are on the front.
        front_size: points of the front over all codecs.
        spans: unbroken stretches of the front that it holds, as (lowest, highest) rate.
        dominated_by: codec -> how many of its points a point of that codec dominates.
        sentences: the same in words.
    """

    codec: str
    points: int
    on_front: int
    front_size: int
    spans: tuple[tuple[float, float], ...]
    dominated_by: dict[str, int]
    sentences: tuple[str, ...]


def dominators(
    frame: pd.DataFrame, names: Sequence[str | Objective], split: str = "val"
) -> list[Standing]:
    """For each codec, where on the front it is, and what dominates it where it is not.

    Args:
        frame: rows as in `points.csv` (or their `seed_means`).
        names: a rate, then a distortion.
        split: which measurements to judge by.

    Returns:
        One `Standing` per codec of the frame, those with the most of the front first. Where
        generators of motion are compared, the codecs that they only draw on are left out.
    """
    pair = objectives([n.name if isinstance(n, Objective) else n for n in names])
    values = objective_values(frame, pair, split)
    finite = np.isfinite(values).all(axis=1)
    rows, values = frame[finite], values[finite]
    mask = nondominated(values)
    order = [i for i in np.lexsort((values[:, 1], values[:, 0])) if mask[i]]
    codecs = rows["codec"].astype(str).tolist()
    words = _Words(rows, values, pair, codecs)
    places: dict[str, list[int]] = defaultdict(list)
    for i, codec in enumerate(codecs):
        places[codec].append(i)
    found = []
    generate = {g.name for g in generators()}
    of_generators = bool(places) and places.keys() <= generate
    for codec in frame["codec"].astype(str).drop_duplicates():
        if of_generators and codec not in generate:
            continue
        own = places[codec]
        beaten = _beaters(values, order, [i for i in own if not mask[i]])
        by = Counter(codecs[j] for j in beaten.values())
        held = [i for i in order if codecs[i] == codec]
        spans = _spans([(codecs[i], values[i, 0]) for i in order], codec)
        sentences = words.of(codec, held, spans, beaten, by, len(order))
        found.append(Standing(codec, len(own), len(held), len(order), spans, dict(by), sentences))
    return sorted(found, key=lambda s: (-s.on_front, s.codec))


def _beaters(values: np.ndarray, order: list[int], beaten: list[int]) -> dict[int, int]:
    """Of the points of the front that dominate each of these, the one of lowest distortion.

    Along the front distortion falls as the rate rises, so that is the last one at or under a
    point's rate; of equal ones, the first.
    """
    front = values[order]
    last = np.searchsorted(front[:, 0], values[beaten, 0], side="right") - 1
    first = np.searchsorted(-front[:, 1], -front[last, 1], side="left")
    return {i: order[int(k)] for i, k in zip(beaten, first, strict=True)}


def _spans(front: list[tuple[str, float]], codec: str) -> tuple[tuple[float, float], ...]:
    spans: list[list[float]] = []
    before = None
    for holder, rate in front:
        if holder == codec and before == codec:
            spans[-1][1] = rate
        elif holder == codec:
            spans.append([rate, rate])
        before = holder
    return tuple((low, high) for low, high in spans)


@dataclass(frozen=True)
class _Words:
    rows: pd.DataFrame
    values: np.ndarray
    pair: tuple[Objective, ...]
    codecs: list[str]

    def of(
        self,
        codec: str,
        held: list[int],
        spans: tuple[tuple[float, float], ...],
        beaten: dict[int, int],
        by: Counter[str],
        size: int,
    ) -> tuple[str, ...]:
        name = codec_label(codec)
        if not held and not beaten:
            return (f"{name} has no finite operating point to judge.",)
        if not held:
            count = "its only point is" if len(beaten) == 1 else f"all {len(beaten)} points are"
            first = f"{name} is nowhere on the front: {count} dominated"
            return (f"{first}{self._by(codec, by, beaten)}.",)
        ends = [self._quantity(i, 1) for i in (held[0], held[-1])]
        reach = ends[0] if ends[0] == ends[1] else f"{ends[0]} down to {ends[1]}"
        where = listed(_span(low, high, self.pair[0].name) for low, high in spans)
        points = "the one point" if size == 1 else f"{len(held)} of the {size} points"
        first = f"{name} holds {points} of the front, {where} ({reach})."
        if not beaten:
            return first, "None of its points is dominated."
        rest = "Its other point is" if len(beaten) == 1 else f"Its other {len(beaten)} points are"
        return first, f"{rest} dominated{self._by(codec, by, beaten)}."

    def _by(self, codec: str, by: Counter[str], beaten: dict[int, int]) -> str:
        phrases = []
        for other, count in by.most_common():
            who = f"{codec_label(other)} itself at other settings" if other == codec else None
            number = f"{count} " if len(by) > 1 else ""
            phrase = f"{number}by {who or codec_label(other)}"
            if other != codec:
                phrase += f" (for instance {self._instance(other, beaten)})"
            phrases.append(phrase)
        return f"{',' if len(by) > 1 else ''} {listed(phrases)}"

    def _instance(self, other: str, beaten: dict[int, int]) -> str:
        """The codec's best point among those that `other` dominates."""
        i = min((i for i, j in beaten.items() if self.codecs[j] == other), key=self._distortion)
        return f"{self._point(i)} by {self._point(beaten[i])}"

    def _distortion(self, i: int) -> float:
        return float(self.values[i, 1])

    def _point(self, i: int) -> str:
        label = point_label(self.rows.iloc[i].to_dict())
        return f"{label} at {self._quantity(i, 0)}, {self._quantity(i, 1)}"

    def _quantity(self, i: int, k: int) -> str:
        return quantity(float(self.values[i, k] * self.pair[k].sign), self.pair[k].name)


def _span(low: float, high: float, rate: str) -> str:
    if low == high:
        return f"at {quantity(low, rate)}"
    return f"from {quantity(low, rate).split(' ')[0]} to {quantity(high, rate)}"
