"""Motion as an .npz of plain arrays: the exchange form for anything that is no BVH.

Keys: `positions` (frames, joints, 3), `parents` (joints,), `names` (joints,), `fps`; optional
`rotations` (frames, joints, 3, 3) local, `offsets` (joints, 3), `mask` (frames, joints) bool,
`unit` ("m" when left out, "px", "shoulder"), `signer`. Y is up. Nothing is ever unpickled, and an
array's declared size is checked against the bytes that are there before memory is taken for it.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from trainables.motion.clip import Clip
from trainables.motion.local_frames import mean_seen, to_local, world_orientations
from trainables.motion.skeleton import Skeleton, forward_kinematics

REQUIRED = ("positions", "parents", "names", "fps")
OPTIONAL = ("rotations", "offsets", "mask", "unit", "signer")
MAX_ARRAY_BYTES = 2 << 30
MAX_COORDINATE = 1e7


def read_npz(path: Path, recording: str | None = None) -> Clip:
    """Reads a clip from an .npz file.

    Args:
        path: the file.
        recording: name of the recording; the file's stem when left out.

    Raises:
        BadInput: for whatever is missing, misshapen or damaged, with the remedy.
    """
    arrays = _load(path)
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        raise BadInput(f"{path}: {_what_instead(arrays, missing)}")
    positions = _numbers(path, arrays, "positions", ("frames", "joints", 3))
    frames, joints = positions.shape[:2]
    if not frames or not joints:
        raise BadInput(f"{path}: positions {positions.shape} hold no motion; export it again")
    names = _names(path, arrays["names"], joints)
    parents, order = _ordered(path, _parents(path, arrays["parents"], joints))
    mask = _mask(path, arrays.get("mask"), frames, joints)
    seen = positions if mask is None else positions[mask]
    if not (np.abs(seen) <= MAX_COORDINATE).all():
        bad = np.argwhere(~(np.abs(positions).max(axis=-1) <= MAX_COORDINATE))[0]
        raise BadInput(
            f"{path}: positions hold {positions[tuple(bad)].tolist()} at frame {bad[0]}, joint "
            f"{names[bad[1]]!r}; set mask to False where a joint was not seen"
        )
    if mask is not None:
        positions = np.where(mask[..., None], positions, np.nan)
    rotations = _rotations(path, arrays, frames, joints, names)
    offsets = None
    if "offsets" in arrays:
        offsets = _finite(path, "offsets", _numbers(path, arrays, "offsets", (joints, 3)))
    positions, names = positions[:, order], tuple(names[j] for j in order)
    rotations = None if rotations is None else rotations[:, order]
    mask = None if mask is None else mask[:, order]
    notes: list[str] = []
    if not np.array_equal(order, np.arange(joints)):
        notes.append("Joints were reordered so that each stands after its parent.")
    given = None if offsets is None else offsets[order]
    fps = _fps(path, arrays["fps"])
    unit, signer = _text(path, arrays, "unit") or "m", _text(path, arrays, "signer")
    try:
        clip = Clip(
            recording=recording or path.stem,
            skeleton=Skeleton(names, parents, _offsets(parents, positions, rotations, mask, given)),
            fps=fps,
            positions=positions,
            rotations=rotations,
            mask=mask,
            unit=unit,
            signer=signer,
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return _with_notes(clip, notes)


def write_npz(clip: Clip, path: Path) -> None:
    """Writes a clip so that `read_npz` gives it back (recording name and notes left out)."""
    arrays: dict[str, Any] = {
        "positions": clip.positions,
        "parents": clip.skeleton.parents,
        "names": np.array(clip.skeleton.names, dtype=np.str_),
        "fps": np.float64(clip.fps),
        "offsets": clip.skeleton.offsets,
        "unit": np.str_(clip.unit),
    }
    for key, value in (("rotations", clip.rotations), ("mask", clip.mask)):
        if value is not None:
            arrays[key] = value
    if clip.signer is not None:
        arrays["signer"] = np.str_(clip.signer)
    np.savez_compressed(path, **arrays)


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of interest; the others' names with nothing in them."""
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                key = info.filename.removesuffix(".npy")
                wanted = key in REQUIRED or key in OPTIONAL
                arrays[key] = _array(path, key, archive, info) if wanted else np.empty(0)
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # zipfile, zlib, lzma and numpy each fail in ways of their own
        what = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadInput(f"{path}: is damaged or no .npz ({what}); write it again") from None
    return arrays


