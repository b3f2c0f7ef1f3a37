"""Jerk of synthesised motion against the number of codes: the paper's Figure 3, and its knee.

A cell is what a generator was conditioned on. Values are means over samples and seeds within a
recording; intervals come from resampled recordings, the same ones for every cell and for the
original, so that what is compared is paired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import FAILED, HELD, OPEN
from analysis.labels import unit_label
from analysis.published import published
from analysis.study.cells import HELD_OUT

RESAMPLES = 4_000
SEED = 20_263
TOLERANCE = 0.05
"""Share of the original's jerk within which a difference is none: a cell has reached it where the
interval of its difference meets these limits. Without any, samples would be told from the original
by nothing but the number of recordings."""

LEAST_RECORDINGS = 5
"""With fewer, an interval from resampled recordings says nothing."""

LEAST_SEEDS = 3
"""With fewer trainings of a cell, what two trainings differ by is not known."""

_JERK = re.compile(r"jerk_(?!error|original|decoded)\w+")
LEAST_GAIN = 0.05
"""Share of the spread that two lines must explain beyond one for a curve to have a knee at all."""

STEP = 0.05
"""Of the break of the two lines, in octaves of the number of codes."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % percentile bootstrap interval over recordings."""

    mean: float
    low: float
    high: float

    def meets(self, limit: float) -> bool:
        """Whether the interval meets that from -limit to limit."""
        return self.low <= limit and self.high >= -limit


@dataclass(frozen=True)
class Conditioned:
    """One cell: what generators were conditioned on, and what they made of it.

    Attributes:
        codec: family of the codec.
        codes, depth: codes of a level, and levels.
        bits: per frame and stream.
        rate: nominal bits per second of all streams.
        other: settings in which generators of one codec differ, in words; "" where in none.
        seeds: trained.
        jerk: of the samples.
        excess: jerk of the samples less the original's, paired by recording.
        between_seeds: standard error of the jerk over trainings, which the intervals over
            recordings do not hold; NaN with one.
        decoded: jerk of what the tokens decode to.
        to_original, to_decoded: RMSE of a sample, in the data's unit of lengths.
        reached: whether the interval of `excess` meets `TOLERANCE` about 0.
    """

    codec: str
    codes: int
    depth: int
    bits: float
    rate: float
    other: str
    seeds: int
    jerk: Interval
    excess: Interval
    between_seeds: float
    decoded: float
    to_original: float
    to_decoded: float
    reached: bool

    @property
    def label(self) -> str:
        """As the paper writes it."""
        name = f"k={self.codes}" if self.codec == "kmeans" else f"D={self.codes}, Q={self.depth}"
        return f"{name}, {self.other}" if self.other else name


