"""The registry of readers and the search for recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.motion.figure import Figure
from trainables.motion import readers
from trainables.motion.clip import Clip
from trainables.motion.readers import find_recordings, read_clip, register_reader
from trainables.motion.recordings import load_clips
from trainables.motion.skeleton import Skeleton


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(readers._READERS)
    yield
    readers._READERS.clear()
    readers._READERS.update(before)


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    for name in ("b/2.bvh", "a/1.BVH", "0.npz", "notes.txt", ".hidden/3.bvh", "b/.4.bvh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = [str(p.relative_to(tmp_path)) for p in find_recordings(tmp_path)]
    assert found == ["0.npz", "a/1.BVH", "b/2.bvh"]
    assert find_recordings(tmp_path / "b/2.bvh") == [tmp_path / "b/2.bvh"]


def test_nothing_to_read_names_the_suffixes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "none"):
        with pytest.raises(BadInput, match=r"\.bvh, \.npz"):
            find_recordings(path)
    for path in (tmp_path / "notes.txt", tmp_path / "none.bvh", tmp_path):
        with pytest.raises(BadInput, match=r"\.bvh, \.npz"):
            read_clip(path)


def test_a_plug_in_adds_a_reader(tmp_path: Path, registry: None) -> None:
    def read_dots(path: Path, recording: str | None) -> Clip:
        frames = len(path.read_text())
        skeleton = Skeleton(("dot",), np.array([-1]), np.zeros((1, 3)))
        return Clip(recording or path.stem, skeleton, 10, np.zeros((frames, 1, 3)))

    register_reader(".Dots", read_dots)
    path = tmp_path / "x.dots"
    path.write_text("....")
    assert read_clip(path, "some/name").recording == "some/name"
    assert read_clip(path).frames == 4
    assert find_recordings(tmp_path) == [path]
    with pytest.raises(ValueError, match="dot"):
        register_reader("bvh", read_dots)


def test_bvh_goes_through_the_registry(tmp_path: Path) -> None:
    path = tmp_path / "walk.BVH"
    path.write_text(Figure(frames=4).text())
    clip = read_clip(path)
    assert (clip.recording, clip.frames, clip.unit) == ("walk", 4, "m")


def test_rest_skeleton_reaches_the_readers_that_ask(tmp_path: Path, registry: None) -> None:
    skeleton = Skeleton(("dot",), np.array([-1]), np.zeros((1, 3)))
    asked: list[Path | None] = []

    def read_two(path: Path, recording: str | None) -> Clip:
        return Clip(recording or path.stem, skeleton, 10, np.zeros((2, 1, 3)))

    def read_three(path: Path, recording: str | None, *, rest_skeleton: Path | None = None) -> Clip:
        asked.append(rest_skeleton)
        return read_two(path, recording)

    register_reader(".two", read_two)
    register_reader(".three", read_three)
    for name in ("a.two", "b.three"):
        (tmp_path / name).touch()
        assert read_clip(tmp_path / name, rest_skeleton="bones.bvh").frames == 2
    read_clip(tmp_path / "b.three")
    assert asked == [Path("bones.bvh"), None]
    clips, _ = load_clips(DataSpec(path=str(tmp_path), rest_skeleton="other.bvh"))
    assert len(clips) == 2 and asked[-1] == Path("other.bvh")


def test_every_real_recording_can_be_found(real: Path) -> None:
    assert len([p for p in find_recordings(real) if p.suffix == ".bvh"]) == 40
