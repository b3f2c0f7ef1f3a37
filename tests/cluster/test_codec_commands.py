"""`export`, `encode`, `decode` and `inspect` as they are typed: what they write, say and refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.record import PREPARATION_FOLDER
from tests.cluster.codec_sweeps import Swept, files, run_main, shared_sweeps, sweep
from tests.cluster.refusing import Refused
from tests.trainables.exported.training import same_motion
from tests.trainables.tiny import make_clip
from trainables.bitstream.container import read_header
from trainables.exported.codec_folder import load_exported
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
        assert set(codec.depths.values()) == {depth}
        assert codec.card["origin"]["point"] == f"{trial}-d{depth}"
        shutil.rmtree(tmp_path / "c")
    run("export", removed.folder, "--trial", trial, "-o", tmp_path / "c")
    assert set(load_exported(tmp_path / "c").depths.values()) == {2}


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
    before = files(both)
    assert main(["decode", str(codec), str(both), "-o", str(both)]) == 2
    assert files(both) == before, "what was encoded is still there"
    for path in both.rglob("*.bvh"):
        path.unlink()
    run("decode", codec, both, "-o", both)
    assert len(files(both)) == 12


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
