"""What every codec promises, as tests: a codec's own test subclasses `CodecContract`.

    class TestMyCodec(CodecContract):
        config = {"codec": "my_codec", "codebook_size": 8}

A plugin's codec runs through the same checks as the built-in ones. Run by pytest; the configuration
should train in well under a second on a few hundred frames, since most checks train it anew.
"""

# ruff: noqa: D102 - the names of the tests say what is promised
from __future__ import annotations

import inspect
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from search_spaces.data_facts import DataFacts, PartFacts, SplitFacts
from search_spaces.families import CodecFamily, family_of
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, Value
from trainables.codecs.codec import Codec, Tokens, load_codec
from trainables.codecs.registry import codec_class
from trainables.motion.part_data import PartData, PartGeometry
from trainables.runtime import PlainRuntime

FPS = 30.0

LONG = 9001
"""Frames of a recording that is longer than two blocks, or two segments, and no multiple of one."""


def chain_geometry(joints: int, rng: np.random.Generator) -> PartGeometry:
    """A part whose joints form one chain of 10 cm bones, every joint coded as exponential map."""
    offsets = rng.normal(size=(joints + 1, 3))
    offsets *= 0.1 / np.linalg.norm(offsets, axis=1, keepdims=True)
    offsets[0] = 0
    return PartGeometry(
        kind="expmap",
        parents=np.arange(-1, joints),
        offsets=offsets,
        coded=np.arange(joints),
        mean_rotations=np.broadcast_to(np.eye(3), (joints, 3, 3)).copy(),
        constant=np.zeros(3 * joints),
        active=np.arange(3 * joints),
    )


def part_data(name: str, recordings: list[np.ndarray], geometry: PartGeometry) -> PartData:
    """Recordings (frames, dimensions) of one part as training data."""
    features = np.concatenate(recordings).astype(np.float32)
    std = features.std(0)
    return PartData(
        name=name,
        features=features,
        lengths=tuple(len(r) for r in recordings),
        fps=FPS,
        mean=features.mean(0),
        std=np.where(std > 1e-6, std, 1).astype(np.float32),
        position_scale=0.1,
        geometry=geometry,
    )


