"""A trial at its hosts: what it hears, and what it does when they are lost, full, or silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError

from cluster.packed import attached
from cluster.packed.host import Said

REQUEST = {"trial": "rqvae-1", "config": {}, "seed": 0}
ROWS = [{"share": 0.5}, {"share": 1.0}]


class Host:
    """Answers at once, from a list of what each lease is told."""

    def __init__(self, *scripts: list[Said | Exception], places: int = 1) -> None:
        self.scripts, self.left, self.free = list(scripts), [], places
        self.asked: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self, f"_{name}"))

    def _places_taken(self) -> int:
        return 1 - self.free

    def _attach(self, request: dict[str, Any], job: Any) -> str | None:
        if not self.free:
            return None
        self.now = self.scripts.pop(0)
        return f"lease-{len(self.scripts)}"

    def _hear(self, lease: str, heard: int, seconds: float) -> Said:
        self.asked.append((lease, heard))
        said = self.now.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def _leave(self, lease: str) -> None:
        self.left.append(lease)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Tune is told; Ray's references are what they refer to."""
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(attached.ray, "get", lambda reference, timeout: reference)
    monkeypatch.setattr(attached.tune, "report", rows.append)
    monkeypatch.setattr(attached, "FULL_SECONDS", 0.0)
    return rows


def _attend(*hosts: Host, timeout: float = 0.0, note: Path = Path("absent/note")) -> None:
    attached.attend(REQUEST, SimpleNamespace(hosts=hosts, timeout=timeout), note)  # type: ignore[arg-type]


def _end(error: Exception | None = None) -> Said:
    return Said(over=True, error=error)


def test_reports_are_handed_on_one_by_one(told: list[dict[str, Any]]) -> None:
    host = Host([Said(row=ROWS[0]), Said(), Said(row=ROWS[1]), _end()])
    _attend(host)
    assert told == ROWS
    assert [heard for _, heard in host.asked] == [0, 1, 1, 2], "each is acknowledged after Tune"
    assert len(host.left) == 1


@pytest.mark.parametrize("loss", [RayActorError(), Said(known=False)])
def test_a_lost_host_is_not_the_end_of_the_trial(
    loss: Exception | Said, told: list[dict[str, Any]]
) -> None:
    """It attaches anew, and what it has said already is said again, which the books count once."""
    _attend(Host([Said(row=ROWS[0]), loss], [Said(row=ROWS[0]), Said(row=ROWS[1]), _end()]))
    assert told == [ROWS[0], *ROWS]


def test_a_trial_that_brings_its_hosts_down_fails(told: list[dict[str, Any]]) -> None:
    host = Host(*[[RayActorError()] for _ in range(attached.MOST_LOST_HOSTS + 1)])
    with pytest.raises(RuntimeError, match="6 hosts were lost"):
        _attend(host)
    assert not host.scripts and not told


def test_a_trial_goes_where_there_is_a_place(told: list[dict[str, Any]]) -> None:
    full, free = Host(places=0), Host([_end()])
    _attend(full, free)
    assert free.left and not full.left


def test_what_a_trial_raised_is_raised(told: list[dict[str, Any]]) -> None:
    host = Host([_end(FloatingPointError("diverged"))])
    with pytest.raises(FloatingPointError, match="diverged"):
        _attend(host)
    assert host.left, "its place is free"


def test_a_stopped_trial_gives_its_place_back(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: Callable[..., Any]) -> None:
        raise SystemExit

    monkeypatch.setattr(attached.tune, "report", stop)
    host = Host([Said(row=ROWS[0]), _end()])
    with pytest.raises(SystemExit):
        _attend(host)
    assert host.left


@pytest.mark.parametrize("said", [Said(), Said(row=ROWS[0])])
def test_a_trial_without_an_end_is_said_to_hang(
    said: Said, told: list[dict[str, Any]], tmp_path: Path
) -> None:
    host = Host([said] * 10**5)
    with pytest.raises(TimeoutError):
        _attend(host, timeout=0.01, note=tmp_path / "trial" / "timeout.txt")
    assert (tmp_path / "trial" / "timeout.txt").read_text() and host.left
