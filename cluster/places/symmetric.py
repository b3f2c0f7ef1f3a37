"""The same command on every node: a Ray node each, and on the first one the sweep.

Does what `ray symmetric-run` does, which cannot be used as it is: of a start that fails it makes
exit code 0, and at its end it stops every Ray process of the user on the node, those of other jobs
too (ray/scripts/symmetric_run.py, 2.60). Here a failed start is a failure, ports are free ones, and
only what was started is ended. Nodes meet through a folder that they share.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cluster.places.entrypoint import MODULE, check_token
from cluster.places.nodes import await_nodes
from search_spaces.errors import BadInput

LOOPBACK = "127.0.0.1"
_ENDING_SECONDS = 8.0
"""Of the driver, and again of Ray: SLURM kills after 30 s, or what its KillWait says."""
_SCRATCH_PREFIX = "rfray-"


def main(argv: list[str] | None = None) -> int:
    """Runs one node's part; on the first node, the exit code is that of the sweep."""
    parser = argparse.ArgumentParser(prog="python -m cluster.places.symmetric")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--cpus", type=int, required=True, help="per node")
    parser.add_argument("--gpus", type=int, default=0, help="per node")
    parser.add_argument("--meet", type=Path, required=True, help="a folder that all nodes see")
    parser.add_argument("--finished", type=Path, required=True, help="made when the sweep is done")
    parser.add_argument("--wait", type=float, default=300, help="seconds for all nodes to start")
    parser.add_argument("--dashboard", action="store_true")
    parser.add_argument("entrypoint", nargs="+", help="arguments of the entrypoint, after --")
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    place = Meeting(given.meet, os.environ)
    resources = [f"--num-cpus={given.cpus}", f"--num-gpus={given.gpus}"]
    try:
        check_token()
        if place.rank:
            return follow(place, resources, given.wait)
        dashboard = ["--dashboard-host", LOOPBACK, "--dashboard-port", str(free_port())]
        resources += [f"--include-dashboard={str(given.dashboard).lower()}", *dashboard]
        code = lead(place, resources, given.nodes, given.wait, given.entrypoint)
    except BadInput as error:
        print(f"ratefront: {error}", file=sys.stderr, flush=True)
        return 1
    if code == 0:
        given.finished.write_text(f"{place.attempt}\n")
    return code


class Meeting:
    """Where the nodes of one attempt of one job tell each other their addresses.

    Attributes:
        rank: of this node; the head's is 0.
        attempt: name of the job and of its restart.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Of the SLURM step around this process, or alone where there is none."""
        self.rank = int(environment.get("SLURM_PROCID", "0"))
        job = environment.get("SLURM_JOB_ID", str(os.getpid()))
        self.attempt = f"{job}.{environment.get('SLURM_RESTART_COUNT', '0')}"
        self._file = folder / f"head-{self.attempt}.json"

    def announce(self, address: str, scratch: Path) -> None:
        """Says where the head is, and what folder its Ray makes on every node."""
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"address": address, "scratch": str(scratch)}))
        part.replace(self._file)

    def head(self) -> tuple[str, Path] | None:
        """What the head announced; none before it began and after it ended."""
        try:
            said = json.loads(self._file.read_text())
            return str(said["address"]), Path(said["scratch"])
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Says that the sweep is over."""
        self._file.unlink(missing_ok=True)


def lead(
    place: Meeting, resources: list[str], nodes: int, wait: float, entrypoint: list[str]
) -> int:
    """The head: starts Ray, waits for all nodes, runs the sweep.

    Raises:
        BadInput: Ray or a node did not start.
    """
    ip = own_address() if nodes > 1 else LOOPBACK
    address = f"{ip}:{free_port()}"
    start = ["--head", f"--node-ip-address={ip}", f"--port={address.rpartition(':')[2]}"]
    with new_scratch() as scratch:
        start.append(f"--temp-dir={scratch / 'ray'}")
        with ray_node([*start, *resources], scratch) as node:
            place.announce(address, scratch)
            try:
                await_nodes(address, nodes, wait, lambda: node.poll() is None)
                command = [sys.executable, "-P", "-m", MODULE, *entrypoint]
                return _run(command, {**os.environ, "RAY_ADDRESS": address})
            finally:
                place.close()


def follow(place: Meeting, resources: list[str], wait: float) -> int:
    """Another node: joins the head and stays until the sweep is over.

    Raises:
        BadInput: there is no head, or Ray ended here before the sweep did.
    """
    until = time.monotonic() + wait
    while not (found := place.head()):
        if time.monotonic() > until:
            raise BadInput(f"node {socket.gethostname()}: no head within {wait:g} s")
        time.sleep(0.5)
    address, theirs = found
    options = [f"--address={address}", *resources]
    with new_scratch(theirs) as scratch, ray_node(options, scratch) as node:
        while place.head():
            if node.poll() is not None:
                # The head takes its word back a moment before this node may see it.
                time.sleep(5)
                if not place.head():
                    break
                raise BadInput(f"node {socket.gethostname()}: Ray ended before the sweep did")
            time.sleep(1)
    return 0


@contextlib.contextmanager
def new_scratch(theirs: Path | None = None) -> Iterator[Path]:
    """A folder that goes at the end, and the head's with it, which Ray makes on every node."""
    # Socket paths are limited to about 100 characters, hence /tmp.
    prefix = f"{_SCRATCH_PREFIX}{os.environ.get('SLURM_JOB_ID', '')}-"
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if theirs is not None and theirs.name.startswith(_SCRATCH_PREFIX):
            shutil.rmtree(theirs, ignore_errors=True)


@contextlib.contextmanager
def ray_node(options: list[str], scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Ray node as a child process; at the end it and all its processes are gone."""
    ray = Path(sys.executable).with_name("ray")
    agent = f"--dashboard-agent-listen-port={free_port()}"
    command = [str(ray), "start", "--block", "--disable-usage-stats", agent, *options]
    with (scratch / "start.log").open("wb") as log:
        node = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=scratch, start_new_session=True
        )
    try:
        yield node
    finally:
        early = node.poll() is not None
        _end(node)
        if early:
            said = (scratch / "start.log").read_text(errors="replace").splitlines()
            print("\n".join(said[-20:]), file=sys.stderr, flush=True)


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """A child's exit code; it is told when this process is told to end."""
    child = subprocess.Popen(command, env=environment)
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)  # the sweep writes down that it was interrupted
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_ENDING_SECONDS)
            child.kill()


def _end(node: subprocess.Popen[bytes]) -> None:
    if node.poll() is None:
        node.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            node.wait(_ENDING_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    node.wait()


def own_address() -> str:
    """This node's address as other nodes reach it.

    Raises:
        BadInput: its name stands for the loopback address alone.
    """
    name = socket.gethostname()
    found: list[str] = []
    for known_as in (os.environ.get("SLURMD_NODENAME") or name, name):
        with contextlib.suppress(OSError):
            found += [str(a[4][0]) for a in socket.getaddrinfo(known_as, None, socket.AF_INET)]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Debian's names stand for 127.0.1.1. Nothing is sent: this asks for the way out alone.
        probe.connect(("198.51.100.1", 9))
        found.append(str(probe.getsockname()[0]))
    outer = [ip for ip in found if not ip.startswith("127.")]
    if not outer:
        raise BadInput(f"node {name}: its name is no address that other nodes reach")
    return outer[0]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # An exception, so that every `finally` above runs before SLURM's patience ends.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
