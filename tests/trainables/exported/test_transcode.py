"""A recording through an exported codec: the trial's tokens and motion, and files that open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.quantizers import ONE_LEVEL, QUANTIZERS, quantized_alphabet
from search_spaces.spec import DataSpec
from tests.trainables.exported.there_and_back import in_the_world, through_a_file
from tests.trainables.exported.training import (
    CONFIGURATIONS,
    Trained,
    export,
    file_of,
    train,
)
from tests.trainables.motion.test_bvh_writer import pymotion_positions
from tests.trainables.tiny import make_clip, moved
from trainables.bitstream.container import Start
from trainables.evaluate import score_clip, whole_pair
from trainables.exported.codec_folder import load_exported, save_exported
from trainables.exported.distortion import between_frames, distortions
from trainables.exported.transcode import (
    all_features,
    check_fits,
    decoded_positions,
    encode_clip,
    write_motion,
)
from trainables.motion.bvh import read_bvh
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.npz import read_npz
from trainables.motion.readers import read_clip
from trainables.motion.resample import resample
from trainables.motion.root import RootPath, put_back_root

ROTATIONS = [*CONFIGURATIONS, "root"]
EVERY = [*ROTATIONS, "position"]


@pytest.mark.parametrize("name", EVERY)
def test_a_test_recording_gives_what_its_trial_stored(
    name: str, trained: dict[str, Trained]
) -> None:
    given = trained[name]
    codec = given.codec
    for clip in given.data.splits["test"]:
        source = read_clip(file_of(given.source, clip.recording), clip.recording)
        encoded, decoded = through_a_file(codec, source)
        assert set(encoded.tokens) == {*codec.codecs, *(("root",) if name == "root" else ())}
        for part, tokens in encoded.tokens.items():
            stored = given.tokens[f"test/{part}/{clip.recording}"]
            assert np.array_equal(tokens, stored) and np.array_equal(decoded.tokens[part], stored)
        stored = given.reconstructions[f"{clip.recording}/depth{given.levels}"]
        assert np.array_equal(decoded_positions(codec, decoded).astype(np.float32), stored)
        assert decoded.header.offsets is None or name != "position"


def test_some_of_the_recordings_bring_their_own_bones(trained: dict[str, Trained]) -> None:
    codec = trained["kmeans"].codec
    own = []
    for path in sorted(trained["kmeans"].source.rglob("*.bvh")):
        _, decoded = through_a_file(codec, read_clip(path))
        own.append(decoded.header.offsets is not None)
    assert 0 < sum(own) < len(own)


@pytest.mark.parametrize("name", EVERY)
def test_distortion_is_what_the_trial_recorded(name: str, trained: dict[str, Trained]) -> None:
    given = trained[name]
    for clip in given.data.splits["test"]:
        path = file_of(given.source, clip.recording)
        _, decoded = through_a_file(given.codec, read_clip(path))
        at_codec, at_source = distortions(given.codec, decoded, path)
        assert at_codec.keys() == at_source.keys() >= {"rmse_full_cm", "mpjpe_body_cm"}
        for metric, value in at_codec.items():
            assert value == pytest.approx(
                given.score(clip.recording, metric), abs=1e-6, nan_ok=True
            )
            assert at_source[metric] == pytest.approx(value, abs=1e-4, nan_ok=True)  # 30 fps both


@pytest.mark.parametrize("name", ROTATIONS)
def test_bvh_opens_in_two_readers_and_says_the_decoded_places(
    name: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    codec = trained[name].codec
    source = read_clip(trained[name].source / "more" / "take-5.bvh")  # bones of its own
    _, decoded = through_a_file(codec, source)
    write_motion(codec, decoded, tmp_path / "out.bvh")
    wanted = in_the_world(codec, decoded)
    read = read_bvh(tmp_path / "out.bvh").clip
    assert (read.frames, read.fps) == (source.frames, source.fps)
    assert np.abs(read.positions - wanted).max() < 1e-4
    assert np.allclose(read.skeleton.offsets[1:], source.skeleton.offsets[1:], atol=2**-15 + 1e-6)
    theirs, seconds, names = pymotion_positions(tmp_path / "out.bvh")
    assert tuple(names) == read.skeleton.names == source.skeleton.names
    assert np.abs(theirs - wanted).max() < 1e-4
    assert seconds == pytest.approx(1 / source.fps)
    if name == "root":  # it starts where the source does, and faces the same way
        first = source.positions[0, 0, [0, 2]]
        assert np.abs(read.positions[0, 0, [0, 2]] - first).max() < 0.005 + 16 * 0.002


def test_positions_come_back_as_npz(trained: dict[str, Trained], tmp_path: Path) -> None:
    codec = trained["position"].codec
    source = read_clip(trained["position"].source / "take-0.bvh")
    _, decoded = through_a_file(codec, source)
    write_motion(codec, decoded, tmp_path / "OUT.NPZ")
    read = read_npz(tmp_path / "OUT.NPZ")
    assert [p.name for p in tmp_path.iterdir()] == ["OUT.NPZ"]
    assert (read.frames, read.fps, read.rotations) == (source.frames, source.fps, None)
    assert np.abs(read.positions - in_the_world(codec, decoded)).max() < 1e-9


@pytest.mark.parametrize(
    ("name", "fps"),
    [
        *(("kmeans", r) for r in (25.0, 29.97, 30000 / 1001, 59.94, 120.0, 1 / 0.0083333, 24.0)),
        *(("temporal_rvq", r) for r in (25.0, 59.94)),
        ("position", 29.97),
        ("position", 120.0),
    ],
)
def test_any_rate_comes_back(
    name: str, fps: float, trained: dict[str, Trained], tmp_path: Path
) -> None:
    """Frame count and rate exactly; frames that the codec had stand where they stood."""
    codec = trained[name].codec
    source = replace(resample(make_clip("take", 7, 50), 3 * fps if fps < 60 else fps), fps=fps)
    for frames in (1, 6, source.frames):
        clip = source.cut(0, frames)
        _, decoded = through_a_file(codec, clip)
        assert decoded.header.source_frames == frames
        suffix = ".npz" if name == "position" else ".bvh"
        write_motion(codec, decoded, tmp_path / f"out{suffix}")
        read = read_clip(tmp_path / f"out{suffix}")
        assert read.frames == frames and read.fps == pytest.approx(fps, rel=1e-15)
        wanted = in_the_world(codec, decoded)
        assert np.abs(read.positions[0] - wanted[0]).max() < 1e-4
        if fps >= 119 and frames > 4:
            there = wanted[: len(read.positions[::4])]
            assert np.abs(read.positions[::4] - there).max() < 1e-4


def test_one_frame_and_an_odd_number_of_frames(trained: dict[str, Trained]) -> None:
    for name in EVERY:
        for frames in (1, 3, 5):
            encoded, decoded = through_a_file(trained[name].codec, make_clip("take", 3, frames))
            compression = trained[name].codec.compression["body"]
            assert len(encoded.tokens["body"]) == -(-frames // compression)
            assert decoded_positions(trained[name].codec, decoded).shape == (frames, 15, 3)


@pytest.mark.parametrize("name", ["temporal_rvq", "root", "position"])
def test_more_than_one_chunk(name: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    """Longer than a chunk, a segment and several blocks; blocks put together are the whole."""
    codec = trained[name].codec
    frames = 4096 + 2048 + 3
    encoded, decoded = through_a_file(codec, make_clip("take", 11, frames))
    assert decoded.header.chunks == 2
    for part, tokens in encoded.tokens.items():
        assert np.array_equal(decoded.tokens[part], tokens)
    suffix = ".npz" if name == "position" else ".bvh"
    write_motion(codec, decoded, tmp_path / f"out{suffix}")
    read = read_clip(tmp_path / f"out{suffix}")
    assert read.frames == frames
    assert np.abs(read.positions - in_the_world(codec, decoded)).max() < 1e-4


def test_every_second_frame(tmp_path: Path, recordings: Path) -> None:
    spec = DataSpec(path=str(recordings), frame_stride=2, fps=30.0)
    given = train(tmp_path, recordings, "kmeans", spec)
    assert given.codec.preparation.coded_fps == 15.0
    for clip in given.data.splits["test"]:
        path = file_of(recordings, clip.recording)
        source = read_clip(path)
        encoded, decoded = through_a_file(given.codec, source)
        assert len(encoded.tokens["body"]) == -(-source.frames // 2)
        assert np.array_equal(encoded.tokens["body"], given.tokens[f"test/body/{clip.recording}"])
        at_codec, at_source = distortions(given.codec, decoded, path)
        assert at_codec["rmse_full_cm"] == pytest.approx(
            given.score(clip.recording, "rmse_full_cm"), abs=1e-6
        )
        assert at_source["rmse_full_cm"] != at_codec["rmse_full_cm"]
        write_motion(given.codec, decoded, tmp_path / "out.bvh")
        read = read_clip(tmp_path / "out.bvh")
        assert (read.frames, read.fps) == (source.frames, source.fps)
        wanted = in_the_world(given.codec, decoded)
        assert np.abs(read.positions[::2] - wanted).max() < 1e-4


def test_distortion_at_the_source_is_that_of_the_file_that_is_written(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    """Frames between the codec's are interpolated in rotations, and scored so."""
    codec = trained["root"].codec
    fast = resample(make_clip("take", 5, 40), 120.0)
    write_bvh(fast, tmp_path / "fast.bvh")
    _, decoded = through_a_file(codec, read_clip(tmp_path / "fast.bvh"))
    write_motion(codec, decoded, tmp_path / "out.bvh")
    read = read_clip(tmp_path / "out.bvh")
    preparation = codec.preparation
    x, z, turn = decoded.header.start or (0, 0, 0)
    begin = Start(x, z, turn)
    path = RootPath(np.zeros((1, 3)), np.zeros(1), (x / 100, z / 100, begin.heading))
    moved_to = put_back_root(between_frames(codec, decoded), _held(path, read.frames))
    assert np.abs(read.positions - moved_to).max() < 1e-4
    _, at_source = distortions(codec, decoded, tmp_path / "fast.bvh")
    original = preparation.split_clip(preparation.onto_joints(read_clip(tmp_path / "fast.bvh")))
    pair = whole_pair(preparation, original, between_frames(codec, decoded), 120.0)
    assert at_source == pytest.approx(score_clip(pair), nan_ok=True)