def structured_recordings(
    lengths: tuple[int, ...], dimensions: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Smooth features on a low-rank surface, like poses: three sinusoids through a random map."""
    mixing = rng.normal(size=(6, dimensions)) * 0.3
    recordings = []
    for length in lengths:
        seconds = np.arange(length)[:, None] / FPS
        waves = np.sin(2 * np.pi * (rng.uniform(0.2, 1.0, 3) * seconds + rng.uniform(size=3)))
        smooth = np.concatenate([waves, waves[:, :1] * waves[:, 1:], waves[:, :1] ** 2], axis=1)
        recordings.append((smooth @ mixing).astype(np.float32))
    return recordings


class CodecContract:
    """Checks that every codec passes. Subclass it, and name a configuration."""

    config: ClassVar[Config]
    """A configuration of the codec under test: small, quick to train, alphabet above 1."""
    joints: ClassVar[int] = 3
    lengths: ClassVar[tuple[int, ...]] = (97, 120, 30)
    """Frames of the training recordings."""

    _fitted: ClassVar[dict[type, Codec]] = {}

    # What the checks are made of.

    def data(self, part: str = "body") -> PartData:
        """Structured training data, the same at each call."""
        rng = np.random.default_rng(5)
        recordings = structured_recordings(self.lengths, 3 * self.joints, rng)
        return part_data(part, recordings, chain_geometry(self.joints, rng))

    def unseen(self, frames: int = 61) -> np.ndarray:
        """A recording (frames, dimensions) that no codec was trained on."""
        return structured_recordings((frames,), 3 * self.joints, np.random.default_rng(6))[0]

    def new(self, seed: int = 0, part: str = "body", **changes: Value) -> Codec:
        """An untrained codec."""
        config = self.family.complete({**self.config, **changes})
        return codec_class(str(self.config["codec"]))(config, part, 3 * self.joints, FPS, seed)

    def fit(self, codec: Codec, until: float = 1.0) -> Codec:
        """Trains on the structured data."""
        codec.fit(self.data(codec.part), PlainRuntime(), until)
        return codec

    @property
    def trained(self) -> Codec:
        """A trained codec, shared by the checks that only read it."""
        if type(self) not in self._fitted:
            self._fitted[type(self)] = self.fit(self.new())
        return self._fitted[type(self)]

    @property
    def family(self) -> CodecFamily:
        """The family under test; importing the class is what registers a plugin's."""
        return family_of(self.config)

    # Tokens and rate.

    def test_alphabet_is_the_familys(self) -> None:
        codec = self.trained
        assert codec.family == self.config["codec"]
        assert codec.alphabet == self.family.alphabet(codec.config, "body")
        assert codec.encode(self.unseen()).alphabet == codec.alphabet

    def test_tokens_have_one_row_per_token(self) -> None:
        codec = self.trained
        for frames in (1, 2, 3, 7, 61):
            tokens = codec.encode(self.unseen(frames))
            assert tokens.indices.shape == (-(-frames // codec.compression), codec.levels)
            assert tokens.indices.dtype == np.int32
            assert tokens.frames == frames
            assert tokens.rate_hz == FPS / codec.compression

    def test_bits_of_tokens_are_the_nominal_rate(self) -> None:
        codec, lengths = self.trained, (61, 20, 7)
        per_frame = [np.log2(a) for a in codec.alphabet]
        for depth in range(1, codec.levels + 1):
            tokens = [codec.encode(self.unseen(n)).indices[:, :depth] for n in lengths]
            bits = sum(len(t) * sum(per_frame[:depth]) for t in tokens)
            rate = nominal_rate(codec.config, _facts(lengths, codec.dimensions), depth)
            assert abs(bits / (sum(lengths) / FPS) - rate.total) < 1e-6

    def test_a_part_may_have_its_own_codebook(self) -> None:
        size = int(self.config["codebook_size"]) * 2
        changes = {"codebook_size.right_hand": size}
        assert set(self.new(part="right_hand", **changes).alphabet) == {size}
        assert self.new(part="body", **changes).alphabet == self.new().alphabet
        codec = self.fit(self.new(part="right_hand", **changes), 1.0)
        assert codec.encode(self.unseen()).alphabet == codec.alphabet

    # Encoding and decoding.

    def test_decoding_gives_the_frames_back(self) -> None:
        codec = self.trained
        for frames in (1, 2, 5, 61):
            decoded = codec.decode(codec.encode(self.unseen(frames)))
            assert decoded.shape == (frames, codec.dimensions)
            assert decoded.dtype == np.float32
            assert np.isfinite(decoded).all()

    def test_encoding_and_decoding_are_deterministic(self) -> None:
        codec, features = self.trained, self.unseen()
        before = features.copy()
        tokens = codec.encode(features)
        assert np.array_equal(features, before), "encoding changed its input"
        decoded = codec.decode(tokens)
        codec.decode(codec.encode(self.unseen(7)))
        assert np.array_equal(codec.encode(features).indices, tokens.indices)
        assert np.array_equal(codec.decode(tokens), decoded)

    def test_a_prefix_is_decoded_from_its_levels_alone(self) -> None:
        codec = self.trained
        if not self.family.residual:
            return
        tokens = codec.encode(self.unseen())
        for depth in range(1, codec.levels):
            other = tokens.indices.copy()
            other[:, depth:] = (other[:, depth:] + 1) % np.array(codec.alphabet[depth:])
            changed = Tokens(other, tokens.alphabet, tokens.rate_hz, tokens.frames)
            prefix = codec.decode(tokens, depth)
            assert np.array_equal(prefix, codec.decode(changed, depth))
            assert not np.array_equal(prefix, codec.decode(changed, depth + 1))
        assert np.array_equal(codec.decode(tokens, codec.levels), codec.decode(tokens))

    def test_blocks_put_end_to_end_are_the_decoding(self) -> None:
        codec = self.trained
        for frames, block in ((1, 7), (61, 16), (61, 61), (LONG, 1000), (LONG, LONG)):
            tokens = codec.encode(self.unseen(frames))
            for depth in {1, codec.levels}:
                blocks = list(codec.decode_blocks(tokens, depth, block))
                assert np.array_equal(np.concatenate(blocks), codec.decode(tokens, depth))
                assert all(b.dtype == np.float32 for b in blocks)
                # One block is what a codec gives that cannot be cut; else they are as asked for.
                assert len(blocks) == 1 or {len(b) for b in blocks[:-1]} == {block}
                assert len(blocks) == 1 or 1 <= len(blocks[-1]) <= block
            whole = codec.decode(tokens)
            assert np.array_equal(np.concatenate(list(codec.decode_blocks(tokens))), whole)

    def test_all_levels_are_nearer_than_the_first(self) -> None:
        codec = self.trained
        if self.family.residual and codec.levels > 1:
            assert self._error(codec) < self._error(codec, depth=1)

    # Training.

    def test_training_beats_the_mean(self) -> None:
        data = self.data()
        assert self._error(self.trained) < 0.7 * float(((data.features - data.mean) ** 2).mean())

    def test_training_reports_finite_losses_and_leaves_its_data(self) -> None:
        codec, data = self.new(), self.data()
        before = data.features.copy()
        losses = codec.fit(data, PlainRuntime())
        assert losses and all(np.isfinite(v) for v in losses.values())
        assert codec.trained_share == 1.0
        assert np.array_equal(data.features, before), "training changed its data"
        kept = codec.arrays()
        assert codec.fit(data, PlainRuntime()) == {}, "trained past its budget"
        _assert_same(kept, codec.arrays())

    def test_training_in_shares_is_training_at_once(self) -> None:
        codec, data = self.new(), self.data()
        for until in (0.0, 0.3, 0.3, 0.7, 1.0):
            codec.fit(data, PlainRuntime(), until)
            if codec.trained_share > 0:
                codec.encode(self.unseen())  # a look between shares leaves no trace
        _assert_same(codec.arrays(), self.trained.arrays())

    def test_training_resumes_from_its_state(self) -> None:
        import torch

        first = self.fit(self.new(), 0.4)
        file = io.BytesIO()
        torch.save(first.training_state(), file)
        self.fit(first, 1.0)  # a state that shared memory with the codec would be spoilt by this
        file.seek(0)
        second = self.new()
        second.load_training_state(torch.load(file, weights_only=True))
        if second.trained_share > 0:
            assert second.trained_share < 1 or not self.family.trained
            second.encode(self.unseen())
        self.fit(second, 1.0)
        _assert_same(second.arrays(), self.trained.arrays())
        again = self.new()
        again.load_training_state(second.training_state())
        assert again.trained_share == 1.0
        _assert_same(again.arrays(), self.trained.arrays())

    def test_training_depends_on_its_seed_alone(self) -> None:
        import torch

        torch.manual_seed(12345)
        np.random.seed(12345)
        before = torch.get_rng_state()
        other = self.new(seed=3)
        self.fit(other, 0.5)  # another codec trains first in the same process
        codec = self.fit(self.new(), 1.0)
        assert torch.equal(torch.get_rng_state(), before), "took from torch's global generator"
        _assert_same(codec.arrays(), self.trained.arrays())
        self.fit(other, 1.0)
        different = other.arrays()
        assert any(not np.array_equal(v, different[k]) for k, v in codec.arrays().items())

    def test_training_sees_training_data_only(self) -> None:
        names = list(inspect.signature(codec_class(str(self.config["codec"])).fit).parameters)
        assert names == ["self", "data", "runtime", "until"]

    # Odd data.

    def test_short_and_constant_recordings_train(self) -> None:
        rng = np.random.default_rng(7)
        recordings = structured_recordings((1, 2, 5, 40), 3 * self.joints, rng)
        for recording in recordings:
            recording[:, 1] = 0.25
        data = part_data("body", recordings, chain_geometry(self.joints, rng))
        codec = self.new()
        codec.fit(data, PlainRuntime())
        decoded = codec.decode(codec.encode(recordings[0]))
        assert decoded.shape == recordings[0].shape
        assert np.isfinite(decoded).all()

    def test_a_single_pose_comes_back(self) -> None:
        pose = np.linspace(-0.5, 0.5, 3 * self.joints, dtype=np.float32)
        recording = np.repeat(pose[None], 50, axis=0)
        codec = self.new()
        geometry = chain_geometry(self.joints, np.random.default_rng(8))
        codec.fit(part_data("body", [recording], geometry), PlainRuntime())
        assert np.abs(codec.decode(codec.encode(recording)) - recording).max() < 0.05

    # Files.

    def test_a_saved_codec_is_the_same_codec(self, tmp_path: Path) -> None:
        import torch

        codec = self.trained
        codec.save(tmp_path / "codec")
        before = torch.get_rng_state()
        loaded = load_codec(tmp_path / "codec")
        assert torch.equal(torch.get_rng_state(), before), "took from torch's global generator"
        assert type(loaded) is type(codec)
        assert (loaded.config, loaded.part, loaded.seed) == (codec.config, codec.part, codec.seed)
        _assert_same(loaded.arrays(), codec.arrays())
        assert loaded.parameters() == codec.parameters() > 0
        tokens, again = codec.encode(self.unseen()), loaded.encode(self.unseen())
        assert np.array_equal(tokens.indices, again.indices)
        assert (tokens.alphabet, tokens.rate_hz) == (again.alphabet, again.rate_hz)
        for depth in range(1, codec.levels + 1):
            assert np.array_equal(codec.decode(tokens, depth), loaded.decode(again, depth))

    def test_a_saved_codec_holds_no_pickle(self, tmp_path: Path) -> None:
        from safetensors.numpy import load_file

        self.trained.save(tmp_path / "codec")
        names = sorted(p.name for p in (tmp_path / "codec").iterdir())
        assert names == ["codec.json", "model.safetensors"]
        assert json.loads((tmp_path / "codec" / "codec.json").read_text())["part"] == "body"
        assert load_file(tmp_path / "codec" / "model.safetensors").keys()

    def _error(self, codec: Codec, depth: int | None = None) -> float:
        data = self.data()
        stops = np.cumsum(data.lengths)[:-1]
        errors = [
            ((codec.decode(codec.encode(r), depth) - r) ** 2).sum()
            for r in np.split(data.features, stops)
        ]
        return float(sum(errors)) / data.features.size


def _assert_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Equal to the bit."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert np.array_equal(array, second[name]), f"{name} differs"


def _facts(lengths: tuple[int, ...], dimensions: int) -> DataFacts:
    frames = sum(lengths)
    names = tuple(f"r{i}" for i in range(len(lengths)))
    train = SplitFacts(frames=frames, seconds=frames / FPS, recordings=names, lengths=lengths)
    empty = SplitFacts(frames=0, seconds=0.0, recordings=(), lengths=())
    part = PartFacts(name="body", joints=3, dimensions=dimensions, scored_joints=4)
    return DataFacts(
        name="contract", fps=FPS, source_fps=(FPS,), parts=(part,), train=train,
        val=empty, test=empty, joints=4,
    )  # fmt: skip
