"""The page on codecs: its files are those of a folder, its program speaks of the same ids."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.cli import main
from search_spaces.spec import DataSpec
from tests.trainables.exported.training import Trained, train, write_recordings
from trainables.motion.readers import read_clip

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "codecs.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A codec of several levels and several frames a token, its root coded, beside its motion."""
    place = tmp_path_factory.mktemp("page")
    source = write_recordings(place / "motion")
    spec = DataSpec.model_validate({"path": str(source), "root": "coded"})
    return train(place, source, "temporal_rvq", spec)


@pytest.fixture
def place(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's names are right: `codec/` and `motion/`."""
    monkeypatch.chdir(trained.folder.parent)
    return trained.folder.parent


@pytest.fixture
def ids(place: Path) -> dict[str, Any]:
    """Names of the page's program, as it stands."""
    (place / "ids.py").write_text(PROGRAMS["ids.py"])
    return runpy.run_path(str(place / "ids.py"))


def test_the_files_of_the_folder_are_those_on_the_page(trained: Trained) -> None:
    table = PAGE[PAGE.index("## What is in the folder") : PAGE.index("## Encoding and decoding")]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == {path.name for path in trained.folder.iterdir() if path.is_file()}


def test_ids_are_those_of_the_vocabulary(trained: Trained, ids: dict[str, Any]) -> None:
    vocabulary = trained.codec.vocabulary
    assert {s.compression for s in vocabulary.streams} == {1, 4}
    meanings = [ids["from_id"](token) for token in range(vocabulary.size)]
    assert meanings == [vocabulary.meaning(token) for token in range(vocabulary.size)]
    assert [ids["to_id"](*meaning) for meaning in meanings] == list(range(vocabulary.size))
    with pytest.raises(ValueError, match="codes"):
        ids["to_id"]("body", 0, vocabulary.streams[0].alphabet[0])


def test_tokens_of_a_recording_stand_where_they_are_due(place: Path, ids: dict[str, Any]) -> None:
    command = next(words for words in COMMANDS if "--tokens" in words)
    assert main(command[1:]) == 0
    lines = [json.loads(line) for line in (place / "tokens.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    kept = set(
        re.findall(r"`(\w+)`", PAGE[PAGE.index("`tokens`, flat") : PAGE.index("A model has")])
    )
    for line in lines:
        assert kept - set(line) <= {"start", "bones"}  # where the root is coded, where bones differ
        due = ids["due"](line["frames"])
        assert [ids["from_id"](token)[:2] for token in line["tokens"]] == due


def test_a_model_writes_tokens_alone(place: Path, ids: dict[str, Any]) -> None:
    frames, rng = 24, np.random.default_rng(0)
    codes = {(s["part"], s["level"]): s["codes"] for s in ids["LEVELS"]}
    tokens = [ids["to_id"](*at, int(rng.integers(codes[at]))) for at in ids["due"](frames)]
    (place / "written.jsonl").write_text(json.dumps({"tokens": tokens}) + "\n")
    command = next(words for words in COMMANDS if "written.jsonl" in words)
    assert main(command[1:]) == 0
    (made,) = (place / "dreamt").iterdir()
    assert read_clip(made).frames == frames
