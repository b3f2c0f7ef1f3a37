"""The model from speech to codes by its keys, and what of it is refused before it costs anything.

EGGesture (ACM MM 2024), sections 3.3 and 3.4: a network classifies the codes of a motion VQ-VAE
from audio and words. What the paper leaves open, or prints in a form that cannot be trained, is a
key here; what each changes stands in `docs/speech_to_codes.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.constraints import register_constraint, register_warning
from search_spaces.data_facts import DataFacts
from search_spaces.families import (
    CONDITIONING,
    Generator,
    conditioning_codec,
    family_of,
    register_generator,
)
from search_spaces.feature_families import FEATURE_AUTOENCODER, MOST_DIMENSIONS
from search_spaces.keys import FreeText, Key, key
from search_spaces.network_keys import SWITCH
from search_spaces.pretrained import weights_missing
from search_spaces.space import Config, Value

SPEECH_TO_CODES = "speech_to_codes"
SYSTEMS = ("codes", "regression", "retrieval")
NETWORKS = ("transformer", "lstm")
REWEIGHTINGS = ("none", "log", "sqrt", "linear", "square", "exp")
SCHEDULES = ("constant", "linear_mix", "as_printed")
AUDIO = ("log_mel", "encoder")
TEXT = ("none", "hashed", "vectors", "encoder")
JOINT = "speech.joint"
FRECHET = "frechet.measured"
"""Whether Fréchet distances are taken; `frechet.*` are keys of the autoencoder for them."""
FEATURES_INPUT, FEATURES_SEED = "frechet.input", "frechet.seed"
_JOINTLY = ("eg_vqvae", "temporal_rvq")
"""Codecs that train in steps and whose code vectors lie beside their latents."""

_WHOLE = {"integer": True}
_FRECHET_KEYS = {
    "frechet.latent_dim": "latent_dim",
    "frechet.hidden_dim": "hidden_dim",
    "frechet.max_steps": "max_steps",
    "frechet.compression": "compression",
}
"""Keys of the generator -> keys of its feature autoencoder; the rest are that family's defaults."""


def _autoencoder_keys() -> list[Key]:
    found = []
    for mine, theirs in _FRECHET_KEYS.items():
        known = FEATURE_AUTOENCODER.key_of(theirs)
        assert known is not None
        parameter = known.parameter.model_copy(update={"name": mine})
        found.append(Key(parameter, known.default, f"of the feature autoencoder: {known.meaning}"))
    return found


SPEECH = register_generator(
    Generator(
        name=SPEECH_TO_CODES,
        title="speech to codes",
        joint_key=JOINT,
        keys=(
            key("speech.system", "codes", "codes: classified; regression: features without codes; "
                "retrieval: motion of the nearest training speech", choices=SYSTEMS),
            key("speech.network", "transformer", "of encoders and decoder", choices=NETWORKS),
            key(JOINT, True, "the codec is trained in the same trial, its codes are labels anew in "
                "every round; else codes are those of a codec that was trained before",
                choices=SWITCH),
            key("speech.rounds", 12, "of joint training", low=1, high=10000, **_WHOLE),
            key("speech.schedule", "linear_mix", "shares of a joint training's steps that codec "
                "and classifier have along it", choices=SCHEDULES),
            key("speech.gamma", 500.0, "the printed schedule's", low=1e-3, high=1e9),
            key("speech.label_noise", False, "joint: labels are drawn as Gumbel-softmax draws "
                "codes, else the nearest", choices=SWITCH),
            key("speech.reweighting", "linear", "of classes, by their inverse share",
                choices=REWEIGHTINGS),
            key("speech.weight_clip", 10.0, "largest class weight before normalising", low=1.0,
                high=1e6),
            key("speech.width", 128, "channels", low=8, high=4096, step=8, **_WHOLE),
            key("speech.heads", 4, "attention heads", low=1, high=64, **_WHOLE),
            key("speech.layers", 2, "of each encoder and of the decoder", low=1, high=48, **_WHOLE),
            key("speech.dropout", 0.1, "in the layers", low=0.0, high=0.9),
            key("speech.aligned", True, "speech of the same moment is added to the decoder's "
                "input, beside cross-attention", choices=SWITCH),
            key("speech.audio", "log_mel", "features of audio; encoder: wav2vec2 or its like from "
                "speech.audio_weights", choices=AUDIO),
            key("speech.audio_tcn", False, "a trainable TCN refines them", choices=SWITCH),
            key("speech.audio_finetune", False, "the encoder learns too", choices=SWITCH),
            Key(FreeText(name="speech.audio_weights", choices=("",)), "", "folder of its weights"),
            key("speech.text", "hashed", "features of words; vectors: a .vec file, encoder: BERT "
                "or CLIP, from speech.text_weights", choices=TEXT),
            key("speech.text_tcn", False, "a trainable TCN refines them", choices=SWITCH),
            key("speech.text_finetune", False, "vectors or encoder learn too", choices=SWITCH),
            Key(FreeText(name="speech.text_weights", choices=("",)), "",
                "folder of its weights, or .vec file"),
            key("speech.text_dim", 64, "of hashed vectors", low=1, high=512, **_WHOLE),
            key("speech.window", 75, "tokens of a training window", low=4, high=4096, **_WHOLE),
            key("speech.seed_tokens", 8, "tokens of the last prediction that the next window "
                "begins with", low=0, high=1024, **_WHOLE),
            key("speech.seed_dropout", 0.5, "share of training windows without them", low=0.0,
                high=1.0),
            key("speech.learning_rate", 1e-3, "Adam's, cosine decay to 5 %", low=1e-7, high=1.0),
            key("speech.batch_tokens", 1200, "tokens per step", low=4, high=1e7, **_WHOLE),
            key("speech.epochs", 400, "passes over the training tokens", low=1, high=1e6, **_WHOLE),
            key("speech.max_steps", 1500, "steps at most", low=1, high=1e8, **_WHOLE),
            key("speech.temperature", 0.0, "of the codes that are drawn; 0 takes the likeliest",
                low=0.0, high=100.0),
            key("speech.beat_sigma", 0.1, "seconds; of beat alignment", low=0.001, high=10.0),
            key(FRECHET, True, "Fréchet distance, in the latents of an autoencoder that the sweep "
                "trains first or inputs.features names", choices=SWITCH),
            *_autoencoder_keys(),
            key(FEATURES_SEED, 0, "of that autoencoder", low=0, high=2**31 - 1, **_WHOLE),
        ),
        second_input=FEATURES_INPUT,
    )
)  # fmt: skip


