"""Words for codecs, metrics, units and operating points, as figures and the report say them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from search_spaces.objectives import Scope, find_metric
from search_spaces.units import APPROX_SKELETON

CODECS = {
    "kmeans": "K-Means", "rqvae": "RQ-VAE", "temporal_rvq": "Temporal RVQ",
    "eg_vqvae": "EG-VQVAE", "flow_matching": "Flow matching", "vqgan": "VQ-GAN", "dvae": "dVAE",
}  # fmt: skip
UNITS = {
    "bps": "bits/s", "cm": "cm", "pct": "%", "mps3": "m/s³", "codes": "codes", "px": "px",
    "pxps3": "px/s³", "sw": "shoulder widths", "swps3": "shoulder widths/s³",
}  # fmt: skip
SCOPES = {"full": "full pose", "hands": "hands"}


def codec_label(codec: str) -> str:
    """A codec's name for legends; a plugin's codec goes by its own."""
    return CODECS.get(codec, codec)


def part_label(part: str) -> str:
    """`right_hand` as "right hand"."""
    return SCOPES.get(part, part.replace("_", " "))


def unit_label(objective: str) -> str:
    """Unit of an objective or column, as it is printed.

    >>> unit_label("rmse_full_px"), unit_label("rmse_full_cm_approx_skeleton")
    ('px', 'cm on average bones')
    """
    unit = find_metric(objective)[0].unit
    bare = unit.removesuffix(f"_{APPROX_SKELETON}")
    return UNITS.get(bare, bare) + (" on average bones" if bare != unit else "")


def objective_label(objective: str) -> str:
    """An objective or column in words.

    >>> objective_label("val_rmse_right_hand_cm"), objective_label("hull_error_pct")
    ('Right hand RMSE', 'Wrist hull error')
    """
    metric, scope = find_metric(objective)
    if not scope:
        words = metric.title
    elif metric.scope is Scope.RATE:
        words = f"{metric.title}, {part_label(scope)}"
    else:
        words = f"{part_label(scope)} {metric.title}"
    return words[0].upper() + words[1:]


def quantity(value: float, objective: str) -> str:
    """A value with its unit: rates without, distortions with three significant digits.

    >>> quantity(1234.4, "rate_nominal_bps"), quantity(2.3456, "rmse_full_cm")
    ('1,234 bits/s', '2.35 cm')
    """
    unit = unit_label(objective)
    # SSIM and IoU are of no unit, and nobody says "an IoU of 0.6 index"
    return number(value) if unit == "index" else f"{number(value)} {unit}"


def number(value: float) -> str:
    """Three significant digits, or whole from 100 on; a dash for what is not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(0, min(digits, 6))}f}"


def error_number(value: float) -> str:
    """A standard error: two significant digits.

    >>> error_number(0.0344), error_number(12.3)
    ('0.034', '12')
    """
    if not math.isfinite(value) or value == 0 or abs(value) >= 10:
        return number(value) if not math.isfinite(value) else f"{value:,.0f}"
    return f"{value:.{max(0, 1 - math.floor(math.log10(abs(value))))}f}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(7), duration(95), duration(7320)
    ('7 s', '1 min 35 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def point_label(row: Mapping[Any, Any]) -> str:
    """An operating point in a few signs: codec, codes × levels decoded, compression in time.

    >>> point_label({"codec": "rqvae", "codebook_size": 32, "levels": 4, "depth": 2})
    'RQ-VAE 32×2'
    """
    words = codec_label(str(row["codec"]))
    size, depth = row.get("codebook_size"), row.get("depth")
    if _given(size):
        words += f" {int(float(str(size)))}"
    residual = _given(row.get("quantizer_depth")) or _number(row.get("levels")) > 1
    if residual and _given(depth):
        words += f"×{int(float(str(depth)))}"
    if _number(row.get("compression")) > 1:
        words += f" ÷{int(_number(row.get('compression')))}"
    return words


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _given(value: object) -> bool:
    return value is not None and not math.isnan(_number(value))


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan
