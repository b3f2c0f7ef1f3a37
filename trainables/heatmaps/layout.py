"""What is drawn of a skeleton: keypoints, and limbs between two of them.

Panoptic's coco19 has the 17 limbs of the authors' code (nose to shoulders, arms, sides, legs, eyes
to nose and ears, hip to hip), which are no tree. Any other skeleton is drawn by its bones from the
pelvis on; points of a face, mere end points and what stands above the pelvis are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.heatmaps import Heatmap
from trainables.motion.joint_names import is_face, is_tip
from trainables.motion.panoptic import JOINTS as COCO19
from trainables.motion.skeleton import Skeleton, pelvis_index

COCO19_LIMBS = (
    ("Nose", "LeftShoulder"), ("Nose", "RightShoulder"),
    ("LeftShoulder", "LeftElbow"), ("LeftElbow", "LeftWrist"),
    ("RightShoulder", "RightElbow"), ("RightElbow", "RightWrist"),
    ("LeftShoulder", "LeftHip"), ("RightShoulder", "RightHip"),
    ("LeftHip", "LeftKnee"), ("LeftKnee", "LeftAnkle"),
    ("RightHip", "RightKnee"), ("RightKnee", "RightAnkle"),
    ("LeftEye", "Nose"), ("RightEye", "Nose"), ("LeftEye", "LeftEar"), ("RightEye", "RightEar"),
    ("LeftHip", "RightHip"),
)  # fmt: skip
_SHORT = 1e-6


@dataclass(frozen=True, eq=False)
class Layout:
    """Joints and limbs that are drawn.

    Attributes:
        joints: (points,) int64 places in the skeleton of the joints that are drawn or end a limb.
        limbs: (limbs, 2) int64 places in `joints`.
        names: of the joints.
    """

    joints: np.ndarray
    limbs: np.ndarray
    names: tuple[str, ...]

    def drawn(self, heatmap: Heatmap) -> int:
        """How many limbs or keypoints there are."""
        return len(self.limbs) if heatmap == "limbs" else len(self.joints)


def layout_of(skeleton: Skeleton) -> Layout:
    """The layout of a skeleton.

    Raises:
        BadInput: fewer than two joints, or no bone of any length, are left to draw.
    """
    names = skeleton.names
    if set(names) == set(COCO19):
        limbs = [(skeleton.index(a), skeleton.index(b)) for a, b in COCO19_LIMBS]
        joints = sorted({j for limb in limbs for j in limb})
    else:
        pelvis = pelvis_index(skeleton.parents)
        body = [pelvis, *skeleton.descendants(pelvis)]
        joints = [j for j in body if not (is_face(names[j]) or is_tip(names[j]))]
        parents = [(int(skeleton.parents[j]), j) for j in joints if j != pelvis]
        length = np.linalg.norm(skeleton.offsets, axis=-1)
        limbs = [(p, j) for p, j in parents if p in joints and length[j] > _SHORT]
    if len(joints) < 2 or not limbs:
        raise BadInput(
            f"a skeleton of {len(skeleton)} joints ({', '.join(names[:6])}) leaves nothing to "
            "draw; heatmaps need two joints with a bone between them"
        )
    place = {joint: at for at, joint in enumerate(joints)}
    return Layout(
        np.array(joints, np.int64),
        np.array([(place[a], place[b]) for a, b in limbs], np.int64),
        tuple(names[j] for j in joints),
    )
