"""Whole sweeps in a bucket: numbers, requests, cuts, and every command that reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.points import write_tables
from cluster.cli import main
from cluster.inputs import stage
from cluster.storage.bucket import Bucket
from cluster.storage.location import parse_location
from cluster.storage.mirror import Extent, hold
from cluster.storage.places import named_place
from cluster.warm_start import gather
from search_spaces.inputs import CodecInput, folder_hash
from search_spaces.objectives import objectives
from search_spaces.presets import load_spec
from search_spaces.record import REPORT_FILE
from search_spaces.spec import SweepSpec
from tests.cluster.in_process import TIMES, sweep_in_process
from tests.cluster.storage.in_bucket import Cut, Driver, some_data
from tests.cluster.storage.services import KEYS, DroppingProxy, Service
from trainables.motion.dataset import MotionData

VARIABLES = {**KEYS, "AWS_EC2_METADATA_DISABLED": "true"}


def small(*settings: str, codecs: str = "kmeans,rqvae") -> SweepSpec:
    """A few trials, of codecs with and without rungs."""
    deep = ("quantizer_depth=2", "latent_dim=8", "max_steps=12", "hidden_dim=16", "batch_frames=96")
    return load_spec(
        "rate_distortion",
        size="debug",
        settings=(
            f"codec={codecs}", "codebook_size=8,64", *(deep if "rqvae" in codecs else ()),
            *settings,
        ),
        overrides={"search": {"trials": 3, "startup": 3, "seed": 3}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def data() -> MotionData:
    return some_data()


@pytest.fixture(scope="module")
def local(data: MotionData, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Points of the sweep in a folder."""
    folder = tmp_path_factory.mktemp("local") / "sweep"
    return points(sweep_in_process(small(), data, folder).points)


