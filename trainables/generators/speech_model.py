"""The network from speech to codes with all that it learns: scaling, tuned vectors and encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.networks.speech_transformer import Shape, SpeechNetwork
from trainables.speech.inputs import Chunk, SpeechReader


class SpeechModel(nn.Module):
    """Rows of `SpeechTokens` and seed codes in, outputs of every head out.

    Buffers `mean` and `std` (audio features) are fitted on train. Frozen vectors of words are no
    part of the weights; where vectors are tuned, `tuned` (words, dimensions) is what is added.
    """

    mean: Tensor
    std: Tensor
    table: Tensor

    def __init__(self, shape: Shape, reader: SpeechReader, tunes_text: bool) -> None:
        """Weights at random; scaling is the identity until it is set."""
        super().__init__()
        self.net = SpeechNetwork(shape)
        self.compression = reader.compression
        self.samples = reader.samples
        self.register_buffer("mean", torch.zeros(shape.audio))
        self.register_buffer("std", torch.ones(shape.audio))
        self.register_buffer("table", torch.from_numpy(reader.table), persistent=False)
        self.tuned: nn.Parameter | None = None
        self.text_model: nn.Module | None = None
        self.audio_model: nn.Module | None = None
        self._chunks: tuple[Chunk, ...] = ()
        self._text_encoder: Any = None
        self._audio_encoder: Any = None
        if tunes_text and reader.text_encoder is not None:
            self._text_encoder, self._chunks = reader.text_encoder, reader.chunks
            self.text_model = reader.text_encoder.model.requires_grad_(True)
            firsts = [c.first for c in self._chunks]
            rows = np.arange(len(reader.table))
            self._chunk_of = np.searchsorted(firsts, rows, side="right") - 1
        elif tunes_text:
            self.tuned = nn.Parameter(torch.zeros(reader.table.shape))
        if reader.samples:
            self._audio_encoder = reader.audio_encoder
            assert reader.audio_encoder is not None
            self.audio_model = reader.audio_encoder.model.requires_grad_(True)

    def forward(
        self,
        audio: Tensor,
        said: Tensor,
        seeds: Tensor,
        seeded: Tensor,
        missing: Tensor | None = None,
    ) -> list[Tensor]:
        """Outputs of every head, (batch, tokens, outputs) each; see `SpeechNetwork`.

        Args:
            audio: (batch, tokens, features or samples).
            said: (batch, tokens, frames of a token) rows of the table, -1 for silence.
            seeds, seeded, missing: as the network has them.
        """
        heard = (self._heard(audio) - self.mean) / self.std
        outputs: list[Tensor] = self.net(heard, self._read(said), seeds, seeded, missing)
        return outputs

    def _heard(self, audio: Tensor) -> Tensor:
        """(batch, tokens, features)."""
        if self._audio_encoder is None:
            return audio
        batch, tokens, _ = audio.shape
        hidden = self._audio_encoder.hidden(audio.reshape(batch, -1))
        frames = functional.interpolate(
            hidden.transpose(1, 2), size=tokens * self.compression, mode="linear"
        )
        return frames.transpose(1, 2).reshape(batch, tokens, -1)

    def _read(self, said: Tensor) -> Tensor:
        """(batch, tokens, features): of each frame the word's vector, and whether one sounds."""
        if not self.table.numel():
            return said.new_zeros((*said.shape[:2], 0), dtype=torch.float32)
        sounds = (said >= 0)[..., None]
        rows = said.clamp(min=0)
        if self.text_model is not None:
            vectors = self._in_context(rows, sounds[..., 0])
        else:
            vectors = self.table[rows]
            if self.tuned is not None:
                vectors = vectors + self.tuned[rows]
        found = torch.cat([vectors * sounds, sounds.to(vectors)], dim=-1)
        return found.flatten(2)

    def _in_context(self, rows: Tensor, sounds: Tensor) -> Tensor:
        """Vectors of some rows from the tuned encoder, which reads whole chunks."""
        vectors = self.table.new_zeros((*rows.shape, self.table.shape[1]))
        if not bool(sounds.any()):
            return vectors
        wanted = rows[sounds].cpu().numpy()
        numbers = np.unique(self._chunk_of[wanted])
        at = np.full(len(self._chunk_of), -1, np.int64)
        each, count = [], 0
        for number in numbers:
            chunk = self._chunks[int(number)]
            each.append(self._text_encoder.vectors(list(chunk.texts)))
            at[chunk.first : chunk.first + len(chunk.texts)] = count + np.arange(len(chunk.texts))
            count += len(chunk.texts)
        found = torch.cat(each)[torch.from_numpy(at[wanted]).to(rows.device)]
        return vectors.index_put((sounds,), found)
