"""The folder that an exported codec is: written whole, read with every file checked.

    config.json               schema version, parts, depth, families and their configurations
    model.safetensors         everything learnt, `<part>/<array>`
    token_models.safetensors  the entropy coder's integer tables, `<part>/<array>`
    preparation.json          skeleton, parts, rates
    preparation.safetensors   bones, mean rotations, which features are coded, root quantiser
    vocabulary.json           (part, level, code) <-> flat token ids
    card.json, card.md        measured numbers and where they come from
    SHA256SUMS                of every file above

JSON and safetensors only: reading a stranger's codec runs no code. A file that does not have the
sum it should have is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from trainables.bitstream.recording import ROOT
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec, codec_from
from trainables.exported.vocabulary import TokenStream, Vocabulary
from trainables.motion.preparation import BONE_STEP, Preparation, snapped
from trainables.motion.preparation_files import (
    ARRAYS_NAME,
    DESCRIPTION_NAME,
    load_preparation,
    save_preparation,
)
from trainables.trial_folder import whole

SCHEMA_VERSION = 1
CONFIG_NAME = "config.json"
MODEL_NAME = "model.safetensors"
TOKEN_MODELS_NAME = "token_models.safetensors"
VOCABULARY_NAME = "vocabulary.json"
CARD_NAME = "card.json"
CARD_PAGE = "card.md"
SUMS_NAME = "SHA256SUMS"
IDENTITY = (CONFIG_NAME, MODEL_NAME, TOKEN_MODELS_NAME, DESCRIPTION_NAME, ARRAYS_NAME)
"""Files that decide what a token means: the codec's hash is over these."""


@dataclass(frozen=True, eq=False)
class ExportedCodec:
    """A codec that stands alone.

    Attributes:
        preparation: recordings <-> features.
        codecs: part -> trained codec.
        depth: levels that are coded; parts with fewer use theirs.
        models: part (and `root` where coded) -> the coder's tables.
        facts: of the data it was trained on; names of recordings are left out.
        card: measured numbers and where they come from, as in `card.json`.
        identity: 8 bytes, which codec a file was encoded with; empty before it was written.
    """

    preparation: Preparation
    codecs: Mapping[str, Codec]
    depth: int
    models: Mapping[str, TokenModel]
    facts: DataFacts
    card: Mapping[str, Any]
    identity: bytes = b""

    @property
    def streams(self) -> tuple[TokenStream, ...]:
        """Parts in the order of coding, the root last."""
        parts = [
            TokenStream(p, c.alphabet[: self.depth], c.compression) for p, c in self.codecs.items()
        ]
        if self.preparation.root_coded:
            parts.append(TokenStream(ROOT, self.preparation.root.alphabets, 1))
        return tuple(parts)

    @property
    def vocabulary(self) -> Vocabulary:
        """Flat ids of all its tokens."""
        return Vocabulary(self.streams)

    @property
    def compression(self) -> dict[str, int]:
        """Part -> frames per token."""
        return {s.part: s.compression for s in self.streams}

    @property
    def skeleton_identity(self) -> bytes:
        """4 bytes: names, tree and bones of its skeleton."""
        skeleton = self.preparation.skeleton
        digest = hashlib.sha256("\n".join(skeleton.names).encode())
        digest.update(skeleton.parents.astype("<i8").tobytes())
        steps = np.round(snapped(skeleton.offsets) / BONE_STEP).astype("<i8")
        digest.update(steps.tobytes())
        return digest.digest()[:4]


