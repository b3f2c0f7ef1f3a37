"""Half-trained networks: all that `fit` needs to go on in another process."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch

Model = TypeVar("Model", bound=torch.nn.Module)


class Resumable(Generic[Model]):
    """A system of one network and one optimiser that is trained by steps.

    `_model` is made at the first `fit`; `_pending` is a state to go on from at the next one.
    """

    _model: Model | None = None
    _optimiser: torch.optim.Optimizer | None = None
    _pending: Mapping[str, Any] | None = None
    _step = 0
    trained_share: float = 0.0

    def training_state(self) -> dict[str, Any]:
        """Step, weights, codebooks with their moving averages, and the optimiser's moments.

        Tensors, numbers and text only.
        """
        if self._pending is not None:
            return copy.deepcopy(dict(self._pending))
        if self._model is None or self._optimiser is None:
            return {}
        return copy.deepcopy(
            {
                "step": self._step,
                "share": self.trained_share,
                "model": dict(self._model.state_dict()),
                "optimiser": self._optimiser.state_dict(),
            }
        )

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `training_state`, from the next `fit` on."""
        self._model, self._optimiser = None, None
        self._pending = copy.deepcopy(dict(state)) if state else None
        self._step = int(state["step"]) if state else 0
        self.trained_share = float(state["share"]) if state else 0.0
