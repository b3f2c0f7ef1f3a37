"""Parts by joint names, over the naming schemes of the public data and a few more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.joint_names import is_finger, mirror_order, side, words
from trainables.motion.parts import PartMap, find_parts, require

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")


def tree(*edges: str) -> tuple[list[str], np.ndarray]:
    """ "a" is the root, "b<a" stands below a."""
    names = [edge.split("<")[0] for edge in edges]
    parents = [names.index(edge.split("<")[1]) if "<" in edge else -1 for edge in edges]
    return names, np.array(parents)


def named(parts: PartMap, part: str, which: str = "coded") -> list[str]:
    return [parts.names[j] for j in getattr(parts.parts[part], which)]


@pytest.mark.parametrize(
    ("wrist", "finger"),
    [
        ("mixamorig:{Side}Hand", "mixamorig:{Side}Hand{Finger}{n}"),
        ("{Side}Hand", "{Side}Hand{Finger}{n}"),
        ("{side}_wrist", "{side}_{finger}{n}"),
        ("{s}Hand", "{s}{Finger}{n}"),
        ("CC_Base_{S}_Hand", "CC_Base_{S}_{Finger}{n}"),
        ("Hand_{S}", "{Finger}{n}_{S}"),
        ("hand_{s}", "{finger}_0{n}_{s}"),
        ("hand.{S}", "f_{finger}.0{n}.{S}"),
        ("Bip01 {S} Hand", "Bip01 {S} Finger{Finger}{n}"),
        ("{s}hand", "{s}{finger}{n}"),
        ("J_Bip_{S}_Hand", "J_Bip_{S}_{Finger}{n}"),
    ],
)
def test_naming_schemes(wrist: str, finger: str) -> None:
    edges = ["Hips", "Spine<Hips", "Head<Spine"]
    joints: dict[str, list[str]] = {}
    for name in ("Left", "Right"):
        forms = {"Side": name, "side": name.lower(), "S": name[0], "s": name[0].lower()}
        hand = wrist.format(**forms)
        joints[name] = [
            finger.format(**forms, Finger=f, finger=f.lower(), n=n) for f in FINGERS for n in (1, 2)
        ]
        foot = f"CC_Base_{name[0]}_Foot"
        edges += [f"{name}Leg<Hips", f"{foot}<{name}Leg"]
        edges += [f"CC_Base_{name[0]}_{toe}Toe1<{foot}" for toe in ("Index", "Mid", "Ring")]
        edges += [f"{name}Arm<Spine", f"{hand}<{name}Arm"]
        for first, second in zip(joints[name][::2], joints[name][1::2], strict=True):
            edges += [f"{first}<{hand}", f"{second}<{first}"]
    names, parents = tree(*edges)
    parts = find_parts(names, parents)
    assert parts.found == ("body", "right_hand", "left_hand") and not parts.missing
    for name in ("Left", "Right"):
        hand = wrist.format(Side=name, side=name.lower(), S=name[0], s=name[0].lower())
        part = f"{name.lower()}_hand"
        assert named(parts, part) == joints[name]
        assert named(parts, part, "scored") == [hand, *joints[name]]
        assert parts.wrists[name == "Right"] == names.index(hand)
        assert hand in named(parts, "body") and hand in named(parts, "body", "scored")
    assert len(parts.parts["body"].coded) == len(names) - 20
    order = mirror_order(names)
    assert (order[order] == np.arange(len(names))).all()
    assert (order != np.arange(len(names))).sum() == len(names) - 3


@pytest.mark.parametrize(
    ("file", "wrists", "fingers"),
    [
        ("cmu_cgspeed/01_01", ("LeftHand", "RightHand"), 3),
        ("cmu_cgspeed/131_01", ("LeftWrist", "RightWrist"), 3),
        ("cmu_cgspeed/114_16", ("lHand", "rHand"), 10),
        ("cmu_iclone/002_02", ("CC_Base_L_Hand", "CC_Base_R_Hand"), 15),
        ("beat_smplx_bvh/1_wayne_0_1_1", ("left_wrist", "right_wrist"), 15),
        ("misc/zombieWalk1", ("Hand_L", "Hand_R"), 19),
        ("bandai_namco/dataset-1_dash_giant_001", ("Hand_L", "Hand_R"), 0),
        ("lafan1/push1_subject2", ("LeftHand", "RightHand"), 0),
        ("misc/AV_8Walk_Meredith_HVHA_Rep1", ("LeftHand", "RightHand"), 0),
        ("misc/bvh_test2", ("LeftWrist", "RightWrist"), 0),
    ],
)
def test_real_skeletons(file: str, wrists: tuple[str, str], fingers: int, real: Path) -> None:
    skeleton = read_bvh(real / f"{file}.bvh").clip.skeleton
    parts = find_parts(skeleton.names, skeleton.parents)
    assert tuple(skeleton.names[w] for w in parts.wrists if w is not None) == wrists
    hands = ("right_hand", "left_hand") if fingers else ()
    assert parts.found == ("body", *hands)
    for hand in hands:
        assert len(parts.parts[hand].coded) == fingers
        assert len(parts.parts[hand].scored) == fingers + 1
        assert not any("Toe" in name or "toe" in name for name in named(parts, hand))
    coded = np.concatenate([part.coded for part in parts.parts.values()])
    assert len(coded) == len(set(coded.tolist()))
    if not fingers:
        assert set(parts.missing) == {"right_hand", "left_hand"}


def test_words_of_names() -> None:
    assert words("CC_Base_L_MidToe1") == ("cc", "base", "left", "mid", "toe", "1")
    assert words("LFingers") == ("left", "fingers") and words("rShldr") == ("right", "shldr")
    assert side("Spine1") is None and side("lhand") == "left" and side("RHipJoint") == "right"
    assert is_finger("lIndex2") and not is_finger("CC_Base_L_IndexToe1")
    assert not is_finger("Spine_Mid") and side("Ring") is None  # a word, not r + ing


def test_helpers_of_one_name_are_mirrored_apart() -> None:
    names = ["Root", "__Thumb1_L", "Thumb1_L", "__Thumb1_R", "Thumb1_R", "Jaw", "Eye_L"]
    assert mirror_order(names).tolist() == [0, 3, 4, 1, 2, 5, 6]


def test_a_wrist_without_a_name_is_where_the_fingers_hang() -> None:
    names, parents = tree(
        "Hips", "ArmEnd<Hips", "L_Index1<ArmEnd", "L_Index2<L_Index1", "L_Thumb1<ArmEnd"
    )
    parts = find_parts(names, parents)
    assert parts.wrists == (1, None)
    assert named(parts, "left_hand") == ["L_Index1", "L_Index2", "L_Thumb1"]
    assert "right hand or wrist" in parts.missing["right_hand"]


def test_a_kinect_hand_hangs_on_its_wrist() -> None:
    names, parents = tree(
        "SpineBase", "WristLeft<SpineBase", "HandLeft<WristLeft", "HandTipLeft<HandLeft",
        "ThumbLeft<WristLeft",
    )  # fmt: skip
    parts = find_parts(names, parents)
    assert named(parts, "left_hand", "scored") == names[1:]


def test_a_single_thumb_is_no_hand() -> None:
    names, parents = tree("Hips", "LeftHand<Hips", "LeftHandThumb1<LeftHand", "L_End<LeftHand")
    parts = find_parts(names, parents)
    assert parts.found == ("body",) and named(parts, "body") == ["Hips", "LeftHand"]
    assert "LeftHandThumb1" in parts.missing["left_hand"]


FIGURE = Figure()
NAMES, PARENTS = FIGURE.names, np.array(FIGURE.parents)


def test_overrides_choose_the_joints() -> None:
    parts = find_parts(
        NAMES,
        PARENTS,
        {"left_hand": ["LeftHand", "LeftHandIndex1"], "right_hand": [], "head": ["Head", "Neck"]},
    )
    assert parts.found == ("body", "left_hand", "head")
    assert named(parts, "left_hand") == ["LeftHandIndex1"]  # the wrist is coded by the body
    assert named(parts, "left_hand", "scored") == ["LeftHand", "LeftHandIndex1"]
    assert named(parts, "head", "scored") == ["Neck", "Head"]
    assert not {"Neck", "Head", "LeftHandIndex1"} & {*named(parts, "body")}
    assert "LeftHand" in named(parts, "body")
    assert "right_hand" in parts.missing
    body = find_parts(NAMES, PARENTS, {"body": ["Hips", "Spine"]})
    assert named(body, "body", "scored") == ["Hips", "Spine"]


def test_overrides_that_cannot_be_meant() -> None:
    with pytest.raises(BadInput, match=r"'Tail'.*joints are Hips, Spine"):
        find_parts(NAMES, PARENTS, {"body": ["Tail"]})
    with pytest.raises(BadInput, match=r"'Head' is in 'a' and 'b'"):
        find_parts(NAMES, PARENTS, {"a": ["Head"], "b": ["Head"]})


def test_required_parts() -> None:
    names, parents = tree("Hips", "LeftHand<Hips", "RightHand<Hips")
    parts = find_parts(names, parents)
    require(parts, ["body"])
    with pytest.raises(BadInput, match=r"'right_hand' is required.*RightHand.*out of Hips"):
        require(parts, ["body", "right_hand"])
    with pytest.raises(BadInput, match="'face'"):
        require(parts, ["face"])
