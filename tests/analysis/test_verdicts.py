"""Who holds the front where, in words."""

from __future__ import annotations

import pandas as pd

from analysis.verdicts import dominators

PAIR = ("rate_nominal_bps", "rmse_full_cm")


def frame(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    columns = ["codec", "codebook_size", "rate_nominal_bps", "val_rmse_full_cm"]
    return pd.DataFrame(rows, columns=columns).assign(depth=1, levels=1)


def test_spans_break_where_another_codec_holds_the_front() -> None:
    found = dominators(
        frame(
            ("rqvae", 8, 100, 9.0),
            ("rqvae", 16, 200, 8.0),
            ("kmeans", 64, 300, 7.0),
            ("rqvae", 32, 400, 6.0),
            ("kmeans", 128, 500, 6.5),
        ),
        PAIR,
    )
    rqvae, kmeans = found
    assert (rqvae.codec, rqvae.on_front, rqvae.front_size) == ("rqvae", 3, 4)
    assert rqvae.spans == ((100.0, 200.0), (400.0, 400.0))
    assert (
        "from 100 to 200 bits/s and at 400 bits/s (9.00 cm down to 6.00 cm)" in rqvae.sentences[0]
    )
    assert rqvae.sentences[1] == "None of its points is dominated."
    assert kmeans.dominated_by == {"rqvae": 1}
    assert "K-Means 128 at 500 bits/s, 6.50 cm by RQ-VAE 32 at 400" in kmeans.sentences[1]


def test_a_point_is_set_beside_the_best_of_its_dominators() -> None:
    found = dominators(
        frame(("kmeans", 64, 100, 5.0), ("rqvae", 8, 200, 4.0), ("vqgan", 9, 300, 6.0)), PAIR
    )
    last = found[-1]
    assert (last.codec, last.on_front, last.dominated_by) == ("vqgan", 0, {"rqvae": 1})
    assert last.sentences[0].startswith(
        "VQ-GAN is nowhere on the front: its only point is dominated"
    )


def test_points_that_are_not_finite_are_not_judged() -> None:
    found = {s.codec: s for s in dominators(
        frame(("kmeans", 64, 100, 5.0), ("rqvae", 8, 90, float("nan"))), PAIR)}  # fmt: skip
    assert found["rqvae"].sentences == ("RQ-VAE has no finite operating point to judge.",)
    assert found["kmeans"].front_size == 1
    assert "holds the one point of the front" in found["kmeans"].sentences[0]


def test_what_generators_draw_on_is_not_judged_among_them() -> None:
    found = dominators(
        frame(("eg_vqvae", 512, 100, float("nan")), ("speech_to_codes", 512, 100, 5.0)), PAIR
    )
    assert [s.codec for s in found] == ["speech_to_codes"]


def test_a_codec_can_be_beaten_by_itself() -> None:
    (only,) = dominators(frame(("kmeans", 64, 100, 5.0), ("kmeans", 32, 100, 6.0)), PAIR)
    assert only.dominated_by == {"kmeans": 1}
    assert "is dominated by K-Means itself at other settings." in only.sentences[1]
