"""Codes that go unused are drawn towards anchors, as CVQ-VAE does at every step.

Zheng and Vedaldi, Online Clustered Codebook, https://arxiv.org/abs/2307.15139, equations 4 to 6:
with K codes and the running usage N_k (a share: decay g, sum 1),

    a_k = exp(-N_k K 10 / (1 - g) - 0.001),    e_k <- (1 - a_k) e_k + a_k anchor_k.

An unused code becomes its anchor; one of uniform use stays. The usage here is the codebook's own
moving average of counts, with its decay, where the authors keep a second one (g = 0.99, from 0).
Their pool of earlier features, which a batch below K overflows, is the batch itself here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainables.quantizers.nearest import smallest

POLICIES = ("closest", "random", "probabilistic")
_SLACK = 1e-3
_SHARPNESS = 10.0


def pull(usage: Tensor, decay: float) -> Tensor:
    """a_k of each code (codes,) from its share of all uses (codes,)."""
    return torch.exp(-usage * len(usage) * _SHARPNESS / (1 - decay) - _SLACK)


def anchors(
    latents: Tensor,
    codes: Tensor,
    policy: str,
    cosine: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A latent for each code: (tokens, dim), (codes, dim) -> (codes, dim).

    Args:
        latents: of the batch.
        codes: the codebook.
        policy: `closest` to the code; any (`random`); or drawn by the softmax over tokens of their
            similarity to the code (`probabilistic`).
        cosine: whether similarity is that of directions; both are unit vectors then.
        generator: of what is drawn; torch's global one where left out.
    """
    if policy == "random":
        chosen = torch.randint(
            len(latents), (len(codes),), device=latents.device, generator=generator
        )
        return latents[chosen]
    products = codes @ latents.T
    if cosine:
        similarity = products
    else:
        similarity = 2 * products - (latents * latents).sum(1) - (codes * codes).sum(1)[:, None]
    if policy == "closest":
        return latents[smallest(-similarity)]
    if policy == "probabilistic":
        return latents[torch.multinomial(similarity.softmax(1), 1, generator=generator)[:, 0]]
    raise ValueError(f"anchors are {', '.join(POLICIES)}, not {policy!r}")


@torch.no_grad()
def draw_to_anchors(
    book: Any, latents: Tensor, policy: str, generator: torch.Generator | None = None
) -> None:
    """Moves unused codes of a library's codebook, or of a `codebook_level.Level`.

    Args:
        book: whose codes.
        latents: (tokens, dim) of the whole batch.
        policy: as `anchors` has it, and the generator too.
        generator: of what is drawn.
    """
    counts, codes = book.cluster_size[0], book.embed.data[0]
    if book.use_cosine_sim:
        latents = functional.normalize(latents, dim=-1)
    share = pull(counts / counts.sum().clamp(min=1e-12), book.decay)[:, None]
    found = anchors(latents, codes, policy, book.use_cosine_sim, generator)
    moved = codes + share * (found - codes)
    if book.use_cosine_sim:
        moved = functional.normalize(moved, dim=-1)
    # The sums behind the codes follow, else the next average would bring the old codes back.
    total = counts.sum()
    smooth = (counts + book.eps) / (total + len(counts) * book.eps) * total
    book.embed_avg[0] = torch.where(share > 0, moved * smooth[:, None], book.embed_avg[0])
    book.embed.data[0] = torch.where(share > 0, moved, codes)
