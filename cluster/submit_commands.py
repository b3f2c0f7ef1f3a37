"""Commands about places: submit slurm, kuberay or ray-up; status, logs, stop.

Every option that is not a place's own goes to `ratefront sweep`, which resolves and checks it here.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.application import Preset, app, console
from cluster.places.travelling import packed
from cluster.storage.location import is_uri
from cluster.storage.mirror import Extent, following
from cluster.storage.places import log_of_sweep
from search_spaces.errors import BadInput
from search_spaces.spec import PROCEDURAL, SweepSpec, parse_spec, read_yaml

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
submit = typer.Typer(
    name="submit",
    help="Send a sweep to a cluster: SLURM, Kubernetes or machines of a cloud.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(submit)

Out = Annotated[
    str,
    typer.Option(
        metavar="DIR_OR_URI",
        help="Folder of the sweep, as the cluster's machines see it, or a place in a bucket.",
    ),
]
Nodes = Annotated[int, typer.Option(min=1, help="Machines for trials.")]
Cpus = Annotated[int, typer.Option(min=1, help="Cores of each.")]
Gpus = Annotated[int, typer.Option(min=0, help="GPUs of each.")]
Memory = Annotated[int, typer.Option(min=1, metavar="GB", help="Memory of each.")]
Hours = Annotated[float, typer.Option(min=0, help="After which the place ends it.")]
Idle = Annotated[
    float,
    typer.Option(
        "--idle-minutes", min=0, help="Without a job, after which its machines are given back."
    ),
]
MinNodes = Annotated[
    int | None,
    typer.Option(
        "--min-nodes",
        min=0,
        help="Of --nodes, those that stand from the start; an autoscaler starts the others as "
        "trials need them, and gives them back.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be sent; needs no account or network.")
]
Overlay = Annotated[
    Path | None,
    typer.Option(metavar="FILE.yaml", help="Laid over the manifest, for what is not asked here."),
]
Setup = Annotated[
    list[str] | None,
    typer.Option(metavar="LINE", help="Shell line before Ray starts. Repeatable."),
]
Which = Annotated[str, typer.Argument(metavar="ID", help="Of a submission; its beginning will do.")]


@submit.command("slurm", context_settings=_PASSED_ON)
def slurm(
    context: typer.Context,
    preset: Preset,
    out: Out,
    nodes: Nodes = 1,
    cpus: Cpus = 4,
    gpus: Gpus = 0,
    memory: Memory = 16,
    hours: Hours = 24.0,
    partition: Annotated[str, typer.Option(help="Of the cluster.")] = "",
    account: Annotated[str, typer.Option(help="That is charged.")] = "",
    qos: Annotated[str, typer.Option(help="Quality of service.")] = "",
    constraint: Annotated[str, typer.Option(help="Features that nodes must have.")] = "",
    python: Annotated[
        str, typer.Option(help="Interpreter that every node sees; this one where left out.")
    ] = "",
    setup: Setup = None,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(metavar="--OPTION=VALUE", help="More options of sbatch. Repeatable."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Send a sweep to SLURM; takes every option of 'ratefront sweep', too.

    Example: ratefront submit slurm rate_distortion --data ~/motion --out ~/sweeps/a --nodes 4
    """
    place = {
        "kind": "slurm", "python": python or sys.executable, "partition": partition,
        "account": account, "qos": qos, "constraint": constraint, "setup": tuple(setup or ()),
        "options": tuple(sbatch or ()),
    }  # fmt: skip
    spec = _spec(preset, context.args)
    if spec.run.grows_to:
        raise BadInput("submit slurm: a job has its nodes from the start; leave --grows-to out")
    for path in (spec.data.path, spec.data.rest_skeleton, spec.data.body_model):
        if path not in ("", *PROCEDURAL) and not Path(path).expanduser().exists():
            raise BadInput(f"{path}: there is no such file or folder; give --data one that is")
    _send(_located(spec), _here(out), (nodes, cpus, gpus, memory, hours), place, None, dry_run)


