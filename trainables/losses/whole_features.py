"""All features of a part from those that a codec sees, differentiable.

A codec sees scaled features that move; joints need all of theirs, with what stands still.
"""

from __future__ import annotations

import numpy as np
import roma
import torch
from torch import Tensor, nn

from trainables.motion.part_data import WIDTHS, PartGeometry

_LEAST = 1e-6  # length of a column of a rotation below which it has no direction


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
        if self.kind not in WIDTHS:
            raise ValueError(f"features must be {', '.join(WIDTHS)}, got {geometry.kind!r}")
        self.width = geometry.width
        if self.kind != "position":
            self.keep("mean_rotations", geometry.mean_rotations)

    def keep(self, name: str, values: np.ndarray) -> None:
        """A buffer of single precision."""
        self.register_buffer(name, torch.as_tensor(np.array(values, np.float32)))

    def whole(self, scored: Tensor) -> Tensor:
        """(frames, dimensions) -> (frames, joints, width)."""
        frames = len(scored)
        full = self.constant.repeat(frames, 1)
        full = full.index_copy(1, self.active, scored * self.std + self.mean)
        return full.view(frames, -1, self.width)

    def rotations(self, scored: Tensor) -> Tensor:
        """(frames, dimensions) -> (frames, joints, 3, 3), of each joint relative to its parent."""
        whole = self.whole(scored)
        if self.kind == "rot6d":
            columns = whole.unflatten(-1, (2, 3)).transpose(-1, -2)
            turned = roma.special_gramschmidt(columns, epsilon=_LEAST)
        else:
            turned = roma.rotvec_to_rotmat(whole)
        return torch.as_tensor(self.mean_rotations @ turned)
