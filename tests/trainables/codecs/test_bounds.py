"""The two bounds as codecs."""

from __future__ import annotations

import numpy as np

from tests.trainables.tiny import make_clips, spec
from trainables.codecs import bounds
from trainables.codecs.bounds import MeanPose, NearestFrame, nearest
from trainables.motion.dataset import prepare


def test_nearest_is_the_nearest(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, 7)).astype(np.float32) + 50  # far from the origin
    features = rng.normal(size=(500, 7)).astype(np.float32) + 50
    apart = ((features[:, None].astype(float) - centres[None]) ** 2).sum(-1)
    found = nearest(features, centres)
    assert found.dtype == np.int32
    assert (found == apart.argmin(1)).all()
    monkeypatch.setattr(bounds, "DISTANCES", 1000)  # three rows at a time
    assert (nearest(features, centres) == found).all()


def test_training_frames_find_themselves() -> None:
    data = prepare(spec(), make_clips())
    for part in data.parts.values():
        codec = NearestFrame(part)
        tokens = codec.encode(part.features)
        assert codec.alphabet == (len(part.features),) and tokens.rate_hz == 30
        assert np.array_equal(codec.decode(tokens), part.features)


def test_mean_pose_is_the_mean_whatever_comes() -> None:
    part = prepare(spec(), make_clips()).parts["body"]
    codec = MeanPose(part)
    tokens = codec.encode(part.features[:9])
    assert codec.alphabet == (1,) and (tokens.indices == 0).all()
    assert np.array_equal(codec.decode(tokens), np.tile(part.mean, (9, 1)))
    assert codec.trained_share == 1.0 and codec.levels == 1
