"""A table of recorded codecs, made up: the plan is the real one, distortions are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.search import codec_space, codec_table
from benchmarks.search.recorded import Codecs
from search_spaces.families import family_of
from search_spaces.space import Config

SECONDS = 10.0


def rates_of(proposal: Config) -> list[float]:
    config = codec_space.whole(proposal)
    family = family_of(config)
    bits = np.cumsum(np.log2(np.array(family.alphabet(config, ""), float)))
    return list((bits if family.residual else bits[-1:]) * 90.0 / family.compression(config))


def part(number: int, proposal: Config) -> dict[str, Any]:
    """As the recorder leaves one, with an invented distortion."""
    rates = rates_of(proposal)
    levels = len(rates)
    shares = codec_table.SHARES if proposal["codec"] != "kmeans" else (1.0,)
    curve = [
        {
            "share": share,
            "fit_seconds": SECONDS * share,
            "points": [
                {"depth": d + 1, "rmse_full_cm": (2.0 - share) * 90.0 / np.sqrt(r),
                 "rmse_body_cm": 1.0, "rmse_hands_cm": 1.0, "jerk_mps3": 1.0,
                 "rate_model_bps": r, "utilisation_pct": 50.0}
                for d, r in enumerate(rates)
            ],
        }
        for share in shares
    ]  # fmt: skip
    about = dict.fromkeys(codec_table.PROVENANCE, "none")
    return {
        "number": number, "proposal": proposal, "config": {"max_steps": 300},
        "levels": levels, "curve": curve, "rates": rates,
        "depths": list(range(1, levels + 1)), "failure": "", "fit_seconds": SECONDS,
        "score_seconds": 1.0, "last_tenth_change": codec_table.last_tenth_change(curve), **about,
    }  # fmt: skip


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    # A stretch of the plan has every compression in it, and most strata.
    for number, proposal in enumerate(codec_space.plan(lambda config: True)[:60]):
        (folder / f"{number:03d}.json").write_text(json.dumps(part(number, proposal)))
    path = folder / "table.parquet"
    codec_table.pack(folder, path)
    return path


@pytest.fixture(scope="module")
def table(table_file: Path) -> Codecs:
    return Codecs(table_file)
