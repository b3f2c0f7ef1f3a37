"""Reads BVH files: text to metres, Y up, local rotations and exact positions.

The parser is our own: upc-pymotion takes 3 or 6 channels in fixed places only, always lets
positions replace the OFFSET, trusts the declared frame count for its memory and answers damaged
files with whatever exception comes first (it serves as an oracle in the tests).
Channels are honoured joint by joint, in the order written; frame time is seconds per frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.body_frame import TO_Y_UP, estimate_unit, estimate_up_axis
from trainables.motion.bvh_text import BvhJoint, BvhText, parse_bvh
from trainables.motion.clip import Clip
from trainables.motion.joint_names import is_finger
from trainables.motion.rest_frame import first_frame_is_rest
from trainables.motion.skeleton import Skeleton, forward_kinematics, pelvis_index

LOOSE_BONE = 1e-3
"""Metres that a bone may vary in length or direction before it is worth a note."""


@dataclass(frozen=True, eq=False)
class BvhFile:
    """A BVH file: the clip, and the facts of the file it came from.

    Attributes:
        clip: the motion; metres, Y up, without a rest pose in front.
        path: where it lies.
        file_frames: frames in the file, a dropped first one included.
        fps: 1 / frame time.
        unit: name of the unit that the file is written in, as estimated.
        metres_per_unit: its length.
        up_axis: "Y", "Z", "-Y" or "-Z", as in the file.
        root_positions: "replace" or "add": how position channels of the root meet its OFFSET.
        bone_positions: the same for joints below; "none" where they have OFFSETs only.
        rotation_orders: per joint, such as "ZXY"; axes in the order of the columns.
        channels: per joint, how many.
        dropped_first: whether frame 0 was a rest pose and left out.
        finger_joints: joints of fingers, by name.
        static_fingers: those of them that never move.
        oddities: one sentence each; the clip's notes hold them too.
    """

    clip: Clip
    path: Path
    file_frames: int
    fps: float
    unit: str
    metres_per_unit: float
    up_axis: str
    root_positions: str
    bone_positions: str
    rotation_orders: tuple[str, ...]
    channels: tuple[int, ...]
    dropped_first: bool
    finger_joints: tuple[str, ...]
    static_fingers: tuple[str, ...]
    oddities: tuple[str, ...]


def read_bvh(path: Path, recording: str | None = None) -> BvhFile:
    """Reads one BVH file.

    Args:
        path: the file.
        recording: name of the recording; the file's stem when left out.

    Raises:
        BadInput: for every fault of the file, with its line and what to do.
    """
    text = parse_bvh(path)
    names = tuple(joint.name for joint in text.joints)
    parents = np.array([joint.parent for joint in text.joints], dtype=np.int64)
    offsets = np.array([joint.offset for joint in text.joints], dtype=np.float64)
    rotations = _local_rotations(text)
    added, has_channels = _position_channels(text)
    pelvis = pelvis_index(parents)
    trunk = _above(parents, pelvis)

    bone_positions = _bone_positions(added, has_channels, offsets, trunk)
    root_positions = "replace"
    local = _translations(added, has_channels, offsets, trunk, root_positions, bone_positions)
    positions, _ = forward_kinematics(parents, local, rotations, local[:, 0])
    rest = _rest_positions(parents, local.mean(axis=0))
    up_axis, up_oddity = estimate_up_axis(names, parents, positions, rest)
    turn = TO_Y_UP[up_axis]
    bones = np.linalg.norm(local, axis=-1).mean(axis=0)
    unit = estimate_unit(names, parents, bones)

    shift = _root_offset_in_world(rotations, offsets, has_channels, trunk) @ turn.T  # (T, 3)
    if _should_add(positions @ turn.T, shift, tall=1.5 / unit.metres):
        root_positions = "add"
        local = _translations(added, has_channels, offsets, trunk, "add", bone_positions)

    local *= unit.metres
    local[:, 0] = local[:, 0] @ turn.T
    rotations[:, 0] = turn @ rotations[:, 0]
    positions, _ = forward_kinematics(parents, local, rotations, local[:, 0])
    if not np.isfinite(positions).all():
        raise BadInput(f"{path}: numbers are too large to place the joints; export it again")

    dropped = first_frame_is_rest(positions, rotations, pelvis)
    kept = slice(1 if dropped else 0, None)
    fingers, static = _fingers(text)
    oddities = [
        *text.oddities,
        *filter(None, (unit.oddity, up_oddity)),
        *_oddities(text, local[kept], up_axis, root_positions, bone_positions, dropped, trunk),
    ]
    if static:
        oddities.append(f"{len(static)} of {len(fingers)} finger joints never move.")
    ends = {j.name: np.array(j.end_site) * unit.metres for j in text.joints if j.end_site}
    clip = Clip(
        recording=recording or path.stem,
        skeleton=Skeleton(names, parents, local[kept].mean(axis=0), ends),
        fps=1.0 / text.frame_time,
        positions=positions[kept],
        rotations=rotations[kept],
        notes=tuple(oddities),
    )
    return BvhFile(
        clip=clip,
        path=path,
        file_frames=len(text.values),
        fps=1.0 / text.frame_time,
        unit=unit.name,
        metres_per_unit=unit.metres,
        up_axis=up_axis,
        root_positions=root_positions,
        bone_positions=bone_positions,
        rotation_orders=tuple(joint.rotation_order for joint in text.joints),
        channels=tuple(len(joint.channels or []) for joint in text.joints),
        dropped_first=dropped,
        finger_joints=fingers,
        static_fingers=static,
        oddities=tuple(oddities),
    )


def _local_rotations(text: BvhText) -> np.ndarray:
    """(frames, joints, 3, 3): the product of the axis rotations in the order of the columns."""
    frames = len(text.values)
    rotations = np.zeros((frames, len(text.joints), 3, 3))
    rotations[..., [0, 1, 2], [0, 1, 2]] = 1.0
    alike: dict[str, list[int]] = {}
    for j, joint in enumerate(text.joints):
        alike.setdefault(joint.rotation_order, []).append(j)
    for order, joints in alike.items():
        turned = None
        for place, axis in enumerate(order):
            columns = [text.joints[j].columns("rotation")[place][1] for j in joints]
            one = _axis_rotation("XYZ".index(axis), np.radians(text.values[:, columns]))
            turned = one if turned is None else turned @ one
        if turned is not None:
            rotations[:, joints] = turned
    return rotations


def _axis_rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices about one axis: (...,) radians to (..., 3, 3)."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = np.cos(angle), np.sin(angle)
    out = np.zeros((*angle.shape, 3, 3))
    out[..., axis, axis] = 1.0
    out[..., a, a] = out[..., b, b] = cos
    out[..., a, b], out[..., b, a] = -sin, sin
    return out


def _position_channels(text: BvhText) -> tuple[np.ndarray, np.ndarray]:
    """Position channels (frames, joints, 3), and where there are any: (joints, 3) bool."""
    values = np.zeros((len(text.values), len(text.joints), 3))
    present = np.zeros((len(text.joints), 3), dtype=bool)
    for j, joint in enumerate(text.joints):
        for axis, column in joint.columns("position"):
            values[:, j, axis] = text.values[:, column]
            present[j, axis] = True
    return values, present


def _above(parents: np.ndarray, joint: int) -> list[int]:
    """The joints from the root down to and including one."""
    chain = [joint]
    while parents[chain[0]] >= 0:
        chain.insert(0, int(parents[chain[0]]))
    return chain


def _bone_positions(
    channels: np.ndarray, present: np.ndarray, offsets: np.ndarray, trunk: list[int]
) -> str:
    """Whether positions below the pelvis replace the OFFSET or are added to it.

    Bones keep their length, so the mean of the channels is the OFFSET (replace) or zero (add).
    """
    bones = [j for j in range(len(offsets)) if j not in trunk and present[j].any()]
    if not bones:
        return "none"
    mean = channels[:, bones].mean(axis=0)
    from_offset = np.linalg.norm((mean - offsets[bones]) * present[bones], axis=-1).sum()
    from_zero = np.linalg.norm(mean, axis=-1).sum()
    return "add" if from_zero < from_offset else "replace"


def _translations(
    channels: np.ndarray,
    present: np.ndarray,
    offsets: np.ndarray,
    trunk: list[int],
    root_positions: str,
    bone_positions: str,
) -> np.ndarray:
    """Local translations of every frame, (frames, joints, 3), in the file's unit."""
    adds = np.full(len(offsets), bone_positions == "add")
    adds[trunk] = root_positions == "add"
    base = np.where(present & ~adds[:, None], 0.0, offsets)
    return np.asarray(channels + base)


