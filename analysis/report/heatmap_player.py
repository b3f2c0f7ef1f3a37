"""Windows of heatmaps on the page: original and reconstruction of the points that fit into it.

Each window is one greyscale PNG, frames from left to right and pictures one under another, in 16
levels and at most `MOST_FRAMES` frames of `MOST_PIXELS` pixels: enough to see what became of whom.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from markupsafe import Markup

from analysis.findings import Findings
from analysis.report.payload import plain
from analysis.shown_heatmaps import ORIGINAL, RECONSTRUCTION, ShownWindows, read_windows
from search_spaces.heatmap_metrics import IOU
from search_spaces.record import MISSING

BUDGET = 4_000_000
"""Characters of windows on a page."""
MOST_FRAMES, MOST_PIXELS = 32, 64
LEVELS = 16
PLACE_STEPS = 32
"""Steps to a pixel, of located keypoints."""


def windows_payload(
    findings: Findings, rows: Sequence[int], budget: int = BUDGET
) -> dict[str, Any] | None:
    """Windows of so many of the points as fit, in the order given; None where no trial left any.

    Returns:
        `fps`; `sheets` (key -> `frames`, `size`, `pictures`, `png`, and of keypoint maps `points`
        packed, `joints`, `limbs`), each original once; `points` (row -> window -> `why`, `score`,
        keys `original` and `made`); `left_out`, the number of points that had no room; `lacking`,
        of those that left none.
    """
    sheets: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[str, Any]] = {}
    fps, spent, left_out, lacking = 0.0, 0, 0, 0
    scores = _scores(findings, rows)
    for row in rows:
        point = findings.means.iloc[row]
        shown = read_windows(findings.log.folder, str(point["trial"]))
        if shown is None or not shown.why:
            lacking += 1
            continue
        own: dict[str, Any] = {}
        new: dict[str, dict[str, Any]] = {}
        for window, why in shown.why.items():
            keys = {}
            for which in (ORIGINAL, RECONSTRUCTION):
                sheet = _sheet(shown, window, which)
                keys[which] = hashlib.sha256(sheet["png"].encode()).hexdigest()[:16]
                if keys[which] not in sheets:
                    new[keys[which]] = sheet
            own[window] = {
                "why": list(why),
                "score": plain(scores.get((str(point["point"]), window))),
                "original": keys[ORIGINAL],
                "made": keys[RECONSTRUCTION],
            }
        cost = sum(len(s["png"]) + len(s.get("points", "")) for s in new.values())
        if spent + cost > budget:
            left_out += 1
            continue
        spent, fps = spent + cost, shown.fps
        sheets |= new
        found[str(row)] = own
    if not found:
        return None
    return {"fps": plain(fps), "sheets": sheets, "points": found, "left_out": left_out,
            "lacking": lacking, "steps": PLACE_STEPS}  # fmt: skip


def windows_section(payload: Mapping[str, Any] | None) -> Markup | None:
    """The player's part of the page; None where there is nothing to play."""
    if payload is None:
        return None
    more = ""
    if payload["left_out"]:
        more += f" {payload['left_out']} of the points looked at closely had no room."
    if payload["lacking"]:
        more += f" {payload['lacking']} left no windows."
    own = (files(__package__) / "heatmap_player.html").read_text(encoding="utf-8")
    return Markup(own.replace("{{ more }}", more))


def _sheet(shown: ShownWindows, window: str, which: str) -> dict[str, Any]:
    maps = shown.maps(window, which)[:, :MOST_FRAMES]
    fold = max(1, maps.shape[-1] // MOST_PIXELS)
    small = _folded(maps, fold)
    pictures, frames, size = small.shape[:3]
    sheet: dict[str, Any] = {
        "frames": frames,
        "size": size,
        "pictures": list(shown.pictures),
        "png": _png(small.transpose(0, 2, 1, 3).reshape(pictures * size, frames * size)),
    }
    points = shown.points(window, which)
    if points is not None:
        steps = np.rint(np.nan_to_num(points[:, :MOST_FRAMES] / fold) * PLACE_STEPS)
        whole = np.where(np.isfinite(points[:, :MOST_FRAMES]), steps, MISSING)
        raw = np.clip(whole, MISSING, -MISSING - 1).astype("<i2").tobytes()
        sheet["points"] = base64.b64encode(raw).decode("ascii")
        sheet["joints"] = int(points.shape[2])
        sheet["limbs"] = [[int(a), int(b)] for a, b in shown.limbs]
    return sheet


def _folded(maps: np.ndarray, fold: int) -> np.ndarray:
    """The brightest of each block of pixels: a limb of a pixel's width is not to fade away."""
    if fold == 1:
        return maps
    pictures, frames, size, _ = maps.shape
    blocks = maps.reshape(pictures, frames, size // fold, fold, size // fold, fold)
    return np.asarray(blocks.max(axis=(3, 5)))


def _png(grey: np.ndarray) -> str:
    """uint8 (height, width) in `LEVELS` levels, as base64."""
    from PIL import Image

    step = 255 / (LEVELS - 1)
    levels = (np.rint(grey / step) * step).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _scores(findings: Findings, rows: Sequence[int]) -> dict[tuple[str, str], float]:
    """(point, window) -> foreground IoU on validation."""
    clips = findings.tables.clips
    if clips.empty:
        return {}
    names = set(findings.means.iloc[list(rows)]["point"].astype(str))
    own = clips[(clips["split"] == "val") & (clips["metric"] == IOU.objective())]
    own = own[own["point"].astype(str).isin(names)]
    keys = zip(own["point"].astype(str), own["recording"].astype(str), strict=True)
    return dict(zip(keys, own["value"].astype(float), strict=True))
