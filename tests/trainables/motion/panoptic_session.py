"""Writes invented Panoptic sessions: people who walk on a circle, and cameras around them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainables.motion.panoptic import JOINTS


def body(frame: int, person: int) -> list[float]:
    """76 numbers: a person in cm, Y down, all joints seen at 0.5."""
    rng = np.random.default_rng(person)
    joints = rng.normal(0.0, 20.0, (len(JOINTS), 3)) + np.array([0.0, -100.0, 0.0])
    joints[:, 0] += 100 * person + 3 * frame
    return np.c_[joints, np.full(len(JOINTS), 0.5)].ravel().tolist()


def write_session(
    folder: Path, frames: Mapping[int, Sequence[int]], **changed: Mapping[tuple[int, int], Any]
) -> Path:
    """A session in which frame -> people who are in it; `joints` replaces (frame, person)'s."""
    poses = folder / "hdPose3d_stage1_coco19"
    poses.mkdir(parents=True)
    joints = changed.get("joints", {})
    for frame, people in frames.items():
        bodies = [{"id": p, "joints19": joints.get((frame, p), body(frame, p))} for p in people]
        content = {"version": 0.7, "univTime": 1.0, "fpsType": "hd_29_97", "bodies": bodies}
        (poses / f"body3DScene_{frame:08d}.json").write_text(json.dumps(content))
    return folder


def camera(name: str = "00_00") -> dict[str, Any]:
    """An HD camera four metres in front of the origin, at the height of a chest."""
    return {
        "name": name, "type": "hd", "resolution": [1920, 1080],
        "K": [[1500.0, 0, 960.0], [0, 1500.0, 540.0], [0, 0, 1]],
        "distCoef": [-0.2, 0.1, 1e-4, 1e-3, 0.0],
        "R": [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], "t": [[0.0], [100.0], [400.0]],
    }  # fmt: skip


def write_cameras(folder: Path, cameras: Sequence[dict[str, Any]]) -> None:
    """The calibration of a session."""
    content = json.dumps({"calibDataSource": "invented", "cameras": list(cameras)})
    (folder / f"calibration_{folder.name}.json").write_text(content)
