"""Motion as .npz: round trips, one clear line for everything wrong, no trust in declared sizes."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip
from trainables.motion.npz import read_npz, write_npz


def clip_of(folder: Path, **changes: Any) -> Clip:
    path = folder / "figure.bvh"
    path.write_text(Figure(frames=8, **changes).text())
    return read_bvh(path).clip


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    clip = clip_of(tmp_path)
    return {
        "positions": clip.positions,
        "parents": clip.skeleton.parents,
        "names": np.array(clip.skeleton.names),
        "fps": 30.0,
        "rotations": clip.rotations,
    }


def save(folder: Path, arrays: dict[str, Any]) -> Path:
    path = folder / "clip.npz"
    np.savez(path, **arrays)
    return path


def test_round_trip(tmp_path: Path) -> None:
    clip = clip_of(tmp_path)
    seen = np.ones((8, 20), bool)
    seen[3, 4] = False
    clip = Clip("a/b", clip.skeleton, clip.fps, clip.positions, clip.rotations, seen, "m", "Ann")
    write_npz(clip, tmp_path / "x.npz")
    back = read_npz(tmp_path / "x.npz", "a/b")
    assert (back.recording, back.fps, back.unit, back.signer) == ("a/b", clip.fps, "m", "Ann")
    assert back.skeleton.names == clip.skeleton.names
    assert np.array_equal(back.skeleton.offsets, clip.skeleton.offsets)
    assert np.array_equal(back.positions[seen], clip.positions[seen])
    assert np.isnan(back.positions[3, 4]).all()
    assert back.mask is not None and np.array_equal(back.mask, seen)
    assert back.rotations is not None and np.array_equal(back.rotations, clip.rotations)


def test_offsets_follow_from_the_motion(good: dict[str, Any], tmp_path: Path) -> None:
    offsets = clip_of(tmp_path).skeleton.offsets
    with_rotations = read_npz(save(tmp_path, good))
    assert np.abs(with_rotations.skeleton.offsets - offsets)[1:].max() < 1e-9
    del good["rotations"]
    alone = read_npz(save(tmp_path, good))
    assert alone.rotations is None
    lengths = np.linalg.norm(alone.skeleton.offsets - offsets * [[0]] * 3, axis=-1)
    assert np.allclose(lengths[1:], np.linalg.norm(offsets, axis=-1)[1:])


def test_other_units_and_a_hole(good: dict[str, Any], tmp_path: Path) -> None:
    del good["rotations"]
    good["positions"] = good["positions"].astype(np.float32)
    good["positions"][2, 5] = np.nan
    good["mask"] = np.isfinite(good["positions"]).all(-1)
    clip = read_npz(save(tmp_path, {**good, "unit": "shoulder", "fps": np.array([25])}))
    assert (clip.unit, clip.fps) == ("sw", 25) and np.isfinite(clip.skeleton.offsets).all()


def test_confidence_stands_in_for_a_mask(good: dict[str, Any], tmp_path: Path) -> None:
    confidence = np.ones((8, 20))
    confidence[2, 5] = 0
    clip = read_npz(save(tmp_path, {**good, "confidence": confidence}))
    assert clip.mask is not None and np.argwhere(~clip.mask).tolist() == [[2, 5]]
    assert np.isnan(clip.positions[2, 5]).all() and np.isfinite(clip.skeleton.offsets).all()
    # another thing of that name, which is no confidence of joints
    assert read_npz(save(tmp_path, {**good, "score": np.ones(8)})).mask is None
    both = read_npz(save(tmp_path, {**good, "conf": confidence, "mask": np.ones((8, 20), bool)}))
    assert both.mask is not None and both.mask.all()


def test_other_names_of_names_and_rate(good: dict[str, Any], tmp_path: Path) -> None:
    others = {**good, "joint_names": good["names"], "frame_rate": np.array([30])}
    del others["names"], others["fps"]
    clip = read_npz(save(tmp_path, others))
    assert (clip.skeleton.names[0], clip.fps) == ("Hips", 30.0)


def test_joints_in_any_order_are_reordered(good: dict[str, Any], tmp_path: Path) -> None:
    plain = read_npz(save(tmp_path, good))
    order = np.random.default_rng(0).permutation(20)
    place = np.argsort(order)
    shuffled = {
        **good,
        "positions": good["positions"][:, order],
        "rotations": good["rotations"][:, order],
        "names": good["names"][order],
        "parents": np.array([-1 if good["parents"][j] < 0 else place[good["parents"][j]]
                             for j in order]),
    }  # fmt: skip
    clip = read_npz(save(tmp_path, shuffled))
    assert any("reordered" in note for note in clip.notes)
    for j, name in enumerate(clip.skeleton.names):
        was = plain.skeleton.index(name)
        assert np.array_equal(clip.positions[:, j], plain.positions[:, was])
        p, q = clip.skeleton.parents[j], plain.skeleton.parents[was]
        assert (clip.skeleton.names[p] if p >= 0 else "") == (
            plain.skeleton.names[q] if q >= 0 else ""
        )


def test_a_root_that_is_its_own_parent(good: dict[str, Any], tmp_path: Path) -> None:
    good["parents"] = np.maximum(good["parents"], 0)
    assert read_npz(save(tmp_path, good)).skeleton.parents[0] == -1


def test_positions_off_the_bones_are_noted(good: dict[str, Any], tmp_path: Path) -> None:
    assert not read_npz(save(tmp_path, good)).notes
    good["positions"][4, 7] += 0.05
    assert "depart" in read_npz(save(tmp_path, good)).notes[0]


def nothing(shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    # what is changed (None: left out), what the message has to hold
    "no positions": ({"positions": None}, "lacks positions"),
    "no names and fps": ({"names": None, "fps": None}, "lacks names, fps"),
    "nothing known": ({"positions": None, "poses2": nothing((3, 165))}, "keypoints with names"),
    "flat positions": ({"positions": nothing((8, 60))}, "positions must be (frames, joints, 3)"),
    "no frames": ({"positions": nothing((0, 20, 3))}, "no motion"),
    "complex positions": ({"positions": nothing((8, 20, 3)) * 1j}, "numbers"),
    "object positions": ({"positions": np.array([{}])}, "Python objects"),
    "NaN": ({"positions": np.full((8, 20, 3), np.nan)}, "frame 0, joint 'Hips'"),
    "names too few": ({"names": np.array(["a", "b"])}, "20 strings"),
    "names twice": ({"names": np.array(["a"] * 20)}, "distinct"),
    "names as numbers": ({"names": np.arange(20)}, "20 strings"),
    "fps zero": ({"fps": 0}, "fps"),
    "fps NaN": ({"fps": np.nan}, "fps"),
    "fps a word": ({"fps": "fast"}, "fps"),
    "fps twice": ({"fps": [30, 30]}, "fps"),
    "parents short": ({"parents": [-1, 0]}, "20 joint indices"),
    "parents halves": ({"parents": np.full(20, 0.5)}, "20 joint indices"),
    "parents NaN": ({"parents": np.full(20, np.nan)}, "20 joint indices"),
    "parents far": ({"parents": [-1, *[99] * 19]}, "between -1 and 19"),
    "parents huge": ({"parents": np.full(20, 2**64 - 1, dtype=np.uint64)}, "between"),
    "two roots": ({"parents": [-1, -1, *[0] * 18]}, "2 roots"),
    "a loop": ({"parents": [-1, 2, 1, *[0] * 17]}, "[1, 2]"),
    "rotations misshapen": ({"rotations": nothing((8, 20, 9))}, "rotations must be (8, 20, 3, 3)"),
    "rotations zero": ({"rotations": nothing((8, 20, 3, 3))}, "no rotation matrix"),
    "rotations mirrored": ({"rotations": np.tile(-np.eye(3), (8, 20, 1, 1))}, "determinant"),
    "rotations NaN": ({"rotations": np.full((8, 20, 3, 3), np.nan)}, "no rotation matrix"),
    "offsets misshapen": ({"offsets": nothing((3, 20))}, "offsets must be (20, 3)"),
    "offsets NaN": ({"offsets": np.full((20, 3), np.nan)}, "offsets hold NaN"),
    "mask misshapen": ({"mask": np.ones((20, 8), bool)}, "mask must be (8, 20)"),
    "mask of numbers": ({"mask": np.ones((8, 20))}, "mask"),
    "unit unknown": ({"unit": "cm"}, "unit of positions must be m, px or sw"),
    "unit a number": ({"unit": 3}, "unit must be one string"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_line(fault: str, good: dict[str, Any], tmp_path: Path) -> None:
    changes, says = FAULTS[fault]
    arrays = {k: v for k, v in {**good, **changes}.items() if v is not None}
    path = save(tmp_path, arrays)
    with pytest.raises(BadInput) as error:
        read_npz(path)
    assert says in str(error.value) and str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)


def test_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"PK", b"HIERARCHY", b"\x93NUMPY\x01\x00"):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="damaged or no"):
            read_npz(path)
    for missing in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_npz(missing)


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
@pytest.mark.parametrize("order", "<>")
def test_names_that_are_no_text(
    code: int, order: str, good: dict[str, Any], tmp_path: Path
) -> None:
    names = good["names"].astype(f"{order}U16")
    assert read_npz(save(tmp_path, {**good, "names": names})).skeleton.names[0] == "Hips"
    names.view(f"{order}u4")[3] = code
    with pytest.raises(BadInput, match="names holds what is no text"):
        read_npz(save(tmp_path, {**good, "names": names}))


def test_declared_sizes_take_no_memory(good: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "claims.npz"
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**4, 3)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("positions.npy", header.getvalue() + b"\0" * 10**6)
    tracemalloc.start()
    with pytest.raises(BadInput, match="does not hold"):
        read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize("seed", range(3))
def test_mutations_give_a_clip_or_bad_input(
    seed: int, good: dict[str, Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    path = save(tmp_path, good) if seed else tmp_path / "c.npz"
    if not seed:
        np.savez_compressed(path, **good)
    content = path.read_bytes()
    refused = 0
    for _ in range(120):
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 6))):
            # half of the injuries hit headers, where the structure is
            where = rng.integers(len(damaged)) if rng.random() < 0.5 else -rng.integers(1, 400)
            damaged[int(where)] = int(rng.integers(256))
        path.write_bytes(damaged[: int(rng.integers(len(damaged)))]
                         if rng.random() < 0.1 else damaged)  # fmt: skip
        try:
            clip = read_npz(path)
        except BadInput as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert isinstance(clip, Clip)
    assert refused > 40
