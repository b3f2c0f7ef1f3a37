"""Two drivers of one sweep at once, and a clock that jumps: no point doubled, none lost."""

from __future__ import annotations

import json
import pickle
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.books import Books
from cluster.places.entrypoint import command_for
from cluster.searchers.proposer import Proposal, Proposer, make_searcher
from cluster.storage.archives import CODEC, Archive
from cluster.storage.bucket import Bucket
from cluster.storage.location import Location, parse_location
from cluster.storage.mirror import _HELD, Extent, Mirror, hold
from cluster.store import Store
from search_spaces.errors import BadInput
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from tests.cluster.searchers.sweeping import REFERENCE, some_facts, some_spec
from tests.cluster.stopping import rung_rows
from tests.cluster.storage.services import DroppingProxy, Service

TRIALS = 9


def own_copy(location: Location) -> Mirror:
    """A copy such as another process has."""
    _HELD.pop(location, None)
    return hold(location)


class Light:
    """A driver with invented trials."""

    def __init__(self, location: Location) -> None:
        self.mirror = own_copy(location)
        spec = some_spec(trials=TRIALS, startup=4)
        goals = objectives(spec.objectives)
        begun = self.mirror.taken()
        self.store = (Store.open if begun else _new)(self.mirror.folder)
        if not begun:
            self.store.append(
                "sweep", name="x", spec=spec.model_dump(mode="json"),
                objectives=spec.objectives, reference_point=REFERENCE,
            )  # fmt: skip
            self.store.append("data", facts=some_facts().model_dump(mode="json"))
        searcher = make_searcher(spec, goals, some_facts(), REFERENCE)
        proposer = Proposer(spec, some_facts(), goals, searcher, self.store.append)
        events = self.store.read().events
        if begun:
            self.store.append("resumed")
        proposer.replay(events)
        self.books = Books(self.store, proposer)
        self.books.take_up(events)
        self.acknowledged: list[str] = []

    def begin(self) -> Proposal | None:
        proposal = self.books.next()
        if proposal is not None:
            self.books.started(proposal.trial)
        return proposal

    def end(self, proposal: Proposal) -> None:
        rows = [
            {**row, "point": f"{proposal.trial}-d{row['depth']}", "trial": proposal.trial}
            for row in rung_rows(proposal.config, 1.0)
        ]
        self.books.reported(proposal.trial, {"share": 1.0, "points": rows})
        self.acknowledged += [row["point"] for row in rows]
        self.books.ended(proposal.trial)

    def run(self) -> None:
        while (proposal := self.begin()) is not None:
            self.end(proposal)
        self.store.append("finished", counts={})

    def sleep(self) -> None:
        """Its machine stands still: nothing renews its lease, and it does not know."""
        lease = self.store.medium._lease  # type: ignore[attr-defined]
        lease._over.set()
        lease._renewing.join()


def _new(folder: Any) -> Store:
    return Store.create(folder, "name: x\n")


def points_of(location: Location) -> list[str]:
    mirror = own_copy(location)
    mirror.refresh(Extent.LOG)
    lines = (mirror.folder / "log.jsonl").read_text().splitlines()
    return [e["row"]["point"] for e in map(json.loads, lines) if e["event"] == "point"]


