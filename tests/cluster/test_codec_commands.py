"""`export`, `encode`, `decode` and `inspect` as they are typed: what they write, say and refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.record import CODEC_FOLDER, PREPARATION_FOLDER, TOKEN_MODELS_FILE, TRIALS_FOLDER
from tests.cluster.codec_sweeps import Swept, shared_sweeps, sweep
from tests.cluster.refusing import Refused
from tests.trainables.exported.training import same_motion
from tests.trainables.tiny import make_clip
from trainables.bitstream.container import read_header
from trainables.exported.codec_folder import load_exported
from trainables.exported.transcode import encode_clip
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.npz import write_npz
from trainables.motion.readers import read_clip

Run = Callable[..., str]


@pytest.fixture(scope="module")
def removed(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Every codec, with the root removed."""
    return shared_sweeps(tmp_path_factory.getbasetemp())["removed"]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """K-Means, with the root coded."""
    return shared_sweeps(tmp_path_factory.getbasetemp())["coded"]


@pytest.fixture(scope="module")
def source(removed: Swept) -> Path:
    """The motion of both."""
    return removed.source


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, removed: Swept) -> Path:
    """An RQ-VAE of two levels."""
    place = tmp_path_factory.mktemp("exported") / "codec"
    assert run_main("export", removed.folder, "--trial", removed.trial("rqvae"), "-o", place) == 0
    return place


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that has to succeed; gives what it prints."""

    def ran(*arguments: object) -> str:
        capsys.readouterr()
        code = run_main(*arguments)
        printed = capsys.readouterr()
        assert code == 0 and printed.err == "", printed
        return " ".join(printed.out.split())

    return ran


def run_main(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


# ---- export ---------------------------------------------------------------------------------


def test_export_takes_the_best_point_that_a_rate_allows(
    removed: Swept, run: Run, tmp_path: Path
) -> None:
    rates = removed.points.set_index("point")["val_rate_stream_bps"]
    for limit in (float(rates.min()), float(rates.max()), 1e9):
        place = tmp_path / f"at-{limit:g}"
        said = run("export", removed.folder, "--at", limit, "-o", place)
        card = json.loads((place / "card.json").read_text())
        point = card["origin"]["point"]
        assert rates[point] <= limit and point.rpartition("-d")[0] in said and str(place) in said
        allowed = removed.points[removed.points["val_rate_stream_bps"] <= limit]
        best = allowed.loc[allowed["val_rmse_full_cm"].idxmin(), "point"]
        assert point == best
    run("export", removed.folder, "--at", 1e9, "--rate", "nominal", "-o", tmp_path / "nominal")


def test_at_too_low_says_the_nearest(
    removed: Swept, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_main("export", removed.folder, "--at", 1, "-o", tmp_path / "codec") == 1
    (line,) = capsys.readouterr().err.splitlines()
    rates = removed.points.set_index("point")["val_rate_stream_bps"]
    assert rates.idxmin() in line and f"{rates.min():.1f}" in line
    assert not (tmp_path / "codec").exists()


def test_a_trial_and_its_depths(removed: Swept, run: Run, tmp_path: Path) -> None:
    trial = removed.trial("rqvae")
    for depth in (1, 2):
        run("export", removed.folder, "--trial", trial, "--depth", depth, "-o", tmp_path / "c")
        codec = load_exported(tmp_path / "c")
        assert codec.depth == depth
        assert codec.card["origin"]["point"] == f"{trial}-d{depth}"
        shutil.rmtree(tmp_path / "c")
    run("export", removed.folder, "--trial", trial, "-o", tmp_path / "c")
    assert load_exported(tmp_path / "c").depth == 2


@pytest.mark.parametrize("root", ["coded", "removed"])
def test_the_root_is_a_choice_of_export_and_the_card_says_what_it_means(
    root: str, removed: Swept, coded: Swept, run: Run, tmp_path: Path
) -> None:
    notes = set()
    for searched in (removed, coded):
        place = tmp_path / f"of-{searched.folder.name}"
        trial = searched.trial("kmeans")
        run("export", searched.folder, "--trial", trial, "--root", root, "-o", place)
        codec = load_exported(place)
        assert codec.preparation.root_coded == (root == "coded")
        assert ("root" in codec.models) == (root == "coded")
        page, said = (place / "card.md").read_text(), codec.card
        assert said["root"] == root and said["root_note"] in page
        assert said["origin"]["root in the sweep"] == searched.data.facts.root
        shown = "root and heading alone" in page
        assert ("test_rate_root_bps" in said) == shown == (root == "coded")
        if root == "coded":
            rates = json.loads(
                (searched.folder / PREPARATION_FOLDER / "root_rates.json").read_text()
            )
            assert said["test_rate_root_bps"] == rates["test"] > 0
        point = searched.points.set_index("point").loc[said["origin"]["point"]]
        for name in ("test_rmse_full_cm", "val_rate_stream_bps", "rate_nominal_bps"):
            assert said["measured"][name] == point[name]
        notes.add(said["root_note"])
        assert codec.identity.hex() in page and searched.data.facts.data_hash in page
    assert len(notes) == 2


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
    words = (kept, "not kept", "ratefront trial")
    refused("export", other, "--trial", trial, "-o", refused.out, words=words)


def test_a_sweep_of_an_older_release(removed: Swept, refused: Refused, tmp_path: Path) -> None:
    other = tmp_path / "sweep"
    shutil.copytree(removed.folder, other)
    (other / PREPARATION_FOLDER / "root_rates.json").write_text("[]")
    refused("export", other, "--at", 1e9, "-o", refused.out, words=("damaged", "again"))
    shutil.rmtree(other / PREPARATION_FOLDER)
    words = (other / PREPARATION_FOLDER, "older release")
    refused("export", other, "--at", 1e9, "-o", refused.out, words=words)


# ---- encode and decode ----------------------------------------------------------------------


def test_a_file_there_and_back(codec: Path, source: Path, run: Run, tmp_path: Path) -> None:
    path = source / "more" / "take-1.bvh"
    said = run("encode", codec, path, "-o", tmp_path / "x.rft")
    size = (tmp_path / "x.rft").stat().st_size
    assert f"1 recording(s), 2.2 s in {size} bytes ({8 * size / (67 / 30):.0f} bits/s)" in said
    run("decode", codec, tmp_path / "x.rft", "-o", tmp_path / "deep" / "y.bvh")
    back, original = read_clip(tmp_path / "deep" / "y.bvh"), read_clip(path)
    same_motion(back, original, 3.0)  # a codec of a second; names, rate and length are exact
    first = np.abs(back.positions[0, 0] - original.positions[0, 0])
    assert first[[0, 2]].max() < 0.02
    assert sorted(files(tmp_path)) == ["deep/y.bvh", "x.rft"]


def test_folders_keep_their_names(codec: Path, source: Path, run: Run, tmp_path: Path) -> None:
    assert "6 recording(s)" in run("encode", codec, source, "-o", tmp_path / "coded")
    assert "6 recording(s)" in run("decode", codec, tmp_path / "coded", "-o", tmp_path / "back")
    names = {p.relative_to(source).with_suffix("").as_posix() for p in source.rglob("*.bvh")}
    assert set(files(tmp_path / "coded")) == {f"{n}.rft" for n in names}
    assert set(files(tmp_path / "back")) == {f"{n}.bvh" for n in names}
    for name in names:
        header = read_header(tmp_path / "coded" / f"{name}.rft")
        assert header.source_frames == read_clip(tmp_path / "back" / f"{name}.bvh").frames
    before = files(tmp_path)
    run("encode", codec, source, "-o", tmp_path / "coded")
    run("decode", codec, tmp_path / "coded", "-o", tmp_path / "back")
    assert files(tmp_path) == before  # once more, the same bytes


def test_motion_beside_its_codes(codec: Path, source: Path, run: Run, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(source, both)
    run("encode", codec, both, "-o", both)
    assert len(files(both)) == 12
    said = run("inspect", both)
    for path in both.rglob("*.bvh"):
        assert str(path) in said and path.with_suffix(".rft").name in said
    said = run("inspect", both, "--codec", codec, "--original", both)
    assert said.count("distortion") == 6


def test_progress_is_shown_where_there_is_a_terminal(
    codec: Path, source: Path, tmp_path: Path
) -> None:
    import io

    from rich.console import Console

    from cluster.transcoding import decode, encode

    for terminal in (True, False):
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=terminal, width=100)
        encode(codec, source, tmp_path / "coded", "", console)
        decode(codec, tmp_path / "coded", tmp_path / "back", 3600.0, console)
        assert ("100%" in shown.getvalue()) == terminal


def test_position_codecs_write_npz(
    source: Path, run: Run, refused: Refused, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for number in range(4):
        clip = make_clip(f"take-{number}", number, 40)
        write_npz(type(clip)(clip.recording, clip.skeleton, clip.fps, clip.positions),
                  bare / f"take-{number}.npz")  # fmt: skip
    swept = sweep(tmp_path / "sweep", bare, "kmeans")
    run("export", swept.folder, "--at", 1e9, "-o", tmp_path / "codec")
    run("encode", tmp_path / "codec", bare, "-o", tmp_path / "coded")
    run("decode", tmp_path / "codec", tmp_path / "coded", "-o", tmp_path / "back")
    for name in files(bare):
        same_motion(read_clip(tmp_path / "back" / name), read_clip(bare / name), 3.0)
    # rotations may be given to a codec of positions, but not asked of it
    run("encode", tmp_path / "codec", source / "take-0.bvh", "-o", tmp_path / "x.rft")
    words = ("y.bvh", "positions only", "*.npz")
    refused("decode", tmp_path / "codec", tmp_path / "x.rft", "-o", refused.out / "y.bvh",
            words=words)  # fmt: skip


def test_tokens_there_and_back(codec: Path, source: Path, run: Run, tmp_path: Path) -> None:
    run("encode", codec, source, "-o", tmp_path / "coded")
    run("decode", codec, tmp_path / "coded", "-o", tmp_path / "back")
    said = run("encode", codec, source, "--tokens", "jsonl", "-o", tmp_path / "t.jsonl")
    assert "6 recording(s) as tokens" in said
    run("decode", codec, tmp_path / "t.jsonl", "-o", tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "back")
    # one recording may be one file; its name is then given
    run("encode", codec, source / "take-0.bvh", "--tokens", "jsonl", "-o", tmp_path / "one.jsonl")
    run("decode", codec, tmp_path / "one.jsonl", "-o", tmp_path / "one.bvh")
    assert (tmp_path / "one.bvh").read_bytes() == (tmp_path / "back" / "take-0.bvh").read_bytes()
    # what a language model writes: tokens alone
    vocabulary = json.loads((codec / "vocabulary.json").read_text())
    rng = np.random.default_rng(0)
    ids = [s["first_id"] + int(rng.integers(s["codes"])) for _ in range(9)
           for s in vocabulary["streams"]]  # fmt: skip
    (tmp_path / "llm.jsonl").write_text(json.dumps({"tokens": ids}) + "\n")
    run("decode", codec, tmp_path / "llm.jsonl", "-o", tmp_path / "llm")
    assert read_clip(tmp_path / "llm" / "recording-1.bvh").frames == 9


def test_wrong_tokens_are_told_and_nothing_is_written(
    codec: Path, source: Path, run: Run, refused: Refused, tmp_path: Path
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
    codec: Path, removed: Swept, source: Path, run: Run, refused: Refused, tmp_path: Path
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
        ("pixels.npz", ("in px",)),
        ("renamed.bvh", ("lacks RightFoot",)),
        ("none.bvh", ("no such file",)),
    ):
        refused("encode", codec, tmp_path / name, "-o", out, words=(tmp_path / name, *words))
        refused("encode", codec, tmp_path / name, "-o", out, "--tokens", "jsonl", words=words)


def test_places_that_cannot_be_written(
    codec: Path, source: Path, run: Run, refused: Refused, tmp_path: Path
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


# ---- inspect --------------------------------------------------------------------------------


def test_inspect_says_rates_tokens_and_distortion(
    codec: Path, removed: Swept, run: Run, tmp_path: Path
) -> None:
    (clip,) = removed.data.splits["test"]
    path = removed.source / f"{clip.recording}.bvh"
    run("encode", codec, path, "-o", tmp_path / "x.rft")
    size, seconds = (tmp_path / "x.rft").stat().st_size, clip.frames / 30
    streams = load_exported(codec).streams
    nominal = 30 * sum(np.log2(codes) for s in streams for codes in s.alphabet)
    said = run("inspect", tmp_path / "x.rft")
    assert f"{nominal:.1f} bits/s nominal, {8 * size / seconds:.1f} bits/s stream" in said
    assert load_exported(codec).identity.hex() in said and "need --codec" in said
    said = run("inspect", tmp_path / "x.rft", "--codec", codec)
    assert "bits/s entropy" in said and "bits/s model" in said
    assert all(said.count(f" {s.part} ") >= len(s.alphabet) for s in streams)
    said = run("inspect", tmp_path / "x.rft", "--codec", codec, "--original", path)
    assert "at 30 fps (codec)" in said and "at 30 fps (source)" in said and "rmse_full_cm" in said


def test_inspect_scores_as_the_trial_did(removed: Swept, run: Run, tmp_path: Path) -> None:
    trial = removed.trial("temporal_rvq")
    codec = tmp_path / "codec"
    run("export", removed.folder, "--trial", trial, "--root", "removed", "-o", codec)
    folder = removed.test_recordings(tmp_path / "test")
    run("encode", codec, folder, "-o", tmp_path / "coded")
    said = run("inspect", tmp_path / "coded", "--codec", codec, "--original", folder)
    row = removed.points.set_index("point").loc[f"{trial}-d2"]
    for name in ("rmse_full_cm", "rmse_body_cm", "mpjpe_hands_cm"):
        assert f"{name} │ {row[f'test_{name}']:.3f}" in said
    seconds = removed.data.facts.test.seconds
    size = sum(map(len, files(tmp_path / "coded").values()))
    assert 8 * size / seconds == pytest.approx(row["test_rate_stream_bps"])


def test_inspect_asks_for_what_belongs_together(
    codec: Path, source: Path, run: Run, refused: Refused, tmp_path: Path
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
