"""`ratefront allocate` on a small sweep: measured, never worse than parts coded alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.allocated import read_allocation
from cluster.cli import main
from search_spaces.presets import load_spec
from search_spaces.record import ALLOCATION_FILE
from tests.cluster.in_process import sweep_in_process
from tests.cluster.motion import write_motion
from tests.trainables.motion.test_units import pixels
from tests.trainables.tiny import make_clips
from trainables.exported.codec_folder import load_exported
from trainables.motion.dataset import prepare
from trainables.motion.npz import write_npz


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("allocate")
    motion = write_motion(place / "motion", recordings=6, frames=45)
    spec = load_spec(
        "rate_distortion", size="debug", settings=("codec=kmeans", "codebook_size=4,8,32"),
        overrides={"data": {"path": str(motion)}, "search": {"trials": 3, "sampler": "grid"}},
    )  # fmt: skip
    sweep_in_process(spec, prepare(spec.data), place / "sweep")
    return place / "sweep"


@pytest.mark.parametrize("which", ["nominal", "model"])
def test_a_rate_is_shared_better_than_alike(
    which: str, swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = pd.read_parquet(swept / "points.parquet").set_index("point")
    assert main(["allocate", str(swept), "--rate", which]) == 0
    table = pd.read_csv(swept / ALLOCATION_FILE)
    total = "rate_nominal_bps" if which == "nominal" else "val_rate_model_bps"
    parts = [c.removesuffix("_point") for c in table if c.endswith("_point") and c[:5] != "alike"]
    assert parts == ["body", "right_hand", "left_hand"]
    assert np.allclose(table[[f"{p}_bps" for p in parts]].sum(axis=1), table[total])
    assert table["composed"].any() and table["on_front"].any()
    front = table[table["on_front"]]
    beside = front["alike_val_rmse_full_cm"].dropna()
    assert (front.loc[beside.index, "val_rmse_full_cm"] <= beside + 1e-9).all()
    assert np.allclose(table["predicted_rmse_full_cm"], table["val_rmse_full_cm"], rtol=0.02)
    # A composition of one trial's parts is that trial's point.
    same = table[table[[f"{p}_point" for p in parts]].nunique(axis=1) == 1]
    assert len(same) >= 1 and not same["composed"].any(), "one trial's parts are no composition"
    assert table.drop(index=same.index)["composed"].all()
    said = capsys.readouterr().out
    assert "% less RMSE on validation" in said and "% fewer bits" in said
    for row in same.to_dict("records"):
        point = points.loc[row["body_point"]]
        for split in ("val", "test"):
            assert row[f"{split}_rmse_full_cm"] == pytest.approx(point[f"{split}_rmse_full_cm"])
    if which == "nominal":
        rates = {p: points[f"rate_nominal_{p}_bps"] for p in parts}
        first = table.iloc[0]
        assert all(first[f"{p}_bps"] == rates[p].min() for p in parts)


@pytest.mark.parametrize("unit", ["px", "sw"])
def test_motion_in_other_units_is_shared_too(
    unit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = tmp_path / "motion"
    motion.mkdir()
    for clip in make_clips(5, 40):
        write_npz(pixels(clip), motion / f"{clip.recording}.npz")
    spec = load_spec(
        "rate_distortion", size="debug", 
        settings=("codec=kmeans", "codebook_size=4,16", "feature_scaling=none"),
        overrides={"data": {"path": str(motion), "unit": "auto" if unit == "px" else unit},
                   "search": {"trials": 2, "sampler": "grid"}},
    )  # fmt: skip
    sweep_in_process(spec, prepare(spec.data), tmp_path / "sweep")
    capsys.readouterr()
    assert main(["allocate", str(tmp_path / "sweep")]) == 0
    assert f" {unit} " in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "sweep" / ALLOCATION_FILE)
    errors = [c for c in table if "rmse_full" in c]
    assert {c.rpartition("_")[2] for c in errors} == {unit} and len(errors) == 5
    assert np.allclose(table[f"predicted_rmse_full_{unit}"], table[f"val_rmse_full_{unit}"], 0.05)
    points = pd.read_parquet(tmp_path / "sweep" / "points.parquet").set_index("point")
    same = table[~table["composed"]]
    for row in same.to_dict("records"):
        own = points.loc[row["body_point"]]
        for split in ("val", "test"):
            column = f"{split}_rmse_full_{unit}"
            assert row[column] == pytest.approx(own[column])
    assert len(same) and len(same) < len(table)
    codec = tmp_path / "codec"
    row = int(np.flatnonzero(table["composed"])[0]) + 1
    options = ["--composed", "--row", str(row), "--root", "removed"]
    assert main(["export", str(tmp_path / "sweep"), *options, "-o", str(codec)]) == 0
    measured = load_exported(codec).card["measured"]
    assert measured[f"test_rmse_full_{unit}"] == table[f"test_rmse_full_{unit}"].iloc[row - 1]
    found = read_allocation(tmp_path / "sweep", points.reset_index())
    assert found is not None and found.unit == {"px": "px", "sw": "shoulder widths"}[unit]


def test_what_cannot_be_shared_is_one_line(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, word in (
        ([str(tmp_path)], "log.jsonl"),
        ([str(swept), "--rate", "stream"], "nominal or model"),
    ):
        assert main(["allocate", *arguments]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert word in line
    moved = swept.parent / "motion" / "wave00.npz"
    kept = moved.read_bytes()
    moved.unlink()
    try:
        assert main(["allocate", str(swept)]) == 2
        assert "the motion is not what it was" in capsys.readouterr().err
    finally:
        moved.write_bytes(kept)
