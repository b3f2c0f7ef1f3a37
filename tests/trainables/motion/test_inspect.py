"""Every BVH file against the tables that came with it, and the text of an inspection."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainables.motion.figure import Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.inspect import describe, inspect_file
from trainables.motion.npz import write_npz


def bvh_table(real: Path) -> list[dict[str, str]]:
    """Rows of the table of BVH files in the data's README, by column title."""
    lines = (real / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| file | content | fps |"))
    titles = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows.append(dict(zip(titles, cells, strict=False)))
    return rows


def test_every_file_is_what_the_table_says(real: Path) -> None:
    rows = bvh_table(real)
    assert {row["file"] for row in rows} == {
        str(path.relative_to(real)) for path in real.rglob("*.bvh")
    }
    for row in rows:
        found = inspect_file(real / row["file"])
        where = row["file"]
        assert found.joints == int(row["joints"]), where
        assert found.frames == int(row["frames"]), where
        assert round(found.fps, 3) == pytest.approx(float(row["fps"]), abs=1e-3), where
        assert found.seconds == pytest.approx(found.frames / float(row["fps"]), rel=1e-4), where
        assert row["units"].startswith(found.unit.split(" (")[0]), where
        fingers, moving = map(int, row["fingers"].split("/"))
        assert (found.fingers, found.moving_fingers) == (fingers, moving), where
        hands = {"right_hand", "left_hand"} if fingers >= 4 else set()
        assert set(found.parts) == {"body"} | hands, where
        channels, six = row["ch (6ch)"].rstrip(")").split(" (")
        assert sum(n * joints for n, joints in found.channels.items()) == int(channels), where
        assert found.channels.get(6, 0) == int(six), where
        assert set(found.rotation_orders) == set(row["rot. order"].split("/")), where
        assert found.up_axis == ("Z" if "Z-UP" in row["content"] else "Y"), where


def test_text_of_an_inspection(real: Path) -> None:
    text = describe(inspect_file(real / "cmu_iclone/007_04.bvh"))
    for fact in (
        "joints    100", "body (70 joints), right_hand (15 joints), left_hand (15 joints)",
        "225 frames at 59.999 fps", "unit      cm", "added to the OFFSET", "rest pose",
        "26 of 30 joints move",
    ):  # fmt: skip
        assert fact in text
    assert "no left_hand: nothing below Hand_L" in describe(
        inspect_file(real / "bandai_namco/dataset-1_dash_giant_001.bvh")
    )


def test_other_formats(tmp_path: Path) -> None:
    bvh = tmp_path / "a.bvh"
    bvh.write_text(Figure().text())
    write_npz(read_bvh(bvh).clip, tmp_path / "a.npz")
    found = inspect_file(tmp_path / "a.npz")
    assert (found.format, found.unit, found.joints, found.frames) == ("NPZ", "m", 20, 40)
    assert found.parts == inspect_file(bvh).parts == {"body": 16, "right_hand": 2, "left_hand": 2}
    assert "positions are absolute" in describe(found)
