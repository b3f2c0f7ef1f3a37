"""The space the wrists reach: volume of the convex hull of their path.

Both wrists of a recording form one cloud [Klezovich et al., Table 2: the reconstruction's volume
in percent of the original's]. The percentage hangs on the outermost points and can exceed 100, so
it is read against 100 and never maximised; `hull_error` is the form that can be optimised. In the
plane of a picture the hull is an area.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from search_spaces.objectives import HULL, HULL_ERROR
from trainables.metrics.clip_pair import ClipPair, clip_metric


def hull_volume(points: np.ndarray) -> float:
    """Volume of the convex hull of a cloud of points.

    Args:
        points: (n, 3), metres.

    Returns:
        Cubic metres; 0.0 where the points span no volume (fewer than four, all in one plane,
        repeated); NaN where a coordinate is not finite.

    Raises:
        ValueError: the shape is not (n, 3).
    """
    return _hull(points, 3)


def hull_area(points: np.ndarray) -> float:
    """Area of the convex hull of a cloud of points in the plane.

    Args:
        points: (n, 2).

    Returns:
        Square of their unit; 0.0 where they span none (fewer than three, all on a line); NaN where
        a coordinate is not finite.

    Raises:
        ValueError: the shape is not (n, 2).
    """
    return _hull(points, 2)


def _hull(points: np.ndarray, dimensions: int) -> float:
    if points.ndim != 2 or points.shape[1] != dimensions:
        raise ValueError(f"points must be (n, {dimensions}), got {points.shape}")
    if not np.isfinite(points).all():
        return math.nan
    if len(points) <= dimensions or _lies_in_a_plane(points):
        return 0.0
    cloud = points.astype(np.float64)
    try:
        # Centred, since Qhull's own tolerance grows with the distance from the origin. What it
        # calls volume is the area where points lie in a plane.
        return float(ConvexHull(cloud - cloud.mean(axis=0)).volume)
    except QhullError:  # thinner than Qhull can tell from a plane
        return 0.0


def hull_percent(
    original_wrists: np.ndarray,
    reconstructed_wrists: np.ndarray,
    seen: np.ndarray | None = None,
    dimensions: int = 3,
) -> float:
    """Hull volume of the reconstruction, in percent of the original's.

    Args:
        original_wrists: (frames, wrists, 3) or (n, 3), metres; all points form one cloud.
        reconstructed_wrists: likewise.
        seen: (frames, wrists) or (n,) bool: the points that count; all where left out.
        dimensions: 2 where z is 0 everywhere: then areas are compared.

    Returns:
        Percent; NaN where there are no points or the original spans no volume.
    """
    clouds = [wrists.reshape(-1, 3) for wrists in (original_wrists, reconstructed_wrists)]
    if seen is not None:
        clouds = [cloud[seen.reshape(-1)] for cloud in clouds]
    if clouds[0].size == 0:
        return math.nan
    spans = [hull_area(c[:, :2]) if dimensions == 2 else hull_volume(c) for c in clouds]
    return math.nan if spans[0] == 0.0 else 100.0 * spans[1] / spans[0]


@clip_metric(HULL)
def clip_hull(pair: ClipPair, scope: str) -> float:
    """Hull percentage of the wrists found, one cloud; NaN where none was found."""
    wrists = list(pair.wrists)
    seen = None if pair.seen is None else pair.seen[:, wrists]
    original, reconstruction = pair.original[:, wrists], pair.reconstruction[:, wrists]
    return hull_percent(original, reconstruction, seen, pair.dimensions)


@clip_metric(HULL_ERROR)
def clip_hull_error(pair: ClipPair, scope: str) -> float:
    """|100 - hull percentage|; NaN where that is."""
    return abs(100.0 - clip_hull(pair, scope))


def _lies_in_a_plane(points: np.ndarray) -> bool:
    # Points stored in a plane lie off it by their rounding: a slab that thin is a plane. Without
    # this, float32 wrists that rest give volumes of 1e-9 m^3, and percentages of those.
    kind = points.dtype if points.dtype.kind == "f" else np.dtype(np.float64)
    rounding = 4.0 * float(np.finfo(kind).eps) * float(np.abs(points).max())
    centred = points.astype(np.float64)
    centred -= centred.mean(axis=0)
    thickness = np.linalg.svd(centred, compute_uv=False)[-1] / math.sqrt(len(points))
    return bool(thickness <= rounding)
