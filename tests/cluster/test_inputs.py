"""Generators and the codecs they wait for: order, failure, resume, and codecs from elsewhere."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.points import Tables
from cluster.inputs import Inputs, implied_codecs, staged, take_in
from cluster.searchers.proposer import Proposal
from search_spaces.errors import BadInput
from search_spaces.inputs import InputsSpec, codec_trial
from search_spaces.record import INPUTS_FOLDER, TRIALS_FOLDER
from search_spaces.space import Config, Space
from search_spaces.spec import SearchSpec, SweepSpec
from tests.cluster.in_process import sweep_in_process
from tests.cluster.searchers.sweeping import Bench, some_facts, spec_of
from tests.trainables.tiny import make_clips
from tests.trainables.tiny import spec as data_spec
from trainables.generators.folder import load_generator
from trainables.motion.dataset import MotionData, prepare

SMALL: Config = {
    "codec": "flow_matching", "iterations": 5, "flow.width": 8, "flow.heads": 1,
    "flow.head_dim": 4, "flow.middle": 1, "flow.blocks": 0, "flow.window": 16,
    "flow.batch_frames": 64, "flow.max_steps": 4, "flow.steps": 2,
}  # fmt: skip


def cells(*sizes: int, **fixed: Any) -> Space:
    listed: tuple[Config, ...] = tuple(
        {"conditioning": "kmeans", "codebook_size": size} for size in sizes
    )
    return Space(cells=listed, fixed={**SMALL, **fixed})


def bench(space: Space, train_frames: int = 5000, **search: Any) -> Bench:
    return Bench(spec_of(space, sampler="cells", **search), some_facts(train_frames))


def said(made: Bench, kind: str) -> list[dict[str, Any]]:
    return [e for e in made.log if e["event"] == kind]


# ---- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at_a_time", [1, 2, 5])
def test_a_codec_ends_before_its_generator_is_handed_out(at_a_time: int) -> None:
    made = bench(cells(8, 16, 32), seeds=2)
    ended: list[str] = []

    def end(of: Bench, proposal: Proposal) -> None:
        awaited = codec_trial(proposal.config, proposal.seed)
        assert not awaited or awaited in ended
        ended.append(proposal.trial)
        of.finish(proposal)

    ran = made.run(at_a_time, end)
    assert [p.config["codec"] for p in ran].count("kmeans") == 6
    assert len({p.trial for p in ran}) == len(ran) == 12 == made.proposer.budget
    assert made.proposer.exhausted


def test_a_codec_that_two_generators_ask_for_is_trained_once() -> None:
    listed: tuple[Config, ...] = tuple(
        {"conditioning": "kmeans", "codebook_size": 8, "flow.guidance": w} for w in (1.0, 2.0)
    )
    both = Space(cells=(*listed, {"codec": "kmeans", "codebook_size": 8}), fixed=SMALL)
    made = bench(both)
    ran = made.run(3)
    assert [p.config["codec"] for p in ran].count("kmeans") == 1
    assert len(ran) == 3 and implied_codecs(made.proposer._spec) == 0


def test_the_search_hears_of_what_it_proposed_alone() -> None:
    made = bench(cells(8, 16))
    made.run(2)
    assert sorted(number for number, _, _ in made.searcher.told) == [0, 1]


# ---- failure and resume ----------------------------------------------------------------------


def test_a_generator_whose_codec_failed_is_refused_with_the_reason() -> None:
    made = bench(cells(8, 16))

    def end(of: Bench, proposal: Proposal) -> None:
        failing = proposal.config["codec"] == "kmeans" and proposal.config["codebook_size"] == 8
        of.fail(proposal) if failing else of.finish(proposal)

    ran = made.run(2, end)
    assert sorted((str(p.config["codec"]), p.config["codebook_size"]) for p in ran) == [
        ("flow_matching", 16), ("kmeans", 8), ("kmeans", 16),
    ]  # fmt: skip
    (refused,) = said(made, "refused")
    assert refused["config"]["codebook_size"] == 8
    assert "did not end well" in refused["reason"] and "kmeans-" in refused["reason"]
    assert made.proposer.refused == 1 and made.proposer.exhausted


def test_codes_that_the_data_cannot_fill_are_refused_of_both() -> None:
    made = bench(cells(8, 512), train_frames=100)
    assert {p.config["codebook_size"] for p in made.run(2)} == {8}
    assert [e["codec"] for e in said(made, "refused")] == ["kmeans", "flow_matching"]
    assert all("training" in e["reason"] for e in said(made, "refused"))


def test_a_log_that_was_cut_anywhere_goes_on_to_the_same_trials() -> None:
    def end(of: Bench, proposal: Proposal) -> None:
        failing = proposal.config["codec"] == "kmeans" and proposal.config["codebook_size"] == 16
        of.fail(proposal) if failing else of.finish(proposal)

    whole = bench(cells(8, 16, 32), seeds=2)
    whole.run(2, end)
    ends = ("done", "failed", "refused")
    wanted = {(e["trial"], e["event"]) for e in whole.log if e["event"] in ends}
    assert len(wanted) == 12
    for cut in range(len(whole.log)):
        again = bench(cells(8, 16, 32), seeds=2)
        again.log = copy.deepcopy(whole.log[:cut])
        again.proposer.replay(copy.deepcopy(again.log))
        again.run(2, end)
        found = [(e["trial"], e["event"]) for e in again.log if e["event"] in ends]
        assert set(found) == wanted and len(found) == len(wanted), cut
        assert again.proposer.refused == 2


def test_an_input_that_is_gone_refuses_the_trial() -> None:
    made = bench(cells(8))

    def missing(config: Config, seed: int) -> None:
        if config["codec"] == "flow_matching":
            raise BadInput("the codec is gone")

    made.proposer._find_input = missing
    assert [p.config["codec"] for p in made.run()] == ["kmeans"]
    assert said(made, "refused")[0]["reason"] == "the codec is gone"


# ---- a real sweep ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> MotionData:
    return prepare(data_spec(features="position"), make_clips(6, 45))


def sweep_of(space: Space, **more: Any) -> SweepSpec:
    made = spec_of(space)
    return made.model_copy(
        update={"search": SearchSpec(sampler="cells"), "data": data_spec(features="position"),
                "objectives": ("rate_nominal_bps", "jerk_error_mps3"), **more}
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    folder = tmp_path_factory.mktemp("generators") / "sweep"
    return folder, sweep_in_process(sweep_of(cells(8)), data, folder)


def test_points_of_a_generator(swept: tuple[Path, Tables], data: MotionData) -> None:
    folder, tables = swept
    codec, made = (tables.points[tables.points["codec"] == c].iloc[0]
                   for c in ("kmeans", "flow_matching"))  # fmt: skip
    for rate in ("rate_nominal_bps", "val_rate_model_bps", "test_rate_stream_bps"):
        assert made[rate] == pytest.approx(codec[rate]), rate
    assert made["val_jerk_decoded_mps3"] == pytest.approx(codec["val_jerk_mps3"])
    assert made["val_jerk_original_mps3"] == pytest.approx(codec["val_jerk_original_mps3"])
    for column in ("jerk_mps3", "jerk_error_mps3", "hull_error_pct", "to_original_cm"):
        assert np.isfinite(made[f"test_{column}"]), column
    assert np.isnan(made["val_rmse_full_cm"]), "a sample is no reconstruction"
    assert made["input_trial"] == codec["trial"]
    source = Inputs(folder)(made[list(SMALL)].to_dict() | {"input": "", "conditioning": "kmeans",
                            "codebook_size": 8}, int(made["seed"]))  # fmt: skip
    assert source is not None and source.sha256 == made["input_hash"]
    began = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    (input_said,) = [e["input"] for e in began if e["event"] == "started" and "input" in e]
    assert input_said["sha256"] == source.sha256
    made_again = load_generator(folder / TRIALS_FOLDER / made["trial"] / "generator")
    assert made_again.parameters() == made["parameters"]


def test_rows_of_a_generators_samples(swept: tuple[Path, Tables], data: MotionData) -> None:
    _, tables = swept
    clips = tables.clips[tables.clips["point"].str.startswith("flow_matching")]
    samples = clips[clips["metric"] == "jerk_mps3"]
    held_out = sum(len(data.splits[s]) for s in ("val", "test"))
    assert len(samples) == 2 * held_out
    assert samples["value"].nunique() == len(samples)
    each = samples[samples["split"] == "val"].groupby("recording")["value"].mean()
    row = tables.points[tables.points["codec"] == "flow_matching"].iloc[0]
    assert each.mean() == pytest.approx(row["val_jerk_mps3"])


# ---- codecs from elsewhere -------------------------------------------------------------------


def named(**codec: Any) -> InputsSpec:
    return InputsSpec.model_validate({"codec": codec})


ALONE = Space(cells=(SMALL,))


def test_a_codec_of_an_earlier_sweep(
    swept: tuple[Path, Tables], data: MotionData, tmp_path: Path
) -> None:
    earlier, _ = swept
    inputs = named(sweep=str(earlier), choose="codec=kmeans codebook_size=8")
    with staged(sweep_of(ALONE, inputs=inputs), data.facts) as (spec, place):
        codec = spec.inputs.codec
        assert codec is not None and codec.trial.startswith("kmeans-") and place is not None
        take_in(spec, place, tmp_path / "taken")
        config = spec.configuration(spec.space.cells[0])
        source = Inputs(tmp_path / "taken")(config, 0)
        assert source is not None and source.sha256 == codec.sha256 == config["input"]
        kept = next((tmp_path / "taken" / INPUTS_FOLDER / codec.sha256).rglob("codec.json"))
        kept.write_text(kept.read_text() + " ")
        with pytest.raises(BadInput, match="put back"):
            Inputs(tmp_path / "taken")(config, 0)


def test_a_sweep_on_a_codec_of_another(
    swept: tuple[Path, Tables], data: MotionData, tmp_path: Path
) -> None:
    earlier, tables = swept
    folder = tmp_path / "sweep"
    with staged(sweep_of(ALONE, inputs=named(sweep=str(earlier))), data.facts) as (spec, place):
        take_in(spec, place, tmp_path / "inputs-first")
        (tmp_path / "inputs-first").rename(tmp_path / "held")
        made = sweep_with_inputs(spec, data, folder, tmp_path / "held")
    (row,) = made.points.to_dict("records")
    first = tables.points[tables.points["codec"] == "flow_matching"].iloc[0]
    assert row["trial"] != first["trial"] and row["input"] == row["input_hash"]
    assert row["val_jerk_mps3"] == pytest.approx(first["val_jerk_mps3"]), "the same codec and seed"


def sweep_with_inputs(spec: SweepSpec, data: MotionData, folder: Path, held: Path) -> Tables:
    """A sweep whose inputs are put where the store has just made its folder."""
    from unittest import mock

    from cluster.store import Store

    create = Store.create

    def created(place: Path, text: str) -> Store:
        store = create(place, text)
        (held / INPUTS_FOLDER).rename(place / INPUTS_FOLDER)
        return store

    with mock.patch.object(Store, "create", created):
        return sweep_in_process(spec, data, folder)


@pytest.mark.parametrize(
    ("choose", "words"),
    [("codebook_size=999", "no finished codec"), ("codebooksize=8", "no finished codec")],
)
def test_a_choice_that_fits_no_codec(
    swept: tuple[Path, Tables], data: MotionData, choose: str, words: str
) -> None:
    inputs = named(sweep=str(swept[0]), choose=choose)
    with pytest.raises(BadInput, match=words), staged(sweep_of(ALONE, inputs=inputs), data.facts):
        pass


def test_a_codec_of_other_motion_is_refused(swept: tuple[Path, Tables], data: MotionData) -> None:
    other = data.facts.model_copy(update={"split_hash": "elsewhere"})
    inputs = named(sweep=str(swept[0]))
    with pytest.raises(BadInput, match="split_hash"), staged(sweep_of(ALONE, inputs=inputs), other):
        pass
