"""How codes are used: per trial, part and level, from the tokens of validation that it left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings import Findings
from analysis.labels import part_label
from analysis.report.arrays import evenly
from analysis.report.payload import plain
from analysis.shown_clips import read_arrays
from search_spaces.record import TOKENS_FILE

SPLIT = "val"
MOST_BARS = 96
"""Bars of a histogram; larger codebooks are sampled by rank, which keeps the shape."""
MOST_CODES = 14
"""Codes of a matrix of transitions: the most used ones, and all others together."""
MOST_TRIALS = 40


def codebooks_payload(findings: Findings, rows: Sequence[int]) -> dict[str, Any]:
    """Trial -> part -> one entry per level, of the trials of the points shown closely."""
    found: dict[str, Any] = {}
    sizes = findings.means.get("codebook_size")
    for row in rows:
        trial = str(findings.means.iloc[row]["trial"])
        if trial in found or len(found) >= MOST_TRIALS:
            continue
        tokens = read_arrays(findings.log.folder, trial, TOKENS_FILE)
        if not tokens:
            continue
        size = plain(sizes.iloc[row]) if sizes is not None else None
        found[trial] = _of_trial(tokens, size if isinstance(size, int) else None, findings)
    return found


def _of_trial(
    tokens: dict[str, np.ndarray], size: int | None, findings: Findings
) -> dict[str, list[dict[str, Any]]]:
    parts = findings.log.facts.part_names if findings.log.facts else ()
    found = {}
    for part in parts:
        head = f"{SPLIT}/{part}/"
        streams = [v for k, v in sorted(tokens.items()) if k.startswith(head) and v.ndim == 2]
        if streams:
            levels = streams[0].shape[1]
            found[part_label(part)] = [
                level_statistics([s[:, q] for s in streams], size) for q in range(levels)
            ]
    return found


def level_statistics(streams: Sequence[np.ndarray], size: int | None = None) -> dict[str, Any]:
    """Use of one level's codes.

    Args:
        streams: tokens of each recording; no transition crosses from one to the next.
        size: of the alphabet; the largest token is taken as its end where left out.

    Returns:
        `size`, `tokens`, `used`, `dead` (codes without a token), `perplexity`, `self` (share of
        tokens that repeat the one before), `usage` (share of tokens by rank), `codes` and
        `transitions` (percent of each row; the last code stands for all others).

    >>> level_statistics([np.array([0, 1, 0, 1])], 4)["perplexity"]
    2
    """
    every = np.concatenate(streams)
    size = max(size or 0, int(every.max(initial=0)) + 1)
    counts = np.bincount(every, minlength=size)
    share = counts / max(len(every), 1)
    used = share[share > 0]
    ranked = np.sort(share)[::-1]
    order = np.argsort(-counts, kind="stable")
    top = order[: min(MOST_CODES, int((counts > 0).sum()))]
    place = np.full(size, len(top))
    place[top] = np.arange(len(top))
    matrix = np.zeros((len(top) + 1, len(top) + 1))
    again, pairs = 0, 0
    for stream in streams:
        np.add.at(matrix, (place[stream[:-1]], place[stream[1:]]), 1)
        again += int((stream[:-1] == stream[1:]).sum())
        pairs += max(len(stream) - 1, 0)
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return {
        "size": size,
        "tokens": len(every),
        "used": len(used),
        "dead": size - len(used),
        "perplexity": plain(float(2 ** -(used * np.log2(used)).sum())) if len(used) else 0,
        "self": plain(100 * again / pairs) if pairs else None,
        "usage": [plain(float(f"{v:.3g}")) for v in 100 * ranked[evenly(size, MOST_BARS)]],
        "codes": [int(c) for c in top],
        "transitions": percent.round().astype(int).tolist(),
    }
