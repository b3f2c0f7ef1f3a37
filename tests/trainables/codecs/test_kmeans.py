"""K-Means: the codec contract, and cases whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.space import Config
from trainables.codecs import kmeans
from trainables.codecs.contract import (
    CodecContract,
    chain_geometry,
    part_data,
    structured_recordings,
)
from trainables.codecs.kmeans import KMeansCodec
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime


class TestKMeansContract(CodecContract):
    config: ClassVar[Config] = {"codec": "kmeans", "codebook_size": 12}


class TestKMeansOfZScoresContract(CodecContract):
    config: ClassVar[Config] = {"codec": "kmeans", "codebook_size": 12, "feature_scaling": "zscore"}


class TestKMeansOfScikitLearnContract(CodecContract):
    config: ClassVar[Config] = {"codec": "kmeans", "codebook_size": 12, "kmeans_backend": "sklearn"}


class TestKMeansInMiniBatchesContract(CodecContract):
    config: ClassVar[Config] = {
        "codec": "kmeans", "codebook_size": 12, "kmeans_backend": "minibatch",
    }  # fmt: skip


class TestKMeansOfOursContract(CodecContract):
    config: ClassVar[Config] = {
        "codec": "kmeans", "codebook_size": 12, "kmeans_backend": "torch",
        "feature_scaling": "fk_jacobian",
    }  # fmt: skip


BACKENDS = ("sklearn", "minibatch", "torch")


def _data(*lengths: int, joints: int = 2, seed: int = 0) -> PartData:
    rng = np.random.default_rng(seed)
    recordings = structured_recordings(lengths or (200,), 3 * joints, rng)
    return part_data("body", recordings, chain_geometry(joints, rng))


def _fitted(data: PartData, codes: int, **changes: object) -> KMeansCodec:
    config = complete({"codec": "kmeans", "codebook_size": codes, **changes})  # type: ignore[dict-item]
    codec = KMeansCodec(config, "body", data.dimensions, data.fps, seed=1)
    codec.fit(data, PlainRuntime())
    return codec


def test_one_centre_is_the_mean_pose() -> None:
    data = _data()
    codec = _fitted(data, 1)
    decoded = codec.decode(codec.encode(data.features))
    assert np.allclose(decoded, data.features.mean(0), atol=1e-6)


@pytest.mark.parametrize("scaling", ["none", "zscore"])
def test_as_many_centres_as_distinct_frames_lose_nothing(scaling: str) -> None:
    data = _data(20, 20)
    assert len(np.unique(data.features, axis=0)) == 40
    for codes in (40, 57):
        codec = _fitted(data, codes, feature_scaling=scaling)
        assert np.array_equal(codec.decode(codec.encode(data.features)), data.features)
        assert codec.fit_facts["inertia"] == 0
        assert codec.fit_facts["empty_clusters"] == codes - 40


def test_one_centre_fewer_than_distinct_frames_is_clustered() -> None:
    data = _data(20, 20)
    codec = _fitted(data, 39)
    assert codec.fit_facts["algorithm"] == "lloyd"
    decoded = codec.decode(codec.encode(data.features))
    assert len(np.unique(decoded, axis=0)) == 39
    assert float(codec.fit_facts["inertia"]) == pytest.approx(
        ((decoded - data.features) ** 2).sum(), rel=1e-3
    )


def test_separate_clusters_are_found() -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(5, 6)) * 10
    features = (centres[rng.integers(5, size=300)] + rng.normal(size=(300, 6)) * 0.01).astype("f4")
    codec = _fitted(part_data("body", [features], chain_geometry(2, rng)), 5)
    found = codec.arrays()["centres"]
    gaps = np.linalg.norm(found[:, None] - centres[None], axis=-1)
    assert sorted(gaps.argmin(1)) == [0, 1, 2, 3, 4]
    assert gaps.min(1).max() < 0.02


def test_more_centres_come_nearer() -> None:
    data = _data(300)
    errors = [float(_fitted(data, k).fit_facts["inertia"]) for k in (1, 4, 16, 64)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]


def test_encoding_is_the_brute_force_nearest_centre() -> None:
    data = _data(500)
    for scaling in ("none", "zscore"):
        codec = _fitted(data, 33, feature_scaling=scaling)
        scale = data.std.astype(float) if scaling == "zscore" else 1.0
        gaps = (data.features[:, None].astype(float) - codec.arrays()["centres"][None]) / scale
        distances = (gaps**2).sum(-1)
        chosen = codec.encode(data.features).indices[:, 0]
        taken = distances[np.arange(len(chosen)), chosen]
        assert np.allclose(taken, distances.min(1), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_scaling_decides_which_axis_counts(backend: str) -> None:
    rng = np.random.default_rng(4)
    # Two groups that quiet axes tell apart, beside a loud axis of pure noise.
    group = rng.integers(2, size=400)
    features = rng.normal(size=(400, 6)).astype(np.float32) * 1e-3
    features[:, 0] = rng.uniform(-50, 50, size=400)
    features[:, 1:] += np.where(group == 1, 1.0, -1.0)[:, None]
    data = part_data("body", [features], chain_geometry(2, rng))
    two = _fitted(data, 2, kmeans_backend=backend)
    loud = two.encode(features).indices[:, 0]
    two = _fitted(data, 2, kmeans_backend=backend, feature_scaling="zscore")
    scaled = two.encode(features).indices[:, 0]
    assert abs(np.corrcoef(loud, features[:, 0])[0, 1]) > 0.8
    assert abs(np.corrcoef(scaled, group)[0, 1]) > 0.99


def test_large_work_goes_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(600, 600)
    auto, ours = _fitted(data, 20), _fitted(data, 20, kmeans_backend="torch")
    monkeypatch.setattr(kmeans, "LLOYD_WORK", 0.0)
    large = _fitted(data, 20)
    assert auto.fit_facts["algorithm"] == "lloyd"
    assert large.fit_facts["algorithm"] == "swaps and lloyd"
    assert np.array_equal(large.arrays()["centres"], ours.arrays()["centres"])
    assert not np.array_equal(large.arrays()["centres"], auto.arrays()["centres"])


@pytest.mark.parametrize("scaling", ["none", "zscore", "fk_jacobian"])
def test_backends_come_as_near(scaling: str) -> None:
    data = _data(600, 600)
    inertia, algorithms = {}, {}
    for backend in BACKENDS:
        facts = _fitted(data, 20, kmeans_backend=backend, feature_scaling=scaling).fit_facts
        inertia[backend], algorithms[backend] = float(facts["inertia"]), facts["algorithm"]
        assert facts["empty_clusters"] == 0 and float(facts["iterations"]) >= 1
    assert list(algorithms.values()) == ["lloyd", "minibatch", "swaps and lloyd"]
    assert inertia["torch"] < 1.01 * inertia["sklearn"]
    assert inertia["minibatch"] < 1.2 * inertia["sklearn"]


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_inertia_is_that_of_the_tokens(backend: str) -> None:
    data = _data(300, 300)
    codec = _fitted(data, 15, kmeans_backend=backend)
    gaps = codec.decode(codec.encode(data.features)) - data.features
    assert (gaps**2).sum() == pytest.approx(float(codec.fit_facts["inertia"]), rel=1e-3)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_features_that_are_not_finite_are_refused(backend: str) -> None:
    data = _data()
    data.features[17, 2] = np.nan
    with pytest.raises(BadInput, match="K-Means of body: features hold NaN"):
        _fitted(data, 4, kmeans_backend=backend)


def test_nothing_is_trained_before_the_whole_budget() -> None:
    data = _data()
    codec = KMeansCodec(
        complete({"codec": "kmeans", "codebook_size": 4}), "body", data.dimensions, 30.0, 0
    )
    assert codec.fit(data, PlainRuntime(), until=0.99) == {}
    assert codec.trained_share == 0
    with pytest.raises(RuntimeError, match="not trained"):
        codec.encode(data.features)


def test_only_level_one_can_be_decoded() -> None:
    data = _data()
    codec = _fitted(data, 4)
    with pytest.raises(ValueError, match="one level"):
        codec.decode(codec.encode(data.features), depth=2)


def test_centres_of_another_configuration_are_refused() -> None:
    data = _data()
    small, large = _fitted(data, 4), _fitted(data, 8)
    with pytest.raises(BadInput, match="the configuration says"):
        small.load_arrays(large.arrays())


def test_what_was_not_seen_moves_no_centre() -> None:
    rng = np.random.default_rng(0)
    true = np.array([[0.0, 0, 0], [5, 5, 5], [0, 5, -5]], np.float32)
    points = (true[rng.integers(0, 3, 600)] + rng.normal(0, 0.1, (600, 3))).astype(np.float32)
    seen = rng.random(points.shape) < 0.7
    found = [
        kmeans.refined(np.where(seen, points, under).astype(np.float32), seen, true + 0.4, 20)
        for under in (0.0, 1e4)
    ]
    assert np.array_equal(found[0], found[1])
    assert np.abs(found[0] - true).max() < 0.05


def test_frames_that_show_nothing_are_not_learnt_from() -> None:
    whole = _data(200, joints=2)
    made_up = whole.features.copy()
    made_up[::2] = 50.0
    seen = np.ones((len(made_up), len(whole.geometry.parents)), bool)
    seen[::2] = False
    codec = _fitted(replace(whole, features=made_up, seen=seen), 8)
    assert np.abs(codec.arrays()["centres"]).max() <= np.abs(whole.features).max() + 1e-6
