"""Reads sessions of the CMU Panoptic Studio: people in JSON, one file a frame, and cameras.

A session is a folder with `hdPose3d_stage1_coco19/body3DScene_########.json` (or `vgaPose3d_...`)
and, beside it, `calibration_<session>.json`:
https://github.com/CMU-Perceptual-Computing-Lab/panoptic-toolbox. Coordinates are centimetres with
Y down; clips are metres with Y up. A joint of confidence 0 or below (the files write 0, 0, 0, -1)
was not seen: its place is NaN, never zero.

Each person of a session is a recording of its own, and a new one begins wherever a frame or the
person is missing, so that no window can span two people or a gap in time.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.body_frame import TO_Y_UP
from trainables.motion.cameras import Camera
from trainables.motion.clip import Clip
from trainables.motion.keypoint_tree import mean_bones
from trainables.motion.skeleton import Skeleton

JOINTS = (
    "Neck", "Nose", "BodyCenter",
    "LeftShoulder", "LeftElbow", "LeftWrist", "LeftHip", "LeftKnee", "LeftAnkle",
    "RightShoulder", "RightElbow", "RightWrist", "RightHip", "RightKnee", "RightAnkle",
    "LeftEye", "LeftEar", "RightEye", "RightEar",
)  # fmt: skip
"""coco19 in the order of the files."""
# The tree says what moves with what: neck, then head and arms; the hips hang on the body's centre.
_PARENT = {
    "Nose": "Neck", "BodyCenter": "Neck", "LeftShoulder": "Neck", "RightShoulder": "Neck",
    "LeftElbow": "LeftShoulder", "LeftWrist": "LeftElbow",
    "RightElbow": "RightShoulder", "RightWrist": "RightElbow",
    "LeftHip": "BodyCenter", "LeftKnee": "LeftHip", "LeftAnkle": "LeftKnee",
    "RightHip": "BodyCenter", "RightKnee": "RightHip", "RightAnkle": "RightKnee",
    "LeftEye": "Nose", "LeftEar": "LeftEye", "RightEye": "Nose", "RightEar": "RightEye",
}  # fmt: skip
_PARENTS = np.array([JOINTS.index(_PARENT[n]) if n in _PARENT else -1 for n in JOINTS])
_FOLDERS = ("hdPose3d_stage1_coco19", "vgaPose3d_stage1_coco19")
_FPS = {"hd_29_97": 29.97, "vga_25": 25.0}
_FRAME = re.compile(r"body3DScene_(\d+)\.json")
_METRES = 0.01


@dataclass(frozen=True, eq=False)
class PanopticSession:
    """Everyone in a session, and the cameras around them.

    Attributes:
        name: of the session, such as "160906_band1".
        clips: one per person and stretch without gaps, in order of person and time; `signer` is
            session/person, since the files number people anew in each session.
        cameras: HD cameras by name; empty where no calibration lies beside the poses.
    """

    name: str
    clips: tuple[Clip, ...]
    cameras: dict[str, Camera]


def find_sessions(path: Path) -> list[Path]:
    """Folders of sessions at a path or below it, sorted; hidden folders are passed over."""
    found = []
    for folder, below, _ in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if any(name in below for name in _FOLDERS):
            found.append(Path(folder))
            below.clear()
    return sorted(found)


def read_session(path: Path) -> PanopticSession:
    """Reads a session's folder.

    Raises:
        BadInput: there are no poses in it, or a file is no Panoptic JSON of coco19 joints.
    """
    path = Path(path)
    folder = next((path / name for name in _FOLDERS if (path / name).is_dir()), None)
    if folder is None:
        raise BadInput(f"{path}: holds no folder {' or '.join(_FOLDERS)}; name a Panoptic session")
    files = {int(m[1]): p for p in folder.iterdir() if (m := _FRAME.fullmatch(p.name))}
    if not files:
        raise BadInput(f"{folder}: holds no body3DScene_########.json; unpack the session's poses")
    name = path.resolve().name
    people: dict[int, dict[int, np.ndarray]] = {}
    fps = 0.0
    for frame in sorted(files):
        content = _json(files[frame])
        fps = _rate(files[frame], content, folder.name, fps)
        for person, joints in _bodies(files[frame], content):
            if frame in people.setdefault(person, {}):
                raise BadInput(f"{files[frame]}: two people are called {person}; number them apart")
            people[person][frame] = joints
    clips = [
        clip
        for person, frames in sorted(people.items())
        for clip in _stretches(f"{name}/person{person}", name, frames, fps)
    ]
    if not clips:
        raise BadInput(f"{folder}: shows nobody in {len(files)} frames; leave the session out")
    return PanopticSession(name, tuple(clips), read_cameras(path))


def read_cameras(path: Path) -> dict[str, Camera]:
    """HD cameras by name of a session's folder; none where it holds no calibration.

    Raises:
        BadInput: the calibration lacks what a camera needs.
    """
    name = Path(path).resolve().name
    calibration = Path(path) / f"calibration_{name}.json"
    return _cameras(calibration) if calibration.is_file() else {}


def _stretches(person: str, session: str, frames: dict[int, np.ndarray], fps: float) -> list[Clip]:
    """A clip for every run of frames without a gap in which the person shows a joint."""
    shown = np.array(sorted(f for f, joints in frames.items() if (joints[:, 3] > 0).any()), int)
    runs = [r for r in np.split(shown, np.flatnonzero(np.diff(shown) > 1) + 1) if len(r)]
    clips = []
    for run in runs:
        values = np.stack([frames[int(f)] for f in run])
        seen = values[..., 3] > 0
        positions = np.where(seen[..., None], _METRES * values[..., :3], np.nan)
        positions = positions @ TO_Y_UP["-Y"].T + 0.0
        whole = len(runs) == 1
        clips.append(
            Clip(
                recording=person if whole else f"{person}@{run[0]:08d}",
                skeleton=Skeleton(JOINTS, _PARENTS, mean_bones(_PARENTS, positions, seen)),
                fps=fps,
                positions=positions,
                mask=None if seen.all() else seen,
                signer=person,
                notes=() if whole else (f"Frames are missing: {len(runs)} pieces of {person}.",),
                confidence=np.clip(values[..., 3], 0.0, 1.0),
                session=session,
            )
        )
    return clips


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}: is no JSON; unpack it again") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: is no Panoptic file; it must hold one JSON object")
    return content


def _rate(path: Path, content: dict[str, Any], folder: str, before: float) -> float:
    said = content.get("fpsType", "hd_29_97" if folder.startswith("hd") else "vga_25")
    if said not in _FPS:
        raise BadInput(f"{path}: fpsType must be {' or '.join(_FPS)}, got {said!r}")
    if before and _FPS[said] != before:
        raise BadInput(f"{path}: fpsType is {said}, unlike in earlier files; keep rates apart")
    return _FPS[said]


def _bodies(path: Path, content: dict[str, Any]) -> list[tuple[int, np.ndarray]]:
    """Numbers of the people of a frame, and (19, 4) x, y, z in cm and confidence of each."""
    bodies = content.get("bodies")
    if not isinstance(bodies, list):
        raise BadInput(f"{path}: holds no list `bodies`; name files of body poses")
    found = []
    for body in bodies:
        person = body.get("id") if isinstance(body, dict) else None
        if not isinstance(person, int) or isinstance(person, bool):
            raise BadInput(f"{path}: a body needs a whole number `id`")
        try:
            values = np.array(body.get("joints19"), dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.shape != (4 * len(JOINTS),):
            raise BadInput(
                f"{path}: `joints19` of body {person} must be {4 * len(JOINTS)} numbers (coco19); "
                "other joint sets are not read"
            )
        joints = values.reshape(-1, 4)
        if not np.isfinite(joints).all():
            raise BadInput(f"{path}: body {person} holds NaN or infinity; take the frame out")
        found.append((person, joints))
    return found


def _cameras(path: Path) -> dict[str, Camera]:
    """HD cameras of a calibration, brought into the frame of clips."""
    cameras = {}
    listed = _json(path).get("cameras")
    if not isinstance(listed, list):
        raise BadInput(f"{path}: holds no list `cameras`; unpack the calibration again")
    for entry in listed:
        if not isinstance(entry, dict) or entry.get("type") != "hd":
            continue
        try:
            rotation = np.array(entry["R"], float).reshape(3, 3)
            camera = Camera(
                name=str(entry["name"]),
                rotation=rotation @ TO_Y_UP["-Y"].T,
                translation=_METRES * np.array(entry["t"], float).reshape(3),
                intrinsics=np.array(entry["K"], float).reshape(3, 3),
                distortion=np.array(entry["distCoef"], float).reshape(5),
                resolution=(int(entry["resolution"][0]), int(entry["resolution"][1])),
            )
        except (KeyError, IndexError, TypeError, ValueError):
            raise BadInput(
                f"{path}: camera {entry.get('name')!r} needs R, t, K, distCoef and resolution"
            ) from None
        cameras[camera.name] = camera
    return cameras
