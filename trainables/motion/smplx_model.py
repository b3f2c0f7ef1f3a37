"""The rest joints of a body model's own file: SMPL-X, SMPL-H or SMPL, as .npz of plain arrays.

A person's rest joints are J_regressor (v_template + shapedirs betas) (Loper et al. 2015, "SMPL",
equations 8 and 10; Pavlakos et al. 2019, "Expressive body capture"). Expressions and corrections
that follow the pose move skin alone: the joints are regressed from the shaped template. Of the
file only the arrays that this needs are read, nothing is unpickled, and no model is shipped here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.npz_arrays import load_arrays
from trainables.motion.smplx_skeleton import (
    BODY_JOINTS,
    HAND_JOINTS,
    JOINTS,
    PARENT,
    RestSkeleton,
)

_TREES = {
    55: ("SMPL-X", JOINTS),
    52: ("SMPL-H", (*BODY_JOINTS, *HAND_JOINTS["left"], *HAND_JOINTS["right"])),
    24: ("SMPL", BODY_JOINTS),  # its last two, one for each hand, are none of SMPL-X
}
"""Joints of `kintree_table` -> name of the model, and its first joints in their order."""
_REGRESSOR = "J_regressor"
_SPARSE = tuple(
    f"{_REGRESSOR}{joint}{name}" for joint in "._" for name in ("data", "indices", "indptr")
)
_HAND_MEANS = {"left": "hands_meanl", "right": "hands_meanr"}
_NEEDED = ("v_template", "shapedirs", "kintree_table")
_WANTED = frozenset((*_NEEDED, _REGRESSOR, *_SPARSE, *_HAND_MEANS.values()))
_REMEDY = (
    "load the file where you trust it and save v_template, shapedirs, J_regressor (dense: "
    "toarray()) and kintree_table as plain arrays with numpy.savez"
)
_LARGEST = 1e3
"""Metres, and metres per unit of a beta."""


@dataclass(frozen=True, eq=False)
class BodyModel:
    """What bones need of a model.

    Attributes:
        path: its file.
        kind: SMPL-X, SMPL-H or SMPL.
        names: joints that it shares with SMPL-X.
        rest: (joints, 3) metres, of the mean shape.
        shaped: (joints, 3, betas) metres per unit of each beta.
        hand_means: side -> (15, 3) radians that it adds to rotations of fingers; empty without.
    """

    path: Path
    kind: str
    names: tuple[str, ...]
    rest: np.ndarray
    shaped: np.ndarray
    hand_means: dict[str, np.ndarray]

    def skeleton(self, betas: np.ndarray) -> RestSkeleton:
        """The bones of a shape.

        Args:
            betas: (any number,); those that it lacks are zero, those past the model's left out.
        """
        count = min(len(betas), self.shaped.shape[2])
        at = self.rest + self.shaped[:, :, :count] @ betas[:count]
        place = dict(zip(self.names, at, strict=True))
        offsets = {n: place[n] - place[PARENT[n]] for n in self.names if PARENT[n]}
        return RestSkeleton({"pelvis": place["pelvis"], **offsets}, average=False)


def read_body_model(path: Path) -> BodyModel:
    """A body model's file; read once as long as it does not change.

    Raises:
        BadInput: no .npz, one that holds objects where plain arrays are needed, or no body model.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise BadInput(f"body_model {path}: cannot be read ({error.strerror})") from None
    if path.suffix.lower() != ".npz":
        raise BadInput(f"body_model {path}: must be the model's .npz; a .pkl would run code")
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> BodyModel:
    try:
        arrays = load_arrays(path, _WANTED, of_objects=_REMEDY)
    except BadInput as error:
        raise BadInput(f"body_model {error}") from None
    missing = [key for key in _NEEDED if key not in arrays]
    if _REGRESSOR not in arrays and _sparse_keys(arrays) is None:
        missing.append(_REGRESSOR)
    if missing:
        raise BadInput(
            f"body_model {path}: lacks {', '.join(missing)}; name the .npz of SMPL-X, SMPL-H or "
            "SMPL as it is published"
        )
    template = _numbers(path, arrays, "v_template", (None, 3))
    vertices = len(template)
    directions = _numbers(path, arrays, "shapedirs", (vertices, 3, None))
    kind, names, joints = _tree(path, arrays["kintree_table"])
    regressor = _regressor(path, arrays, joints, vertices)[: len(names)]
    shapes = _shapes(kind, directions.shape[2])
    rest = regressor @ template
    shaped = np.einsum("jv,vck->jck", regressor, directions[:, :, :shapes])
    if not (np.abs(rest).max() <= _LARGEST and np.abs(shaped).max(initial=0) <= _LARGEST):
        raise BadInput(f"body_model {path}: puts joints kilometres apart; get the file again")
    means = {
        side: _numbers(path, arrays, key, (45,)).reshape(15, 3)
        for side, key in _HAND_MEANS.items()
        if key in arrays
    }
    return BodyModel(path, kind, names, rest, shaped, means)


