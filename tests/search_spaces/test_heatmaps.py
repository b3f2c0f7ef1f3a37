"""Words and rates of heatmaps: what a specification takes, bits beside element counts."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.errors import BadInput, Refused
from search_spaces.heatmap_rate import heatmap_rate
from search_spaces.heatmaps import PAIRS, heatmap_spec


def test_bits_are_tokens_times_bits_of_a_code() -> None:
    """Table II and the bits behind it, of 64 frames of 128 x 128."""
    found = [heatmap_rate(f, k) for f, k in ((8, 512), (16, 128), (32, 1024))]
    assert [r.grid for r in found] == [(8, 16, 16), (4, 8, 8), (2, 4, 4)]
    assert [r.element_ratio for r in found] == [512, 4096, 32768]
    assert [r.bits for r in found] == [18432, 1792, 320]
    assert [r.bps for r in found] == pytest.approx([b * 29.97 / 64 for b in (18432, 1792, 320)])
    assert found[0].bit_ratio == pytest.approx(1820.4, abs=0.1)


def test_the_element_ratio_does_not_know_the_codebook_and_bits_do() -> None:
    small, large = heatmap_rate(8, 16), heatmap_rate(8, 1024)
    assert small.element_ratio == large.element_ratio
    assert large.bits == 2.5 * small.bits and small.bit_ratio == 2.5 * large.bit_ratio
    planes = heatmap_rate(8, 16, channels=3, value_bits=8)
    assert planes.bit_ratio == pytest.approx(small.bit_ratio * 3 / 4)


def test_a_factor_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Refused, match="F32 does not divide a window of 16"):
        heatmap_rate(32, 512, window=16)
    with pytest.raises(Refused, match="size of 24"):
        heatmap_rate(16, 512, size=24)
    for factor, codes in ((3, 512), (0, 512), (8, 1)):
        with pytest.raises(ValueError):
            heatmap_rate(factor, codes)


def test_published_inputs_have_their_channels() -> None:
    published = {"2d_2d": (1, 1), "c2d_2d": (17, 1), "m2d_m2d": (3, 3), "m2d_3d": (3, 3),
                 "3d_3d": (3, 3)}  # fmt: skip
    assert set(published) == set(PAIRS)
    for pair, expected in published.items():
        spec = heatmap_spec({"pair": pair, "views": ["yaw=0", "yaw=60", "yaw=120"]})
        assert (spec.input_channels(17), spec.target_channels(17)) == expected
    each = heatmap_spec({"pair": "3d_3d", "channels": "each"})
    assert each.target_channels(17) == 51


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sizes": 3}, "sizes: .*the keys are path"),
        ({"size": 8}, "size: "),
        ({"pair": "3d_2d"}, "pair: "),
        ({"pair": "m2d_m2d"}, "needs two views"),
        ({"views": []}, "at least one"),
        ({"views": ["yaw=0", "yaw=0"]}, "must differ"),
        ({"shares": (0.5, 0.5, 0.5)}, "sum to 1"),
        ({"sigma": float("nan")}, "sigma: "),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        heatmap_spec(settings)
    assert "\n" not in str(error.value)
