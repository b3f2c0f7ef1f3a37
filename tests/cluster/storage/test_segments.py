"""The log in a bucket: numbered objects, one owner, and what happens when there are two."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from cluster.storage import segments
from cluster.storage.bucket import Bucket
from cluster.storage.lease import Lease
from cluster.storage.location import parse_location
from cluster.storage.patience import Denied, Lost
from cluster.storage.segment_log import check_writable
from cluster.storage.segments import Fenced, SegmentReader, SegmentWriter, key_of
from search_spaces.errors import BadInput
from tests.cluster.storage.services import DroppingProxy, Service, s3_service

_NUMBERS = count()


class Time:
    """A clock that only goes forward, by what is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """A place of its own, in either service."""
    service: Service = request.getfixturevalue(f"{request.param}_server")
    return Bucket(parse_location(service.uri(f"log/{next(_NUMBERS)}")), seconds=5)


@pytest.fixture
def lease(bucket: Bucket) -> Iterator[Lease]:
    """Of the first owner."""
    held = Lease(bucket, seconds=30)
    yield held
    held.close()


def asleep(lease: Lease) -> Lease:
    """The owner's machine stands still: nothing renews its lease, and it does not know."""
    lease._over.set()
    lease._renewing.join()
    return lease


def taken_over(bucket: Bucket) -> Lease:
    """A successor, after a term that passed without waiting."""
    clock = Time()
    found = Lease(bucket, seconds=30, clock=clock, sleep=clock.sleep)
    assert clock.now >= 30
    return found


def lines(bucket: Bucket) -> bytes:
    return b"".join(s.events for s in SegmentReader(bucket).read())


def test_what_was_written_is_read_in_order(bucket: Bucket, lease: Lease) -> None:
    writer = SegmentWriter(bucket, lease)
    for text in (b"one\n", b"two\nthree\n", "Å\n".encode()):
        writer.append(text)
    assert lines(bucket) == "one\ntwo\nthree\nÅ\n".encode()
    reader = SegmentReader(bucket)
    assert len(reader.read()) == 4  # the first holds no event: it says whose log it is
    assert reader.read() == []
    writer.append(b"later\n")
    assert [s.events for s in reader.read()] == [b"later\n"]


def test_points_are_known_by_the_epoch_that_wrote_them(bucket: Bucket, lease: Lease) -> None:
    SegmentWriter(bucket, lease).append(b'{"event":"point","trial":"a"}\n')
    asleep(lease)
    second = taken_over(bucket)
    writer = SegmentWriter(bucket, second)
    writer.append(b'{"event":"point","trial":"b"}\n')
    assert writer.reader.epochs == {"a": 1, "b": 2}
    second.close()


def test_a_renewed_lease_is_respected(bucket: Bucket, lease: Lease) -> None:
    clock = Time()

    def renewed(seconds: float) -> None:
        clock.sleep(seconds)
        lease._renew_once()

    with pytest.raises(BadInput, match=r"is being written by process \d+ on ") as refused:
        Lease(bucket, seconds=30, clock=clock, sleep=renewed)
    assert clock.now < 30 and "\n" not in str(refused.value)


def test_a_lease_that_was_given_back_is_taken_at_once(bucket: Bucket, lease: Lease) -> None:
    lease.close()
    clock = Time()
    second = Lease(bucket, seconds=30, clock=clock, sleep=clock.sleep)
    assert (clock.now, second.epoch) == (0.0, 2)
    second.close()


def test_two_live_owners_never_both_write(bucket: Bucket, lease: Lease) -> None:
    """The first was asleep for a term. It wakes, believes it owns the log, and is stopped."""
    first = SegmentWriter(bucket, lease)
    first.append(b"one\n")
    asleep(lease)
    second_lease = taken_over(bucket)
    second = SegmentWriter(bucket, second_lease)
    with pytest.raises(Fenced, match=r"was taken over by process \d+ on .*this driver stops"):
        first.append(b"of the first\n")
    second.append(b"two\n")
    with pytest.raises(Fenced):
        first.append(b"of the first\n")
    assert lines(bucket) == b"one\ntwo\n"
    second_lease.close()


