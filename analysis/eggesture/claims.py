"""Claims E1, E2 and E4 of the second paper, judged by what a sweep of codebook sizes shows.

E3 and E5 to E7 are about motion made from speech, which this sweep does not make.
"""

from __future__ import annotations

import itertools
import math

from analysis.claims import FAILED, HELD, OPEN, Verdict
from analysis.eggesture.usage import Cell, CodebookSweep
from analysis.labels import listed
from analysis.published import published

NEAR = 10.0
"""Points of utilisation about the paper's within which ours, on other motion, agrees with it."""
PLATEAU = 0.10
"""Growth of the codes in use a doubling of the codebook, at most, for it to be a plateau."""
ROOM = 0.20
"""Growth of what even use would show a doubling, at least, for a plateau to be the codec's and not
that of too few tokens."""
SIZE = 512
LEAST_SEEDS = 3
TRAINED = 0.8
"""Share of the mean pose's error above which a codec has not learnt enough to judge its codes."""
FULL = 95.0
"""Percent of utilisation above which a vanilla codec leaves guidance nothing to gain."""


def judge(sweep: CodebookSweep, size: str) -> dict[str, Verdict]:
    """Claim -> verdict and why; `size` is that of the sweep."""
    if size == "debug":
        return dict.fromkeys(("E1", "E2", "E4"), (OPEN, "networks of debug size train for seconds"))
    if (worst := _untrained(sweep)) is not None:
        return dict.fromkeys(("E1", "E2", "E4"), (OPEN, worst))
    return {"E1": _share(sweep), "E2": _plateau(sweep), "E4": _guided(sweep)}


def _untrained(sweep: CodebookSweep) -> str | None:
    """Why nothing can be said of codecs that have hardly begun to learn; None where they have.

    Codes of an encoder that tells no poses apart go unused for want of training.
    """
    vanilla = [c for c in sweep.curve(0.0) if c.size >= SIZE] or sweep.curve(0.0)
    for cell in vanilla:
        share = cell.of(sweep.distortion).mean / sweep.mean_pose
        if share > TRAINED:
            return (
                f"the vanilla codec of {cell.size} codes has {100 * share:.0f} % of the mean "
                f"pose's error, above {100 * TRAINED:g} %: train for longer"
            )
    return None


def paper_share() -> float:
    """Percent of 512 codes that the paper's vanilla codec uses (Figure 1)."""
    table = published("claims")
    return float(table[(table["paper"] == "eggesture") & (table["id"] == "E1")].iloc[0]["value"])


def _share(sweep: CodebookSweep) -> Verdict:
    cell = sweep.cell(SIZE, 0.0)
    if cell is None:
        return OPEN, f"needs the vanilla codec with {SIZE} codes"
    found, most = cell.of("utilisation"), cell.of("ceiling").mean
    paper = paper_share()
    if most < paper + NEAR:
        return (
            OPEN,
            f"{cell.tokens} held-out tokens could show {most:.0f} % of {SIZE} codes at most",
        )
    if found.seeds < LEAST_SEEDS:
        return OPEN, f"needs {LEAST_SEEDS} seeds, there are {found.seeds}"
    near = found.low <= paper + NEAR and found.high >= paper - NEAR
    return (HELD if near else FAILED), (
        f"{found.mean:.1f} % [{found.low:.1f}, {found.high:.1f}] of {SIZE} codes over "
        f"{cell.tokens} held-out tokens a part, where even use would show {most:.0f} %; held means "
        f"within {NEAR:g} points of the paper's {paper:g} %, on other motion"
    )


def _plateau(sweep: CodebookSweep) -> Verdict:
    cells = [c for c in sweep.curve(0.0) if len(c.seeds) >= LEAST_SEEDS]
    if len(cells) < 3:
        return OPEN, f"needs three sizes of the vanilla codec with {LEAST_SEEDS} seeds each"
    steps = list(itertools.pairwise(cells))
    roomy = [(a, b) for a, b in steps if _growth(a, b, even=True) >= ROOM]
    if not roomy:
        return OPEN, "held-out tokens are too few to show more codes than the smallest size has"
    last = roomy[-1]
    grown = _growth(*last, even=False)
    said = "; ".join(
        f"{a.size} to {b.size}: {a.of('used').mean:.0f} to {b.of('used').mean:.0f} codes, "
        f"{100 * _growth(a, b, even=False):+.0f} % a doubling (even use "
        f"{100 * _growth(a, b, even=True):+.0f} %)"
        for a, b in roomy
    )
    return (HELD if grown <= PLATEAU else FAILED), (
        f"{said}; held means at most {100 * PLATEAU:g} % a doubling in the last step"
    )


def _growth(first: Cell, second: Cell, *, even: bool) -> float:
    """Growth of codes in use a doubling of the size, or of those that even use would show."""

    def codes(cell: Cell) -> float:
        return cell.of("ceiling").mean * cell.size / 100 if even else cell.of("used").mean

    doublings = math.log2(second.size / first.size)
    return float((codes(second) / codes(first)) ** (1 / doublings) - 1)


def _guided(sweep: CodebookSweep) -> Verdict:
    pairs = [c for c in sweep.cells if c.weight > 0 and sweep.cell(c.size, 0.0) is not None]
    pairs = [c for c in pairs if sweep.change(c, "balance").seeds >= LEAST_SEEDS]
    if not pairs:
        return OPEN, f"needs guided and vanilla codecs of one size with {LEAST_SEEDS} seeds"
    said: list[str] = []
    gains: dict[int, bool] = {}
    for cell in pairs:
        # One weight of several is enough, so each is held to more.
        level = 1 - 0.05 / sum(other.size == cell.size for other in pairs)
        both = [sweep.change(cell, n, level) for n in ("utilisation", "balance")]
        vanilla = sweep.cell(cell.size, 0.0)
        if vanilla is not None and vanilla.of("utilisation").mean < FULL:
            gains[cell.size] = gains.get(cell.size, False) or all(e.sign > 0 for e in both)
        words = listed(f"{e.mean:+.1f} [{e.low:+.1f}, {e.high:+.1f}]" for e in both)
        said.append(f"{cell.size} codes, weight {cell.weight:g}: {words}")
    why = (
        "points of utilisation and of entropy over log K, guided less vanilla by seed, with "
        "intervals that are 95 % for all weights of a size together: "
        + "; ".join(said)
        + "; held means that at every size some weight has both above 0"
    )
    if not gains:
        return OPEN, f"the vanilla codecs use all codes already. {why}"
    return (HELD if all(gains.values()) else FAILED), why
