"""The preflight: versions and packages of driver and workers, compared on a running Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import every_node
from cluster.places import software
from cluster.places.software import (
    PACKAGES,
    NodeError,
    Preflight,
    check_late_node,
    check_ray,
    check_software,
    differences,
)
from search_spaces.errors import BadInput


@pytest.fixture(scope="module")
def running() -> Iterator[None]:
    """A local Ray of one core."""
    import ray

    before = {k: os.environ.get(k) for k in ("RAY_AUTH_MODE",)}
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


@pytest.mark.ray
def test_a_cluster_of_one_environment_passes(running: None) -> None:
    check_software()


@pytest.mark.ray
def test_a_driver_of_another_release_is_refused(
    running: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers answer for themselves; here it is the driver that differs from them."""
    there = software.software()
    monkeypatch.setattr(software, "software", _older)
    with pytest.raises(BadInput, match=r"node \S+ \(\w+\): torch .*, the driver has 0\.1") as said:
        check_software()
    assert "\n" not in str(said.value) and there["torch"] in str(said.value)


@pytest.mark.ray
def test_a_node_that_goes_while_it_is_asked_is_left_out(
    running: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its question cannot be run by anybody; what counts is whether it is still listed."""
    import ray

    real = ray.nodes()
    ghost = {**real[0], "NodeID": "ab" * (len(real[0]["NodeID"]) // 2)}
    listed = iter([[*real, ghost]])
    monkeypatch.setattr(ray, "nodes", lambda: next(listed, real))
    assert check_software().nodes == {real[0]["NodeID"]}
    monkeypatch.setattr(ray, "nodes", lambda: [*real, ghost])
    monkeypatch.setattr(every_node, "GRACE", 0.1)
    with pytest.raises(BadInput, match=r"node \S+ \(abababab\): cannot run Ratefront \(.+\)"):
        check_software()


@pytest.mark.ray
def test_a_node_that_comes_later_is_compared_with_what_the_driver_had(running: None) -> None:
    import ray

    preflight = check_software()
    node = ray.get_runtime_context().get_node_id()
    assert preflight.nodes == {node}
    late = Preflight({**preflight.software, "torch": "0.1"}, frozenset())
    ask = ray.remote(num_cpus=1, max_retries=0)(check_late_node)
    with pytest.raises(NodeError, match=r"node \S+ \(\w+\): torch .*, the driver has 0\.1"):
        ray.get(ask.remote(late), timeout=60)
    ray.get(ask.remote(Preflight(late.software, preflight.nodes)), timeout=60)  # was asked before
    ray.get(ask.remote(Preflight(preflight.software, frozenset())), timeout=60)
    check_late_node(None)


def _older() -> dict[str, str]:
    # Shipped by reference, so a worker that runs it sees itself unpatched.
    import ray

    found = _true()
    inside = ray.get_runtime_context().worker.mode == ray.WORKER_MODE
    return found if inside else {**found, "torch": "0.1"}


_true = software.software


def test_a_namesake_is_told_from_ours(tmp_path: Path) -> None:
    here = software.software()
    (tmp_path / "one.py").write_text("a = 1\n")
    there = {**here, "analysis at": str(tmp_path), "analysis": software._hash(tmp_path)}
    (said,) = differences(here, there)
    assert f"package analysis at {tmp_path} is not the one of the driver" in said
    assert Path(here["analysis at"]).samefile(Path(software.__file__).parents[2] / "analysis")


def test_the_same_sources_elsewhere_are_the_same() -> None:
    here = software.software()
    assert differences(here, {**here, **{f"{p} at": "/elsewhere" for p in PACKAGES}}) == []


def test_a_hash_sees_names_and_contents(tmp_path: Path) -> None:
    seen = set()
    for name, text in (("a.py", "x"), ("a.py", "y"), ("b.py", "y")):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        (folder / name).write_text(text)
        seen.add(software._hash(folder))
    assert len(seen) == 3


def test_an_old_ray_is_refused() -> None:
    check_ray("2.60.0")
    check_ray("3.0.0")
    for old in ("2.9.1", "2.53.0"):
        with pytest.raises(BadInput, match=r"older than 2\.60"):
            check_ray(old)
