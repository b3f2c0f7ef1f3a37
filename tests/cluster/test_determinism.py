"""The same sweep twice is the same sweep: proposals, curves and points, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from search_spaces.record import CURVE_FILE, POINTS_TABLE, TRIALS_FOLDER
from tests.cluster import in_process
from tests.cluster.in_process import TIMES
from tests.cluster.motion import write_motion
from tests.cluster.sweeping import SMALL, events, points, ratefront, trap

ROOT = Path(__file__).parents[2]


def untimed(value: Any) -> Any:
    """Without what is measured in seconds or names a process."""
    if isinstance(value, dict):
        left_out = {*TIMES, "time", "seconds", "owner"}
        return {k: untimed(v) for k, v in value.items() if k not in left_out}
    return [untimed(v) for v in value] if isinstance(value, list) else value


def test_two_processes_make_the_same_sweep(tmp_path: Path) -> None:
    """One hashes strings otherwise than the other, so that no order of a set can count."""
    folders = [tmp_path / f"sweep{n}" for n in (1, 2)]
    programs = []
    for n, folder in enumerate(folders):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(n + 1)}
        program = [sys.executable, str(Path(in_process.__file__)), str(folder)]
        programs.append(subprocess.Popen(program, env=environment))
    assert [p.wait(timeout=200) for p in programs] == [0, 0]
    one, two = (untimed(events(folder)) for folder in folders)
    assert one == two and len([e for e in one if e["event"] == "done"]) == 6
    tables = [pd.read_parquet(folder / POINTS_TABLE) for folder in folders]
    kept = [c for c in tables[0].columns if c not in TIMES]
    pd.testing.assert_frame_equal(tables[0][kept], tables[1][kept], check_exact=True)
    files = sorted(p.relative_to(folders[0]) for p in folders[0].rglob("*.safetensors"))
    assert len(files) >= 6
    for file in files:
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file


@pytest.mark.long
@pytest.mark.ray
def test_two_sweeps_on_ray_give_the_same_points(tmp_path: Path) -> None:
    motion, elsewhere = write_motion(tmp_path / "motion"), trap(tmp_path / "elsewhere")
    for name in ("one", "two"):
        ended = ratefront(
            "sweep", "rate_distortion", "--data", str(motion), "--out", name, "--trials", "6",
            "--concurrency", "1", "--set", "startup=3", *SMALL, cwd=elsewhere,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
    one, two = elsewhere / "one", elsewhere / "two"
    assert untimed(events(one, "proposed", "refused")) == untimed(
        events(two, "proposed", "refused")
    )
    kept = [c for c in points(one).columns if c not in (*TIMES, "sweep")]
    pd.testing.assert_frame_equal(points(one)[kept], points(two)[kept], check_exact=True)
    assert points(one)["trial"].nunique() == 6
    for curve in sorted((one / TRIALS_FOLDER).glob(f"*/{CURVE_FILE}")):
        assert (two / curve.relative_to(one)).is_file()
