"""`heatmaps.html` of a sweep that was run: its cells, floors, both printed sources, no script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.vqgan.page import build_heatmaps, said
from search_spaces.presets import load_spec
from tests.analysis.make_sweep import FakeSweep
from tests.cluster.in_process import sweep_in_process
from tests.trainables.heatmaps.coding import motion

SMALLEST = ("picture=16", "window=16", "max_steps=2", "disc_start=1", "latent_dim=4",
            "pair=c2d_2d", "compression=8,16", "codebook_size=256,512")  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("heatmaps") / "sweep"
    spec = load_spec("vqgan/table3", size="debug", settings=SMALLEST)
    sweep_in_process(spec, motion(), folder)  # type: ignore[arg-type]
    made = build_heatmaps(folder)
    assert made is not None and made.name == "heatmaps.html"
    return made.read_text(encoding="utf-8")


def test_every_claim_has_a_verdict(page: str) -> None:
    assert page.count('class="verdict') == 6 and all(f"V{k}</strong>" in page for k in range(1, 7))


def test_ours_stand_beside_floors_and_both_sources(page: str) -> None:
    assert page.count('<tr class="own">') == 3
    assert page.count("first frame held</td>") == 3 and page.count("noise ceiling</td>") == 3
    assert page.count("the paper (other data)") == 3
    assert page.count("its repository (other data)") == 3
    # they disagree on F16 with 256 codes
    assert "0.953" in page and "0.954" in page
    # 4 tokens of 8 bits in 16 frames at 30 fps; F^3 and the true ratio
    assert ">4,096<" in page and ">512<" in page and ">8<" in page


def test_what_is_not_of_heatmaps_has_no_such_page(tmp_path: Path) -> None:
    FakeSweep(trials=2, failures=False).write(tmp_path / "sweep", np.random.default_rng(1))
    assert build_heatmaps(tmp_path / "sweep") is None


def test_numbers_are_short() -> None:
    assert [said(v) for v in (0.97512, 31.23, 0.0013, 0.0)] == ["0.975", "31.2", "0.0013", "0.000"]
