"""A Ray session for one sweep: private and local, or a cluster that exists.

Ray puts the driver's current folder first on its workers' search path. Our packages have common
names, so a session starts from an empty folder of its own: nobody's own `analysis/` is imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from cluster.every_node import ask_every_node
from cluster.storage.medium import Medium
from search_spaces.errors import BadInput

SCRATCH_PARENT = Path("/tmp")
SCRATCH_PREFIX = "ratefront-"
_CLAIM = "driver.lock"
_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Tune's own experiment state is not what resume reads.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TQDM": "0",
    "RAY_DEDUP_LOGS": "1",
    # An answer that nobody waits for any more: what failed is told by the sweep itself.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}
_JOINING = {
    # Ray would try twenty times, three quarters of a minute each.
    "RAY_NUM_REDIS_GET_RETRIES": "3",
    "RAY_py_gcs_connect_timeout_s": "3",
    "RAY_gcs_rpc_server_connect_timeout_s": "2",
}
_TOKEN = (
    "; one that 'ray start' began asks for a token unless told otherwise: set RAY_AUTH_MODE=token, "
    "and RAY_AUTH_TOKEN_PATH where the token is not in ~/.ray/auth_token"
)
_ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^\s/]+):(?P<port>\d{1,5})")


def check_reachable(address: str, seconds: float = 10.0) -> None:
    """Something answers at the address of a cluster; Ray itself would try for minutes.

    Raises:
        BadInput: it is no address, or nothing answers there.
    """
    if not address or address in ("auto", "local"):
        return
    remedy = "start a cluster with 'ray start --head', or leave --address out"
    parts = _ADDRESS.fullmatch(address)
    if parts is None or not 0 < int(parts["port"]) < 65536:
        raise BadInput(f"--address {address}: is not HOST:PORT; {remedy}")
    try:
        place = (parts["host"].strip("[]"), int(parts["port"]))
        socket.create_connection(place, timeout=seconds).close()
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"--address {address}: no Ray cluster answers there ({said}); {remedy}"
        ) from None


@contextlib.contextmanager
def ray_session(
    address: str = "", *, threads: int = 1, dashboard: bool = False, cpus: int | None = None
) -> Iterator[Path]:
    """Starts or joins Ray; yields a scratch folder that goes with the session.

    Args:
        address: of a cluster to join; a private local one is started where empty.
        threads: threads of each worker's numeric libraries.
        dashboard: lets Train's cleaner processes of worker groups end when a trial is stopped; its
            cores are given back without one too (`cluster.placement_groups`).
        cpus: cores of a local session, all of them where left out.

    Raises:
        BadInput: the cluster cannot be reached.
    """
    check_reachable(address)
    for name, value in {**_QUIET, **(_JOINING if address else {})}.items():
        os.environ.setdefault(name, value)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    # A failed trial stands in the log and on the page with its cause; Tune would print its frames.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    remove_abandoned()
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=SCRATCH_PARENT))
    owner = _claim(scratch)
    empty = scratch / "empty"
    empty.mkdir()
    options: dict[str, object] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        # Socket paths are limited to about 100 characters, hence /tmp.
        options |= {
            "_temp_dir": str(scratch / "ray"),
            "include_dashboard": dashboard,
            "num_cpus": cpus or os.cpu_count(),
        }
    try:
        with contextlib.chdir(empty):
            try:
                with _silenced_core(bool(address), scratch):
                    ray.init(address=address or "local", ignore_reinit_error=False, **options)
            except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
                first = (
                    str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
                )
                remedy = _TOKEN if address and not os.environ.get("RAY_AUTH_MODE") else ""
                raise BadInput(
                    f"--address {address or 'local'}: no Ray cluster could be reached "
                    f"({first}){remedy}"
                ) from None
        yield scratch
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)
        owner.close()


def _claim(scratch: Path) -> IO[str]:
    """Marks a scratch folder as in use for as long as this process lives."""
    # Under its name only once it is locked: one that could be taken belongs to nobody.
    lock = (scratch / f"{_CLAIM}.part").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (scratch / f"{_CLAIM}.part").replace(scratch / _CLAIM)
    return lock


def remove_abandoned() -> list[Path]:
    """Removes scratch folders of drivers that were killed; returns them.

    Ray's processes end by themselves when the driver that started them dies; its files stay.
    """
    removed = []
    for scratch in SCRATCH_PARENT.glob(f"{SCRATCH_PREFIX}*"):
        try:
            with (scratch / _CLAIM).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(scratch, ignore_errors=True)
                removed.append(scratch)
        except OSError:
            continue  # a driver lives, or it is somebody else's
    return removed


@contextlib.contextmanager
def _silenced_core(silent: bool, scratch: Path) -> Iterator[None]:
    """Ray's core warns on file descriptor 2 at every try to connect; one line is to stand there."""
    if not silent:
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with (scratch / "joining.log").open("wb") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def check_shared(medium: Medium) -> None:
    """Every node of a joined cluster can write, read and delete where the sweep lies.

    Raises:
        BadInput: names the node that cannot.
    """
    for node, fault in ask_every_node(_looked, medium.probe()).items():
        if fault:
            raise BadInput(
                f"node {node} {fault} {medium.name}; give --out a place that all nodes share"
            )


def _looked(probe: Callable[[], str]) -> str:
    return probe()