def _held(path: RootPath, frames: int) -> RootPath:
    whole = path.in_the_world()
    return RootPath(np.repeat(whole.position, frames, 0), np.repeat(whole.heading, frames))


@pytest.mark.parametrize("coded", [False, True])
def test_the_root_may_be_added_or_left_out(
    coded: bool, trained: dict[str, Trained], tmp_path: Path
) -> None:
    """At export, whatever the sweep did: the parts' tokens stay the same."""
    given = trained["kmeans" if coded else "root"]
    place = export(given.trial.parent, given.data, given.rows[-1], coded, f"other-{coded}")
    other = load_exported(place)
    source = read_clip(given.source / "take-0.bvh")
    mine, _ = encode_clip(given.codec, source)
    theirs, decoded = through_a_file(other, source)
    assert ("root" in theirs.tokens) == coded and other.identity != given.codec.identity
    for part in other.codecs:
        assert np.array_equal(mine.tokens[part], theirs.tokens[part])
    write_motion(other, decoded, tmp_path / "out.bvh")
    read = read_clip(tmp_path / "out.bvh")
    assert np.abs(read.positions - in_the_world(other, decoded)).max() < 1e-4
    if not coded:  # in place, facing one way
        assert np.ptp(read.positions[:, 0], axis=0).max() < 1e-6
    said = other.card
    assert said["root"] == ("coded" if coded else "removed")
    assert ("test_rate_root_bps" in said) == coded


