"""Claims V1 to V6, judged: held, did not hold, or cannot be said, and why in words.

A claim needs codecs that have learnt something (a foreground IoU above that of the first frame
held), three seeds, and an effect whose intervals over recordings and over seeds lie on one side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from analysis.claims import FAILED, HELD, OPEN, Verdict
from analysis.published import published
from analysis.vqgan.cells import Cell, Effect, HeatmapSweep
from search_spaces import heatmap_metrics as names

LEAST_SEEDS = 3
ENOUGH = 0.01
"""Foreground IoU by which a larger codebook must be better to count as better."""
KINDS = ("jitter", "dropped", "blur")
LEVELS = (1, 2, 3, 4)
SSIM, IOU, L1_FG = names.SSIM.objective(), names.IOU.objective(), names.L1_FG.objective()
TSTD, QLOSS = names.TSTD_CODE.objective(), names.QLOSS.objective()


def judge(sweep: HeatmapSweep) -> dict[str, Verdict]:
    """Claim -> verdict and why."""
    judges: dict[str, Callable[[HeatmapSweep], Verdict]] = {
        "V1": _over_the_dvae, "V2": _instability, "V3": _enough_codes, "V4": _more_codes,
        "V5": _quantisation_loss, "V6": _denoising,
    }  # fmt: skip
    return {claim: judged(sweep) for claim, judged in judges.items()}


def value_of(claim: str) -> float:
    """The number that a claim names."""
    table = published("claims")
    return float(table[(table["paper"] == "vqgan") & (table["id"] == claim)].iloc[0]["value"])


def _unfit(sweep: HeatmapSweep, cells: Sequence[Cell], *, one_is_enough: bool = False) -> str:
    """Why nothing can be said of some cells; "" where something can."""
    few = min((c.seeds for c in cells), default=0)
    if few < LEAST_SEEDS:
        return f"needs {LEAST_SEEDS} seeds of each cell, there {'is' if few == 1 else 'are'} {few}"
    learnt = [sweep.learnt(c) for c in cells]
    if any(learnt) if one_is_enough else all(learnt):
        return ""
    worst = min(cells, key=lambda c: sweep.score(c, IOU) - sweep.floor(c, "repeat_frame", IOU))
    return (
        f"{_label(worst)} has not learnt enough: its foreground IoU is "
        f"{sweep.score(worst, IOU):.2f}, the first frame held has "
        f"{sweep.floor(worst, 'repeat_frame', IOU):.2f}; train for longer"
    )


def _over_the_dvae(sweep: HeatmapSweep) -> Verdict:
    wanted = value_of("V1")
    pairs = [
        (theirs[0], own[0])
        for dimension in ("3d", "2d")
        if (theirs := sweep.of("dvae", dimension, 8)) and (own := sweep.of("vqgan", dimension, 8))
    ]
    if not pairs:
        return OPEN, "needs a VQ-GAN and a dVAE at F8; vqgan/table3 has both"
    dvae, vqgan = pairs[0]
    found = sweep.effect(dvae, vqgan, SSIM)
    share = 100 * found.mean / sweep.score(vqgan, SSIM)
    said = (
        f"SSIM of {_label(vqgan)} less {_label(dvae)}: {found.words}, {share:+.1f} % of its own "
        f"score where the paper has {wanted:g} %; a black picture has "
        f"{sweep.floor(vqgan, 'all_zero', SSIM):.3f}"
    )
    if why := _unfit(sweep, [dvae, vqgan]):
        return OPEN, f"{said}. But {why}"
    most = 100 * max(found.high, found.seeds.high) / sweep.score(vqgan, SSIM)
    if found.sign < 0 or most < wanted:
        return FAILED, said
    return (HELD if found.sign > 0 and share >= wanted else OPEN), said


def _instability(sweep: HeatmapSweep) -> Verdict:
    cell = next(iter(sweep.of("vqgan", "3d", 8)), None) or next(iter(sweep.cells), None)
    said = (
        "the paper prints 0.151 for the cell that it rests on and its repository 0.210, and the "
        "measure is scale-free: it is about 0.21 for noise of any size"
    )
    if cell is None:
        return OPEN, said
    floors = [
        f"{words} {value:.2f}"
        for words, name in (("black", "all_zero"), ("the first frame held", "repeat_frame"),
                            ("the true pose at mean brightness", "noise_ceiling"))
        if math.isfinite(value := sweep.floor(cell, name, TSTD))
    ]  # fmt: skip
    flicker = names.FLICKER.objective()
    return OPEN, (
        f"{said}. Here {_label(cell)} has {sweep.score(cell, TSTD):.2f}; {', '.join(floors)}. "
        f"Flicker, which says something, is {sweep.score(cell, flicker):.4f}, for black "
        f"{sweep.floor(cell, 'all_zero', flicker):.4f}"
    )


def _enough_codes(sweep: HeatmapSweep) -> Verdict:
    few = int(value_of("V3"))
    cells = sweep.of("vqgan", "2d", 16)
    small = next((c for c in cells if c.codes == few), None)
    larger = [c for c in cells if c.codes > few]
    if small is None or not larger:
        return OPEN, f"needs {few} and more codes at F16 in 2-D; vqgan/vocabulary has them"
    effects = {c.codes: sweep.effect(small, c, IOU) for c in larger}
    said = "foreground IoU at F16 in 2-D, less that of 128 codes: " + "; ".join(
        f"{codes} codes {e.words}" for codes, e in sorted(effects.items())
    )
    if why := _unfit(sweep, [small, *larger]):
        return OPEN, f"{said}. But {why}"
    if any(e.sign > 0 and e.mean > ENOUGH for e in effects.values()):
        return FAILED, said
    close = all(max(e.high, e.seeds.high) < ENOUGH for e in effects.values())
    return (HELD if close else OPEN), f"{said}; held means none by {ENOUGH:g} better"


def _more_codes(sweep: HeatmapSweep) -> Verdict:
    ratio = value_of("V4")
    needed: dict[str, int] = {}
    said = []
    for dimension in ("2d", "3d"):
        cells = sorted(sweep.of("vqgan", dimension, 16), key=lambda c: c.codes)
        if len(cells) < 3:
            return OPEN, (
                f"needs three sizes at F16 in both dimensions, {dimension} has {len(cells)}; "
                "vqgan/vocabulary has four"
            )
        if why := _unfit(sweep, cells):
            return OPEN, why
        best = max(cells, key=lambda c: sweep.score(c, IOU))
        losses = [(c, sweep.effect(c, best, IOU)) for c in cells]
        good = [c for c, e in losses if c is best or max(e.high, e.seeds.high) < ENOUGH]
        needed[dimension] = good[0].codes
        said.append(f"{dimension}: {good[0].codes} codes come within {ENOUGH:g} of the best")
    found = needed["3d"] / needed["2d"]
    words = f"{'; '.join(said)}: a ratio of {found:g}, where the paper has {ratio:g}"
    if needed["3d"] == max(c.codes for c in sweep.of("vqgan", "3d", 16)):
        return OPEN, f"{words}, and 3-D needs the largest that was tried"
    return (HELD if found >= ratio else FAILED), words


def _quantisation_loss(sweep: HeatmapSweep) -> Verdict:
    wanted = value_of("V5")
    large, small = (next(iter(sweep.of("vqgan", "2d", 16, k)), None) for k in (512, 128))
    if large is None or small is None:
        return OPEN, "needs 512 and 128 codes at F16 in 2-D; vqgan/table3 has both"
    found = sweep.effect(large, small, QLOSS)
    base = sweep.score(large, QLOSS)
    fall = [-100 * v / base for v in (found.mean, found.high, found.low)]
    error = names.QERROR.objective()
    said = (
        f"Q-loss falls by {fall[0]:.1f} % from 512 to 128 codes (change {found.words}), where the "
        f"paper has {wanted:g} %; it shrinks with the latents, so beside it the relative error: "
        f"{sweep.score(large, error):.3f} and {sweep.score(small, error):.3f}"
    )
    if why := _unfit(sweep, [large, small]):
        return OPEN, f"{said}. But {why}"
    if found.sign > 0 or (found.sign < 0 and fall[2] < wanted):
        return FAILED, said
    return (HELD if found.sign < 0 and fall[0] >= wanted else OPEN), said


def denoising(sweep: HeatmapSweep, cell: Cell) -> dict[tuple[str, int, str], Effect]:
    """(kind, level, score) -> output less input, where a cell was asked; empty where not."""
    found = {}
    for kind in KINDS:
        for level in LEVELS:
            for score in (IOU, L1_FG):
                head = f"denoise_{kind}{level}"
                first, second = f"{head}_input_{score}", f"{head}_output_{score}"
                if len(sweep.table(cell, first)):
                    found[kind, level, score] = sweep.effect(cell, cell, first, second)
    return found


def _denoising(sweep: HeatmapSweep) -> Verdict:
    told = {cell: found for cell in sweep.cells if (found := denoising(sweep, cell))}
    if not told:
        return OPEN, "needs codecs that were scored on spoilt input; vqgan/denoise has them"
    said, better, worse = [], [], []
    for cell, found in told.items():
        kinds = []
        for kind in KINDS:
            # nearer to the truth by both: more overlap, less error
            signs = [
                (e.sign if score == IOU else -e.sign)
                for (k, _, score), e in found.items() if k == kind
            ]  # fmt: skip
            gains = sum(s > 0 for s in signs)
            kinds.append(f"{kind} nearer in {gains} and further in {sum(s < 0 for s in signs)} of "
                         f"{len(signs)}")  # fmt: skip
            better.append(gains == len(signs))
            worse.append(all(s < 0 for s in signs))
        said.append(f"{_label(cell)}{_training(cell)}: {', '.join(kinds)}")
    words = "scores at four levels, clearly, against the clean target: " + "; ".join(said)
    if why := _unfit(sweep, [*told], one_is_enough=True):
        return OPEN, f"{words}. But {why}"
    if all(better):
        return HELD, words
    return (FAILED if all(worse) else OPEN), words


def _training(cell: Cell) -> str:
    return (
        ", trained on spoilt input" if str(cell.config.get("corrupted_training")) == "True" else ""
    )


def _label(cell: Cell) -> str:
    codec = {"vqgan": "the VQ-GAN", "dvae": "the dVAE"}.get(cell.codec, cell.codec)
    return f"{codec} in {cell.dimension[0]}-D at F{cell.factor} with {cell.codes} codes"
