"""A body model's file for the tests: few vertices, joints that are known, betas that move them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trainables.motion.smplx_skeleton import BODY_JOINTS, JOINTS, PARENT, average_skeleton

MOST = 4294967295
"""How published files write that the root has no parent."""


def joints_of(names: tuple[str, ...] = JOINTS) -> np.ndarray:
    """(joints, 3) places of the average skeleton, its pelvis off the origin as in real models."""
    offsets = average_skeleton().offsets
    at = {"pelvis": np.array([0.003, -0.35, 0.012])}
    for name in JOINTS[1:]:
        at[name] = at[PARENT[name]] + offsets[name]
    return np.stack([at[name] for name in names])


def model_arrays(
    names: tuple[str, ...] = JOINTS, columns: int = 20, more: int = 0
) -> dict[str, np.ndarray]:
    """What a model's file holds.

    Each joint is the mean of three vertices, so the regressor is none that passes by luck. The
    first beta makes a tenth taller, the second lengthens the left upper arm alone.

    Args:
        names: joints, in order.
        columns: of `shapedirs`.
        more: joints behind them that hang on the wrists.
    """
    rng = np.random.default_rng(5)
    at = joints_of(names)
    at = np.concatenate([at, at[-2:][:more] + 0.08])
    spread = rng.normal(0, 0.05, (len(at), 3, 3))
    spread -= spread.mean(axis=1, keepdims=True)
    template = (at[:, None] + spread).reshape(-1, 3)
    weights = np.repeat(np.eye(len(at)) / 3, 3, axis=1)
    directions = np.zeros((len(template), 3, columns))
    directions[..., 0] = 0.1 * np.repeat(at, 3, axis=0)
    arm = [i for i, n in enumerate(names) if n in ("left_elbow", "left_wrist")]
    arm += [i for i, n in enumerate(names) if n.startswith("left_") and n[-1].isdigit()]
    for joint in arm:
        directions[3 * joint : 3 * joint + 3, 0, 1] = 0.02
    directions[..., 10:] = rng.normal(0, 1, directions[..., 10:].shape)  # expressions: not bones
    parents = [names.index(PARENT[name]) if PARENT[name] else MOST for name in names]
    parents += [names.index("left_wrist"), names.index("right_wrist")][:more]
    table = np.array([parents, np.arange(len(at))], dtype=np.uint32)
    means = rng.normal(0, 0.2, (2, 45))
    return {
        "v_template": template, "shapedirs": directions, "J_regressor": weights,
        "kintree_table": table, "hands_meanl": means[0], "hands_meanr": means[1],
        "f": np.zeros((4, 3), np.uint32),
    }  # fmt: skip


def sparse(arrays: dict[str, np.ndarray], form: str, joint: str = "_") -> dict[str, np.ndarray]:
    """The same with a regressor of three arrays, by columns (csc) or by rows (csr)."""
    from scipy.sparse import csc_array, csr_array

    held = {"csc": csc_array, "csr": csr_array}[form](arrays["J_regressor"])
    rest = {k: v for k, v in arrays.items() if k != "J_regressor"}
    named = {n: getattr(held, n) for n in ("data", "indices", "indptr")}
    return {**rest, **{f"J_regressor{joint}{n}": a for n, a in named.items()}}


def shaped_joints(names: tuple[str, ...], betas: tuple[float, float]) -> np.ndarray:
    """(joints, 3) where joints of that shape are, worked out without a regressor."""
    at = joints_of(names) * (1 + 0.1 * betas[0])
    for j, name in enumerate(names):
        hand = name.startswith("left_") and name[-1].isdigit()
        if name in ("left_elbow", "left_wrist") or hand:
            at[j, 0] += 0.02 * betas[1]
    return at


def write_model(path: Path, **changed: Any) -> Path:
    """A model of SMPL-X; `changed` replaces arrays, None leaves one out."""
    held = {**model_arrays(), **changed}
    np.savez(path, **{k: v for k, v in held.items() if v is not None})
    return path


SMPL = BODY_JOINTS
SMPLH = (*BODY_JOINTS, *JOINTS[25:])