def _array(path: Path, key: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)
        if dtype.hasobject:
            raise BadInput(f"{path}: {key} holds Python objects; save plain numbers or strings")
        size = dtype.itemsize
        for length in shape:
            size *= int(length)
        # Deflate shrinks by a factor of 1,032 at most: a larger claim is a lie.
        if not 0 <= size <= min(MAX_ARRAY_BYTES, info.file_size, 1100 * info.compress_size + 64):
            raise BadInput(
                f"{path}: {key} says it is {shape}, {size} bytes, which the file does not hold or "
                "is past 2 GiB; write it again, in shorter recordings"
            )
        data = member.read(size)
        if len(data) != size:
            raise BadInput(f"{path}: {key} is cut short; write the file again")
        member.read(1)  # reaching the end checks the checksum
    array = np.frombuffer(data, dtype=dtype)
    if dtype.kind == "U" and not _are_characters(np.frombuffer(data, dtype.byteorder + "u4")):
        raise BadInput(f"{path}: {key} holds what is no text; write the file again")
    return array.reshape(shape, order="F" if fortran else "C")


def _are_characters(codes: np.ndarray) -> bool:
    """Whether numbers are code points of Unicode; numpy hands over any, and Python's str fails."""
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any()


def _what_instead(arrays: dict[str, np.ndarray], missing: list[str]) -> str:
    lacks = f"lacks {', '.join(missing)}"
    if "poses" in arrays:
        return (
            f"holds SMPL-X pose parameters (`poses`) and {lacks}: body model parameters are not "
            "read; run the body model and save its joints, or convert the file to BVH"
        )
    has = ", ".join(sorted(arrays)[:12]) or "nothing"
    return f"{lacks} (it holds {has}); motion needs {', '.join(REQUIRED)}"


def _numbers(
    path: Path, arrays: dict[str, np.ndarray], key: str, shape: tuple[int | str, ...]
) -> np.ndarray:
    array = arrays[key]
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu":
        want = ", ".join(map(str, shape))
        raise BadInput(f"{path}: {key} must be ({want}) numbers, got {array.shape} {array.dtype}")
    with np.errstate(invalid="ignore"):  # a signalling NaN is found with the other NaN
        return np.asarray(array, dtype=np.float64)


def _finite(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    if not (np.abs(array) <= MAX_COORDINATE).all():
        raise BadInput(f"{path}: {key} hold NaN, infinity or absurd numbers; correct them")
    return array


def _names(path: Path, array: np.ndarray, joints: int) -> tuple[str, ...]:
    if array.dtype.kind not in "US" or array.shape != (joints,):
        raise BadInput(
            f"{path}: names must be {joints} strings, one per joint of positions, got "
            f"{array.shape} {array.dtype}"
        )
    names = tuple(_decode(name) for name in array)
    if len(set(names)) != joints or not all(names):
        raise BadInput(f"{path}: names must be distinct and not empty; rename the joints")
    return names


def _decode(word: Any) -> str:
    return word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)


def _text(path: Path, arrays: dict[str, np.ndarray], key: str) -> str | None:
    if key not in arrays:
        return None
    array = arrays[key]
    if array.dtype.kind not in "US" or array.size != 1:
        raise BadInput(f"{path}: {key} must be one string, got {array.shape} {array.dtype}")
    return _decode(array.reshape(-1)[0])


def _fps(path: Path, array: np.ndarray) -> float:
    fps = float(array.reshape(-1)[0]) if array.dtype.kind in "fiu" and array.size == 1 else 0.0
    if not 0.1 <= fps <= 1e4:
        raise BadInput(f"{path}: fps must be one number from 0.1 to 10000 frames per second")
    return fps