def save_exported(codec: ExportedCodec, folder: Path, page: str) -> bytes:
    """Writes the folder, all of it or nothing; returns the codec's identity.

    Args:
        codec: what to write.
        folder: a new or empty one.
        page: text of `card.md`.
    """
    from safetensors.numpy import save_file

    with whole(folder) as place:
        place.mkdir(parents=True, exist_ok=True)
        save_preparation(codec.preparation, place)
        arrays = {f"{p}/{n}": a for p, c in codec.codecs.items() for n, a in c.arrays().items()}
        save_file({k: np.ascontiguousarray(a) for k, a in arrays.items()}, place / MODEL_NAME)
        tables = {f"{p}/{n}": a for p, m in codec.models.items() for n, a in m.arrays().items()}
        save_file(
            {k: np.ascontiguousarray(a) for k, a in tables.items()}, place / TOKEN_MODELS_NAME
        )
        _write(
            place / CONFIG_NAME,
            {
                "schema": SCHEMA_VERSION,
                "depth": codec.depth,
                "root_coded": codec.preparation.root_coded,
                "parts": {part: c.described() for part, c in codec.codecs.items()},
                "facts": codec.facts.model_dump(mode="json"),
            },
        )
        _write(place / VOCABULARY_NAME, codec.vocabulary.described())
        identity = _identity({name: _sum(place / name) for name in IDENTITY})
        _write(place / CARD_NAME, {**codec.card, "codec": identity.hex()})
        (place / CARD_PAGE).write_text(page.replace("{codec}", identity.hex()), encoding="utf-8")
        sums = {f.name: _sum(f) for f in sorted(place.iterdir())}
        lines = "".join(f"{value}  {name}\n" for name, value in sums.items())
        (place / SUMS_NAME).write_text(lines, encoding="utf-8")
    return identity


def load_exported(folder: Path) -> ExportedCodec:
    """Reads a codec's folder; no code of it is run.

    Raises:
        BadInput: no codec's folder, a newer one, a file that is missing, was changed or does not
            fit the others, or a family of codec that is not known here.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    sums = _checked_sums(folder)
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        card = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
        arrays = load_file(folder / MODEL_NAME)
        tables = load_file(folder / TOKEN_MODELS_NAME)
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise BadInput(f"{folder}: is damaged ({error}); export the codec again") from None
    schema = config.get("schema") if isinstance(config, dict) else None
    if schema != SCHEMA_VERSION:
        raise BadInput(
            f"{folder / CONFIG_NAME}: schema {schema} is not {SCHEMA_VERSION}; use the release "
            "that wrote it"
        )
    preparation = load_preparation(folder)
    try:
        depth = int(config["depth"])
        parts: dict[str, Any] = config["parts"]
        if list(parts) != list(preparation.part_names):
            raise ValueError(f"parts {', '.join(parts)} are not those of the preparation")
        codecs = {p: codec_from(said, _of(arrays, p)) for p, said in parts.items()}
        for part, codec in codecs.items():
            wanted = len(preparation.feature_map.geometry[part].active)
            if codec.part != part or codec.dimensions != wanted:
                raise ValueError(f"the codec of {part} does not fit its features")
        alphabets = {p: c.alphabet[:depth] for p, c in codecs.items()}
        if preparation.root_coded:
            alphabets[ROOT] = preparation.root.alphabets
        models = {p: TokenModel.from_arrays(a, _of(tables, p)) for p, a in alphabets.items()}
        facts = DataFacts.model_validate(config["facts"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{folder}: is damaged ({error}); export the codec again") from None
    if not 1 <= depth <= max(c.levels for c in codecs.values()):
        raise BadInput(f"{folder}: depth {depth} is not of this codec; export it again")
    identity = _identity({name: sums[name] for name in IDENTITY})
    return ExportedCodec(preparation, codecs, depth, models, facts, card, identity)


def _checked_sums(folder: Path) -> dict[str, str]:
    """Sums of all files, each as `SHA256SUMS` says."""
    place = folder / SUMS_NAME
    if not place.is_file():
        raise BadInput(
            f"{folder}: is no exported codec (no {SUMS_NAME}); make one with 'ratefront export'"
        )
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BadInput(f"{place}: cannot be read ({error}); export the codec again") from None
    said = {name: value for value, _, name in (line.partition("  ") for line in lines)}
    for name in (*IDENTITY, CARD_NAME):
        if name not in said:
            raise BadInput(f"{place}: says nothing of {name}; export the codec again")
    for name, value in said.items():
        file = folder / name
        if Path(name).name != name or not file.is_file():
            raise BadInput(f"{file}: is missing; export the codec again")
        if _sum(file) != value:
            raise BadInput(
                f"{file}: is not the file that was exported (its SHA-256 differs); get the codec "
                "again from where it came from"
            )
    return said


def _identity(sums: Mapping[str, str]) -> bytes:
    text = "".join(f"{sums[name]}  {name}\n" for name in IDENTITY)
    return hashlib.sha256(text.encode()).digest()[:8]


def _of(arrays: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _sum(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
