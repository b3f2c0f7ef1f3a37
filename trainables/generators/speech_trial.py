"""A trial of motion from speech: codec and classifier together or one after the other, and scores.

Jointly, each round trains the codec on for a share of its steps, codes the training motion anew,
and trains the classifier on those codes; the schedule says the shares. Held-out recordings are then
made from their speech alone, and, as a control, from the speech of another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from search_spaces.errors import BadInput
from search_spaces.families import conditioning_codec, family_of
from search_spaces.inputs import codec_of
from search_spaces.objectives import RMSE, in_unit
from search_spaces.speech_families import JOINT
from search_spaces.speech_metrics import CODEC_RMSE
from trainables.codecs.feature_autoencoder import MotionFeatures
from trainables.evaluate import score_split
from trainables.generators.conditioning import load_conditioning
from trainables.generators.speech_codes import (
    TokenTargets,
    alphabet_of,
    codes_of,
    decoded_codes,
    training_codes,
)
from trainables.generators.speech_folder import save_speech_trial
from trainables.generators.speech_retrieval import CHUNK_SECONDS, Retrieval, faded
from trainables.generators.speech_schedule import budgets
from trainables.generators.speech_scores import Made, SpeechScores, score_made
from trainables.generators.speech_to_codes import SpeechToCodes, SpeechTraining
from trainables.half_trained import forget, keep, kept
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.runtime import Runtime, nothing
from trainables.speech.inputs import SpeechReader, SpeechTokens
from trainables.speech.shuffled import partners
from trainables.speech.spoken_data import SpokenMotion
from trainables.token_rates import Codecs, encode_split, fit_token_models, split_sizes

if TYPE_CHECKING:
    from trainables.trial import TrialTask

RUNGS = (0.25, 0.5, 0.75)
STATE_NAME = "speech.pt"
_NOISE, _PARTNERS, _DRAWS = 11, 12, 13  # streams of random numbers that share a seed


@dataclass(eq=False)
class _Parts:
    """What a trial is put together of."""

    data: SpokenMotion
    codecs: Codecs
    reader: SpeechReader
    model: SpeechToCodes
    targets: TokenTargets
    speech: SpeechTokens
    lengths: tuple[int, ...]
    motion: np.ndarray
    retrieval: Retrieval | None = None

    @property
    def system(self) -> str:
        """codes, regression or retrieval."""
        return str(self.model.config["speech.system"])

    def training(self, codes: np.ndarray) -> SpeechTraining:
        """Training tokens with codes (tokens, heads)."""
        return SpeechTraining(self.speech, codes, self.motion, self.lengths)


def run_speech(task: TrialTask, data: MotionData, runtime: Runtime) -> list[dict[str, Any]]:
    """Trains, makes motion, scores and saves; one operating point, at the rate of its codes.

    Raises:
        BadInput: the data have no speech, or an input is not there or not the one that was named.
        Refused: weights of an encoder are missing.
    """
    if not isinstance(data, SpokenMotion):
        raise BadInput(f"{task.trial}: the motion has no speech; use --data embedded:speaking")
    parts = _put_together(task, data)
    features = task.input.autoencoder if task.input is not None else None
    encoder = None if features is None else MotionFeatures(features, data)
    curve: list[dict[str, float]] = []
    if parts.system == "retrieval":
        curve.append({"share": 1.0, "train_seconds": 0.0})
    else:
        _train(task, parts, runtime, curve)
    rows = [_scored(task, parts, encoder, curve)] if runtime.rank == 0 else []
    runtime.report({"share": 1.0, "points": rows})
    runtime.at_notice = nothing
    forget(runtime)
    return rows


def _put_together(task: TrialTask, data: SpokenMotion) -> _Parts:
    from trainables.trial import make_codecs

    config = task.config
    codecs: Codecs
    if config[JOINT]:
        codecs = make_codecs(replace(task, config=codec_of(config)), data)
    elif task.input is None or not task.input.place:
        raise BadInput(f"{task.trial}: no codec is there to take codes of; run it in a sweep")
    else:
        codecs = load_conditioning(task.input, data, config)
    inner = conditioning_codec(config)
    compression = family_of(inner).compression(inner, data.facts.part_names[0])
    targets = TokenTargets(data, compression)
    reader = SpeechReader(config, data, compression)
    speech, lengths = reader.together("train")
    motion = np.zeros((len(speech), 0), np.float32)
    if config["speech.system"] != "codes":
        motion = np.concatenate([targets.of(dict(c.features)) for c in data.splits["train"]])
    model = SpeechToCodes(config, reader, alphabet_of(codecs), targets.features, task.seed)
    parts = _Parts(data, codecs, reader, model, targets, speech, lengths, motion)
    if parts.system == "retrieval":
        chunk = max(1, round(CHUNK_SECONDS * data.fps / compression))
        parts.retrieval = Retrieval(speech, lengths, motion, reader.table, chunk)
    return parts


def _train(task: TrialTask, parts: _Parts, runtime: Runtime, curve: list[dict[str, float]]) -> None:
    """Trains from where a process that died left off."""
    config = task.config
    joint = bool(config[JOINT])
    shares: list[tuple[float, float]]
    if joint:
        shares = budgets(str(config["speech.schedule"]), int(config["speech.rounds"]),
                         float(config["speech.gamma"]))  # fmt: skip
    else:
        shares = [(share, 0.0) for share in (*RUNGS, 1.0)]
    told = {-(-len(shares) * (i + 1) // 4) for i in range(4)}  # rounds after which it reports
    begin, spent = 0, 0.0
    ident = task.input.sha256 if task.input is not None else ""
    if (state := kept(runtime, STATE_NAME)) is not None and state["input"] == ident:
        begin, spent = int(state["round"]), float(state["spent"])
        parts.model.load_training_state(state["model"])
        for part, codec in parts.codecs.items() if joint else ():
            codec.load_training_state(state["codecs"][part])
        curve.extend(state["curve"])
    codes = None if joint else training_codes(parts.codecs, parts.data, None)
    began = time.perf_counter()
    here = begin

    def keep_half() -> None:
        states = {p: c.training_state() for p, c in parts.codecs.items()} if joint else {}
        seconds = spent + time.perf_counter() - began
        half = {"round": here, "spent": seconds, "input": ident, "codecs": states}
        keep(runtime, STATE_NAME, {**half, "model": parts.model.training_state()}, curve)

    runtime.at_notice = keep_half
    losses: dict[str, float] = {}
    for number in range(begin, len(shares)):
        for_model, for_codec = shares[number]
        here, began = number, time.perf_counter()
        if joint:
            for part, codec in parts.codecs.items():
                lost = codec.fit(parts.data.parts[part], runtime, for_codec)
                losses.update({f"codec_{k}": v for k, v in lost.items()})
            codes = training_codes(parts.codecs, parts.data, _noise(task, number))
        assert codes is not None
        losses.update(parts.model.fit(parts.training(codes), runtime, for_model))
        spent += time.perf_counter() - began
        share = (number + 1) / len(shares)
        if runtime.rank == 0 and (number + 1 in told):
            row = {"share": share, "train_seconds": spent}
            curve.append(row | {f"train_{name}": value for name, value in losses.items()})
        if number + 1 in told and share < 1.0:
            if runtime.rank == 0:
                here, began = number + 1, time.perf_counter()
                keep_half()
            runtime.report(curve[-1] if runtime.rank == 0 else {})


def _noise(task: TrialTask, number: int) -> torch.Generator | None:
    """Noise of the labels of a round; None where the nearest codes are learnt."""
    if not task.config["speech.label_noise"]:
        return None
    key = np.random.SeedSequence([task.seed, _NOISE, number]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(key >> np.uint64(1)))


def make_motion(
    parts: _Parts, clip: SplitClip, root: np.ndarray | None, speech: SpeechTokens
) -> Made:
    """Motion as long as a recording, from some speech of as many tokens."""
    codecs, compression = parts.codecs, parts.targets.compression
    if parts.system == "codes":
        rng = np.random.default_rng([parts.model.seed, _DRAWS, *clip.recording.encode()])
        codes = parts.model.predict(speech, rng)
        features = decoded_codes(codecs, codes, clip.frames)
    else:
        if parts.retrieval is not None:
            rows = parts.targets.back(parts.retrieval.predict(speech), clip.frames)
            chunk = max(1, round(CHUNK_SECONDS * parts.data.fps / compression)) * compression
            rows = faded(rows, chunk, compression)
        else:
            rng = np.random.default_rng(parts.model.seed)
            rows = parts.targets.back(parts.model.predict(speech, rng), clip.frames)
        features = parts.targets.parted(rows)
        codes = codes_of(codecs, features)
    return Made(codes, features, parts.data.reconstruct(clip, features, root))


def _made(parts: _Parts, split: str) -> tuple[list[Made], list[Made]]:
    """Motion of every recording of a split, from its own speech and from another's."""
    clips = parts.data.splits[split]
    speech = [parts.reader(c.recording) for c in clips]
    rng = np.random.default_rng([_PARTNERS, *split.encode()])  # one for all trials
    whose = partners([float(len(s)) for s in speech], rng) if len(clips) > 1 else np.zeros(1, int)
    made, shuffled = [], []
    for clip, own, other in zip(clips, speech, whose, strict=True):
        made.append(make_motion(parts, clip, clip.root_tokens, own))
        strange = speech[int(other)].as_long_as(len(own))
        shuffled.append(make_motion(parts, clip, clip.root_tokens, strange))
    return made, shuffled


