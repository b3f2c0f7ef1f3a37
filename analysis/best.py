"""The answer to "which codec should I take?", in words for the command line."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.deciding import Question, decide
from analysis.fronts import DEFAULT_RATE, RATES
from analysis.labels import number, objective_label, point_label, quantity
from analysis.limited import keeping
from analysis.log import Log, read_log
from analysis.media import asked_rate, of_heatmaps
from analysis.points import configuration_columns, points_frame
from analysis.rates import header_share
from search_spaces.heatmap_metrics import FLICKER, IOU, KEYPOINT, SSIM_FG
from search_spaces.objectives import Objective, Scope, find_metric
from search_spaces.record import (
    CODEC_FOLDER,
    DRAWING_FILE,
    TOKEN_MODELS_FILE,
    TOKENS_FILE,
    TRIALS_FOLDER,
)

HEATMAP_SCORES = tuple(m.column("val") for m in (IOU, SSIM_FG, KEYPOINT, FLICKER))
FLOOR_WORDS = (
    ("black", "all_zero"), ("first frame", "repeat_frame"), ("noise ceiling", "noise_ceiling"),
)  # fmt: skip


def describe_best(folder: Path | str, rate: float, which: str = DEFAULT_RATE) -> str:
    """The best operating point at or under a rate (bits/s, summed over parts), in words.

    Args:
        folder: a sweep directory.
        rate: bits per second, summed over parts.
        which: a key of `RATES`.

    Raises:
        NoAnswer: every point costs more.
        BadInput: `folder` is no sweep directory, or its points have no such rate.
    """
    return describe_answer(folder, Question(at=rate, rate=which))


def describe_answer(folder: Path | str, question: Question) -> str:
    """The operating point that answers, its configuration, and where its codec lies.

    Where the codec was kept with the coder's tables, the last line is the command that exports it;
    where its weights were removed, the one that trains it again.

    Raises:
        NoAnswer: no point answers; those that break a limit of the sweep may not.
        BadInput: `folder` is no sweep directory, or the question cannot be asked of it.
    """
    question.check()
    log = read_log(folder)
    question = replace(question, rate=asked_rate(log, question.rate))
    answer = decide(keeping(points_frame(log), log), question)
    row = answer.row
    place = log.folder / TRIALS_FOLDER / str(row["trial"]) / CODEC_FOLDER
    seeds = f", mean over {int(row['seeds'])} seeds" if "seeds" in row.index else ""
    lines = [
        f"{point_label(row.to_dict())} (point {row['point']}, seed {row['seed']})",
        f"  is           the {answer.why}",
        f"  rate         {_rates(row)}",
        f"  validation   {_scores(row, log)}{seeds}",
        *([f"  needs none   {_floors(row)}"] if of_heatmaps(log) else []),
        f"  config       {_configuration(row)}",
        f"  codec        {place if place.is_dir() else f'{place} (not there)'}, "
        f"decode {row['depth']} of {row['levels']} levels",
    ]
    if (place / TOKEN_MODELS_FILE).is_file() or any(place.glob(f"*/{DRAWING_FILE}")):
        lines.append(f"  to take it   {_export(log.folder, row)}")
    elif not place.is_dir() and (place.parent / TOKENS_FILE).is_file():
        lines.append(f"  not kept     {rerun_command(log.folder, str(row['trial']))}")
    return "\n".join(lines)


def rerun_command(folder: Path, trial: str) -> str:
    """What trains a trial again whose weights were removed."""
    return shlex.join(["ratefront", "rerun", str(folder), "--trial", trial])


def _export(folder: Path, row: pd.Series) -> str:
    """Names the point, not the rate: a sweep that goes on may have a better one at that rate."""
    words = ["ratefront", "export", str(folder), "--trial", str(row["trial"])]
    words += ["--depth", str(row["depth"])] * bool(row["is_prefix"])
    return shlex.join([*words, "-o", "codec/"])


def _rates(row: pd.Series) -> str:
    columns = {k: Objective(n).column("val") for k, n in RATES.items()}
    said = [
        f"{quantity(float(row[c]), c)} {k}"
        for k, c in columns.items()
        if c in row.index and not pd.isna(row[c])
    ]
    share = header_share(row, "val")
    if math.isfinite(share):
        said[-1] += f" (header {number(share)} % of it)"
    return ", ".join(said)


def _scores(row: pd.Series, log: Log) -> str:
    found = []
    if of_heatmaps(log):
        columns = [c for c in HEATMAP_SCORES if c in row.index and not pd.isna(row[c])]
        return ", ".join(f"{objective_label(c)} {quantity(float(row[c]), c)}" for c in columns)
    for column in row.index:
        if not str(column).startswith("val_rmse_") or str(column).endswith("_se"):
            continue
        if find_metric(str(column))[0].scope is Scope.POSE:
            found.append(f"{objective_label(column)} {quantity(float(row[column]), column)}")
    return ", ".join(found)


def _floors(row: pd.Series) -> str:
    """What no codec at all scores, beside the scores of one."""
    said = []
    for words, floor in FLOOR_WORDS:
        names = [(c, c.replace("val_", f"val_floor_{floor}_", 1)) for c in HEATMAP_SCORES]
        there = [(c, f) for c, f in names if f in row.index and not pd.isna(row[f])]
        found = (f"{objective_label(c)} {quantity(float(row[f]), c)}" for c, f in there)
        said += [f"{words}: {', '.join(found)}"] if there else []
    return "; ".join(said)


def _configuration(row: pd.Series) -> str:
    names = configuration_columns(pd.DataFrame(columns=row.index))
    return " ".join(f"{n}={_plain(row[n])}" for n in names if not pd.isna(row[n]))


def _plain(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else f"{value}"
