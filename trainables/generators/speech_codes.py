"""Codes as labels of a classifier, and back: the codecs of all parts as one row of heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from trainables.codecs.codec import Codec, Tokens
from trainables.codecs.neural import NeuralCodec
from trainables.motion.dataset import MotionData
from trainables.quantizers.guidance import code_logits
from trainables.token_rates import Codecs

_SHARPNESS = 14.0
"""Of codecs without guidance."""


def alphabet_of(codecs: Codecs) -> tuple[int, ...]:
    """Codes of every head: each level of each part, in their order."""
    return tuple(size for codec in codecs.values() for size in codec.alphabet)


def codes_of(codecs: Codecs, features: dict[str, np.ndarray]) -> np.ndarray:
    """(tokens, heads) int64, nearest codes of one recording."""
    each = [codec.encode(features[part]).indices for part, codec in codecs.items()]
    return np.concatenate(each, axis=1).astype(np.int64)


def training_codes(codecs: Codecs, data: MotionData, noise: torch.Generator | None) -> np.ndarray:
    """(tokens, heads) int64 codes of all training recordings, one after the other.

    Args:
        codecs: trained, or on their way.
        data: the prepared data.
        noise: with it, codes are drawn as the Gumbel-softmax of the guidance draws them; nearest
            ones without.
    """
    found = []
    for clip in data.splits["train"]:
        if noise is None:
            found.append(codes_of(codecs, dict(clip.features)))
            continue
        each = [drawn_codes(c, clip.features[p], noise) for p, c in codecs.items()]
        found.append(np.concatenate(each, axis=1))
    return np.concatenate(found)


@torch.no_grad()
def drawn_codes(codec: Codec, features: np.ndarray, noise: torch.Generator) -> np.ndarray:
    """(tokens, levels) int64 codes drawn from the softmax over codes: argmax of noisy logits.

    The logits are those of the guidance (sharpness x cosine); the temperature of the softmax
    changes no argmax, so it plays no part.

    Raises:
        TypeError: the codec has no latents to draw by.
    """
    if not isinstance(codec, NeuralCodec):
        raise TypeError(f"codes of {codec.family} cannot be drawn")
    model = codec.model.eval()
    filled = np.concatenate(
        [features, np.repeat(features[-1:], -len(features) % codec.compression, 0)]
    )
    raw = torch.from_numpy(np.array(filled, np.float32)).to(model.device)
    residual = codec.latents(model, (raw - model.mean) / model.scale)
    sharpness = float(codec.option("guidance.sharpness", _SHARPNESS))
    chosen = []
    codebooks: Sequence[torch.Tensor] = list(model.quantizer.arrays()["codebooks"])
    for codes in codebooks:
        logits = code_logits(residual, codes, sharpness, as_printed=False).cpu()
        uniform = torch.rand(logits.shape, generator=noise).clamp(1e-9, 1 - 1e-7)
        indices = (logits - torch.log(-torch.log(uniform))).argmax(dim=1)
        chosen.append(indices.numpy())
        residual = residual - codes[indices.to(codes.device)]
    return np.stack(chosen, axis=1).astype(np.int64)


def decoded_codes(codecs: Codecs, codes: np.ndarray, frames: int) -> dict[str, np.ndarray]:
    """Part -> (frames, dimensions) float32, what codes (tokens, heads) of a recording decode to."""
    found, first = {}, 0
    for part, codec in codecs.items():
        own = codes[:, first : first + codec.levels].astype(np.int32)
        first += codec.levels
        found[part] = codec.decode(
            Tokens(own, codec.alphabet, codec.fps / codec.compression, frames)
        )
    return found


class TokenTargets:
    """Features of all parts of a token's frames side by side, scaled; and back."""

    def __init__(self, data: MotionData, compression: int) -> None:
        """Of prepared data and so many frames to a token."""
        self._parts = data.facts.part_names
        self._mean = np.concatenate([data.parts[p].mean for p in self._parts])
        self._std = np.concatenate([data.parts[p].std for p in self._parts])
        self._widths = [data.parts[p].dimensions for p in self._parts]
        self.compression = compression

    @property
    def features(self) -> int:
        """Numbers of a token."""
        return self.compression * len(self._mean)

    def of(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """(tokens, features) float32 of one recording; its last frame fills the last token."""
        rows = np.concatenate([features[p] for p in self._parts], axis=1)
        rows = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % self.compression, 0)])
        scaled = (rows - self._mean) / self._std
        return scaled.reshape(-1, self.features).astype(np.float32)

    def back(self, targets: np.ndarray, frames: int) -> np.ndarray:
        """(frames, all dimensions) float32."""
        rows = targets.reshape(-1, len(self._mean))[:frames]
        return np.asarray(rows * self._std + self._mean, np.float32)

    def parted(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """(frames, all dimensions) -> part -> (frames, dimensions)."""
        each = np.split(rows, np.cumsum(self._widths)[:-1], axis=1)
        return dict(zip(self._parts, each, strict=True))
