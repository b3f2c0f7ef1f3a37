"""What a trial needs against what nodes hold, counted by hand and on raylets without GPUs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import ClusterConfig, NodeGroupConfig

from cluster.cli import main
from cluster.jobs import Job, concurrency, tune_resources
from cluster.resources import (
    MOST,
    Need,
    Nodes,
    declared_nodes,
    present_nodes,
    reachable_nodes,
    trials_at_a_time,
)
from search_spaces.errors import BadInput
from search_spaces.spec import RunSpec

H100 = {"ray.io/accelerator-type": "H100"}
SMALL, LARGE = Nodes(2, {"CPU": 3}), Nodes(1, {"CPU": 8, "GPU": 2}, H100)


def job(**more: Any) -> Job:
    base: dict[str, Any] = {
        "data": None, "sweep": "x", "folder": "x", "size": "debug", "placement": "local",
        "workers": 1, "threads": 1, "gpus": 0.0, "plugins": (), "scratch": "x",
    }  # fmt: skip
    return Job(**{**base, **more})


@pytest.mark.parametrize(
    ("need", "nodes", "fits"),
    [
        (Need(1, 1, 0), [SMALL, LARGE], 14),
        (Need(1, 2, 0), [SMALL], 2),  # not 6 // 2: each node has a core left over
        (Need(1, 1, 1.0), [SMALL, LARGE], 2),
        (Need(1, 1, 0.5), [LARGE], 4),
        (Need(1, 1, 0.3333), [LARGE], 6),
        (Need(1, 4, 0.25), [LARGE], 2),  # cores end first
        (Need(2, 1, 1.0), [LARGE], 1),
        (Need(2, 3, 0), [SMALL], 1),  # the workers of one trial on two nodes
        (Need(1, 1, 0, {"ray.io/accelerator-type": "in(H100,H200)"}), [SMALL, LARGE], 8),
        (Need(1, 1, 0, {"ray.io/accelerator-type": "!H100"}), [SMALL, LARGE], 6),
        (Need(1, 1, 0), [Nodes(10**6, {"CPU": 64})], MOST),
    ],
)
def test_trials_are_counted_node_by_node(need: Need, nodes: list[Nodes], fits: int) -> None:
    assert trials_at_a_time(need, nodes) == fits
    assert trials_at_a_time(need, nodes, asked=1) == 1
    assert trials_at_a_time(need, nodes, asked=10**7) == fits


@pytest.mark.parametrize(
    ("need", "says"),
    [
        (Need(1, 9, 0), "largest node has 8 CPU and 2 GPU; lower threads to 8"),
        (Need(1, 1, 4.0), "lower gpus_per_trial to 2"),
        (Need(3, 1, 1.0), "2 such workers fit; lower --workers to 2"),
        (Need(1, 1, 0, {"ray.io/accelerator-type": "T4"}), "accelerator-type=H100; change --on"),
        (Need(1, 1, 0, {"zone": "a"}), "no node has such a label; change --on"),
    ],
)
def test_what_never_fits_is_refused_with_what_would(need: Need, says: str) -> None:
    with pytest.raises(BadInput, match="which never fits") as refused:
        trials_at_a_time(need, [SMALL, LARGE])
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_cluster_that_grows_counts_as_large_as_it_may_become() -> None:
    """What is above the present but under the declared maximum waits; above that it is refused."""
    config = ClusterConfig(
        node_group_configs=[
            NodeGroupConfig(name="head", resources={"CPU": 0}, max_count=1),
            NodeGroupConfig(name="gpu", resources={"CPU": 16, "GPU": 8}, max_count=4),
        ]
    )
    present = present_nodes([{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False}])
    need = Need(1, 1, 1.0)
    with pytest.raises(BadInput):
        trials_at_a_time(need, present)
    assert trials_at_a_time(need, declared_nodes(config)) == 32
    with pytest.raises(BadInput, match="lower gpus_per_trial to 8"):
        trials_at_a_time(Need(1, 1, 16.0), declared_nodes(config))
    unbounded = ClusterConfig(
        node_group_configs=[NodeGroupConfig(name="x", resources={"CPU": 1}, max_count=-1)]
    )
    assert trials_at_a_time(Need(1, 1, 0), declared_nodes(unbounded)) == MOST
    assert declared_nodes(None) == []


def test_growth_is_what_somebody_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's own autoscalers tell nobody how far they may go."""
    monkeypatch.setattr("ray.nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    monkeypatch.setattr("ray._private.state.state.get_cluster_config", lambda: None)
    need = Need(1, 1, 1.0)
    with pytest.raises(BadInput, match="never fits"):
        trials_at_a_time(need, reachable_nodes())
    assert trials_at_a_time(need, reachable_nodes(["8:16:1", "2:64:4"])) == 16
    assert reachable_nodes(["1:1"]) == present_nodes([{"Alive": True, "Resources": {"CPU": 2.0}}])
    chosen = job(gpus=1.0, joined=True, grows_to=("8:16:1",))
    assert concurrency(chosen, {}, 0) == 8 and concurrency(chosen, {}, 3) == 3
    spec = tmp_path / "spec.yaml"
    words = ["sweep", "rate_distortion", "--save-spec", str(spec), "--grows-to"]
    assert main([*words, "8:16:1", "--address", "auto"]) == 0
    assert "8:16:1" in spec.read_text()
    for wrong, says in (
        (["8:16:1"], "add --address"),
        (["8", "--address", "auto"], "must be NODES:CPUS or NODES:CPUS:GPUS"),
        (["0:4", "--address", "auto"], "must be NODES:CPUS"),
        (["8:16", "--address", "auto", "--placement", "packed"], "packed takes nodes as they are"),
    ):
        assert main([*words, *wrong]) == 2
        said = capsys.readouterr().err
        assert says in said and said.count("\n") == 1, said


def test_drivers_of_groups_take_nothing_that_workers_need() -> None:
    driver = tune_resources(job(placement="group", workers=2, gpus=1.0))
    assert driver.required_resources == {"memory": 1.0}
    alone = tune_resources(job(threads=2, gpus=0.5, node_labels=(("zone", "a"),)))
    assert alone.required_resources == {"CPU": 2.0, "GPU": 0.5}
    assert alone._bound.arguments["bundle_label_selector"] == [{"zone": "a"}]


@pytest.mark.parametrize(
    ("given", "kept"), [("1/3", 0.3333), (0.33, 0.3333), (0.5, 0.5), (2, 2.0), ("1/7", 0.1428)]
)
def test_gpus_are_whole_or_the_nth_part(given: Any, kept: float) -> None:
    assert RunSpec(gpus_per_trial=given).gpus_per_trial == kept


@pytest.mark.parametrize("given", ["0.3", "0.7", "1.5", "2/3"])
def test_other_parts_of_a_gpu_are_refused(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--save-spec", str(tmp_path / "x")]
    assert main(["sweep", "rate_distortion", "--set", f"gpus_per_trial={given}", *out]) == 2
    said = capsys.readouterr().err
    assert "no other trial can use" in said and said.count("\n") == 1


def test_labels_of_nodes_come_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    words = ["sweep", "rate_distortion", "--save-spec", str(spec), "--on"]
    assert main([*words, "ray.io/accelerator-type=H100"]) == 0
    assert "ray.io/accelerator-type: H100" in spec.read_text()
    assert main([*words, "H100"]) == 2
    assert "--on H100: must be KEY=VALUE" in capsys.readouterr().err
    local = ["sweep", "rate_distortion", "--workers", "2", "--save-spec", str(spec)]
    assert main(local) == 2 and "add --placement group" in capsys.readouterr().err


@pytest.mark.ray
def test_trials_go_to_nodes_with_their_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """On real raylets with GPUs that are only said to be there."""
    for name, value in (("RAY_AUTH_MODE", "disabled"), ("RAY_USAGE_STATS_ENABLED", "0")):
        monkeypatch.setenv(name, value)
    head = {"num_cpus": 0, "include_dashboard": False, "dashboard_agent_listen_port": None}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=3, wait=False)
        wanted = cluster.add_node(num_cpus=2, num_gpus=1, labels={"zone": "a"}, wait=False)
        cluster.wait_for_nodes(timeout=120)
        ray.init(address=cluster.address, log_to_driver=False)
        nodes = reachable_nodes()
        assert trials_at_a_time(Need(1, 2, 0), nodes) == 2
        chosen = job(gpus=0.5, node_labels=(("zone", "a"),), joined=True)
        assert concurrency(chosen, {}, 0) == 2
        group = tune_resources(chosen).to_placement_group()
        ray.get(group.ready(), timeout=120)
        (node,) = ray.util.placement_group_table(group)["bundles_to_node_id"].values()
        assert node == wanted.node_id
        with pytest.raises(BadInput, match="zone=a; change --on"):
            concurrency(job(node_labels=(("zone", "b"),), joined=True), {}, 0)
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_local_session_is_one_node() -> None:
    assert concurrency(job(threads=2), SimpleNamespace(get=lambda k, d: 5), 0) == 2  # type: ignore[arg-type]
