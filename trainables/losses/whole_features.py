"""All features of a part from those that a codec sees, differentiable.

A codec sees scaled features that move; joints need all three of theirs, with what stands still.
"""

from __future__ import annotations

import numpy as np
import roma
import torch
from torch import Tensor, nn

from trainables.motion.part_data import PartGeometry


class WholeFeatures(nn.Module):
    """Scaled active features -> features of every coded joint, and their rotations.

    Buffers `mean` and `std` (dimensions,) are what scaled features are relative to and divided by.
    """

    def __init__(self, geometry: PartGeometry, mean: np.ndarray, std: np.ndarray) -> None:
        """For features scaled as (features - mean) / std; `active` ones are those seen."""
        super().__init__()
        self.kind = geometry.kind
        self.keep("mean", mean)
        self.keep("std", std)
        self.keep("constant", geometry.constant)
        self.register_buffer("active", torch.as_tensor(np.array(geometry.active, np.int64)))
        if self.kind == "expmap":
            self.keep("mean_rotations", geometry.mean_rotations)
        elif self.kind != "position":
            raise ValueError(f"features must be of kind expmap or position, got {geometry.kind!r}")

    def keep(self, name: str, values: np.ndarray) -> None:
        """A buffer of single precision."""
        self.register_buffer(name, torch.as_tensor(np.array(values, np.float32)))

    def whole(self, scored: Tensor) -> Tensor:
        """(frames, dimensions) -> (frames, joints, 3)."""
        frames = len(scored)
        full = self.constant.repeat(frames, 1)
        full = full.index_copy(1, self.active, scored * self.std + self.mean)
        return full.view(frames, -1, 3)

    def rotations(self, scored: Tensor) -> Tensor:
        """(frames, dimensions) -> (frames, joints, 3, 3), of each joint relative to its parent."""
        return torch.as_tensor(self.mean_rotations @ roma.rotvec_to_rotmat(self.whole(scored)))
