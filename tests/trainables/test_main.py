"""python -m trainables: what it prints, and that it starts without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.data_facts import DataFacts
from tests.trainables.motion.figure import Figure
from tests.trainables.tiny import make_clips
from trainables.__main__ import main
from trainables.motion.npz import write_npz


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for clip in make_clips(4):
        write_npz(clip, tmp_path / f"{clip.recording}.npz")
    return tmp_path


def test_inspect_describes_every_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "figure.bvh").write_text(Figure().text())
    assert main(["inspect", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "figure.bvh" in said and "take-3.npz" in said
    assert said.count("  joints    ") == 5 and "40 frames at 30.000 fps" in said


def test_facts_are_those_of_the_prepared_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["facts", str(folder), "--set", "root=coded", "--set", "data.fps=15"]
    assert main([*command, "--set", "part_joints={legs: [LeftUpLeg, RightUpLeg]}"]) == 0
    facts = DataFacts.model_validate(json.loads(capsys.readouterr().out))
    assert facts.fps == 15 and facts.root == "coded" and facts.root_alphabet == (16,) * 4
    assert facts.part_names == ("body", "right_hand", "left_hand", "legs")
    assert facts.joints == 15


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["inspect", "nowhere"], "no such file or folder"),
        (["facts", "nowhere"], "no such file or folder"),
        (["facts", "embedded", "--set", "fps"], "must be key=value"),
        (["facts", "embedded", "--set", "fps=-3"], "--set fps: "),
        (["facts", "embedded", "--set", "colour=blue"], "--set colour: "),
        (["facts", "embedded", "--set", "shares=[1, 2"], "is no value"),
    ],
)
def test_faults_are_one_line(
    arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert fault in said.err and said.err.count("\n") == 1 and said.out == ""


def test_no_torch_is_imported(folder: Path) -> None:
    code = (
        "import sys; from trainables.__main__ import main; "
        f"main(['facts', {str(folder)!r}]); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
