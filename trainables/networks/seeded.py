"""Torch's global generator, borrowed and given back.

Weight initialisation and vector-quantize-pytorch draw from the global generator. Within this
context what they draw follows from a key alone, so a trial's result does not depend on what ran
before it in the process, and whoever owns the generator finds it as it was.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import torch


def seed_of(*key: int) -> int:
    """A generator's seed from a key (whole numbers from 0)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


class SeededTorch:
    """Context in which `seed` sets torch's generators of the CPU and of one device."""

    def __init__(self, device: str = "cpu") -> None:
        """A context for work on `device`."""
        self._device = torch.device(device)
        self._kept: list[Any] = []

    def __enter__(self) -> SeededTorch:
        self._kept = [torch.get_rng_state()]
        if self._device.type == "cuda":
            self._kept.append(torch.cuda.get_rng_state(self._device))
        return self

    def seed(self, *key: int) -> None:
        """Everything drawn from here on follows from the key (whole numbers from 0)."""
        state = seed_of(*key)
        # Not torch.manual_seed: without a GPU it keeps a stack trace for later at every call.
        torch.default_generator.manual_seed(state)
        if self._device.type == "cuda":
            with torch.cuda.device(self._device):
                torch.cuda.manual_seed(state)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        torch.set_rng_state(self._kept[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(self._kept[1], self._device)