def _shapes(kind: str, columns: int) -> int:
    """How many of the directions are of shape: SMPL-X puts those of expression behind them.

    300 + 100 or 10 + 10, as https://github.com/vchoutas/smplx reads them.
    """
    if kind != "SMPL-X":
        return columns
    return {400: 300, 20: 10}.get(columns, columns)


def _tree(path: Path, table: np.ndarray) -> tuple[str, tuple[str, ...], int]:
    """Name of the model, joints shared with SMPL-X, and how many it has itself."""
    if table.ndim != 2 or table.shape[0] != 2 or table.dtype.kind not in "iuf":
        raise BadInput(
            f"body_model {path}: kintree_table must be (2, joints) numbers, got {table.shape} "
            f"{table.dtype}; get the file again"
        )
    joints = table.shape[1]
    if joints not in _TREES:
        raise BadInput(
            f"body_model {path}: has {joints} joints; SMPL-X has 55, SMPL-H 52, SMPL 24: name "
            "one of these"
        )
    kind, names = _TREES[joints]
    above = [names.index(PARENT[name]) for name in names[1:]]
    if table[0, 1 : len(names)].tolist() != above:
        raise BadInput(
            f"body_model {path}: its joints do not hang as those of {kind}; get the file again"
        )
    return kind, names, joints


def _sparse_keys(arrays: dict[str, np.ndarray]) -> list[str] | None:
    """Keys of data, indices and indptr, where a regressor is stored so."""
    for start in (0, 3):
        keys = list(_SPARSE[start : start + 3])
        if all(key in arrays for key in keys):
            return keys
    return None


def _regressor(path: Path, arrays: dict[str, np.ndarray], joints: int, vertices: int) -> np.ndarray:
    """(joints, vertices) weights, dense however they are stored."""
    if _REGRESSOR in arrays:
        return _numbers(path, arrays, _REGRESSOR, (joints, vertices))
    from scipy.sparse import csc_array, csr_array

    keys = _sparse_keys(arrays)
    assert keys is not None  # or it would have been missing
    data, indices, starts = (_numbers(path, arrays, key, (None,)) for key in keys)
    made = csr_array if len(starts) == joints + 1 else csc_array
    try:
        parts = (data, indices.astype(np.int64), starts.astype(np.int64))
        sparse = made(parts, shape=(joints, vertices))
        sparse.check_format()
    except (ValueError, TypeError, IndexError) as error:
        why = str(error).splitlines()[0] if str(error) else "damaged"
        raise BadInput(
            f"body_model {path}: its sparse {_REGRESSOR} is none of {joints} joints and "
            f"{vertices} vertices ({why}); get the file again"
        ) from None
    return np.asarray(sparse.toarray(), np.float64)


def _numbers(
    path: Path, arrays: dict[str, np.ndarray], key: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """An array as finite float64 of a shape in which None stands for any length."""
    array = arrays[key]
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        said = ", ".join("any" if want is None else str(want) for want in shape)
        raise BadInput(
            f"body_model {path}: {key} must be ({said}) finite numbers, got {array.shape} "
            f"{array.dtype}; get the file again"
        )
    return array.astype(np.float64)
