"""Commands about sweeps: run, resume, report, allocate, trial, spaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.application import (
    BodyModel,
    Data,
    Folder,
    NoClips,
    Plugins,
    Preset,
    RestSkeleton,
    Settings,
    Size,
    Whole,
    app,
    console,
)
from cluster.storage.mirror import Extent, following, shown
from cluster.storage.places import new_place
from search_spaces.errors import BadInput

if TYPE_CHECKING:
    from cluster.sweep import Outcome
    from search_spaces.spec import SweepSpec


@app.command()
def sweep(
    preset: Preset,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=new_place,
            metavar="DIR_OR_URI",
            help="New directory for the sweep, or a place in a bucket: s3://…, gs://….",
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Configurations to try.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repeats of each configuration.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="First seed.")] = None,
    at: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="BPS", help="Search for one total rate: nothing dearer is run."
        ),
    ] = None,
    between: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="BPS BPS", help="Search between two total rates alone."),
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR_OR_URI", help="Learn from an earlier sweep; may be given again."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE,…", help="A configuration to try first; may be given again."
        ),
    ] = None,
    settings: Settings = None,
    size: Size = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; as many as fit where left out.")
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            help="local (in a reused actor), group (a Train worker group), or packed (many trials "
            "at once as one batch; with --set quantizer_backend=fused)."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Workers of a group.")] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Label that nodes of trials must have; may be given again."
        ),
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to join.")] = None,
    grows_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODES:CPUS:GPUS", help="Nodes that its autoscaler may start, as 8:16:1."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep.")] = None,
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
    plugin: Plugins = None,
    trial_timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which a trial counts as hung.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option(min=0, help="Tries again of a trial that failed.")
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Failed trials that leave the exit code at 0; with more, nothing new begins.",
        ),
    ] = None,
    max_gpu_hours: Annotated[
        float | None, typer.Option(min=0, help="GPU-hours after which nothing new begins.")
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="36h", help="After which nothing new begins: 36h, 90m, or 2027-01-31T18:00."
        ),
    ] = None,
    price_gpu_hour: Annotated[
        float | None, typer.Option(min=0, help="Of one GPU, to tell what trials cost.")
    ] = None,
    price_cpu_hour: Annotated[float | None, typer.Option(min=0, help="Of one core.")] = None,
    track: Annotated[
        str | None, typer.Option(help="Mirror it meanwhile: wandb, tensorboard or mlflow.")
    ] = None,
    no_clips: NoClips = False,
    save_spec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what would be run there, and run nothing."),
    ] = None,
) -> None:
    """Run a sweep: trials on Ray, the front, the report.

    Example: ratefront sweep rate_distortion --data motion/ --out sweeps/first
    """
    from cluster.sweep import publish, start
    from search_spaces.settings import parse_point

    overrides = {
        "data": _given(path=data, rest_skeleton=rest_skeleton, body_model=body_model),
        "search": _given(
            trials=trials,
            seeds=seeds,
            seed=seed,
            at=at,
            between=between,
            warm_start=warm_start or None,
        ),
        "space": _given(points=[parse_point(text) for text in point] if point else None),
        "run": _given(
            concurrency=concurrency,
            placement=placement,
            workers=workers,
            node_labels=_labels(on) if on else None,
            address=address,
            grows_to=tuple(grows_to) if grows_to else None,
            trial_timeout=trial_timeout,
            retries=retries,
            max_failures=max_failures,
            max_gpu_hours=max_gpu_hours,
            deadline=deadline,
            price_gpu_hour=price_gpu_hour,
            price_cpu_hour=price_cpu_hour,
            track=track,
            clips=False if no_clips else None,
        ),
    }
    spec = _spec(preset, size, settings, overrides, name, plugin)
    if workers is not None and workers > 1 and spec.run.placement == "local":
        raise BadInput(f"--workers {workers} are a group; add --placement group")
    if spec.run.grows_to and not spec.run.address:
        raise BadInput("--grows-to is of a cluster that was joined; add --address")
    if save_spec is not None:
        save_spec.write_text(spec.dump(), encoding="utf-8")
        return
    if out is None:
        raise BadInput("sweep needs --out DIR, a new directory")
    outcome = start(spec, out, console)
    publish(outcome.folder, console, outcome.tracked)
    _leave(outcome)


@app.command()
def resume(
    folder: Folder,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Where data, split, a metric or the record changed: run it anew beside DIR.",
        ),
    ] = False,
) -> None:
    """Continue an interrupted sweep: what is finished is not run again."""
    from cluster.sweep import publish
    from cluster.sweep import resume as go_on

    outcome = go_on(folder, console, accept_changes=accept_changes)
    if outcome.already_finished:
        console.print(
            f"{shown(folder)} is finished: {outcome.points} operating points", highlight=False
        )
        return
    publish(outcome.folder, console, outcome.tracked)
    _leave(outcome)


@app.command()
def report(
    folder: Folder,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Serve the page on this machine and keep it up to date."),
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of --watch; a free one if left out.")
    ] = None,
    no_clips: NoClips = False,
) -> None:
    """Rebuild tables, figures and the report from the store, or watch a sweep that runs.

    Example: ratefront report sweeps/first --watch
    """
    if watch:
        from cluster.watching import watch_sweep

        with following(folder, Extent.PAGE):
            watch_sweep(folder.absolute(), port, console, clips=not no_clips)
        return
    if port is not None:
        raise BadInput("--port is the port of --watch; add --watch, or leave it out")
    from cluster.sweep import publish

    publish(folder.absolute(), console, clips=not no_clips)


@app.command()
def allocate(
    folder: Whole,
    rate: Annotated[str, typer.Option(help="Rate that is shared: nominal or model.")] = "nominal",
) -> None:
    """Share a total rate between body and hands: compose parts of trials, decode, compare.

    Example: ratefront allocate sweeps/first
    """
    from cluster.allocation import allocate as share

    share(folder, rate, console)


@app.command()
def trial(
    preset: Preset,
    data: Data = None,
    settings: Settings = None,
    size: Size = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trial.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for its codec and scores.")] = None,
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
    plugin: Plugins = None,
) -> None:
    """Run one configuration here and now, without Tune.

    Example: ratefront trial rate_distortion --set codec=kmeans --set codebook_size=64
    """
    from cluster.single import run_single

    given = _given(path=data, rest_skeleton=rest_skeleton, body_model=body_model)
    spec = _spec(preset, size, settings, {"data": given}, None, plugin)
    run_single(spec, seed, out, console)


@app.command()
def spaces(
    name: Annotated[str | None, typer.Argument(help="A preset to show.")] = None,
    data: Data = None,
    size: Size = None,
) -> None:
    """List presets, or show one: parameters, conditions, constraints, grid, rates."""
    from cluster.show_spaces import list_presets, show_preset

    if name is None:
        list_presets(console)
    else:
        show_preset(_spec(name, size, None, {"data": _given(path=data)}, None, None), data, console)


def _spec(
    preset: str,
    size: str | None,
    settings: list[str] | None,
    overrides: dict[str, dict[str, object]],
    name: str | None,
    plugins: list[Path] | None,
) -> SweepSpec:
    from search_spaces.presets import load_spec
    from trainables.plugins import load_plugins

    files = [str(p.expanduser().absolute()) for p in plugins or []]
    # A plugin's codec must be known before a preset that names it is read.
    load_plugins(files)
    spec = load_spec(preset, size=size, settings=settings or (), overrides=overrides, name=name)
    return spec.model_copy(update={"plugins": (*spec.plugins, *files)}) if files else spec


def _labels(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (key, _, value) in zip(texts, pairs, strict=True):
        if not key or not value:
            raise BadInput(f"--on {text}: must be KEY=VALUE, as in ray.io/accelerator-type=H100")
    return {key: value for key, _, value in pairs}


def _given(**options: object) -> dict[str, object]:
    return {k: v for k, v in options.items() if v is not None}


def _leave(outcome: Outcome) -> None:
    if outcome.failed > outcome.allowed_failures:
        console.print(f"{outcome.failed} trial(s) failed; the report says why", highlight=False)
        raise typer.Exit(1)
