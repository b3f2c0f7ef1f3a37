"""OpenPose and MediaPipe in one folder: one set of names, one tree, two axes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.tiny import spec
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.detectors import alike, as_mediapipe, mediapipe_name
from trainables.motion.keypoint_tree import mean_bones
from trainables.motion.reconcile import reconcile
from trainables.motion.skeleton import Skeleton

SIDES = ("LEFT", "RIGHT")
MEDIAPIPE = [f"POSE_LANDMARKS/{s}_{p}" for p in ("SHOULDER", "ELBOW", "WRIST") for s in SIDES]
MEDIAPIPE += [f"{s}_HAND_LANDMARKS/{p}" for s in SIDES
              for p in ("WRIST", "THUMB_CMC", "INDEX_FINGER_MCP", "INDEX_FINGER_TIP")]  # fmt: skip
OPENPOSE = ["pose_keypoints_2d/Neck"]
OPENPOSE += [f"pose_keypoints_2d/{s}{p}" for p in ("Shoulder", "Elbow", "Wrist") for s in "LR"]
OPENPOSE += [f"hand_{s}_keypoints_2d/{p}" for s in ("left", "right")
             for p in ("BASE", "T_STT", "I_CMC", "I_DIP")]  # fmt: skip


def detected(name: str, seed: int, names: list[str], parents: list[int], depth: float) -> Clip:
    rng = np.random.default_rng(seed)
    time = np.arange(50)[:, None, None] / 25
    places = rng.uniform(100, 500, (1, len(names), 3)) + 20 * np.sin(
        rng.uniform(1, 5, (1, len(names), 3)) * time
    )
    places[..., 2] *= depth
    above = np.array(parents)
    bones = mean_bones(above, places, None)
    return Clip(name, Skeleton(tuple(names), above, bones), 25.0, places, unit="px")


def mediapipe(name: str, seed: int) -> Clip:
    parents = [-1, 0, 0, 1, 2, 3, *(4, 6, 6, 8), *(5, 10, 10, 12)]
    return detected(name, seed, MEDIAPIPE, parents, 1.0)


def openpose(name: str, seed: int) -> Clip:
    parents = [-1, 0, 0, 1, 2, 3, 4, *(5, 7, 7, 9), *(6, 11, 11, 13)]
    return detected(name, seed, OPENPOSE, parents, 0.0)


def test_every_point_that_both_have_is_found() -> None:
    assert set(map(mediapipe_name, OPENPOSE[1:])) == set(MEDIAPIPE)
    clip = mediapipe("a", 0)
    assert as_mediapipe(clip) is clip


def test_names_are_changed_only_beside_the_other_detector() -> None:
    alone, said = alike([openpose("a", 0), openpose("b", 1)])
    assert alone[0].skeleton.names == tuple(OPENPOSE) and not said
    mixed, said = alike([openpose("a", 0), mediapipe("b", 1)])
    assert set(MEDIAPIPE) <= set(mixed[0].skeleton.names) and said[0].startswith("a: points of")


def test_points_of_two_trees_keep_their_places() -> None:
    """The arms hang on each other in one tree and on a neck in the other; none of them is lost."""
    clips = alike([openpose("a", 0), mediapipe("b", 1), mediapipe("c", 2)])[0]
    together, said = reconcile(clips)
    assert set(together[0].skeleton.names) == set(MEDIAPIPE) and "14 joints they share" in said[0]
    for before, after in zip(clips, together, strict=True):
        place = [before.skeleton.index(n) for n in after.skeleton.names]
        assert np.array_equal(after.positions, before.positions[:, place])
    with pytest.raises(BadInput, match="share 0 joints"):
        reconcile([openpose("a", 0), mediapipe("b", 1)])


def test_a_folder_of_both_is_prepared_and_coded() -> None:
    clips = [openpose("a", 0), mediapipe("b", 1), mediapipe("c", 2), mediapipe("d", 3)]
    data = prepare(spec(), clips)
    assert data.facts.dimensions == 2 and data.facts.part_names == ("body", "right_hand",
                                                                    "left_hand")  # fmt: skip
    brought = data.preparation.bring(openpose("e", 9))
    assert brought.skeleton.names == data.names
    with pytest.raises(BadInput, match=r"f: lacks "):
        odd = openpose("f", 9)
        names = tuple(f"x{n}" for n in odd.skeleton.names)
        data.preparation.bring(replace(odd, skeleton=replace(odd.skeleton, names=names)))


@pytest.mark.parametrize("unit", ["auto", "sw"])
def test_real_signs_of_both_detectors(shared: Path, unit: str) -> None:
    folder = shared / "data" / "real" / "sign_pose"
    data = prepare(DataSpec(path=str(folder), unit=unit))  # type: ignore[arg-type]
    facts = data.facts
    assert (facts.unit, facts.dimensions, facts.joints) == ("px" if unit == "auto" else "sw", 2, 50)
    assert facts.part_names == ("body", "right_hand", "left_hand")
    assert 0.4 < facts.unseen < 0.5 and facts.part("left_hand").unseen > 0.9
    for split in ("val", "test"):
        for clip in data.splits[split]:
            rebuilt = data.reconstruct(clip, clip.features, None)
            assert clip.seen is not None
            off = np.abs(rebuilt - clip.original)[clip.seen]
            assert off.max() < (0.5 if unit == "auto" else 0.005)
