"""The folder that an exported codec is: written whole, read with every file checked.

    config.json               schema version, parts, depths, families and their configurations
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
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.space import Config, Value
from trainables.bitstream.container import Header, PartStream
from trainables.bitstream.recording import ROOT
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec
from trainables.exported.checked_codec import FAULTS, checked_codec, first_line
from trainables.exported.first_levels import at_depths
from trainables.exported.vocabulary import TokenStream, Vocabulary
from trainables.motion.preparation import BONE_STEP, Preparation, snapped
from trainables.motion.preparation_files import (
    ARRAYS_NAME,
    DESCRIPTION_NAME,
    load_preparation,
    save_preparation,
)
from trainables.trial_folder import whole

SCHEMA_VERSION = 2
"""1 had one depth for all parts; it is still read."""
CONFIG_NAME = "config.json"
MODEL_NAME = "model.safetensors"
TOKEN_MODELS_NAME = "token_models.safetensors"
VOCABULARY_NAME = "vocabulary.json"
CARD_NAME = "card.json"
CARD_PAGE = "card.md"
SUMS_NAME = "SHA256SUMS"
IDENTITY = (CONFIG_NAME, MODEL_NAME, TOKEN_MODELS_NAME, DESCRIPTION_NAME, ARRAYS_NAME)
"""Files that decide what a token means: the codec's hash is over these."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Names that files of a codec may have: nothing that leads out of its folder."""


@dataclass(frozen=True, eq=False)
class ExportedCodec:
    """A codec that stands alone.

    Attributes:
        preparation: recordings <-> features.
        codecs: part -> trained codec.
        depths: part -> levels that are coded.
        models: part (and `root` where coded) -> the coder's tables.
        facts: of the data it was trained on; names of recordings are left out.
        card: measured numbers and where they come from, as in `card.json`.
        identity: 8 bytes, which codec a file was encoded with; empty before it was written.
    """

    preparation: Preparation
    codecs: Mapping[str, Codec]
    depths: Mapping[str, int]
    models: Mapping[str, TokenModel]
    facts: DataFacts
    card: Mapping[str, Any]
    identity: bytes = b""

    @property
    def coding(self) -> dict[str, Codec]:
        """Part -> its codec, at its depth."""
        return at_depths(self.codecs, self.depths)

    @property
    def configuration(self) -> Config:
        """Of all parts; where they are of several trials, what differs goes by `<key>.<part>`."""
        each = {part: _own(codec.config, part, self.codecs) for part, codec in self.codecs.items()}
        first = next(iter(self.codecs.values())).config
        if all(codec.config == first for codec in self.codecs.values()):
            return dict(first)
        kinds = dict.fromkeys(str(config["codec"]) for config in each.values())
        said: Config = {"codec": "+".join(kinds)}
        for name in dict.fromkeys(name for config in each.values() for name in config):
            values = {part: config[name] for part, config in each.items() if name in config}
            if len(values) == len(each) and len(set(values.values())) == 1:
                said[name] = next(iter(values.values()))
            else:
                said |= {f"{name}.{part}": value for part, value in values.items()}
        return said

    @property
    def streams(self) -> tuple[TokenStream, ...]:
        """Parts in the order of coding, the root last."""
        parts = [TokenStream(part, c.alphabet, c.compression) for part, c in self.coding.items()]
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

    Raises:
        BadInput: names or sizes that files of recordings cannot hold.
    """
    from safetensors.numpy import save_file

    _check_storable(codec)
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
                "depths": dict(codec.depths),
                "root_coded": codec.preparation.root_coded,
                "parts": {part: c.described() for part, c in codec.codecs.items()},
                "facts": codec.facts.model_dump(mode="json"),
            },
        )
        _write(place / VOCABULARY_NAME, codec.vocabulary.described())
        identity = identity_of({name: file_sum(place / name) for name in IDENTITY})
        _write(place / CARD_NAME, {**codec.card, "codec": identity.hex()})
        (place / CARD_PAGE).write_text(page.replace("{codec}", identity.hex()), encoding="utf-8")
        sums = {f.name: file_sum(f) for f in sorted(place.iterdir())}
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

    folder = Path(folder)
    sums = checked_sums(folder)
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        schema = config.get("schema") if isinstance(config, dict) else None
        if type(schema) is not int or not 1 <= schema <= SCHEMA_VERSION:
            raise BadInput(
                f"{folder / CONFIG_NAME}: schema {schema} is not 1 or {SCHEMA_VERSION}; use the "
                "release that wrote it"
            )
        codec = _loaded(folder, config)
    except (*FAULTS, OSError, SafetensorError) as error:
        raise BadInput(f"{folder}: is damaged: {first_line(error)}; export it again") from None
    except BadInput as error:
        said = str(error)
        if said.startswith(str(folder)):
            raise
        remedy = "" if ";" in said else "; export it again"
        raise BadInput(f"{folder}: {said}{remedy}") from None
    return replace(codec, identity=identity_of({name: sums[name] for name in IDENTITY}))


def _loaded(folder: Path, config: Mapping[str, Any]) -> ExportedCodec:
    """What files with the right sums say. Raises BadInput, or anything that `FAULTS` names."""
    from safetensors.numpy import load_file

    card = json.loads((folder / CARD_NAME).read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise ValueError(f"{CARD_NAME} is no object")
    preparation = load_preparation(folder)
    _check_numbers(preparation)
    parts: Mapping[str, Any] = config["parts"]
    if list(parts) != list(preparation.part_names):
        raise ValueError(f"parts {', '.join(parts)} are not those of the preparation")
    if config["root_coded"] != preparation.root_coded:
        raise ValueError("the root is coded in one file and removed in another")
    arrays = load_file(folder / MODEL_NAME)
    codecs = {
        part: checked_codec(
            said,
            _of(arrays, part),
            part,
            len(preparation.feature_map.geometry[part].active),
            preparation.coded_fps,
        )
        for part, said in parts.items()
    }
    depths = _depths(config, codecs)
    tables = load_file(folder / TOKEN_MODELS_NAME)
    facts = DataFacts.model_validate(config["facts"])
    codec = ExportedCodec(preparation, codecs, depths, {}, facts, card)
    _check_storable(codec)
    models = {
        s.part: TokenModel.from_arrays(s.alphabet, _of(tables, s.part)) for s in codec.streams
    }
    return replace(codec, models=models)


def _depths(config: Mapping[str, Any], codecs: Mapping[str, Codec]) -> dict[str, int]:
    """Part -> levels. Schema 1 says one number, and parts with fewer levels use theirs."""
    if config["schema"] == 1:
        depth = config["depth"]
        if type(depth) is not int or not 1 <= depth <= max(c.levels for c in codecs.values()):
            raise ValueError(f"depth {depth} is not of this codec")
        return {part: min(depth, codec.levels) for part, codec in codecs.items()}
    depths: Mapping[str, Any] = config["depths"]
    if list(depths) != list(codecs):
        raise ValueError(f"depths are of {', '.join(depths)}, not of its parts")
    for part, depth in depths.items():
        if type(depth) is not int or not 1 <= depth <= codecs[part].levels:
            raise ValueError(f"depth {depth} of {part} is not of this codec")
    return dict(depths)


def _own(config: Mapping[str, Value], part: str, parts: Iterable[str]) -> Config:
    """A configuration as one part sees it: keys without a part's name."""
    own = {name: value for name, value in config.items() if name.rpartition(".")[2] not in parts}
    return own | {
        name.removesuffix(f".{part}"): value
        for name, value in config.items()
        if name.endswith(f".{part}")
    }