class Synthesis:
    """What a sweep says of its generators.

    Attributes:
        recordings: held-out recordings, each once, in order.
        metric: name of the jerk (its unit is that of the data).
        reference: jerk of the original.
    """

    def __init__(self, points: pd.DataFrame, clips: pd.DataFrame) -> None:
        """Takes rows as in `points.csv` and `clips.parquet`."""
        whole = points[points["conditioning"].notna()] if "conditioning" in points else points[:0]
        self._points = whole
        mine = clips[clips["split"].isin(HELD_OUT) & clips["point"].isin(set(whole["point"]))]
        named = mine.assign(name=mine["split"] + "/" + mine["recording"].astype(str))
        self._clips = named
        self.recordings = sorted(set(named["name"]))
        names = [str(m) for m in named["metric"].unique()]
        self.metric = next((m for m in names if _JERK.fullmatch(m)), "")
        self._named = {n: next((m for m in names if m.startswith(f"{n}_")), "") for n in _BESIDE}
        self._seed = dict(zip(whole["point"], whole["seed"], strict=True))
        self._hash = dict(zip(whole["point"], whole["config_hash"], strict=True))

    def __bool__(self) -> bool:
        return bool(self.metric and self.recordings)

    @cached_property
    def draws(self) -> np.ndarray:
        """(resamples, recordings) numbers of recordings drawn, the same for every cell."""
        rng = np.random.default_rng(SEED)
        count = len(self.recordings)
        return rng.integers(count, size=(RESAMPLES, count))

    @cached_property
    def reference(self) -> Interval:
        """Jerk of the original."""
        return self._interval(self._original)

    @cached_property
    def cells(self) -> tuple[Conditioned, ...]:
        """By codec and rising bits."""
        first = self._points.drop_duplicates("config_hash")
        others = _differences(first)
        found = [self._cell(row, others) for row in first.to_dict("records")]
        return tuple(sorted(found, key=lambda c: (c.codec, c.bits, c.depth, c.other)))

    def curve(self, codec: str) -> list[Conditioned]:
        """Cells of one codec; those that differ in other settings stand beside each other."""
        return [c for c in self.cells if c.codec == codec]

    @property
    def codecs(self) -> list[str]:
        """Codecs that generators were conditioned on."""
        return list(dict.fromkeys(c.codec for c in self.cells))

    @cached_property
    def _samples(self) -> pd.Series:
        """Means over samples, by configuration, metric, recording and seed."""
        rows = self._clips.assign(
            config=self._clips["point"].map(self._hash), seed=self._clips["point"].map(self._seed)
        )
        return rows.groupby(["config", "metric", "name", "seed"])["value"].mean()

    @cached_property
    def _values(self) -> dict[tuple[str, str], np.ndarray]:
        """(configuration, metric) -> (recordings,), means over samples and then seeds."""
        each = self._samples.groupby(level=["config", "metric", "name"]).mean()
        table = each.unstack("name").reindex(columns=self.recordings)
        return dict(zip(table.index.tolist(), table.to_numpy(float), strict=True))

    @cached_property
    def _between_seeds(self) -> dict[tuple[str, str], float]:
        """(configuration, metric) -> standard error over seeds of the mean over recordings."""
        means = self._samples.groupby(level=["config", "metric", "seed"]).mean()
        errors = means.groupby(level=["config", "metric"]).sem()
        return dict(zip(errors.index.tolist(), errors.to_numpy(float), strict=True))

    def _of(self, config: str, metric: str) -> np.ndarray:
        return self._values.get((config, metric), np.full(len(self.recordings), math.nan))

    @cached_property
    def _original(self) -> np.ndarray:
        return np.nanmean(
            [self._of(h, self._named["jerk_original"]) for h in set(self._hash.values())], axis=0
        )

    def means(self, codec: str) -> np.ndarray:
        """(resamples, cells of a codec) mean jerk over drawn recordings; the first draw is all."""
        found = [self._of(str(h), self.metric) for h in self._hashes(codec)]
        together = np.stack(found, axis=1)
        return np.concatenate([together.mean(0)[None], together[self.draws].mean(axis=1)])

    def _hashes(self, codec: str) -> list[str]:
        by = {(c.codec, c.codes, c.depth, c.other): h for h, c in self._by_hash.items()}
        return [by[c.codec, c.codes, c.depth, c.other] for c in self.curve(codec)]

    @cached_property
    def _by_hash(self) -> dict[str, Conditioned]:
        first = self._points.drop_duplicates("config_hash")
        others = _differences(first)
        return {str(r["config_hash"]): self._cell(r, others) for r in first.to_dict("records")}

    def _interval(self, values: np.ndarray) -> Interval:
        means = np.nanmean(values[self.draws], axis=1)
        low, high = np.nanquantile(means, (0.025, 0.975))
        return Interval(float(np.nanmean(values)), float(low), float(high))

    def _cell(self, row: Mapping[Hashable, Any], others: Mapping[str, str]) -> Conditioned:
        config = str(row["config_hash"])
        jerk = self._of(config, self.metric)
        codes, depth = int(row["codebook_size"]), int(row["levels"])
        excess = self._interval(jerk - self._original)
        beside = {n: float(np.nanmean(self._of(config, m))) for n, m in self._named.items()}
        return Conditioned(
            codec=str(row["conditioning"]),
            codes=codes,
            depth=depth,
            bits=round(depth * math.log2(codes), 9),
            rate=float(row["rate_nominal_bps"]),
            other=others.get(config, ""),
            seeds=int((self._points["config_hash"] == config).sum()),
            jerk=self._interval(jerk),
            excess=excess,
            between_seeds=self._between_seeds.get((config, self.metric), math.nan),
            decoded=beside["jerk_decoded"],
            to_original=beside["to_original"],
            to_decoded=beside["to_decoded"],
            reached=excess.meets(TOLERANCE * self.reference.mean),
        )


_BESIDE = ("jerk_original", "jerk_decoded", "to_original", "to_decoded")


def _differences(rows: pd.DataFrame) -> dict[str, str]:
    """Configuration -> its own settings of the generator that are not the same in all of them."""
    mine = [c for c in rows.columns if str(c).startswith("flow.") and rows[c].nunique() > 1]
    return {
        str(r["config_hash"]): ", ".join(f"{c.partition('.')[2]} {r[c]:g}" for c in mine)
        for r in rows.to_dict("records")
    }


@dataclass(frozen=True)
class Knee:
    """Where jerk stops changing with the number of codes, in codes.

    Attributes:
        at: break of two lines that meet, fitted to mean jerk over log2 k by least squares.
        low, high: 95 % percentile interval of it over resampled recordings.
        explained: share of the spread of the means that the two lines account for.
        gained: the same share less that of one line; below `LEAST_GAIN` the curve is a line, and
            the break means nothing.
    """

    at: float
    low: float
    high: float
    explained: float
    gained: float

    @property
    def there(self) -> bool:
        """Whether the curve has a knee."""
        return self.gained >= LEAST_GAIN


