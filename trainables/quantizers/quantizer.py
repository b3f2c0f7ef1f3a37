"""What every quantizer offers the codecs: latents to indices of codes, and back.

Indices are (tokens, levels) in [0, alphabet of the level). A quantizer decides nothing about
batches or weights; it draws random numbers from torch's global generator, which a codec seeds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Quantizer(nn.Module):
    """A quantizer of vectors.

    Attributes:
        levels: indices of a token.
    """

    levels: int

    @property
    def initialised(self) -> bool:
        """Whether it can code; quantizers whose codes do not come from data always can."""
        return True

    @property
    def initial_sample(self) -> int:
        """Training vectors that `initialise` wants, over all workers."""
        return 1

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Starts from a large sample of training latents (tokens, dim), the same on all workers."""
        if not self.training:
            raise RuntimeError("codebooks are initialised in training mode only")

    @abstractmethod
    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step's quantization; may move the codes.

        Args:
            latents: (tokens, dim).

        Returns:
            quantized (tokens, dim) with gradients to `latents`, indices (tokens, levels), -1 where
            quantizer dropout left a level out, and the loss that `commitment` weighs.
        """

    def guidance_loss(self, latents: Tensor, indices: Tensor) -> Tensor | None:
        """A loss of how a step uses the codes, for quantizers that guide it; None for others.

        Args:
            latents: (tokens, dim) that the step quantized.
            indices: (tokens, levels) that `quantize` gave for them.
        """
        return None

    @abstractmethod
    def indices(self, latents: Tensor) -> Tensor:
        """Codes of latents: (tokens, dim) -> (tokens, levels). Moves nothing."""

    @abstractmethod
    def decode(self, indices: Tensor, depth: int | None = None) -> Tensor:
        """Vectors of the first `depth` levels: (tokens, levels) -> (tokens, dim)."""

    @abstractmethod
    def arrays(self) -> dict[str, Tensor]:
        """Everything learnt that coding needs, by name."""

    @abstractmethod
    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes what `arrays` gave, ready for evaluation.

        Raises:
            KeyError, RuntimeError, ValueError: they do not fit.
        """

    def checked_depth(self, depth: int | None) -> int:
        """A depth to decode; all levels where left out. ValueError where there are not so many."""
        depth = self.levels if depth is None else depth
        if not 1 <= depth <= self.levels:
            raise ValueError(f"depth must be from 1 to {self.levels}, got {depth}")
        return depth

    def refuse_uninitialised(self) -> None:
        """RuntimeError before the first training."""
        if not self.initialised:
            raise RuntimeError("the codebooks hold nothing yet; train before encoding")

    def refuse_quantizing(self) -> None:
        """RuntimeError where a training step has no place."""
        if not (self.training and self.initialised):
            raise RuntimeError("quantize needs training mode and initialised codebooks")


class Weighted(Quantizer):
    """A quantizer that wraps a module of the library, whose weights are all that it learns."""

    library: nn.Module

    def arrays(self) -> dict[str, Tensor]:
        """The module's weights as `quantizer.*`; none where it projects nothing."""
        weights = self.library.state_dict()
        return {f"quantizer.{name}": value for name, value in weights.items()}

    def load_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes the weights."""
        prefix = "quantizer."
        found = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        self.library.load_state_dict(found)


def dropout_draw(
    probability: float, levels: int, generator: torch.Generator | None = None
) -> int | None:
    """A seed for the level that this step stops after, or None where it has all levels.

    Nothing is drawn where there is no dropout, so that it leaves other random numbers alone. The
    generator is one of the CPU, torch's global one where None.
    """
    if probability == 0 or levels == 1:
        return None
    if float(torch.rand((), generator=generator)) >= probability:
        return None
    return int(torch.randint(0, 1 << 31, (), generator=generator))
