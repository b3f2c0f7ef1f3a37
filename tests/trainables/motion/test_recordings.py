"""Reading what a specification names, and saying each oddity once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.motion.figure import Figure
from tests.trainables.tiny import make_clip, make_clips, spec
from trainables.motion.npz import write_npz
from trainables.motion.recordings import data_hash, grouped_notes, load_clips


def test_recordings_are_named_by_their_place_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    write_npz(make_clip("x", 0), tmp_path / "anna" / "one.v2.npz")
    (tmp_path / "two.bvh").write_text(Figure().text())
    clips, said = load_clips(spec(path=str(tmp_path)))
    assert [c.recording for c in clips] == ["anna/one.v2", "two"] and said == []
    (single,), _ = load_clips(spec(path=str(tmp_path / "two.bvh")))
    assert single.recording == "two"


def test_two_files_of_one_name(tmp_path: Path) -> None:
    write_npz(make_clip("x", 0), tmp_path / "a.npz")
    (tmp_path / "a.bvh").write_text(Figure().text())
    with pytest.raises(BadInput, match="two files are called 'a'"):
        load_clips(spec(path=str(tmp_path)))


def test_bad_files_stop_or_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nnonsense")
    with pytest.raises(BadInput, match=r"bad\.bvh"):
        load_clips(spec(path=str(tmp_path)))
    with pytest.raises(BadInput, match="none of 1 files"):
        load_clips(spec(path=str(tmp_path), on_bad_file="skip"))
    write_npz(make_clip("x", 0), tmp_path / "good.npz")
    clips, said = load_clips(spec(path=str(tmp_path), on_bad_file="skip"))
    assert [c.recording for c in clips] == ["good"]
    assert len(said) == 1 and said[0].startswith("skipped bad.bvh: ")


def test_embedded_motion_comes_at_the_rate_asked_for() -> None:
    clips, _ = load_clips(DataSpec(embedded_size="debug", fps=12.5))
    assert {c.fps for c in clips} == {12.5} and clips[0].signer


def test_each_note_is_said_once() -> None:
    clips = [replace(c, notes=("odd.",)) for c in make_clips(7)]
    clips[0] = replace(clips[0], notes=("odd.", "alone.", "synthetic"))
    assert grouped_notes(clips) == [
        "take-0, take-1, take-2 and 4 more: odd.",
        "take-0: alone.",
    ]
    assert grouped_notes(clips[:2])[0] == "take-0, take-1: odd."


def test_hash_ignores_order_and_what_a_tenth_of_a_millimetre_hides() -> None:
    clips = make_clips(3)
    assert data_hash(clips) == data_hash(clips[::-1])
    nearly = [replace(c, positions=c.positions + 1e-12) for c in clips]
    assert data_hash(nearly) == data_hash(clips)
    faster = [replace(clips[0], fps=31.0), *clips[1:]]
    assert data_hash(faster) != data_hash(clips)
