"""Flow matching: what is known of it without training, and what training must bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.space import Config
from trainables.generators import flow_matching
from trainables.generators.flow_matching import (
    SIGMA_MIN,
    FlowMatching,
    TrainingMotion,
    euler,
    flow_loss,
    guided,
    on_path,
)
from trainables.generators.folder import load_generator, save_generator
from trainables.runtime import PlainRuntime

FEATURES = 3


def configuration(**settings: Any) -> Config:
    small = {
        "codec": "flow_matching", "conditioning": "kmeans", "codebook_size": 4, "flow.width": 16,
        "flow.head_dim": 4, "flow.middle": 1, "flow.window": 16, "flow.batch_frames": 64,
        "flow.max_steps": 8, "flow.learning_rate": 5e-3, "flow.steps": 4,
    }  # fmt: skip
    config = {**small, **{f"flow.{k}": v for k, v in settings.items()}}
    return family_of(config).complete(config)


def waves(recordings: int = 6, frames: int = 50, seed: int = 0) -> TrainingMotion:
    """Slow waves, and their two-step staircase as what tokens decode to."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 30
    motion = [
        np.sin(2 * np.pi * 0.7 * time + rng.uniform(0, 6, FEATURES)) for _ in range(recordings)
    ]
    whole = np.concatenate(motion).astype(np.float32)
    return TrainingMotion(
        whole, np.sign(whole) * 0.6, (frames,) * recordings, whole.mean(0), whole.std(0)
    )


def trained(motion: TrainingMotion, **settings: Any) -> FlowMatching:
    made = FlowMatching(configuration(**settings), FEATURES, seed=5)
    made.fit(motion, PlainRuntime())
    return made


def drawn(made: FlowMatching, condition: np.ndarray, seed: int = 1) -> np.ndarray:
    return made.sample(condition, np.random.default_rng(seed))


# ---- what follows from the definition ------------------------------------------------------


def test_a_path_begins_at_the_noise_and_ends_at_the_data() -> None:
    noise, data = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    start, _ = on_path(noise, data, torch.zeros(2))
    end, _ = on_path(noise, data, torch.ones(2))
    assert torch.equal(start, noise)
    assert torch.allclose(end, data + SIGMA_MIN * noise, atol=1e-6)


def test_the_exact_velocity_has_no_loss_and_any_other_has() -> None:
    noise, data = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    _, target = on_path(noise, data, torch.rand(2))
    assert flow_loss(target, target) == 0
    assert flow_loss(target + 0.5, target) == pytest.approx(0.25)
    valid = torch.tensor([[True, True, False, False]] * 2)
    wrong = target.clone()
    wrong[:, 2:] += 9.0
    assert flow_loss(wrong, target, valid) == 0


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_a_constant_field_leads_to_one_place_in_any_number_of_steps(steps: int) -> None:
    start, field = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    assert torch.allclose(euler(lambda at, t: field, start, steps), start + field, atol=1e-5)


