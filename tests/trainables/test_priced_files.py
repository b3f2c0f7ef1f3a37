"""Priced files are as long as coded ones, but for the coder's rounding."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainables.tiny import make_clips, spec
from trainables.bitstream.header import MAX_LEVELS
from trainables.bitstream.recording import pack
from trainables.codecs.trivial import HoldLast, PcaScalar, Uniform
from trainables.metrics.rate import model_bits
from trainables.motion.dataset import prepare
from trainables.priced_files import file_size, fit_models, header_parts, measured_rates
from trainables.streams import recording_header
from trainables.token_rates import encode_split


@pytest.mark.parametrize("root", ["removed", "coded"])
@pytest.mark.parametrize("make", [
    lambda p: Uniform(p, 6), lambda p: HoldLast(p, 8, 4), lambda p: PcaScalar(p, 0.02)
])  # fmt: skip
@pytest.mark.parametrize("most", [MAX_LEVELS, 5])
def test_a_priced_file_is_as_long_as_a_coded_one(
    root: str, make, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    """With parts sent whole, and cut into several of the header."""
    monkeypatch.setattr("trainables.priced_files.MAX_LEVELS", most)
    data = prepare(spec(root=root), make_clips(7, 90))
    codecs = {name: make(part) for name, part in data.parts.items()}
    models = fit_models(codecs, data)
    encoded = encode_split(codecs, data, "test")
    streams, _ = header_parts(codecs, data, encoded)
    assert all(each[0].shape[1] <= most for each in streams.values())
    compression = {name: next(iter(codecs.values())).compression for name in streams}
    total = 0
    for i, clip in enumerate(data.splits["test"]):
        tokens = {name: each[i] for name, each in streams.items()}
        compression["root"] = 1
        header = recording_header(data.preparation, clip, tokens, models, compression)
        file = pack(header, tokens, models)
        bits = {name: model_bits([each[i]], models[name])[0] for name, each in streams.items()}
        size = file_size(codecs, data, clip, models, bits)
        assert 0 <= len(file) - size.total <= 8
        total += size.total
    seconds = sum(c.frames for c in data.splits["test"]) / data.fps
    rates = measured_rates(codecs, data, encoded, models)
    assert rates["test_rate_stream_bps"] == pytest.approx(8 * total / seconds)
    parts = [rates[f"test_rate_model_{part}_bps"] for part in data.parts]
    root_bps = rates.get("test_rate_model_root_bps", 0.0)
    assert sum(parts) + root_bps == pytest.approx(rates["test_rate_model_bps"])
    assert (root_bps > 0) == (root == "coded")


def test_levels_of_a_cut_part_stay_in_order() -> None:
    data = prepare(spec(), make_clips(7, 60))
    codecs = {name: Uniform(part, 6) for name, part in data.parts.items()}
    encoded = encode_split(codecs, data, "val")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.priced_files.MAX_LEVELS", 4)
        streams, alphabets = header_parts(codecs, data, encoded)
    own = [name for name in streams if name.split("/")[0] == "body"]
    joined = np.concatenate([streams[name][0] for name in own], axis=1)
    assert np.array_equal(joined, encoded.tokens["body"][0].indices)
    assert sum((alphabets[name] for name in own), ()) == codecs["body"].alphabet
