"""The Ray Train side of a trial: `TorchTrainer(train_loop, ...).fit()` in one of three placements.

`local` is Train's in-process mode (no workers) inside a reused Tune actor: a tenth of a second to
start. `group` is a worker group with torch.distributed, for systems that need several devices. Both
run `trainables.trial.run_trial`, which sees only its `Runtime`, and give the same numbers; so does
`packed`, where one job a device hosts many trials (`cluster.packed`).
"""

from __future__ import annotations

import contextlib
import faulthandler
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.placement_groups import note_placement_group
from cluster.places.software import Preflight, check_late_node
from cluster.preemption import Keeping, own_notice
from cluster.resources import Need, Nodes, reachable_nodes, trials_at_a_time
from cluster.storage.archives import STATE_FOLDER
from cluster.storage.location import Location
from cluster.storage.trial_files import InFolder, TrialFiles, trial_files
from cluster.trial_log import trial_log
from search_spaces.record import TRIALS_FOLDER
from trainables.plugins import Plugin
from trainables.runtime import nothing

if TYPE_CHECKING:
    from trainables.trial import TrialTask

TIMEOUT_NAME = "timeout.txt"


@dataclass(frozen=True)
class Job:
    """What every trial of a sweep has in common.

    Attributes:
        data: reference to the prepared `MotionData` in the object store.
        sweep: its name.
        folder: the sweep directory.
        size: debug, reduced or full.
        placement: local, group or packed.
        workers: of a group.
        threads: per worker.
        gpus: per worker.
        plugins: to load before the trial, with their sources.
        scratch: where Train keeps its own files.
        timeout: seconds after which a trial's process is ended; 0: never.
        retries: how often Tune tries a failed trial again.
        rungs: shares of a trial's budget at which it reports points.
        objectives: by which prefixes are scored there.
        members: trials of a host in `packed`; 0: as many as pay.
        hosts: actors, there.
        location: of a sweep in a bucket; then `folder` is a place on each machine.
        epoch: of the driver, there.
        node_labels: that the nodes of its workers must have: (key, value).
        grows_to: kinds of nodes that its autoscaler may start.
        preflight: what nodes that join later are compared with.
        joined: whether the cluster is not this machine alone, so that nodes may be taken away.
    """

    data: Any
    sweep: str
    folder: str
    size: str
    placement: str
    workers: int
    threads: int
    gpus: float
    plugins: tuple[str | Plugin, ...]
    scratch: str
    timeout: float = 0.0
    retries: int = 0
    rungs: tuple[float, ...] = ()
    objectives: tuple[str, ...] = ()
    members: int = 0
    hosts: tuple[Any, ...] = ()
    joined: bool = False
    location: Location | None = None
    epoch: int = 0
    node_labels: tuple[tuple[str, str], ...] = ()
    grows_to: tuple[str, ...] = ()
    preflight: Preflight | None = None


class LocalRuntime:
    """Train's in-process mode: what the loop reports goes straight to Tune."""

    at_notice: Callable[[], None] = staticmethod(nothing)

    def __init__(
        self,
        device: str,
        checkpoints: Path,
        keeping: Keeping | None = None,
        files: TrialFiles | None = None,
    ) -> None:
        """A single worker on `device`."""
        self.rank = 0
        self.world_size = 1
        self.device = device
        self._checkpoints = checkpoints
        self._files = files or InFolder(checkpoints.parent)
        self._keeping = keeping or Keeping(None)

    def report(self, metrics: Mapping[str, Any]) -> None:
        """To Tune: in this mode Train forwards nothing. What it speaks of is kept before that."""
        from ray import tune

        self._files.before_report(metrics)
        tune.report(dict(metrics))

    def average(self, tensors: Iterable[Any]) -> None:
        """One worker: nothing to do."""

    def stepped(self) -> None:
        """Where its node is about to be taken away, keeps what is half trained."""
        self._keeping.stepped(lambda: self._files.after_keeping(self.at_notice))

    def checkpoint_folder(self) -> Path | None:
        """In the trial's folder, so that a later process finds it."""
        return self._checkpoints


class GroupRuntime:
    """One worker of a Train worker group."""

    at_notice: Callable[[], None] = staticmethod(nothing)
    _keeping = Keeping(None)

    def __init__(
        self, checkpoints: Path, keeping: Keeping | None = None, files: TrialFiles | None = None
    ) -> None:
        """Reads rank and size from Train."""
        import ray.train
        import ray.train.torch

        context = ray.train.get_context()
        self.rank = context.get_world_rank()
        self.world_size = context.get_world_size()
        self.device = str(ray.train.torch.get_device())
        self._checkpoints = checkpoints
        self._files = files or InFolder(checkpoints.parent)
        self._keeping = keeping or Keeping(None)

    def report(self, metrics: Mapping[str, Any]) -> None:
        """To Train, which takes the first worker's numbers and waits for every worker's call."""
        import ray.train

        if self.rank == 0:
            self._files.before_report(metrics)
        ray.train.report(dict(metrics))

    def average(self, tensors: Iterable[Any]) -> None:
        """Mean over workers, in place."""
        if self.world_size == 1:
            return
        import torch.distributed

        for tensor in tensors:
            torch.distributed.all_reduce(tensor)
            tensor /= self.world_size

    def stepped(self) -> None:
        """The first worker keeps what is half trained: weights are the same on all of them."""
        if self.rank == 0:
            self._keeping.stepped(lambda: self._files.after_keeping(self.at_notice))

    def checkpoint_folder(self) -> Path | None:
        """In the trial's folder, so that a later process finds it."""
        return self._checkpoints