def test_coded_motion_follows_the_source_through_the_room(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    codec = trained["root"].codec
    still = make_clip("take", 2, 60)
    clip = moved(still, 2.0, (3.21, 0, -7.77))
    _, decoded = through_a_file(codec, clip)
    starts = [
        Start(*(through_a_file(codec, c)[1].header.start or (0, 0, 0))) for c in (still, clip)
    ]
    turned = (starts[1].heading - starts[0].heading - 2.0 + np.pi) % (2 * np.pi) - np.pi
    assert abs(turned) <= 2 * np.pi / 65536
    assert np.allclose(starts[1][:2], 100 * clip.positions[0, 0, [0, 2]], atol=0.5)
    write_motion(codec, decoded, tmp_path / "out.bvh")
    read = read_clip(tmp_path / "out.bvh")
    # half a centimetre of the start, and what the quantiser's steps are too short for
    assert np.abs(read.positions[:, 0] - clip.positions[:, 0]).max() < 0.1
    walked = read.positions[-1, 0] - read.positions[0, 0]
    assert np.linalg.norm(walked) > 0.6


def test_a_prefix_is_a_codec_too(trained: dict[str, Trained], tmp_path: Path) -> None:
    """Exported at less than its depth, it gives the first levels and their motion."""
    given = trained["rqvae"]
    shallow = load_exported(export(given.trial.parent, given.data, given.rows[0], False, "shallow"))
    assert set(shallow.depths.values()) == {1}
    source = read_clip(given.source / "take-0.bvh")
    deep, _ = encode_clip(given.codec, source)
    flat, decoded = through_a_file(shallow, source)
    for part in shallow.codecs:
        assert np.array_equal(flat.tokens[part], deep.tokens[part][:, :1])
        assert np.array_equal(decoded.tokens[part], flat.tokens[part])
    assert len(flat.pack(shallow)) < len(deep.pack(given.codec))


def test_parts_may_end_at_different_depths(trained: dict[str, Trained], tmp_path: Path) -> None:
    given = trained["rqvae"].codec
    depths = {part: 1 + number % 3 for number, part in enumerate(given.codecs)}
    assert len(set(depths.values())) > 1
    models = {p: m.cut(depths[p]) if p in depths else m for p, m in given.models.items()}
    save_exported(replace(given, depths=depths, models=models), tmp_path / "mixed", "")
    mixed = load_exported(tmp_path / "mixed")
    assert mixed.depths == depths and mixed.identity != given.identity
    source = read_clip(trained["rqvae"].source / "take-0.bvh")
    deep, ready = encode_clip(given, source)
    coded, decoded = through_a_file(mixed, source)
    features = all_features(mixed, decoded)
    for part, codec in given.codecs.items():
        assert np.array_equal(coded.tokens[part], deep.tokens[part][:, : depths[part]])
        assert np.array_equal(decoded.tokens[part], coded.tokens[part])
        alone = codec.decode(codec.encode(ready.features[part]), depths[part])
        assert np.array_equal(features[part], alone)
    check_fits(mixed, coded.header)
    with pytest.raises(BadInput, match="encoded with the codec"):
        check_fits(mixed, deep.header)
    assert [len(s.alphabet) for s in mixed.streams] == list(depths.values())


def test_the_size_of_a_file_is_the_rate_that_the_trial_measured(
    trained: dict[str, Trained],
) -> None:
    for name in EVERY:
        given = trained[name]
        seconds = size = 0.0
        for clip in given.data.splits["test"]:
            source = read_clip(file_of(given.source, clip.recording))
            encoded, _ = encode_clip(given.codec, source)
            size += len(encoded.pack(given.codec))
            seconds += encoded.header.seconds
        assert 8 * size / seconds == pytest.approx(given.rows[-1]["test_rate_stream_bps"])


@pytest.mark.long
@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_every_quantizer_leaves_its_trial(
    quantizer: str, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = 1 if quantizer in ONE_LEVEL else 2
    more = {"quantizer": quantizer, "quantizer_depth": depth, "latent_dim": 8}
    if quantizer == "grouped_residual_vq":
        more["groups"] = 2
    monkeypatch.setitem(CONFIGURATIONS, "rqvae", {**CONFIGURATIONS["rqvae"], **more})
    given = train(tmp_path, recordings, "rqvae")
    assert given.codec.codecs["body"].alphabet == quantized_alphabet(
        given.codec.codecs["body"].config, "body"
    )
    (clip,) = given.data.splits["test"]
    _, decoded = through_a_file(given.codec, read_clip(file_of(recordings, clip.recording)))
    for part, tokens in decoded.tokens.items():
        assert np.array_equal(tokens, given.tokens[f"test/{part}/{clip.recording}"])
    stored = given.reconstructions[f"{clip.recording}/depth{given.levels}"]
    assert np.array_equal(decoded_positions(given.codec, decoded).astype(np.float32), stored)