def is_speech(config: Mapping[str, Value]) -> bool:
    """Whether a configuration makes motion from speech."""
    return config.get("codec") == SPEECH_TO_CODES


def feature_codec(config: Mapping[str, Value]) -> Config | None:
    """The autoencoder that a configuration's Fréchet distances want; None where it wants none."""
    if not is_speech(config) or not config[FRECHET]:
        return None
    asked = {theirs: config[mine] for mine, theirs in _FRECHET_KEYS.items()}
    return FEATURE_AUTOENCODER.complete(asked)


@register_constraint
def weights_are_there(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Nothing is downloaded behind a person's back: what is not there is refused, with the way."""
    if not is_speech(config):
        return None
    if config["speech.text"] == "vectors":
        from pathlib import Path

        place = str(config["speech.text_weights"])
        if not place or not Path(place).expanduser().is_file():
            return (
                f"weights missing: speech.text_weights ({place or 'not given'}) is no .vec file; "
                "get one from https://fasttext.cc/docs/en/crawl-vectors.html"
            )
    for modality in ("audio", "text"):
        if config[f"speech.{modality}"] == "encoder" and (
            reason := weights_missing(str(config[f"speech.{modality}_weights"]), modality)
        ):
            return reason
    return None


@register_constraint
def speech_fits_together(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Sizes and options that exclude each other."""
    if not is_speech(config):
        return None
    inner = conditioning_codec(config)
    steps = {p: family_of(inner).compression(inner, p) for p in facts.part_names}
    if len(set(steps.values())) > 1:
        return f"parts must have one compression to be classified together, got {steps}"
    if config[JOINT] and config[CONDITIONING] not in _JOINTLY:
        return (
            f"{config[CONDITIONING]} is not trained jointly; set speech.joint=false or conditioning"
            f" to one of {', '.join(_JOINTLY)}"
        )
    if config[JOINT] and config["speech.system"] != "codes":
        return f"{config['speech.system']} classifies no codes; set speech.joint=false"
    if int(config["speech.width"]) % int(config["speech.heads"]):
        return f"speech.width {config['speech.width']} is no multiple of speech.heads"
    if int(config["speech.seed_tokens"]) >= int(config["speech.window"]):
        return "speech.seed_tokens must be fewer than speech.window"
    for modality in ("audio", "text"):
        kind = config[f"speech.{modality}"]
        if config[f"speech.{modality}_finetune"] and kind in ("log_mel", "none"):
            return f"speech.{modality}_finetune: {kind} has nothing to be tuned"
    return None


@register_constraint
def features_are_few(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A Fréchet distance needs ten feature vectors a dimension."""
    if not is_speech(config) or not config[FRECHET]:
        return None
    dimensions = int(config["frechet.latent_dim"]) * len(facts.part_names)
    if dimensions > MOST_DIMENSIONS:
        return (
            f"Fréchet distances of {dimensions} dimensions need more motion than there is; set "
            f"frechet.latent_dim to {MOST_DIMENSIONS // len(facts.part_names)} or less"
        )
    return None


@register_warning
def classification_never_counts(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """The printed schedule is there to be shown, not to be used."""
    if is_speech(config) and config[JOINT] and config["speech.schedule"] == "as_printed":
        return "schedule as printed: the classifier is given next to none of the steps"
    return None
