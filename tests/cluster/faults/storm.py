"""A sweep on several hosts, and what is done to it while it runs: each fault once asked for.

Trials are real and light. They wait, while a gate stands, for a ticket before they end, so that a
sweep lasts as long as the faults that it is to live through, however fast the machine is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cluster.places.entrypoint import MODULE
from tests.cluster.faults.hosts import Host, Hosts
from tests.cluster.motion import write_motion
from tests.cluster.processes import Process, gone, is_trial, kill

ROOT = Path(__file__).resolve().parents[3]
MEMORY = Path("/sys/fs/cgroup/memory")
PATIENCE = 180.0
"""Seconds for what must happen; a machine with other work to do is slow."""

PLUGIN = """
import mmap
import os
import time
from dataclasses import replace
from pathlib import Path

from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec
from trainables.codecs.rqvae import RQVAECodec

PLACE = Path({place!r})

def go_on():
    # A ticket is for one trial: whoever can take the file away has it.
    for ticket in (PLACE / "tickets").iterdir():
        try:
            ticket.unlink()
        except OSError:
            continue
        return True
    return not (PLACE / "gate").exists()

class Waits:
    def fit(self, data, runtime, until=1.0):
        kept = runtime.at_notice

        def said():
            kept()
            (PLACE / "noticed" / str(os.getpid())).touch()

        runtime.at_notice = said
        while until == 1.0 and self.part == "body" and not go_on():
            with mmap.mmap(-1, 1 << 22) as fresh:  # what malloc gives may be its own of before
                fresh.write(bytes(1 << 22))
            time.sleep(0.05)
            runtime.stepped()
        runtime.at_notice = kept
        return super().fit(data, runtime, until)

class WaitingMeans(Waits, KMeansCodec):
    family = "waiting_means"

class WaitingRQVAE(Waits, RQVAECodec):
    family = "waiting_rqvae"

for name, known, made in (
    ("waiting_means", "kmeans", WaitingMeans), ("waiting_rqvae", "rqvae", WaitingRQVAE)
):
    register_codec(replace(family_of({{"codec": known}}), name=name, title=name), made)
"""

SPEC = """
plugins: [{place}/waits.py]
objectives: [rate_nominal_bps, rmse_full_cm]
data: {{path: {place}/motion}}
search: {{sampler: cells, seeds: {seeds}}}
run: {{retries: 1000, gpus_per_trial: 0.5, address: auto, retain: none}}
space:
  cells:
    - {{codec: waiting_rqvae, codebook_size: 8, quantizer_depth: 2}}
    - {{codec: waiting_means, codebook_size: 8}}
  fixed: {{iterations: 5, max_steps: 12, hidden_dim: 16, latent_dim: 8}}
