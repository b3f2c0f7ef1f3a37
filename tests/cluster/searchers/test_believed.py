"""Points that people believe in: first, marked, learnt from, refused as any other."""

from __future__ import annotations

import pytest

from search_spaces.space import Config
from tests.cluster.searchers.sweeping import Bench, some_facts, some_spec
from tests.cluster.searchers.test_proposer import CODECS, through_json


def believing(sampler: str, *points: Config) -> Bench:
    spec = some_spec(sampler=sampler, trials=7, startup=3)
    return Bench(
        spec.model_copy(update={"space": spec.space.model_copy(update={"points": points})})
    )


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "rate_aware"])
def test_believed_points_come_first_and_are_marked(sampler: str) -> None:
    points: list[Config] = [
        {"codec": "rqvae", "quantizer_depth": 4}, {"codec": "kmeans", "codebook_size": 64},
    ]  # fmt: skip
    bench = believing(sampler, *points)
    ran = bench.run()
    assert len(ran) == 7
    for point, proposal in zip(points, ran, strict=False):
        assert point.items() <= proposal.config.items()
    marked = {e["trial"] for e in bench.log if e["event"] == "proposed" and e.get("believed")}
    assert marked == {p.trial for p in ran[:2]}
    assert {str(p.config["codec"]) for p in ran} == CODECS, "the search goes on as ever"
    told = {ask for ask, values, _ in bench.searcher.told if values is not None}
    assert {0, 1} <= told, "it learns from them"
    again = believing(sampler, *points)
    first_end = next(i for i, e in enumerate(bench.log) if e["event"] == "done")
    again.proposer.replay(through_json(bench.log[: first_end + 1]))
    assert [p.trial for p in again.run()] == [p.trial for p in ran[1:]]


def test_a_believed_point_that_cannot_work_is_refused_as_any_other() -> None:
    bench = believing("rate_aware", {"codec": "kmeans", "codebook_size": 512})
    few = Bench(bench.proposer._spec, some_facts(train_frames=100))
    assert len(few.run()) == 7
    (refused,) = [e for e in few.log if e["event"] == "refused" and e.get("believed")]
    assert "512" in refused["reason"]
