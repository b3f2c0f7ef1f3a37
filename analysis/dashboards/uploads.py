"""What of a sweep leaves this machine with a tracker: its page and the codecs of its front.

Motion shows how a person moves, so it leaves only where nothing speaks against it
(`analysis.motion_shown`); scores, configurations and codecs always may. Reconstructions, tokens
and recordings are never uploaded as files.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.dashboards.overview import Overview
from analysis.findings import Findings
from analysis.log import Log
from analysis.motion_shown import kept_here
from analysis.points import Tables, clips_frame, points_frame, trials_frame
from search_spaces.record import CODEC_FOLDER, PREPARATION_FOLDER, REPORT_FILE, TRIALS_FOLDER

PAGE_WITHOUT_CLIPS = "report-without-clips.html"
"""The page that is uploaded where motion stays here; made beside the report."""


def shared_page(log: Log, clips: bool) -> Path | None:
    """The page as it may be uploaded; None where no report was built.

    Args:
        log: of the sweep.
        clips: False where motion was not to leave with this upload (`--no-clips`).
    """
    page = log.folder / REPORT_FILE
    if not page.is_file():
        return None
    if clips and not kept_here(log):
        return page
    from analysis.report.report import render  # brings Plotly

    tables = Tables(trials_frame(log), points_frame(log), clips_frame(log), {})
    bare = log.folder / PAGE_WITHOUT_CLIPS
    bare.write_text(render(Findings(log, tables), clips=False), encoding="utf-8")
    return bare


def on_a_front(seen: Overview) -> list[str]:
    """Trials with a point on the front of any distortion, in the order of the points."""
    points = seen.points
    if "fronts" not in points.columns or points.empty:
        return []
    return list(dict.fromkeys(points.loc[points["fronts"] != "", "trial"].astype(str)))


def codec_folders(log: Log, trial: str) -> dict[str, Path]:
    """Folders that make a trial's codec whole, by the name that they are uploaded under."""
    places = {
        CODEC_FOLDER: log.folder / TRIALS_FOLDER / trial / CODEC_FOLDER,
        PREPARATION_FOLDER: log.folder / PREPARATION_FOLDER,
    }
    if not places[CODEC_FOLDER].is_dir():
        return {}
    return {name: place for name, place in places.items() if place.is_dir()}


def deepest_rows(points: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Trial -> row of its deepest point."""
    ordered = points.sort_values("depth", kind="stable")
    rows = [{str(k): v for k, v in row.items()} for row in ordered.to_dict("records")]
    return {str(row["trial"]): row for row in rows}
