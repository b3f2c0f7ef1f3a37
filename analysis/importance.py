"""What matters: how much of the hypervolume, and of the distortion in each band of rates, every
hyperparameter explains.

Permutation importance of a random forest (Breiman 2001), on configurations that the forest has not
seen: what is told is the share of held-out variance that is lost when a parameter's values are
shuffled, mean and standard error over folds. Seeds are averaged first and all depths of a
configuration stay in one fold, so nothing leaks. A conditional parameter is shuffled only among
configurations of the same codec that have it; `codec` is shuffled together with the parameters that
only some codecs have, since a codec cannot be had with another's settings. Parameters that vary
together share what they explain, and the search's own choices are no random design: this says what
explains the trials that were run, and causes nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold

from analysis.fronts import objective_values
from analysis.indicators import hypervolume
from analysis.points import configuration_columns
from analysis.statistics import seed_means
from search_spaces.objectives import Objective

LEAST = 20
"""Configurations below which a forest has nothing to learn from."""

MOST = 1500
"""Rows a forest is fitted on; more are drawn from."""

LEAST_R2 = 0.1
"""Share of held-out variance that a forest must explain before its importances mean anything."""

BANDS, FOLDS, REPEATS, TREES = 3, 3, 4, 48
MEASURED = (
    "share of held-out variance lost when a parameter is shuffled (random forest, permutation, "
    f"{FOLDS} folds by configuration, seeds averaged); in a band of rates, given the rate"
)


@dataclass(frozen=True)
class ParameterImportance:
    """One parameter.

    Attributes:
        name: of the parameter; `codec` stands for the codec with the parameters of its own.
        importance: share of held-out variance; about 0 or below where it explains nothing.
        error: standard error over folds.
        active: share of the rows whose configuration has it.
    """

    name: str
    importance: float
    error: float
    active: float


@dataclass(frozen=True)
class Target:
    """What parameters explain of one number.

    Attributes:
        name: `hypervolume` or `band`.
        low, high: rates of a band.
        rows, configurations: that the forest was fitted on.
        r2: share of held-out variance that the forest explains.
        parameters: by falling importance.
        reason: why nothing can be said, where nothing can.
    """

    name: str
    low: float = math.nan
    high: float = math.nan
    rows: int = 0
    configurations: int = 0
    r2: float = math.nan
    parameters: tuple[ParameterImportance, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Importance:
    """Importance of hyperparameters for one distortion: for hypervolume, then per rate band."""

    targets: tuple[Target, ...]
    measured: str = field(default=MEASURED)

    def as_dict(self) -> dict[str, Any]:
        """As plain dicts and lists."""
        return asdict(self)


def importance(
    points: pd.DataFrame,
    rate: Objective,
    distortion: Objective,
    corner: np.ndarray,
    *,
    split: str = "val",
    bands: int = BANDS,
    seed: int = 0,
) -> Importance:
    """What matters for a front.

    Args:
        points: rows as in `points.csv`, of every seed.
        rate: of the front.
        distortion: of the front; its logarithm is explained within a band where it is positive.
        corner: float (2,), signed reference point of the hypervolume.
        split: of the measurements.
        bands: of rates, each with the same number of points.
        seed: of forests, folds and shuffles.
    """
    means = seed_means(points).reset_index(drop=True)
    if means.empty:
        return Importance((Target("hypervolume", reason="there are no points"),))
    values = objective_values(means, [rate, distortion], split)
    finite = np.isfinite(values).all(axis=1)
    means, values = means[finite].reset_index(drop=True), values[finite]
    groups = pd.factorize(means["config_hash"].astype(str))[0]
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0]) if len(order) else order
    own = np.split(order, starts[1:])
    if len(own) > MOST:
        drawn = np.random.default_rng(seed).choice(len(own), MOST, replace=False)
        own = [own[i] for i in np.sort(drawn)]
    volumes = np.array([hypervolume(values[rows], corner).value for rows in own])
    first = [int(rows[0]) for rows in own] if len(order) else []
    whole = _explained(Target("hypervolume"), means.iloc[first], volumes[: len(first)],
                       np.arange(len(first)), None, seed)  # fmt: skip
    found = [whole]
    edges = np.quantile(values[:, 0], np.linspace(0, 1, bands + 1)) if len(values) else np.empty(0)
    for number, (low, high) in enumerate(pairwise(edges)):
        last = number == bands - 1
        inside = (values[:, 0] >= low) & ((values[:, 0] <= high) if last else (values[:, 0] < high))
        goal = values[inside, 1]
        goal = np.log(goal) if len(goal) and (goal > 0).all() else goal
        target = Target("band", float(low), float(high))
        found.append(
            _explained(target, means[inside], goal, groups[inside], values[inside, 0], seed)
        )
    return Importance(tuple(found))


def _explained(
    target: Target,
    rows: pd.DataFrame,
    goal: np.ndarray,
    groups: np.ndarray,
    rates: np.ndarray | None,
    seed: int,
) -> Target:
    rng = np.random.default_rng(seed)
    if len(goal) > MOST:
        drawn = np.sort(rng.choice(len(goal), MOST, replace=False))
        rows, goal, groups = rows.iloc[drawn], goal[drawn], groups[drawn]
        rates = None if rates is None else rates[drawn]
    configurations = len(np.unique(groups))
    said = {**vars(target), "rows": len(goal), "configurations": configurations}
    if configurations < LEAST:
        return Target(**said | {"reason": f"{configurations} configurations, fewer than {LEAST}"})
    if float(np.var(goal)) <= 1e-12 * float(np.mean(goal)) ** 2:
        return Target(**said | {"reason": "it is the same for all configurations"})
    table = Design.of(rows, rates)
    if not table.names:
        return Target(**said | {"reason": "no parameter was varied"})
    scores, lost = [], []
    for train, held in GroupKFold(FOLDS).split(table.matrix, goal, groups):
        forest = RandomForestRegressor(
            TREES, min_samples_leaf=2, max_features=0.5, random_state=seed, n_jobs=1
        ).fit(table.matrix[train], goal[train])
        spread = float(np.var(goal[held])) or math.nan
        shuffled = [table.shuffled(held, name, rng) for name in table.names for _ in range(REPEATS)]
        guesses = forest.predict(np.concatenate([table.matrix[held], *shuffled]))
        errors = ((guesses.reshape(-1, len(held)) - goal[held]) ** 2).mean(axis=1) / spread
        scores.append(1 - errors[0])
        lost.append((errors[1:].reshape(len(table.names), REPEATS) - errors[0]).mean(axis=1))
    r2 = float(np.mean(scores))
    said |= {"r2": r2}
    if not r2 >= LEAST_R2:
        return Target(**said | {"reason": f"a forest explains {100 * max(r2, 0):.0f} % of what it "
                                "has not seen: nothing can be said"})  # fmt: skip
    mean, error = np.mean(lost, axis=0), np.std(lost, axis=0, ddof=1) / math.sqrt(FOLDS)
    found = [
        ParameterImportance(n, float(mean[i]), float(error[i]), float(table.active[n].mean()))
        for i, n in enumerate(table.names)
    ]
    found.sort(key=lambda p: -p.importance)
    return Target(**said | {"parameters": tuple(found)})


@dataclass(frozen=True)
class Design:
    """Configurations as a matrix for a forest.

    Attributes:
        matrix: float (rows, columns); a missing conditional parameter is one below the least.
        columns: parameter to its columns; a category has one for each value.
        active: parameter to bool (rows,), who has it.
        names: of the parameters that are judged.
        codec: (rows,), number of each row's codec.
        joint: columns that only some codecs have, shuffled with `codec`.
    """

    matrix: np.ndarray
    columns: dict[str, list[int]]
    active: dict[str, np.ndarray]
    names: tuple[str, ...]
    codec: np.ndarray
    joint: list[int]

    @classmethod
    def of(cls, rows: pd.DataFrame, rates: np.ndarray | None) -> Design:
        """The parameters that vary, and the rate where one is given."""
        blocks: list[np.ndarray] = []
        columns: dict[str, list[int]] = {}
        active: dict[str, np.ndarray] = {}
        place, joint = 0, []
        for name in configuration_columns(rows):
            given = rows[name]
            if name not in rows.columns or given.nunique(dropna=True) < 2:
                continue
            block, has = _encoded(given)
            blocks.append(block)
            columns[name] = list(range(place, place + block.shape[1]))
            active[name] = has
            joint += [] if has.all() else columns[name]
            place += block.shape[1]
        names = tuple(columns)
        if rates is not None:
            blocks.append(np.asarray(rates, dtype=float)[:, None])
        matrix = np.concatenate(blocks, axis=1) if blocks else np.empty((len(rows), 0))
        codec = pd.factorize(rows["codec"].astype(str))[0]
        return cls(matrix, columns, active, names, codec, joint)

    def shuffled(self, held: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
        """Held-out rows with one parameter shuffled: float (held, columns)."""
        found = self.matrix[held].copy()
        if name == "codec":
            moved = [*self.columns["codec"], *self.joint]
            found[:, moved] = found[rng.permutation(len(held))][:, moved]
            return found
        has = self.active[name][held]
        for codec in np.unique(self.codec[held]):
            own = np.flatnonzero(has & (self.codec[held] == codec))
            moved = self.columns[name]
            found[own[:, None], moved] = found[rng.permutation(own)][:, moved]
        return found


def _encoded(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a parameter, and who has it."""
    has = values.notna().to_numpy()
    numbers = pd.to_numeric(values, errors="coerce") if values.dtype != bool else values
    if values.dtype == bool or numbers.notna().to_numpy()[has].all():
        column = numbers.astype(float).to_numpy()
        least = np.nanmin(column)
        return np.where(has, column, least - 1)[:, None], has
    texts = values.map(lambda v: None if v is None or v != v else str(v))
    return pd.get_dummies(texts).to_numpy(float), has
