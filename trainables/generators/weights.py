"""What a generator learnt, as arrays to be stored and taken up again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from search_spaces.errors import BadInput
from trainables.training_state import Model, Resumable

_SCALES = ("mean", "std")
"""Stored beside the weights, and none of them."""


class Stored(Resumable[Model]):
    """A system of one network whose weights leave it by name."""

    called: ClassVar[str]
    """Whose weights they are, as a refusal says it."""

    @abstractmethod
    def _new_model(self) -> Model:
        """A network of the configuration, with first weights."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        model = self._model or self._new_model()
        return {k: v.detach().cpu().numpy().copy() for k, v in model.state_dict().items()}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave; BadInput where it fits another configuration."""
        model = self._new_model()
        try:
            model.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(f"weights do not fit {self.called}: {reason}") from None
        self._model, self._optimiser, self._pending = model, None, None
        self.trained_share = 1.0

    def parameters(self) -> int:
        """Weights."""
        return sum(a.size for k, a in self.arrays().items() if k not in _SCALES)
