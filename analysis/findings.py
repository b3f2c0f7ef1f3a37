"""Everything the report says in words and counts, before it is drawn.

Reads frames and the log; writes nothing. Selection is on validation; test scores stand beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.fronts import (
    Hypervolume,
    front,
    full_pose_of,
    hypervolume,
    hypervolume_history,
    objective_values,
    signed_reference,
)
from analysis.labels import codec_label, objective_label, part_label, quantity
from analysis.limited import in_words, keeps, limits_of
from analysis.log import Log
from analysis.media import of_heatmaps
from analysis.points import Tables, front_objectives, point_rows
from analysis.rates import beside_nominal, few_tokens, is_baseline, is_trivial
from analysis.statistics import SAME_POINT, seed_means
from analysis.verdicts import Standing, dominators
from search_spaces.objectives import Objective
from search_spaces.rate import TOKENS_PER_CODE
from search_spaces.record import MEAN_POSE, NEAREST_FRAME, STATUSES, TRIVIAL_CODECS


@dataclass(frozen=True)
class Ending:
    """Trials that were refused, failed or stopped for the same reason."""

    status: str
    reason: str
    count: int
    codecs: tuple[str, ...]
    trials: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """Hypervolume as points came in.

    Attributes:
        value: float (steps,).
        trials: number of trials that had given points, (steps,).
        seconds: running time, (steps,).
    """

    value: np.ndarray
    trials: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True)
class Findings:
    """A sweep, judged."""

    log: Log
    tables: Tables

    @cached_property
    def means(self) -> pd.DataFrame:
        """Points averaged over seeds, numbered anew."""
        return seed_means(self.tables.points).reset_index(drop=True)

    @cached_property
    def counted(self) -> pd.DataFrame:
        """Those of `means` that keep every limit of the sweep, numbered as there."""
        return self.means[keeps(self.means, limits_of(self.log))]

    @cached_property
    def seeds(self) -> int:
        """Most seeds that any operating point has."""
        return int(self.means["seeds"].max()) if "seeds" in self.means.columns else 1

    @cached_property
    def counts(self) -> dict[str, int]:
        """Status to number of trials, each status present."""
        said = self.tables.trials["status"].value_counts()
        return {status: int(said.get(status, 0)) for status in STATUSES}

    @cached_property
    def codecs(self) -> list[str]:
        """Codecs that were tried, with points or without."""
        columns = [self.tables.points["codec"], self.tables.trials["codec"]]
        return sorted({str(c) for column in columns for c in column.dropna()})

    @cached_property
    def distortions(self) -> list[Objective]:
        """Distortions that have a front."""
        return front_objectives(self.log, self.tables.points)

    @cached_property
    def full_pose(self) -> str:
        """Full-pose RMSE, as the unit of the data names it."""
        return full_pose_of(self.means.columns)

    @cached_property
    def leading(self) -> str:
        """The distortion that comes first: full pose, else what was searched, else any.

        Generators are not scored against a frame of the original, so they have no full pose.
        """
        return self._first_of(self.means)

    @cached_property
    def judged_by(self) -> dict[str, str]:
        """Codec to the distortion by which its own points are ranked, `leading` if they have it."""
        codecs = self.means.groupby("codec") if len(self.means) else ()
        return {str(codec): self._first_of(own) for codec, own in codecs}

    def _first_of(self, points: pd.DataFrame) -> str:
        names = [o.name for o in self.distortions]
        searched = [o.name for o in self.log.objectives if o.name in names]
        order = dict.fromkeys([self.full_pose, *searched, *names])
        columns = {n: f"val_{n}" for n in order if f"val_{n}" in points.columns}
        return next((n for n, c in columns.items() if points[c].notna().any()), self.full_pose)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """Searched objectives that the points have."""
        columns = self.means.columns
        return tuple(o for o in self.log.objectives if o.column("val") in columns)

    def front_of(self, distortion: str, rate: Objective | None = None) -> pd.DataFrame:
        """Front of the rate and a distortion on validation, rows of `means`."""
        key = distortion, (rate or self.log.rate).name
        if key not in self._fronts:
            rows = front(self.counted, [rate or self.log.rate, distortion]).rows
            self._fronts[key] = beside_nominal(rows)
        return self._fronts[key]

    @cached_property
    def _fronts(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {}

    @cached_property
    def standings(self) -> dict[str, list[Standing]]:
        """Objective name to where each codec stands over the rate and it."""
        names = [o.name for o in self.distortions]
        return {n: dominators(self.counted, [self.log.rate, n]) for n in names if len(self.counted)}

    @cached_property
    def pointless(self) -> list[str]:
        """Codecs that were tried and gave no point, in words."""
        without = sorted(set(self.codecs) - set(self.tables.points["codec"].astype(str)))
        sentences = []
        for codec in without:
            ends = self.tables.trials[self.tables.trials["codec"] == codec]["status"].value_counts()
            said = ", ".join(f"{n} {status}" for status, n in ends.items())
            sentences.append(f"{codec_label(codec)} has no operating point: {said}.")
        return sentences

    @cached_property
    def hypervolume(self) -> Hypervolume | None:
        """Of all points that count, under the sweep's reference point, where there is one."""
        reference = self.reference
        if reference is None or self.means.empty:
            return None
        return hypervolume(objective_values(self.counted, self.objectives), reference)

    @cached_property
    def reference(self) -> np.ndarray | None:
        """The stored reference point, signed; None where the sweep has not stored it."""
        stored = self.log.sweep.get("reference_point") or {}
        if not self.objectives or any(o.name not in stored for o in self.objectives):
            return None
        return signed_reference(self.objectives, stored)

    @cached_property
    def box_share(self) -> float | None:
        """Hypervolume in % of the box from 0 to the reference point.

        None where an objective is maximised: it has no natural zero, so there is no such box.
        """
        if self.hypervolume is None or self.reference is None or (self.reference <= 0).any():
            return None
        return 100 * self.hypervolume.value / float(np.prod(self.reference))

    @cached_property
    def history(self) -> History | None:
        """Hypervolume after each configuration's last seed came in."""
        if self.reference is None or self.means.empty:
            return None
        arrived = {p: (i, s) for i, (p, (_, s)) in enumerate(point_rows(self.log).items())}
        points = self.tables.points
        keys = [k for k in SAME_POINT if k in points.columns]
        place = points["point"].map(lambda p: arrived[p][0])
        last = place.groupby([points[k] for k in keys], dropna=False).max()
        order_of = last.reindex(pd.MultiIndex.from_frame(self.means[keys])).to_numpy()
        order = np.argsort(order_of, kind="stable")
        values = objective_values(self.means, self.objectives)
        values[~self.means.index.isin(self.counted.index)] = np.nan
        values = values[order]
        seconds = np.array([s for _, s in arrived.values()])
        trials = points["trial"].iloc[np.argsort(place.to_numpy())]
        sofar = (~trials.duplicated()).cumsum().to_numpy()
        steps = order_of[order].astype(int)
        return History(hypervolume_history(values, self.reference), sofar[steps], seconds[steps])

    @cached_property
    def endings(self) -> list[Ending]:
        """Refusals, failures and stops by reason; numbers in a reason do not tell them apart."""
        groups: dict[tuple[str, str], list[dict]] = {}
        for row in self.tables.trials.to_dict("records"):
            if row["status"] != "done":
                reason = str(row["reason"]).replace(str(row["trial"]), "#")
                key = str(row["status"]), _alike(reason)
                groups.setdefault(key, []).append(row)
        found = [
            Ending(
                status,
                str(rows[0]["reason"]) or "no reason given",
                len(rows),
                tuple(sorted({codec_label(str(r["codec"])) for r in rows if r["codec"]})),
                tuple(str(r["trial"]) for r in rows),
            )
            for (status, _), rows in groups.items()
        ]
        return sorted(found, key=lambda e: (-STATUSES.index(e.status), -e.count))

    @cached_property
    def bounds(self) -> list[dict[str, Any]]:
        """Rows of the two bounds, each with its nominal rate."""
        facts, rows = self.log.facts, []
        for row in (dict(r) for r in self.log.bounds if not (is_baseline(r) or is_trivial(r))):
            if row.get("rate_nominal_bps") is None and facts is not None:
                bits = math.log2(facts.train.frames) if row.get("codec") == NEAREST_FRAME else 0.0
                row["rate_nominal_bps"] = bits * facts.fps * len(facts.parts)
            rows.append(row)
        return rows

    @cached_property
    def baselines(self) -> list[dict[str, Any]]:
        """Rows of plainly quantised floats under a general compressor, by falling stream rate."""
        rows = [dict(r) for r in self.log.bounds if is_baseline(r)]
        return sorted(rows, key=lambda r: -float(r.get("test_rate_stream_bps") or 0.0))

    @cached_property
    def trivial(self) -> dict[str, list[dict[str, Any]]]:
        """Trivial codec to its operating points, by rising stream rate."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in TRIVIAL_CODECS}
        for row in self.log.bounds:
            if is_trivial(row):
                found[str(row["codec"])].append(dict(row))
        for rows in found.values():
            rows.sort(key=lambda r: float(r.get("test_rate_stream_bps") or 0.0))
        return {name: rows for name, rows in found.items() if rows}

    @cached_property
    def warnings(self) -> list[str]:
        """All that a reader must know before believing a number."""
        facts = self.log.facts
        found = list(facts.warnings) if facts else []
        found += map(str, self.log.sweep.get("warnings", ()))
        for part in facts.dropped_parts if facts else ():
            if not any(part.reason in said for said in found):
                found.append(f"{part_label(part.name).capitalize()} is not coded: {part.reason}.")
        gone = [o.name for o in self.log.objectives if o not in self.objectives]
        if gone and len(self.means):
            found.append(f"No point has the objective {', '.join(gone)}; it was left out.")
        found += (
            self._beyond_limits()
            + self._worse_than_mean_pose()
            + self._cautions()
            + self._few_tokens()
            + self._left_out()
        )
        if self.log.unfinished:
            found.append(f"{len(self.log.unfinished)} trials have no end yet: resume the sweep.")
        if self.log.torn:
            found.append(
                f"{self.log.torn} line of the log was cut short by a crash and is left out."
            )
        return list(dict.fromkeys(found))

    def _beyond_limits(self) -> list[str]:
        broke = len(self.means) - len(self.counted)
        if not broke:
            return []
        said = in_words(limits_of(self.log))
        return [
            f"{broke} of {_points(len(self.means))} {'breaks' if broke == 1 else 'break'} the "
            f"declared {said} on validation: shown, but counted in no front, hypervolume or answer."
        ]

    def _worse_than_mean_pose(self) -> list[str]:
        column = f"val_{self.full_pose}"
        mean = next((b.get(column) for b in self.bounds if b.get("codec") == MEAN_POSE), None)
        if mean is None or column not in self.means.columns:
            return []
        worse = self.means[self.means[column].astype(float) > float(mean)]
        if worse.empty:
            return []
        held = len(worse.index.intersection(self.front_of(self.full_pose).index))
        return [
            f"{_points(len(worse))} ({held} of the front) {_are(len(worse))} worse than the mean "
            f"pose, which costs 0 bits: {quantity(float(mean), self.full_pose)} on validation."
        ]

    def _cautions(self) -> list[str]:
        """What the search space warned of when it proposed a trial, alike ones together."""
        groups: dict[str, list[str]] = {}
        for event in self.log.of("proposed"):
            for said in event.get("warnings") or ():
                groups.setdefault(_alike(said), []).append(str(said))
        return [
            f"{texts[0]}, and alike in {_more(len(texts) - 1)}" if len(texts) > 1 else texts[0]
            for texts in groups.values()
        ]

    def _few_tokens(self) -> list[str]:
        found = []
        for split, word in (("val", "validation"), ("test", "test")):
            few = int(few_tokens(self.means, self.log.facts, split).sum())
            if few:
                found.append(
                    f"Fewer than {TOKENS_PER_CODE} {word} tokens per code in {_points(few)}: the "
                    f"empirical entropy reads too low there; read the {self._sure_rate} rate."
                )
        return found

    @property
    def _sure_rate(self) -> str:
        return "nominal" if of_heatmaps(self.log) else "model or stream"

    def _left_out(self) -> list[str]:
        found = []
        if self.hypervolume and self.hypervolume.dropped:
            found.append(f"Not finite in an objective: {_points(self.hypervolume.dropped)}.")
        if self.hypervolume and self.hypervolume.clipped:
            found.append(
                f"At or beyond the reference point, so without hypervolume: "
                f"{_points(self.hypervolume.clipped)}."
            )
        columns = [o.column("val") for o in self.distortions]
        for column in columns if len(self.means) else []:
            lost = int((~np.isfinite(self.means[column].astype(float))).sum())
            if lost:
                found.append(f"{objective_label(column)} is not finite in {_points(lost)}.")
        return found


def _alike(text: str) -> str:
    """A text without its numbers and identities, by which alike reasons are put together."""
    return re.sub(r"\b(0x)?(?=[a-f]*\d)[0-9a-f]{8,}\b|\d[\d.,e+-]*", "#", text)


def _more(count: int) -> str:
    return "1 more trial" if count == 1 else f"{count} more trials"


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count} points"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def varied(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Those columns that take more than one value."""
    return [c for c in columns if c in frame.columns and frame[c].nunique(dropna=True) > 1]


def leading_front(findings: Findings) -> pd.DataFrame:
    """Front over the rate and the leading distortion; empty where no point has one."""
    named = [o.name for o in findings.distortions]
    name = findings.leading
    return findings.front_of(name) if name in named else findings.means.iloc[:0]
