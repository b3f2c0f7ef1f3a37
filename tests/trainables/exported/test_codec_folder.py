"""A codec's folder: whole or not at all, refused where it was changed, and never run."""

from __future__ import annotations

import importlib
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.exported.forgeries import (
    change_json,
    copied,
    forge,
    resum,
)
from tests.trainables.exported.training import CONFIGURATIONS, Trained
from tests.trainables.tiny import make_clip
from trainables.exported.codec_folder import (
    CARD_NAME,
    CONFIG_NAME,
    IDENTITY,
    MODEL_NAME,
    SUMS_NAME,
    TOKEN_MODELS_NAME,
    VOCABULARY_NAME,
    load_exported,
    save_exported,
)
from trainables.exported.transcode import encode_clip
from trainables.motion.preparation_files import ARRAYS_NAME, DESCRIPTION_NAME

FILES = {*IDENTITY, CARD_NAME, "card.md", VOCABULARY_NAME, SUMS_NAME}


@pytest.fixture
def folder(trained: dict[str, Trained], tmp_path: Path) -> Path:
    """A codec of one's own to spoil."""
    return copied(trained["rqvae"].folder, tmp_path / "codec")


def refused(folder: Path, *words: str) -> str:
    with pytest.raises(BadInput) as caught:
        load_exported(folder)
    line = str(caught.value)
    for word in (str(folder), *words):
        assert word in line, line
    assert "\n" not in line
    return line


# ---- what is written ------------------------------------------------------------------------


def test_a_folder_holds_json_text_and_safetensors(folder: Path) -> None:
    assert {p.name for p in folder.iterdir()} == FILES
    for name in FILES:
        content = (folder / name).read_bytes()
        if name.endswith(".safetensors"):
            length = int.from_bytes(content[:8], "little")
            json.loads(content[8 : 8 + length])
        else:
            content.decode("utf-8")
            assert not name.endswith(".json") or json.loads(content)


@pytest.mark.parametrize("name", [*CONFIGURATIONS, "root", "position"])
def test_what_was_saved_comes_back(name: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    codec = trained[name].codec
    again = load_exported(trained[name].folder)
    assert again.identity == codec.identity and len(codec.identity) == 8
    assert again.depths == codec.depths and list(again.codecs) == list(codec.codecs)
    for part, c in codec.codecs.items():
        assert again.codecs[part].described() == c.described()
        for key, array in c.arrays().items():
            assert np.array_equal(again.codecs[part].arrays()[key], array)
    # written again from what was read, it is the same codec
    page = (trained[name].folder / "card.md").read_text()
    said = {k: v for k, v in again.card.items() if k != "codec"}
    assert save_exported(again, tmp_path / "again", page) == codec.identity
    for file in IDENTITY:
        assert (tmp_path / "again" / file).read_bytes() == (
            trained[name].folder / file
        ).read_bytes()
    assert said


def test_a_codec_of_one_depth_for_all_parts_is_still_read(
    folder: Path, trained: dict[str, Trained]
) -> None:
    def before(held: Any) -> None:
        held.update(schema=1, depth=max(held.pop("depths").values()))

    change_json(folder / CONFIG_NAME, before)
    resum(folder)
    codec, now = load_exported(folder), trained["rqvae"].codec
    assert codec.depths == now.depths and codec.identity != now.identity
    for older, newer in zip(codec.streams, now.streams, strict=True):
        assert older == newer


def test_no_names_of_recordings_leave(folder: Path) -> None:
    for path in folder.iterdir():
        assert b"take-" not in path.read_bytes(), path


def test_a_part_that_no_file_can_name_is_not_exported(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    from dataclasses import replace

    codec = trained["kmeans"].codec
    for name in ("root", "x" * 65):
        other = replace(codec, codecs={name: codec.codecs["body"]}, depths={name: 1})
        with pytest.raises(BadInput, match="part"):
            save_exported(other, tmp_path / "codec", "")
    assert not (tmp_path / "codec").exists()


# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(FILES - {SUMS_NAME}))
def test_a_changed_or_missing_file_is_refused(name: str, folder: Path) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, str(folder / name), "SHA-256 differs")
    (folder / name).unlink()
    refused(folder, str(folder / name), "is missing")


def test_no_codec_at_all(folder: Path) -> None:
    refused(folder / "none", "no exported codec", "ratefront export")
    (folder / SUMS_NAME).unlink()
    refused(folder, "no exported codec")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "..", ".", "a/b", "~", "\x00", "x" * 5000, "a\\b", " "]
)
def test_sums_cannot_lead_out_of_the_folder(name: str, folder: Path) -> None:
    (folder.parent / "secret").write_text("s")
    sums = folder / SUMS_NAME
    sums.write_text(f"{sums.read_text()}{'0' * 64}  {name}\n")
    line = refused(folder, "no file beside it")
    assert len(line) < 400


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense\n" * 5, b"  \n"])
def test_sums_that_say_nothing(content: bytes, folder: Path) -> None:
    (folder / SUMS_NAME).write_bytes(content)
    refused(folder, SUMS_NAME)


