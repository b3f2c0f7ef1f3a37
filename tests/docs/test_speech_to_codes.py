"""The page on speech to codes: its presets, keys and columns exist, and its example is read."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from search_spaces.families import family_of
from search_spaces.inputs import InputsSpec
from search_spaces.objectives import find_metric
from search_spaces.presets import load_spec, preset_names
from trainables.generators.speech_schedule import budgets

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "speech_to_codes.md").read_text("utf-8")


def test_every_preset_of_the_page_exists_and_none_is_missing() -> None:
    named = set(re.findall(r"\| `(eggesture/\w+)` \|", TEXT))
    codecs_own = {"eggesture/codebook_size"}
    assert named == {n for n in preset_names() if n.startswith("eggesture/")} - codecs_own
    for name in named:
        assert load_spec(name, size="debug").space.fixed["codec"] == "speech_to_codes"


def test_every_key_of_the_page_exists() -> None:
    family = family_of({"codec": "speech_to_codes"})
    for name in set(re.findall(r"`(speech\.\w+|frechet\.\w+)(?::[^`]*)?`", TEXT)):
        assert family.key_of(name) is not None, name


def test_columns_of_the_page_are_metrics() -> None:
    rows = re.findall(r"^\| (`[^|]*_(?:pct|cm|index|squared)`[^|]*)\|", TEXT, re.M)
    names = [n for row in rows for n in re.findall(r"`([\w<>…]+)`", row) if "…" not in n]
    for name in names:
        if "HASH" not in name and "majority" not in name:
            find_metric(name.replace("<part>", "body"))
    assert len(names) > 8


def test_numbers_of_the_page() -> None:
    assert "under 3 % of its own" in TEXT and budgets("as_printed", 12, 500.0)[-1][0] < 0.03
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    inputs = InputsSpec.model_validate(yaml.safe_load(example)["inputs"])
    assert inputs.features is not None and inputs.features.sweep == "runs/earlier"
