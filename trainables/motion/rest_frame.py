"""Finds a rest pose (T-pose) that stands in front of a recording as its frame 0.

One kept rest frame took a hull volume from 52 to 122 % of the truth, so it has to go before any
statistics. It shows as a jump: 16 to 150 times the usual step in the public files that have one.
"""

from __future__ import annotations

import numpy as np

JUMP = 8.0
"""Times the usual step; real recordings without a rest frame start with 1.4 times at most, and a
keyframed one, which jumps all the time, with 13."""


def first_frame_is_rest(positions: np.ndarray, rotations: np.ndarray, pelvis: int) -> bool:
    """Whether frame 0 is a rest pose that does not belong to the motion.

    Args:
        positions: (frames, joints, 3).
        rotations: (frames, joints, 3, 3) local.
        pelvis: the joint that poses are compared relative to: travel is not pose.

    Returns:
        True where the first step is a jump, and either stands alone or starts from (nearly)
        zero rotations.
    """
    if len(positions) < 4:
        return False
    pose = positions - positions[:, pelvis : pelvis + 1]
    step = np.linalg.norm(np.diff(pose, axis=0), axis=-1).mean(axis=-1)  # (frames - 1,)
    size = float(np.linalg.norm(pose[0], axis=-1).max())
    usual = float(np.median(step[1:]))
    if not (step[0] > JUMP * usual and step[0] > 0.03 * size):
        return False
    later = max(float(step[1:11].max()), float(np.quantile(step[1:], 0.95)))
    turned = np.linalg.norm(rotations[:, 1:] - np.eye(3), axis=(-2, -1)).mean(axis=-1)
    from_zero = bool(turned[0] < 0.25 * np.median(turned[1:]))
    return bool(step[0] > 4 * later) or from_zero
