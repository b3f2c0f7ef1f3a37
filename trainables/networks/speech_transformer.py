"""From audio and words to what a motion decoder says, token by token.

EGGesture (ACM MM 2024), section 3.4: encoders of audio and of text, features side by side, and a
transformer decoder with positional embedding and seed codes as input that attends to them across;
its Table 7 has LSTMs in place of all of it. A TCN before an encoder (Bai et al., 2018,
https://arxiv.org/abs/1803.01271, not causal) is Table 6's alternative to pretrained features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_TCN_DILATIONS = (1, 2, 4)


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Attributes:
        kind: transformer or lstm.
        audio, text: features of a token; text may be 0.
        heads: outputs of each head (codes of a level of a part, or features of a token).
        codes: codes of each level that a seed token has; empty where it has none.
        width: channels.
        layers: of each encoder, and of the decoder.
        attention: heads of attention.
        dropout: in the layers.
        audio_tcn, text_tcn: whether a TCN stands before the encoder.
        aligned: whether the decoder's input holds speech of the same moment.
    """

    kind: str
    audio: int
    text: int
    heads: tuple[int, ...]
    codes: tuple[int, ...]
    width: int
    layers: int
    attention: int
    dropout: float
    audio_tcn: bool
    text_tcn: bool
    aligned: bool


class TemporalConvolutions(nn.Module):
    """Dilated residual convolutions over (batch, time, channels), to either side."""

    def __init__(self, width: int, dropout: float) -> None:
        """Three blocks, which reach seven tokens."""
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in _TCN_DILATIONS
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, width) -> the same shape."""
        for block in self.blocks:
            x = x + self.dropout(functional.relu(block(x.transpose(1, 2)))).transpose(1, 2)
        return x


class Recurrent(nn.Module):
    """An LSTM that reads both ways: (batch, time, width) -> the same shape."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        """Half the width each way."""
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.net = nn.LSTM(width, width // 2, layers, batch_first=True, bidirectional=True,
                           dropout=between)  # fmt: skip

    def forward(self, x: Tensor, missing: Tensor | None) -> Tensor:
        """`missing` (batch, time) says what lies behind the end; it is read as silence."""
        silent = x if missing is None else x.masked_fill(missing[..., None], 0.0)
        return torch.as_tensor(self.net(silent)[0])


class Encoder(nn.Module):
    """Features of one modality to memory: (batch, time, features) -> (batch, time, width)."""

    def __init__(self, shape: Shape, features: int, tcn: bool) -> None:
        """A linear map, a TCN where asked for, and layers of the shape's kind."""
        super().__init__()
        self.enter = nn.Linear(features, shape.width)
        self.tcn = TemporalConvolutions(shape.width, shape.dropout) if tcn else None
        self.recurrent = self.attentive = None
        if shape.kind == "lstm":
            self.recurrent = Recurrent(shape.width, shape.layers, shape.dropout)
        else:
            layer = nn.TransformerEncoderLayer(
                shape.width, shape.attention, 2 * shape.width, shape.dropout, batch_first=True,
                norm_first=True,
            )  # fmt: skip
            self.attentive = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)

    def forward(self, features: Tensor, missing: Tensor | None) -> Tensor:
        """`missing` (batch, time): what lies behind the end of a recording."""
        x = self.enter(features)
        if self.tcn is not None:
            x = self.tcn(x)
        if self.recurrent is not None:
            return torch.as_tensor(self.recurrent(x, missing))
        assert self.attentive is not None
        x = x + positions(x.shape[1], x.shape[2]).to(x)
        return torch.as_tensor(self.attentive(x, src_key_padding_mask=missing))


class SpeechNetwork(nn.Module):
    """Audio, words and seed codes of a window to the logits (or features) of its tokens."""

    def __init__(self, shape: Shape) -> None:
        """Weights at random."""
        super().__init__()
        self.shape = shape
        self.audio = Encoder(shape, shape.audio, shape.audio_tcn)
        self.text = Encoder(shape, shape.text, shape.text_tcn) if shape.text else None
        self.join = nn.Linear(shape.width * (2 if shape.text else 1), shape.width)
        self.codes = nn.ModuleList(nn.Embedding(n, shape.width) for n in shape.codes)
        self.unknown = nn.Parameter(0.02 * torch.randn(shape.width))
        self.recurrent = self.attentive = None
        if shape.kind == "lstm":
            self.recurrent = Recurrent(shape.width, shape.layers, shape.dropout)
        else:
            layer = nn.TransformerDecoderLayer(
                shape.width, shape.attention, 2 * shape.width, shape.dropout, batch_first=True,
                norm_first=True,
            )  # fmt: skip
            self.attentive = nn.TransformerDecoder(layer, shape.layers)
        self.norm = nn.LayerNorm(shape.width)
        self.heads = nn.ModuleList(nn.Linear(shape.width, n) for n in shape.heads)

    def forward(
        self,
        audio: Tensor,
        text: Tensor,
        seeds: Tensor,
        seeded: Tensor,
        missing: Tensor | None = None,
    ) -> list[Tensor]:
        """Outputs of every head: (batch, time, outputs) each.

        Args:
            audio: (batch, time, features).
            text: (batch, time, features).
            seeds: (batch, time, levels) int64 codes; looked at where `seeded`.
            seeded: (batch, time) bool, tokens whose codes are given.
            missing: (batch, time) bool, tokens behind the end of a recording; None where none are.
        """
        heard = [self.audio(audio, missing)]
        if self.text is not None:
            heard.append(self.text(text, missing))
        memory = self.join(torch.cat(heard, dim=-1))
        x = self.unknown.expand(*audio.shape[:2], -1)
        if len(self.codes):
            given = torch.stack([e(seeds[..., i]) for i, e in enumerate(self.codes)]).sum(0)
            x = torch.where(seeded[..., None], given, x)
        if self.recurrent is not None:
            x = self.recurrent(x + memory, missing)
        else:
            assert self.attentive is not None
            x = x + positions(x.shape[1], x.shape[2]).to(x)
            if self.shape.aligned:
                x = x + memory
            place = positions(x.shape[1], x.shape[2]).to(x)
            x = self.attentive(x, memory + place, tgt_key_padding_mask=missing,
                               memory_key_padding_mask=missing)  # fmt: skip
        x = self.norm(x)
        return [head(x) for head in self.heads]


def positions(time: int, width: int) -> Tensor:
    """Sines and cosines of positions (time, width), for windows of any length."""
    at = torch.arange(time, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    waves = torch.cat([torch.sin(at * rates), torch.cos(at * rates)], dim=1)
    return waves[:, :width]