def open_trial(request: Mapping[str, Any], job: Job) -> tuple[TrialTask, TrialFiles]:
    """What a request asks for, and the place of its files, which hold what was kept before."""
    from search_spaces.inputs import Resolved
    from trainables.trial import TrialTask

    check_late_node(job.preflight)
    files = trial_files(job.folder, request["trial"], job.location, job.epoch)
    files.begin()
    given = Resolved(**request["input"]) if request.get("input") else None
    task = TrialTask(
        sweep=job.sweep,
        config=request["config"],
        seed=request["seed"],
        folder=files.folder,
        threads=job.threads,
        size=job.size,
        input=files.given(given),
        rungs=job.rungs,
        objectives=job.objectives,
    )
    return task, files


def train_loop(request: Mapping[str, Any]) -> None:
    """What Train runs on every worker: one trial, from data mapped out of the object store."""
    import ray

    from trainables.plugins import load_plugins
    from trainables.trial import run_trial

    job: Job = request["job"]
    load_plugins(job.plugins)
    task, files = open_trial(request, job)
    state = files.folder / STATE_FOLDER
    runtime: LocalRuntime | GroupRuntime
    keeping = Keeping(own_notice(job.placement == "group") if job.joined else None)
    if job.placement == "local":
        runtime = LocalRuntime(device_of(job.gpus), state, keeping, files)
    else:
        runtime = GroupRuntime(state, keeping, files)
        if runtime.rank == 0:
            note_placement_group(files.folder)
    folder = files.folder
    with trial_log(folder, runtime.rank), time_limit(job.timeout, folder / TIMEOUT_NAME):
        run_trial(task, ray.get(job.data), runtime)
    if runtime.rank == 0:
        files.end()


@contextlib.contextmanager
def time_limit(seconds: float, note: Path) -> Iterator[None]:
    """Ends this process when it is still inside after some seconds, whatever it is doing.

    The watchdog is faulthandler's own thread, which needs no Python lock; where every thread stood
    is written to `note`.
    """
    note.unlink(missing_ok=True)
    if not seconds:
        yield
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    with note.open("w") as stands:
        faulthandler.dump_traceback_later(seconds, exit=True, file=stands)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
    note.unlink(missing_ok=True)


def device_of(gpus: float) -> str:
    """Torch's name of the device of a trial that was given so many."""
    import torch

    return "cuda" if gpus > 0 and torch.cuda.is_available() else "cpu"


def run_job(request: Mapping[str, Any], shared: Job) -> None:
    """The Tune trial: one `TorchTrainer` job, or a trial on one that hosts many."""
    if shared.placement == "packed":
        from cluster.packed.attached import attend

        note = Path(shared.folder) / TRIALS_FOLDER / str(request["trial"]) / TIMEOUT_NAME
        return attend(request, shared, note)
    import ray.train
    from ray.train.torch import TorchTrainer

    scaling = ray.train.ScalingConfig(num_workers=0)
    callbacks = []
    if shared.placement == "group":
        from ray.tune.integration.ray_train import TuneReportCallback

        scaling = ray.train.ScalingConfig(
            num_workers=shared.workers,
            use_gpu=shared.gpus > 0,
            resources_per_worker={
                "CPU": shared.threads,
                **({"GPU": shared.gpus} if shared.gpus else {}),
            },
            label_selector=dict(shared.node_labels) or None,
        )
        callbacks = [TuneReportCallback()]
    run = ray.train.RunConfig(
        name=str(request["trial"]), storage_path=f"{shared.scratch}/train", callbacks=callbacks
    )
    trainer = TorchTrainer(
        train_loop,
        train_loop_config={**request, "job": shared},
        scaling_config=scaling,
        run_config=run,
    )
    try:
        trainer.fit()
    except ray.train.WorkerGroupError as error:
        from cluster.lost_actors import lost_node

        raise (lost_node(error.worker_failures.values()) or error) from None


def need_of(job: Job) -> Need:
    """What one trial of a sweep needs."""
    workers = job.workers if job.placement == "group" else 1
    return Need(workers, job.threads, job.gpus, dict(job.node_labels))


def tune_resources(job: Job) -> Any:
    """What Tune sets aside for a trial: all it needs in `local`, next to nothing elsewhere.

    In `group` Train reserves the workers itself, in `packed` the hosts have what there is; a driver
    that took a whole core could starve them.
    """
    from ray import tune

    # A byte, since Tune wants something: a hundredth of a core would be missing to workers that
    # take them all, and the trial would wait for itself.
    bundle: dict[str, float] = {"memory": 1.0}
    attached = job.placement in ("group", "packed")
    if not attached:
        bundle = {"CPU": job.threads, **({"GPU": job.gpus} if job.gpus else {})}
    if not job.node_labels or attached:
        return tune.PlacementGroupFactory([bundle])
    return tune.PlacementGroupFactory([bundle], bundle_label_selector=[dict(job.node_labels)])


def concurrency(job: Job, resources: Mapping[str, float], asked: int) -> int:
    """Trials at a time: as many as the cluster's nodes hold, or fewer if asked.

    Args:
        job: of which there are so many.
        resources: of this machine, where the cluster is no more than that.
        asked: bound; 0: none.

    Raises:
        BadInput: not even one fits.
    """
    nodes = reachable_nodes(job.grows_to) if job.joined else [Nodes(1, resources)]
    return trials_at_a_time(need_of(job), nodes, asked)
