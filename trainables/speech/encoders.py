"""wav2vec2, BERT and CLIP as frozen encoders, from a person's own folder.

Through `transformers` (the extra `speech`), offline: nothing is looked up by name, no code of the
folder is run, and weights are read from safetensors alone. Any audio model whose input is a
waveform and any text model with a fast tokenizer will do; names in this file are examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput, Refused
from search_spaces.pretrained import require_weights
from trainables.speech.log_mel import at_frames
from trainables.speech.speech import Speech, Word
from trainables.speech.text import vectors_at_frames
from trainables.speech.wav import resampled

SEGMENT_SECONDS = 20.0
"""Audio is encoded in pieces of so much, since attention costs the square of it."""
CONTEXT_WORDS = 64
"""Words that a text encoder sees at once."""


class AudioEncoder:
    """A model from waveforms to features, such as wav2vec2, HuBERT or WavLM.

    Attributes:
        model: the torch module, in evaluation mode, its gradients off; a trainer that fine-tunes it
            turns them on.
        sample_rate: that it wants.
        dimensions: of its features.
    """

    def __init__(self, folder: str | Path) -> None:
        """Reads a folder.

        Raises:
            Refused: its weights are missing, or `transformers` is.
            BadInput: what is there is no such model.
        """
        place = require_weights(folder, "audio")
        library = _library()
        self.model = _loaded(place, library.AutoModel)
        try:
            self._prepare = library.AutoFeatureExtractor.from_pretrained(
                place, local_files_only=True, trust_remote_code=False
            )
            self.sample_rate = int(self._prepare.sampling_rate)
            self.dimensions = int(self.model.config.hidden_size)
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise BadInput(
                f"{place}: is no model of waveforms ({_line(error)}); name a wav2vec2 folder with "
                "its preprocessor_config.json"
            ) from None

    def __call__(self, speech: Speech, frames: int, fps: float) -> np.ndarray:
        """Features at the frames of a clip: (frames, dimensions) float32."""
        import torch

        samples = resampled(speech, self.sample_rate)
        step = round(SEGMENT_SECONDS * self.sample_rate)
        pieces = []
        for begin in range(0, len(samples), step):
            piece = samples[begin : begin + step]
            # A convolution needs its whole reach: a short rest is heard with silence after it.
            piece = np.pad(piece, (0, max(0, self.sample_rate // 10 - len(piece))))
            given = self._prepare(piece, sampling_rate=self.sample_rate, return_tensors="pt")
            with torch.no_grad():
                hidden = self.model(**given).last_hidden_state[0].cpu().numpy()
            seconds = len(piece) / self.sample_rate
            wanted = max(1, round(seconds * fps))
            pieces.append(at_frames(hidden, len(hidden) / seconds, wanted, fps))
        return _exactly(np.concatenate(pieces), frames)

    def hidden(self, waves: Any) -> Any:
        """(batch, steps, dimensions) torch tensor of waveforms (batch, samples) of one length.

        It has a gradient where the model's weights have one; each waveform goes in with mean 0 and
        deviation 1 where the model wants that.
        """
        if getattr(self._prepare, "do_normalize", False):
            centred = waves - waves.mean(dim=1, keepdim=True)
            waves = centred / (centred.var(dim=1, keepdim=True, correction=0) + 1e-7).sqrt()
        return self.model(waves).last_hidden_state


class TextEncoder:
    """A model from words to features, such as BERT or CLIP's text encoder.

    Attributes:
        model: as for `AudioEncoder`.
        dimensions: of its features.
    """

    def __init__(self, folder: str | Path) -> None:
        """Reads a folder.

        Raises:
            Refused: its weights are missing, or `transformers` is.
            BadInput: what is there is no such model, or has no fast tokenizer.
        """
        place = require_weights(folder, "text")
        library = _library()
        kind = _loaded_kind(place, library)
        # Of CLIP's two towers the one that reads.
        loader = library.CLIPTextModel if kind in ("clip", "clip_text_model") else library.AutoModel
        self.model = _loaded(place, loader)
        try:
            self._split = library.AutoTokenizer.from_pretrained(
                place, local_files_only=True, trust_remote_code=False
            )
            self.dimensions = int(self.model.config.hidden_size)
            if not self._split.is_fast:
                raise ValueError("its tokenizer is not a fast one")
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise BadInput(
                f"{place}: is no model of text ({_line(error)}); name a BERT or CLIP folder with "
                "its tokenizer.json"
            ) from None

    def __call__(self, words: Sequence[Word], frames: int, fps: float) -> np.ndarray:
        """Features of the word that sounds at each frame: (frames, dimensions + 1) float32.

        A word in several pieces is their mean. The last column is 1 where a word sounds.
        """
        numbered: list[Word] = []
        vectors: dict[str, np.ndarray] = {}
        for begin in range(0, len(words), CONTEXT_WORDS):
            some = words[begin : begin + CONTEXT_WORDS]
            for i, vector in self._encoded([w.text for w in some]).items():
                vectors[str(begin + i)] = vector
            numbered += [Word(str(begin + i), word.start, word.end) for i, word in enumerate(some)]
        return vectors_at_frames(numbered, vectors, self.dimensions, frames, fps)

    def _encoded(self, texts: list[str]) -> dict[int, np.ndarray]:
        """Number of a word -> (dimensions,)."""
        import torch

        with torch.no_grad():
            found = self.vectors(texts).cpu().numpy()
        return dict(enumerate(found))

    def vectors(self, texts: list[str]) -> Any:
        """(words, dimensions) torch tensor of words that stand beside each other.

        It has a gradient where the model's weights have one. Words behind the model's longest text
        have zeros.
        """
        import torch

        limit = int(getattr(self.model.config, "max_position_embeddings", 512))
        given = self._split(
            texts, is_split_into_words=True, return_tensors="pt", truncation=True, max_length=limit
        )
        numbers = [-1 if word is None else int(word) for word in given.word_ids(0)]
        hidden = self.model(**given.to(self.model.device)).last_hidden_state[0]
        at = torch.tensor(numbers, device=hidden.device)
        kept, at = hidden[at >= 0], at[at >= 0]
        sums = hidden.new_zeros(len(texts), hidden.shape[1]).index_add(0, at, kept)
        return sums / torch.bincount(at, minlength=len(texts)).clamp(min=1)[:, None]


def _library() -> Any:
    try:
        import transformers
    except ImportError:
        raise Refused(
            "weights missing: transformers is not installed; pip install 'ratefront[speech]'"
        ) from None
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _loaded_kind(place: Path, library: Any) -> str:
    try:
        config = library.AutoConfig.from_pretrained(
            place, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{place}: config.json cannot be read ({_line(error)})") from None
    return str(config.model_type)


def _loaded(place: Path, loader: Any) -> Any:
    from safetensors import SafetensorError

    try:
        model = loader.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadInput(f"{place}: weights cannot be read ({_line(error)}); get them anew") from None
    return model.eval().requires_grad_(False)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _exactly(rows: np.ndarray, frames: int) -> np.ndarray:
    """So many rows: the last one again, or the rest left out."""
    return np.concatenate([rows, np.repeat(rows[-1:], max(0, frames - len(rows)), 0)])[:frames]
