"""What a camera sees of people: points in a picture, rows running down, and which are in view.

Two kinds. A calibrated `Camera` is the pinhole model with lens distortion that Panoptic's files
hold (Brown's five coefficients: http://domedb.perception.cs.cmu.edu/tools/projectPoints.m). A
`YawView` stands at an angle about the vertical axis and needs no calibration: orthographic, or
perspective from a distance of a few bodies. Clips have Y up; pictures have their rows down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Protocol

import numpy as np

from search_spaces.errors import BadInput

NEAR = 0.05
"""Of a camera, in the clip's unit: what is nearer, or behind it, is not in view."""
OUTSIDE = 0.25
"""Of a picture's size: further out the distortion's polynomial turns back into the picture."""
PERSPECTIVE_DISTANCE = 3.0
"""Of a perspective view from what it looks at, in sizes of the motion's box."""


class View(Protocol):
    """Anything that turns positions into points of a picture."""

    @property
    def name(self) -> str:
        """What the view is called in a specification."""
        ...

    def see(self, positions: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (frames, joints, 2), x to the right and rows down, and (frames, joints) bool.

        Args:
            positions: (frames, joints, 3), Y up; NaN where not seen.
            seen: (frames, joints) bool.
        """
        ...


@dataclass(frozen=True, eq=False)
class Camera:
    """A calibrated camera in the frame of a clip.

    Attributes:
        name: such as "00_03".
        rotation: (3, 3), clip -> camera (x right, y down, z forward).
        translation: (3,), in the clip's unit.
        intrinsics: (3, 3), pixels.
        distortion: (5,), k1, k2, p1, p2, k3.
        resolution: width and height, pixels.
    """

    name: str
    rotation: np.ndarray
    translation: np.ndarray
    intrinsics: np.ndarray
    distortion: np.ndarray
    resolution: tuple[int, int]

    def see(self, positions: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels, and True where a joint was seen and falls inside the picture."""
        local = positions @ self.rotation.T + self.translation
        depth = local[..., 2]
        with np.errstate(invalid="ignore", over="ignore"):
            ahead = seen & (depth > NEAR)
            plane = local[..., :2] / np.where(ahead, depth, 1.0)[..., None]
            straight = self._pixels(plane)
            near = self._inside(straight, OUTSIDE)
            pixels = self._pixels(_distorted(plane, self.distortion))
            visible = ahead & near & self._inside(pixels, 0.0)
        return np.where(visible[..., None], pixels, np.nan), visible

    def _pixels(self, plane: np.ndarray) -> np.ndarray:
        return np.asarray(plane @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2])

    def _inside(self, pixels: np.ndarray, beyond: float) -> np.ndarray:
        size = np.array(self.resolution, float)
        least, most = -beyond * size, (1 + beyond) * size - 1
        return np.asarray(((pixels >= least) & (pixels <= most)).all(axis=-1))


@dataclass(frozen=True)
class YawView:
    """A camera at an angle about the vertical axis, which sees all of the motion.

    At 0 degrees it stands on +Z and looks at people who face it; x of the clip runs to its right.

    Attributes:
        degrees: the angle, counter-clockwise as seen from above.
        perspective: False for parallel rays.
    """

    degrees: float
    perspective: bool = False

    @property
    def name(self) -> str:
        """As in a specification."""
        return f"{'perspective' if self.perspective else 'yaw'}={self.degrees:g}"

    def see(self, positions: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points in the clip's unit (orthographic) or in body sizes (perspective)."""
        turn = radians(self.degrees)
        right = positions @ np.array([cos(turn), 0.0, -sin(turn)])
        down = -positions[..., 1]
        points = np.stack([right, down], axis=-1)
        if self.perspective and seen.any():
            shown = positions[seen]
            least, most = shown.min(axis=0), shown.max(axis=0)
            middle, size = (least + most) / 2, float(np.max(most - least)) or 1.0
            toward = np.array([sin(turn), 0.0, cos(turn)])
            depth = PERSPECTIVE_DISTANCE * size - (positions - middle) @ toward
            offset = np.array([middle @ np.array([cos(turn), 0.0, -sin(turn)]), -middle[1]])
            points = (points - offset) / depth[..., None]
        return np.where(seen[..., None], points, np.nan), seen


def parse_view(text: str, cameras: Sequence[Camera] = ()) -> View:
    """`yaw=45`, `perspective=45`, or the name of a calibrated camera.

    Raises:
        BadInput: neither, with the names that there are.
    """
    kind, _, angle = text.partition("=")
    if kind in ("yaw", "perspective"):
        try:
            degrees = float(angle)
        except ValueError:
            degrees = np.nan
        if not np.isfinite(degrees):
            raise BadInput(f"view {text!r}: the angle must be a number of degrees, as in {kind}=45")
        return YawView(degrees, kind == "perspective")
    found = [camera for camera in cameras if camera.name == text]
    if found:
        return found[0]
    names = ", ".join(c.name for c in cameras) or "none, as the data hold no calibration"
    raise BadInput(
        f"no view {text!r}; use yaw=DEGREES, perspective=DEGREES or a camera of the data ({names})"
    )


def _distorted(plane: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    k1, k2, p1, p2, k3 = coefficients
    x, y = plane[..., 0], plane[..., 1]
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y),
        ],
        axis=-1,
    )