@submit.command("kuberay", context_settings=_PASSED_ON)
def kuberay(
    context: typer.Context,
    preset: Preset,
    out: Out,
    image: Annotated[str, typer.Option(help="With Ratefront inside (deploy/Dockerfile).")],
    volume: Annotated[
        list[str] | None,
        typer.Option(metavar="CLAIM:/MOUNT", help="Volume claim of motion and sweep. Repeatable."),
    ] = None,
    nodes: Nodes = 1,
    cpus: Cpus = 4,
    gpus: Gpus = 0,
    memory: Memory = 16,
    hours: Hours = 24.0,
    min_nodes: MinNodes = None,
    idle: Idle = 10.0,
    namespace: Annotated[str, typer.Option(help="Of the job.")] = "default",
    operator_namespace: Annotated[
        str, typer.Option(help="Of the KubeRay operator, which may reach the dashboard.")
    ] = "kuberay-system",
    queue: Annotated[str, typer.Option(help="Of Kueue.")] = "",
    pull_secret: Annotated[str, typer.Option(help="For the image's registry.")] = "",
    overlay: Overlay = None,
    dry_run: DryRun = False,
) -> None:
    """Send a sweep to Kubernetes (KubeRay); takes every option of 'ratefront sweep', too.

    Example: ratefront submit kuberay rate_distortion --image registry/ratefront:1 --volume
    lab:/lab --data /lab/motion --out /lab/sweeps/a --nodes 8 --gpus 1
    """
    volumes = {}
    for text in volume or ():
        claim, colon, mount = text.partition(":")
        if not colon:
            raise BadInput(f"--volume {text}: must be CLAIM:/MOUNT")
        volumes[mount] = claim
    place = {
        "kind": "kuberay", "image": image, "namespace": namespace,
        "operator_namespace": operator_namespace, "volumes": volumes, "queue": queue,
        "pull_secret": pull_secret,
    }  # fmt: skip
    from cluster.places.kuberay import SPEC_FOLDER

    kind = _grown(min_nodes, nodes, cpus, gpus)
    spec, plugins = packed(_spec(preset, [*context.args, *kind]), SPEC_FOLDER)
    machines = nodes, cpus, gpus, memory, hours, idle, min_nodes
    _send(spec, out, machines, place, overlay, dry_run, plugins)


@submit.command("ray-up", context_settings=_PASSED_ON)
def ray_up(
    context: typer.Context,
    preset: Preset,
    out: Out,
    provider: Annotated[str, typer.Option(help="aws, gcp or local (machines reached by SSH).")],
    nodes: Nodes = 1,
    cpus: Cpus = 4,
    gpus: Gpus = 0,
    memory: Memory = 16,
    hours: Hours = 24.0,
    min_nodes: MinNodes = None,
    idle: Idle = 10.0,
    region: Annotated[str, typer.Option(help="Of the cloud.")] = "",
    zone: Annotated[str, typer.Option(help="Of the cloud.")] = "",
    project: Annotated[str, typer.Option(help="Of Google Cloud.")] = "",
    head_type: Annotated[str, typer.Option(help="Machine type of the head.")] = "",
    worker_type: Annotated[str, typer.Option(help="Machine type of the others.")] = "",
    host: Annotated[
        list[str] | None, typer.Option(help="Address of a machine; the head first. Repeatable.")
    ] = None,
    ssh_user: Annotated[str, typer.Option(help="On the machines.")] = "ubuntu",
    ssh_key: Annotated[str, typer.Option(help="File of the private key.")] = "",
    image: Annotated[str, typer.Option(help="With Ratefront inside (deploy/Dockerfile).")] = "",
    python: Annotated[str, typer.Option(help="Interpreter on the machines.")] = "python",
    setup: Setup = None,
    overlay: Overlay = None,
    dry_run: DryRun = False,
) -> None:
    """Send a sweep to machines that Ray's launcher starts; takes every option of 'sweep', too.

    Example: ratefront submit ray-up rate_distortion --provider aws --region eu-central-1 --image
    registry/ratefront:1 --data embedded --out /shared/sweeps/a --nodes 4 --gpus 1
    """
    place = {
        "kind": "ray-up", "provider": provider, "region": region, "zone": zone, "project": project,
        "head_type": head_type, "worker_type": worker_type, "hosts": tuple(host or ()),
        "ssh_user": ssh_user, "ssh_key": ssh_key, "image": image, "python": python,
        "setup": tuple(setup or ()),
    }  # fmt: skip
    if provider == "local" and host:
        nodes = len(host)
    from cluster.places.ray_up import REMOTE

    kind = _grown(min_nodes, nodes, cpus, gpus)
    spec, plugins = packed(_spec(preset, [*context.args, *kind]), REMOTE)
    machines = nodes, cpus, gpus, memory, hours, idle, min_nodes
    _send(spec, out, machines, place, overlay, dry_run, plugins)


