"""A clip as an animation: which points, which recording, and one line where it cannot be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.fronts import NoAnswer
from analysis.points import points_frame, read_log
from analysis.rendering import UNDER, Choice, chosen_rows, render_clip
from search_spaces.errors import BadInput
from tests.analysis.make_sweep import FakeSweep

FRAMES = 12


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "sweep"
    sweep = FakeSweep(trials=4, failures=False, motion=True)
    sweep.write(folder, np.random.default_rng(8))
    for path in folder.glob("trials/*/shown.npz"):  # shorter clips, quicker to draw
        with np.load(path) as file:
            short = {k: file[k][:FRAMES] if file[k].ndim == 3 else file[k] for k in file.files}
        np.savez(path, **short)
    return folder


def greys(picture: np.ndarray) -> int:
    """How many pixels of the bodies have the colour of an original that lies under another."""
    grey = np.array([int(UNDER[k : k + 2], 16) for k in (1, 3, 5)])
    return int((np.abs(picture[: int(0.6 * len(picture))] - grey).max(axis=2) < 12).sum())


def test_a_gif_has_every_frame_and_moves(swept: Path, tmp_path: Path) -> None:
    points = points_frame(read_log(swept))
    choice = Choice(points=(str(points["point"].iloc[0]),), rates=(4000.0,), rate="nominal")
    out = tmp_path / "deep" / "worst.gif"
    assert "val-03 (worst), 12 frames" in render_clip(swept, choice, "worst", out)
    with Image.open(out) as image:
        assert image.n_frames == FRAMES  # type: ignore[attr-defined]
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(9)
        moved = np.abs(np.asarray(image.convert("RGB")).astype(int) - first).sum(axis=2) > 60
    wide = moved.shape[1] // 3
    assert all(moved[:, k * wide : (k + 1) * wide].any() for k in range(3))
    # The original is black; only the reconstructions have colour.
    colour = np.ptp(first, axis=2) > 60
    body = slice(0, int(0.9 * len(first)))
    assert not colour[body, :wide].any() and colour[body, wide:].any()
    assert greys(first) < 1000


def test_a_rate_is_answered_by_what_keeps_the_limits(tmp_path: Path) -> None:
    sweep = FakeSweep(trials=4, failures=False, clips=False)
    sweep.write(tmp_path / "free", np.random.default_rng(8))
    free = read_log(tmp_path / "free")
    asked = Choice(rates=(4000.0,), rate="nominal")
    (best,) = chosen_rows(free, asked)
    limit = f"rmse_full_cm>={float(best['val_rmse_full_cm']) + 1e-6!r}"
    replace(sweep, constraints=(limit,)).write(tmp_path / "bound", np.random.default_rng(8))
    bound = read_log(tmp_path / "bound")
    (kept,) = chosen_rows(bound, asked)
    assert kept["val_rmse_full_cm"] > best["val_rmse_full_cm"]
    (named,) = chosen_rows(bound, Choice(points=(str(best["point"]),)))
    assert named["point"] == best["point"], "by name anything is drawn"


@pytest.mark.parametrize(
    ("choice", "clip", "name", "said"),
    [
        (Choice(), "median", "a.gif", "0 points were named"),
        (Choice(rates=(300.0,) * 6), "median", "a.gif", "6 points were named; name 1 to 5"),
        (Choice(points=("none-d1",)), "median", "a.gif", "no point none-d1"),
        (Choice(trials=("none",)), "median", "a.gif", "no trial none has a point"),
        (Choice(trials=("t000",)), "sad", "a.gif", "t000 kept no clip sad; there are best"),
        (Choice(trials=("t000",)), "best", "a.avi", "a clip is written as .gif or .mp4"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    swept: Path, tmp_path: Path, choice: Choice, clip: str, name: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        render_clip(swept, choice, clip, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_mp4_without_ffmpeg_names_the_remedy(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match=r"MP4 needs ffmpeg, which is not installed; name a \.gif"):
        render_clip(swept, Choice(trials=("t000",)), "best", tmp_path / "a.mp4")


def test_a_rate_under_every_point_has_no_answer(swept: Path, tmp_path: Path) -> None:
    with pytest.raises(NoAnswer):
        render_clip(swept, Choice(rates=(1.0,), rate="nominal"), "best", tmp_path / "a.gif")


def test_over_one_another_the_original_lies_under_the_codec(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "over.gif"
    render_clip(swept, Choice(trials=("t000",)), "worst", out, overlay=True)
    with Image.open(out) as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    assert picture.shape[1] < picture.shape[0]  # one panel
    assert greys(picture) > 2000


def test_older_trials_say_so(swept: Path, tmp_path: Path) -> None:
    older = Path(shutil.copytree(swept, tmp_path / "older"))
    (older / "trials" / "t000" / "shown.npz").unlink()
    with pytest.raises(BadInput, match="t000 left no clips that can be read"):
        render_clip(older, Choice(trials=("t000",)), "best", tmp_path / "a.gif")