def _root_offset_in_world(
    rotations: np.ndarray, offsets: np.ndarray, present: np.ndarray, trunk: list[int]
) -> np.ndarray:
    """(frames, 3): what adding the OFFSETs of root to pelvis would move the body by."""
    shift = np.zeros((len(rotations), 3))
    world = np.tile(np.eye(3), (len(rotations), 1, 1))
    for j in trunk:
        shift += world @ np.where(present[j], offsets[j], 0.0)
        world = world @ rotations[:, j]
    return shift


def _should_add(positions: np.ndarray, shift: np.ndarray, tall: float) -> bool:
    """Whether the body stands on the floor only when the root's OFFSET is added.

    Positions and shift are Y up; `tall` is the size of a person in their unit. Without evidence
    the positions replace the OFFSET, as in nearly all files.
    """
    if not np.abs(shift[:, 1]).max() > 0.1 * tall:
        return False
    lowest = positions[..., 1].min(axis=1)  # near its floor in the lowest frames, even on a slope
    replaced = abs(float(np.quantile(lowest, 0.02)))
    added = abs(float(np.quantile(lowest + shift[:, 1], 0.02)))
    return added < 0.2 * tall and replaced > added + 0.2 * tall


def _rest_positions(parents: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    still = np.broadcast_to(np.eye(3), (1, len(parents), 3, 3)).copy()
    positions, _ = forward_kinematics(parents, offsets, still)
    return np.asarray(positions[0])


def _fingers(text: BvhText) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Finger joints by name, and those whose rotation channels stay still after frame 0."""
    values = text.values[1:] if len(text.values) > 1 else text.values
    fingers = [joint for joint in text.joints if is_finger(joint.name)]

    def still(joint: BvhJoint) -> bool:
        columns = [column for _, column in joint.columns("rotation")]
        return not columns or float(values[:, columns].std(axis=0).max()) <= 0.01  # degrees

    return tuple(j.name for j in fingers), tuple(j.name for j in fingers if still(j))


def _oddities(
    text: BvhText,
    local: np.ndarray,
    up_axis: str,
    root_positions: str,
    bone_positions: str,
    dropped: bool,
    trunk: list[int],
) -> list[str]:
    """What a person should know, one sentence each."""
    found = []
    if up_axis != "Y":
        found.append(f"{up_axis} is up in the file; turned to Y up.")
    root = text.joints[0]
    if root_positions == "add":
        found.append(
            f"Positions of {root.name} are added to its OFFSET: the feet reach the floor only so."
        )
    elif any(abs(x) > 0 for x in root.offset or ()) and root.columns("position"):
        found.append(f"Positions of {root.name} replace its non-zero OFFSET.")
    if bone_positions == "add":
        found.append("Positions below the root are added to the OFFSETs, or bones would collapse.")
    if dropped:
        found.append("Frame 0 is a rest pose, a jump away from frame 1; it is dropped.")
    orders = sorted({joint.rotation_order for joint in text.joints if joint.rotation_order})
    if len(orders) > 1:
        found.append(f"Rotation order differs from joint to joint: {', '.join(orders)}.")
    moved = np.abs(local - local.mean(axis=0)).max(axis=0).max(axis=-1)  # (joints,) metres
    if len(trunk) > 1 and moved[0] <= LOOSE_BONE < moved[trunk[1:]].max():
        carrier = trunk[1 + int(moved[trunk[1:]].argmax())]
        found.append(f"{root.name} stands still; {text.joints[carrier].name} moves through space.")
    loose = [j for j in range(1, len(moved)) if moved[j] > LOOSE_BONE and j not in trunk]
    if loose:
        worst = max(loose, key=lambda j: moved[j])
        found.append(
            f"{len(loose)} bones change by more than 1 mm, most {text.joints[worst].name} "
            f"({1000 * moved[worst]:.1f} mm): positions are exact, offsets are their means."
        )
    return found