"""


def soon(happened: Callable[[], object], what: str, limit: float = PATIENCE) -> None:
    """Waits until something happened."""
    until = time.monotonic() + limit
    while not happened():
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.05)


class Storm:
    """One sweep, its hosts, and everything that befalls them.

    Attributes:
        count: faults that were injected, by class.
        left_out: classes that cannot be had here, with the reason.
        kept_at_notice: hosts whose trials kept a state when they were announced to go.
    """

    def __init__(self, place: Path, hosts: int, seeds: int) -> None:
        """Prepares a folder.

        Args:
            place: for everything but the sweep, which lies on a disk of its own where permitted.
            hosts: that run trials, two at a time each.
            seeds: of each of two configurations.
        """
        self.place, self.number = place, hosts
        write_motion(place / "motion", recordings=4, frames=40)
        (place / "waits.py").write_text(PLUGIN.format(place=str(place)))
        (place / "tickets").mkdir()
        (place / "noticed").mkdir()
        (place / "gate").touch()
        from search_spaces.presets import load_spec
        from trainables.plugins import load_plugins

        load_plugins([str(place / "waits.py")])
        (place / "storm.yaml").write_text(SPEC.format(place=place, seeds=seeds))
        (place / "spec.yaml").write_text(load_spec(str(place / "storm.yaml")).dump())
        self.hosts = Hosts(place / "token")
        self.count: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}
        self.exits: list[int] = []
        self.kept_at_notice = 0
        self.out = place / "disk" / "sweep"
        self._driver: subprocess.Popen[bytes] | None = None
        self._tickets = 0
        self._small_disk = self._small_memory = False

    # ---- the sweep -----------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Hosts run and the sweep is submitted; everything is taken down afterwards."""
        (self.place / "disk").mkdir()
        mounted = ["mount", "-t", "tmpfs", "-o", "size=128m", "storm", str(self.place / "disk")]
        refusal = _refused(mounted)
        self._small_disk = not refusal
        if refusal:
            self.left_out["disk"] = refusal
        group = MEMORY / f"rf{os.getpid()}"
        try:
            group.mkdir()
            (group / "memory.limit_in_bytes").write_text(str(1 << 20))
            self._small_memory = True
        except OSError as error:
            self.left_out["memory"] = f"no memory cgroups here ({error.strerror})"
        before = {k: os.environ.get(k) for k in self.hosts.environment}
        os.environ.update(self.hosts.environment)
        try:
            self.hosts.start(self.number)
            self.submit()
            yield
        finally:
            if self._driver is not None and self._driver.poll() is None:
                os.killpg(self._driver.pid, signal.SIGKILL)
                self._driver.wait()
            self.hosts.close()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            if self._small_disk:
                subprocess.run(["umount", "-l", str(self.place / "disk")], check=False)
            with contextlib.suppress(OSError):
                group.rmdir()

    def submit(self) -> None:
        """Gives the sweep to the cluster: what every place runs, and runs again after a loss."""
        said = (self.place / "driver.log").open("ab")
        self._driver = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, "--spec", str(self.place / "spec.yaml"),
             "--out", str(self.out), "--nodes", str(self.number + 1), "--wait", "120"],
            env=self.environment,
            stdout=said, stderr=said, cwd=self.place, start_new_session=True,
        )  # fmt: skip
        said.close()

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        """The driver, submitted again where it ended though there is something to do."""
        assert self._driver is not None
        if self._driver.poll() is not None:
            self.exits.append(self._driver.returncode)
            assert self._driver.returncode, "the sweep ended before its faults did"
            self.submit()
        return self._driver

    def under_way(self) -> list[tuple[Host, Process]]:
        """Trials that run, with where they do."""
        return [(host, trial) for host in self.hosts.hosts for trial in host.trials()]

    def wait_for_trials(self) -> list[tuple[Host, Process]]:
        """The same, once there are any."""
        found: list[tuple[Host, Process]] = []

        def look() -> object:
            self._replace_dead()
            found[:] = self.under_way() if self.driver else []
            return found

        soon(look, "a trial under way")
        return found

    def ticket(self, number: int = 1) -> None:
        """Lets some trials end."""
        for _ in range(number):
            self._tickets += 1
            (self.place / "tickets" / str(self._tickets)).touch()

    def finish(self) -> int:
        """Lets all trials end; the exit code of the sweep."""
        (self.place / "gate").unlink()
        until = time.monotonic() + 10 * PATIENCE
        while self._driver is None or self._driver.poll() is None or self._driver.returncode:
            assert time.monotonic() < until, "the sweep never ended"
            self._replace_dead()  # a raylet ends some time after its agent was killed
            if self._driver is not None and self._driver.poll() is not None:
                self.exits.append(self._driver.returncode)
                assert len(self.exits) < 200, "it ends again and again"
                self.submit()
            time.sleep(0.1)
        return self._driver.returncode

    # ---- faults --------------------------------------------------------------------------

    def inject(self, kind: str, rng: np.random.Generator) -> None:
        """One fault; returns when what it must lead to has begun."""
        if kind in self.left_out:
            return
        began = time.monotonic()
        getattr(self, f"_{kind}")(rng)
        self.count[kind] += 1
        with (self.place / "faults.log").open("a") as log:
            log.write(f"{sum(self.count.values())} {kind} {time.monotonic() - began:.1f} s\n")

    def _trial(self, rng: np.random.Generator) -> None:
        """A trial's process is killed."""
        found = self.wait_for_trials()
        _, trial = found[rng.integers(len(found))]
        kill(trial)
        soon(lambda: gone(trial), "a killed process ends")

    def _worker(self, rng: np.random.Generator) -> None:
        """A process of Ray's on a host that runs no trial at the moment."""
        self.wait_for_trials()
        found: list[Process] = []

        def look() -> object:
            found[:] = [
                p for h in self.hosts.hosts for p in h.processes()
                if p.title.startswith("ray::") and not is_trial(p)
            ]  # fmt: skip
            return found or not self.driver

        try:
            soon(look, "an idle worker", limit=5)
        except AssertionError:
            host = self.hosts.hosts[rng.integers(len(self.hosts.hosts))]
            found = [p for p in host.processes() if not is_trial(p)]
        chosen = found[rng.integers(len(found))]
        kill(chosen)
        soon(lambda: gone(chosen), "a killed process ends")
        self._replace_dead()

    def _node(self, rng: np.random.Generator) -> None:
        """A host with its raylet and trials is gone; another takes its place."""
        self.wait_for_trials()
        self.hosts.lose(self.hosts.hosts[rng.integers(len(self.hosts.hosts))])
        self.hosts.add()

    def _driver_lost(self, rng: np.random.Generator) -> None:
        """The driver is killed, and the sweep submitted again."""
        self.wait_for_trials()
        self.driver.kill()
        assert self._driver is not None
        self._driver.wait()
        # Its trials go with it; a fault that hit one of those would hit nothing.
        left = self.under_way()
        soon(lambda: all(gone(trial) for _, trial in left), "trials of a lost driver end")

    def _short_cut(self, rng: np.random.Generator) -> None:
        """A network is cut and heals before anybody gives its host up."""
        found = self.wait_for_trials()
        host = found[rng.integers(len(found))][0]
        self.hosts.cut(host)
        time.sleep(float(rng.uniform(0.5, 1.5)))  # the fault itself is a span of time
        self.hosts.heal(host)
        self._replace_dead()

    def _long_cut(self, rng: np.random.Generator) -> None:
        """A network is cut until its host is given up, and heals then."""
        found = self.wait_for_trials()
        host = found[rng.integers(len(found))][0]
        self.hosts.cut(host)
        soon(lambda: not self.hosts.alive(host), "a host that is cut off is given up")
        self.hosts.heal(host)
        # It notices that it was given up, and ends by itself.
        soon(lambda: host.node.all_processes["raylet"][0].process.poll() is not None, "it ends")
        self._replace_dead()

    def _disk(self, rng: np.random.Generator) -> None:
        """The disk of the sweep is full for a while, and trials end meanwhile."""
        self.wait_for_trials()
        ballast = self.place / "disk" / "ballast"
        with ballast.open("wb", buffering=0) as full:
            try:
                while True:
                    full.write(bytes(1 << 20))
            except OSError as error:
                assert error.errno == errno.ENOSPC
        self.ticket(2)
        try:
            with contextlib.suppress(AssertionError):
                soon(lambda: self._driver and self._driver.poll() is not None, "the end", limit=5)
        finally:
            ballast.unlink()

    def _memory(self, rng: np.random.Generator) -> None:
        """A trial gets no more memory, and the kernel ends its process."""
        until = time.monotonic() + PATIENCE
        while True:
            found = self.wait_for_trials()
            _, trial = found[rng.integers(len(found))]
            with contextlib.suppress(ProcessLookupError):
                (MEMORY / f"rf{os.getpid()}" / "cgroup.procs").write_text(str(trial.pid))
            try:
                soon(lambda trial=trial: gone(trial), "the kernel ends what wants memory", limit=10)
                return
            except AssertionError:
                # Between its work and its next, a process wants none.
                if time.monotonic() > until:
                    raise
                with contextlib.suppress(ProcessLookupError):
                    (MEMORY / "cgroup.procs").write_text(str(trial.pid))

    def _preemption(self, rng: np.random.Generator) -> None:
        """A host is announced to be taken away, its trials keep their states, and it goes."""
        found = self.wait_for_trials()
        host = found[rng.integers(len(found))][0]
        self.hosts.add()
        self.hosts.notice(host, PATIENCE)

        def kept() -> object:
            there = {int(place.name) for place in (self.place / "noticed").iterdir()}
            self.kept_at_notice += bool(found := there & {p.pid for p in host.trials()})
            return found or not host.trials()

        soon(kept, "a trial keeps its state at a notice")
        self.hosts.lose(host)

    def _head(self, rng: np.random.Generator) -> None:
        """The head is gone; a new cluster is started and the same sweep submitted to it."""
        self.wait_for_trials()
        self.hosts.lose_head()
        assert self._driver is not None
        soon(lambda: self._driver and self._driver.poll() is not None, "no driver without a head")
        self.exits.append(self._driver.returncode)
        assert self._driver.returncode, "it did not finish"
        self.hosts.start(self.number)
        self.submit()

    def _replace_dead(self) -> None:
        for host in [*self.hosts.hosts]:
            if host.node.all_processes["raylet"][0].process.poll() is not None:
                self.hosts.lose(host)
                self.hosts.add()

    @property
    def environment(self) -> dict[str, str]:
        """In which programs find the cluster, and its token."""
        known = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return {**known, "RAY_ADDRESS": self.hosts.address, "OMP_NUM_THREADS": "1"}

    def said(self) -> str:
        """What drivers printed last, Ray's own lines left out."""
        lines = (self.place / "driver.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if "(raylet)" not in line][-60:])


def _refused(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"no size-limited disk here ({error.strerror})"
    return f"no size-limited disk here ({ran.stderr.strip()})" if ran.returncode else ""
