"""The example on the page of heatmaps runs, and the keys that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

from search_spaces.heatmaps import PAIRS, HeatmapSpec
from trainables.heatmaps.scores import SCORED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "heatmaps.md"


def test_the_example_gives_what_its_comments_say() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[0]
    found: dict[str, object] = {}
    exec(code.replace('"size": 64', '"size": 24, "window": 16, "embedded_size": "debug"'), found)
    pair, scores = found["pair"], found["scores"]
    assert pair.target.shape == (1, 16, 24, 24)  # type: ignore[attr-defined]
    assert scores["iou_index"] == 1.0  # type: ignore[index]
    assert set(found["beside"]) == {"all_zero", "repeat_frame"}  # type: ignore[call-overload]


def test_every_score_pair_and_key_of_the_page_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for metric in SCORED:
        assert f"`{metric.objective()}`" in text, metric.objective()
    for pair in PAIRS:
        assert f"`{pair}`" in text
    bold = re.findall(r"\*\*`(\w+)`\*\*", text)
    assert len(bold) == 5 and set(bold) <= set(HeatmapSpec.model_fields)
