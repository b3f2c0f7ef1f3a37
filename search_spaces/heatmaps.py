"""What heatmaps are made of motion: size, what is drawn, how bright, from where, in which windows.

The words that a preset and a rate need, without torch or any motion. `PAIRS` are the inputs and
targets of the authors' configurations of "Adversarially refined VQ-GAN" (2-D, limb channels to one,
several cameras, cameras to 3-D, 3-D).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from search_spaces.errors import BadInput
from search_spaces.spec import EMBEDDED, Size

Heatmap = Literal["limbs", "keypoints"]
Channels = Literal["one", "each"]
Intensity = Literal["constant", "confidence", "random"]
PairName = Literal["2d_2d", "c2d_2d", "m2d_m2d", "m2d_3d", "3d_3d"]
PLANES = ("front", "side", "top")
"""Planes that 3-D heatmaps are projected on: x-y, z-y and x-z."""


@dataclass(frozen=True)
class Picture:
    """One side of a pair.

    Attributes:
        seen: from the first view, from all views (one after another), or as three planes of 3-D.
        channels: one or each, or None where the specification decides.
    """

    seen: Literal["view", "views", "planes"]
    channels: Channels | None = None


PAIRS: dict[PairName, tuple[Picture, Picture]] = {
    "2d_2d": (Picture("view"), Picture("view")),
    "c2d_2d": (Picture("view", "each"), Picture("view", "one")),
    "m2d_m2d": (Picture("views"), Picture("views")),
    "m2d_3d": (Picture("views"), Picture("planes")),
    "3d_3d": (Picture("planes"), Picture("planes")),
}
"""Input and target by name. The published "2D" rows are `c2d_2d` (17 limbs), the 3-D ones
`3d_3d`."""


class HeatmapSpec(BaseModel):
    """Heatmaps of a data set."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: str = EMBEDDED
    """Motion files, a folder of them, Panoptic sessions, or `embedded`."""
    embedded_size: Size = "reduced"
    embedded_seed: int = 0
    rest_skeleton: str = ""
    body_model: str = ""
    fps: float = Field(default=0.0, ge=0, le=1000)
    """Frames per second; 0 keeps the files' own, which must then be one."""
    pair: PairName = "2d_2d"
    heatmap: Heatmap = "limbs"
    channels: Channels = "one"
    """One channel, or one per limb or keypoint, where the pair leaves it open."""
    size: int = Field(default=128, ge=16, le=256)
    """Height and width, pixels."""
    window: int = Field(default=64, ge=2, le=1024)
    """Frames."""
    stride: int = Field(default=90, ge=1)
    """Frames between the starts of two windows."""
    jitter: int = Field(default=0, ge=0)
    """Frames by which the starts of training windows move at most, drawn anew on each pass."""
    sigma: float = Field(default=0.75, gt=0, le=16)
    """Of the Gaussians, pixels."""
    fill: float = Field(default=0.9, gt=0, le=1)
    """Share of the picture that the motion's box fills in its longer direction."""
    intensity: Intensity = "constant"
    intensity_seed: int = Field(default=0, ge=0)
    views: tuple[str, ...] = ("yaw=0",)
    """`yaw=DEGREES`, `perspective=DEGREES`, or cameras of the data by name; the first alone for
    pairs of one view."""
    least_visible: float = Field(default=0.9, ge=0, le=1)
    """Of the joints that were seen in a window, the share that each camera must see of them."""
    split: Literal["auto", "recording", "time"] = "auto"
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_seed: int = 0
    gap_seconds: float = Field(default=1.0, ge=0.0)

    @model_validator(mode="after")
    def _fits(self) -> HeatmapSpec:
        if not self.views:
            raise ValueError("views must name at least one, such as yaw=0")
        if len(set(self.views)) != len(self.views):
            raise ValueError(f"views must differ, got {', '.join(self.views)}")
        asked = {picture.seen for picture in PAIRS[self.pair]}
        if "views" in asked and len(self.views) < 2:
            raise ValueError(f"pair {self.pair} needs two views or more, such as yaw=0 and yaw=90")
        if not all(0 < share < 1 for share in self.shares) or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"shares must be positive and sum to 1, got {self.shares}")
        return self

    def input_channels(self, drawn: int) -> int:
        """Channels of the input where `drawn` limbs or keypoints are drawn."""
        return self._channels(PAIRS[self.pair][0], drawn)

    def target_channels(self, drawn: int) -> int:
        """Channels of the target where `drawn` limbs or keypoints are drawn."""
        return self._channels(PAIRS[self.pair][1], drawn)

    def channels_of(self, picture: Picture) -> Channels:
        """One or each, as the pair or else the specification says."""
        return picture.channels or self.channels

    def _channels(self, picture: Picture, drawn: int) -> int:
        pictures = {"view": 1, "views": len(self.views), "planes": len(PLANES)}[picture.seen]
        return pictures * (drawn if self.channels_of(picture) == "each" else 1)


def heatmap_spec(settings: dict[str, Any]) -> HeatmapSpec:
    """A specification of settings as a person writes them.

    Raises:
        BadInput: a key or value that there is not, in one line.
    """
    try:
        return HeatmapSpec(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "heatmaps"
        known = f"; the keys are {', '.join(HeatmapSpec.model_fields)}"
        more = known if first["type"] == "extra_forbidden" else ""
        said = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{place}: {said}{more}") from None
