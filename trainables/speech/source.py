"""Where the speech of a data set is: asked for by a recording's name, read when it is asked for.

Audio is large, so nothing is held: features are taken from one recording after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from search_spaces.errors import BadInput
from search_spaces.spec import EMBEDDED_SPEAKING, PROCEDURAL, DataSpec
from trainables.speech.pairs import find_pairs, read_speech
from trainables.speech.speech import Speech
from trainables.speech.synthetic import speech_numbers, speech_of_number

MIRRORED = "@mirrored"


class SpeechSource(Mapping[str, Speech]):
    """Recording -> its speech, as `load_clips` names recordings.

    A mirrored recording has the speech of the one it is the mirror of.
    """

    def __init__(self, spec: DataSpec) -> None:
        """Finds the speech of the motion that a spec names.

        Raises:
            BadInput: the motion has no speech, or some of its files have no partner.
        """
        self._seed = spec.embedded_seed
        self._files = {}
        self._numbers = {}
        if spec.split == "time":
            raise BadInput("split: time cuts recordings from their speech; use split: recording")
        if spec.path == EMBEDDED_SPEAKING:
            self._numbers = speech_numbers(spec.embedded_size, spec.embedded_seed)
        elif spec.path in PROCEDURAL:
            raise BadInput(f"data {spec.path} has no speech; use {EMBEDDED_SPEAKING}")
        else:
            found = find_pairs(Path(spec.path).expanduser())
            self._files = {files.recording: files for files in found}

    def __getitem__(self, recording: str) -> Speech:
        name = recording.removesuffix(MIRRORED)
        if name in self._numbers:
            return speech_of_number(self._seed, self._numbers[name])
        return read_speech(self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter((*self._numbers, *self._files))

    def __len__(self) -> int:
        return len(self._numbers) + len(self._files)
