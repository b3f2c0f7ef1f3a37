"""The player of heatmaps: what stands on the page, what has no room, and what it shows."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.findings import Findings
from analysis.points import read_log, write_tables
from analysis.report.heatmap_player import LEVELS, PLACE_STEPS, windows_payload
from analysis.report.report import render
from analysis.shown_heatmaps import read_windows
from search_spaces.record import MISSING, SHOWN_HEATMAPS_FILE
from tests.analysis.make_sweep import FakeSweep
from tests.analysis.report.conftest import Browser, opened

PICTURES, FRAMES, SIZE, JOINTS = 2, 5, 128, 3

READY = """
new Promise((go) => { const wait = () => (reel.takes ? go(1) : setTimeout(wait, 20)); wait(); })
"""
LOOK = """
(() => {
  const stage = document.getElementById("window-stage");
  const canvas = () => stage.querySelector("canvas");
  const words = (id) => document.getElementById(id).textContent;
  const pen = canvas().getContext("2d"), wide = canvas().width, high = canvas().height;
  const picture = () => Array.from(pen.getImageData(0, 0, wide, high).data);
  const orange = (px) => px.some((v, k) => k % 4 === 0 && v > 200 && px[k + 2] < 120);
  const seen = { takes: stage.children.length, captions: stage.textContent };
  seen.skeleton = orange(picture());
  const first = picture();
  stage.dispatchEvent(new KeyboardEvent("keydown", { key: ".", bubbles: true }));
  seen.frame = words("window-said");
  seen.moved = picture().some((v, k) => v !== first[k]);
  document.getElementById("window-skeleton").click();
  seen.bare = !orange(picture());
  seen.white = picture().some((v, k) => k % 4 === 0 && v === 255);
  return seen;
})()
"""


def leave(folder: Path, trial: str, seed: int) -> dict[str, np.ndarray]:
    """What a trial of keypoint maps leaves: a block that moves to the right, and noise."""
    rng = np.random.default_rng(seed)
    original = np.zeros((PICTURES, FRAMES, SIZE, SIZE), np.uint8)
    for f in range(FRAMES):
        original[:, f, 40:60, 10 * f : 10 * f + 10] = 255
    points = np.tile(
        np.array([[20.0, 20.0], [90.0, 90.0], [np.nan, np.nan]]), (PICTURES, FRAMES, 1, 1)
    )
    arrays = {
        "fps": np.array(30.0), "windows": np.array(["a@0"]), "why": np.array(["best common"]),
        "pictures": np.array(["front", "side"]), "joints": np.array(["A", "B", "C"]),
        "limbs": np.array([[0, 1], [1, 2]]), "a@0/original": original,
        "a@0/reconstruction": rng.integers(0, 256, original.shape).astype(np.uint8),
        "a@0/original_points": points.astype(np.float32),
        "a@0/reconstruction_points": points.astype(np.float32) + 1,
    }  # fmt: skip
    np.savez_compressed(folder / "trials" / trial / SHOWN_HEATMAPS_FILE, **arrays)  # type: ignore[arg-type]
    return arrays


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("windows") / "sweep"
    FakeSweep(trials=4, failures=False).write(folder, np.random.default_rng(3))
    log = read_log(folder)
    findings = Findings(log, write_tables(log))
    arrays: dict[str, np.ndarray] = {}
    for k, trial in enumerate(dict.fromkeys(findings.means["trial"].astype(str))):
        arrays = leave(folder, trial, k)
    return findings, arrays


def test_a_sheet_holds_frames_and_pictures_in_few_levels(swept: tuple) -> None:
    findings, _ = swept
    found = windows_payload(findings, [0])
    assert found is not None and found["fps"] == 30
    kept = found["points"]["0"]["a@0"]
    sheet = found["sheets"][kept["original"]]
    assert (sheet["frames"], sheet["size"], sheet["pictures"]) == (FRAMES, 64, ["front", "side"])
    with Image.open(io.BytesIO(base64.b64decode(sheet["png"]))) as image:
        grey = np.asarray(image)
    assert grey.shape == (PICTURES * 64, FRAMES * 64) and len(np.unique(grey)) <= LEVELS
    # the brightest of each block of two by two
    third = grey[:64, 128:192]
    assert third[20:30, 10:15].min() == 255 and third[:19].max() == 0 and third[:, 16:].max() == 0


def test_keypoints_are_packed_in_the_pixels_of_the_sheet(swept: tuple) -> None:
    findings, _ = swept
    found = windows_payload(findings, [0])
    assert found is not None
    sheet = found["sheets"][found["points"]["0"]["a@0"]["original"]]
    places = np.frombuffer(base64.b64decode(sheet["points"]), "<i2").reshape(2, FRAMES, JOINTS, 2)
    assert places[0, 0, 0] == pytest.approx([10 * PLACE_STEPS] * 2)
    assert (places[:, :, 2] == MISSING).all() and sheet["limbs"] == [[0, 1], [1, 2]]


def test_an_original_that_trials_share_stands_once_and_what_has_no_room_is_counted(
    swept: tuple,
) -> None:
    findings, _ = swept
    trials = findings.means["trial"].astype(str)
    rows = [int(np.flatnonzero(trials == t)[0]) for t in dict.fromkeys(trials)]
    found = windows_payload(findings, rows)
    assert found is not None and len(found["sheets"]) == 1 + len(rows) and found["left_out"] == 0
    size = sum(len(s["png"]) + len(s["points"]) for s in found["sheets"].values())
    less = windows_payload(findings, rows, budget=size // 2)
    assert less is not None and less["left_out"] > 0
    assert sum(len(s["png"]) for s in less["sheets"].values()) <= size // 2


def test_damage_reads_as_none(swept: tuple, tmp_path: Path) -> None:
    (tmp_path / "trials" / "t").mkdir(parents=True)
    place = tmp_path / "trials" / "t" / SHOWN_HEATMAPS_FILE
    assert read_windows(tmp_path, "t") is None
    place.write_bytes(b"PK\x03\x04 not a file")
    assert read_windows(tmp_path, "t") is None
    _, arrays = swept
    half = {**arrays, "a@0/reconstruction": arrays["a@0/reconstruction"][:, :2]}
    np.savez(place, **half)
    assert read_windows(tmp_path, "t") is None


def test_a_page_without_clips_holds_no_window(swept: tuple) -> None:
    findings, _ = swept
    page = render(findings, clips=False)
    assert 'id="window-stage"' not in page and "data:image/png" not in page.split("<script>")[0]
    assert '"windows":null' in page and "holds no motion" in page


def test_the_page_plays_original_and_codec_with_the_skeleton(
    swept: tuple, browser: Browser, tmp_path: Path
) -> None:
    findings, _ = swept
    tab = opened(browser, render(findings), tmp_path)
    tab.run(READY)
    assert not tab.complaints
    seen = tab.run(LOOK)
    tab.close()
    assert seen["takes"] >= 2 and "Original" in seen["captions"]
    assert seen["skeleton"] and seen["bare"] and seen["white"] and seen["moved"]
    assert seen["frame"].startswith("frame 2 of 5")