@pytest.fixture(scope="module")
def finished(
    data: MotionData, s3_server: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The same sweep in a bucket, and what it asked of the service."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        patch.setenv("RATEFRONT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("RATEFRONT_LEASE_SECONDS", raising=False)
        uri = s3_server.uri("sweeps/first")
        driver = Driver(small(), data, uri, tmp_path_factory.mktemp("scratch"))
        before = len(s3_server.requests)
        driver.run()
        asked = s3_server.requests[before:]
        driver.store.close()
        driver.mirror.release()
    yield {"uri": uri, "asked": asked, "reports": driver.reports}


def points(frame: pd.DataFrame) -> pd.DataFrame:
    ordered = frame.sort_values("point").reset_index(drop=True)
    return ordered.drop(columns=[c for c in TIMES if c in ordered])


def log_of(uri: str) -> list[dict[str, Any]]:
    """Events, as another process reads them."""
    mirror = hold(parse_location(uri))
    mirror.refresh(Extent.LOG)
    return [json.loads(line) for line in (mirror.folder / "log.jsonl").read_text().splitlines()]


def each_once(events: list[dict[str, Any]]) -> list[str]:
    found = [e["row"]["point"] for e in events if e["event"] == "point"]
    assert len(found) == len(set(found)), "a point stands twice"
    return sorted(found)


@pytest.mark.long
def test_numbers_are_those_of_a_folder(finished: dict[str, Any], local: pd.DataFrame) -> None:
    mirror = hold(parse_location(finished["uri"]))
    mirror.refresh(Extent.PAGE)
    pd.testing.assert_frame_equal(points(write_tables(mirror.folder).points), local)


def test_few_requests_for_a_report(finished: dict[str, Any]) -> None:
    """At most five a report, and one for each checkpoint file that is kept."""
    files = [p for m, p in finished["asked"] if m == "PUT" and p.endswith(".tar")]
    assert len(files) == len(set(files)) + sum(p.endswith("-state.tar") for p in files) - len(
        {p for p in files if p.endswith("-state.tar")}
    ), "an archive of a finished trial was sent twice"
    others = len(finished["asked"]) - len(files)
    assert finished["reports"] >= 5
    assert others <= 5 * finished["reports"], (others, finished["reports"])


def test_trials_keep_what_is_wanted_of_them_and_no_more(
    finished: dict[str, Any],
) -> None:
    pruned = {e["trial"] for e in log_of(finished["uri"]) if e["event"] == "pruned"}
    done = {e["trial"] for e in log_of(finished["uri"]) if e["event"] == "done"}
    keys = [k.key for k in Bucket(parse_location(finished["uri"])).listed("trials")]
    there = {k.split("/")[1] for k in keys if k.endswith("-codec.tar")}
    assert there == done - pruned
    assert {k.split("/")[1] for k in keys if k.endswith("-record.tar")} == done
    assert not [k for k in keys if k.endswith("-state.tar")], "half-trained states stay behind"


def test_every_command_reads_it(
    finished: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = finished["uri"]
    assert main(["status", uri]) == 0
    assert "finished" in capsys.readouterr().out
    assert main(["best", uri, "--at", "1e6", "--rate", "nominal"]) == 0
    assert "bits/s nominal" in capsys.readouterr().out
    assert main(["report", uri]) == 0
    assert "file(s) sent; a copy is" in capsys.readouterr().err
    bucket = Bucket(parse_location(uri))
    page = bucket.read(REPORT_FILE)
    assert page is not None and b"<html" in page[0][:500]
    kept = sorted(k.key.split("/")[1] for k in bucket.listed("trials") if "codec.tar" in k.key)
    out = tmp_path / "codec"
    assert main(["export", uri, "--trial", kept[0], "-o", str(out)]) == 0, capsys.readouterr().err
    assert any(out.rglob("*.safetensors"))
    assert main(["status", uri.replace("/first", "/none")]) == 2
    assert "is no sweep" in capsys.readouterr().err
    assert main(["sweep", "rate_distortion", "--data", "embedded", "--out", uri]) == 2
    assert f"holds a sweep already; continue it with 'ratefront resume {uri}'" in (
        capsys.readouterr().err
    )


def test_no_key_is_written_down(finished: dict[str, Any]) -> None:
    bucket = Bucket(parse_location(finished["uri"]))
    secret = os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    kept = bucket.listed()
    assert len(kept) > 20
    for each in kept:
        found = bucket.read(each.key)
        assert found is not None and secret not in found[0], each.key
    cache = Path(os.environ["RATEFRONT_CACHE"])
    assert not [f for f in cache.rglob("*") if f.is_file() and secret in f.read_bytes()]


@pytest.mark.long
def test_a_sweep_that_is_cut_off_goes_on_elsewhere(
    data: MotionData, s3_server: Service, local: pd.DataFrame, tmp_path: Path
) -> None:
    """The second machine has nothing of the first but the bucket: log, half-trained state."""
    uri = s3_server.uri("sweeps/cut")
    first = Driver(small(), data, uri, tmp_path / "one", cut=4)
    with pytest.raises(Cut):
        first.run()
    first.die()
    second = Driver(small(), data, uri, tmp_path / "two")
    assert second.store.medium.epoch == 2
    second.run()
    second.store.close()
    events = log_of(uri)
    assert each_once(events) == sorted(local["point"])
    second.mirror.refresh(Extent.PAGE)
    pd.testing.assert_frame_equal(points(write_tables(second.mirror.folder).points), local)


def test_a_lost_connection_fails_the_trial_and_not_the_sweep(
    data: MotionData, s3_server: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's network is cut while its trial sends what it left; the driver's is not."""
    monkeypatch.setenv("RATEFRONT_STORAGE_SECONDS", "1")
    proxy = DroppingProxy(s3_server.port)
    driver = Driver(
        small(codecs="kmeans"), data, s3_server.uri("sweeps/lost"), tmp_path / "scratch"
    )
    assert driver.of_trials is not None
    driver.of_trials = replace(driver.of_trials, endpoint=proxy.endpoint)
    begun: list[str] = []

    def cut_for_one(trial: str) -> None:
        begun.append(trial)
        proxy.cut() if len(begun) == 2 else proxy.heal()

    driver.before = cut_for_one
    driver.run()
    events = log_of(s3_server.uri("sweeps/lost")) if driver.store.close() is None else []
    (failed,) = [e for e in events if e["event"] == "failed"]
    done = [e["trial"] for e in events if e["event"] == "done"]
    assert failed["trial"] == begun[1] and len(done) == len(begun) - 1 >= 2
    assert proxy.dropped > 1 and events[-1]["event"] == "finished"
    assert {e["trial"] for e in events if e["event"] == "point"} == set(done)
    each_once(events)
    proxy.close()


def test_what_starts_from_an_earlier_sweep_takes_its_uri(
    finished: dict[str, Any], data: MotionData, tmp_path: Path
) -> None:
    uri = finished["uri"]
    assert named_place(uri) == uri and named_place("a/b") == str(Path("a/b").absolute())
    spec = small()
    warm = spec.model_copy(update={"search": spec.search.model_copy(update={"warm_start": (uri,)})})
    (taken,) = gather(warm, objectives(spec.objectives), data.facts)
    assert taken.sweep == str(parse_location(uri)) and taken.same_motion and taken.trials
    found = stage(CodecInput(sweep=uri, choose="codec=kmeans"), data.facts, tmp_path / "codec")
    assert found.sweep == uri and found.config["codec"] == "kmeans"
    assert folder_hash(tmp_path / "codec") == found.sha256
