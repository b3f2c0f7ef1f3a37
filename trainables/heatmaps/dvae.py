"""The dVAE baseline: a distribution over codes at each token, relaxed while it trains.

Same encoder and decoder as the VQ-GAN; logits over K codes, Gumbel-softmax with a temperature that
falls from 1 by a cosine, the expected code goes on to the decoder; absolute or squared error plus
`loss.kl` x KL(q || uniform) per token in nats, whose weight grows over `kl_warmup` of the steps. No
adversary and no perception. Coding takes the likeliest code.

https://arxiv.org/abs/2102.12092, section 2.1; the paper of the heatmap VQ-GAN gives no form of its
baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.heatmaps.codec import Coded, HeatmapCodec, Piece
from trainables.runtime import Runtime

_NOISE = 5  # stream of random numbers


class Codebook(nn.Module):
    """Logits of latents over codes, and the codes."""

    def __init__(self, dim: int, codes: int) -> None:
        """`codes` vectors of `dim`."""
        super().__init__()
        self.logits = nn.Conv3d(dim, codes, 1)
        self.codes = nn.Parameter(torch.randn(codes, dim))


class DVAECodec(HeatmapCodec):
    """A dVAE of heatmaps."""

    family = "dvae"

    def new_networks(self, workers: int) -> dict[str, nn.Module]:
        """Encoder, decoder and the codebook."""
        codebook = Codebook(self.whole("latent_dim"), self.whole("codebook_size"))
        return {**self.autoencoder(), "codebook": codebook}

    def learners(self, networks: nn.ModuleDict) -> dict[str, list[nn.Parameter]]:
        """All weights under one optimiser."""
        return {"generator": list(networks.parameters())}

    def work_off(
        self, piece: Piece, step: int, share: float, runtime: Runtime
    ) -> dict[str, Tensor]:
        """Error of relaxed codes and their divergence from even use."""
        done = step / self.whole("max_steps")
        logits = self._logits(piece.input)
        noise = torch.stack([self._noise(step, place, logits) for place in piece.places])
        heat = temperature(done, self.number("temperature_end"))
        soft = functional.softmax((logits + noise) / heat, dim=1)
        fake = self._decoded(torch.einsum("bk...,kd->bd...", soft, self._codes))
        losses = {"loss.l1": (fake - piece.target).abs().mean()}
        total = self.number("loss.l1") * losses["loss.l1"]
        if self.number("loss.mse") > 0:
            losses["loss.mse"] = functional.mse_loss(fake, piece.target)
            total = total + self.number("loss.mse") * losses["loss.mse"]
        losses["loss.kl"] = divergence_from_uniform(logits)
        warm = self.number("kl_warmup")
        grown = min(1.0, done / warm) if warm > 0 else 1.0
        total = total + grown * self.number("loss.kl") * losses["loss.kl"]
        (share * total).backward()
        return {"loss": total, **losses}

    @torch.no_grad()
    def coded(self, pictures: Tensor) -> Coded:
        """A window through its likeliest codes."""
        self.networks.eval()
        indices = self._logits(pictures[None])[0].argmax(0)
        return Coded(indices, None, None, self.decode(indices))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Pictures from a grid of indices."""
        self.networks.eval()
        return self._decoded(self._codes[indices].movedim(-1, 0)[None])[0]

    def coding_arrays(self) -> dict[str, Tensor]:
        """The codes, and what gives latents their logits."""
        return {f"codebook.{k}": v for k, v in self.networks["codebook"].state_dict().items()}

    def load_coding_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes what `coding_arrays` gave."""
        head = "codebook."
        mine = {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
        self.networks["codebook"].load_state_dict(mine)

    @property
    def _codes(self) -> Tensor:
        return torch.as_tensor(self.networks["codebook"].codes)

    def _logits(self, pictures: Tensor) -> Tensor:
        with self.mixed(pictures):
            latents = self.networks["encoder"](pictures)
            return torch.as_tensor(self.networks["codebook"].logits(latents)).float()

    def _decoded(self, latents: Tensor) -> Tensor:
        with self.mixed(latents):
            return torch.as_tensor(self.networks["decoder"](latents)).float()

    def _noise(self, step: int, place: int, like: Tensor) -> Tensor:
        """Gumbel noise of one window of a step, whoever works it off: (codes, T, H, W)."""
        key = np.random.SeedSequence([self.seed, _NOISE, step, place]).generate_state(1)
        generator = torch.Generator().manual_seed(int(key[0]))
        uniform = torch.rand(like.shape[1:], generator=generator).clamp(1e-10, 1 - 1e-7)
        return -torch.log(-torch.log(uniform)).to(like.device)


def temperature(done: float, end: float) -> float:
    """Of the relaxation after a share of the steps: from 1 to `end` by a cosine.

    >>> temperature(0.0, 0.0625), temperature(1.0, 0.0625)
    (1.0, 0.0625)
    """
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def divergence_from_uniform(logits: Tensor) -> Tensor:
    """Mean KL(q || uniform) over tokens, nats: 0 for even q, log K for one code alone.

    Args:
        logits: (windows, codes, T, H, W).
    """
    logs = functional.log_softmax(logits, dim=1)
    return torch.as_tensor((logs.exp() * logs).sum(1).mean() + math.log(logits.shape[1]))
