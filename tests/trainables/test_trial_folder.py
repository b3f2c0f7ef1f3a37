"""A trial's folder: one writer at a time, and artefacts that appear whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trainables.trial_folder import sole_writer, whole

HOLDER = """
import sys
from pathlib import Path
from trainables.trial_folder import sole_writer, whole
folder = Path(sys.argv[1])
with sole_writer(folder), whole(folder) as part:
    (part / "codec").mkdir()
    (part / "codec" / "half").write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def orphan(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process in the middle of writing the trial `a`."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a")],
        cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    return process


def test_a_second_writer_is_refused_while_the_first_lives_and_follows_when_it_is_killed(
    orphan: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    with pytest.raises(TimeoutError, match="another process"), sole_writer(folder, patience=0.2):
        pass
    threading.Timer(0.5, orphan.kill).start()
    with sole_writer(folder, patience=30):
        assert orphan.wait() != 0
        assert contents(folder) == {}, "what the first left half written is gone"
        with whole(folder) as part:
            (part / "tokens.npz").write_text("whole")
    assert contents(folder) == {"tokens.npz": "whole"}


def test_other_trials_do_not_wait(orphan: subprocess.Popen[str], tmp_path: Path) -> None:
    with sole_writer(tmp_path / "b", patience=0.0):
        assert (tmp_path / "b").is_dir()
    orphan.kill()
    orphan.wait()


def test_nothing_is_seen_before_all_of_it_is_there_and_the_old_stands_if_it_fails(
    tmp_path: Path,
) -> None:
    with whole(tmp_path) as part:
        (part / "codec").mkdir()
        (part / "codec" / "body").write_text("old")
        assert [p for p in tmp_path.iterdir() if p != part] == []
    with pytest.raises(OSError, match="disk"), whole(tmp_path) as part:
        (part / "codec").mkdir()
        (part / "codec" / "body").write_text("new")
        raise OSError("disk full")
    assert contents(tmp_path) == {"codec/body": "old"}
    with whole(tmp_path) as part:
        (part / "codec").mkdir()
        (part / "codec" / "left_hand").write_text("new")
    assert contents(tmp_path) == {"codec/left_hand": "new"}, "of one writer alone"


def test_without_a_folder_nothing_is_held(tmp_path: Path) -> None:
    with sole_writer(None):
        assert list(tmp_path.iterdir()) == []
