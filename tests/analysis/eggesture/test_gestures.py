"""`gestures.html`: our cells beside the paper's rows, and what is judged."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.eggesture.claims import FAILED, HELD, OPEN
from analysis.eggesture.gesture_claims import judge_gestures
from analysis.eggesture.gestures import GestureSweep
from analysis.eggesture.gestures_page import build_gestures
from analysis.log import read_log
from analysis.points import points_frame
from cluster.sweep import publish
from search_spaces.presets import load_spec
from search_spaces.record import GESTURES_FILE, LOG_FILE, RECORD_VERSION
from search_spaces.space import Config, config_hash
from tests.search_spaces.example_facts import facts

Score = Callable[[Mapping[str, Any]], float]
"""Configuration -> Fréchet distance."""


def write_sweep(
    folder: Path,
    table: str,
    fid: Score,
    *,
    seeds: int = 3,
    size: str = "reduced",
    n: int = 77,
    more: Callable[[Mapping[str, Any], int], Mapping[str, float]] | None = None,
) -> Path:
    """A finished sweep of a preset's own cells; seeds differ by 0.01 in all cells alike."""
    spec = load_spec(f"eggesture/{table}", size=size)
    events: list[dict[str, Any]] = [
        {"event": "sweep", "record_version": RECORD_VERSION, "name": table, "size": size,
         "preset": f"eggesture/{table}", "title": spec.title, "source": spec.source,
         "objectives": ["rate_nominal_bps", "accuracy_pct"],
         "spec": {"space": {"fixed": dict(spec.space.fixed)}}},
        {"event": "data", "facts": facts().model_dump(mode="json")},
        {"event": "bounds", "rows": []},
    ]  # fmt: skip
    configs: list[Config] = [spec.configuration(c) for c in spec.space.grid()]
    for config in configs:
        for seed in range(seeds):
            named = config_hash(config)
            trial = f"speech_to_codes-{named}-s{seed}"
            said = {"trial": trial, "config": config, "seed": seed, "codec": "speech_to_codes",
                    "config_hash": named}  # fmt: skip
            if "weights/" in str(config["speech.text_weights"]):
                events.append({"event": "refused", **said, "reason": "weights missing: get them"})
                continue
            events.append({"event": "proposed", **said})
            known = n >= 40
            row = {"trial": trial, "point": f"{trial}-d1", **config, "seed": seed, "depth": 1,
                   "levels": 1, "is_prefix": False, "config_hash": config_hash(config),
                   "rate_nominal_bps": 100.0, "test_fid_squared": fid(config) + 0.01 * seed,
                   "test_fid_n": 500.0, "test_fid_least_n": 150.0, "test_fid_bias_squared": 0.25,
                   "test_fid_abc123_n500_d15_squared": fid(config) + 0.01 * seed,
                   "test_accuracy_pct": 15.0, "test_accuracy_shuffled_pct": 4.0,
                   "test_accuracy_majority_pct": 7.0, "test_l1div_pairwise_half_n": float(n),
                   "test_l1div_pairwise_half_least_n": 40.0,
                   "test_l1div_pairwise_half_cm": 321.0 if known else None}  # fmt: skip
            row |= more(config, seed) if more is not None else {}
            events += [{"event": "point", "trial": trial, "row": row},
                       {"event": "done", "trial": trial, "reason": "", "seconds": 1.0}]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"time": 0.0, **e}) + "\n" for e in events)
    (folder / LOG_FILE).write_text(lines, encoding="utf-8")
    return folder


def read(folder: Path, table: str) -> GestureSweep:
    log = read_log(folder)
    order = [str(e["config_hash"]) for e in log.of("proposed")]
    return GestureSweep(points_frame(log), f"eggesture/{table}", order)


EXPECTED = {
    "table1": ["EGGesture", "baseline", "", ""],
    "table3": ["baseline", *(f"reweight {k}" for k in ("log", "sqrt", "linear", "square", "exp")),
               "EGGesture"],
    "table4": ["EGGesture", "without classification reweighting", "baseline"],
    "table5": ["EGGesture", "without joint training", "without gumbel softmax", "", ""],
    "table7": ["Transformer baseline", "Transformer with EGGesture", "LSTM baseline",
               "LSTM with EGGesture"],
}  # fmt: skip


@pytest.mark.parametrize("table", sorted(EXPECTED))
def test_each_cell_stands_beside_its_row_of_the_paper(table: str, tmp_path: Path) -> None:
    sweep = read(write_sweep(tmp_path, table, lambda c: 1.0), table)
    found = ["" if c.paper is None else str(c.paper["method"]) for c in sweep.cells]
    assert found == EXPECTED[table]
    assert len({c.label for c in sweep.cells}) == len(sweep.cells)


def test_encoders_whose_weights_are_missing_are_told_as_refused(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, "table6", lambda c: 1.0)
    labels = [c.label for c in read(folder, "table6").cells]
    assert labels == ["hashed vectors", "hashed vectors, fine-tuned", "TCN on hashed vectors",
                      "no text", "wav2vec2 fine-tuned", "TCN in place of wav2vec2"]  # fmt: skip
    page = build_gestures(folder)
    assert page is not None and "refused: weights missing: get them" in page.read_text()


