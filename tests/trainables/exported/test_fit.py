"""What does not fit a codec: motion, files of other codecs, names of the wrong kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.exported.there_and_back import through_a_file
from tests.trainables.exported.training import Trained, write_recordings
from tests.trainables.tiny import make_clip, moved, skeleton
from trainables.exported.distortion import distortions
from trainables.exported.transcode import check_fits, encode_clip, write_motion
from trainables.motion.readers import read_clip
from trainables.motion.skeleton import Skeleton


def test_the_wrong_kind_of_file_is_refused(trained: dict[str, Trained], tmp_path: Path) -> None:
    for name, out, word in (("kmeans", "out.npz", "rotations"), ("position", "out.bvh", "only")):
        _, decoded = through_a_file(trained[name].codec, make_clip("take", 0, 9))
        with pytest.raises(BadInput, match=rf"out.*{word}; name the file to write \*"):
            write_motion(trained[name].codec, decoded, tmp_path / out)
        with pytest.raises(BadInput, match="cannot be written"):
            suffix = ".bvh" if name == "kmeans" else ".npz"
            write_motion(trained[name].codec, decoded, tmp_path / "none" / f"out{suffix}")
    assert not any(tmp_path.iterdir())


def test_motion_that_does_not_fit(trained: dict[str, Trained]) -> None:
    codec = trained["kmeans"].codec
    clip = make_clip("take", 0, 9)
    with pytest.raises(
        BadInput, match=r"take: is in pixels, and this codec codes metres; convert it"
    ):
        encode_clip(codec, replace(clip, unit="px"))
    with pytest.raises(BadInput, match=r"take: holds positions only.*features=position"):
        encode_clip(codec, replace(clip, rotations=None))
    bones = skeleton()
    fewer = Skeleton(bones.names[:-1], bones.parents[:-1], bones.offsets[:-1])
    assert clip.rotations is not None
    less = replace(
        clip,
        skeleton=fewer,
        positions=clip.positions[:, :-1],
        rotations=clip.rotations[:, :-1],
    )
    with pytest.raises(BadInput, match=r"take: lacks RightFoot \(1 of the 15"):
        encode_clip(codec, less)
    encode_clip(trained["position"].codec, replace(clip, rotations=None))
    with pytest.raises(BadInput, match="within 327 m"):
        encode_clip(trained["root"].codec, moved(clip, 0.0, (400.0, 0, 0)))


def test_joints_of_another_order_and_more_of_them(trained: dict[str, Trained]) -> None:
    """What a recording has beyond the codec's joints changes no token."""
    codec = trained["rqvae"].codec
    clip = make_clip("take", 0, 20)
    bones = clip.skeleton
    assert clip.rotations is not None
    more = Skeleton(
        (*bones.names, "Tail"),
        np.append(bones.parents, 0),
        np.vstack([bones.offsets, [0.0, 0.0, -0.3]]),
    )
    tail = clip.positions[:, :1] + clip.rotations[:, 0] @ [0.0, 0.0, -0.3] * 0
    longer = replace(
        clip,
        skeleton=more,
        positions=np.concatenate([clip.positions, tail[:, :1]], axis=1),
        rotations=np.concatenate([clip.rotations, clip.rotations[:, :1]], axis=1),
    )
    for part, tokens in encode_clip(codec, clip)[0].tokens.items():
        assert np.array_equal(encode_clip(codec, longer)[0].tokens[part], tokens)


@pytest.mark.parametrize("field", ["codec_hash", "skeleton_hash", "fps", "offsets", "parts"])
def test_files_of_another_codec_are_refused(field: str, trained: dict[str, Trained]) -> None:
    codec = trained["rqvae"].codec
    header = encode_clip(codec, make_clip("take", 0, 20))[0].header
    parts = header.parts
    changed = {
        "codec_hash": {"codec_hash": bytes(8)},
        "skeleton_hash": {"skeleton_hash": bytes(4)},
        "fps": {"fps": 29.0, "source_fps": 29.0},
        "offsets": {"offsets": np.zeros((3, 3), np.int32)},
        "parts": {"parts": parts[:-1]},
    }[field]
    check_fits(codec, header)
    with pytest.raises(BadInput, match=r"codec that it was|encode it again|this codec"):
        check_fits(codec, replace(header, **changed))
    if field == "parts":
        for other in (
            replace(parts[0], name="leg"),
            replace(parts[0], compression=2),
            replace(parts[0], alphabet=(8, 8), fitted=(True, True)),
            replace(parts[0], alphabet=(8, 8, 9)),
        ):
            with pytest.raises(BadInput, match="is not of this codec; encode it again"):
                check_fits(codec, replace(header, parts=(other, *parts[1:])))


def test_the_original_must_be_the_original(trained: dict[str, Trained], tmp_path: Path) -> None:
    codec = trained["kmeans"].codec
    source = write_recordings(tmp_path / "motion", 2)
    _, decoded = through_a_file(codec, read_clip(source / "take-0.bvh"))
    with pytest.raises(BadInput, match=r"take-1.*67 frames at 30 fps.*had 60 at 30"):
        distortions(codec, decoded, source / "more" / "take-1.bvh")
