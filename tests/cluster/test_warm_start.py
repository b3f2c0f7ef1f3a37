"""A sweep that starts from earlier ones: what is taken, what is refused, and what a model makes of
it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.searchers.earlier import Earlier, EarlierSweep
from cluster.searchers.named import make_searcher
from cluster.searchers.optuna_searcher import OptunaSearcher
from cluster.searchers.rate_aware.earlier import EarlierSweeps, EarlierTrial
from cluster.searchers.rate_aware.encoding import Encoding
from cluster.searchers.rate_aware.gaussian_process import Inputs
from cluster.warm_start import described, gather, load, save
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.record import LOG_FILE
from search_spaces.space import Config, Parameter, Space, canonical
from search_spaces.spec import SweepSpec
from tests.cluster.searchers.sweeping import REFERENCE, invented_row, some_facts, some_spec

GOALS = objectives(["rate_nominal_bps", "rmse_full_cm"])


def warm_spec(*places: Path | str, **search: Any) -> SweepSpec:
    return some_spec(warm_start=tuple(map(str, places)), **search)


def recorded(folder: Path, count: int = 12, **columns: Any) -> Path:
    """The log of a sweep whose trials are invented; its first configuration has two seeds."""
    folder.mkdir()
    spec = some_spec()
    rng = np.random.default_rng(0)
    events: list[dict[str, Any]] = [{"event": "sweep", "name": "x", "metric_versions": {}}]
    for number in range(count):
        config = spec.configuration(Encoding(spec.space).at(rng.random(len(spec.space.parameters))))
        for seed in range(2 if number == 0 else 1):
            trial = f"t{number}-s{seed}"
            row = {**invented_row(config, seed), **columns}
            row = {k: v for k, v in row.items() if v is not None}
            said = {"trial": trial, "config": config, "seed": seed}
            events += [{"event": "proposed", **said, "ask": number},
                       {"event": "point", "trial": trial, "row": row},
                       {"event": "done", "trial": trial}]  # fmt: skip
    (folder / LOG_FILE).write_text("".join(json.dumps(e) + "\n" for e in events))
    return folder


def test_what_is_taken_is_means_over_seeds_and_outlives_its_sweep(tmp_path: Path) -> None:
    place = recorded(tmp_path / "old")
    (taken,) = gather(warm_spec(place), GOALS, some_facts())
    assert len(taken.trials) == 12 and not taken.same_motion
    first = taken.trials[0]
    each = [invented_row(first.config, seed)["val_rmse_full_cm"] for seed in (0, 1)]
    assert first.points[-1][1] == pytest.approx(np.mean(each))
    assert all("test" not in key for row in first.rates for key in row)
    (tmp_path / "new").mkdir()
    save([taken], tmp_path / "new")
    shutil.rmtree(place)
    assert load(tmp_path / "new") == (taken,) and load(tmp_path) == ()
    assert "12 configurations" in described(taken, "rate_aware")


def test_what_was_not_measured_alike_is_refused_in_one_line(tmp_path: Path) -> None:
    pixels = recorded(tmp_path / "px", val_rmse_full_cm=None, val_rmse_full_px=3.0)
    with pytest.raises(BadInput, match=r"did not measure rmse_full_cm \(it has rmse_full_px\)"):
        gather(warm_spec(pixels), GOALS, some_facts())
    empty = recorded(tmp_path / "empty", count=0)
    with pytest.raises(BadInput, match=r"no trial of .* finished"):
        gather(warm_spec(empty), GOALS, some_facts())
    other = recorded(tmp_path / "other")
    log = other / LOG_FILE
    log.write_text(
        log.read_text().replace('"metric_versions": {}', '"metric_versions": {"rmse_cm": 99}')
    )
    with pytest.raises(BadInput, match="had version 99"):
        gather(warm_spec(other), GOALS, some_facts())
    with pytest.raises(BadInput, match="no sweep directory"):
        gather(warm_spec(tmp_path / "nowhere"), GOALS, some_facts())
    with pytest.raises(BadInput, match="learns nothing from earlier sweeps"):
        load_spec("klezovich/table1", settings=[f"warm_start={other}"])


def one_key() -> Space:
    return Space(
        parameters=(Parameter(name="codebook_size", low=1, high=1000, log=True, integer=True),)
    )


def test_other_motion_is_believed_up_to_an_offset() -> None:
    encoding = Encoding(one_key(), earlier=1)

    def shape(size: float) -> float:
        return 1 + 0.3 * math.cos(math.log(size))

    sizes = [1, 3, 10, 30, 100, 300, 1000]
    trials = [EarlierTrial({"codebook_size": s}, np.zeros((1, 1)), np.array([[shape(s)]]))
              for s in sizes]  # fmt: skip
    before = EarlierSweeps([trials], encoding)
    none = Inputs(np.zeros((0, encoding.dimensions)), np.zeros(0))
    inputs, values = before.joined(none, np.zeros(0), 9.0, 0, None)
    assert len(inputs) == 7 and values == pytest.approx([shape(s) for s in sizes])
    ours = Inputs(encoding.encode_all([{"codebook_size": 3}, {"codebook_size": 100}]), np.ones(2))
    found = np.array([shape(3), shape(100)]) + 0.7
    inputs, values = before.joined(ours, found, 9.0, 0, None)
    assert values[:2] == pytest.approx(found)
    assert values[2:] == pytest.approx([shape(s) + 0.7 for s in sizes], abs=0.05)
    assert (inputs.x[:2, -1] == 0).all() and (inputs.x[2:, -1] > 0).all()


def good_and_bad(spec: SweepSpec) -> EarlierSweep:
    """An earlier sweep in which K-Means got no better beyond 64 codes."""
    found = []
    reached = {8: 20.0, 16: 12.0, 32: 6.0, 64: 2.0, 128: 2.0, 256: 2.0}
    for size, rmse in reached.items():
        config: Config = spec.configuration({"codec": "kmeans", "codebook_size": size,
                                             "feature_scaling": "none"})  # fmt: skip
        rate = 30 * math.log2(size)
        found.append(Earlier(config, [[rate, rmse]], [{"rate_nominal_bps": rate}]))
    return EarlierSweep("old", False, tuple(found))


@pytest.mark.parametrize("seed", range(3))
def test_the_model_looks_first_where_an_earlier_sweep_was_good(seed: int) -> None:
    settings = ["codec=kmeans", "codebook_size=8,16,32,64,128,256", "startup=0", f"seed={seed}"]
    spec = load_spec("rate_distortion", settings=[*settings, "sampler=rate_aware"])
    searcher = make_searcher(spec, GOALS, some_facts(), REFERENCE, [good_and_bad(spec)])
    config = searcher.ask()
    assert config is not None and int(config["codebook_size"]) >= 64


def test_the_same_history_gives_the_same_proposals() -> None:
    spec = some_spec(sampler="rate_aware")

    def proposals() -> list[str]:
        searcher = make_searcher(spec, GOALS, some_facts(), REFERENCE, [good_and_bad(spec)])
        asked = []
        for number in range(5):
            config = searcher.ask()
            assert config is not None
            row = invented_row(spec.configuration(config), 0)
            searcher.tell(number, [row["rate_nominal_bps"], row["val_rmse_full_cm"]])
            asked.append(canonical(config))
        return asked

    assert proposals() == proposals()


def test_optuna_is_told_what_its_space_holds() -> None:
    spec = some_spec(sampler="tpe")
    sweep = good_and_bad(spec)
    strange = Earlier({"codec": "kmeans", "codebook_size": 7}, [[1.0, 1.0]], [{}])
    sweep = EarlierSweep("old", False, (*sweep.trials, strange))
    searcher = make_searcher(spec, GOALS, some_facts(), REFERENCE, [sweep])
    assert isinstance(searcher, OptunaSearcher)
    assert [t.values for t in searcher.study.trials] == [
        list(t.points[-1]) for t in sweep.trials[:-1]
    ]
    config = searcher.ask()
    assert config is not None
    searcher.tell(0, [100.0, 10.0])
    assert searcher.study.trials[-1].values == [100.0, 10.0]
