"""Motion as a camera far in front of a person would see it: two dimensions, the third zero.

The setting of Klezovich et al., Figure 3, on motion that has three dimensions: an orthographic
projection onto the frontal plane (x to the side, y up), still in metres. What stands in a plane has
no rotations, so its features are positions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.skeleton import Skeleton

SUFFIX = ":2d"
"""Of the name of a data set that is projected: `embedded:2d`."""


def frontal(clip: Clip) -> Clip:
    """The clip with z = 0 everywhere, bones included, and without rotations.

    Raises:
        BadInput: it is in pixels, which have no depth to leave out.
    """
    if clip.unit == "px":
        raise BadInput(f"{clip.recording}: is in pixels, which are a projection already")
    flat = np.array([1.0, 1.0, 0.0])
    skeleton = clip.skeleton
    ends = {j: offset * flat for j, offset in skeleton.end_sites.items()}
    bones = Skeleton(skeleton.names, skeleton.parents, skeleton.offsets * flat, ends)
    return replace(clip, skeleton=bones, positions=clip.positions * flat, rotations=None)
