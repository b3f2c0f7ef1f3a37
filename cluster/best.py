"""`ratefront best`: the best operating point at or under a rate, and where its codec lies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from analysis.fronts import best_at
from analysis.points import configuration_columns, points_frame, read_log
from search_spaces.record import CODEC_FOLDER, TRIALS_FOLDER


def describe_best(folder: Path, at: float, rate: str, console: Console) -> None:
    """Prints the point, its configuration and its codec's folder.

    Test scores are left out: who chose by them would have tuned on test.
    """
    points = points_frame(read_log(folder))
    row = best_at(points, at, rate)
    said = [
        f"{row['codec']} at {row['rate_nominal_bps']:.1f} bits/s nominal, "
        f"{row['val_rate_model_bps']:.1f} bits/s model (validation)",
        f"validation: RMSE {row['val_rmse_full_cm']:.3f} cm full pose",
        f"decodes {int(row['depth'])} of {int(row['levels'])} levels, {_seeds(row)}",
        "configuration: "
        + " ".join(
            f"{c}={row[c]:g}" if isinstance(row[c], float) else f"{c}={row[c]}"
            for c in configuration_columns(points)
            if c in row.index and not pd.isna(row[c])
        ),
        f"codec: {folder / TRIALS_FOLDER / str(row['trial']) / CODEC_FOLDER}",
    ]
    for line in said:
        console.print(line, highlight=False, soft_wrap=True)


def _seeds(row: pd.Series) -> str:
    seeds = int(row.get("seeds", 1))
    mean = f"mean of {seeds} seeds, the codec is that of " if seeds > 1 else ""
    return f"{mean}seed {int(row['seed'])}"
