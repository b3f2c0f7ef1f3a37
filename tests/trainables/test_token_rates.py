"""The four rates on tokens of trained codecs: in their order, additive, and those of real files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.export import trained
from search_spaces.families import complete
from search_spaces.objectives import (
    RATE_ENTROPY,
    RATE_HEADER,
    RATE_LZMA,
    RATE_MODEL,
    RATE_STREAM,
    RATE_ZLIB,
    column_of,
)
from search_spaces.rate import nominal_rate
from search_spaces.record import TRIALS_FOLDER
from search_spaces.spec import EMBEDDED, DataSpec
from tests.long.fuzz_streams import CONFIGS, exported
from trainables.bitstream.container import read_container
from trainables.bitstream.recording import ROOT, Size
from trainables.bitstream.token_model import TokenModel
from trainables.exported.transcode import encode_clip
from trainables.metrics.rate import cross_entropy_rate_bps, entropy_rate_bps, model_bits
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.recordings import load_clips
from trainables.runtime import PlainRuntime
from trainables.streams import at_depth, first_levels
from trainables.token_rates import (
    Codecs,
    EncodedSplit,
    encode_split,
    fit_token_models,
    split_sizes,
    token_metrics,
)
from trainables.trial import TrialTask, run_trial

SPLITS = ("train", "val", "test")

CASES = [
    "embedded kmeans coded",
    "embedded rqvae coded",
    "embedded temporal_rvq removed",
    "bandai_namco kmeans removed",
    *(
        pytest.param(case, marks=pytest.mark.long)
        for case in (
            "embedded kmeans removed",
            "embedded rqvae removed",
            "embedded temporal_rvq coded",
            "cmu_iclone kmeans coded",
            "cmu_iclone rqvae removed",
            "cmu_iclone rqvae coded",
            "cmu_iclone temporal_rvq removed",
            "cmu_iclone temporal_rvq coded",
        )
    ),
]
"""Whose motion, which codec, and what becomes of the root."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A finished trial: its rows, and its tokens of all splits with what they cost as files."""

    clips: list[Clip]
    data: MotionData
    task: TrialTask
    rows: list[dict[str, Any]]
    folder: Path
    codecs: Codecs
    models: dict[str, TokenModel]
    splits: dict[str, EncodedSplit]
    sizes: dict[str, list[list[Size]]]

    @property
    def depths(self) -> range:
        return range(1, max(c.levels for c in self.codecs.values()) + 1)

    def recordings(self) -> Iterator[tuple[dict[str, np.ndarray], list[Size]]]:
        """Part -> tokens, and sizes at every depth, of each recording of every split."""
        for split, encoded in self.splits.items():
            for i, sizes in enumerate(self.sizes[split]):
                tokens = {part: each[i].indices for part, each in encoded.tokens.items()}
                yield tokens | ({ROOT: encoded.root[i]} if encoded.root else {}), sizes


@lru_cache
def motion(place: str) -> tuple[list[Clip], MotionData]:
    """Clips as read, and the data prepared of them with its root trial."""
    spec = DataSpec(path=place, embedded_size="debug", root="coded")
    clips, _ = load_clips(spec)
    return list(clips), prepare(spec, clips)


@pytest.fixture(scope="module", params=CASES)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    where, name, root = request.param.split()
    if where != EMBEDDED:  # cmu_iclone has 60 frames a second, coded at 30
        where = str(request.getfixturevalue("real") / where)
    clips, data = motion(where)
    data = data if root == "coded" else without_root(data)
    folder = tmp_path_factory.mktemp("sweep")
    task = TrialTask("tests", complete({**CONFIGS[name]}), 0, None, 1, "debug")
    task = replace(task, folder=folder / TRIALS_FOLDER / task.trial)
    rows = run_trial(task, data, PlainRuntime())
    codecs, models = trained(folder, task.trial, data.preparation.part_names)
    if root == "coded":
        models[ROOT] = fit_token_models(codecs, data)[ROOT]
    splits = {split: encode_split(codecs, data, split) for split in SPLITS}
    sizes = {s: split_sizes(codecs, data, each, models) for s, each in splits.items()}
    return Trial(clips, data, task, rows, folder, codecs, models, splits, sizes)


def without_root(data: MotionData) -> MotionData:
    """The same data with its root removed."""
    return replace(
        data,
        facts=data.facts.model_copy(update={"root": "removed", "root_alphabet": ()}),
        preparation=replace(data.preparation, root_coded=False),
        splits={
            split: tuple(replace(clip, root_tokens=None) for clip in clips)
            for split, clips in data.splits.items()
        },
    )


def test_no_stream_costs_more_than_its_nominal_bits_and_a_flag(trial: Trial) -> None:
    seen = 0
    for tokens, _ in trial.recordings():
        for part, indices in tokens.items():
            alphabet = np.array(trial.models[part].alphabet, float)
            nominal = len(indices) * np.log2(alphabet)
            (bits,) = model_bits([indices], trial.models[part])
            assert (bits <= nominal + 1 + 1e-9).all()
            seen += len(bits)
    assert seen >= 2 * len(trial.codecs)


