"""Parts of several trials together: what is predicted of them, and what they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables.codecs.codec import Codec
from trainables.composition import composed_scores, part_alone, predicted_rmse, unavoidable
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData, prepare
from trainables.runtime import PlainRuntime
from trainables.token_rates import encode_split
from trainables.trial import TrialTask, make_codecs

SIZES = (4, 32)


@pytest.fixture(scope="module", params=["removed", "coded"])
def data(request: pytest.FixtureRequest) -> MotionData:
    return prepare(spec(root=request.param), make_clips(8, 60))


@pytest.fixture(scope="module")
def trained(data: MotionData) -> dict[int, dict[str, Codec]]:
    found = {}
    for size in SIZES:
        config = complete({"codec": "kmeans", "codebook_size": size})
        found[size] = make_codecs(TrialTask("x", config, 0, None), data)
        for part, codec in found[size].items():
            codec.fit(data.parts[part], PlainRuntime())
    return found


def test_a_composition_of_one_trial_is_that_trial(
    data: MotionData, trained: dict[int, dict[str, Codec]]
) -> None:
    codecs = trained[32]
    encoded = encode_split(codecs, data, "val")
    expected = score_split(codecs, data, encoded, 1).row
    parts = {
        p: part_alone(data, "val", p, c, [t.indices for t in encoded.tokens[p]], 1)
        for p, c in codecs.items()
    }
    found = composed_scores(data, "val", parts)
    if data.root_quantizer is None:
        assert found["val_rmse_full_cm"] == pytest.approx(expected["val_rmse_full_cm"], rel=1e-9)
    assert set(found) == {n for n in expected if n in found} and len(found) > 5


def test_predictions_are_near_what_is_decoded(
    data: MotionData, trained: dict[int, dict[str, Codec]]
) -> None:
    base = unavoidable(data, "val")
    alone = {}
    for size, codecs in trained.items():
        encoded = encode_split(codecs, data, "val")
        for part, codec in codecs.items():
            tokens = [t.indices for t in encoded.tokens[part]]
            alone[part, size] = part_alone(data, "val", part, codec, tokens, 1)
    for sizes in itertools.product(SIZES, repeat=len(data.parts)):
        chosen = {p: alone[p, n] for p, n in zip(data.parts, sizes, strict=True)}
        predicted = 100 * predicted_rmse([c.squared for c in chosen.values()], base)
        found = composed_scores(data, "val", chosen)["val_rmse_full_cm"]
        assert predicted == pytest.approx(found, rel=0.02), sizes
    for part in data.parts:
        assert (alone[part, 4].squared >= base - 1e-12).all()
        assert not np.allclose(alone[part, 4].squared, alone[part, 32].squared)


def test_nothing_coded_is_what_bones_and_features_lose(data: MotionData) -> None:
    lost = unavoidable(data, "val")
    assert np.sqrt(lost.max()) < (1e-4 if data.root_quantizer is None else 0.1)
