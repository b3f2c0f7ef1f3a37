"""A codec learns beside others what it learns alone, whoever they are and whenever they come."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.packed.made import STEPS, codec, distance, one_of_each, part
from trainables.codecs.codec import Codec
from trainables.codecs.rqvae import RQVAECodec
from trainables.motion.part_data import PartData
from trainables.packed.engine import Engine, train
from trainables.packed.member import packable
from trainables.runtime import PlainRuntime

OPTIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "rotation trick": {"rotation_trick": True},
    "cosine": {"codebook_distance": "cosine"},
    "random start": {"codebook_init": "random"},
    "closest anchors": {"dead_codes": "cvq_closest"},
    "decoupled decay": {"optimiser": "adamw", "weight_decay": 0.1},
    "decay": {"weight_decay": 0.01},
    "linear path": {"linear_path": True},
    "angles of rotations": {"loss.geodesic": 0.5},
    "scaled by what it moves": {"feature_scaling": "fk_jacobian"},
}


@pytest.fixture(scope="module")
def data() -> PartData:
    return part()


def _fit(codecs: Sequence[Codec], data: PartData, until: float = 1.0) -> list[dict[str, float]]:
    return [each.fit(data, PlainRuntime(), until) for each in codecs]


def _assert_alike(
    ours: Sequence[Codec], losses: list[Any], solo: Sequence[Codec], wanted: list[Any]
) -> None:
    for one, found, other, loss in zip(ours, losses, solo, wanted, strict=True):
        assert distance(one, other) < 1e-5
        assert found.keys() == loss.keys()
        assert all(abs(found[name] - loss[name]) < 1e-5 for name in loss)
        assert one.trained_share == other.trained_share


@pytest.mark.parametrize("name", OPTIONS)
def test_ten_steps_side_by_side_are_ten_steps_alone(name: str, data: PartData) -> None:
    solo = one_of_each(data, **OPTIONS[name])
    packed = copy.deepcopy(solo)
    wanted = _fit(solo, data, 10 / STEPS)
    losses = train([(each, data) for each in packed], PlainRuntime(), 10 / STEPS)
    _assert_alike(packed, losses, solo, wanted)


@pytest.mark.parametrize("family", ["temporal_rvq", "eg_vqvae"])
def test_convolutions_over_time_do_too(family: str, data: PartData) -> None:
    changes = {"guidance.weight": 0.0} if family == "eg_vqvae" else {}
    solo = one_of_each(data, family, **changes)
    packed = copy.deepcopy(solo)
    wanted = _fit(solo, data, 10 / STEPS)
    losses = train([(each, data) for each in packed], PlainRuntime(), 10 / STEPS)
    _assert_alike(packed, losses, solo, wanted)


def test_the_decoders_own_steps_are_the_same(data: PartData) -> None:
    """Members pass from training all to training the decoder alone at steps of their own."""
    shares = (0.0, 0.3, 0.5, 0.8)
    solo = [codec(data, i, decoder_share=share) for i, share in enumerate(shares)]
    packed = copy.deepcopy(solo)
    wanted = _fit(solo, data)
    losses = train([(each, data) for each in packed], PlainRuntime(), 1.0)
    _assert_alike(packed, losses, solo, wanted)


class _Course(NamedTuple):
    """How a member comes to its last step: when it joins, after which rungs, beside whom."""

    joins: tuple[int, ...]
    order: tuple[int, ...]
    steps: int


@st.composite
def _courses(draw: st.DrawFn) -> _Course:
    order = draw(st.permutations(range(4)))
    joins = draw(st.tuples(*[st.integers(0, 3)] * 4))
    return _Course(joins, tuple(order), draw(st.sampled_from([1, 5, 64])))


ODD: dict[str, Any] = {"batch_frames": 45, "loss.geodesic": 0.2}
"""Batches that fill no whole vector of a processor."""


@pytest.fixture(scope="module")
def alone(data: PartData) -> list[Codec]:
    """Each in a pack of its own, rung by rung."""
    codecs = one_of_each(data, **ODD)
    for each in codecs:
        for until in (0.25, 1.0):
            train([(each, data)], PlainRuntime(), until)
    return codecs


@settings(max_examples=8, deadline=None)
@given(course=_courses())
def test_companions_places_and_times_are_no_matter(
    course: _Course, data: PartData, alone: list[Codec]
) -> None:
    """To the bit: some are dropped on the way, and others come when these have gone far."""
    codecs, engine, runtime = one_of_each(data, **ODD), Engine(), PlainRuntime()
    waiting = list(course.order)
    running: dict[int, Any] = {}
    reached = dict.fromkeys(range(4), 0.0)
    turn = 0
    while waiting or running:
        for i in [i for i in waiting if course.joins[i] <= turn or not running]:
            waiting.remove(i)
            reached[i] = 0.25
            running[i] = engine.begin(codecs[i], data, runtime, 0.25)
        engine.advance(course.steps)
        turn += 1
        for i, stretch in list(running.items()):
            if not stretch.over:
                continue
            del running[i]
            if reached[i] < 1.0:
                reached[i] = 1.0
                running[i] = engine.begin(codecs[i], data, runtime, 1.0)
            else:
                engine.drop(codecs[i])
    assert [distance(one, other) for one, other in zip(codecs, alone, strict=True)] == [0.0] * 4


def test_a_checkpoint_of_a_member_is_an_ordinary_one(data: PartData) -> None:
    """It goes on alone, and what goes on alone comes back; to the bit where it stays packed."""
    whole = one_of_each(data)
    train([(each, data) for each in whole], PlainRuntime(), 1.0)
    halves, alone, back = one_of_each(data), one_of_each(data), one_of_each(data)
    train([(each, data) for each in halves], PlainRuntime(), 0.5)
    states = [each.training_state() for each in halves]
    for other in (alone, back):
        for each, state in zip(other, states, strict=True):
            each.load_training_state(state)
    _fit(alone, data)
    train([(each, data) for each in back[::-1]], PlainRuntime(), 1.0)
    assert max(map(distance, alone, whole)) < 1e-5
    assert max(map(distance, back, whole)) == 0
    other = one_of_each(data)
    _fit(other, data, 0.5)
    train([(each, data) for each in other], PlainRuntime(), 1.0)
    assert max(map(distance, other, whole)) < 1e-5


def test_a_member_that_leaves_early_keeps_what_it_learnt(data: PartData) -> None:
    codecs, engine = one_of_each(data), Engine()
    for each in codecs:
        engine.begin(each, data, PlainRuntime(), 1.0)
    engine.advance(7)
    engine.drop(codecs[2])
    expected = one_of_each(data)[2]
    expected.fit(data, PlainRuntime(), 7 / STEPS)
    assert distance(codecs[2], expected) < 1e-5
    engine.advance(1)
    assert engine.sizes == [3]


def test_a_loss_that_is_not_finite_stays_with_its_member(data: PartData) -> None:
    healthy = one_of_each(data)
    train([(each, data) for each in healthy], PlainRuntime(), 1.0)
    codecs, engine = one_of_each(data), Engine()
    stretches = [engine.begin(each, data, PlainRuntime(), 1.0) for each in codecs]
    with torch.no_grad():
        next(codecs[1].model.decoder.parameters()).fill_(torch.nan)  # type: ignore[attr-defined]
    while not engine.idle:
        engine.advance(10)
    assert isinstance(stretches[1].error, FloatingPointError)
    assert "diverged" in str(stretches[1].error)
    others = [i for i in range(4) if i != 1]
    assert all(stretches[i].error is None for i in others)
    for each in codecs:
        engine.drop(each)
    assert [distance(codecs[i], healthy[i]) for i in others] == [0.0] * 3


class _OwnFit(RQVAECodec):
    """A codec that trains in a way of its own."""

    def fit(self, data: PartData, runtime: Any, until: float = 1.0) -> dict[str, float]:
        return {"loss": until}


def test_what_cannot_stand_in_a_pack_trains_by_itself(data: PartData) -> None:
    few: dict[str, dict[str, Any]] = {
        "library": {"quantizer_backend": "library"},
        "groups": {"quantizer": "grouped_residual_vq", "groups": 2},
        "scalar": {"quantizer": "fsq", "quantizer_depth": 1},
        "by gradient": {"codebook_update": "gradient"},
    }
    for name, changes in few.items():
        one, other = codec(data, **changes), codec(data, **changes)
        assert not packable(one, data), name
        (losses,) = train([(one, data)], PlainRuntime(), 0.5)
        assert losses == other.fit(data, PlainRuntime(), 0.5) and distance(one, other) == 0, name
    assert packable(codec(data), data)
    assert not packable(codec(data, family="eg_vqvae"), data), "guided"
    assert packable(codec(data, family="temporal_rvq"), data)
    assert not packable(codec(data, family="temporal_rvq", window=256), data), "filled windows"
    own = _OwnFit(codec(data).config, data.name, data.dimensions, data.fps, 0)
    assert train([(own, data)], PlainRuntime(), 0.5) == [{"loss": 0.5}]


def test_a_budget_that_is_spent_trains_nothing(data: PartData) -> None:
    one = codec(data)
    train([(one, data)], PlainRuntime(), 0.5)
    before = one.arrays()
    assert train([(one, data)], PlainRuntime(), 0.5) == [{}]
    assert all(np.array_equal(before[name], array) for name, array in one.arrays().items())


def test_members_of_one_shape_share_a_pack(data: PartData) -> None:
    """Codes, levels, rates and weights differ; widths and room for codes do not."""
    engine, runtime = Engine(), PlainRuntime()
    for each in [*one_of_each(data), codec(data, 9, hidden_dim=24), codec(data, 8)]:
        engine.begin(each, data, runtime, 1.0)
    engine.begin(codec(data, 7, codebook_size=65), data, runtime, 1.0)
    engine.advance(1)
    assert sorted(engine.sizes) == [1, 1, 5]