def test_no_file_costs_more_than_model_header_and_64_bits_per_stream(trial: Trial) -> None:
    for tokens, sizes in trial.recordings():
        assert len(sizes) == trial.depths[-1]
        for depth in trial.depths:
            sent = first_levels(tokens, depth)
            size = at_depth(sizes, depth)
            bits = [model_bits([t], trial.models[part]) for part, t in sent.items()]
            streams = sum(b.size for b in bits)
            assert 8 * size.total <= sum(b.sum() for b in bits) + 8 * size.header + 64 * streams
            # and no file holds less than its tokens carry
            assert 8 * (size.total - size.header) >= 0.999 * sum(b.sum() - b.size for b in bits) - 1


def test_entropy_is_no_more_than_cross_entropy_at_order_0(trial: Trial) -> None:
    seconds = 7.0
    for part, codec in trial.codecs.items():
        train = [t.indices for t in trial.splits["train"].tokens[part]]
        model = TokenModel.fit(train, codec.alphabet, order=0)
        for encoded in trial.splits.values():
            recordings = [t.indices for t in encoded.tokens[part]]
            for depth in range(1, codec.levels + 1):
                for some in (recordings, *([r] for r in recordings)):
                    cut = [r[:, :depth] for r in some]
                    entropy = entropy_rate_bps(cut, codec.alphabet[:depth], seconds)
                    assert entropy <= cross_entropy_rate_bps(cut, model.cut(depth), seconds) + 1e-9


def test_rates_add_over_parts_and_come_in_their_order(trial: Trial) -> None:
    parts = [*trial.codecs, *([ROOT] if trial.splits["val"].root else [])]
    for split, encoded in trial.splits.items():
        before = 0.0
        seconds = sum(c.frames for c in trial.data.splits[split]) / trial.data.fps
        for depth in trial.depths:
            row = token_metrics(
                trial.codecs, trial.data, encoded, depth, trial.models, trial.sizes[split]
            )
            for metric in (RATE_ENTROPY, RATE_MODEL):
                each = [row[column_of(metric.objective(p), split, known=False)] for p in parts]
                assert row[metric.column(split)] == pytest.approx(sum(each), rel=1e-12)
                assert min(each) > 0
            stream, header = (row[m.column(split)] for m in (RATE_STREAM, RATE_HEADER))
            total = sum(at_depth(sizes, depth).total for sizes in trial.sizes[split])
            assert stream == 8 * total / seconds
            assert 0 < header < stream
            assert stream > before  # finer levels cost
            before = stream
            payload = row[RATE_MODEL.column(split)]
            assert min(row[m.column(split)] for m in (RATE_ZLIB, RATE_LZMA)) > 0
            streams = sum(len(codec.alphabet[:depth]) for codec in trial.codecs.values()) + len(
                trial.data.facts.root_alphabet
            )
            extra = 64 * streams * len(trial.sizes[split]) / seconds
            assert stream <= payload + header + extra


def test_the_stream_rate_of_a_row_is_that_of_the_files_of_its_export(trial: Trial) -> None:
    """What a sweep reports is what `export` and `encode` write, byte for byte."""
    data, by_name = trial.data, {clip.recording: clip for clip in trial.clips}
    assert [row["depth"] for row in trial.rows] == list(trial.depths)
    for row in trial.rows:
        depth = int(row["depth"])
        place = trial.folder / f"codec-{depth}"
        codec = exported(data, trial.codecs, trial.models, depth, place)
        for split in ("val", "test"):
            ready = data.splits[split]
            written = [encode_clip(codec, by_name[c.recording])[0].pack(codec) for c in ready]
            seconds = sum(c.frames for c in ready) / data.fps
            total = sum(len(file) for file in written)
            assert row[RATE_STREAM.column(split)] == 8 * total / seconds
            header = sum(read_container(file).header_bytes for file in written)
            assert row[RATE_HEADER.column(split)] == 8 * header / seconds


def test_the_model_rate_of_a_row_is_at_most_nominal_and_a_bit_per_stream(trial: Trial) -> None:
    """In bits of the tokens that there are: a tail that fills no token is sent as a whole one."""
    for row in trial.rows:
        depth = int(row["depth"])
        for split in ("val", "test"):
            clips = trial.data.splits[split]
            nominal, streams = 0.0, 0
            for part, model in trial.models.items():
                alphabet = model.alphabet[: None if part == ROOT else depth]
                pace = 1 if part == ROOT else trial.codecs[part].compression
                tokens = sum(-(-clip.frames // pace) for clip in clips)
                nominal += tokens * np.log2(np.array(alphabet, float)).sum()
                streams += len(alphabet) * len(clips)
            seconds = sum(clip.frames for clip in clips) / trial.data.fps
            assert row[RATE_MODEL.column(split)] <= (nominal + streams) / seconds + 1e-9
            assert (
                row["rate_nominal_bps"]
                == nominal_rate(trial.task.config, trial.data.facts, depth).total
                == pytest.approx(nominal / seconds, rel=0.02)
            )
