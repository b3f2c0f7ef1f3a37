"""A trained model from speech as it leaves its sweep: one's own audio in, motion out.

Its folder stands alone: `generator.json` and `.safetensors`, the codec of every part, and the
preparation that turns features into joints. Motion stands in place, as it was learnt; it is as long
as the audio. Words are taken where they are given, those that training never said too: they have a
vector, and what was learnt of known ones stays with those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.record import CODEC_FOLDER, PREPARATION_FOLDER
from search_spaces.space import Config, Value
from trainables.codecs.codec import Codec, load_codec
from trainables.generators.folder import CONFIG_NAME, GENERATOR_VERSION, WEIGHTS_NAME
from trainables.generators.speech_codes import alphabet_of, decoded_codes
from trainables.generators.speech_to_codes import SpeechToCodes
from trainables.motion.clip import Clip
from trainables.motion.preparation import Preparation
from trainables.motion.preparation_files import load_preparation
from trainables.motion.skeleton import forward_kinematics
from trainables.speech.inputs import SpeechReader
from trainables.speech.speech import Speech
from trainables.speech.spoken_data import speech_alone

_DRAWS = 13  # a stream of random numbers that shares a seed
_TUNED = "tuned"
SILENCE = ""  # stands for the words of an encoder, which has no table of its own


@dataclass(frozen=True, eq=False)
class TrainedSpeech:
    """A model from speech to codes with all that motion needs.

    Attributes:
        config: of the model.
        preparation: features -> joints.
        codecs: part -> codec.
        described: `generator.json`.
        arrays: everything learnt, by name.
    """

    config: Config
    preparation: Preparation
    codecs: Mapping[str, Codec]
    described: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def compression(self) -> int:
        """Frames of a token."""
        return next(iter(self.codecs.values())).compression

    @property
    def fps(self) -> float:
        """Of the motion that is made."""
        return self.preparation.coded_fps

    def features(
        self, speeches: Mapping[str, Speech], seed: int = 0
    ) -> dict[str, dict[str, np.ndarray]]:
        """Recording -> part -> (frames, dimensions) float32.

        Args:
            speeches: recording -> audio of any length, with words or without.
            seed: of codes that are drawn, where `speech.temperature` is above 0.

        Raises:
            Refused: weights of an encoder are missing.
            BadInput: they are not those that it was trained with.
        """
        if not self._reads():
            speeches = {r: replace(s, words=None) for r, s in speeches.items()}
        said = speech_alone(speeches, self.fps)
        known = tuple(self.described["words"]) or ((SILENCE,) if self._reads() else ())
        reader = SpeechReader(self.config, said, self.compression, known)
        model = SpeechToCodes(
            self.config, reader, alphabet_of(self.codecs), int(self.described["features"]),
            int(self.described["seed"]),
        )  # fmt: skip
        model.load_arrays(self._fitting(len(reader.table)))
        found = {}
        for each in said.splits[""]:
            rng = np.random.default_rng([seed, _DRAWS, *each.recording.encode()])
            codes = model.predict(reader(each.recording), rng)
            found[each.recording] = decoded_codes(self.codecs, codes, each.frames)
        return found

    def motion(self, recording: str, features: Mapping[str, np.ndarray]) -> Clip:
        """Features of one recording as a clip on the usual bones, in place."""
        preparation = self.preparation
        skeleton, height = preparation.skeleton, preparation.root.height
        if preparation.feature_map.kind == "position":
            positions = preparation.feature_map.decode(features, skeleton.offsets)
            positions[..., 1] += height
            return Clip(recording, skeleton, self.fps, positions, unit=preparation.unit)
        rotations, placed = preparation.rotations(features)
        positions, _ = forward_kinematics(skeleton.parents, skeleton.offsets, rotations, placed)
        return Clip(recording, skeleton, self.fps, positions, rotations, unit=preparation.unit)

    def _reads(self) -> bool:
        """Whether it was trained with words; a model of before says so by its words."""
        known = self.described.get("text_features")
        if known is not None:
            return int(known) > 0
        return bool(self.described["words"]) or self.config["speech.text"] == "encoder"

    def _fitting(self, rows: int) -> dict[str, np.ndarray]:
        """What was learnt; rows of words that are new have learnt nothing."""
        arrays = dict(self.arrays)
        if _TUNED in arrays:
            new = max(0, rows - len(arrays[_TUNED]))
            arrays[_TUNED] = np.pad(arrays[_TUNED], ((0, new), (0, 0)))
        return arrays


def load_speech_generator(
    folder: Path, settings: Mapping[str, Value] | None = None
) -> TrainedSpeech:
    """Reads an exported model from speech. Runs no code from the folder.

    Args:
        folder: that `ratefront export` wrote.
        settings: keys that hold here alone, as where the weights of an encoder lie.

    Raises:
        BadInput: the folder holds none, a newer one, or a damaged one.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        described = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        version, family = described["generator_version"], described["family"]
        config: Config = {**described["config"], **(settings or {})}
        known = {"words", "features", "seed", "alphabet"} <= set(described)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder}: no model from speech can be read here ({error!r}); name a folder that "
            "'ratefront export SWEEP --trial TRIAL' wrote"
        ) from None
    if version != GENERATOR_VERSION:
        raise BadInput(
            f"{folder}: generator version {version} is not {GENERATOR_VERSION}; use the release "
            "that wrote it"
        )
    if family != SpeechToCodes.family or not known or config.get("speech.system") != "codes":
        raise BadInput(f"{folder}: holds {family}, which makes no motion from speech; name another")
    try:
        arrays = load_file(folder / WEIGHTS_NAME)
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{folder / WEIGHTS_NAME}: is damaged ({error}); export it again") from None
    preparation = load_preparation(folder / PREPARATION_FOLDER)
    codecs = {p: load_codec(folder / CODEC_FOLDER / p) for p in preparation.part_names}
    if list(alphabet_of(codecs)) != list(described["alphabet"]):
        raise BadInput(f"{folder}: its codecs have another alphabet than it says; export it again")
    return TrainedSpeech(config, preparation, codecs, described, arrays)