def test_euler_asks_at_equal_steps_from_zero() -> None:
    asked: list[float] = []

    def velocity(at: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        asked.extend(time.tolist())
        return torch.zeros_like(at)

    euler(velocity, torch.zeros(1, 2, 3), 4)
    assert asked == [0.0, 0.25, 0.5, 0.75]


def test_the_last_step_is_as_long_as_it_has_to_be() -> None:
    asked: list[float] = []

    def velocity(at: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        asked.extend(time.tolist())
        return torch.ones_like(at)

    ended = euler(velocity, torch.zeros(1, 2, 3), 4, last=0.4)
    assert asked == pytest.approx([0.0, 0.2, 0.4, 0.6])
    assert torch.allclose(ended, torch.ones(1, 2, 3))


@pytest.mark.parametrize("steps", [1, 10, 11, 40])
def test_no_noise_is_left_in_a_sample_however_many_steps_lead_to_it(steps: int) -> None:
    class Knows(torch.nn.Module):
        def forward(self, at: torch.Tensor, *told: object) -> torch.Tensor:
            return torch.full_like(at, 2.0)

    generator = FlowMatching(configuration(steps=steps), FEATURES, seed=0)
    generator.load_arrays(generator.arrays())
    assert generator._model is not None
    generator._model.net = Knows()
    sample = generator.sample(np.zeros((50, FEATURES), np.float32), np.random.default_rng(0))
    assert np.abs(sample - 2).max() < 1e-3


def test_guidance_goes_on_through_the_conditioned_velocity() -> None:
    free, told = torch.zeros(3), torch.ones(3)
    found = [guided(free, told, w)[0].item() for w in (0.0, 1.0, 2.5)]
    assert found == [0.0, 1.0, 2.5]


# ---- what is learnt ------------------------------------------------------------------------


def test_it_learns_to_smooth_what_tokens_decode_to() -> None:
    motion, fresh = waves(), waves(2, seed=9)
    made = trained(motion, max_steps=30)
    condition = fresh.condition[:50]
    found = drawn(made, condition)

    def error(x: np.ndarray) -> float:
        return float(np.sqrt(((x - fresh.motion[:50]) ** 2).mean()))

    def jumps(x: np.ndarray) -> float:
        return float(np.abs(np.diff(x, n=3, axis=0)).mean())

    assert error(found) < error(condition)
    assert jumps(found) < 0.4 * jumps(condition)


def test_training_in_shares_and_over_a_checkpoint_is_training_at_once() -> None:
    motion = waves()
    whole = trained(motion)
    first = FlowMatching(configuration(), FEATURES, seed=5)
    first.fit(motion, PlainRuntime(), 0.5)
    second = FlowMatching(configuration(), FEATURES, seed=5)
    second.load_training_state(first.training_state())
    assert second.trained_share == 0.5
    second.fit(motion, PlainRuntime(), 1.0)
    for name, array in whole.arrays().items():
        assert np.array_equal(array, second.arrays()[name]), name


def test_samples_follow_their_generator_of_noise_alone() -> None:
    motion = waves()
    made = trained(motion)
    condition = motion.condition[:41]
    assert np.array_equal(drawn(made, condition), drawn(made, condition))
    assert not np.array_equal(drawn(made, condition), drawn(made, condition, seed=2))
    cold = trained(motion, temperature=0.0)
    assert np.array_equal(drawn(cold, condition), drawn(cold, condition, seed=2))


def test_without_guidance_the_tokens_are_not_seen() -> None:
    motion = waves()
    free = trained(motion, guidance=0.0, condition_dropout=0.5)
    condition = motion.condition[:30]
    assert np.array_equal(drawn(free, condition), drawn(free, -condition))
    one, two = (trained(motion, guidance=w, condition_dropout=0.5) for w in (1.0, 2.0))
    assert not np.allclose(drawn(one, condition), drawn(one, -condition))
    assert not np.allclose(drawn(one, condition), drawn(two, condition))


def test_long_recordings_in_segments_have_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trained(waves(), max_steps=20)
    condition = waves(1, 200, seed=3).condition
    whole = drawn(made, condition)
    monkeypatch.setattr(flow_matching, "SEGMENT", 80)
    monkeypatch.setattr(flow_matching, "OVERLAP", 24)
    pieces = drawn(made, condition)
    assert pieces.shape == whole.shape
    assert np.abs(np.diff(pieces, axis=0)).max() < 1.5 * np.abs(np.diff(whole, axis=0)).max()


def test_a_generator_that_diverges_says_so() -> None:
    motion = waves()
    with pytest.raises(FloatingPointError, match=r"flow\.learning_rate"):
        bad = TrainingMotion(
            motion.motion * np.nan, motion.condition, motion.lengths, motion.mean, motion.std
        )
        trained(bad)


# ---- files ---------------------------------------------------------------------------------


def test_a_generator_comes_back_from_its_folder(tmp_path: Path) -> None:
    motion = waves()
    made = trained(motion)
    save_generator(made, tmp_path, {"sha256": "0" * 16})
    again = load_generator(tmp_path)
    assert np.array_equal(drawn(made, motion.condition[:30]), drawn(again, motion.condition[:30]))
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_a_folder_that_holds_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no generator"):
        load_generator(tmp_path)
    save_generator(trained(waves()), tmp_path, {})
    place = tmp_path / "generator.json"
    place.write_text(place.read_text().replace('"flow.width": 16', '"flow.width": 24'))
    with pytest.raises(BadInput, match="do not fit"):
        load_generator(tmp_path)
    place.write_text(place.read_text().replace('"generator_version": 1', '"generator_version": 9'))
    with pytest.raises(BadInput, match="version 9"):
        load_generator(tmp_path)


def test_it_samples_nothing_before_it_was_trained() -> None:
    with pytest.raises(RuntimeError, match="not trained"):
        drawn(FlowMatching(configuration(), FEATURES, 0), np.zeros((4, FEATURES), np.float32))