@pytest.mark.parametrize(
    "table", ["table1", "table2", "table3", "table4", "table5", "table6", "table7", "figure7",
              "grid"]
)  # fmt: skip
def test_every_table_has_its_page(table: str, tmp_path: Path) -> None:
    page = build_gestures(write_sweep(tmp_path, table, lambda c: 2.0, seeds=2))
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "No Fréchet distance here can be set against the paper" in text
    assert "fid_abc123_n500_d15_squared" in text and "0.25 of a value" in text
    assert re.search(r"other&#39;s speech: 4", text) and "commonest codes: 7" in text
    assert ("QPGesture" in text) == (table in ("table1", "table2"))
    assert ("paper: 5.74" in text) == (table not in ("table6", "figure7", "grid"))
    assert ("<svg" in text) == (table == "figure7")


def test_a_report_builds_the_page_too(tmp_path: Path) -> None:
    write_sweep(tmp_path, "table4", lambda c: 2.0)
    said = io.StringIO()
    publish(tmp_path, Console(file=said, width=200))
    assert f"gestures: {tmp_path / GESTURES_FILE}" in said.getvalue()


def test_what_cannot_be_said_is_no_number(tmp_path: Path) -> None:
    page = build_gestures(write_sweep(tmp_path, "table4", lambda c: 2.0, n=7))
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "cannot be said (n = 7, needs 40)" in text and "321" not in text


def test_table_2_reckons_the_improvement_over_the_best_before(tmp_path: Path) -> None:
    def fid(config: Mapping[str, Any]) -> float:
        return 6.0 if config["speech.joint"] else 8.0

    page = build_gestures(write_sweep(tmp_path, "table2", fid, seeds=1))
    assert page is not None
    text = page.read_text(encoding="utf-8")
    assert "+25.0 %" in text and "+25.4 %" in text, "ours, and the paper's 25.35 beside it"


def test_a_sweep_without_speech_has_no_such_page(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, "table1", lambda c: 1.0)
    text = (folder / LOG_FILE).read_text().replace("speech_to_codes", "kmeans")
    (folder / LOG_FILE).write_text(text)
    assert build_gestures(folder) is None


# ---- claims ----------------------------------------------------------------------------------


def joint_is(better: float) -> Score:
    return lambda c: 8.0 - better * bool(c["speech.joint"]) + float(c["guidance.weight"] == 0)


def by_weights(c: Mapping[str, Any]) -> float:
    if c["speech.joint"]:
        return 5.0
    order = {"linear": 9.5, "sqrt": 9.8, "log": 10.2, "none": 10.4, "square": 11.7, "exp": 13.6}
    return order[c["speech.reweighting"]]


def as_the_paper(c: Mapping[str, Any]) -> float:
    return 5.7 if c["guidance.decay"] == 0.95 and c["speech.gamma"] == 500 else 6.5


@pytest.mark.parametrize(
    ("table", "claim", "score", "verdict"),
    [
        ("table1", "E3", joint_is(2.0), HELD),
        ("table2", "E3", joint_is(-2.0), FAILED),
        ("table3", "E5", by_weights, HELD),
        ("table3", "E5", lambda c: -by_weights(c), FAILED),
        ("table5", "E6", joint_is(3.0), HELD),
        ("table5", "E6", joint_is(-3.0), FAILED),
        ("grid", "E7", lambda c: as_the_paper(c) + 5 * abs(c["commitment"] - 0.1), HELD),
        ("grid", "E7", lambda c: -as_the_paper(c), FAILED),
    ],
)
def test_verdicts(table: str, claim: str, score: Score, verdict: str, tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, table, score)
    found = judge_gestures(read(folder, table), "reduced")
    assert list(found) == [claim] and found[claim][0] == verdict, found
    assert judge_gestures(read(folder, table), "debug")[claim][0] == OPEN
    page = build_gestures(folder)
    assert page is not None and f"<strong>{claim}</strong>" in page.read_text(encoding="utf-8")


def test_cells_of_the_grid_are_told_apart(tmp_path: Path) -> None:
    names = [cell.label for cell in read(write_sweep(tmp_path, "grid", as_the_paper), "grid").cells]
    assert len(set(names)) == len(names) == 8
    assert "alpha 0.95, beta 0.1, gamma 500" in names


def test_too_few_trainings_judge_nothing(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, "table1", joint_is(2.0), seeds=2)
    verdict, why = judge_gestures(read(folder, "table1"), "reduced")["E3"]
    assert verdict == OPEN and "needs 3 trainings" in why


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, "table5", joint_is(3.0))
    sweep = read(folder, "table5")
    whole, without = sweep.cells[0], sweep.cell(**{"speech.joint": False})
    assert without is not None
    apart = without.less(whole, "test_fid_squared")
    assert apart.mean == pytest.approx(3.0) and apart.high - apart.low < 1e-9
    assert np.isclose(without.of("test_fid_squared").mean, 8.01)
