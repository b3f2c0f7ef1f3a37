"""Machines of a Ray cluster, on one machine: real raylets, GPUs that are only said to be there.

Each host stands in a network namespace of its own where that is permitted, so its network can be
cut; where it is not, a cut host is one whose processes are all stopped. `Hosts.said` tells which.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.processes import Process, below, is_trial

_NEWNET = 0x40000000
QUICK = {
    # A lost node is known after seconds, and a lost head, rather than after a minute.
    "RAY_health_check_initial_delay_ms": "1000", "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000", "RAY_health_check_failure_threshold": "8",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "6", "RAY_USAGE_STATS_ENABLED": "0",
    # Ray runs its workers with the lowest priority, and beside other work they would stand still.
    "RAY_worker_niceness": "0",
}  # fmt: skip


@dataclass
class Host:
    """One machine.

    Attributes:
        node: Ray's own handle of its processes.
        address: of its network.
        space: name of its network namespace; "" where it has none.
        number: in the order of start.
    """

    node: Any
    address: str
    space: str
    number: int
    stopped: list[int] = field(default_factory=list)

    @property
    def raylet(self) -> int:
        """Process of its raylet."""
        return int(self.node.all_processes["raylet"][0].process.pid)

    def processes(self) -> list[Process]:
        """Everything that runs on it, its raylet left out."""
        return below(self.raylet)

    def trials(self) -> list[Process]:
        """Processes of trials that run on it."""
        return [p for p in self.processes() if is_trial(p)]


class Hosts:
    """A head that runs no trial, and hosts that do."""

    def __init__(self, token: Path, cpus: int = 2, gpus: int = 1, spaces: bool = True) -> None:
        """Nothing runs yet.

        Args:
            token: file for the cluster's token.
            cpus: that Ray is told a host has.
            gpus: the same.
            spaces: whether hosts get networks of their own, where that is permitted.
        """
        token.write_text("f" * 64)
        token.chmod(0o600)
        self.environment = {
            **QUICK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token),
        }  # fmt: skip
        self._resources = {"num_cpus": cpus, "num_gpus": gpus}
        self._prefix = f"rf{os.getpid() % 100000}"
        self._net = f"10.77.{os.getpid() % 250}"
        self.said = _refused(self._prefix) if spaces else "hosts share one network"
        self._count = 0
        self.hosts: list[Host] = []
        self.cluster: Any = None

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self.cluster.address)

    def start(self, number: int) -> None:
        """A head and some hosts."""
        from ray.cluster_utils import Cluster

        if not self.said and not Path(f"/sys/class/net/{self._prefix}").exists():
            _ip("link", "add", self._prefix, "type", "bridge")
            _ip("addr", "add", f"{self._net}.1/24", "dev", self._prefix)
            _ip("link", "set", self._prefix, "up")
        head = {"num_cpus": 0, "include_dashboard": False, "dashboard_agent_listen_port": None}
        if not self.said:
            head["node_ip_address"] = f"{self._net}.1"
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(number):
            self.add(wait=False)
        self.cluster.wait_for_nodes(timeout=120)

    def add(self, wait: bool = True, **more: Any) -> Host:
        """One more host, on a network of its own; tried again where the machine is too slow."""
        for _ in range(4):
            try:
                return self._added(wait, more)
            except Exception:  # Ray gives a raylet half a minute to start; its class is bare
                self._clear()
        return self._added(wait, more)

    def _clear(self) -> None:
        """What a start that came too late left running."""
        if self.said:
            return
        space = f"{self._prefix}n{self._count}"
        left = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
        for pid in map(int, left.stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._forget(Host(None, "", space, self._count))

    def _added(self, wait: bool, more: dict[str, Any]) -> Host:
        self._count += 1
        given = {**self._resources, "wait": False, **more}
        space = address = ""
        if self.said:
            node = self.cluster.add_node(**given)
        else:
            space, address = self._space()
            with _inside(space):
                node = self.cluster.add_node(node_ip_address=address, **given)
        host = Host(node, address, space, self._count)
        self.hosts.append(host)
        if wait:
            self.cluster._wait_for_node(node, timeout=120)
        return host

    def lose(self, host: Host) -> None:
        """All of its processes are killed at once."""
        self.hosts.remove(host)
        with contextlib.suppress(KeyError, AssertionError):
            self.cluster.remove_node(host.node, allow_graceful=False)
        self._forget(host)

    def lose_head(self) -> None:
        """The head is gone, and with it the cluster; hosts notice by themselves."""
        head = self.cluster.head_node
        head.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        for host in [*self.hosts]:
            with contextlib.suppress(Exception):
                host.node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
            self.hosts.remove(host)
            self._forget(host)

    def cut(self, host: Host) -> None:
        """Nobody hears of it, and it of nobody."""
        if host.space:
            _ip("link", "set", self._cable(host.number), "down")
            return
        host.stopped = [host.raylet, *(p.pid for p in host.processes())]
        for pid in host.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def heal(self, host: Host) -> None:
        """The cut is over."""
        if host.space:
            _ip("link", "set", self._cable(host.number), "up")
        for pid in host.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        host.stopped = []

    def notice(self, host: Host, seconds: float) -> None:
        """Tells the cluster that this host will be taken away: what a cloud's spot market does."""
        import ray
        from ray.core.generated import autoscaler_pb2

        client = ray._raylet.GcsClient(address=self.address)
        reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        until = round(1000 * (time.time() + seconds))
        accepted, why = client.drain_node(host.node.node_id, reason, "spot", until)
        assert accepted, why

    def alive(self, host: Host) -> bool:
        """Whether the cluster counts it."""
        return host.node.node_id in self.cluster.global_state._live_node_ids()

    def close(self) -> None:
        """Everything ends, the networks too."""
        with contextlib.suppress(Exception):
            self.cluster.shutdown()
        for host in self.hosts:
            self._forget(host)
        if not self.said:
            _ip("link", "del", self._prefix, check=False)

    def _space(self) -> tuple[str, str]:
        name, cable = f"{self._prefix}n{self._count}", self._cable(self._count)
        # Hosts that come back are new ones: an address is used again only after a long time.
        address = f"{self._net}.{2 + self._count % 250}"
        _ip("netns", "add", name)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", cable, "master", self._prefix, "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return name, address

    def _cable(self, number: int) -> str:
        return f"{self._prefix}v{number}"

    def _forget(self, host: Host) -> None:
        if host.space:
            _ip("link", "del", self._cable(host.number), check=False)
            _ip("netns", "del", host.space, check=False)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


def _refused(prefix: str) -> str:
    """Why networks of their own cannot be had; "" where they can."""
    try:
        _ip("netns", "add", f"{prefix}t")
        _ip("link", "add", f"{prefix}t", "type", "bridge")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespaces here ({error}); a cut host is one that is stopped"
    finally:
        with contextlib.suppress(OSError):
            _ip("link", "del", f"{prefix}t", check=False)
            _ip("netns", "del", f"{prefix}t", check=False)
    return ""


@contextlib.contextmanager
def _inside(space: str) -> Iterator[None]:
    """What this thread starts meanwhile lives in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        if libc.setns(there, _NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {space}")
        yield
    finally:
        if libc.setns(home, _NEWNET):
            raise OSError(ctypes.get_errno(), "setns back")
        os.close(there)
        os.close(home)
