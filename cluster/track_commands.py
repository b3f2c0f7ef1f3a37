"""Commands that show a sweep elsewhere: trackers, and Optuna's dashboard."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from cluster.application import NoClips, Whole, app, console
from cluster.storage.mirror import Extent, following
from cluster.storage.places import page_of_sweep
from search_spaces.errors import BadInput


@app.command()
def track(
    folder: Whole,
    to: Annotated[str, typer.Option(help="wandb, tensorboard or mlflow.")],
    no_clips: NoClips = False,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Save a W&B workspace of the sweep too.")
    ] = False,
) -> None:
    """Mirror a finished or interrupted sweep in an experiment tracker, from its log.

    What the tracker has already is not written again.

    Example: ratefront track sweeps/first --to tensorboard
    """
    from cluster.tracking import replay

    replay(folder.absolute(), to, console, clips=not no_clips, workspace=workspace)


@app.command()
def dashboard(
    folders: Annotated[
        list[Path], typer.Argument(parser=page_of_sweep, metavar="DIR...", help="Sweeps.")
    ],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; a free one if left out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an Optuna journal instead of serving."),
    ] = None,
) -> None:
    """Show sweeps in optuna-dashboard on this machine, while they run or afterwards.

    Example: ratefront dashboard sweeps/first
    """
    from cluster.watching import show_dashboard

    if out is not None and port is not None:
        raise BadInput("--port is for serving and --out is not; give one of them")
    with contextlib.ExitStack() as watched:
        for folder in folders:
            watched.enter_context(following(folder, Extent.LOG if out is None else None))
        show_dashboard([folder.absolute() for folder in folders], port, out, console)