@pytest.mark.parametrize(
    ("scheme", "jump"),
    [
        pytest.param("s3", -86400.0, marks=pytest.mark.long),
        ("s3", 86400.0),
        pytest.param("gs", 86400.0, marks=pytest.mark.long),
    ],
)
def test_a_driver_that_slept_finds_its_successor(
    scheme: str, jump: float, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requeued job beside its predecessor, whose clock jumped a day either way."""
    service: Service = request.getfixturevalue(f"{scheme}_server")
    location = parse_location(service.uri(f"two/{scheme}-{int(jump)}"))
    first = Light(location)
    for _ in range(3):
        proposal = first.begin()
        assert proposal is not None
        first.end(proposal)
    under_way = first.begin()
    assert under_way is not None
    first.sleep()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump)

    began = time.monotonic()
    second = Light(location)
    assert time.monotonic() - began > 1.1, "it did not wait for the lease to run out"
    halfway = second.begin()
    assert halfway is not None and halfway.trial == under_way.trial
    second.end(halfway)

    with pytest.raises(BadInput, match=r"was taken over by process \d+ on .*stops") as fenced:
        first.end(under_way)
    assert "\n" not in str(fenced.value)
    with pytest.raises(BadInput, match="was taken over"):
        first.begin()
    with pytest.raises(BadInput):
        first.books.check()
    (first.mirror.folder / "report.html").write_text("of a driver that does not count")
    assert first.mirror.send() == []
    second.run()
    first.store.close()
    second.store.close()

    found = points_of(location)
    assert len(found) == len(set(found)), "a point stands twice"
    assert set(first.acknowledged) | set(second.acknowledged) == set(found), "one is lost"
    assert not set(first.acknowledged) & set(second.acknowledged)


def test_a_second_driver_beside_a_live_one_is_refused(
    s3_server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATEFRONT_LEASE_SECONDS", "10")  # a busy machine renews late
    location = parse_location(s3_server.uri("two/live"))
    first = Light(location)
    with pytest.raises(BadInput, match=r"is being written by process \d+ on .*wait for it"):
        Light(location)
    first.run()
    first.store.close()
    assert len(points_of(location)) == len(first.acknowledged)


def test_a_refused_start_leaves_nothing_and_a_fenced_one_everything(s3_server: Service) -> None:
    location = parse_location(s3_server.uri("two/abandoned"))
    store = _new(own_copy(location).folder)
    store.append("sweep", name="x")
    store.medium.abandon([])
    store.close()
    assert not Bucket(location).listed()

    first = Light(location)
    first.sleep()
    second = Light(location)
    with pytest.raises(BadInput, match="was taken over"):
        first.begin()
    kept = len(Bucket(location).listed())
    first.store.medium.abandon([])
    assert len(Bucket(location).listed()) == kept > 3
    second.store.close()


def test_weights_go_once_it_is_written_down_that_they_go(s3_server: Service) -> None:
    location = parse_location(s3_server.uri("two/pruned"))
    bucket, weights = Bucket(location), Archive("a", 1, CODEC).key
    store = _new(own_copy(location).folder)
    store.append("point", trial="a", row={"point": "a-d1"})
    bucket.create(weights, b"weights")
    with store.together():
        store.append("done", trial="a")
        store.append("pruned", trial="a")
        store.medium.remove_weights("a")
        assert bucket.read(weights) is not None
        before = len(s3_server.requests)
    assert bucket.read(weights) is None
    last = [r for r in s3_server.requests[before:] if not r[1].endswith("owner.json")]
    assert [method for method, _ in last] == ["PUT", "POST", "GET"], "written down, removed, read"
    store.close()


def test_a_finished_sweep_is_as_old_as_its_last_event(s3_server: Service) -> None:
    """However often it was resumed: a report that is younger need not be made again."""
    location = parse_location(s3_server.uri("two/old"))
    driver = Light(location)
    driver.run()
    driver.store.close()
    last = max(k.modified for k in Bucket(location).listed("log"))
    time.sleep(1.1)  # the service counts in whole seconds
    for _ in range(2):
        store = Store.open(own_copy(location).folder)
        assert (store.folder / "log.jsonl").stat().st_mtime == last
        store.close()
        time.sleep(1.1)


def test_who_looks_before_a_sweep_begins_sees_it_later(s3_server: Service) -> None:
    location = parse_location(s3_server.uri("two/early"))
    early = own_copy(location)
    with pytest.raises(BadInput, match="is no sweep"):
        early.refresh(Extent.LOG)
    driver = Light(location)
    early.refresh(Extent.LOG)
    driver.run()
    early.refresh(Extent.LOG)
    seen = [json.loads(line) for line in (early.folder / "log.jsonl").read_text().splitlines()]
    assert seen == [*driver.store.read().events] and seen[-1]["event"] == "finished"
    driver.store.close()


def test_a_submitted_job_begins_or_resumes(s3_server: Service, tmp_path: Path) -> None:
    uri = s3_server.uri("two/submitted")
    spec = tmp_path / "spec.yaml"
    spec.write_text(load_spec("rate_distortion", size="debug").dump())
    assert command_for(spec, uri) == ["sweep", str(spec), "--out", uri]
    store = Store.create(own_copy(parse_location(uri)).folder, spec.read_text())
    assert command_for(spec, uri) == ["resume", uri]
    store.close()


def test_every_node_writes_reads_and_deletes_before_the_first_trial(
    s3_server: Service, tmp_path: Path
) -> None:
    """What a node runs travels to it by pickle."""
    location = parse_location(s3_server.uri("two/probed"))
    store = _new(own_copy(location).folder)
    probe = pickle.loads(pickle.dumps(store.medium.probe()))
    before = len(s3_server.requests)
    assert probe() == ""
    methods = [m for m, path in s3_server.requests[before:] if ".preflight" in path]
    assert methods.count("PUT") == 2 and "GET" in methods
    assert not [k for k in Bucket(location).listed() if ".preflight" in k.key]
    other = replace(location, bucket="no-such-bucket")
    assert "NoSuchBucket" in partial(probe.func, other)()
    store.close()
    with Store.create(tmp_path / "sweep", "name: x\n") as local:
        probe = pickle.loads(pickle.dumps(local.medium.probe()))
        assert probe() == ""
        (tmp_path / "sweep" / ".visible").write_text("of another folder of that name\n")
        assert probe() == "does not see"
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir() if p.name != ".owner.lock") == [
        "log.jsonl", "sweep.yaml", "trials",
    ]  # fmt: skip


def test_a_driver_waits_out_a_short_cut_and_says_a_long_one(
    s3_server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATEFRONT_STORAGE_SECONDS", "0.6")  # the driver's is ten times a trial's
    proxy = DroppingProxy(s3_server.port)
    location = parse_location(s3_server.uri("two/cut", proxy.endpoint))
    driver = Light(location)
    proposal = driver.begin()
    assert proposal is not None
    proxy.cut()
    threading.Timer(0.8, proxy.heal).start()
    driver.end(proposal)
    assert proxy.dropped > 0
    proposal = driver.begin()
    assert proposal is not None
    proxy.cut()
    with pytest.raises(BadInput, match=r"cannot be written.*nothing that was acknowledged is lost"):
        driver.end(proposal)
    proxy.heal()
    driver.sleep()
    direct = parse_location(s3_server.uri("two/cut"))
    resumed = Light(direct)
    resumed.run()
    resumed.store.close()
    found = points_of(direct)
    assert len(found) == len(set(found)) and set(driver.acknowledged) <= set(found)
    proxy.close()
