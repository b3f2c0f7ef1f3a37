"""SLURM on one machine: munge, controller and nodes from Debian's packages, in a folder of its own.

Nothing of the machine's own configuration is read or written, and only what was started is ended.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")

_CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPort={controller}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait=15
InactiveLimit=0
ReturnToService=2
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Installs Debian's packages where they are missing; why SLURM cannot run here, if so."""
    if all(shutil.which(name) for name in PROGRAMS):
        return "" if os.geteuid() == 0 else "SLURM is installed, but starting it needs root"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{', '.join(PACKAGES)} are not installed, and only root with apt-get can"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        ran = subprocess.run(
            ["apt-get", *words], env=quiet, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            said = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            return f"apt-get {words[0]} refused: {said}"
    return ""


class SlurmOnOneMachine:
    """Controller and as many nodes as are asked for, all on this machine."""

    def __init__(self, folder: Path, nodes: int, cpus: int) -> None:
        """Writes the configuration; nothing runs yet."""
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._started: list[subprocess.Popen[bytes]] = []
        self.names = [f"node{i}" for i in range(nodes)]
        host = socket.gethostname()
        lines = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={_port()} "
            f"CPUs={cpus} RealMemory=4000 State=UNKNOWN"
            for name in self.names
        ]
        (folder / "state").mkdir()
        (folder / "slurm.conf").write_text(
            _CONFIGURATION.format(
                host=f"{host}(127.0.0.1)", folder=folder, controller=_port(), nodes="\n".join(lines)
            )
        )

    def __enter__(self) -> SlurmOnOneMachine:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        place = self.folder
        self._start(
            "munged", "--foreground", "--force", f"--socket={place}/munge.socket",
            f"--key-file={key}", f"--pid-file={place}/munged.pid",
            f"--seed-file={place}/munged.seed", f"--log-file={place}/munged.log",
        )  # fmt: skip
        _await(lambda: (place / "munge.socket").exists(), 10, "munge")
        self._start("slurmctld", "-D", "-c")
        for name in self.names:
            self._start("slurmd", "-D", "-c", "-N", name)
        wanted = len(self.names)
        _await(
            lambda: self.run("sinfo", "-h", "-N", "-t", "idle").count("\n") == wanted, 60, "nodes"
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._started):
            process.terminate()
        for process in reversed(self._started):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def run(self, *words: str) -> str:
        """What a program of SLURM's prints."""
        return subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        ).stdout

    def _start(self, *words: str) -> None:
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        with (self.folder / f"{words[0]}.out").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    words, env={**self.environment, "PATH": path}, stdout=log, stderr=log
                )
            )


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(done, seconds: float, what: str) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"SLURM's {what} did not start within {seconds:g} s")
        time.sleep(0.3)