def knee(synthesis: Synthesis, codec: str = "kmeans") -> Knee | None:
    """The knee of a codec's curve; None with fewer than five sizes of one setting."""
    curve = synthesis.curve(codec)
    octaves = np.array([c.bits for c in curve])
    if len(set(octaves)) < 5 or len(set(octaves)) < len(octaves):
        return None
    means = synthesis.means(codec)
    breaks = np.arange(octaves[1], octaves[-2] + STEP / 2, STEP)
    left = np.array([_residual(octaves, means, b) for b in breaks])  # (breaks, resamples)
    best = breaks[left.argmin(axis=0)]
    low, high = np.quantile(best[1:], (0.025, 0.975))
    spread = float(((means[0] - means[0].mean()) ** 2).sum())
    line = np.stack([np.ones_like(octaves), octaves], axis=1)
    single = float(_sum_of_squares(line, means[:1])[0])
    explained = 1 - float(left[:, 0].min()) / spread if spread else 0.0
    gained = explained - (1 - single / spread if spread else 0.0)
    return Knee(2 ** float(best[0]), 2 ** float(low), 2 ** float(high), explained, gained)


def _residual(octaves: np.ndarray, means: np.ndarray, at: float) -> np.ndarray:
    bent = np.stack([np.ones_like(octaves), octaves, np.maximum(octaves - at, 0)], axis=1)
    return _sum_of_squares(bent, means)


def _sum_of_squares(design: np.ndarray, means: np.ndarray) -> np.ndarray:
    """What a least-squares fit to each row of means leaves."""
    hat = design @ np.linalg.pinv(design)
    return np.asarray(((means - means @ hat.T) ** 2).sum(axis=1))


def reached_from(synthesis: Synthesis, codec: str = "kmeans") -> int | None:
    """The smallest number of codes from which on every cell reaches the original's jerk."""
    found = None
    for cell in reversed(synthesis.curve(codec)):
        if not cell.reached:
            break
        found = cell.codes**cell.depth
    return found


def judge(synthesis: Synthesis, size: str) -> dict[str, tuple[str, str]]:
    """K7 and K8: verdict and why."""
    reference = synthesis.reference
    unit = unit_label(synthesis.metric)
    k7 = (
        f"the paper gives {_claim('K7'):g} [{_claim('K7', 'low'):g}, {_claim('K7', 'high'):g}] "
        "without unit or rate, and its recordings are not published; here it is "
        f"{reference.mean:.4g} [{reference.low:.4g}, {reference.high:.4g}] {unit}"
    )
    return {"K7": (OPEN, k7), "K8": _k8(synthesis, size)}


def _k8(synthesis: Synthesis, size: str) -> tuple[str, str]:
    limit = int(_claim("K8"))
    curve = synthesis.curve("kmeans")
    below = [c for c in curve if c.codes < limit]
    above = [c for c in curve if c.codes >= limit]
    if size == "debug":
        return OPEN, "generators of debug size are trained for seconds"
    if not below or not any(c.codes == limit for c in above):
        return OPEN, f"needs K-Means cells below {limit} clusters and at {limit}"
    if len(synthesis.recordings) < LEAST_RECORDINGS:
        return OPEN, f"{len(synthesis.recordings)} held-out recordings are too few"
    if not any(c.reached for c in curve):
        return OPEN, (
            f"no size of K-Means reaches the original's jerk ({_nearest(curve)}), so whether "
            "tokens or the generator fall short cannot be told: train generators for longer"
        )
    fewest = min(c.seeds for c in curve)
    if fewest < LEAST_SEEDS:
        return OPEN, (
            f"only {fewest} training{'s' if fewest != 1 else ''} of a size, and two trainings may "
            f"differ by more than sizes do: repeat with --seeds {LEAST_SEEDS}"
        )
    early = [c.label for c in below if c.reached]
    late = [c.label for c in above if not c.reached]
    said = "; ".join(
        f"{c.label}: {c.excess.mean:+.3g} [{c.excess.low:+.3g}, {c.excess.high:+.3g}]"
        for c in curve
    )
    why = f"jerk less the original's ({synthesis.reference.mean:.3g}): {said}"
    if early:
        why += f"; already reached at {', '.join(early)}"
    if late:
        why += f"; not reached at {', '.join(late)}"
    return (FAILED if early or late else HELD), why


def _nearest(curve: list[Conditioned]) -> str:
    """The cell that comes nearest, in words."""
    best = min(curve, key=lambda c: abs(c.excess.mean))
    low, high = best.excess.low, best.excess.high
    return f"{best.label} comes nearest, {best.excess.mean:+.3g} [{low:+.3g}, {high:+.3g}]"


def _claim(claim: str, column: str = "value") -> float:
    table = published("claims")
    row = table[(table["paper"] == "klezovich") & (table["id"] == claim)].iloc[0]
    return float(row[column])