def _check_numbers(preparation: Preparation) -> None:
    """Numbers that motion can be made with: what is fitted lies far within."""
    root, fitted = preparation.root, preparation.feature_map
    if not ((root.steps >= 1e-9) & (root.steps <= 1e6)).all() or abs(root.height) > 1e6:
        raise ValueError("the steps or the height of the root are out of range")
    bones = [preparation.skeleton.offsets, *preparation.skeleton.end_sites.values()]
    if not all((np.abs(bone) <= 1e5).all() for bone in bones):
        raise ValueError("a bone is longer than 100 km, or no number")
    turns = (fitted.mean_rotations, *(g.mean_rotations for g in fitted.geometry.values()))
    for turn in turns if fitted.kind != "position" else ():
        apart = np.abs(turn @ turn.swapaxes(-1, -2) - np.eye(3)).max()
        if not (apart < 1e-3 and (np.linalg.det(turn) > 0).all()):
            raise ValueError("a mean rotation is none")


def _check_storable(codec: ExportedCodec) -> None:
    """Raises BadInput where recordings of this codec would have a header that no file can have."""
    if ROOT in codec.codecs:
        raise BadInput(f"a part is called {ROOT!r}, which is the root's own name; rename it")
    parts = tuple(
        PartStream(s.part, s.alphabet, s.compression, (False,) * len(s.alphabet))
        for s in codec.streams
    )
    fps = codec.preparation.coded_fps
    Header(bytes(8), bytes(4), fps, fps, source_frames=1, frames=1, parts=parts)


def checked_sums(folder: Path, named: Iterable[str] = (*IDENTITY, CARD_NAME)) -> dict[str, str]:
    """Sums of all files, each as `SHA256SUMS` says; some of them must be named there.

    Raises:
        BadInput: a file is missing, was changed, or is not named.
    """
    place = folder / SUMS_NAME
    if not place.is_file():
        raise BadInput(
            f"{folder}: is no exported codec (no {SUMS_NAME}); make one with 'ratefront export'"
        )
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BadInput(f"{place}: cannot be read ({error}); export the codec again") from None
    said = {name: value for value, _, name in (line.partition("  ") for line in lines) if value}
    for name in named:
        if name not in said:
            raise BadInput(f"{place}: says nothing of {name}; export the codec again")
    for name, value in said.items():
        file = folder / name
        if not _PLAIN.fullmatch(name):
            raise BadInput(
                f"{place}: names {name[:80]!r}, which is no file beside it; get the codec again "
                "from where it came from"
            )
        if not file.is_file():
            raise BadInput(f"{file}: is missing; export the codec again")
        if file_sum(file) != value:
            raise BadInput(
                f"{file}: is not the file that was exported (its SHA-256 differs); get the codec "
                "again from where it came from"
            )
    return said


def identity_of(sums: Mapping[str, str], files: Iterable[str] = IDENTITY) -> bytes:
    """8 bytes that say which codec it is, from the sums of the files that decide."""
    text = "".join(f"{sums[name]}  {name}\n" for name in files)
    return hashlib.sha256(text.encode()).digest()[:8]


def _of(arrays: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def file_sum(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
