"""Ten thousand damaged motion files through `inspect`: facts or one line, never a crash or a hang.

The count of files is RATEFRONT_FUZZ_FILES (default 12000); a sample stands beside the readers'
own tests. With `-s` the counts are printed as docs/evidence/fuzz.md gives them.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.conftest import ROOT
from tests.long.fuzz_readers import mutant
from tests.trainables.motion.figure import Figure
from tests.trainables.motion.test_pose_files import Written
from trainables.motion.bvh import read_bvh
from trainables.motion.inspect import Inspection, describe, inspect_file
from trainables.motion.npz import write_npz

FILES = int(os.environ.get("RATEFRONT_FUZZ_FILES", "12000"))
SECONDS = 10.0
"""Bound on one file; the largest takes a fraction of a second."""
ROWS = 40
"""Frames kept of a real recording, so that the time goes into many files."""


class Hang(BaseException):
    """No `Exception`, so that no reader can take it for a damaged file."""


@contextmanager
def time_bound(seconds: float) -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise Hang(f"no answer after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def generated(folder: Path) -> list[tuple[str, bytes]]:
    """Good files of our own: dialects of BVH, .npz with and without rotations, detected points."""
    figures = (
        Figure(frames=6),
        Figure(frames=6, every_joint_moves=True, root_offset=(0, 1.0, 0), add=True),
        Figure(frames=6, z_up=True, positions_first=False, eol="\r\n"),
        Figure(frames=8, rest_first=True, number="{:.3f}", orders={"Spine": "XYZ"}),
    )
    found = []
    for number, figure in enumerate(figures):
        text = figure.text().encode()
        found.append((".bvh", text))
        (folder / f"{number}.bvh").write_bytes(text)
        clip = read_bvh(folder / f"{number}.bvh").clip
        write_npz(clip, folder / "good.npz")
        found.append((".npz", (folder / "good.npz").read_bytes()))
        arrays = {"positions": clip.positions.astype("f4"), "parents": clip.skeleton.parents,
                  "names": np.array(clip.skeleton.names), "fps": 30}  # fmt: skip
        np.savez(folder / "plain.npz", **arrays)
        found.append((".npz", (folder / "plain.npz").read_bytes()))
    return found + [(".npz", keypoints(folder, columns)) for columns in (2, 3, 4)] + [
        (".pose", Written(version=version).content()) for version in (0.1, 0.2)
    ]  # fmt: skip


def keypoints(folder: Path, columns: int) -> bytes:
    """An .npz as detectors write it: pixels, with confidences beside them or as a last column."""
    rng = np.random.default_rng(columns)
    names = np.array(["nose", "neck", "left_shoulder", "right_shoulder", "left_wrist",
                      "right_wrist", "left_hip", "right_hip"])  # fmt: skip
    points = rng.uniform(50, 600, (6, 1, len(names), columns))
    confidence = (rng.random((6, 1, len(names))) < 0.8).astype("f4")
    points[confidence == 0] = 0.0
    arrays = {"keypoints": points, "names": names, "fps": np.array(25.0)}
    if columns == 4:
        points[..., 3] = confidence
    else:
        arrays["confidence"] = confidence
    np.savez(folder / "points.npz", **arrays)
    return (folder / "points.npz").read_bytes()


def shortened(path: Path) -> bytes:
    """A real BVH file with its first rows alone, their number set right."""
    lines = path.read_bytes().split(b"\n")
    start = next(i for i, line in enumerate(lines) if line.strip() == b"MOTION")
    rows = min(ROWS, sum(1 for line in lines[start + 3 :] if line.strip()))
    lines[start + 1] = b"Frames: %d" % rows
    return b"\n".join(lines[: start + 3 + rows]) + b"\n"


def real_files() -> list[tuple[str, bytes]]:
    """One recording of each real set, where they are there."""
    place = Path(os.environ.get("RATEFRONT_SHARED", str(ROOT.parent / "shared"))) / "data" / "real"
    found = []
    for folder in sorted(place.iterdir()) if place.is_dir() else ():
        motion = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        for path in [p for p in motion if p.suffix.lower() == ".bvh"][:1]:
            found.append((".bvh", shortened(path)))
        for path in [p for p in motion if p.suffix.lower() == ".npz"][:1]:
            if path.stat().st_size < 4_000_000:
                found.append((".npz", path.read_bytes()))
        found += [(".pose", p.read_bytes()) for p in motion
                  if p.suffix.lower() == ".pose" and "LICENSE" not in p.name]  # fmt: skip
    return found


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_damaged_files_are_facts_or_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    ours, theirs = generated(tmp_path), real_files()
    for suffix, content in (*ours, *theirs):
        (tmp_path / f"good{suffix}").write_bytes(content)
    counts: Counter[str] = Counter()
    slowest, began = 0.0, time.monotonic()
    for number in range(FILES):
        source = theirs if theirs and number % 4 == 0 else ours
        suffix, good = source[int(rng.integers(len(source)))]
        path = tmp_path / f"mutant{suffix}"
        path.write_bytes(mutant(good, suffix, rng))
        start = time.monotonic()
        try:
            with time_bound(SECONDS):
                found = inspect_file(path)
                text = describe(found)
        except BadInput as error:
            said = str(error)
            assert str(path) in said and "\n" not in said, f"file {number}: {said!r}"
            outcome = "refused"
        except BaseException as error:
            kept = Path(os.environ.get("RATEFRONT_FUZZ_KEEP", str(tmp_path)))
            kept = path.rename(kept / f"crash-{number}{suffix}")
            pytest.fail(f"{kept}: {type(error).__name__}: {error}")
        else:
            assert isinstance(found, Inspection) and found.frames > 0 and text
            outcome = "read"
        slowest = max(slowest, time.monotonic() - start)
        counts[f"{suffix} {outcome}"] += 1
    print(f"\n{FILES} damaged files of {len(ours)} generated and {len(theirs)} real ones in "
          f"{time.monotonic() - began:.0f} s; slowest {slowest:.2f} s")  # fmt: skip
    for outcome, count in sorted(counts.items()):
        print(f"  {outcome}: {count}")
    assert sum(counts.values()) == FILES
    # Most are damaged for good, some still hold motion: neither branch is idle.
    for suffix, share in ((".bvh", 0.4), (".npz", 0.4), (".pose", 0.1)):
        read, refused = counts[f"{suffix} read"], counts[f"{suffix} refused"]
        assert read > 0.02 * share * FILES and refused > 0.2 * share * FILES
