"""The maximum of the acquisition over a space: candidates, the grid of rates, then gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cluster.searchers.rate_aware.acquisition import Acquisition
from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.known import rate_grid
from search_spaces.space import Config

CANDIDATES = 600
NEIGHBOURS, ALL_NEIGHBOURS, FEWEST = 24, 360, 8
"""Of each anchor; of all anchors together, unless that leaves fewer than `FEWEST` of each."""
STARTS = 5
APART = 0.12
"""Starts of the gradient search stand at least this far apart (root mean square per input)."""
ROUNDS = (15, 25)
"""Iterations of L-BFGS-B after each enumeration of the rate-determining keys."""
WIDTHS = (0.05, 0.15)


def maximised(
    acquisition: Acquisition,
    anchors: Sequence[Config],
    rng: np.random.Generator,
    allowed: Callable[[Config], bool],
    gradients: bool = True,
) -> Config | None:
    """The most promising configuration that is allowed, or None where none was found.

    Args:
        acquisition: what to maximise.
        anchors: good configurations whose neighbourhood is searched too.
        rng: for the candidates.
        allowed: False for what was proposed before or cannot work.
        gradients: False leaves the candidates as they are drawn.
    """
    encoding, known = acquisition.encoding, acquisition.known
    draws = rng.random((CANDIDATES, encoding.labels))
    pool = [encoding.at(cube) for cube in draws]
    each = min(NEIGHBOURS, max(FEWEST, ALL_NEIGHBOURS // max(len(anchors), 1)))
    for anchor in anchors:
        pool += [encoding.perturbed(anchor, rng, WIDTHS[i % len(WIDTHS)]) for i in range(each)]
    pool = list({tuple(c.items()): c for c in pool}.values())
    scores = acquisition.values(pool)
    starts = _spread(pool, scores, encoding, allowed)
    if not starts:
        return None
    found = [pool[i] for i in starts]
    ranked = [(float(scores[starts[0]]), found[0])]
    if gradients:
        for iterations in ROUNDS:
            found = _best_rates(acquisition, found, allowed)
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
    x = encoding.encode_all(pool)
    for i in np.argsort(-scores, kind="stable"):
        if not np.isfinite(scores[i]) and picked:
            break
        away = all(np.sqrt(np.mean((x[i] - x[j]) ** 2)) > APART for j in picked)
        if away and allowed(pool[i]):
            picked.append(int(i))
        if len(picked) == STARTS:
            break
    return picked


def _best_rates(
    acquisition: Acquisition, configs: Sequence[Config], allowed: Callable[[Config], bool]
) -> list[Config]:
    """Each configuration at the best of its rates that is allowed; as it is where none is."""
    space, names = acquisition.encoding.space, acquisition.known.names
    grids = [list(rate_grid(space, config, names)) for config in configs]
    scores = acquisition.values([c for grid in grids for c in grid])
    found = []
    for config, grid, mine in zip(
        configs, grids, np.split(scores, np.cumsum([len(g) for g in grids])[:-1]), strict=True
    ):
        order = np.argsort(-mine, kind="stable")
        found.append(next((grid[i] for i in order if allowed(grid[i])), config))
    return found
