"""The command that draws a clip: render."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cluster.application import Whole, app, console


@app.command()
def render(
    folder: Whole,
    at: Annotated[
        list[float] | None,
        typer.Option(min=0, help="The best point at so many bits per second. Repeatable."),
    ] = None,
    trial: Annotated[
        list[str] | None, typer.Option(help="A trial, at its full depth. Repeatable.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(help="A point by name, as tables and the report give it. Repeatable."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Levels to decode of each --trial.")
    ] = None,
    clip: Annotated[
        str, typer.Option(help="best, median or worst of the first point, or a recording's name.")
    ] = "median",
    rate: Annotated[
        str,
        typer.Option(
            help="Which rate --at means: stream (the default; nominal of heatmaps), nominal, model "
            "or entropy."
        ),
    ] = "",
    overlay: Annotated[
        bool, typer.Option("--overlay", help="The original in grey under each codec, not beside.")
    ] = False,
    out: Annotated[Path, typer.Option("-o", "--out", help="File that ends in .gif or .mp4.")] = (
        Path("clip.gif")
    ),
) -> None:
    """Draw a clip of validation: original and codecs side by side, hands large, error in colour.

    A sweep that was run with --no-clips is not drawn, nor motion that says redistribute: no.

    Example: ratefront render sweeps/first --at 300 --at 900 --clip worst -o worst.gif
    """
    from analysis.fronts import NoAnswer
    from analysis.rendering import Choice, render_clip

    choice = Choice(point or (), trial or (), at or (), depth, rate)
    try:
        said = render_clip(folder, choice, clip, out, overlay=overlay)
    except NoAnswer as error:
        print(f"ratefront: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    console.print(f"{out}: {said}", highlight=False, soft_wrap=True, markup=False)
