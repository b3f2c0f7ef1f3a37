"""Sweeps over heatmaps: from the preset to tables and what is printed, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.log import read_log
from analysis.points import Tables
from cluster.reference import reference_point
from cluster.summary import print_front
from cluster.wanted import Wanted
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.record import PREPARATION_FOLDER
from search_spaces.spec import SweepSpec, check_spec
from tests.cluster.in_process import sweep_in_process
from tests.trainables.heatmaps.coding import motion
from trainables.prepared_data import bounds_of, of_heatmaps, prepare_data

SMALLEST = ("picture=16", "window=16", "max_steps=2", "disc_start=1", "latent_dim=4")


def table3(*settings: str, **overrides: Any) -> SweepSpec:
    return load_spec("vqgan/table3", size="debug", settings=settings, overrides=overrides)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    folder = tmp_path_factory.mktemp("heatmaps") / "sweep"
    spec = table3(*SMALLEST, "pair=c2d_2d", "compression=8,16")
    return folder, sweep_in_process(spec, motion(), folder)  # type: ignore[arg-type]


def test_a_sweep_of_heatmaps_has_a_point_and_a_row_for_each_cell(swept: Any) -> None:
    folder, tables = swept
    assert list(tables.trials.status) == ["done"] * 5
    assert sorted(tables.points.rate_nominal_bps) == pytest.approx(
        sorted(bits * 30 / 16 for bits in (7, 8, 9, 8 * 9, 8 * 11))
    )
    assert set(tables.fronts) >= {"iou_index", "ssim_fg_index"}
    log = read_log(folder)
    assert log.facts is not None and log.facts.part_names == ("heatmap",)
    assert [row["codec"] for row in log.bounds] == ["all black"]
    assert not (folder / PREPARATION_FOLDER).exists()


def test_the_printed_front_stands_beside_its_floors(swept: Any) -> None:
    folder, tables = swept
    out = io.StringIO()
    print_front(tables, read_log(folder), Console(file=out, width=160))
    text = out.getvalue()
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert len(rows) == len(tables.fronts["iou_index"]) > 0
    assert all(said in text for said in ("foreground IoU", "black", "first frame", "noise ceiling"))
    shown = f"{tables.fronts['iou_index'].iloc[0]['val_floor_repeat_frame_iou_index']:.4g}"
    assert shown in rows[0]


def test_hypervolume_is_measured_from_a_black_picture() -> None:
    spec, data = table3(*SMALLEST), motion()
    corner = reference_point(spec, data.facts, bounds_of(data))
    assert corner["iou_index"] == 0.0 and corner["ssim_fg_index"] == 0.0
    assert corner["rate_nominal_bps"] == pytest.approx(8 * 11 * 30 / 16)


def test_f32_is_refused_where_windows_are_shorter() -> None:
    spec, data = table3("window=16"), motion(20)
    reasons = {
        config["compression"]: Wanted(spec, data.facts).refusal(config)
        for config in map(spec.configuration, spec.space.grid())
    }
    assert reasons[8] is None and reasons[16] is None
    assert reasons[32] is not None and "F32 does not divide a window of 16" in reasons[32]


def test_codecs_of_two_media_are_two_sweeps() -> None:
    assert of_heatmaps(["vqgan", "dvae"]) and not of_heatmaps(["kmeans"])
    with pytest.raises(BadInput, match="run two sweeps"):
        prepare_data(table3().data, ["vqgan", "kmeans"])


@pytest.mark.parametrize("setting", ["frame_stride=2", "mirror=true"])
def test_what_heatmaps_lack_in_the_data_section_is_said(setting: str) -> None:
    with pytest.raises(BadInput, match="heatmaps have no frame_stride and no mirror"):
        prepare_data(table3(setting).data, ["vqgan"])


def test_the_use_of_codes_can_be_searched_and_parts_of_poses_cannot(tmp_path: Path) -> None:
    objectives = ["rate_nominal_bps", "iou_index", "utilisation_heatmap_pct"]
    spec = table3(*SMALLEST, "pair=c2d_2d", "compression=16", objectives=objectives)
    Wanted(spec, motion().facts).check()
    tables = sweep_in_process(spec, motion(), tmp_path / "sweep")  # type: ignore[arg-type]
    assert (tables.points.val_utilisation_heatmap_pct > 0).all()
    assert (
        reference_point(spec, motion().facts, bounds_of(motion()))["utilisation_heatmap_pct"] == 0
    )
    with pytest.raises(BadInput, match="no part 'body'; there are heatmap"):
        check_spec(table3(objectives=["rate_nominal_bps", "utilisation_body_pct"]))
