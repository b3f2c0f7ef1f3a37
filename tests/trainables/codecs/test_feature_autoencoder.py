"""The feature autoencoder: the codec contract, its features, and Fréchet distances in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.inputs import Resolved, folder_hash
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from trainables.codecs.codec import load_codec
from trainables.codecs.contract import CodecContract
from trainables.codecs.feature_autoencoder import FeatureAutoencoder, MotionFeatures
from trainables.codecs.registry import codec_class
from trainables.metrics.frechet import frechet_distance, frechet_score
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.recordings import load_clips
from trainables.runtime import PlainRuntime

CONFIG: Config = {
    "codec": "feature_autoencoder", "codebook_size": 8, "quantizer_depth": 3, "hidden_dim": 24,
    "latent_dim": 8, "batch_frames": 256, "max_steps": 30, "learning_rate": 8e-3,
    "compression": 4, "window": 32, "decay": 0.9, "quantizer_dropout": 0.0,
}  # fmt: skip


class TestFeatureAutoencoderContract(CodecContract):
    config: ClassVar[Config] = CONFIG


@pytest.fixture(scope="module")
def data() -> MotionData:
    """Body and one hand of 24 recordings: 20 features, so that 200 vectors are the least."""
    spec = DataSpec(
        path="embedded:speaking",
        embedded_size="debug",
        fps=15,
        parts={"body": "required", "right_hand": "required"},
    )
    return prepare(spec, load_clips(spec)[0][:24])


def trained(data: MotionData, folder: Path, **changes: Any) -> Resolved:
    config = complete(
        {
            **CONFIG,
            "compression": 16,
            "batch_frames": 128,
            "latent_dim": 10,
            "max_steps": 120,
            **changes,
        }
    )
    for seed, (name, part) in enumerate(data.parts.items()):
        codec = codec_class(str(config["codec"]))(config, name, part.dimensions, data.fps, seed)
        codec.fit(part, PlainRuntime())
        codec.save(folder / name)
    return Resolved(str(folder), folder_hash(folder))


@pytest.fixture(scope="module")
def source(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    return trained(data, tmp_path_factory.mktemp("encoder"))


def recordings(data: MotionData, split: str) -> list[Mapping[str, np.ndarray]]:
    return [clip.features for clip in data.splits[split]]


def test_features_are_few_and_of_whole_windows(data: MotionData, source: Resolved) -> None:
    assert data.facts.synthetic and data.facts.name == "embedded:speaking"
    encode = MotionFeatures(source, data)
    motion = recordings(data, "val")[0]
    found = encode(motion)
    frames = len(next(iter(motion.values())))
    assert found.shape == (frames // 16, 20) and found.dtype == np.float32
    assert encode.space.dimensions == 20 and encode.space.least == 200
    # What comes after the last whole window does not count, and a short clip has none.
    assert np.array_equal(encode({p: m[: frames // 16 * 16] for p, m in motion.items()}), found)
    assert encode({p: m[:15] for p, m in motion.items()}).shape == (0, 20)


def test_features_are_latents_before_they_are_quantized(source: Resolved) -> None:
    codec = load_codec(Path(source.place) / "body")
    assert isinstance(codec, FeatureAutoencoder)
    motion = np.random.default_rng(0).normal(0, 0.1, (64, codec.dimensions)).astype(np.float32)
    near = motion + 1e-3
    assert np.array_equal(codec.encode(motion).indices[:0], codec.encode(near).indices[:0])
    assert not np.array_equal(codec.features(motion), codec.features(near))


def test_frechet_distance_tells_wrong_motion_from_right(data: MotionData, source: Resolved) -> None:
    encode = MotionFeatures(source, data)
    motion = recordings(data, "train")
    half = len(motion) // 2
    first, second = motion[:half], motion[half:]
    still = [{p: np.repeat(m[:1], len(m), 0) for p, m in clip.items()} for clip in second]
    real, same, frozen = (
        np.concatenate([encode(c) for c in clips]) for clips in (first, second, still)
    )
    assert frechet_distance(frozen, real) > 1.5 * frechet_distance(same, real)
    score = frechet_score(same, real, encode.space, np.random.default_rng(0))
    assert score.said == f"cannot be said (n = {min(len(same), len(real))}, needs 200)"
    assert score.metric.stem.startswith(f"fid_{encode.space.digest}_n")


def test_the_name_follows_from_weights_normaliser_and_data(
    data: MotionData, source: Resolved, tmp_path: Path
) -> None:
    space = MotionFeatures(source, data).space
    other = MotionFeatures(trained(data, tmp_path, max_steps=2), data).space
    assert other.weights != space.weights and other.normaliser == space.normaliser
    moved = replace(data, facts=data.facts.model_copy(update={"data_hash": "0" * 16}))
    assert MotionFeatures(source, moved).space.digest != space.digest


def test_what_is_no_encoder_of_this_motion(
    data: MotionData, source: Resolved, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="was named"):
        MotionFeatures(replace(source, sha256="0" * 16), data)
    with pytest.raises(BadInput, match="34 dimensions, and 32 are the most"):
        MotionFeatures(trained(data, tmp_path / "wide", latent_dim=17, max_steps=1), data)
    with pytest.raises(BadInput, match="feature_autoencoder"):
        temporal = {"codec": "temporal_rvq", "compression": 8, "max_steps": 1}
        MotionFeatures(trained(data, tmp_path / "rvq", **temporal), data)
