"""Operating points of the trivial codecs on a data set: what their files would cost, and how bad.

Their rate is measured, never nominal: code lengths and headers of files (`priced_files`), under
tables that were fitted on train as those of any codec. Some of the uniform quantiser's tokens are
given to a general compressor as well: what the coder is worth at the same distortion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from search_spaces.objectives import RATE_STREAM
from search_spaces.record import MEASURED, QUANTISED_FLOATS, RATE_KIND, SETTING
from trainables.bitstream.baselines import lzma_bytes, zlib_bytes
from trainables.codecs.trivial import HoldLast, Interpolated, PcaScalar, Scalar, Uniform
from trainables.evaluate import score_split
from trainables.motion.dataset import MotionData
from trainables.motion.preparation import SplitClip
from trainables.priced_files import fit_models, measured_rates
from trainables.token_rates import EncodedSplit, encode_split

UNIFORM_BITS = (4, 6, 8)
"""Of a whole turn."""

FLOATS = ("4 bits", "8 bits")
"""Those settings whose tokens are given to a general compressor as well."""

KEY_BITS = 8
HELD_FRAMES = (2, 8, 30)

PCA_STEPS_CM = (8.0, 4.0, 2.0, 1.0, 0.5)
PCA_SHARES = (0.32, 0.16, 0.08, 0.04, 0.02)
"""Steps of data in pixels or shoulder widths, of the spread of the first part's joints: for bodies
in metres these are about the steps in centimetres."""

FIT_FRAMES = 20_000
"""Of train that components, ranges and tables are fitted on: the middle of every recording, so much
of it that they come to this. More would move statistics of single coordinates little."""

Row = dict[str, Any]
Codecs = dict[str, Scalar]


def trivial_rows(data: MotionData) -> list[Row]:
    """One row per operating point: `codec` names the curve, `SETTING` the point.

    Columns are those of points, without a nominal rate and without columns of codebooks, of which
    there are none.
    """
    data = some_train(data)
    return [row for codecs, setting in _points(data) for row in _rows(data, codecs, setting)]


def _points(data: MotionData) -> Iterator[tuple[list[Codecs], str]]:
    """Codecs of the same tokens, and what sets them apart from others."""

    def each(kind: Callable[..., Scalar], *settings: float) -> Codecs:
        return {name: kind(part, *settings) for name, part in data.parts.items()}

    for bits in UNIFORM_BITS:
        yield [each(Uniform, bits)], f"{bits} bits"
    for n in HELD_FRAMES:
        yield [each(HoldLast, KEY_BITS, n), each(Interpolated, KEY_BITS, n)], f"every {n} frames"
    if data.facts.unit == "m":
        for cm in PCA_STEPS_CM:
            yield [each(PcaScalar, cm / 100)], f"steps of {cm:g} cm"
        return
    spread = next(iter(data.parts.values())).position_scale
    for share in PCA_SHARES:
        step = float(f"{share * spread:.2g}")
        yield [each(PcaScalar, step)], f"steps of {step:g} {data.facts.unit}"


def some_train(data: MotionData) -> MotionData:
    """The data with at most about `FIT_FRAMES` of train."""
    share = FIT_FRAMES / sum(clip.frames for clip in data.splits["train"])
    if share >= 1:
        return data
    train = tuple(
        _middle(clip, max(1, round(share * clip.frames))) for clip in data.splits["train"]
    )
    parts = {
        name: replace(
            part,
            features=np.concatenate([clip.features[name] for clip in train]),
            lengths=tuple(clip.frames for clip in train),
            seen=_rows_of(part.seen, data.splits["train"], train),
        )
        for name, part in data.parts.items()
    }
    return replace(data, parts=parts, splits={**data.splits, "train": train})


def _rows_of(
    rows: np.ndarray | None, whole: Sequence[SplitClip], middles: Sequence[SplitClip]
) -> np.ndarray | None:
    """Rows (frames, ...) of all of train, cut to the middles of its recordings."""
    if rows is None:
        return None
    starts = np.cumsum([0, *(clip.frames for clip in whole)])
    return np.concatenate(
        [
            rows[start + (clip.frames - cut.frames) // 2 :][: cut.frames]
            for start, clip, cut in zip(starts[:-1], whole, middles, strict=True)
        ]
    )


def _middle(clip: SplitClip, frames: int) -> SplitClip:
    first = (clip.frames - frames) // 2
    within = slice(first, first + frames)
    root = None if clip.root_tokens is None else clip.root_tokens[within]
    features = {name: f[within] for name, f in clip.features.items()}
    seen = None if clip.seen is None else clip.seen[within]
    return replace(clip, features=features, root_tokens=root, seen=seen)


def _rows(data: MotionData, decoders: list[Codecs], setting: str) -> list[Row]:
    codecs = decoders[0]
    models = fit_models(codecs, data)
    rows = [_named(next(iter(own.values())).family, setting) for own in decoders]
    floats = []
    if setting in FLOATS:
        floats.append(_named(f"{QUANTISED_FLOATS}, {setting}", setting))
    for split in ("val", "test"):
        encoded = encode_split(codecs, data, split)
        rates = measured_rates(codecs, data, encoded, models)
        for row, own in zip(rows, decoders, strict=True):
            deepest = max(codec.levels for codec in own.values())
            found = score_split(own, data, encoded, deepest).row
            scores = {k: v for k, v in found.items() if not _of_tokens(k)}
            row.update(scores | rates)
        for row in floats:
            row.update(scores | {RATE_STREAM.column(split): _compressed(codecs, data, encoded)})
    return [*rows, *floats]


def _named(codec: str, setting: str) -> Row:
    return {"codec": codec, SETTING: setting, RATE_KIND: MEASURED, "depth": 1, "levels": 1}


def _of_tokens(column: str) -> bool:
    return any(
        word in column
        for word in ("_rate_", "_utilisation_", "_perplexity_", "_code_entropy_", "_tokens")
    )


def _compressed(codecs: Codecs, data: MotionData, encoded: EncodedSplit) -> float:
    """Bits per second of the better general compressor, without any header."""
    alphabets = {part: codec.alphabet for part, codec in codecs.items()}
    clips, total = data.splits[encoded.split], 0
    for i in range(len(clips)):
        tokens = {part: each[i].indices for part, each in encoded.tokens.items()}
        total += min(lzma_bytes(tokens, alphabets), zlib_bytes(tokens, alphabets))
    return 8 * total * data.fps / sum(clip.frames for clip in clips)