def test_a_codec_of_a_plugin_that_is_not_there(folder: Path, monkeypatch: Any) -> None:
    change_json(folder / CONFIG_NAME, body(family="held", config={"codec": "held"}))
    resum(folder)
    refused(folder, "no codec 'held' is known here; add the --plugin FILE")
    # a name as short as this one stands in every message, and is said all the same
    monkeypatch.chdir(folder.parent)
    assert refused(folder.rename("c").relative_to(".")).startswith("c: the codec of body: no codec")


def test_a_newer_schema_is_told(folder: Path) -> None:
    known = {CONFIG_NAME: ("schema", "1 or 2"), DESCRIPTION_NAME: ("version", "1")}
    for name, (key, read) in known.items():
        other = copied(folder, folder.parent / "newer")
        change_json(other / name, lambda held, key=key: held.update({key: 3}))
        resum(other)
        refused(other, name, f"{key} 3 is not {read}", "release")
    change_json(folder / CONFIG_NAME, lambda held: held["parts"]["body"].update(codec_version=2))
    resum(folder)
    refused(folder, "codec version 2 is not 1")


def body(**said: Any) -> Callable[[Any], None]:
    return lambda held: held["parts"]["body"].update(said)


def configured(**said: Any) -> Callable[[Any], None]:
    return lambda held: held["parts"]["body"]["config"].update(said)


FORGERIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    # name: file, what the forger changes; every one of them has right sums
    "another family": (CONFIG_NAME, body(family="kmeans")),
    "an unknown family": (CONFIG_NAME, body(family="os.system", config={"codec": "os.system"})),
    "other dimensions": (CONFIG_NAME, body(dimensions=10**9)),
    "another rate": (CONFIG_NAME, body(fps=29.0)),
    "another part": (CONFIG_NAME, body(part="left_hand")),
    "absurd width": (CONFIG_NAME, configured(hidden_dim=10**9)),
    "width beyond the weights": (CONFIG_NAME, configured(hidden_dim=4096)),
    "codes beyond the weights": (
        CONFIG_NAME,
        lambda held: (configured(codebook_size=65536)(held), body(alphabet=[65536] * 3)(held))[:0],
    ),
    "levels beyond the weights": (CONFIG_NAME, configured(quantizer_depth=32)),
    "alphabets that disagree": (CONFIG_NAME, body(alphabet=[8, 8, 9])),
    "another compression": (CONFIG_NAME, body(compression=2)),
    "a configuration of nothing": (CONFIG_NAME, body(config={})),
    "a configuration in a list": (CONFIG_NAME, body(config=["codec", "rqvae"])),
    "depth 0": (CONFIG_NAME, lambda held: held["depths"].update(body=0)),
    "depth 4 of 3": (CONFIG_NAME, lambda held: held["depths"].update(body=4)),
    "depth in words": (CONFIG_NAME, lambda held: held["depths"].update(body="3")),
    "endless depth": (CONFIG_NAME, lambda held: held["depths"].update(body=float("inf"))),
    "no depth of a part": (CONFIG_NAME, lambda held: held["depths"].pop("body") and None),
    "depths in a list": (CONFIG_NAME, lambda held: held.update(depths=["body"])),
    "one depth of 4": (CONFIG_NAME, lambda held: held.update(schema=1, depth=4)),
    "no schema": (CONFIG_NAME, lambda held: held.update(schema=0)),
    "parts in a list": (CONFIG_NAME, lambda held: held.update(parts=["body"])),
    "a part less": (CONFIG_NAME, lambda held: held["parts"].pop("body") and None),
    "a root that is nowhere": (CONFIG_NAME, lambda held: held.update(root_coded=True)),
    "no object": (CONFIG_NAME, lambda held: [1]),
    "facts of nothing": (CONFIG_NAME, lambda held: held.update(facts={})),
    "a card in a list": (CARD_NAME, lambda held: [held]),
    "negative parents": (DESCRIPTION_NAME, lambda held: held["parents"].__setitem__(3, -2)),
    "parents after children": (DESCRIPTION_NAME, lambda held: held["parents"].__setitem__(1, 9)),
    "joints beyond": (DESCRIPTION_NAME, lambda held: held["parts"]["body"].update(coded=[99])),
    "a part called root": (
        DESCRIPTION_NAME,
        lambda held: held["parts"].update(root=held["parts"]["body"]),
    ),
    "an end that is nowhere": (
        DESCRIPTION_NAME,
        lambda held: held["end_sites"].update(Head=[0.0, float("nan"), 0.0]),
    ),
    "no time at all": (DESCRIPTION_NAME, lambda held: held.update(fps=1e-300)),
    "missing weights": (MODEL_NAME, lambda arrays: arrays.pop("body/codebooks")[:0]),
    "weights of another shape": (
        MODEL_NAME,
        lambda arrays: arrays.update({"body/mean": np.zeros(3, np.float32)}),
    ),
    "NaN in the weights": (
        MODEL_NAME,
        lambda arrays: arrays.update({"body/codebooks": arrays["body/codebooks"] * np.nan}),
    ),
    "weights that overflow": (
        MODEL_NAME,
        lambda arrays: arrays.update(
            {k: a + np.float32(1e30) for k, a in arrays.items() if k.startswith("body/decoder")}
        ),
    ),
    "no tables": (TOKEN_MODELS_NAME, lambda arrays: arrays.clear()),
    "counts of 0": (
        TOKEN_MODELS_NAME,
        lambda arrays: arrays.update({"body/counts": arrays["body/counts"] * 0}),
    ),
    "no counts but numbers": (
        TOKEN_MODELS_NAME,
        lambda arrays: arrays.update({"body/counts": arrays["body/counts"].astype("f4")}),
    ),
    "steps of 0": (
        ARRAYS_NAME,
        lambda arrays: arrays.update({"root.steps": np.zeros(4)}),
    ),
    "bones to the moon": (
        ARRAYS_NAME,
        lambda arrays: arrays.update({"offsets": arrays["offsets"] + 1e9}),
    ),
    "no rotations": (
        ARRAYS_NAME,
        lambda arrays: arrays.update({"mean_rotations": 0 * arrays["mean_rotations"]}),
    ),
    "bones of 2 numbers": (
        ARRAYS_NAME,
        lambda arrays: arrays.update({"offsets": arrays["offsets"][:, :2]}),
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_with_right_sums_are_clear_lines(forgery: str, folder: Path) -> None:
    forge(folder, *FORGERIES[forgery])
    line = refused(folder)
    assert "Traceback" not in line and re.search(r"export|use|get|plugin|there are", line), line


def test_files_that_are_no_safetensors(folder: Path) -> None:
    def header(said: dict[str, Any]) -> bytes:
        text = json.dumps(said).encode()
        return len(text).to_bytes(8, "little") + text

    contents = [
        b"", b"\x80\x04K\x01.", b"\xff" * 64, header({"a": 1}),
        header({"body/mean": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}) + bytes(2),
        header({"body/mean": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}) + b"\0",
        header({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}) + bytes(4),
    ]  # fmt: skip
    for name in (MODEL_NAME, TOKEN_MODELS_NAME, ARRAYS_NAME):
        for content in contents:
            other = copied(folder, folder.parent / "other")
            (other / name).write_bytes(content)
            resum(other)
            refused(other)


def test_json_that_is_none(folder: Path) -> None:
    contents = [b"", b"{", b"\xff", b"[" * 100_000, b"1", b'"x"', b"{}", b"9" * 5000]
    for name in (CONFIG_NAME, CARD_NAME, DESCRIPTION_NAME):
        for content in contents:
            if (name, content) == (CARD_NAME, b"{}"):
                continue  # a card may say nothing
            other = copied(folder, folder.parent / "other")
            (other / name).write_bytes(content)
            resum(other)
            refused(other)


# ---- no code is run -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CONFIGURATIONS, "root", "position"])
def test_loading_and_using_a_codec_unpickles_nothing(
    name: str, trained: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a codec's folder was unpickled")

    for module, attribute in (
        (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (pickle, "_Unpickler"),
        (torch, "load"), (torch.jit, "load"), (np, "load"),
    ):  # fmt: skip
        monkeypatch.setattr(module, attribute, never)
    monkeypatch.setattr("builtins.eval", never)
    imported: list[str] = []
    real = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda n, *more: imported.append(n) or real(n, *more)
    )
    codec = load_exported(trained[name].folder)
    encode_clip(codec, make_clip("take", 0, 20))[0].pack(codec)
    assert all(n.startswith("trainables.") for n in imported)


def test_a_configuration_cannot_name_a_module(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    for family in ("evil:Codec", "trainables.codecs.kmeans:KMeansCodec", "__main__"):
        other = copied(folder, tmp_path / "other")
        change_json(other / CONFIG_NAME, body(family=family, config={"codec": family}))
        resum(other)
        refused(other, "no codec")
