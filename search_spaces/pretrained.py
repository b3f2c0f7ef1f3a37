"""Weights of others in a person's own folder: whether they are there, without opening them.

Nothing is downloaded behind a person's back, so a configuration that needs weights which are not
there is refused before it costs anything, with the way to get them.
"""

from __future__ import annotations

from pathlib import Path

from search_spaces.errors import Refused

CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = "model.safetensors.index.json"
"""In place of `WEIGHTS` where they are cut into several files."""
EXAMPLES = {
    "audio": "facebook/wav2vec2-base-960h",
    "text": "google-bert/bert-base-uncased",
}
"""What papers of this field take; any model of the same kind is read."""


def weights_missing(folder: str | Path, modality: str) -> str:
    """Why a folder cannot be used, and how to get one that can; "" where nothing is missing.

    Args:
        folder: of one model, as `save_pretrained` or `hf download` write it.
        modality: "audio" or "text".
    """
    place = Path(folder).expanduser()
    named = str(folder) or "FOLDER"
    get = f"get them with: hf download {EXAMPLES[modality]} --local-dir {named}"
    if not str(folder):
        return f"weights missing: no folder of {modality} weights is named; {get}"
    if not place.is_dir():
        return f"weights missing: {place} is no folder; {get}"
    lacks = [CONFIG] if not (place / CONFIG).is_file() else []
    if not any((place / name).is_file() for name in (WEIGHTS, INDEX)):
        lacks.append(WEIGHTS)
        if (place / "pytorch_model.bin").is_file():
            get = "pytorch_model.bin is a pickle, which is not opened; save it as safetensors once"
    return f"weights missing: {place} lacks {' and '.join(lacks)}; {get}" if lacks else ""


def require_weights(folder: str | Path, modality: str) -> Path:
    """The folder, where its weights are there.

    Raises:
        Refused: they are not; the message begins with "weights missing".
    """
    if reason := weights_missing(folder, modality):
        raise Refused(reason)
    return Path(folder).expanduser()
