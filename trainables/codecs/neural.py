"""What the neural codecs share: an autoencoder around a quantizer, and its training.

Features go in scaled as `feature_scaling` says. The loss is `loss.angle` x squared error of scaled
features + `loss.position` x squared joint position error + `loss.geodesic` x squared angle of
rotations + `commitment` x what the quantizer adds + `guidance.weight` x what a guided quantizer
says of the use of its codes. In the last `decoder_share` of the steps encoder
and codes stay as they are and the decoder alone learns. Adam with cosine decay to 5 % over the
whole budget, so a share of the budget is the same steps whether it is asked for at once or
piecewise. Step, seed and data decide all randomness.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.errors import BadInput
from search_spaces.quantizers import FINITE_SCALAR, option, quantizer_of
from search_spaces.space import Value, float_for, int_for, value_for
from trainables.codecs.batches import Batches
from trainables.codecs.codec import BLOCK_FRAMES, Codec, Tokens
from trainables.codecs.segments import Context, Segment, blocks_of, segments
from trainables.codecs.training_step import StepLosses, cosine
from trainables.codecs.weight_update import WeightUpdate
from trainables.losses.reconstruction import ReconstructionLoss
from trainables.motion.feature_scale import feature_scale
from trainables.motion.part_data import PartData
from trainables.networks.autoencoder import Autoencoder
from trainables.networks.seeded import SeededTorch
from trainables.quantizers.named import new_quantizer
from trainables.runtime import Runtime
from trainables.training_state import Resumable

CHUNK = 1024
"""Frames or tokens per call outside training. Blocks are filled up to it, so that a frame's code
does not depend on how many others stand beside it."""

GRADIENT_NORM = 1.0
"""To which a step's gradient is clipped."""
STEPS = 2
"""Stream of random numbers of training steps, among those that share a seed."""
_WEIGHTS, _CODES = 1, 3  # other streams


