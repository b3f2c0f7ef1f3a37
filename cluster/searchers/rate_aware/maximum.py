"""The maximum of the acquisition over a space: candidates, the grid of rates, then gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cluster.searchers.rate_aware.acquisition import Acquisition
from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.family_turns import Family
from cluster.searchers.rate_aware.known import rate_grid, rate_lines
from search_spaces.space import Config, Space

CANDIDATES = 600
NEIGHBOURS, ALL_NEIGHBOURS, FEWEST = 24, 360, 8
"""Of each anchor; of all anchors together, unless that leaves fewer than `FEWEST` of each."""
STARTS = 4
APART = 0.12
"""Starts of the gradient search stand at least this far apart (root mean square per input)."""
ROUNDS, ROUNDS_OF_BOXES = (10, 20), (8, 14)
"""Iterations of L-BFGS-B after each enumeration of the rate-determining keys; over boxes a step
costs more, and 24 searches of recorded codecs ended as high with fewer."""
WIDTHS = (0.05, 0.15)


def maximised(
    acquisition: Acquisition,
    anchors: Sequence[Config],
    rng: np.random.Generator,
    allowed: Callable[[Config], bool],
    gradients: bool = True,
    family: Family | None = None,
) -> Config | None:
    """The most promising configuration that is allowed, or None where none was found.

    Args:
        acquisition: what to maximise.
        anchors: good configurations whose neighbourhood is searched too.
        rng: for the candidates.
        allowed: False for what was proposed before or cannot work.
        gradients: False leaves the candidates as they are drawn.
        family: a key and its value that is looked for alone.
    """
    encoding, known = acquisition.encoding, acquisition.known
    pool = encoding.at_all(rng.random((CANDIDATES, encoding.labels)))
    each = min(NEIGHBOURS, max(FEWEST, ALL_NEIGHBOURS // max(len(anchors), 1)))
    for anchor in anchors:
        for width in WIDTHS:
            pool += encoding.perturbed(anchor, rng, width, each // len(WIDTHS))
    pool = list({tuple(c.items()): c for c in pool}.values())
    if family is not None:
        pool = [c for c in pool if c.get(family[0]) == family[1]]
    if not pool:
        return None
    scores = acquisition.values(pool)
    starts = _spread(pool, scores, encoding, allowed)
    if not starts:
        return None
    found = [pool[i] for i in starts]
    ranked = [(float(scores[starts[0]]), found[0])]
    if gradients:
        rounds = ROUNDS if acquisition.targets.staircase else ROUNDS_OF_BOXES
        for iterations, grid in zip(rounds, (rate_grid, rate_lines), strict=True):
            found = _best_rates(acquisition, found, allowed, grid)
            found = acquisition.ascended(found, known.names, iterations)
        fresh = [c for c in found if allowed(c)]
        if fresh:
            ranked += list(zip(acquisition.values(fresh).tolist(), fresh, strict=True))
    return max(ranked, key=lambda pair: pair[0])[1]


def _spread(
    pool: Sequence[Config],
    scores: np.ndarray,
    encoding: Encoding,
    allowed: Callable[[Config], bool],
) -> list[int]:
    """Places of the best that stand apart and are allowed, which is asked of these few alone."""
    picked: list[int] = []
    x: dict[int, np.ndarray] = {}
    for i in np.argsort(-scores, kind="stable"):
        if not np.isfinite(scores[i]) and picked:
            break
        x[i] = encoding.encode_all([pool[i]])[0]
        away = all(np.sqrt(np.mean((x[i] - x[j]) ** 2)) > APART for j in picked)
        if away and allowed(pool[i]):
            picked.append(int(i))
        if len(picked) == STARTS:
            break
    return picked


def _best_rates(
    acquisition: Acquisition,
    configs: Sequence[Config],
    allowed: Callable[[Config], bool],
    grid_of: Callable[[Space, Config, frozenset[str]], Iterator[Config]],
) -> list[Config]:
    """Each configuration at the best of its rates that is allowed; as it is where none is."""
    space, names = acquisition.encoding.space, acquisition.known.names
    grids = [list(grid_of(space, config, names)) for config in configs]
    scores = acquisition.values([c for grid in grids for c in grid])
    found = []
    for config, grid, mine in zip(
        configs, grids, np.split(scores, np.cumsum([len(g) for g in grids])[:-1]), strict=True
    ):
        order = np.argsort(-mine, kind="stable")
        found.append(next((grid[i] for i in order if allowed(grid[i])), config))
    return found