def _scored(
    task: TrialTask,
    parts: _Parts,
    encoder: MotionFeatures | None,
    curve: list[dict[str, float]],
) -> dict[str, Any]:
    """The trial's row; writes its folder and completes the curve's last row."""
    from trainables.scoring import point_row

    began = time.perf_counter()
    data, codecs = parts.data, parts.codecs
    depth = max(c.levels for c in codecs.values())
    row = point_row(task, data, depth, depth)
    models = fit_token_models(codecs, data)
    scores: dict[str, SpeechScores] = {}
    made: dict[str, list[Made]] = {}
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        straight = score_split(codecs, data, encoded, depth, models,
                               split_sizes(codecs, data, encoded, models))  # fmt: skip
        row.update(_of_the_codec(straight.row, split, data))
        made[split], shuffled = _made(parts, split)
        codes = [codes_of(codecs, dict(c.features)) for c in data.splits[split]]
        scores[split] = score_made(
            data, split, made[split], shuffled, codes,
            {part: codec.alphabet for part, codec in codecs.items()},
            float(task.config["speech.beat_sigma"]), encoder,
        )  # fmt: skip
        row.update(scores[split].row)
    source = task.input
    curve[-1].update({k: v for k, v in row.items() if k.startswith("val_")})
    row.update(
        train_seconds=curve[-1]["train_seconds"],
        parameters=0 if parts.retrieval is not None else parts.model.parameters(),
        input_hash=source.sha256 if source else "",
        input_trial=source.trial if source else "",
        features_hash=source.features[1] if source and source.features else "",
        synthetic=data.facts.synthetic,
    )
    row["codec_bytes"] = save_speech_trial(
        task, parts.model, parts.codecs, data, scores, made, row, curve,
        trained=parts.retrieval is None,
    )  # fmt: skip
    row["evaluate_seconds"] = time.perf_counter() - began
    return row


def _of_the_codec(scored: Mapping[str, float], split: str, data: MotionData) -> dict[str, float]:
    """Rates and use of the real codes, and what the codec itself loses, under names of its own."""
    found = {}
    unit = data.facts.yardstick
    losses = {
        f"{split}_{in_unit(RMSE.objective('full'), unit)}":
            f"{split}_{in_unit(CODEC_RMSE.objective('full'), unit)}"
    }  # fmt: skip
    for name, value in scored.items():
        if name.startswith((f"{split}_rate_", f"{split}_tokens", f"{split}_utilisation_",
                            f"{split}_perplexity_", f"{split}_code_entropy_")):  # fmt: skip
            found[name] = value
        elif name in losses:
            found[losses[name]] = value
    return found
