"""Detected points in an .npz: confidences, persons, units and images that run down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from trainables.motion.inspect import describe, inspect_file
from trainables.motion.npz import read_npz, read_npz_file
from trainables.motion.parts import find_parts

NAMES = ("nose", "neck", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
         "left_wrist", "right_wrist", "left_thumb_tip", "left_index_mcp", "left_index_pip",
         "right_hand_0", "right_thumb", "right_index")  # fmt: skip
FRAMES = 7


def place(name: str) -> tuple[float, float]:
    """Where a joint stands in an image of 400 x 400 px, x to the right and y down."""
    y = 100 if name == "nose" else 150 if "neck" in name or "shoulder" in name else 250
    return (260 if "left" in name else 140 if "right" in name else 200, y)


@pytest.fixture
def points() -> np.ndarray:
    """(frames, points, 2) px."""
    still = np.array([place(name) for name in NAMES], float)
    return still + np.random.default_rng(0).normal(0, 5, (FRAMES, len(NAMES), 2))


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "x.npz"
    np.savez(path, **{"names": np.array(NAMES), "fps": 25.0, **arrays})
    return path


def test_points_with_confidence(points: np.ndarray, tmp_path: Path) -> None:
    confidence = np.ones((FRAMES, len(NAMES)))
    confidence[2, 6], confidence[3, 0] = 0, np.nan
    points[2, 6] = 0
    found = read_npz_file(save(tmp_path, keypoints=points, confidence=confidence))
    clip = found.clip
    assert (clip.unit, clip.fps, clip.rotations) == ("px", 25.0, None)
    assert (found.content, found.up_axis, found.persons) == ("keypoints", "-Y", 1)
    assert clip.mask is not None and (~clip.mask).sum() == 2
    for frame, name in ((2, "left_wrist"), (3, "nose")):
        assert np.isnan(clip.positions[frame, clip.skeleton.index(name)]).all()
    for j, name in enumerate(NAMES):
        seen = clip.mask[:, clip.skeleton.index(name)]
        read = clip.positions[:, clip.skeleton.index(name)][seen]
        assert np.array_equal(read[:, :2], (points[:, j] * [1, -1])[seen])
        assert not read[:, 2].any()
    assert np.isfinite(clip.skeleton.offsets).all()
    text = describe(inspect_file(tmp_path / "x.npz"))
    for fact in ("NPZ (keypoints)", "unit      px", "up        -Y", "seen      98.0 %"):
        assert fact in text


def test_hands_hang_on_wrists(points: np.ndarray, tmp_path: Path) -> None:
    skeleton = read_npz(save(tmp_path, keypoints=points)).skeleton
    assert skeleton.names[0] == "neck"
    parts = find_parts(skeleton.names, skeleton.parents)
    for part, joints in (
        ("left_hand", {"left_thumb_tip", "left_index_mcp", "left_index_pip"}),
        ("right_hand", {"right_hand_0", "right_thumb", "right_index"}),
    ):
        assert {skeleton.names[j] for j in parts.parts[part].coded} == joints
    assert len(parts.parts["body"].coded) == 8


def test_limbs_and_parents_are_used(points: np.ndarray, tmp_path: Path) -> None:
    at = NAMES.index
    limbs = [(at("left_elbow"), at("left_shoulder")), (at("left_wrist"), at("left_elbow"))]
    skeleton = read_npz(save(tmp_path, pose=points, limbs=np.array(limbs))).skeleton
    wrist = skeleton.index("left_wrist")
    assert skeleton.names[skeleton.parents[wrist]] == "left_elbow"
    parents = np.array([-1, *range(len(NAMES) - 1)])
    chain = read_npz(save(tmp_path, pose=points, parents=parents)).skeleton
    assert chain.names == NAMES and chain.parents.tolist() == parents.tolist()


@pytest.mark.parametrize("key", ["confidence", "conf", "score"])
@pytest.mark.parametrize("name", ["names", "joint_names"])
def test_keys_that_people_use(key: str, name: str, points: np.ndarray, tmp_path: Path) -> None:
    confidence = np.ones((FRAMES, len(NAMES), 1), np.float32)
    confidence[1, 1] = 0
    arrays = {"keypoints": points, key: confidence, name: np.array(NAMES), "frame_rate": 30}
    np.savez(tmp_path / "x.npz", **arrays)
    clip = read_npz(tmp_path / "x.npz")
    assert clip.fps == 30 and clip.mask is not None and (~clip.mask).sum() == 1


def test_confidence_as_the_last_column(points: np.ndarray, tmp_path: Path) -> None:
    score = np.full((FRAMES, len(NAMES), 1), 0.5)
    score[4, 2] = 0
    clip = read_npz(save(tmp_path, keypoints=np.concatenate([points, score], -1)))
    assert clip.mask is not None and (~clip.mask).sum() == 1 and not clip.positions[0, :, 2].any()
    assert any("taken for confidence" in note for note in clip.notes)
    deep = np.concatenate([points, 50 * score, score], -1)
    clip = read_npz(save(tmp_path, keypoints=deep))
    assert (
        clip.mask is not None and (~clip.mask).sum() == 1 and (clip.positions[0, :, 2] == -25).all()
    )
    # a depth is none: it leaves 0..1
    clip = read_npz(save(tmp_path, keypoints=np.concatenate([points, 50 * score], -1)))
    assert clip.mask is not None and clip.mask.all() and (clip.positions[0, :, 2] == -25).all()


def test_zeros_without_confidence_are_not_seen(points: np.ndarray, tmp_path: Path) -> None:
    points[3, 5] = 0
    clip = read_npz(save(tmp_path, keypoints=points))
    assert clip.mask is not None and (~clip.mask).sum() == 1
    assert np.isnan(clip.positions[~clip.mask]).all()
    assert any("0, 0 count as not seen" in note for note in clip.notes)
    # about an origin of their own, zeros are places
    centred = (points - points[:, 1:2]) / 120
    assert read_npz(save(tmp_path, keypoints=centred, unit="shoulder")).mask.all()  # type: ignore[union-attr]


def test_units(points: np.ndarray, tmp_path: Path) -> None:
    across = points[:, 2] - points[:, 3]
    width = np.linalg.norm(across, axis=-1).mean()
    normalised = (points - 200) / width
    assert read_npz(save(tmp_path, keypoints=normalised)).unit == "sw"
    with pytest.raises(BadInput, match="no unit can be told from; add `unit`"):
        read_npz(save(tmp_path, keypoints=points / 400))
    upright = np.concatenate([0.4 - points / 400, np.zeros((FRAMES, len(NAMES), 1))], -1)
    clip = read_npz(save(tmp_path, keypoints=upright, unit="m"))
    order = [NAMES.index(name) for name in clip.skeleton.names]
    assert clip.unit == "m" and np.array_equal(clip.positions, upright[:, order])
    found = read_npz_file(save(tmp_path, keypoints=100 * upright[..., [0, 2, 1]], unit="cm"))
    assert (found.clip.unit, found.up_axis) == ("m", "Z")
    nose = found.clip.positions[:, found.clip.skeleton.index("nose")]
    assert np.allclose(nose[:, 1], upright[:, 0, 1])
    with pytest.raises(BadInput, match="unit must be px, sw, m"):
        read_npz(save(tmp_path, keypoints=points, unit="furlongs"))


def test_upright_images_are_left_alone(points: np.ndarray, tmp_path: Path) -> None:
    found = read_npz_file(save(tmp_path, keypoints=points * [1, -1], unit="px"))
    assert found.up_axis == "Y"


def test_first_of_several_persons(points: np.ndarray, tmp_path: Path) -> None:
    several = np.stack([points, points + 400], axis=1)
    confidence = np.ones(several.shape[:3])
    confidence[0, 0, 0] = confidence[:, 1] = 0
    found = read_npz_file(save(tmp_path, keypoints=several, confidence=confidence))
    assert found.persons == 2 and found.clip.mask is not None and (~found.clip.mask).sum() == 1
    assert "persons   2" in describe(inspect_file(tmp_path / "x.npz"))


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no names": ({"names": None}, "lacks names"),
    "no rate": ({"fps": None}, "lacks fps"),
    "five columns": ({"keypoints": np.zeros((3, 14, 5))}, "(frames, points, 2 or 3)"),
    "one column": ({"keypoints": np.zeros((3, 14, 1))}, "(frames, points, 2 or 3)"),
    "no frames": ({"keypoints": np.zeros((0, 14, 2))}, "(frames, points, 2 or 3)"),
    "a mesh": ({"keypoints": np.zeros((3, 2001, 3))}, "2001 points, more than 2000"),
    "nobody's place": ({"keypoints": np.zeros((3, 0, 14, 2))}, "0 persons"),
    "words": ({"keypoints": np.full((3, 14, 2), "a")}, "numbers"),
    "names too few": ({"names": np.array(["a"])}, "14 strings"),
    "confidence misshapen": ({"confidence": np.ones((14, 7))}, "confidence must be (7, 14)"),
    "never seen": ({"confidence": np.zeros((7, 14))}, "no point is seen"),
    "all NaN": ({"keypoints": np.full((7, 14, 2), np.nan)}, "no point is seen"),
    "mask misshapen": ({"mask": np.ones((3, 3), bool)}, "mask must be (7, 14)"),
    "limbs far": ({"limbs": np.array([[0, 14]])}, "limbs must be"),
    "limbs as numbers": ({"limbs": np.array([[0.5, 1]])}, "limbs must be"),
    "far away": ({"keypoints": np.full((7, 14, 2), 1e9), "unit": "px"}, "positions hold"),
    "fps NaN": ({"fps": np.nan}, "fps must be"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_line(fault: str, points: np.ndarray, tmp_path: Path) -> None:
    changes, says = FAULTS[fault]
    arrays = {"keypoints": points, "names": np.array(NAMES), "fps": 25.0, **changes}
    path = tmp_path / "x.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(BadInput) as error:
        read_npz(path)
    assert says in str(error.value) and str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)