def test_what_the_first_wrote_while_it_was_taken_over_counts(
    bucket: Bucket, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the successor's reading and its fence: then the successor reads again."""
    first = SegmentWriter(bucket, lease)
    asleep(lease)
    second_lease = taken_over(bucket)
    read, raced = SegmentReader.read, []

    def racing(reader: SegmentReader) -> list[segments.Segment]:
        found = read(reader)
        if not raced:
            raced.append(1)
            first.append(b"just in time\n")
        return found

    monkeypatch.setattr(SegmentReader, "read", racing)
    second = SegmentWriter(bucket, second_lease)
    second.append(b"next\n")
    assert b"".join(s.events for s in second.segments) == b"just in time\nnext\n"
    assert lines(bucket) == b"just in time\nnext\n"
    second_lease.close()


def test_long_logs_are_read_from_joined_segments(
    s3_server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "JOIN", 8)
    bucket = Bucket(parse_location(s3_server.uri("log/joined")), seconds=5)
    lease = Lease(bucket, seconds=30)
    writer = SegmentWriter(bucket, lease)
    for number in range(30):
        writer.append(b'{"event":"x","n":%d}\n' % number)
    before = len(s3_server.requests)
    assert lines(bucket) == b"".join(b'{"event":"x","n":%d}\n' % n for n in range(30))
    # Two listings, three joined objects, and the seven segments that no joined one holds yet.
    assert len(s3_server.requests) - before == 2 + 3 + 7
    lease.close()


@pytest.mark.parametrize(("harm", "said"), [("remove", "is missing"), ("spoil", "is damaged")])
def test_a_log_with_a_hole_is_refused(bucket: Bucket, lease: Lease, harm: str, said: str) -> None:
    writer = SegmentWriter(bucket, lease)
    writer.append(b"one\n")
    writer.append(b"two\n")
    bucket.delete([key_of(2)])
    if harm == "spoil":
        bucket.create(key_of(2), b"nonsense")
    with pytest.raises(BadInput, match=f"segment 2 of the log {said}"):
        SegmentReader(bucket).read()


def test_an_answer_that_is_lost_on_its_way_is_no_second_write(s3_server: Service) -> None:
    """The service wrote, its answer did not come: the same call again finds its own segment."""
    proxy = DroppingProxy(s3_server.port)
    bucket = Bucket(parse_location(s3_server.uri("log/answers", proxy.endpoint)), seconds=10)
    lease = Lease(bucket, seconds=30)
    writer = SegmentWriter(bucket, lease)
    proxy.drop_answers(1)
    writer.append(b"one\n")
    writer.append(b"two\n")
    assert proxy.dropped == 1
    assert lines(bucket) == b"one\ntwo\n"
    lease.close()
    proxy.close()


def test_without_a_connection_it_is_tried_for_a_while_and_said(s3_server: Service) -> None:
    proxy = DroppingProxy(s3_server.port)
    bucket = Bucket(parse_location(s3_server.uri("log/cut", proxy.endpoint)), seconds=1.5)
    assert bucket.create("a", b"1")
    proxy.cut()
    for call in (
        lambda: bucket.create("b", b"1"),
        lambda: bucket.listed(),
        lambda: bucket.read("a"),
    ):
        before = proxy.dropped
        with pytest.raises(Lost):
            call()
        assert proxy.dropped - before > 1, "it was tried once only"
    proxy.heal()
    assert bucket.create("b", b"1")
    proxy.close()


def test_a_denial_is_not_asked_again(s3_server: Service) -> None:
    place = s3_server.uri("x").replace("/lab/", "/no-such-bucket/")
    bucket = Bucket(parse_location(place), seconds=60)
    for call in (lambda: bucket.create("a", b""), lambda: bucket.delete(["a"])):
        with pytest.raises(Denied, match="NoSuchBucket"):
            call()


def test_a_service_that_ignores_conditions_is_refused(
    s3_server: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_writable(Bucket(parse_location(s3_server.uri("preflight")), seconds=5))
    with s3_service(ignores_conditions=True) as careless:
        bucket = Bucket(parse_location(careless.uri("preflight")), seconds=5)
        with pytest.raises(BadInput, match="ignores conditional writes"):
            check_writable(bucket)
        assert not bucket.listed()
