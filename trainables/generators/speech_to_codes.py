"""Speech to codes: a classifier of a motion codec's codes from audio, words and seed codes.

EGGesture (ACM MM 2024), sections 3.3 and 3.4. All tokens of a window are predicted at once; the
first of them may be given, as seeds, and motion longer than a window is made by seeding each window
with the end of the one before. `speech.system: regression` has the same network say features
themselves, without codes, as a baseline.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.space import Config, Value
from trainables.codecs.batches import Batch, WindowBatches
from trainables.codecs.training_step import cosine
from trainables.generators.speech_model import SpeechModel
from trainables.generators.weights import Stored
from trainables.losses.class_weights import class_weights, weighted_loss
from trainables.networks.seeded import SeededTorch
from trainables.networks.speech_transformer import Shape
from trainables.runtime import Runtime
from trainables.speech.inputs import SpeechReader, SpeechTokens

_GRADIENT_NORM = 1.0
_WEIGHTS, _STEPS = 1, 2  # streams of random numbers that share a seed


@dataclass(frozen=True, eq=False)
class SpeechTraining:
    """What a classifier learns from: tokens of training recordings, one after the other.

    Attributes:
        speech: of every token.
        codes: (tokens, heads) int64, the right code of every part and level.
        targets: (tokens, features) float32 scaled features of a token's frames side by side; what
            a regression learns instead.
        lengths: tokens of each recording.
    """

    speech: SpeechTokens
    codes: np.ndarray
    targets: np.ndarray
    lengths: tuple[int, ...]


class SpeechToCodes(Stored[SpeechModel]):
    """A generator of the codes of all parts at once.

    Lifecycle as a codec's: construct, `fit` in shares, then `predict`.
    """

    family: ClassVar[str] = "speech_to_codes"
    called: ClassVar[str] = "the model from speech"

    def __init__(
        self,
        config: Mapping[str, Value],
        reader: SpeechReader,
        alphabet: Sequence[int],
        features: int,
        seed: int,
    ) -> None:
        """A model that is not trained yet.

        Args:
            config: a complete configuration.
            reader: says what its inputs are.
            alphabet: codes of each level of each part, in their order.
            features: of a token's frames side by side, for a regression.
            seed: everything random in training follows from it.
        """
        self.config: Config = dict(config)
        self.reader = reader
        self.alphabet = tuple(alphabet)
        self.features = features
        self.seed = seed
        self.trained_share = 0.0

    @property
    def regresses(self) -> bool:
        """Whether it says features in place of codes."""
        return self.config["speech.system"] == "regression"

    def whole(self, name: str) -> int:
        """One of its own keys as a whole number."""
        return int(self.config[f"speech.{name}"])

    def number(self, name: str) -> float:
        """One of its own keys as a number."""
        return float(self.config[f"speech.{name}"])

    def fit(self, data: SpeechTraining, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Trains on to a share of the steps; codes may differ from those of the last call.

        Returns:
            Means over the stretch: `loss`, and `accuracy` in percent where codes are classified.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        batches = WindowBatches(
            data.lengths, self.whole("window"), self.whole("batch_tokens"), self.whole("epochs"),
            self.whole("max_steps"), self.seed, least=runtime.world_size,
        )  # fmt: skip
        goal = min(math.ceil(until * batches.steps - 1e-9), batches.steps)
        if goal <= self._step:
            return {}
        device = runtime.device
        with SeededTorch(device) as generator:
            model, optimiser = self._prepare(data, device)
            audio = torch.from_numpy(data.speech.audio).to(device)
            said = torch.from_numpy(data.speech.said).to(device)
            wanted = torch.from_numpy(data.targets if self.regresses else data.codes).to(device)
            codes = torch.from_numpy(data.codes).to(device)
            weights = [] if self.regresses else self._weights(codes)
            sums, begun = torch.zeros(2, device=device), self._step
            while self._step < goal:
                generator.seed(self.seed, _STEPS, self._step, runtime.rank)
                batch = batches.batch(self._step)
                own = batch.share(runtime.rank, runtime.world_size)
                share = own.frames * runtime.world_size / batch.frames
                rows = torch.from_numpy(own.rows).to(device)
                real, seeded = self._seeded(own, device)
                missing = None if own.valid is None else ~real
                outputs = model(audio[rows], said[rows], codes[rows], seeded, missing)
                asked = real & ~seeded
                loss, right = self._loss([o[asked] for o in outputs], wanted[rows][asked], weights)
                for group in optimiser.param_groups:
                    group["lr"] = self.number("learning_rate") * cosine(self._step / batches.steps)
                optimiser.zero_grad()
                (loss * share).backward()
                runtime.average([p.grad for p in model.parameters() if p.grad is not None])
                nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
                optimiser.step()
                sums += torch.stack([loss.detach(), right]) * share
                self._step += 1
                runtime.stepped()
        runtime.average([sums])
        self.trained_share = self._step / batches.steps
        loss_mean, right_mean = (float(v) / (self._step - begun) for v in sums)
        if not math.isfinite(loss_mean):
            raise FloatingPointError(
                f"training from speech diverged: the loss is {loss_mean} after step {self._step}; "
                f"lower speech.learning_rate ({self.number('learning_rate'):g})"
            )
        found = {"loss": loss_mean}
        return found if self.regresses else {**found, "accuracy": 100.0 * right_mean}

    def _seeded(self, batch: Batch, device: str) -> tuple[Tensor, Tensor]:
        """(windows, tokens) bool: which tokens there are, and whose codes are given."""
        rows = batch.rows
        valid = np.ones(rows.shape, bool) if batch.valid is None else batch.valid
        real = torch.from_numpy(valid).to(device)
        first = torch.arange(rows.shape[1], device=device) < self.whole("seed_tokens")
        kept = torch.rand(len(rows), device=device) >= self.number("seed_dropout")
        # Of a recording that is no longer than its seeds nothing would be left to learn.
        kept &= real.sum(dim=1) > self.whole("seed_tokens")
        given = kept[:, None] & first[None] & real
        return real, torch.zeros_like(given) if self.regresses else given

    def _weights(self, codes: Tensor) -> list[Tensor]:
        """Class weights of every head, by the shares of the codes that are learnt from."""
        found = []
        for head, size in enumerate(self.alphabet):
            shares = torch.bincount(codes[:, head], minlength=size).float() / len(codes)
            kind = str(self.config["speech.reweighting"])
            found.append(class_weights(shares, kind, self.number("weight_clip")))
        return found

    def _loss(
        self, outputs: list[Tensor], wanted: Tensor, weights: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Mean loss over heads, and the share of right codes."""
        if self.regresses:
            return nn.functional.mse_loss(outputs[0], wanted), wanted.new_zeros(())
        losses, right = [], []
        for head, (logits, weight) in enumerate(zip(outputs, weights, strict=True)):
            losses.append(weighted_loss(logits, wanted[:, head], weight))
            right.append((logits.argmax(1) == wanted[:, head]).float().mean())
        return torch.stack(losses).mean(), torch.stack(right).mean()

    def _prepare(
        self, data: SpeechTraining, device: str
    ) -> tuple[SpeechModel, torch.optim.Optimizer]:
        """Model and optimiser where they stand; made, or restored, on the first call."""
        if self._model is not None and self._optimiser is not None and self._pending is None:
            return self._model.train(), self._optimiser
        state = self._pending or {}
        model = self._new_model()
        if not self.reader.samples:
            audio = data.speech.audio
            model.mean.copy_(torch.from_numpy(audio.mean(axis=0)))
            model.std.copy_(torch.from_numpy(np.maximum(audio.std(axis=0), 1e-3)))
        if state:
            model.load_state_dict(state["model"])
        model = model.to(device).train()
        learnt = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(learnt, lr=0.0, fused=True)
        if state:
            optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._model, self._optimiser, self._pending = model, optimiser, None
        return model, optimiser

    def _new_model(self) -> SpeechModel:
        with SeededTorch() as generator:
            generator.seed(self.seed, _WEIGHTS)
            c: Mapping[str, Any] = self.config
            shape = Shape(
                kind=str(c["speech.network"]),
                audio=self.reader.audio_features,
                text=self.reader.text_features,
                heads=(self.features,) if self.regresses else self.alphabet,
                codes=() if self.regresses else self.alphabet,
                width=self.whole("width"),
                layers=self.whole("layers"),
                attention=self.whole("heads"),
                dropout=self.number("dropout"),
                audio_tcn=bool(c["speech.audio_tcn"]),
                text_tcn=bool(c["speech.text_tcn"]),
                aligned=bool(c["speech.aligned"]),
            )
            return SpeechModel(shape, self.reader, bool(c["speech.text_finetune"]))

    @torch.no_grad()
    def predict(self, speech: SpeechTokens, rng: np.random.Generator) -> np.ndarray:
        """Codes (tokens, heads) int32 of one recording of any length, or a regression's features.

        Each window but the first begins with the last `seed_tokens` codes of the one before.

        Args:
            speech: of the recording.
            rng: of codes that are drawn; unused where `speech.temperature` is 0.

        Raises:
            RuntimeError: nothing was trained yet.
        """
        if self._model is None:
            raise RuntimeError("the model from speech to codes is not trained yet; call fit")
        model = self._model.eval()
        device = model.mean.device
        window, seeds = self.whole("window"), self.whole("seed_tokens")
        width = self.features if self.regresses else len(self.alphabet)
        found = np.zeros((len(speech), width), np.float32 if self.regresses else np.int32)
        done = 0
        while done < len(speech):
            start = max(0, done - seeds)
            stop = min(start + window, len(speech))
            rows = slice(start, stop)
            codes = torch.zeros((1, stop - start, len(self.alphabet)), dtype=torch.int64)
            seeded = torch.zeros((1, stop - start), dtype=torch.bool)
            if not self.regresses:
                codes[0, : done - start] = torch.from_numpy(found[start:done].astype(np.int64))
                seeded[0, : done - start] = True
            given = (torch.from_numpy(speech.audio[rows]), torch.from_numpy(speech.said[rows]))
            outputs = model(*(g[None].to(device) for g in given), codes.to(device),
                            seeded.to(device))  # fmt: skip
            each = [o[0, done - start :].cpu().numpy() for o in outputs]
            if self.regresses:
                found[done:stop] = each[0]
            else:
                for head, logits in enumerate(each):
                    found[done:stop, head] = self._drawn(logits, rng)
            done = stop
        return found

    def _drawn(self, logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(tokens,) codes from logits (tokens, codes): the likeliest, or drawn by Gumbel's way."""
        heat = self.number("temperature")
        noise = heat * rng.gumbel(size=logits.shape) if heat else 0.0
        return np.asarray((logits + noise).argmax(axis=1), np.int32)
