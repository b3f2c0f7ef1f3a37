"""render on the command line: files that open, and one line where none is made."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cluster.cli import main
from search_spaces.data_terms import TERMS_FILE
from search_spaces.record import LOG_FILE
from tests.analysis.make_motion import FPS, FRAMES
from tests.analysis.make_sweep import FakeSweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "sweep"
    sweep = FakeSweep(trials=3, failures=False, motion=True)
    return sweep.write(folder, np.random.default_rng(8))


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    """What a command that ends with `code` says: one line."""
    assert main(arguments) == code
    printed = capsys.readouterr()
    (line,) = (printed.out if code == 0 else printed.err).strip().splitlines()
    assert code == 0 or (printed.out == "" and line.startswith("ratefront: "))
    return line


def rewritten(folder: Path, place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a sweep whose first event is another."""
    copy = Path(shutil.copytree(folder, place))
    first, *rest = (copy / LOG_FILE).read_text().splitlines()
    begun = json.loads(first)
    change(begun)
    (copy / LOG_FILE).write_text("\n".join([json.dumps(begun), *rest]) + "\n")
    return copy


@pytest.mark.parametrize(
    ("clip", "which", "more"),
    [("best", "val-00 (best", []), ("val-02", "val-02 (", ["--overlay"])],
)
def test_a_gif_is_of_the_clip_that_was_asked_for(
    clip: str, which: str, more: list[str], swept: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "new" / "clip.gif"
    line = said(["render", str(swept), "--trial", "t000", "--clip", clip, "-o", str(out), *more],
                capsys)  # fmt: skip
    assert line.startswith(f"{out}: {which}")
    with Image.open(out) as image:
        assert image.n_frames == FRAMES  # type: ignore[attr-defined]
        assert image.info["duration"] == pytest.approx(1000 / FPS, abs=1)


def test_an_mp4_has_the_frames_of_the_clip(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        pytest.skip("ffmpeg is not installed")
    out = tmp_path / "clip.mp4"
    said(["render", str(swept), "--at", "4000", "--rate", "nominal", "-o", str(out)], capsys)
    probe = ["ffprobe", "-v", "error", "-count_frames", "-of", "json", "-show_streams", str(out)]
    (stream,) = json.loads(subprocess.run(probe, capture_output=True, check=True).stdout)["streams"]
    assert int(stream["nb_read_frames"]) == FRAMES and stream["r_frame_rate"] == f"{FPS:g}/1"
    assert stream["pix_fmt"] == "yuv420p"  # which every player and browser shows


def test_without_ffmpeg_a_gif_is_the_remedy(
    swept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = said(["render", str(swept), "--trial", "t000", "-o", str(tmp_path / "a.mp4")], capsys, 2)
    assert "MP4 needs ffmpeg" in line and "name a .gif instead" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "--at 300, --trial or --point"),
        (["--trial", "kmeans-0-s9"], 2, "no trial kmeans-0-s9 has a point"),
        (["--point", "t000-d9"], 2, "no point t000-d9"),
        (["--trial", "t000", "--clip", "saddest"], 2, "best, median, worst, val-00"),
        (["--at", "1", "--rate", "nominal"], 1, "1 bits/s"),
        (["--at", "900", "--rate", "zip"], 2, "zip"),
        (["--trial", "t000", "-o", "clip.avi"], 2, ".gif or .mp4"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    arguments: list[str], code: int, words: str, swept: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert words in said(["render", str(swept), *arguments], capsys, code)
    assert list(tmp_path.iterdir()) == []


def test_motion_that_is_kept_back_is_not_drawn(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = tmp_path / "motion"
    motion.mkdir()
    (motion / TERMS_FILE).write_text("redistribute: no\nreason: agreed with the signers.\n")
    private = rewritten(swept, tmp_path / "private",
                        lambda e: e["spec"].update(run={"clips": False}))  # fmt: skip
    bound = rewritten(swept, tmp_path / "bound",
                      lambda e: e["spec"].update(data={"path": str(motion)}))  # fmt: skip
    out = tmp_path / "a.gif"
    command = ["--trial", "t000", "-o", str(out)]
    assert "run with --no-clips" in said(["render", str(private), *command], capsys, 2)
    line = said(["render", str(bound), *command], capsys, 2)
    assert "redistribute: no (agreed with the signers)" in line
    assert not out.exists()