@app.command()
def status(
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="ID_OR_DIR",
            help="Of a submission, or a sweep's folder or URI; all submissions where left out.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep showing a sweep's folder until it ends.")
    ] = False,
) -> None:
    """Tell how submitted sweeps stand, or how a sweep does: trials, front, throughput, failures.

    Example: ratefront status sweeps/first --watch
    """
    from cluster.places import dispatch, ledger

    if which is not None and (is_uri(which) or Path(which).is_dir()):
        from cluster.sweep_status import show

        place = log_of_sweep(which)
        with following(place, Extent.LOG if watch else None):
            show(place, console, watch=watch)
        return
    if watch:
        raise BadInput(
            f"--watch needs a sweep's folder, and {which or 'none'} is none; give the one that was "
            "named by --out"
        )
    found = [ledger.find(which)] if which else list(ledger.kept())
    if not found:
        console.print(f"nothing was submitted from here ({ledger.ledger()})", highlight=False)
    for submission in found:
        state, words = dispatch.status(submission)
        said = f"{submission.id}  {submission.place.kind}  {state}  {submission.out}"
        console.print(said + (f"  ({words})" if words else ""), highlight=False, soft_wrap=True)


@app.command()
def logs(
    which: Annotated[
        str, typer.Argument(metavar="ID_OR_DIR", help="Of a submission, or a sweep's folder.")
    ],
    trial: Annotated[
        str | None, typer.Option(help="Name of a trial, or its beginning, of a sweep's folder.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
) -> None:
    """Print what a submitted sweep said, or one trial of a sweep's folder.

    Example: ratefront logs sweeps/first --trial rqvae-1f2e3d4c5b6a-s0
    """
    from cluster.places import dispatch, ledger

    if trial is not None:
        from cluster.trial_log import read_trial_logs

        sys.stdout.write(read_trial_logs(Path(which), trial))
        return
    if Path(which).is_dir():
        raise BadInput(f"logs {which}: is a sweep's folder; name a trial of it by --trial")
    sys.stdout.write(dispatch.logs(ledger.find(which), follow))


@app.command()
def stop(which: Which) -> None:
    """Stop a submitted sweep; what is finished of it stays, and submitting again resumes."""
    from cluster.places import dispatch, ledger

    submission = ledger.find(which)
    console.print(f"{submission.id} {dispatch.stop(submission)}", highlight=False, soft_wrap=True)


def _spec(preset: str, options: list[str]) -> SweepSpec:
    """What 'ratefront sweep' would run, checked here, before it costs anything there."""
    from cluster.places.entrypoint import AUTO

    for text in options:
        if re.match(r"--(address|save-spec)(=|$)", text):
            raise BadInput(f"{text.partition('=')[0]} is the place's own here; leave it out")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "sweep.yaml"
        words = ["sweep", preset, *options, "--address", AUTO, "--save-spec", str(place)]
        app(args=words, prog_name="ratefront", standalone_mode=False)
        return parse_spec(read_yaml(place), preset)


def _grown(min_nodes: int | None, nodes: int, cpus: int, gpus: int) -> list[str]:
    """What a sweep is told of an autoscaler: as many trials wait as all its nodes hold."""
    return [] if min_nodes is None else ["--grows-to", f"{nodes}:{cpus}:{gpus}"]


def _located(spec: SweepSpec) -> SweepSpec:
    """Paths from this folder, made absolute: a job starts elsewhere."""
    given = {n: getattr(spec.data, n) for n in ("path", "rest_skeleton", "body_model")}
    known = ("", *PROCEDURAL)
    absolute = {n: _here(p) for n, p in given.items() if p not in known}
    data = spec.data.model_copy(update=absolute)
    earlier = tuple(_here(place) for place in spec.search.warm_start)
    search = spec.search.model_copy(update={"warm_start": earlier})
    return spec.model_copy(update={"data": data, "search": search})


def _here(path: str) -> str:
    return path if is_uri(path) else str(Path(path).expanduser().absolute())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is no text in UTF-8; give --overlay a YAML file") from None


def _send(
    spec: SweepSpec,
    out: str,
    machines: tuple[float | None, ...],
    place: dict[str, Any],
    overlay: Path | None,
    dry_run: bool,
    plugins: Mapping[str, str] | None = None,
) -> None:
    from cluster.places import dispatch
    from cluster.places.submission import make_submission

    names = ("nodes", "cpus", "gpus", "memory_gb", "hours", "idle_minutes", "min_nodes")
    submission = make_submission(
        name=spec.name,
        spec=spec.dump(),
        out=out,
        machines=dict(zip(names, machines, strict=False)),
        place=place,
        overlay=_text(overlay) if overlay else "",
        plugins=dict(plugins or {}),
    )
    if dry_run:
        sys.stdout.write(dispatch.rendered(submission)[0])
        return
    said = dispatch.submit(submission)
    console.print(f"{submission.id} {said}", highlight=False, soft_wrap=True)
    word = submission.id.removeprefix("ratefront-")
    console.print(
        f"ratefront status {word} · ratefront logs {word} -f · ratefront stop {word}",
        highlight=False,
    )