class NeuralCodec(Resumable[Autoencoder], Codec):
    """A codec that trains an autoencoder in steps. Families say the networks and the batches."""

    _losses: tuple[PartData, StepLosses] | None = None

    # What a family says.

    @abstractmethod
    def encoder(self) -> nn.Module:
        """(..., frames, dimensions) -> (..., tokens, latent_dim)."""

    @abstractmethod
    def decoder(self) -> nn.Module:
        """(..., tokens, latent_dim) -> (..., frames, dimensions)."""

    @abstractmethod
    def batches(self, data: PartData, world_size: int) -> Batches:
        """Training batches, a function of the data and `self.seed`."""

    def context(self) -> Context:
        """How far the trained networks look; where that is not known, recordings run whole."""
        return Context()

    def start(self, model: Autoencoder, data: PartData) -> None:
        """Sets first weights from the training data, where a family does not start at random."""

    def whole(self, key: str) -> int:
        """A whole number of the configuration, as it holds for this part."""
        return int_for(self.config, key, self.part)

    def number(self, key: str) -> float:
        """A number of the configuration, as it holds for this part."""
        return float_for(self.config, key, self.part)

    # Training.

    def training_steps(self, data: PartData, world_size: int) -> int | None:
        """Steps of the whole budget."""
        return self.batches(data, world_size).steps

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains on to a share of the steps.

        Returns:
            Means over the stretch: `loss`, `loss.angle`, `loss.commitment`, and `loss.position`
            and `loss.entropy` where they have a weight.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        batches = self.batches(data, runtime.world_size)
        goal = min(math.ceil(until * batches.steps - 1e-9), batches.steps)
        if goal <= self._step:
            return {}
        with SeededTorch(runtime.device) as generator:
            model, optimiser = self._prepare(data, runtime, batches, generator)
            sums: dict[str, Tensor] = {}
            begun = self._step
            losses_of = self._kept_losses(data, model)
            update = WeightUpdate(optimiser, GRADIENT_NORM)
            alone = batches.steps * (1 - float(self.option("decoder_share", 0.0)))
            while self._step < goal:
                generator.seed(self.seed, STEPS, self._step)
                batch = batches.batch(self._step)
                own = batch.share(runtime.rank, runtime.world_size)
                losses = losses_of.of(batch, own, decoder_only=self._step >= alone)
                # Gradients are averaged over workers; this makes that a mean over the batch.
                weight = own.frames * runtime.world_size / batch.frames
                rate = cosine(self._step / batches.steps) * self.number("learning_rate")
                update.forget()
                (losses["loss"] * weight).backward()
                runtime.average(update.gradients())
                update.apply(rate)
                for name, value in losses.items():
                    own_part = value.detach() * weight
                    sums[name] = sums[name] + own_part if name in sums else own_part
                self._step += 1
                runtime.stepped()
        runtime.average(sums.values())
        means = {name: float(s) / (self._step - begun) for name, s in sums.items()}
        return self.reached(self._step, batches.steps, means)

    @property
    def step(self) -> int:
        """Steps that it was trained for."""
        return self._step

    def begun(self, data: PartData, runtime: Runtime) -> tuple[Autoencoder, torch.optim.Optimizer]:
        """Model and optimiser where they stand, for someone who trains several codecs at once.

        Whoever does leaves in both what `fit` would have, and says so to `reached`.
        """
        with SeededTorch(runtime.device) as generator:
            batches = self.batches(data, runtime.world_size)
            return self._prepare(data, runtime, batches, generator)

    def untrained(self) -> Autoencoder:
        """A model with its first weights, of which nothing is kept."""
        return self._new_model(1)

    def stands_at(self, step: int, steps: int) -> None:
        """Its state is that after a step, of so many."""
        self._step, self.trained_share = step, step / steps

    def reached(self, step: int, steps: int, means: dict[str, float]) -> dict[str, float]:
        """Training stands at a step of so many, with these means over the stretch, as `fit` gives.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        self.stands_at(step, steps)
        if step == steps:
            self._losses = None
        if not math.isfinite(means["loss"]):
            raise FloatingPointError(
                f"training of {self.part} diverged: the loss is {means['loss']} after step "
                f"{self._step}; lower learning_rate ({self.number('learning_rate'):g})"
            )
        return means

    def _kept_losses(self, data: PartData, model: Autoencoder) -> StepLosses:
        """The losses on some data, from one stretch of training to the next."""
        known = self._losses
        if known is None or known[0] is not data or known[1].model is not model:
            self._losses = known = data, self._step_losses(data, model)
        return known[1]

    def _prepare(
        self, data: PartData, runtime: Runtime, batches: Batches, generator: SeededTorch
    ) -> tuple[Autoencoder, torch.optim.Optimizer]:
        """The model and its optimiser where they stand; made, or restored, on the first call."""
        if self._model is not None and self._optimiser is not None and self._pending is None:
            return self._model.train(), self._optimiser
        state = self._pending or {}
        tokens = batches.frames // self.compression
        model = self._new_model(tokens, runtime.world_size > 1)
        model.mean.copy_(torch.from_numpy(np.array(data.mean, np.float32)))
        model.scale.copy_(torch.from_numpy(np.array(self.scale_of(data))))
        if state:
            model.load_state_dict(state["model"])
        model = model.to(runtime.device).train()
        self._model = model
        optimiser = self._new_optimiser(model)
        if state:
            optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        else:
            self.start(model, data)
            generator.seed(self.seed, _CODES)
            sample = batches.sample(model.quantizer.initial_sample * self.compression)
            with torch.no_grad():  # every worker the whole sample: so they start from one codebook
                features = self.scaled(data.features)
                latents = model.encoder(features[torch.from_numpy(sample.rows).to(runtime.device)])
                if sample.valid is None:
                    latents = latents.reshape(-1, latents.shape[-1])
                else:
                    latents = latents[torch.from_numpy(sample.valid[:, :: self.compression])]
            model.quantizer.initialise(latents)
        self._optimiser, self._pending = optimiser, None
        return model, optimiser

    def _new_model(self, tokens_per_batch: int, synchronise: bool = False) -> Autoencoder:
        with SeededTorch() as generator:
            generator.seed(self.seed, _WEIGHTS)
            quantizer = new_quantizer(self.config, self.part, tokens_per_batch, synchronise)
            return Autoencoder(self.encoder(), quantizer, self.decoder(), self.dimensions)

    def scale_of(self, data: PartData) -> np.ndarray:
        """(dimensions,) that features are divided by."""
        return feature_scale(data, str(value_for(self.config, "feature_scaling", self.part)))

    def _new_optimiser(self, model: Autoencoder) -> torch.optim.Optimizer:
        decay = float(self.option("weight_decay", 0.0))
        kind = (
            torch.optim.AdamW if self.option("optimiser", "adam") == "adamw" else torch.optim.Adam
        )
        return kind(model.parameters(), lr=0.0, weight_decay=decay, fused=True)

    def loss_weights(self) -> dict[str, float]:
        """Of the errors of reconstruction, by their names."""
        weights = {name: self.number(name) for name in ("loss.angle", "loss.position")}
        return {**weights, "loss.geodesic": float(self.option("loss.geodesic", 0.0))}

    def _step_losses(self, data: PartData, model: Autoencoder) -> StepLosses:
        features = self.scaled(data.features)
        weights, scale = self.loss_weights(), self.scale_of(data)
        reconstruction = ReconstructionLoss(weights, data, scale, features)
        dropout = float(self.option("quantizer_dropout", 0.0))
        commitment = self.number("commitment")
        guidance = float(self.option("guidance.weight", 0.0))
        return StepLosses(
            model, features, reconstruction, self.compression, commitment, dropout, guidance
        )

    def option(self, name: str, default: Value) -> Value:
        """A key that a configuration from before it, or a plugin's family, may lack."""
        return option(self.config, name, self.part, default)

    # Coding.

    @property
    def model(self) -> Autoencoder:
        """The autoencoder; RuntimeError where nothing was trained yet."""
        if self._model is None and self._pending is not None:
            self._model = self._new_model(1)
            self._model.load_state_dict(self._pending["model"])
        if self._model is None:
            raise RuntimeError(f"the codec of {self.part} is not trained yet; call fit")
        return self._model

    @torch.no_grad()
    def encode(self, features: np.ndarray) -> Tokens:
        """Nearest codes, level by level; a last part of a token is filled with the last frame."""
        quantizer, frames, step = self.model.quantizer, len(features), self.compression
        indices = np.empty((-(-frames // step), self.levels), np.int32)
        for part in segments(len(indices), step, self.context().encoder):
            found = blockwise(quantizer.indices, self._encode_segment(features, part))
            indices[part.start : part.stop] = found.cpu().numpy()
        return Tokens(indices, self.alphabet, self.fps / step, frames)

    @torch.no_grad()
    def _encode_segment(self, features: np.ndarray, part: Segment) -> Tensor:
        """Latents (tokens, latent_dim) of one segment of a recording."""
        model, step = self.model.eval(), self.compression
        rows = features[part.first * step : part.last * step]
        missing = (part.last - part.first) * step - len(rows)
        filled = np.concatenate([rows, np.repeat(rows[-1:], missing, 0)])
        return self.latents(model, self.scaled(filled))[part.own()]

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        """Features from the sum of the first `depth` levels' codes."""
        frames = min(tokens.frames, len(tokens.indices) * self.compression)
        features = np.empty((frames, self.dimensions), np.float32)
        done = 0
        for piece in self._decoded(tokens, depth):
            features[done : done + len(piece)] = piece
            done += len(piece)
        return features

    def decode_blocks(
        self, tokens: Tokens, depth: int | None = None, frames: int = BLOCK_FRAMES
    ) -> Iterator[np.ndarray]:
        """`frames` at a time, cut from the segments that `decode` puts together."""
        return blocks_of(self._decoded(tokens, depth), frames)

    def _decoded(self, tokens: Tokens, depth: int | None) -> Iterator[np.ndarray]:
        """Features (frames, dimensions) of one segment after the other."""
        for part in segments(len(tokens.indices), self.compression, self.context().decoder):
            yield self._decode_segment(tokens, part, depth)

    @torch.no_grad()
    def _decode_segment(self, tokens: Tokens, part: Segment, depth: int | None) -> np.ndarray:
        """Features (frames, dimensions) of one segment of a recording."""
        model, step = self.model.eval(), self.compression
        rows = tokens.indices[part.first : part.last].astype(np.int64)
        indices = torch.from_numpy(rows).to(model.device)
        decoded = self.reconstruction(model, model.quantizer.decode(indices, depth))
        decoded = decoded[part.own(step)][: max(0, tokens.frames - part.start * step)]
        return np.asarray((decoded * model.scale + model.mean).cpu().numpy(), np.float32)

    def latents(self, model: Autoencoder, scored: Tensor) -> Tensor:
        """A segment's scaled features (frames, dimensions) -> (tokens, latent_dim)."""
        return torch.as_tensor(model.encoder(scored[None])[0])

    def reconstruction(self, model: Autoencoder, quantized: Tensor) -> Tensor:
        """A segment's quantized latents (tokens, latent_dim) -> (frames, dimensions)."""
        return torch.as_tensor(model.decoder(quantized[None])[0])

    def scaled(self, features: np.ndarray) -> Tensor:
        """Features (frames, dimensions) as its networks see them."""
        model = self.model
        raw = torch.from_numpy(np.array(features, np.float32)).to(model.device)
        return torch.as_tensor((raw - model.mean) / model.scale)

    # Files and states.

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights as `encoder.*` and `decoder.*`, what the quantizer learnt, and the scaling.

        A residual quantizer learns `codebooks` (levels, codes, width).
        """
        model = self.model
        tensors = {**model.quantizer.arrays(), "mean": model.mean, "scale": model.scale}
        for name in ("encoder", "decoder"):
            weights = getattr(model, name).state_dict()
            tensors |= {f"{name}.{key}": value for key, value in weights.items()}
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave; BadInput where it fits another configuration."""
        model = self._new_model(1)
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        try:
            for name in ("encoder", "decoder"):
                prefix = f"{name}."
                getattr(model, name).load_state_dict(
                    {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
                )
            model.quantizer.load_arrays(tensors)
            model.mean.copy_(tensors["mean"])
            model.scale.copy_(tensors["scale"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(
                f"weights do not fit the configuration of {self.part}: {reason}"
            ) from None
        self._model, self._optimiser, self._pending = model, None, None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each of `arrays`, from the configuration alone and without memory for any."""
        # Finite scalar quantizers reckon with real numbers as they are made, and are always small.
        rounded = quantizer_of(self.config, self.part) in FINITE_SCALAR
        with SeededTorch(), torch.device("cpu" if rounded else "meta"):
            quantizer = new_quantizer(self.config, self.part, 1)
        with torch.device("meta"):
            networks = {"encoder": self.encoder(), "decoder": self.decoder()}
        shapes = {name: tuple(value.shape) for name, value in quantizer.arrays().items()}
        for name, network in networks.items():
            weights = network.state_dict()
            shapes |= {f"{name}.{key}": tuple(value.shape) for key, value in weights.items()}
        return {**shapes, "mean": (self.dimensions,), "scale": (self.dimensions,)}

    def parameters(self) -> int:
        """Weights and code vectors."""
        return sum(a.size for name, a in self.arrays().items() if name not in ("mean", "scale"))


def blockwise(function: Any, rows: Tensor) -> Tensor:
    """A row-by-row function over blocks of one size; a last block is filled up with zeros."""
    outputs = []
    for block in rows.split(CHUNK):
        filled = torch.cat([block, block.new_zeros(CHUNK - len(block), block.shape[1])])
        outputs.append(function(filled)[: len(block)])
    return torch.cat(outputs)
