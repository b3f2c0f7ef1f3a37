"""The page of the VQ-GAN names presets, keys and tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from search_spaces.families import family_of, known_keys
from search_spaces.presets import load_spec, preset_names

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "vqgan.md").read_text(encoding="utf-8")


def test_every_preset_of_the_page_exists_and_all_are_told_of() -> None:
    told = set(re.findall(r"^\| `(vqgan/\w+)`", PAGE, re.M))
    assert told == {name for name in preset_names() if name.startswith("vqgan/")}
    assert len(load_spec("vqgan/table3").space.cells) == 12


def test_every_key_of_the_page_exists() -> None:
    named = {"disc_norm", "disc_start", "disc_factor", "disc_weight", "perceptual_weights",
             "batch_windows", "accumulate", "precision", "legacy_weighting", "commitment",
             "loss.kl", "kl_warmup", "attention", "codebook", "codebook_start", "adversarial",
             "width"}  # fmt: skip
    assert named <= known_keys()
    assert all(f"`{key}`" in PAGE for key in named)
    pictures = ["pair", "heatmap", "channels", "picture", "window", "stride", "jitter", "sigma",
                "intensity", "views"]  # fmt: skip
    assert all(family_of({"codec": "dvae"}).key_of(key) for key in pictures)
    assert all(f"`{key}`" in PAGE for key in pictures)


def test_every_test_of_the_page_exists() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE)
    text = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "trainables").rglob("*.py")
    )
    assert len(named) > 8 and all(f"def {name}(" in text for name in named)
