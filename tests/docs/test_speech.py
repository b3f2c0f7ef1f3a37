"""The example on the page of speech runs, and the names and numbers that it gives hold."""

from __future__ import annotations

import re
from pathlib import Path

from search_spaces.speech_metrics import (
    BEAT_ALIGNMENT_AUDIO,
    BEAT_ALIGNMENT_GESTURE,
    DIVERSITY_CLIPS,
    DIVERSITY_PAIRWISE,
    DIVERSITY_WITHIN,
)
from trainables.speech.synthetic import RECORDINGS, SPEAKERS
from trainables.speech.synthetic_gestures import (
    CHANCE_KIND,
    GESTURED,
    JITTER,
    ORACLE_KIND,
    UNRELATED,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "speech.md"


def test_the_example_gives_features_at_the_clips_frames() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[0]
    found: dict[str, object] = {}
    exec(code.replace("fps=15", 'fps=15, embedded_size="debug"'), found)
    frames = found["clip"].frames  # type: ignore[attr-defined]
    assert found["audio"].shape == (frames, 64)  # type: ignore[attr-defined]
    assert found["text"].shape == (frames, 33)  # type: ignore[attr-defined]
    assert 0.0 < found["score"] < 1.0  # type: ignore[operator]


def test_names_and_numbers_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for metric in (
        BEAT_ALIGNMENT_GESTURE, BEAT_ALIGNMENT_AUDIO, DIVERSITY_PAIRWISE, DIVERSITY_WITHIN,
    ):  # fmt: skip
        assert f"`{metric.objective()}`" in text
    assert f"| {DIVERSITY_CLIPS} |" in text
    assert "48, 512 or 1,200" in text and list(RECORDINGS.values()) == [48, 512, 1200]
    assert f"by {SPEAKERS} speakers" in text
    for share in (GESTURED, CHANCE_KIND, ORACLE_KIND):
        assert re.search(rf"\b{round(100 * share, 1):g} %", text)
    assert f"within {JITTER} s" in text and UNRELATED == 0.2
