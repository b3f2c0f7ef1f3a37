"""What the commands of exported codecs refuse: one line, exit code 2, and nothing left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from search_spaces.record import CODEC_FOLDER, PREPARATION_FOLDER, TOKEN_MODELS_FILE, TRIALS_FOLDER
from tests.cluster.codec_sweeps import Swept, files, run_main, shared_sweeps
from tests.cluster.refusing import Refused
from tests.trainables.tiny import make_clip
from trainables.exported.codec_folder import load_exported
from trainables.exported.transcode import encode_clip
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.npz import write_npz
from trainables.motion.readers import read_clip


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Every codec, with the root removed."""
    return shared_sweeps(tmp_path_factory.getbasetemp())["removed"]


@pytest.fixture(scope="module")
def source(removed: Swept) -> Path:
    """Its motion."""
    return removed.source


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, removed: Swept) -> Path:
    """An RQ-VAE of two levels."""
    place = tmp_path_factory.mktemp("exported") / "codec"
    run("export", removed.folder, "--trial", removed.trial("rqvae"), "-o", place)
    return place


def run(*arguments: object) -> None:
    """A command that has to succeed."""
    assert run_main(*arguments) == 0


def test_what_cannot_be_exported(
    removed: Swept, refused: Refused, source: Path, tmp_path: Path
) -> None:
    trial, out = removed.trial("rqvae"), refused.out
    folder = removed.folder
    refused("export", folder, "-o", out, words=("--at", "--trial"))
    refused("export", folder, "--at", 9, "--trial", trial, "-o", out, words=("--at", "--trial"))
    refused("export", folder, "--at", 900, "--depth", 1, "-o", out, words=("--depth", "--trial"))
    refused("export", folder, "--at", 900, words=("-o",))
    refused("export", folder, "--at", 900, "--root", "some", "-o", out, words=("some", "coded"))
    refused("export", folder, "--at", 900, "--rate", "speed", "-o", out, words=("speed",))
    for name in ("nobody", "../sweep", ""):
        words = (name,) if name else ("--trial",)
        refused("export", folder, "--trial", name, "-o", out, words=words)
    refused("export", folder, "--trial", trial, "--depth", 3, "-o", out, words=("depth 3", "1, 2"))
    refused("export", source, "--at", 900, "-o", out, words=(source,))
    refused("export", tmp_path / "none", "--at", 900, "-o", out, words=("none",))
    (tmp_path / "file").write_text("mine")
    for used in (tmp_path / "file", folder):
        refused("export", folder, "--at", 900, "-o", used, words=(used, "not empty"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_codec_that_was_not_kept(removed: Swept, refused: Refused, tmp_path: Path) -> None:
    other = tmp_path / "sweep"
    shutil.copytree(removed.folder, other)
    trial = removed.trial("rqvae")
    kept = other / TRIALS_FOLDER / trial / CODEC_FOLDER
    (kept / "body" / "codec.json").write_text("{}")
    refused("export", other, "--trial", trial, "-o", refused.out, words=(kept, "body"))
    (kept / TOKEN_MODELS_FILE).write_bytes(b"torn")
    refused("export", other, "--trial", trial, "-o", refused.out, words=(kept,))
    shutil.rmtree(kept)
    words = (kept, "not kept", "ratefront rerun")
    refused("export", other, "--trial", trial, "-o", refused.out, words=words)


def test_a_sweep_of_an_older_release(removed: Swept, refused: Refused, tmp_path: Path) -> None:
    other = tmp_path / "sweep"
    shutil.copytree(removed.folder, other)
    (other / PREPARATION_FOLDER / "root_rates.json").write_text("[]")
    refused("export", other, "--at", 1e9, "-o", refused.out, words=("damaged", "again"))
    shutil.rmtree(other / PREPARATION_FOLDER)
    words = (other / PREPARATION_FOLDER, "older release")
    refused("export", other, "--at", 1e9, "-o", refused.out, words=words)


def test_wrong_tokens_are_told_and_nothing_is_written(
    codec: Path, source: Path, refused: Refused, tmp_path: Path
) -> None:
    run("encode", codec, source, "--tokens", "jsonl", "-o", tmp_path / "t.jsonl")
    good = (tmp_path / "t.jsonl").read_text().splitlines()
    path, out = tmp_path / "bad.jsonl", refused.out
    third = json.loads(good[2])
    for change, words in (
        ({"tokens": [*third["tokens"][:7], 10**6, *third["tokens"][8:]]}, ("1000000 at place 7",)),
        ({"recording": json.loads(good[0])["recording"]}, ("line 1 too", "rename")),
        ({"recording": "../../escaped"}, ("escaped", "outside")),
        ({"recording": "/tmp/escaped"}, ("escaped", "outside")),
        ({"codec": "ab" * 8}, ("abab", "codec")),
    ):
        path.write_text("\n".join([*good[:2], json.dumps({**third, **change}), *good[3:]]))
        place = () if "outside" in words else ("line 3",)
        refused("decode", codec, path, "-o", out, words=(path, *place, *words))
    (tmp_path / "file").write_text("mine")
    refused("decode", codec, tmp_path / "t.jsonl", "-o", tmp_path / "file",
            words=("is a file", "6 recordings"))  # fmt: skip
    refused("encode", codec, source, "--tokens", "jsonl", "-o", tmp_path, words=("is a folder",))
    refused("encode", codec, source, "--tokens", "xml", "-o", out, words=("xml", "jsonl"))
    (tmp_path / "one.jsonl").write_text(good[0])
    refused("decode", codec, tmp_path / "one.jsonl", "-o", out / "x.npz",
            words=("x.npz", "*.bvh"))  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "bad.jsonl", "file", "one.jsonl", "t.jsonl",
    ]  # fmt: skip


def test_codecs_that_are_none(codec: Path, source: Path, refused: Refused, tmp_path: Path) -> None:
    rft = tmp_path / "x.rft"
    encoded, _ = encode_clip(load_exported(codec), read_clip(source / "take-0.bvh"))
    rft.write_bytes(encoded.pack(load_exported(codec)))

    def everywhere(folder: Path, *words: object) -> None:
        refused("encode", folder, source, "-o", refused.out, words=words)
        refused("decode", folder, rft, "-o", refused.out / "y.bvh", words=words)
        refused("inspect", rft, "--codec", folder, words=words)

    everywhere(tmp_path / "none", "none", "no exported codec")
    everywhere(source, source, "no exported codec")
    everywhere(source / "take-0.bvh", "no exported codec")
    other = tmp_path / "other"
    for name, spoil, words in (
        ("model.safetensors", lambda p: p.write_bytes(p.read_bytes()[:-1] + b"x"), ("SHA-256",)),
        ("card.json", lambda p: p.unlink(), ("is missing",)),
        ("SHA256SUMS", lambda p: p.write_text(f"{p.read_text()}00  ../x\n"), ("'../x'",)),
    ):
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(codec, other)
        spoil(other / name)
        everywhere(other, other, *words)


def test_streams_that_are_damaged_or_of_another_codec(
    codec: Path, removed: Swept, source: Path, refused: Refused, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    run("export", removed.folder, "--trial", removed.trial("kmeans"), "-o", other)
    run("encode", other, source / "take-0.bvh", "-o", tmp_path / "other.rft")
    good = tmp_path / "good.rft"
    run("encode", codec, source / "take-0.bvh", "-o", good)
    data = good.read_bytes()

    def everywhere(path: Path, *words: object) -> None:
        refused("decode", codec, path, "-o", refused.out / "y.bvh", words=(path, *words))
        refused("inspect", path, "--codec", codec, words=(path, *words))

    everywhere(tmp_path / "other.rft", load_exported(other).identity.hex(), "encoded with")
    cut, more, flipped, empty, motion = (tmp_path / f"{n}.rft" for n in "cmfeb")
    cut.write_bytes(data[:-9])
    more.write_bytes(data + b"more")
    flipped.write_bytes(data[:-20] + bytes([data[-20] ^ 4]) + data[-19:])
    empty.write_bytes(b"")
    shutil.copy(source / "take-0.bvh", motion)
    everywhere(cut, "cut off")
    everywhere(more, "goes on")
    everywhere(flipped, "damaged")
    everywhere(empty, "no .rft file")
    everywhere(motion, "no .rft file")
    everywhere(tmp_path / "none.rft")
    refused("decode", codec, good, "--max-seconds", 1, "-o", refused.out / "y.bvh",
            words=("--max-seconds",))  # fmt: skip
    # in a folder, the first that is wrong is named
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(cut, mixed / "a.rft")
    refused("decode", codec, mixed, "-o", refused.out, words=(mixed / "a.rft", "cut off"))


def test_motion_that_does_not_fit(
    codec: Path, source: Path, refused: Refused, tmp_path: Path
) -> None:
    clip = make_clip("take", 0, 9)
    bare = type(clip)("take", clip.skeleton, clip.fps, clip.positions)
    write_npz(bare, tmp_path / "bare.npz")
    write_npz(type(clip)("take", clip.skeleton, clip.fps, clip.positions, unit="px"),
              tmp_path / "pixels.npz")  # fmt: skip
    text = (source / "take-0.bvh").read_text()
    (tmp_path / "renamed.bvh").write_text(text.replace("RightFoot", "Hoof"))
    out = refused.out / "x.rft"
    for name, words in (
        ("bare.npz", ("positions only",)),
        ("pixels.npz", ("is in pixels", "codes metres")),
        ("renamed.bvh", ("lacks RightFoot",)),
        ("none.bvh", ("no such file",)),
    ):
        refused("encode", codec, tmp_path / name, "-o", out, words=(tmp_path / name, *words))
        refused("encode", codec, tmp_path / name, "-o", out, "--tokens", "jsonl", words=words)


def test_places_that_cannot_be_written(
    codec: Path, source: Path, refused: Refused, tmp_path: Path
) -> None:
    path = tmp_path / "take-0.bvh"
    shutil.copy(source / "take-0.bvh", path)
    rft = tmp_path / "x.rft"
    run("encode", codec, path, "-o", rft)
    before = files(tmp_path)
    refused("encode", codec, path, words=("-o",))
    refused("decode", codec, rft, words=("-o",))
    refused("encode", codec, path, "-o", path, words=("itself",))
    refused("encode", codec, path, "-o", tmp_path, words=("is a folder",))
    refused("decode", codec, rft, "-o", tmp_path, words=("is a folder",))
    refused("encode", codec, source, "-o", rft, words=("is a file",))
    refused("encode", codec, path, "-o", rft / "y.rft", words=("cannot be made",))
    refused("decode", codec, rft, "-o", rft / "y.bvh", words=("cannot be made",))
    for name in ("y", "y.txt", "y.npz", "y.rft"):
        refused("decode", codec, rft, "-o", refused.out / name, words=(name, "*.bvh"))
    refused("decode", codec, source, "-o", refused.out, words=(source, "no .rft"))
    assert files(tmp_path) == before
    (tmp_path / "twice").mkdir()
    shutil.copy(path, tmp_path / "twice")
    write_npz(make_clip("take-0", 0, 9), tmp_path / "twice" / "take-0.npz")
    refused("encode", codec, tmp_path / "twice", "-o", refused.out, words=("'take-0'", "rename"))


def test_inspect_asks_for_what_belongs_together(
    codec: Path, source: Path, refused: Refused, tmp_path: Path
) -> None:
    run("encode", codec, source, "-o", tmp_path / "coded")
    one, path = tmp_path / "coded" / "take-0.rft", source / "take-0.bvh"
    refused("inspect", one, "--original", path, words=("--codec",))
    refused("inspect", path, "--codec", codec, words=(".rft",))
    refused("inspect", one, "--codec", codec, "--original", source, words=(source, "folder"))
    refused("inspect", tmp_path / "coded", "--codec", codec, "--original", path,
            words=(path, "folder"))  # fmt: skip
    refused("inspect", tmp_path / "coded", "--codec", codec, "--original", source / "more",
            words=("more", "'more/take-1'"))  # fmt: skip
    refused("inspect", one, "--codec", codec, "--original", source / "more" / "take-1.bvh",
            words=("take-1", "60 at 30"))  # fmt: skip
    write_bvh(make_clip("other", 9, 60, scale=1.3), tmp_path / "other.bvh")
    run("inspect", one, "--codec", codec, "--original", tmp_path / "other.bvh")  # it may look alike
