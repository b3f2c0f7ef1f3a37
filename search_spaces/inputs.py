"""What a trial needs of another: `inputs:` of a spec, and the codec that a generator is given.

A generator is conditioned on the tokens of one codec. Where a spec names none, the sweep trains it
first, as a trial of its own with the same seed; where `inputs:` names one of an earlier sweep or an
exported one, its contents' hash is a part of every generator's configuration, so two codecs are two
trials even where they are configured alike.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_spaces.errors import BadInput
from search_spaces.families import (
    CONDITIONING,
    INPUT,
    awaits_codec,
    conditioning_codec,
    family_of,
    is_generator,
    there_are,
)
from search_spaces.space import Config, Value, canonical, trial_id
from search_spaces.speech_families import FEATURES_INPUT, FEATURES_SEED, feature_codec, is_speech

HASH_DIGITS = 16


class CodecInput(BaseModel):
    """A codec that was trained elsewhere: a trial of a sweep, or an exported codec.

    The last three are found when a sweep begins, and stand in its `sweep.yaml`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sweep: str = ""
    """Folder or URI of an earlier sweep on the same motion."""
    choose: str = ""
    """`key=value` of its configuration, with blanks between; the best on validation of those."""
    folder: str = ""
    """An exported codec's folder."""
    trial: str = ""
    """Which trial of the sweep was taken."""
    sha256: str = Field(default="", pattern=rf"^([0-9a-f]{{{HASH_DIGITS}}})?$")
    """Of the codec's files."""
    config: dict[str, Value] = {}
    """The codec's configuration."""

    @model_validator(mode="after")
    def _one_place(self) -> CodecInput:
        if bool(self.sweep) == bool(self.folder):
            raise ValueError("give either sweep (and choose), or folder")
        if self.folder and self.choose:
            raise ValueError("choose is of a sweep; an exported codec is one codec")
        self.wanted()
        return self

    def wanted(self) -> dict[str, str]:
        """Keys of `choose` with the texts of their values.

        >>> CodecInput(sweep="runs/a", choose="codec=kmeans codebook_size=64").wanted()
        {'codec': 'kmeans', 'codebook_size': '64'}
        """
        pairs = [text.partition("=") for text in self.choose.split()]
        if wrong := [key + equals for key, equals, value in pairs if not (key and value)]:
            raise ValueError(f"choose needs KEY=VALUE KEY=VALUE, got {wrong[0]!r}")
        return {key: value for key, _, value in pairs}

    def described(self) -> str:
        """In words, for messages."""
        if self.folder:
            return self.folder
        return f"{self.sweep} ({self.choose})" if self.choose else self.sweep


class InputsSpec(BaseModel):
    """What trials of a sweep take from elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: CodecInput | None = None
    """Whose tokens generators are given; where left out, the sweep trains what they ask for."""
    features: CodecInput | None = None
    """The feature autoencoder that Fréchet distances are taken in; trained too where left out."""

    def laid_under(self, proposal: Config) -> Config:
        """A generator's proposal with the codec that was found for it; others as they are.

        Raises:
            BadInput: the proposal asks for another codec than was named.
        """
        features = self.features
        if features is not None and features.sha256 and is_speech(proposal):
            proposal = {FEATURES_INPUT: features.sha256, **proposal}
        codec = self.codec
        if codec is None or not codec.sha256 or not is_generator(proposal):
            return proposal
        found = {CONDITIONING: codec.config["codec"], INPUT: codec.sha256}
        found |= {k: v for k, v in codec.config.items() if k != "codec"}
        for key, value in proposal.items():
            if key in found and canonical({key: found[key]}) != canonical({key: value}):
                raise BadInput(
                    f"{key} is {value}, and the codec of inputs ({codec.described()}) has "
                    f"{found[key]}; leave {key} out, or name another codec"
                )
        return {**found, **proposal}


@dataclass(frozen=True)
class Resolved:
    """A codec that is there to be used.

    Attributes:
        place: folder with a codec's folder for every part.
        sha256: of its files.
        trial: that trained it; "" where it came from elsewhere.
        features: place, hash and trial of the autoencoder that Fréchet distances are taken in, as
            a second input; empty where none is.
    """

    place: str
    sha256: str
    trial: str = ""
    features: tuple[str, ...] = ()

    @property
    def autoencoder(self) -> Resolved | None:
        """The second input; None where there is none."""
        if not self.features:
            return None
        place, sha256, trial = self.features
        return Resolved(place, sha256, trial)


@dataclass(frozen=True)
class Awaited:
    """A trial of the same sweep that another waits for.

    Attributes:
        config: its complete configuration.
        seed: its seed where it has one of its own, whatever seed the other has; else None.
    """

    config: Config
    seed: int | None = None

    def trial(self, seed: int) -> str:
        """Its identity, for the one that waits with this seed."""
        return trial_id(self.config, seed if self.seed is None else self.seed)


def awaited_of(config: Config) -> tuple[Awaited, ...]:
    """What a configuration's trials wait for: a codec, and what Fréchet distances are taken in."""
    found = []
    if awaits_codec(config) and not config.get(INPUT):
        found.append(Awaited(codec_of(config)))
    autoencoder = feature_codec(config)
    if autoencoder is not None and not config.get(FEATURES_INPUT):
        # One for all seeds: distances in two encoders are not comparable.
        found.append(Awaited(autoencoder, int(config[FEATURES_SEED])))
    return tuple(found)


def codec_trial(config: Config, seed: int) -> str:
    """The trial of the same sweep whose codec a generator's trial waits for; "" for any other."""
    if not awaits_codec(config) or config.get(INPUT):
        return ""
    return trial_id(codec_of(config), seed)


def codec_of(config: Config) -> Config:
    """The complete configuration of the codec that a generator's configuration asks for."""
    asked = conditioning_codec(config)
    return family_of(asked).complete(asked)


def folder_hash(place: Path) -> str:
    """Hash of the files below a folder, names and contents.

    Raises:
        BadInput: there are none.
    """
    files = sorted(p for p in place.rglob("*") if p.is_file())
    if not files:
        raise BadInput(f"{place}: holds no codec")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(place).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def matches(config: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Whether a configuration has the values that texts spell; 64 and 64.0 are one.

    Raises:
        BadInput: it has no such key.
    """
    for key, text in wanted.items():
        if key not in config:
            raise BadInput(f"choose: no parameter {key!r}; {there_are(key, list(config))}")
        if not _spells(text, config[key]):
            return False
    return True


def _spells(text: str, value: Value) -> bool:
    if isinstance(value, bool | str):
        return text.lower() == str(value).lower()
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE)
    return number is not None and float(text) == float(value)
