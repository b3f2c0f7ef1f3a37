"""Codecs of pixels and shoulder widths: exported, through files and back, with what was unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from tests.trainables.exported.training import Trained, train
from tests.trainables.motion.test_units import pixels
from tests.trainables.tiny import NAMES, make_clip, make_clips
from trainables.bitstream.container import read_container, write_container
from trainables.bitstream.recording import unpack
from trainables.exported.distortion import distortions
from trainables.exported.evaluation import other_motion, score
from trainables.exported.transcode import (
    CodedRecording,
    check_fits,
    encode_clip,
    motion_suffix,
    write_motion,
)
from trainables.motion.clip import Clip
from trainables.motion.npz import write_npz
from trainables.motion.readers import read_clip

FINGERS = [NAMES.index("LeftHandIndex1"), NAMES.index("LeftHandIndex2")]
LOST = NAMES.index("Head")


def signer(clip: Clip, seen_until: int = 40) -> Clip:
    """Detected points: pixels, fingers lost for a while, a head that is never found."""
    clip = pixels(clip)
    mask = np.ones(clip.positions.shape[:2], bool)
    mask[seen_until:, FINGERS] = False
    mask[:, LOST] = False
    return replace(clip, mask=mask, positions=np.where(mask[..., None], clip.positions, np.nan))


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("points") / "motion"
    folder.mkdir()
    for clip in make_clips(5):
        write_npz(signer(clip), folder / f"{clip.recording}.npz")
    return folder


@pytest.fixture(scope="module", params=["px", "sw"])
def codec(request: pytest.FixtureRequest, points: Path, tmp_path_factory: pytest.TempPathFactory
          ) -> Trained:  # fmt: skip
    spec = DataSpec(path=str(points), root="coded", unit=request.param)
    return train(tmp_path_factory.mktemp(request.param), points, "kmeans", spec)


def test_a_recording_comes_back_where_it_was(codec: Trained, tmp_path: Path) -> None:
    unit = codec.data.facts.unit
    source = codec.source / f"{codec.data.facts.test.recordings[0]}.npz"
    clip = read_clip(source)
    coded, _ = encode_clip(codec.codec, clip)
    (tmp_path / "a.rft").write_bytes(coded.pack(codec.codec))
    read = read_container(tmp_path / "a.rft", 3600)
    assert read.header.unit == unit
    check_fits(codec.codec, read.header)
    tokens = unpack(read.header, read.chunks, codec.codec.models)
    assert motion_suffix(codec.codec) == ".npz"
    write_motion(codec.codec, CodedRecording(read.header, tokens), tmp_path / "again.npz")
    again = read_clip(tmp_path / "again.npz")
    assert (again.unit, again.frames, again.fps) == (unit, clip.frames, clip.fps)
    assert again.mask is not None and not again.mask[:, LOST].any()
    assert np.delete(again.mask, LOST, axis=1).all()
    assert not again.positions[again.mask][:, 2].any()
    middle = [NAMES.index("LeftArm"), NAMES.index("RightArm")]
    scale = 1.0 if unit == "px" else np.nanmedian(
        np.linalg.norm(clip.positions[:, middle[0]] - clip.positions[:, middle[1]], axis=-1)
    )  # fmt: skip
    off = clip.positions[:, middle].mean(axis=1) / scale - again.positions[:, middle].mean(axis=1)
    assert np.abs(off).max() < (6.0 if unit == "px" else 0.03)


def test_scores_leave_out_what_was_not_seen(codec: Trained) -> None:
    unit, name = codec.data.facts.unit, codec.data.facts.test.recordings[0]
    source = codec.source / f"{name}.npz"
    coded, _ = encode_clip(codec.codec, read_clip(source))
    at_codec, at_source = distortions(codec.codec, coded, source)
    stored = codec.score(name, f"rmse_full_{unit}")
    assert at_codec[f"rmse_full_{unit}"] == pytest.approx(stored, rel=1e-5)
    assert at_source[f"rmse_full_{unit}"] == pytest.approx(stored, rel=0.2)
    motion = other_motion(codec.codec.preparation, codec.source)
    assert motion.data_hash == codec.data.facts.data_hash
    assert any("not seen and are not scored" in said for said in motion.notes)
    ((row, clips),) = score(motion, codec.codec.codecs, codec.codec.models, [1])
    assert row[f"test_rmse_full_{unit}"] > 0 and f"test_jerk_original_{unit}ps3" in row
    shown = {c["n"] for c in clips if c["metric"] == f"rmse_left_hand_{unit}"}
    assert shown == {40}  # a wrist alone is no hand


def test_names_of_errors_per_joint_say_the_unit(codec: Trained) -> None:
    with np.load(codec.trial / "errors.npz") as errors:
        found = errors[f"test/depth1/joint_error_{codec.data.facts.unit}"]
    assert np.isnan(found[LOST]) and np.isfinite(np.delete(found, LOST)).all()


def test_another_unit_is_refused(codec: Trained, tmp_path: Path) -> None:
    clip = make_clip("take", 0, 9)
    if codec.data.facts.unit == "sw":
        encode_clip(codec.codec, clip)  # metres have shoulders too
    else:
        with pytest.raises(BadInput, match="take: is in metres, and this codec codes pixels"):
            encode_clip(codec.codec, clip)
    coded, _ = encode_clip(codec.codec, signer(clip, 5))
    with pytest.raises(BadInput, match=r"out\.bvh: this codec codes motion in .*name the .*npz"):
        write_motion(codec.codec, coded, tmp_path / "out.bvh")
    with pytest.raises(BadInput, match="is in metres, this codec's motion in"):
        check_fits(codec.codec, replace(coded.header, unit="m", lift=0))
    written = write_container(coded.header, [b""])
    assert len(written) - len(
        write_container(replace(coded.header, unit="m", lift=0), [b""])
    ) == 5  # docs/format.md  # fmt: skip


def test_a_recording_that_never_shows_the_shoulders_is_refused(codec: Trained) -> None:
    clip = signer(make_clip("take", 0))
    assert clip.mask is not None
    mask = clip.mask.copy()
    mask[:, NAMES.index("LeftArm")] = False
    blind = replace(clip, mask=mask, positions=np.where(mask[..., None], clip.positions, np.nan))
    with pytest.raises(BadInput, match=r"take: (never shows LeftArm|its shoulders are never seen)"):
        encode_clip(codec.codec, blind)
