"""Reading .pose files: our own and real ones against pose-format, masks, persons, damage."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from pose_format import Pose

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from trainables.motion.dataset import prepare
from trainables.motion.inspect import describe, inspect_file
from trainables.motion.parts import find_parts
from trainables.motion.pose_files import PoseFile, read_pose
from trainables.motion.readers import read_clip

MUTANTS = int(os.environ.get("RATEFRONT_POSE_MUTANTS", "100"))
BODY = ("NOSE", "LEFT_SHOULDER", "RIGHT_SHOULDER", "LEFT_WRIST", "RIGHT_WRIST")
HAND = ("WRIST", "THUMB_MCP", "INDEX_FINGER_MCP", "INDEX_FINGER_TIP")
Part = tuple[str, str, tuple[str, ...], tuple[tuple[int, int], ...]]
PARTS: tuple[Part, ...] = (
    ("FACE_LANDMARKS", "XYZC", tuple(map(str, range(12))), ((0, 1), (5, 4))),
    ("LEFT_HAND_LANDMARKS", "XYZC", HAND, ((0, 1), (0, 2), (2, 3))),
    ("RIGHT_HAND_LANDMARKS", "XYZC", HAND, ((0, 1), (0, 2), (2, 3))),
    ("POSE_LANDMARKS", "XYZC", BODY, ((1, 2), (4, 2), (1, 3))),
)


@dataclass
class Written:
    """A .pose file of ours, each fact of which can be set wrong."""

    parts: tuple[Part, ...] = PARTS
    version: float = 0.2
    fps: float = 25
    frames: int = 6
    persons: int = 1
    data: np.ndarray | None = None
    confidence: np.ndarray | None = None
    declared: int | None = None
    scale: float = 100.0
    over: bytes = b""
    head: bytes = field(init=False, default=b"")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        dimensions = max(len(form) for _, form, _, _ in self.parts) - 1
        return (self.frames, self.persons, sum(len(p[2]) for p in self.parts), dimensions)

    def content(self) -> bytes:
        rng = np.random.default_rng(3)
        data = rng.normal(300, self.scale, self.shape) if self.data is None else self.data
        confidence = np.ones(self.shape[:3]) if self.confidence is None else self.confidence
        out = struct.pack("<fHHHH", self.version, 640, 480, 0, len(self.parts))
        for name, form, points, limbs in self.parts:
            out += b"".join(struct.pack("<H", len(w.encode())) + w.encode() for w in (name, form))
            out += struct.pack("<HHH", len(points), len(limbs), 1)
            out += b"".join(struct.pack("<H", len(w.encode())) + w.encode() for w in points)
            out += b"".join(struct.pack("<HH", *limb) for limb in limbs)
            out += struct.pack("<HHH", 255, 0, 0)
        declared = self.frames if self.declared is None else self.declared
        form = "<HHH" if self.version == np.float32(0.1) or self.version == 0.1 else "<fIH"
        fps = int(self.fps) if form == "<HHH" else self.fps
        out += struct.pack(form, fps, declared, self.persons)
        self.head = out
        return out + data.astype("<f4").tobytes() + confidence.astype("<f4").tobytes() + self.over

    def read(self, folder: Path) -> PoseFile:
        path = folder / "x.pose"
        path.write_bytes(self.content())
        return read_pose(path)


def agrees_with_pose_format(found: PoseFile) -> None:
    other = Pose.read(found.path.read_bytes())
    names = [f"{c.name}/{p}" for c in other.header.components for p in c.points]
    clip = found.clip
    order = [names.index(name) for name in clip.skeleton.names]
    assert sorted(order) == list(range(len(names)))
    seen = other.body.confidence[:, 0][:, order] > 0
    assert np.array_equal(np.ones_like(seen) if clip.mask is None else clip.mask, seen)
    theirs = np.zeros_like(clip.positions)
    data = other.body.data.data[:, 0][:, order]
    theirs[..., : data.shape[-1]] = data
    # up in the image is -y, towards the camera is -z
    assert np.array_equal(clip.positions[seen], (theirs * [1, -1, -1])[seen])
    assert np.isnan(clip.positions[~seen]).all()
    assert (clip.fps, clip.frames) == (other.body.fps, len(other.body.data))


REAL = {  # parts found, and in percent how much of body, right and left hand, face was seen
    "kinder": ((8, 21, 21, 128), (100, 66.7, 0, 100)),
    "kleine": ((8, 21, 21, 128), (100, 75.0, 69.1, 100)),
    "mediapipe_long": ((8, 21, 21, 128), (100, 91.0, 0, 100)),
    "openpose_example": ((25, 21, 21, 70), (42.6, 65.2, 0, 100)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str, real: Path) -> None:
    path = real / "sign_pose" / f"{name}.pose"
    found = read_pose(path)
    agrees_with_pose_format(found)
    clip, parts = found.clip, find_parts(found.clip.skeleton.names, found.clip.skeleton.parents)
    joints, shares = REAL[name]
    assert list(parts.parts) == ["body", "right_hand", "left_hand", "face"]
    assert tuple(len(p.coded) for p in parts.parts.values()) == joints
    assert (clip.unit, found.persons, found.version) == ("px", 1, 0.1)
    assert np.isfinite(clip.skeleton.offsets).all()
    assert clip.mask is not None
    for part, share in zip(parts.parts.values(), shares, strict=True):
        assert 100 * clip.mask[:, part.coded].mean() == pytest.approx(share, abs=0.05)
    text = describe(inspect_file(path))
    for fact in ("POSE 0.1, positions only", "unit      px", f"right_hand {shares[1]:.1f} %"):
        assert fact in text
    # heads are up: what stands for the face lies above the shoulders
    above = np.nanmedian(clip.positions[:, parts.parts["face"].coded, 1])
    shoulders = [j for j, n in enumerate(clip.skeleton.names) if "houlder" in n or "SHOULDER" in n]
    assert above > np.nanmedian(clip.positions[:, shoulders, 1])


def test_a_text_called_pose(real: Path) -> None:
    with pytest.raises(BadInput, match=r"LICENSE\.pose: is no \.pose file"):
        read_clip(real / "sign_pose" / "LICENSE.pose")


@pytest.mark.parametrize("version", [0.1, 0.2])
def test_own_files_agree_with_pose_format(version: float, tmp_path: Path) -> None:
    confidence = np.random.default_rng(0).choice([0.0, 0.4, 1.0], (6, 1, 25))
    found = Written(version=version, confidence=confidence, fps=29.97).read(tmp_path)
    agrees_with_pose_format(found)
    assert found.size == (640, 480, 0)
    assert found.components["LEFT_HAND_LANDMARKS"] == 4


def test_what_pose_format_writes(tmp_path: Path) -> None:
    (tmp_path / "a.pose").write_bytes(Written(version=0.1).content())
    with (tmp_path / "b.pose").open("wb") as file:
        Pose.read((tmp_path / "a.pose").read_bytes()).write(file)
    found = read_pose(tmp_path / "b.pose")
    agrees_with_pose_format(found)
    first = read_pose(tmp_path / "a.pose")
    assert (first.version, found.version) == (0.1, 0.2)
    assert np.array_equal(first.clip.positions, found.clip.positions)


def test_one_tree(tmp_path: Path) -> None:
    skeleton = Written().read(tmp_path).clip.skeleton
    above = {n: skeleton.names[p] for n, p in zip(skeleton.names, skeleton.parents, strict=True)
             if p >= 0}  # fmt: skip
    assert skeleton.names[0] == "POSE_LANDMARKS/LEFT_SHOULDER"
    assert above["POSE_LANDMARKS/RIGHT_WRIST"] == "POSE_LANDMARKS/RIGHT_SHOULDER"
    assert above["POSE_LANDMARKS/NOSE"] == "POSE_LANDMARKS/LEFT_SHOULDER"  # no limb reaches it
    for side in ("LEFT", "RIGHT"):
        hand = f"{side}_HAND_LANDMARKS"
        assert above[f"{hand}/WRIST"] == f"POSE_LANDMARKS/{side}_WRIST"
        assert above[f"{hand}/INDEX_FINGER_TIP"] == f"{hand}/INDEX_FINGER_MCP"
    assert above["FACE_LANDMARKS/0"] == "POSE_LANDMARKS/NOSE"
    assert above["FACE_LANDMARKS/4"] == "FACE_LANDMARKS/0"  # a piece of its own
    assert above["FACE_LANDMARKS/5"] == "FACE_LANDMARKS/4"


def test_hands_without_a_body_are_two_hands(tmp_path: Path) -> None:
    clip = Written(parts=PARTS[1:3]).read(tmp_path).clip
    parts = find_parts(clip.skeleton.names, clip.skeleton.parents)
    for part, side in (("left_hand", "LEFT"), ("right_hand", "RIGHT")):
        names = {clip.skeleton.names[j] for j in parts.parts[part].coded}
        assert names == {f"{side}_HAND_LANDMARKS/{point}" for point in HAND[1:]}
    assert len(parts.parts["body"].coded) == 2


def test_first_of_several_persons(tmp_path: Path) -> None:
    found = Written(persons=3).read(tmp_path)
    agrees_with_pose_format(found)
    assert found.persons == 3
    assert "There are 3 persons; the first is read." in found.clip.notes
    assert "persons   3, the first is read" in describe(inspect_file(found.path))


def test_two_dimensions(tmp_path: Path) -> None:
    flat = tuple((name, "XYC", points, limbs) for name, _, points, limbs in PARTS)
    clip = Written(parts=flat).read(tmp_path).clip
    assert not clip.positions[..., 2].any() and not np.signbit(clip.positions[..., 2]).any()
    assert any("two-dimensional" in note for note in clip.notes)
    mixed = Written(parts=(flat[0], *PARTS[1:])).read(tmp_path)
    agrees_with_pose_format(mixed)


def test_names_that_stand_twice_are_told_apart(tmp_path: Path) -> None:
    clip = Written(parts=(PARTS[3], PARTS[3])).read(tmp_path).clip
    assert {"POSE_LANDMARKS/NOSE", "POSE_LANDMARKS/NOSE#2"} <= set(clip.skeleton.names)


def test_world_landmarks_do_not_stand_in_the_picture(tmp_path: Path) -> None:
    world = ("POSE_WORLD_LANDMARKS", "XYZC", BODY, ())
    found = Written(parts=(*PARTS, world)).read(tmp_path)
    assert len(found.clip.skeleton) == 25 and any("WORLD" in note for note in found.clip.notes)
    alone = Written(parts=(world,)).read(tmp_path)
    assert (alone.clip.unit, len(alone.clip.skeleton)) == ("m", 5)


def test_shoulder_widths(tmp_path: Path) -> None:
    (tmp_path / "a.pose").write_bytes(Written().content())
    pose = Pose.read((tmp_path / "a.pose").read_bytes())
    names = [f"{c.name}/{p}" for c in pose.header.components for p in c.points]
    left, right = (names.index(f"POSE_LANDMARKS/{s}_SHOULDER") for s in ("LEFT", "RIGHT"))
    apart = pose.body.data[:, 0, left] - pose.body.data[:, 0, right]
    width = float(np.linalg.norm(apart.data, axis=-1).mean())
    data = (pose.body.data.data - 300) / width
    found = Written(data=data).read(tmp_path)
    assert found.clip.unit == "sw"
    assert Written(data=data * 2).read(tmp_path).clip.unit == "px"


def test_nothing_seen_is_nan_and_never_zero(tmp_path: Path) -> None:
    confidence = np.ones((6, 1, 25))
    confidence[2, 0, 3], confidence[4, 0, 5] = 0, np.nan
    data = np.full((6, 1, 25, 3), 100.0)
    data[..., 0] = np.arange(25) * 10
    data[2, 0, 3] = 0
    data[1, 0, 7] = np.inf
    clip = Written(confidence=confidence, data=data).read(tmp_path).clip
    assert clip.mask is not None and (~clip.mask).sum() == 3
    assert np.isnan(clip.positions[~clip.mask]).all()
    assert np.abs(clip.positions[clip.mask][:, 1]).min() == 100
    assert any("NaN or infinite" in note for note in clip.notes)


def test_more_frames_than_version_0_1_can_count(tmp_path: Path) -> None:
    part = (("POSE", "XYC", ("a",), ()),)
    found = Written(parts=part, version=0.1, frames=70_000, declared=70_000 % 65536).read(tmp_path)
    assert found.clip.frames == 70_000


def test_a_file_cut_short_is_refused_where_pose_format_reads_rubbish(tmp_path: Path) -> None:
    content = Written(version=0.1).content()
    frame = 25 * 4 * 4
    path = tmp_path / "x.pose"
    path.write_bytes(content[:-frame])
    rubbish = Pose.read(path.read_bytes()).body.confidence
    assert rubbish.max() > 1.5  # coordinates, taken for confidences
    with pytest.raises(BadInput, match="cut short"):
        read_pose(path)


def put(content: bytes, at: int, form: str, *values: float) -> bytes:
    return content[:at] + struct.pack(form, *values) + content[at + struct.calcsize(form) :]


FAULTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "ends in its header"),
    "a picture": (b"\x89PNG\r\n\x1a\n" * 9, "is no .pose file"),
    "version NaN": (put(Written().content(), 0, "<f", np.nan), "is no .pose file"),
    "version 0": (put(Written().content(), 0, "<f", 0), "version 0.0"),
    "version 0.3": (put(Written().content(), 0, "<f", 0.3), "version 0.3"),
    "version 1": (put(Written().content(), 0, "<f", 1), "version 1.0"),
    "half a header": (Written().content()[:40], "ends in its header"),
    "many components": (put(Written().content(), 10, "<H", 65535), "ends in its header"),
    "no components": (put(Written().content(), 10, "<H", 0), "no points"),
    "no fps": (Written(fps=0).content(), "fps is 0"),
    "fps NaN": (Written(fps=np.nan).content(), "fps is nan"),
    "fps infinite": (Written(fps=np.inf).content(), "fps is inf"),
    "fps 0 in 0.1": (Written(version=0.1, fps=0).content(), "fps is 0"),
    "no frames": (Written(frames=0).content(), "no frames"),
    "no persons": (Written(persons=0).content(), "0 persons"),
    "no persons in 0.1": (Written(persons=0, version=0.1).content(), "0 persons"),
    "many frames": (Written(declared=2**32 - 1).content(), "4294967295 frames"),
    "cut in 0.2": (Written().content()[:-3], "cut short"),
    "cut in 0.1": (Written(version=0.1).content()[:-3], "cut short"),
    "nobody": (Written(confidence=np.zeros((6, 1, 25))).content(), "no point is seen"),
    "far away": (Written(data=np.full((6, 1, 25, 3), 1e30)).content(), "FACE_LANDMARKS/0 lies at"),
    "a format": (Written(parts=(("A", "XYZWC", ("a",), ()),)).content(), "'XYZWC'"),
    "a limb": (Written(parts=(("A", "XYC", ("a",), ((0, 1),)),)).content(), "a limb of 'A'"),
    "points": (
        Written(parts=(("A", "XYC", tuple(map(str, range(2001))), ()),)).content(),
        "more than 2000 points",
    ),
    "a name": (Written(parts=(("A\nB", "XYC", ("a",), ()),)).content(), "is no text"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_line(fault: str, tmp_path: Path) -> None:
    content, says = FAULTS[fault]
    path = tmp_path / "x.pose"
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_pose(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    assert says in said


def test_bytes_after_the_last_frame(tmp_path: Path) -> None:
    assert "passed over" in Written(over=b"more").read(tmp_path).clip.notes[0]


def test_pixels_are_not_prepared_as_metres(tmp_path: Path) -> None:
    Written().read(tmp_path)
    with pytest.raises(BadInput, match=r"x is in pixels, and unit=m asks for metres"):
        prepare(DataSpec(path=str(tmp_path), unit="m"))


def mutant(content: bytes, header: int, rng: np.random.Generator) -> bytes:
    kind = int(rng.integers(6))
    if kind == 0:
        return content[: int(rng.integers(len(content)))]
    if kind == 1:
        start = int(rng.integers(len(content)))
        return content[:start] + content[start + int(rng.integers(1, 900)) :]
    if kind == 2:
        start = int(rng.integers(header))
        return content[:start] + rng.bytes(int(rng.integers(1, 9))) + content[start:]
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        bound = len(damaged) if kind == 3 else header
        damaged[int(rng.integers(bound))] = int(rng.choice([0, 1, 255, rng.integers(256)]))
    return bytes(damaged)


def test_mutations_give_a_clip_or_bad_input(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(11)
    goods = []
    for written in (Written(), Written(version=0.1, persons=2)):
        goods.append((written.content(), len(written.head)))
    shared = Path(
        os.environ.get("RATEFRONT_SHARED", str(request.config.rootpath.parent / "shared"))
    )
    for path in sorted((shared / "data/real/sign_pose").glob("[ko]*.pose")):
        goods.append((path.read_bytes(), 2720))
    path = tmp_path / "mutant.pose"
    refused, slowest, most = 0, 0.0, 0.0
    for number in range(MUTANTS):
        content, header = goods[number % len(goods)]
        damaged = mutant(content, header, rng)
        path.write_bytes(damaged)
        if number % 5 == 0:  # counting makes everything slow
            tracemalloc.start()
        began = time.monotonic()
        try:
            text = describe(inspect_file(path))
        except BadInput as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert "POSE" in text
        slowest = max(slowest, time.monotonic() - began)
        if tracemalloc.is_tracing():
            most = max(most, tracemalloc.get_traced_memory()[1] / (len(damaged) + 50_000))
            tracemalloc.stop()
    print(f"{MUTANTS} files, {refused} refused, slowest {slowest:.2f} s, memory {most:.1f} times")
    assert 0.2 * MUTANTS < refused < MUTANTS
    assert slowest < 5 and most < 60