def _parents(path: Path, array: np.ndarray, joints: int) -> np.ndarray:
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and bool((array == np.round(array)).all())
    )
    if array.shape != (joints,) or not whole:
        raise BadInput(
            f"{path}: parents must be {joints} joint indices, -1 for the root, got {array.shape} "
            f"{array.dtype}"
        )
    if array.dtype.kind == "f":
        array = np.clip(array, -2, joints)
    lowest = 0 if array.dtype.kind == "u" else -2
    parents: np.ndarray = np.clip(array, lowest, joints).astype(np.int64)
    # a root that is its own parent is another common way to write it
    parents[parents == np.arange(joints)] = -1
    if (parents < -1).any() or (parents >= joints).any():
        raise BadInput(f"{path}: parents must lie between -1 and {joints - 1}; correct them")
    return parents


def _ordered(path: Path, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parents in parent-before-child order, and the order: new place -> old index."""
    roots = np.flatnonzero(parents < 0)
    if len(roots) != 1:
        raise BadInput(f"{path}: parents name {len(roots)} roots (-1); a skeleton has one")
    if (parents < np.arange(len(parents))).all():
        return parents, np.arange(len(parents))
    children: list[list[int]] = [[] for _ in parents]
    for j, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(j)
    order: list[int] = []
    open_joints = [int(roots[0])]
    while open_joints:
        joint = open_joints.pop()
        order.append(joint)
        open_joints += reversed(children[joint])
    if len(order) != len(parents):
        loop = sorted({*range(len(parents))} - {*order})
        raise BadInput(f"{path}: joints {loop[:8]} are each other's parents; break the loop")
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1  # parent of the root
    return place[parents[order]], np.array(order, dtype=np.int64)


def _mask(path: Path, array: np.ndarray | None, frames: int, joints: int) -> np.ndarray | None:
    if array is None:
        return None
    if array.shape != (frames, joints) or array.dtype.kind not in "biu":
        raise BadInput(
            f"{path}: mask must be ({frames}, {joints}) booleans, got {array.shape} {array.dtype}"
        )
    return array.astype(bool)


def _rotations(
    path: Path, arrays: dict[str, np.ndarray], frames: int, joints: int, names: tuple[str, ...]
) -> np.ndarray | None:
    if "rotations" not in arrays:
        return None
    array = _numbers(path, arrays, "rotations", (frames, joints, 3, 3))
    with np.errstate(all="ignore"):
        off = np.abs(array @ np.swapaxes(array, -1, -2) - np.eye(3)).max(axis=(-1, -2))
        wrong = ~((off < 1e-3) & (np.linalg.det(array) > 0))
    if wrong.any():
        frame, joint = np.argwhere(wrong)[0]
        raise BadInput(
            f"{path}: rotations at frame {frame}, joint {names[joint]!r} are no rotation matrix; "
            "write local 3x3 rotations, orthonormal with determinant 1"
        )
    return array


def _offsets(
    parents: np.ndarray,
    positions: np.ndarray,
    rotations: np.ndarray | None,
    mask: np.ndarray | None,
    given: np.ndarray | None,
) -> np.ndarray:
    """Those given, or mean local translations, or mean bone directions at mean bone length."""
    if given is not None:
        return given
    both = None if mask is None else mask & mask[:, np.where(parents < 0, 0, parents)]
    zero = np.zeros(positions.shape[1:])
    if rotations is not None:
        world = forward_kinematics(parents, zero, rotations)[1]
        return mean_seen(to_local(parents, positions, world)[1], both, zero)
    bones = positions - positions[:, parents] * (parents >= 0)[:, None]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    mean = mean_seen(bones, both, zero)
    mean_length = mean_seen(np.broadcast_to(length, bones.shape), both, zero)
    norm = np.linalg.norm(mean, axis=-1, keepdims=True)
    return np.where(norm > 0, mean / np.where(norm > 0, norm, 1.0) * mean_length, 0.0)


def _with_notes(clip: Clip, notes: list[str]) -> Clip:
    if clip.rotations is not None:
        world = world_orientations(clip)
        local = to_local(clip.skeleton.parents, clip.positions, world)[1]
        apart = np.abs(local[:, 1:] - clip.skeleton.offsets[1:])
        worst = float(np.nanmax(apart)) if apart.size and not np.isnan(apart).all() else 0.0
        if worst > 1e-3:
            notes.append(
                f"Positions depart from the bones (offsets turned by rotations) by up to "
                f"{worst:.4g} {clip.unit}."
            )
    return replace(clip, notes=tuple(notes))
