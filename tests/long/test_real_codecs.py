"""Every codec on every real data set: files give the trial's tokens and motion, and open as BVH.

Codecs are small and trained for a moment: what is held is exactness, which has nothing to do with
how good they are.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.conftest import ROOT
from tests.trainables.exported.there_and_back import in_the_world, through_a_file
from tests.trainables.exported.training import (
    CONFIGURATIONS,
    Trained,
    export,
    file_of,
    train_on,
)
from tests.trainables.motion.test_bvh_writer import pymotion_positions
from trainables.exported.codec_folder import load_exported
from trainables.exported.distortion import distortions
from trainables.exported.transcode import decoded_positions, write_motion
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.readers import read_clip
from trainables.motion.split import split_in_time

REAL = Path(os.environ.get("RATEFRONT_SHARED", str(ROOT.parent / "shared"))) / "data" / "real"
SETS = (
    "bandai_namco", "cmu_iclone", "beat_smplx_bvh", "lafan1", "cmu_cgspeed/01_01.bvh",
    "cmu_cgspeed/114_16.bvh", "cmu_cgspeed/131_01.bvh", "cmu_cgspeed/cmu_12_01_walk.bvh",
    "cmu_cgspeed/scaled_131_01.bvh", "misc/AV_8Walk_Meredith_HVHA_Rep1.bvh",
)  # fmt: skip
SIBLINGS = ("131_01", "scaled_131_01")
"""Recordings alone in their set, which have one skeleton at two scales."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@cache
def clip_of(path: Path) -> Clip:
    return read_clip(path)


@cache
def prepared(place: str, root: str) -> MotionData:
    return prepare(DataSpec.model_validate({"path": str(REAL / place), "root": root}))


def single(place: Path) -> Path:
    """The one file that a set is."""
    (found,) = [place] if place.is_file() else place.glob("*.bvh")
    return found


def test_pieces(given: Trained) -> Iterator[tuple[str, Clip, Path | None]]:
    """Test recordings as the trial had them: name, motion, and the file where it is a whole one."""
    spec = DataSpec(path="x")
    if given.data.facts.split == "recording":
        for clip in given.data.splits["test"]:
            path = file_of(given.source, clip.recording)
            yield clip.recording, read_clip(path, clip.recording), path
        return
    path = single(given.source)
    whole = given.data.preparation.bring(read_clip(path, path.stem))
    for piece in split_in_time([whole], spec.shares, spec.gap_seconds)["test"]:
        # as a file of that length at the codec's rate would be
        yield piece.recording, replace(piece, source_fps=0.0, source_frames=0), None


test_pieces.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("codec", CONFIGURATIONS)
@pytest.mark.parametrize("place", SETS)
def test_files_give_the_trials_tokens_and_motion(
    place: str, codec: str, real: Path, tmp_path: Path
) -> None:
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for root in ("removed", "coded") if codec == "kmeans" else ("removed",):
        data = prepared(place, root)
        given = train_on(tmp_path / root, real / place, codec, data)
        for name, clip, path in test_pieces(given):
            encoded, decoded = through_a_file(given.codec, clip)
            for part, tokens in encoded.tokens.items():
                stored = given.tokens[f"test/{part}/{name}"]
                assert np.array_equal(tokens, stored)
                assert np.array_equal(decoded.tokens[part], stored)
            rebuilt = decoded_positions(given.codec, decoded).astype(np.float32)
            assert np.array_equal(rebuilt, given.reconstructions[f"{name}/depth{given.levels}"])
            counts["stored recordings"] += 1
            if path is not None:
                at_codec, at_source = distortions(given.codec, decoded, path)
                for metric, value in at_codec.items():
                    recorded = given.score(name, metric)
                    assert value == pytest.approx(recorded, abs=1e-6, nan_ok=True)
                assert at_source.keys() == at_codec.keys()
                counts["scored recordings"] += 1
        if root == "removed":
            whole = export(tmp_path / root, data, given.rows[-1], True, "with-root")
            counts += every_file_that_fits(whole, place, tmp_path, check_pymotion=codec == "kmeans")
    print(f"\n{place} {codec}: {dict(counts)} in {time.monotonic() - began:.1f} s")
    assert counts["files"] >= (len(list((real / place).glob("*.bvh"))) or 1)
    assert Path(place).stem not in SIBLINGS or counts["files"] == 2


def every_file_that_fits(
    folder: Path, place: str, out: Path, *, check_pymotion: bool
) -> Counter[str]:
    """All real BVH files through a codec and back to BVH, in the world."""
    codec = load_exported(folder)
    counts: Counter[str] = Counter()
    own = REAL / place
    for path in sorted(REAL.rglob("*.bvh")):
        clip = clip_of(path)
        try:
            encoded, decoded = through_a_file(codec, clip)
        except BadInput as error:
            assert "lacks" in str(error) and own != path and own not in path.parents
            counts["files of other skeletons"] += 1
            continue
        for part, tokens in encoded.tokens.items():
            assert np.array_equal(decoded.tokens[part], tokens)
        write_motion(codec, decoded, out / "out.bvh")
        read = read_bvh(out / "out.bvh").clip
        assert (read.frames, read.fps) == (clip.frames, clip.fps)
        assert read.skeleton.names == codec.preparation.skeleton.names
        world = in_the_world(codec, decoded)
        at = frames_of_the_codec(clip, decoded.header.fps, len(world))
        if at is not None:
            assert np.abs(read.positions[at] - world).max() < 1e-4
            counts["files held against decoded places"] += 1
        if check_pymotion:
            theirs, seconds, names = pymotion_positions(out / "out.bvh")
            assert tuple(names) == read.skeleton.names
            assert np.abs(theirs - read.positions).max() < 1e-4
            assert seconds == pytest.approx(1 / clip.fps, rel=1e-9)
            counts["files opened by pymotion"] += 1
        counts["files"] += 1
    return counts


def frames_of_the_codec(clip: Clip, fps: float, frames: int) -> np.ndarray | None:
    """Which frames of the source those of the codec are; None where they lie between them."""
    ratio = clip.fps / fps
    if abs(ratio / round(ratio) - 1) > 1e-3:
        return None
    return np.arange(frames) * round(ratio)
