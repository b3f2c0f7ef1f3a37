"""What a trial prints is found by its name, whoever printed it and whatever became of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.cli import main
from cluster.trial_log import TRIAL_LOG, read_trial_logs, trial_log
from search_spaces.errors import BadInput

TALKS = """
import os, sys
from pathlib import Path
from cluster.trial_log import trial_log

print("before")
with trial_log(Path(sys.argv[1])):
    print("said by python")
    os.write(2, b"said by a library\\n")
    os.system("echo said by a program")
print("between")
try:
    with trial_log(Path(sys.argv[1])):
        raise ValueError("loss is not finite")
except ValueError:
    pass
with trial_log(Path(sys.argv[1]), rank=1):
    print("said by the second worker")
print("after")
"""


def test_both_outputs_of_every_attempt_are_kept_and_given_back(tmp_path: Path) -> None:
    trial = tmp_path / "sweep" / "trials" / "kmeans-abc-s0"
    ran = subprocess.run(
        [sys.executable, "-c", TALKS, str(trial)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert ran.stdout.split() == ["before", "between", "after"] and not ran.stderr
    said = read_trial_logs(tmp_path / "sweep", "kmeans-ab")
    for line in ("said by python", "said by a library", "said by a program",
                 "ValueError: loss is not finite", "said by the second worker"):  # fmt: skip
        assert line in said
    assert said.count("-- 2") == 3 and (trial / TRIAL_LOG).is_file()


def test_logs_finds_a_trial_or_says_which_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("rqvae-aa-s0", "rqvae-ab-s0", "rqvae-ab-s01"):
        (tmp_path / "trials" / name).mkdir(parents=True)
        (tmp_path / "trials" / name / TRIAL_LOG).write_text(f"I am {name}\n")
    assert main(["logs", str(tmp_path), "--trial", "rqvae-ab-s0"]) == 0
    assert capsys.readouterr().out == "I am rqvae-ab-s0\n"
    for word, fault in (("rqvae-a", "3 trials fit"), ("x", "no trial is called so")):
        assert main(["logs", str(tmp_path), "--trial", word]) == 2
        assert fault in capsys.readouterr().err
    assert main(["logs", str(tmp_path)]) == 2 and "--trial" in capsys.readouterr().err
    (tmp_path / "trials" / "silent").mkdir()
    with pytest.raises(BadInput, match="has printed nothing"):
        read_trial_logs(tmp_path, "silent")
    with pytest.raises(BadInput, match="is no sweep directory"):
        read_trial_logs(tmp_path / "nowhere", "x")


def test_a_full_disk_ends_no_trial_here(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with trial_log(tmp_path / "file" / "below"):
        pass
