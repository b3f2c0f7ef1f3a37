"""What codecs of heatmaps share: networks, steps, resuming, coding, and their files.

A codec gets windows (channels, frames, size, size) and gives a grid of indices, F times coarser in
time, height and width. Batches, noise and first weights follow from seed, data and step alone, so a
codec that was stopped and goes on is the codec that never stopped, and several workers share a
batch as one would work it off. Files are JSON and safetensors, never pickle.
"""

from __future__ import annotations

import copy
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.heatmap_families import PART
from search_spaces.space import Config, Value, float_for, int_for
from trainables.codecs.codec import CODEC_VERSION, CONFIG_NAME, WEIGHTS_NAME
from trainables.heatmaps.corruption import drawn_corruption
from trainables.heatmaps.dataset import HeatmapData, HeatmapPair
from trainables.heatmaps.stream import WindowStream
from trainables.heatmaps.windows import Window
from trainables.networks.resnet3d import Decoder, Encoder
from trainables.networks.seeded import SeededTorch
from trainables.runtime import Runtime

_WEIGHTS, _STEPS, _CODES, _SPOILT = 1, 2, 3, 4  # streams of random numbers that share a seed
_BETAS = (0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Coded:
    """What a codec makes of a window.

    Attributes:
        indices: (T/F, H/F, W/F) int64.
        latents: (tokens, latent_dim), and
        codes: the same, that they become; both None where there are no latents but logits.
        reconstruction: (channels, frames, size, size).
    """

    indices: Tensor
    latents: Tensor | None
    codes: Tensor | None
    reconstruction: Tensor


@dataclass(frozen=True, eq=False)
class Piece:
    """Windows of a step that are worked off together.

    Attributes:
        input: (windows, channels, frames, size, size).
        target: the same for the target's channels.
        places: number of each window in the step's batch.
    """

    input: Tensor
    target: Tensor
    places: tuple[int, ...]


class HeatmapCodec(ABC):
    """A codec of heatmaps. Lifecycle: construct, `fit` (once, or in shares), then code."""

    family: ClassVar[str]

    def __init__(self, config: Mapping[str, Value], inward: int, outward: int, seed: int) -> None:
        """A codec that is not trained yet.

        Args:
            config: a complete configuration of its family.
            inward: channels of the input.
            outward: channels of the target.
            seed: everything random follows from this.
        """
        self.config: Config = dict(config)
        self.inward, self.outward, self.seed = inward, outward, seed
        self.trained_share = 0.0
        self._step = 0
        self._networks: nn.ModuleDict | None = None
        self._optimisers: dict[str, torch.optim.Optimizer] = {}
        self._pending: dict[str, Any] | None = None

    # What a family says.

    @abstractmethod
    def new_networks(self, workers: int) -> dict[str, nn.Module]:
        """Untrained networks by name, `encoder` and `decoder` among them."""

    @abstractmethod
    def learners(self, networks: nn.ModuleDict) -> dict[str, list[nn.Parameter]]:
        """What each optimiser moves, by the optimiser's name."""

    @abstractmethod
    def work_off(
        self, piece: Piece, step: int, share: float, runtime: Runtime
    ) -> dict[str, Tensor]:
        """Losses of a piece, `loss` among them, back-propagated times `share`."""

    @abstractmethod
    def coded(self, pictures: Tensor) -> Coded:
        """A window (channels, frames, size, size) as it is coded and decoded. Deterministic."""

    @abstractmethod
    def decode(self, indices: Tensor) -> Tensor:
        """(T/F, H/F, W/F) -> (channels, frames, size, size)."""

    @abstractmethod
    def coding_arrays(self) -> dict[str, Tensor]:
        """What coding needs and networks `encoder` and `decoder` do not hold."""

    @abstractmethod
    def load_coding_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes what `coding_arrays` gave."""

    def start(  # noqa: B027  (families that start at random have nothing to do)
        self, data: HeatmapData, stream: WindowStream, runtime: Runtime
    ) -> None:
        """Sets what starts from training data, before the step `codes_from`."""

    @property
    def codes_from(self) -> int:
        """The step from which latents become codes; there is nothing to score before."""
        return 0

    def stated(self) -> dict[str, str]:
        """What a record must say of how it was trained, by column."""
        return {}

    # Configuration.

    @property
    def alphabet(self) -> tuple[int, ...]:
        """Codes of its one level."""
        return family_of(self.config).alphabet(self.config, PART)

    def whole(self, key: str) -> int:
        """A whole number of the configuration."""
        return int_for(self.config, key, PART)

    def number(self, key: str) -> float:
        """A number of the configuration."""
        return float_for(self.config, key, PART)

    def autoencoder(self) -> dict[str, nn.Module]:
        """Encoder and decoder as the configuration sizes them."""
        sizes = (self.whole("latent_dim"), self.whole("compression"), self.whole("picture"))
        more = {"width": self.number("width"), "attention": self.whole("attention")}
        blocks = self.whole("res_blocks")
        return {
            "encoder": Encoder(self.inward, *sizes, blocks=blocks, **more),  # type: ignore[arg-type]
            "decoder": Decoder(self.outward, *sizes, blocks=blocks + 1, **more),  # type: ignore[arg-type]
        }

    def mixed(self, like: Tensor) -> AbstractContextManager[Any]:
        """Networks run in here are in bfloat16 where the configuration asks for it."""
        return torch.autocast(
            like.device.type, torch.bfloat16, enabled=self.config["precision"] == "bf16"
        )

    # Training.

    @property
    def networks(self) -> nn.ModuleDict:
        """The networks; RuntimeError where nothing was trained yet."""
        if self._networks is None and self._pending is not None:
            self._networks = self._made(1)
            self._networks.load_state_dict(self._pending["networks"])
        if self._networks is None:
            raise RuntimeError("the codec of heatmaps is not trained yet; call fit")
        return self._networks

    def fit(self, data: HeatmapData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains on to a share of the steps, from where it stands.

        Returns:
            Means of losses over the stretch, empty where nothing was trained.

        Raises:
            BadInput: the workers cannot share a step's windows evenly.
            FloatingPointError: the loss is no longer finite.
        """
        steps = self.whole("max_steps")
        goal = min(math.ceil(until * steps - 1e-9), steps)
        if goal <= self._step:
            return {}
        windows, pieces = self.whole("batch_windows"), self.whole("accumulate")
        if windows % (pieces * runtime.world_size):
            raise BadInput(
                f"batch_windows {windows} cannot be shared evenly by {runtime.world_size} workers "
                f"in {pieces} pieces; make it a multiple of both"
            )
        stream = WindowStream(data, self.seed, windows)
        sums: dict[str, Tensor] = {}
        begun = self._step
        with SeededTorch(runtime.device) as generator:
            self._prepare(runtime)
            while self._step < goal:
                if self._step == self.codes_from:
                    generator.seed(self.seed, _CODES)
                    self.start(data, stream, runtime)
                generator.seed(self.seed, _STEPS, self._step)
                for name, value in self._one_step(data, stream, pieces, runtime).items():
                    sums[name] = sums.get(name, torch.zeros_like(value)) + value
                self._step += 1
                runtime.stepped()
        runtime.average(sums.values())
        self.trained_share = self._step / steps
        means = {name: float(s) / (self._step - begun) for name, s in sums.items()}
        if not math.isfinite(means["loss"]):
            raise FloatingPointError(
                f"training diverged: the loss is {means['loss']} after step {self._step}; lower "
                f"learning_rate ({self.number('learning_rate'):g})"
            )
        return means

    def _one_step(
        self, data: HeatmapData, stream: WindowStream, pieces: int, runtime: Runtime
    ) -> dict[str, Tensor]:
        batch = list(enumerate(stream.batch(self._step)))
        own = batch[runtime.rank :: runtime.world_size]
        for optimiser in self._optimisers.values():
            optimiser.zero_grad()
        sums: dict[str, Tensor] = {}
        size = len(own) // pieces
        for at in range(0, len(own), size):
            chosen = own[at : at + size]
            pairs = [self._pair(data, w, place, runtime.device) for place, w in chosen]
            piece = Piece(
                torch.stack([p.input for p in pairs]),
                torch.stack([p.target for p in pairs]),
                tuple(place for place, _ in chosen),
            )
            for name, value in self.work_off(piece, self._step, 1 / pieces, runtime).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value.detach() / pieces
        for optimiser in self._optimisers.values():
            moved = [p for group in optimiser.param_groups for p in group["params"]]
            runtime.average([p.grad for p in moved if p.grad is not None])
            optimiser.step()
        return sums

    def _pair(self, data: HeatmapData, window: Window, place: int, device: str) -> HeatmapPair:
        """A window as it is trained on; its input spoilt where the configuration asks for that."""
        if not self.config["corrupted_training"]:
            return data.pair(window, device)
        rng = np.random.default_rng([self.seed, _SPOILT, self._step, place])
        return data.corrupted(window, drawn_corruption(rng), device)

    def _prepare(self, runtime: Runtime) -> None:
        """Networks and optimisers where they stand; made, or restored, on the first call."""
        if self._networks is not None and self._optimisers and self._pending is None:
            self._networks.train()
            return
        state = self._pending
        self._networks = self._made(runtime.world_size)
        if state is not None:
            self._networks.load_state_dict(state["networks"])
        self._networks.to(runtime.device).train()
        rate = self.number("learning_rate")
        self._optimisers = {
            name: torch.optim.Adam(learn, lr=rate, betas=_BETAS)
            for name, learn in self.learners(self._networks).items()
        }
        if state is not None:
            for name, optimiser in self._optimisers.items():
                optimiser.load_state_dict(copy.deepcopy(state["optimisers"][name]))
            self._pending = None

    def _made(self, workers: int) -> nn.ModuleDict:
        with SeededTorch() as generator:
            generator.seed(self.seed, _WEIGHTS)
            return nn.ModuleDict(self.new_networks(workers))

    def training_state(self) -> dict[str, Any]:
        """Step, weights and the moments of all optimisers: tensors, numbers and text only.

        There is no state of random generators, since what they draw follows from the step.
        """
        if self._pending is not None:
            return copy.deepcopy(self._pending)
        if self._networks is None or not self._optimisers:
            return {}
        return copy.deepcopy(
            {
                "step": self._step,
                "share": self.trained_share,
                "networks": dict(self._networks.state_dict()),
                "optimisers": {n: o.state_dict() for n, o in self._optimisers.items()},
            }
        )

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `training_state`, from the next `fit` on."""
        self._networks, self._optimisers = None, {}
        self._pending = copy.deepcopy(dict(state)) if state else None
        self._step = int(state["step"]) if state else 0
        self.trained_share = float(state["share"]) if state else 0.0

    # Files.

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that coding needs, by name; the discriminator is no part of it."""
        tensors = self.coding_arrays()
        for name in ("encoder", "decoder"):
            weights = self.networks[name].state_dict()
            tensors |= {f"{name}.{key}": value for key, value in weights.items()}
        return {name: t.detach().float().cpu().numpy().copy() for name, t in tensors.items()}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave; BadInput where it fits another configuration."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        self._networks, self._pending, self._optimisers = self._made(1), None, {}
        try:
            for name in ("encoder", "decoder"):
                head = f"{name}."
                mine = {k.removeprefix(head): t for k, t in tensors.items() if k.startswith(head)}
                self._networks[name].load_state_dict(mine)
            self.load_coding_arrays(tensors)
        except (KeyError, RuntimeError, ValueError) as error:
            self._networks = None
            reason = str(error).splitlines()[0]
            raise BadInput(f"weights do not fit the configuration: {reason}") from None

    def parameters(self) -> int:
        """Numbers learnt that coding needs, codebook included."""
        return int(sum(a.size for a in self.arrays().values()))

    def save(self, folder: Path) -> None:
        """Writes `codec.json` and `model.safetensors` into a folder that it makes."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {k: np.ascontiguousarray(v) for k, v in self.arrays().items()}, folder / WEIGHTS_NAME
        )
        described = {
            "codec_version": CODEC_VERSION,
            "medium": "heatmaps",
            "family": self.family,
            "config": self.config,
            "inward": self.inward,
            "outward": self.outward,
            "seed": self.seed,
            "alphabet": list(self.alphabet),
        }
        (folder / CONFIG_NAME).write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")
