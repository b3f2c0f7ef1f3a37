"""A preparation is the same after it was written and read, and damage is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from search_spaces.errors import BadInput
from tests.trainables.tiny import NAMES, make_clip, make_clips, spec
from trainables.motion import preparation
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.preparation import BONE_STEP, Preparation, snapped, usual_offsets
from trainables.motion.preparation_files import (
    ARRAYS_NAME,
    DESCRIPTION_NAME,
    load_preparation,
    save_preparation,
)
from trainables.motion.resample import stride


@pytest.fixture(params=["expmap", "position"])
def fitted(request: pytest.FixtureRequest) -> Preparation:
    return prepare(spec(features=request.param, root="coded"), make_clips()).preparation


def test_written_and_read_it_does_the_same(fitted: Preparation, tmp_path: Path) -> None:
    save_preparation(fitted, tmp_path)
    read = load_preparation(tmp_path)
    clip = make_clip("new", 77, scale=1.1)
    one, two = (p.split_clip(p.bring(clip)) for p in (fitted, read))
    for part in fitted.part_names:
        assert np.array_equal(one.features[part], two.features[part])
    assert np.array_equal(one.original, two.original)
    assert one.root_tokens is not None and two.root_tokens is not None
    assert np.array_equal(one.root_tokens, two.root_tokens)
    positions = [
        p.positions(c.features, c.offsets, c.root_tokens) for p, c in ((fitted, one), (read, two))
    ]
    assert np.array_equal(*positions)
    assert read.skeleton.names == fitted.skeleton.names
    assert list(read.part_names) == list(fitted.part_names), "the order of parts is kept"


def test_features_do_not_depend_on_the_blocks_they_are_made_in(
    fitted: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = fitted.bring(make_clip("new", 78, frames=61))
    whole = fitted.split_clip(clip)
    monkeypatch.setattr(preparation, "BLOCK", 7)
    one, unscored = fitted.split_clip(clip), fitted.split_clip(clip, scored=False)
    assert unscored.original.shape == (0, len(clip.skeleton), 3)
    assert np.array_equal(one.original, whole.original)
    assert one.root_tokens is not None and whole.root_tokens is not None
    assert np.array_equal(one.root_tokens, whole.root_tokens)
    for part, features in whole.features.items():
        assert features.dtype == np.float32 and len(features) == 61
        assert np.array_equal(one.features[part], features)
        assert np.array_equal(unscored.features[part], features)


def test_bring_is_what_preparing_a_data_set_does() -> None:
    clips = [replace(c, fps=60.0) for c in make_clips()]
    data = prepare(spec(fps=30, frame_stride=2), clips)
    by_name = {c.recording: c for c in clips}
    for split in ("train", "val", "test"):
        for there in data.splits[split]:
            here = data.preparation.split_clip(
                data.preparation.bring(by_name[there.recording]), scored=split != "train"
            )
            assert here.source_fps == there.source_fps == 60.0
            assert np.array_equal(here.original, there.original)
            assert np.array_equal(here.offsets, there.offsets)
            for part in data.parts:
                assert np.array_equal(here.features[part], there.features[part])
    assert data.preparation.coded_fps == data.fps == 15.0


def test_rotations_and_positions_of_a_decoded_pose_agree() -> None:
    data = prepare(spec(root="coded"), make_clips())
    clip = data.splits["val"][0]
    assert clip.root_tokens is not None
    positions = data.reconstruct(clip, clip.features, clip.root_tokens)
    path = data.preparation.root.decode(clip.root_tokens)
    rotations, pelvis = data.preparation.rotations(clip.features, path)
    from trainables.motion.skeleton import forward_kinematics

    skeleton = data.preparation.skeleton
    again, _ = forward_kinematics(skeleton.parents, clip.offsets, rotations, pelvis)
    assert np.abs(again - positions).max() < 1e-9
    _, still = data.preparation.rotations(clip.features)
    assert np.ptp(still, axis=0).max() == 0 and still[0, 1] == data.preparation.root.height


def test_bones_are_whole_steps_and_the_usual_ones_win() -> None:
    clips = [make_clip("a", 1, scale=0.9), make_clip("b", 2), make_clip("c", 3)]
    assert np.array_equal(usual_offsets(clips), clips[1].skeleton.offsets)
    odd = np.array([[0.1, -0.2, 0.3]])
    assert np.abs(snapped(odd) - odd).max() <= BONE_STEP / 2
    assert np.array_equal(snapped(snapped(odd)), snapped(odd))


def test_what_does_not_fit_the_codec_is_named(fitted: Preparation) -> None:
    clip = make_clip("new", 3)
    kept = [j for j, n in enumerate(NAMES) if n != "Spine"]
    place = {j: i for i, j in enumerate(kept)}
    parents = np.array([place.get(int(clip.skeleton.parents[j]), -1) for j in kept])
    parents[1:] = np.maximum(parents[1:], 0)
    skeleton = replace(
        clip.skeleton,
        names=tuple(NAMES[j] for j in kept),
        parents=parents,
        offsets=clip.skeleton.offsets[kept],
    )
    assert clip.rotations is not None
    less = Clip(
        "less", skeleton, clip.fps, clip.positions[:, kept], rotations=clip.rotations[:, kept]
    )
    with pytest.raises(BadInput, match="Spine"):
        fitted.bring(less)
    with pytest.raises(BadInput, match="is in pixels, and this codec codes metres"):
        fitted.bring(replace(clip, unit="px"))
    bare = replace(clip, rotations=None)
    if fitted.feature_map.kind == "expmap":
        with pytest.raises(BadInput, match="new: holds positions only"):
            fitted.bring(bare)
    else:
        assert fitted.bring(bare).frames == stride(clip, 1).frames


def test_damage_is_one_line(fitted: Preparation, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no preparation"):
        load_preparation(tmp_path)
    save_preparation(fitted, tmp_path)
    good = json.loads((tmp_path / DESCRIPTION_NAME).read_text())
    for change, said in (
        ({"version": 3}, "version 3"),
        ({"unit": "yd"}, "unit"),
        ({"centre": [999]}, "beyond"),
        ({"unseen": [-1]}, "beyond"),
        ({"fps": -1}, "fps"),
        ({"joints": []}, "joints"),
        ({"parents": good["parents"][:-1]}, "damaged"),
        ({"wrists": [999]}, "beyond"),
        ({"extra": 1}, "extra"),
        ({"parts": {"body": {"coded": [0, 999], "scored": [0]}}}, "beyond"),
    ):
        (tmp_path / DESCRIPTION_NAME).write_text(json.dumps({**good, **change}))
        with pytest.raises(BadInput, match=said):
            load_preparation(tmp_path)
    (tmp_path / DESCRIPTION_NAME).write_text(json.dumps(good))
    arrays = load_file(tmp_path / ARRAYS_NAME)
    for name in arrays:
        less = {k: v for k, v in arrays.items() if k != name}
        save_file(less, tmp_path / ARRAYS_NAME)
        with pytest.raises(BadInput, match="damaged"):
            load_preparation(tmp_path)
    save_file({**arrays, "offsets": arrays["offsets"] * np.nan}, tmp_path / ARRAYS_NAME)
    with pytest.raises(BadInput, match="finite"):
        load_preparation(tmp_path)
    (tmp_path / ARRAYS_NAME).write_bytes(b"junk")
    with pytest.raises(BadInput, match="no preparation"):
        load_preparation(tmp_path)
