"""Flow matching conditioned frame by frame on decoded tokens, as in Matcha-TTS.

Conditional flow matching on straight paths (Lipman et al., 2022, https://arxiv.org/abs/2210.02747;
"OT-CFM" in Mehta et al., 2024, https://arxiv.org/abs/2309.03199, which pairs noise and data at
random, not by an optimal plan): y = (1 - (1 - s) t) z + t x, with the velocity x - (1 - s) z as
the target. Sampling is Euler's method from t = 0 to 1. Some training windows see no tokens, so that
a sample can be guided: v = v_free + w (v_conditioned - v_free).
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.space import Config, Value
from trainables.codecs.batches import WindowBatches
from trainables.generators.weights import Stored
from trainables.networks.seeded import SeededTorch
from trainables.networks.unet1d import Unet1d
from trainables.runtime import Runtime

SIGMA_MIN = 1e-4
SEGMENT, OVERLAP = 1024, 64
"""Longer recordings are sampled in segments of so many frames, which share their noise where they
overlap and pass over into each other there: attention's cost grows with the square of a segment."""

NEAREST = 0.1
"""The network says where the path ends, which gives the velocity: what noise is left in a sample is
then its own, and no difference of large numbers. Nearer to the end than this it is not divided, so
the last step of a sample leads from here to the end: smaller ones would leave noise in it."""

_GRADIENT_NORM = 1.0
_FINAL_RATE = 0.05
_WEIGHTS, _STEPS = 1, 2  # streams of random numbers that share a seed

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(y, t) -> velocity: y (batch, time, features), t (batch,)."""


def on_path(noise: Tensor, data: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Where a path is at a time, and its velocity there.

    Args:
        noise, data: (batch, frames, features), the path's two ends.
        time: (batch,) in [0, 1]: 0 gives the noise, 1 the data and `SIGMA_MIN` of the noise.
    """
    t = time[:, None, None]
    at = (1 - (1 - SIGMA_MIN) * t) * noise + t * data
    return at, data - (1 - SIGMA_MIN) * noise


