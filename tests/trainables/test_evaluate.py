"""Scores: exact in cases worked out by hand, whole under a codec that loses nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from search_spaces.families import complete
from search_spaces.objectives import SPLITS
from search_spaces.rate import nominal_rate
from tests.trainables.tiny import NAMES, make_clips, spec
from trainables.bitstream.token_model import TokenModel
from trainables.codecs.codec import Codec, Tokens
from trainables.codecs.kmeans import KMeansCodec
from trainables.evaluate import score_split
from trainables.metrics.dynamics import jerk
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.part_data import PartData
from trainables.runtime import PlainRuntime, Runtime
from trainables.token_rates import EncodedSplit, encode_split, fit_token_models


class Keeps(Codec):
    """Loses nothing: every frame it is given is a code of its own."""

    family = "keeps"

    def __init__(self, part: str, dimensions: int, fps: float = 30.0) -> None:
        super().__init__({"codec": "keeps"}, part, dimensions, fps, seed=0)
        self.rows: list[np.ndarray] = []

    alphabet = (1 << 16,)
    compression = 1

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        return {}

    def encode(self, features: np.ndarray) -> Tokens:
        first = len(self.rows)
        self.rows.extend(features)
        indices = np.arange(first, first + len(features), dtype=np.int32)
        return Tokens(indices[:, None], self.alphabet, self.fps, len(features))

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        return np.stack(self.rows)[tokens.indices[:, 0]]

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None: ...

    def training_state(self) -> dict[str, Any]:
        return {}

    def load_training_state(self, state: Mapping[str, Any]) -> None: ...


class Given(Keeps):
    """Two levels, 4 and 2 codes; decodes every frame to the mean of train."""

    alphabet = (4, 2)  # type: ignore[assignment]

    def __init__(self, part: str, mean: np.ndarray) -> None:
        super().__init__(part, len(mean))
        self.mean = mean

    def encode(self, features: np.ndarray) -> Tokens:
        frames = np.arange(len(features))
        indices = np.stack([frames % 4, frames * 0], axis=1).astype(np.int32)
        return Tokens(indices, self.alphabet, self.fps, len(features))

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        assert depth is None or 1 <= depth <= 2
        return np.tile(self.mean, (tokens.frames, 1))


def _keeping(data: MotionData) -> dict[str, Codec]:
    return {name: Keeps(name, part.dimensions) for name, part in data.parts.items()}


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(spec(), make_clips(6, 48))


@pytest.mark.parametrize("features", ["expmap", "position"])
def test_what_loses_nothing_scores_nothing(features: str) -> None:
    data = prepare(spec(features=features), make_clips(6, 48))
    codecs = _keeping(data)
    for split in ("val", "test"):
        row = score_split(codecs, data, encode_split(codecs, data, split), 1).row
        for name, value in row.items():
            if name.startswith((f"{split}_rmse", f"{split}_mpjpe", f"{split}_hull_error")):
                assert value == pytest.approx(0, abs=1e-3), name
        assert row[f"{split}_hull_pct"] == pytest.approx(100, abs=1e-3)
        original = row[f"{split}_jerk_original_mps3"]
        assert row[f"{split}_jerk_mps3"] == pytest.approx(original, rel=1e-3)
        assert row[f"{split}_jerk_error_mps3"] < 1e-3 * original
        expected = np.mean([jerk(c.original.astype(float), 30.0) for c in data.splits[split]])
        assert original == pytest.approx(expected, rel=1e-9)


def test_coded_root_counts_in_errors_and_rates() -> None:
    data = prepare(spec(root="coded", root_codes=16), make_clips(6, 60))
    codecs = _keeping(data)
    encoded = encode_split(codecs, data, "val")
    scores = score_split(codecs, data, encoded, 1, fit_token_models(codecs, data))
    row = scores.row
    frames = sum(c.frames for c in data.splits["val"])
    seconds = frames / 30.0
    by_hand = 0.0
    for level in range(4):
        joined = np.concatenate([r[:, level] for r in encoded.root])
        share = np.bincount(joined, minlength=16) / len(joined)
        share = share[share > 0]
        by_hand += -(share * np.log2(share)).sum() * len(joined) / seconds
    assert row["val_rate_entropy_root_bps"] == pytest.approx(by_hand)
    parts = [row[f"val_rate_entropy_{p}_bps"] for p in (*codecs, "root")]
    assert row["val_rate_entropy_bps"] == pytest.approx(sum(parts))
    models = [row[f"val_rate_model_{p}_bps"] for p in (*codecs, "root")]
    assert row["val_rate_model_bps"] == pytest.approx(sum(models))
    assert row["val_tokens"] == frames * (len(codecs) + 4)
    config = complete({"codec": "kmeans", "codebook_size": 8})
    assert nominal_rate(config, data.facts).per_part["root"] == 4 * 4 * 30
    # the parts lose nothing, so all that is wrong is where the pelvis is
    rebuilt = scores.reconstructions[data.splits["val"][0].recording]
    off = rebuilt - data.splits["val"][0].original
    assert np.abs(off).max() > 1e-4
    assert row["val_rmse_full_cm"] > 0.01 and row["val_rmse_body_cm"] == pytest.approx(0, abs=1e-2)
    assert row["val_rmse_full_cm"] < 10


def test_rates_by_hand(data: MotionData) -> None:
    codecs: dict[str, Codec] = {n: Given(n, p.mean) for n, p in data.parts.items()}
    encoded = encode_split(codecs, data, "test")
    train = encode_split(codecs, data, "train")
    models = {
        part: TokenModel.fit([t.indices for t in each], codecs[part].alphabet, order=0)
        for part, each in train.tokens.items()
    }
    counts = np.zeros(4)
    for clip in data.splits["train"]:
        counts += np.bincount(np.arange(clip.frames) % 4, minlength=4)
    frames = np.array([c.frames for c in data.splits["test"]])
    total = np.zeros(4)
    for n in frames:
        total += np.bincount(np.arange(n) % 4, minlength=4)
    seconds = frames.sum() / 30.0
    share = total / total.sum()
    bits = -(share * np.log2(share)).sum() * frames.sum()
    for depth in (1, 2):
        row = score_split(codecs, data, encoded, depth, models).row
        assert row["test_rate_entropy_body_bps"] == pytest.approx(bits / seconds)
        assert row["test_rate_entropy_bps"] == pytest.approx(3 * bits / seconds)
        model = 0.0
        for n in frames:
            used = np.bincount(np.arange(n) % 4, minlength=4)
            fitted = -(used * np.log2((counts + 1) / (counts + 1).sum())).sum()
            model += 1 + min(fitted, 2 * n)
            if depth == 2:
                model += 1 + min(-n * math.log2((counts.sum() + 1) / (counts.sum() + 2)), n)
        assert row["test_rate_model_body_bps"] == pytest.approx(model / seconds)
        assert row["test_tokens"] == 3 * depth * frames.sum()
        assert row["test_utilisation_body_pct"] == (100 if depth == 1 else 75)
        # The second level is always the same code, and what is told is the mean over levels.
        whole = bits / frames.sum() / depth
        assert row["test_code_entropy_body_bits"] == pytest.approx(whole)
    assert not any("rate_model" in c for c in score_split(codecs, data, encoded, 2).row)
    # Codes that come in turn are told by the one before: order 1 is fitted, and nearly free.
    fitted = fit_token_models(codecs, data)
    assert fitted["body"].order == 1
    row_1 = score_split(codecs, data, encoded, 2, fitted).row
    assert row_1["test_rate_model_body_bps"] < 0.2 * row["test_rate_model_body_bps"]


def test_a_row_is_the_mean_over_its_recordings(data: MotionData) -> None:
    codecs: dict[str, Codec] = {n: Given(n, p.mean) for n, p in data.parts.items()}
    scores = score_split(codecs, data, encode_split(codecs, data, "val"), 2)
    recordings = [c.recording for c in data.splits["val"]]
    for metric in ("rmse_full_cm", "rmse_left_hand_cm", "mpjpe_body_cm", "hull_pct", "jerk_mps3"):
        rows = [c for c in scores.clips if c["metric"] == metric]
        assert [c["recording"] for c in rows] == recordings
        assert scores.row[f"val_{metric}"] == pytest.approx(np.mean([c["value"] for c in rows]))
        assert [c["n"] for c in rows] == [c.frames for c in data.splits["val"]]
        assert {c["split"] for c in rows} == {"val"}
    parts = {c["metric"]: c["part"] for c in scores.clips}
    assert parts["rmse_left_hand_cm"] == "left_hand" and parts["hull_pct"] == ""
    off = [
        np.linalg.norm(scores.reconstructions[c.recording] - c.original, axis=-1)
        for c in data.splits["val"]
    ]
    assert np.allclose(scores.joint_error, 100 * np.concatenate(off).mean(0), rtol=1e-4)
    assert scores.row["val_rmse_full_cm"] == pytest.approx(
        100 * np.mean([np.sqrt((o**2).mean()) for o in off]), rel=1e-4
    )


def test_joints_of_dropped_parts_count_in_nothing() -> None:
    """The right fingers hold still on train and are dropped; on validation they move wildly."""
    still = ("RightHandIndex1", "RightHandIndex2")
    quiet = prepare(spec(), make_clips(6, 40, still=still))
    train = set(quiet.facts.train.recordings)
    loud = [
        a if a.recording in train else b
        for a, b in zip(make_clips(6, 40, still=still), make_clips(6, 40), strict=True)
    ]
    wild = prepare(spec(), loud)
    assert quiet.facts.part_names == wild.facts.part_names == ("body", "left_hand")
    rows = []
    for data in (quiet, wild):
        codecs = _keeping(data)
        scores = score_split(codecs, data, encode_split(codecs, data, "val"), 1)
        rows.append(scores.row)
        fingers = [NAMES.index(n) for n in still]
        assert np.isnan(scores.joint_error[fingers]).all()
        assert np.isfinite(np.delete(scores.joint_error, fingers)).all()
        assert not any("right_hand" in c for c in scores.row)
    assert rows[1]["val_rmse_full_cm"] == pytest.approx(0, abs=1e-3)
    assert rows[1]["val_jerk_error_mps3"] < 1e-3 * rows[1]["val_jerk_original_mps3"]
    assert rows[1]["val_rmse_hands_cm"] == rows[1]["val_rmse_left_hand_cm"]


def test_parts_with_fewer_levels_use_theirs(data: MotionData) -> None:
    config = complete({"codec": "kmeans", "codebook_size": 4})
    codecs: dict[str, Codec] = {}
    for name, part in data.parts.items():
        codecs[name] = KMeansCodec(config, name, part.dimensions, 30.0, 0)
        codecs[name].fit(part, PlainRuntime())
    codecs["body"] = Given("body", data.parts["body"].mean)
    encoded = encode_split(codecs, data, "val")
    one, two = (score_split(codecs, data, encoded, d).row for d in (1, 2))
    assert one["val_tokens"] * 4 == two["val_tokens"] * 3
    assert one["val_rate_entropy_left_hand_bps"] == two["val_rate_entropy_left_hand_bps"]


def test_clips_too_short_for_a_metric_leave_the_mean_defined() -> None:
    clips = make_clips(6, 48)
    shortened = [c.cut(0, 3) if i in (0, 1) else c for i, c in enumerate(clips)]
    data = prepare(spec(shares=(0.2, 0.4, 0.4)), shortened)
    codecs = _keeping(data)
    short = {s: [c.frames for c in data.splits[s]] for s in SPLITS if s != "train"}
    assert any(3 in n and max(n) > 3 for n in short.values())
    for split in short:
        row = score_split(codecs, data, encode_split(codecs, data, split), 1).row
        assert np.isfinite(row[f"{split}_jerk_original_mps3"])
        assert np.isfinite(row[f"{split}_jerk_mps3"])


def test_encoded_split_holds_every_recording(data: MotionData) -> None:
    encoded = encode_split(_keeping(data), data, "train")
    assert isinstance(encoded, EncodedSplit) and list(encoded.root) == []
    lengths = tuple(len(t.indices) for t in encoded.tokens["body"])
    assert lengths == data.facts.train.lengths
