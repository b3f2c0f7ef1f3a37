"""The registry of readers and the search for recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import Figure
from trainables.motion import readers
from trainables.motion.clip import Clip
from trainables.motion.readers import find_recordings, read_clip, register_reader
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


def test_smplx_parameters_are_no_motion_yet(real: Path) -> None:
    with pytest.raises(BadInput, match=r"SMPL-X.*convert"):
        read_clip(real / "beat2_smplx/2_scott_0_1_1_f0000-1199.npz")


def test_every_real_recording_can_be_found(real: Path) -> None:
    assert len([p for p in find_recordings(real) if p.suffix == ".bvh"]) == 40
