"""`ratefront`: the front door. Imports nothing heavy before a command needs it.

Exit codes: 0 done; 1 finished with failures, or no point answers; 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cluster.usage import wrong_use
from search_spaces.errors import BadInput

if TYPE_CHECKING:
    from cluster.sweep import Outcome
    from search_spaces.spec import SweepSpec

app = typer.Typer(
    name="ratefront",
    help="Search codecs of human motion for the best rate–distortion front, on Ray.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
# A log file has no width of its own; tables need more than Rich's 80 columns.
console = Console(width=None if sys.stdout.isatty() else 120)
# Typer carries its own copy of click; this is the class of every wrong use of the command line.
_INTERRUPTED = 130
_USAGE: Any = typer.BadParameter.__mro__[2]

Preset = Annotated[
    str,
    typer.Argument(
        metavar="PRESET_OR_FILE", help="A preset (see 'ratefront spaces') or a YAML file."
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Folder or file of motion (.bvh, .npz), or 'embedded' for the procedural signer."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Fix a parameter, or give choices: key=a,b. Repeatable."
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="debug (a minute), reduced (ten minutes on 2 cores; default) or full (the paper's)."
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", help="Python file with a codec, metric or reader. Repeatable."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a sweep.")]


@app.command()
def sweep(
    preset: Preset,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="New directory for the sweep.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Configurations to try.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repeats of each configuration.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="First seed.")] = None,
    settings: Settings = None,
    size: Size = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; as many as fit where left out.")
    ] = None,
    placement: Annotated[
        str | None, typer.Option(help="local (in a reused actor) or group (a Train worker group).")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Workers of a group.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster to join.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep.")] = None,
    plugin: Plugins = None,
    trial_timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which a trial counts as hung.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option(min=0, help="Tries again of a trial that failed.")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option(min=0, help="Failed trials that leave the exit code at 0.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(help="Mirror the sweep in an experiment tracker: wandb.")
    ] = None,
) -> None:
    """Run a sweep: trials on Ray, the front, the report.

    Example: ratefront sweep rate_distortion --data motion/ --out sweeps/first
    """
    from cluster.sweep import publish, start

    if out is None:
        raise BadInput("sweep needs --out DIR, a new directory")
    overrides = {
        "data": _given(path=data),
        "search": _given(trials=trials, seeds=seeds, seed=seed),
        "run": _given(
            concurrency=concurrency,
            placement=placement,
            workers=workers,
            address=address,
            trial_timeout=trial_timeout,
            retries=retries,
            max_failures=max_failures,
            track=track,
        ),
    }
    spec = _spec(preset, size, settings, overrides, name, plugin)
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
        console.print(f"{folder} is finished: {outcome.points} operating points", highlight=False)
        return
    publish(outcome.folder, console, outcome.tracked)
    _leave(outcome)


@app.command()
def report(folder: Folder) -> None:
    """Rebuild tables, figures and the report from the store."""
    from cluster.sweep import publish

    publish(folder.absolute(), console)


@app.command()
def best(
    folder: Folder,
    at: Annotated[float, typer.Option(min=0, help="Bits per second in total over parts.")],
    rate: Annotated[
        str,
        typer.Option(
            help="Which rate: stream (bytes of files), nominal (closed form), model (the coder's "
            "tables) or entropy."
        ),
    ] = "stream",
) -> None:
    """The best operating point at or under a rate, judged on validation.

    Sweeps recorded before files were measured have no stream rate: add --rate nominal.
    """
    from analysis.best import describe_best
    from analysis.fronts import NoAnswer

    try:
        console.print(describe_best(folder, at, rate), highlight=False, soft_wrap=True)
    except NoAnswer as error:
        print(f"ratefront: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def trial(
    preset: Preset,
    data: Data = None,
    settings: Settings = None,
    size: Size = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trial.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for its codec and scores.")] = None,
    plugin: Plugins = None,
) -> None:
    """Run one configuration here and now, without Tune.

    Example: ratefront trial rate_distortion --set codec=kmeans --set codebook_size=64
    """
    from cluster.single import run_single

    spec = _spec(preset, size, settings, {"data": _given(path=data)}, None, plugin)
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


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A motion file, or a folder of them.")],
    plugin: Plugins = None,
) -> None:
    """Say what a motion file holds: joints, parts, fps, frames, unit, up axis, oddities."""
    from trainables.motion.inspect import describe, inspect_file
    from trainables.motion.readers import find_recordings
    from trainables.plugins import load_plugins

    load_plugins(map(str, plugin or ()))
    for file in find_recordings(path):
        console.print(describe(inspect_file(file)), highlight=False, soft_wrap=True)


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


def _given(**options: object) -> dict[str, object]:
    return {k: v for k, v in options.items() if v is not None}


def _leave(outcome: Outcome) -> None:
    if outcome.failed > outcome.allowed_failures:
        console.print(f"{outcome.failed} trial(s) failed; the report says why", highlight=False)
        raise typer.Exit(1)


def main(argv: list[str] | None = None) -> int:
    """Runs a command; returns its exit code. Bad input is one line on standard error and 2."""
    try:
        result = app(args=argv, prog_name="ratefront", standalone_mode=False)
    except BadInput as error:
        line = " ".join(str(error).split())
        print(f"ratefront: {line}", file=sys.stderr)
        return BadInput.exit_code
    except _USAGE as error:
        if line := wrong_use(error, sys.argv[1:] if argv is None else argv):
            print(f"ratefront: {line}", file=sys.stderr)
        return BadInput.exit_code
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"ratefront: {place}{error.strerror}; mend that and give the command again",
            file=sys.stderr,
        )
        return BadInput.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    if result == _INTERRUPTED:  # Typer turns an interrupt into its exit code
        print("ratefront: interrupted; 'ratefront resume DIR' goes on", file=sys.stderr)
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