def flow_loss(velocity: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean squared error over features and the frames that are there.

    Args:
        velocity, target: (batch, frames, features).
        valid: (batch, frames) bool.
    """
    squared = (velocity - target) ** 2
    return squared.mean() if valid is None else squared[valid].mean()


def euler(velocity: Velocity, start: Tensor, steps: int, last: float = 0.0) -> Tensor:
    """Where a flow leads from `start` (batch, frames, features) in `steps` equal steps.

    Args:
        velocity: of the flow.
        start: at time 0.
        steps: to time 1.
        last: what the last step is at least; the others share what is left before it.
    """
    ends = max(last, 1 / steps)
    times = [*torch.linspace(0, 1 - ends, steps, dtype=torch.float64).tolist(), 1.0]
    at = start
    for now, then in itertools.pairwise(times):
        time = torch.full((len(start),), now, dtype=start.dtype, device=start.device)
        at = at + velocity(at, time) * (then - now)
    return at


@dataclass(frozen=True, eq=False)
class TrainingMotion:
    """What a generator learns from.

    Attributes:
        motion: (frames, features) float32, recordings one after the other.
        condition: (frames, features) float32, the same frames as their tokens decode.
        lengths: frames of each recording.
        mean, std: (features,) of the motion; std is never 0.
    """

    motion: np.ndarray
    condition: np.ndarray
    lengths: tuple[int, ...]
    mean: np.ndarray
    std: np.ndarray


class FlowMatching(Stored["_Scaled"]):
    """A generator of all parts' features at once.

    Lifecycle as a codec's: construct, `fit` in shares, then `sample`.
    """

    family: ClassVar[str] = "flow_matching"
    called: ClassVar[str] = "the generator's configuration"

    def __init__(self, config: Mapping[str, Value], features: int, seed: int) -> None:
        """A generator that is not trained yet.

        Args:
            config: a complete configuration.
            features: of a frame, of motion and condition alike.
            seed: everything random in training follows from it.
        """
        self.config: Config = dict(config)
        self.features = features
        self.seed = seed
        self.trained_share = 0.0

    def whole(self, name: str) -> int:
        """One of its own keys as a whole number."""
        return int(self.config[f"flow.{name}"])

    def number(self, name: str) -> float:
        """One of its own keys as a number."""
        return float(self.config[f"flow.{name}"])

    def fit(self, data: TrainingMotion, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains on to a share of the steps; `loss` is its mean over the stretch.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        batches = WindowBatches(
            data.lengths, self.whole("window"), self.whole("batch_frames"), self.whole("epochs"),
            self.whole("max_steps"), self.seed, least=runtime.world_size,
        )  # fmt: skip
        goal = min(math.ceil(until * batches.steps - 1e-9), batches.steps)
        if goal <= self._step:
            return {}
        device = runtime.device
        with SeededTorch(device) as generator:
            model, optimiser = self._prepare(data, device)
            motion = model.scaled(torch.from_numpy(data.motion).to(device))
            condition = model.scaled(torch.from_numpy(data.condition).to(device))
            total, begun = torch.zeros((), device=device), self._step
            while self._step < goal:
                generator.seed(self.seed, _STEPS, self._step, runtime.rank)
                batch = batches.batch(self._step)
                own = batch.share(runtime.rank, runtime.world_size)
                weight = own.frames * runtime.world_size / batch.frames
                rows = torch.from_numpy(own.rows).to(device)
                valid = None if own.valid is None else torch.from_numpy(own.valid).to(device)
                loss = self._loss(model, motion[rows], condition[rows], valid)
                for group in optimiser.param_groups:
                    group["lr"] = self.number("learning_rate") * _cosine(self._step / batches.steps)
                optimiser.zero_grad()
                (loss * weight).backward()
                runtime.average([p.grad for p in model.parameters() if p.grad is not None])
                nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
                optimiser.step()
                total += loss.detach() * weight
                self._step += 1
                runtime.stepped()
        runtime.average([total])
        self.trained_share = self._step / batches.steps
        mean = float(total) / (self._step - begun)
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"training of the generator diverged: the loss is {mean} after step {self._step}; "
                f"lower flow.learning_rate ({self.number('learning_rate'):g})"
            )
        return {"loss": mean}

    def _loss(
        self, model: _Scaled, motion: Tensor, condition: Tensor, valid: Tensor | None
    ) -> Tensor:
        time = torch.rand(len(motion), device=motion.device)
        at, target = on_path(torch.randn_like(motion), motion, time)
        seen = torch.rand(len(motion), device=motion.device) >= self.number("condition_dropout")
        return flow_loss(model.velocity(at, condition, seen, time, valid), target, valid)

    def _prepare(self, data: TrainingMotion, device: str) -> tuple[_Scaled, torch.optim.Optimizer]:
        """Model and optimiser where they stand; made, or restored, on the first call."""
        if self._model is not None and self._optimiser is not None and self._pending is None:
            return self._model.train(), self._optimiser
        state = self._pending or {}
        model = self._new_model()
        model.mean.copy_(torch.from_numpy(np.array(data.mean, np.float32)))
        model.std.copy_(torch.from_numpy(np.array(data.std, np.float32)))
        if state:
            model.load_state_dict(state["model"])
        model = model.to(device).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.0, fused=True)
        if state:
            optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._model, self._optimiser, self._pending = model, optimiser, None
        return model, optimiser

    def _new_model(self) -> _Scaled:
        with SeededTorch() as generator:
            generator.seed(self.seed, _WEIGHTS)
            return _Scaled(
                Unet1d(
                    self.features, self.features + 1, self.whole("width"),
                    blocks=self.whole("blocks"), middle=self.whole("middle"),
                    heads=self.whole("heads"), head_width=self.whole("head_dim"),
                    dropout=self.number("dropout"),
                ),
                self.features,
            )  # fmt: skip

    @torch.no_grad()
    def sample(self, condition: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Motion that follows decoded tokens.

        Args:
            condition: (frames, features), what the tokens decode to.
            rng: of the noise it starts from; the rest is deterministic.

        Returns:
            (frames, features) float32.

        Raises:
            RuntimeError: nothing was trained yet.
        """
        if self._model is None:
            raise RuntimeError("the generator is not trained yet; call fit")
        model = self._model.eval()
        given = model.scaled(torch.from_numpy(np.array(condition, np.float32)).to(model.device))
        noise = torch.from_numpy(rng.standard_normal(condition.shape, np.float32))
        noise = noise.to(model.device) * self.number("temperature")
        found = torch.zeros_like(noise)
        for start in range(0, max(len(noise) - OVERLAP, 1), SEGMENT - OVERLAP):
            here = slice(start, start + SEGMENT)
            piece = self._flowed(model, noise[here], given[here])
            shared = min(OVERLAP, len(piece)) if start else 0
            fade = (torch.arange(shared, device=piece.device) + 1.0)[:, None] / (shared + 1)
            over = slice(start, start + shared)
            found[over] = (1 - fade) * found[over] + fade * piece[:shared]
            found[start + shared : start + len(piece)] = piece[shared:]
        return np.asarray((found * model.std + model.mean).cpu().numpy(), np.float32)

    def _flowed(self, model: _Scaled, noise: Tensor, condition: Tensor) -> Tensor:
        """Where noise (frames, features) flows under a condition of the same shape, both scaled."""
        weight = self.number("guidance")

        def velocity(at: Tensor, time: Tensor) -> Tensor:
            def told(yes: bool) -> Tensor:
                seen = torch.tensor([yes], device=at.device)
                return model.velocity(at, condition[None], seen, time)

            if weight in (0, 1):
                return told(weight == 1)
            return guided(told(False), told(True), weight)

        return euler(velocity, noise[None], self.whole("steps"), last=NEAREST)[0]


class _Scaled(nn.Module):
    """The estimator, and the scaling of what it sees."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: Unet1d, features: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    @property
    def device(self) -> torch.device:
        return torch.device(self.mean.device)

    def scaled(self, features: Tensor) -> Tensor:
        return torch.as_tensor((features - self.mean) / self.std)

    def velocity(
        self,
        at: Tensor,
        condition: Tensor,
        seen: Tensor,
        time: Tensor,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Velocity at (batch, frames, features); windows that are not `seen` get no condition."""
        end = self.net(at, _given(condition, seen), time, valid)
        left = (1 - (1 - SIGMA_MIN) * time).clamp(min=NEAREST)
        return torch.as_tensor((end - (1 - SIGMA_MIN) * at) / left[:, None, None])


def guided(free: Tensor, conditioned: Tensor, weight: float) -> Tensor:
    """Classifier-free guidance: from the free velocity on through the conditioned one."""
    return free + weight * (conditioned - free)


def _given(condition: Tensor, seen: Tensor) -> Tensor:
    """What the estimator is told: the condition, and a channel that says whether there is one."""
    mask = seen.to(condition.dtype)[:, None, None]
    return torch.cat([condition * mask, mask.expand(*condition.shape[:2], 1)], dim=2)


def _cosine(share: float) -> float:
    """1 at the start of the budget, 5 % at its end."""
    return _FINAL_RATE + (1 - _FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))
