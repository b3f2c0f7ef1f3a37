"""What a trial has half trained goes up while it trains on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cluster.storage.archives import STATE_FOLDER
from cluster.storage.bucket import Bucket
from cluster.storage.location import parse_location
from cluster.storage.trial_files import InBucket


class Wire:
    """A connection that carries when it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.broken = False
        self.carried: list[str] = []

    def put(self, bucket: Bucket, key: str, file: Path) -> None:
        assert self.open.wait(30) and file.is_file()
        if self.broken:
            raise OSError("no connection")
        self.carried.append(key)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(Bucket, "put", lambda self, key, file: wire.put(self, key, file))
    monkeypatch.setattr(Bucket, "delete", lambda self, keys: None)
    return wire


def files(folder: Path) -> InBucket:
    return InBucket(parse_location("s3://lab/sweep"), 1, "t1", folder)


def trained(one: InBucket, text: str) -> None:
    state = one.folder / STATE_FOLDER
    state.mkdir(parents=True, exist_ok=True)
    (state / f"{text}.pt").write_text(text)


def test_a_rung_does_not_wait_for_the_wire(tmp_path: Path, wire: Wire) -> None:
    one = files(tmp_path)
    trained(one, "first")
    one.before_report({"share": 0.1})
    assert wire.carried == [], "it came back before anything was sent"
    wire.open.set()
    one.before_report({"points": []})
    assert [key for key in wire.carried if "state" in key] == ["trials/t1/000001-state.tar"]
    assert not list(one.folder.glob(".sending*"))


def test_a_state_that_was_lost_on_the_way_is_said_and_sent_again(
    tmp_path: Path, wire: Wire
) -> None:
    one = files(tmp_path)
    wire.open.set()
    wire.broken = True
    trained(one, "first")
    one.before_report({"share": 0.1})
    with pytest.raises(OSError, match="no connection"):
        one.before_report({"points": []})
    wire.broken = False
    one.before_report({"share": 0.1})
    one.before_report({"points": []})
    assert len([key for key in wire.carried if "state" in key]) == 1


def test_at_a_notice_the_state_is_there_before_training_goes_on(tmp_path: Path, wire: Wire) -> None:
    one = files(tmp_path)
    threading.Timer(0.2, wire.open.set).start()
    one.after_keeping(lambda: trained(one, "first"))
    assert wire.carried == ["trials/t1/000001-state.tar"]


def test_the_end_waits_for_what_is_under_way(tmp_path: Path, wire: Wire) -> None:
    one = files(tmp_path)
    trained(one, "first")
    one.before_report({"share": 0.1})
    threading.Timer(0.2, wire.open.set).start()
    one.end()
    assert wire.carried == ["trials/t1/000001-state.tar"] and not one.folder.exists()


def test_a_second_attempt_takes_nothing_from_what_the_first_has_under_way(
    tmp_path: Path, wire: Wire
) -> None:
    first, second = files(tmp_path), files(tmp_path)
    trained(first, "first")
    first.before_report({"share": 0.1})
    second.before_report({"share": 0.1})
    assert len(list(first.folder.glob(".sending-*"))) == 2
    wire.open.set()
    for one in (first, second):
        one.after_keeping(lambda: None)
    assert len(wire.carried) == 2 and not list(first.folder.glob(".sending-*"))
