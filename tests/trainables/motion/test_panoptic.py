"""Panoptic sessions: people apart, gaps apart, what was not seen, cameras, splits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.motion.panoptic_session import body, camera, write_cameras, write_session
from trainables.__main__ import main
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.panoptic import JOINTS, find_sessions, read_session
from trainables.motion.reconcile import reconcile
from trainables.motion.recordings import load_clips
from trainables.motion.resample import mirror, resample, stride
from trainables.motion.split import kept_together, split_by_recording


def test_people_are_recordings_of_their_own(tmp_path: Path) -> None:
    session = read_session(write_session(tmp_path / "s", {f: (0, 7) for f in range(5)}))
    assert [c.recording for c in session.clips] == ["s/person0", "s/person7"]
    assert [c.signer for c in session.clips] == ["s/person0", "s/person7"]
    first, other = session.clips
    assert first.fps == 29.97 and first.frames == 5 and first.unit == "m"
    given = np.array(body(2, 7)).reshape(-1, 4)
    # centimetres with Y down become metres with Y up, turned about x and not mirrored
    assert np.allclose(other.positions[2], given[:, :3] * [0.01, -0.01, -0.01])


def test_a_recording_ends_where_a_frame_or_the_person_is_missing(tmp_path: Path) -> None:
    there = {0: (1, 2), 1: (1, 2), 2: (1,), 3: (1, 2), 5: (1, 2)}
    clips = read_session(write_session(tmp_path / "s", there)).clips
    found = [(c.recording, c.frames) for c in clips]
    assert found == [
        ("s/person1@00000000", 4), ("s/person1@00000005", 1), ("s/person2@00000000", 2),
        ("s/person2@00000003", 1), ("s/person2@00000005", 1),
    ]  # fmt: skip


def test_a_joint_of_no_confidence_is_missing_and_never_zero(tmp_path: Path) -> None:
    joints = np.array(body(1, 0)).reshape(-1, 4)
    joints[8] = [0, 0, 0, -1]
    place = write_session(
        tmp_path / "s", {0: (0,), 1: (0,)}, joints={(1, 0): joints.ravel().tolist()}
    )
    (clip,) = read_session(place).clips
    assert clip.mask is not None and clip.confidence is not None
    assert not clip.mask[1, 8] and clip.mask.sum() == clip.mask.size - 1
    assert np.isnan(clip.positions[1, 8]).all() and clip.confidence[1, 8] == 0
    assert np.allclose(clip.confidence[clip.mask], 0.5)


def test_cameras_see_what_the_files_own_coordinates_say(tmp_path: Path) -> None:
    place = write_session(tmp_path / "s", {0: (0,)})
    write_cameras(place, [camera()])
    session = read_session(place)
    (clip,) = session.clips
    pixels, visible = session.cameras["00_00"].see(clip.positions, np.ones((1, 19), bool))
    given = np.array(body(0, 0)).reshape(-1, 4)[:, :3]  # in cm, as the toolbox projects them
    entry = camera()
    x, y, z = (given @ np.array(entry["R"]).T + np.array(entry["t"]).T).T
    x, y = x / z, y / z
    k1, k2, p1, p2, k3 = entry["distCoef"]
    r = x**2 + y**2
    radial = 1 + k1 * r + k2 * r**2 + k3 * r**3
    right = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x**2)
    down = y * radial + 2 * p2 * x * y + p1 * (r + 2 * y**2)
    expected = np.stack([1500 * right + 960, 1500 * down + 540], axis=-1)
    assert visible.all()
    assert np.allclose(pixels[0], expected, atol=1e-6)


FAULTS = {
    "no JSON": ("{", "is no JSON"),
    "no object": ("[]", "one JSON object"),
    "no bodies": ("{}", "no list `bodies`"),
    "no number": ('{"bodies": [{"joints19": []}]}', "whole number `id`"),
    "other joints": ('{"bodies": [{"id": 0, "joints19": [1, 2, 3, 4]}]}', "76 numbers"),
    "words": ('{"bodies": [{"id": 0, "joints19": "x"}]}', "76 numbers"),
    "twice": (json.dumps({"bodies": [{"id": 0, "joints19": [1.0] * 76}] * 2}), "called 0"),
    "NaN": ('{"bodies": [{"id": 0, "joints19": [' + ", ".join(["NaN"] * 76) + "]}]}", "NaN"),
    "other rate": ('{"fpsType": "kinect", "bodies": []}', "fpsType must be"),
    "nobody": ('{"bodies": []}', "shows nobody"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_file_is_one_line_that_names_it(fault: str, tmp_path: Path) -> None:
    content, said = FAULTS[fault]
    poses = tmp_path / "s" / "hdPose3d_stage1_coco19"
    poses.mkdir(parents=True)
    (poses / "body3DScene_00000001.json").write_text(content)
    with pytest.raises(BadInput, match=said) as error:
        read_session(tmp_path / "s")
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_camera_without_its_matrix_is_named(tmp_path: Path) -> None:
    place = write_session(tmp_path / "s", {0: (0,)})
    broken = camera("00_05")
    del broken["R"]
    write_cameras(place, [broken])
    with pytest.raises(BadInput, match="00_05"):
        read_session(place)


def test_confidence_goes_with_its_joints_and_frames(tmp_path: Path) -> None:
    (clip,) = read_session(write_session(tmp_path / "s", {f: (0,) for f in range(8)})).clips
    sure = np.linspace(0.1, 0.9, 8)[:, None] * np.linspace(0.5, 1.0, len(JOINTS))
    clip = replace(clip, confidence=sure, fps=30.0)
    assert np.allclose(_sure(stride(clip, 3)), sure[::3])
    assert np.allclose(_sure(clip.cut(2, 5)), sure[2:5])
    between = _sure(resample(clip, 45.0))
    assert np.allclose(between[1], sure[0] / 3 + 2 * sure[1] / 3)
    left, right = JOINTS.index("LeftWrist"), JOINTS.index("RightWrist")
    assert np.allclose(_sure(mirror(clip))[:, left], sure[:, right])
    fewer, _ = reconcile([clip, _without(clip, "RightEar")])
    kept = [n for n in fewer[0].skeleton.names]
    assert "RightEar" not in kept
    assert np.allclose(_sure(fewer[0]), sure[:, [JOINTS.index(n) for n in kept]])


def test_whole_sessions_are_split_and_people_where_there_are_too_few(tmp_path: Path) -> None:
    clips = []
    for name in "abcd":
        clips += read_session(write_session(tmp_path / name, {f: (0, 1) for f in range(3)})).clips
    what, _ = kept_together(clips)
    splits = split_by_recording(clips, (0.5, 0.25, 0.25), 0)
    sessions = [{c.session for c in part} for part in splits.values()]
    assert what == "session" and sum(map(len, sessions)) == 4
    # pieces of one person stay together
    gap = {0: (0, 1, 2), 1: (0, 1, 2), 4: (0, 1, 2), 5: (0, 1, 2)}
    pieces = read_session(write_session(tmp_path / "e", gap)).clips
    what, _ = kept_together(pieces)
    people = [
        {c.signer for c in p} for p in split_by_recording(pieces, (0.6, 0.2, 0.2), 3).values()
    ]
    assert what == "person" and len(pieces) == 6
    assert [len(p) for p in people] == [1, 1, 1]
    with pytest.raises(BadInput, match="2 person"):
        split_by_recording([c for c in pieces if c.signer != "e/person0"], (0.6, 0.2, 0.2), 0)


def test_sessions_are_found_below_a_folder_beside_other_files(tmp_path: Path) -> None:
    write_session(tmp_path / "x" / "s1", {0: (0,)})
    write_session(tmp_path / ".hidden", {0: (0,)})
    assert [p.name for p in find_sessions(tmp_path)] == ["s1"]
    assert [c.recording for c in load_clips(DataSpec(path=str(tmp_path)))[0]] == ["s1/person0"]


def test_the_real_session_is_read_and_prepared_as_any_motion(real: Path) -> None:
    session = read_session(real / "panoptic" / "160906_band1")
    assert [c.frames for c in session.clips] == [20, 20, 20] and len(session.cameras) == 31
    assert all(0 < float(c.positions[c.mask][:, 1].max()) < 2.2 for c in session.clips)
    assert sum(int((~c.mask).sum()) for c in session.clips if c.mask is not None) == 80
    facts = prepare(DataSpec(path=str(real / "panoptic"))).facts
    assert facts.unit == "m" and facts.fps == 30 and facts.unseen > 0
    assert {len(s.recordings) for s in (facts.train, facts.val, facts.test)} == {1}


def _sure(clip: Clip) -> np.ndarray:
    assert clip.confidence is not None
    return clip.confidence


def _without(clip: Clip, name: str) -> Clip:
    names = tuple("Other" if n == name else n for n in clip.skeleton.names)
    bones = clip.skeleton
    return replace(
        clip, recording="other", skeleton=type(bones)(names, bones.parents, bones.offsets)
    )


def test_people_are_inspected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write_session(tmp_path / "s", {f: (0, 4) for f in range(3)})
    write_cameras(place, [camera()])
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "s/person0" in said and "s/person4" in said and "One of 2 people of s." in said
    assert "Panoptic coco19, 1 HD cameras" in said and "3 frames at 29.970 fps" in said
    assert main(["inspect", str(tmp_path / "nothing")]) == 2
