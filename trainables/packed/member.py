"""One codec of a pack: where its training stands, and which packs it fits into.

A member is trained in stretches, to a share of its budget each. Between packs everything stands in
its codec, as if that had trained alone, so that its checkpoints are ordinary ones.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from trainables.codecs.batches import Batch, Batches, FrameBatches, WindowBatches
from trainables.codecs.codec import Codec
from trainables.codecs.neural import STEPS, NeuralCodec
from trainables.codecs.training_step import cosine, decoded_levels
from trainables.motion.part_data import PartData
from trainables.networks.autoencoder import Autoencoder
from trainables.networks.seeded import seed_of
from trainables.packed.networks import structure
from trainables.quantizers.codebook_options import CodebookOptions
from trainables.quantizers.fused_codebooks import FusedCodebooks
from trainables.quantizers.fused_residual_vq import FusedResidualQuantizer, kept_levels
from trainables.quantizers.guided import GuidedFusedQuantizer
from trainables.quantizers.quantizer import dropout_draw
from trainables.runtime import Runtime

ROOMS = (64, 256, 1024, 4096, 16384, 65536)
"""Codes that a pack has room for on a level: each a few times the one before, since a member pays
for all of them. The first holds 16 too: one pack of both takes less time than two."""


def room_for(codes: int) -> int:
    """The least room that holds so many codes.

    >>> room_for(16), room_for(65)
    (64, 256)
    """
    return next((room for room in ROOMS if room >= codes), codes)


class Member:
    """A codec that trains beside others.

    Attributes:
        codec: whose model and optimiser hold the state between packs.
        data: that it trains on.
        step: that it stands at.
        goal: step at which its stretch ends.
        losses: sums over the stretch so far, by name.
    """

    codec: NeuralCodec
    model: Autoencoder
    optimiser: torch.optim.Optimizer
    batches: Batches

    def __init__(self, codec: Codec, data: PartData, runtime: Runtime, until: float) -> None:
        """A stretch to a share of the budget; makes or restores the model at the first one.

        Raises:
            ValueError: a codec that trains by itself only; `packable` says.
        """
        if not isinstance(codec, NeuralCodec):
            raise ValueError(f"{type(codec).__name__} does not train in steps")
        self.codec, self.data, self.device = codec, data, runtime.device
        self.batches = codec.batches(data, 1)
        self.step = self.begun = codec.step
        self.goal = min(math.ceil(until * self.batches.steps - 1e-9), self.batches.steps)
        self.losses: dict[str, Tensor] = {}
        if self.goal > self.step:
            self.model, self.optimiser = codec.begun(data, runtime)
        self._learning_rate = codec.number("learning_rate")
        self._dropout = float(codec.option("quantizer_dropout", 0.0))
        alone = self.batches.steps * (1 - float(codec.option("decoder_share", 0.0)))
        self._alone = math.ceil(alone)

    @property
    def decoder_only(self) -> bool:
        """Whether encoder and codes stay as they are from here on."""
        return self.step >= self._alone

    @property
    def left(self) -> int:
        """Steps to its goal, or to where it needs another pack."""
        goal = self.goal if self.decoder_only else min(self.goal, self._alone)
        return goal - self.step

    @property
    def books(self) -> FusedCodebooks:
        """Its codebooks."""
        return cast(FusedResidualQuantizer, self.model.quantizer).books

    @property
    def weight_decay(self) -> float:
        """Of the optimiser."""
        return float(self.optimiser.param_groups[0]["weight_decay"])

    def rate(self) -> float:
        """Learning rate of its next step."""
        return cosine(self.step / self.batches.steps) * self._learning_rate

    def batch(self) -> Batch:
        """Of its next step."""
        return self.batches.batch(self.step)

    def generator(self, device: str = "cpu") -> torch.Generator:
        """Random numbers of its next step, which follow from seed and step alone."""
        seed = seed_of(self.codec.seed, STEPS, self.step)
        return torch.Generator(device).manual_seed(seed)

    def levels(self, generator: torch.Generator | None) -> int:
        """Levels of its next step; draws from a generator of the CPU where it drops any."""
        depth = self.books.levels
        drawn = dropout_draw(self._dropout, depth, generator)
        return decoded_levels(drawn, depth) if self.decoder_only else kept_levels(drawn, depth)

    @property
    def drops(self) -> bool:
        """Whether its steps draw how many levels they have."""
        return self._dropout > 0 and self.books.levels > 1

    def shape(self) -> Hashable:
        """Members of one shape train in one pack."""
        codec, books = self.codec, self.books
        options = replace(books.options, decay=0.0, dead_code_share=0.0)
        scaling = str(codec.option("feature_scaling", "none"))
        group = type(self.optimiser), self.optimiser.param_groups[0]["betas"]
        first = self.batch()
        return (
            id(self.data), structure(self.model.encoder), structure(self.model.decoder),
            first.rows.shape, codec.compression, options, books.options.redraws,
            books.sums.shape[-1], room_for(books.sizes[0]), books.tokens_per_batch,
            scaling, group, self.device, self.decoder_only,
        )  # fmt: skip

    def extend(self, until: float) -> None:
        """Its next stretch, to another share of the budget."""
        self.begun, self.losses = self.step, {}
        self.goal = min(math.ceil(until * self.batches.steps - 1e-9), self.batches.steps)

    def ended(self) -> dict[str, float]:
        """Means over the stretch, as the codec's `fit` gives them.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        steps = self.step - self.begun
        means = {name: float(total) / steps for name, total in self.losses.items()}
        return self.codec.reached(self.step, self.batches.steps, means)


def packable(codec: Codec, data: PartData) -> bool:
    """Whether a codec may train beside others, and not by its own `fit` alone.

    What a plugin changed is left to it, and so are codes that learn by gradient or under guidance,
    quantizers other than the fused residual one, and windows longer than a recording.
    """
    own_fit = isinstance(codec, NeuralCodec) and type(codec).fit is NeuralCodec.fit
    if not own_fit or not isinstance(codec, NeuralCodec):
        return False
    if float(codec.option("guidance.weight", 0.0)) > 0:
        return False
    batches = codec.batches(data, 1)
    known = isinstance(batches, FrameBatches | WindowBatches)
    if not known or (batches.batch(0).rows.ndim == 2 and not _whole_windows(batches, data)):
        return False
    model = codec.untrained()
    quantizer = model.quantizer
    if type(quantizer) not in (FusedResidualQuantizer, GuidedFusedQuantizer):
        return False
    fused = cast(FusedResidualQuantizer, quantizer)
    plain = fused.groups == 1 and not fused.books.options.by_gradient
    return plain and None not in (structure(model.encoder), structure(model.decoder))


def _whole_windows(batches: Batches, data: PartData) -> bool:
    return min(data.lengths) >= batches.batch(0).rows.shape[1]


def member_options(books: FusedCodebooks) -> CodebookOptions:
    """How one member's codebooks train."""
    return books.own[0]
