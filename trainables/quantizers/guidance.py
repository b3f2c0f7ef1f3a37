"""Entropy guidance: a differentiable estimate of how alike codes are used, and its loss.

EGGesture: Entropy-Guided Vector Quantized Variational AutoEncoder (ACM MM 2024), section 3.2. What
is printed there cannot be trained; the table says what is done instead. `as_printed` does what the
paper prints, as far as it is defined, so that the difference can be shown.

| equation | as printed | here |
|---|---|---|
| 5, similarity | product of latent and code; "cosine" in the text | cosine |
| 6, logits | log of it: undefined below 0, and nearly flat above | sharpness x cosine |
| 8, moving average | old shares, and a little of the batch's | the same |
| 9, loss | +H, which minimising takes to one code | log K - H, at least 0 |

Without sharpness the softmax of cosines is all but uniform whatever codes are used, so its entropy
says nothing and has no gradient.
"""

from __future__ import annotations

import math

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional

_LEAST = 1e-6
"""Where a logarithm as printed would be of 0 or less."""


def code_logits(latents: Tensor, codes: Tensor, sharpness: float, as_printed: bool) -> Tensor:
    """How near each latent is to each code: (tokens, dim), (codes, dim) -> (tokens, codes).

    Equations 5 and 6; as printed, of negative products the logarithm is taken at 1e-6.
    """
    if as_printed:
        return torch.log((latents @ codes.T).clamp(min=_LEAST))
    near = functional.normalize(latents, dim=1) @ functional.normalize(codes, dim=1).T
    return sharpness * near


def assignment(logits: Tensor, temperature: float, gumbel: bool = True) -> Tensor:
    """Soft codes of each token, rows that sum to 1; noise from torch's global generator.

    Equations 6 and 7: softmax((logits + n) / temperature), n from Gumbel(0, 1), or 0 without
    `gumbel`. Tokens and codes as in `code_logits`.
    """
    if gumbel:
        # An exponential's negative logarithm is Gumbel's; it is 0 with no chance worth a guard but
        # rounding's.
        noise = -torch.empty_like(logits).exponential_().clamp(min=1e-20).log()
        logits = logits + noise
    return (logits / temperature).softmax(1)


def entropy(shares: Tensor) -> Tensor:
    """Entropy of shares (codes,) that sum to 1, nats."""
    return torch.special.entr(shares).sum()


def entropy_loss(shares: Tensor, as_printed: bool = False) -> Tensor:
    """What is minimised: log K - H of shares (codes,), 0 where all are alike; as printed, H."""
    found = entropy(shares)
    return found if as_printed else math.log(len(shares)) - found


class EntropyGuidance(nn.Module):
    """Keeps a moving average of the estimated use of each level's codes.

    Buffer `usage` (levels, codes): shares, uniform at first, which sum to 1 on every level.
    """

    usage: Tensor

    def __init__(
        self,
        levels: int,
        codes: int,
        *,
        sharpness: float = 14.0,
        temperature: float = 0.5,
        decay: float = 0.95,
        gumbel: bool = True,
        as_printed: bool = False,
        synchronise: bool = False,
    ) -> None:
        """No token seen yet.

        Args:
            levels: of the quantizer.
            codes: of a level.
            sharpness: logit of a latent in the very direction of a code.
            temperature: of the softmax (the paper's tau).
            decay: of the moving average (the paper's alpha). The gradient comes through the batch's
                share of it alone, 1 - decay.
            gumbel: whether noise stands for how unsure the choice of a code is.
            as_printed: whether to follow the paper to the letter.
            synchronise: whether the workers of the default process group share one average.
        """
        super().__init__()
        self.sharpness, self.temperature, self.decay = sharpness, temperature, decay
        self.gumbel, self.as_printed, self.synchronise = gumbel, as_printed, synchronise
        self.register_buffer("usage", torch.full((levels, codes), 1.0 / codes))

    def forward(self, latents: Tensor, codebooks: Tensor, indices: Tensor) -> Tensor:
        """Loss of one training step, a mean over levels; moves the average.

        Args:
            latents: (tokens, dim), with the gradient that guides the encoder.
            codebooks: (levels, codes, dim), taken as they are.
            indices: (tokens, levels) chosen, -1 where a level was left out: that level and those
                below are left as they are.
        """
        losses = []
        residual = latents
        for level, codes in enumerate(codebooks.detach()):
            chosen = indices[:, level]
            if bool((chosen < 0).any()):
                break
            logits = code_logits(residual, codes, self.sharpness, self.as_printed)
            batch = self._batch(assignment(logits, self.temperature, self.gumbel))
            average = self.decay * self.usage[level] + (1 - self.decay) * batch
            self.usage[level] = average.detach()
            losses.append(entropy_loss(average, self.as_printed))
            residual = residual - codes[chosen]
        return torch.stack(losses).mean() if losses else latents.new_zeros(())

    def _batch(self, soft: Tensor) -> Tensor:
        """Shares (codes,) of a batch; of all workers' tokens, with the gradient of one's own."""
        own = soft.sum(0) / max(len(soft), 1)  # a worker may have no token
        if not self.synchronise:
            return own
        sums = torch.cat([soft.detach().sum(0), soft.new_tensor([len(soft)])])
        torch.distributed.all_reduce(sums)
        return sums[:-1] / sums[-1] + own - own.detach()
