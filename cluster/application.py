"""The command line's application, and the options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cluster.storage.places import page_of_sweep, whole_sweep

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

Preset = Annotated[
    str,
    typer.Argument(
        metavar="PRESET_OR_FILE", help="A preset (see 'ratefront spaces') or a YAML file."
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Folder or file of motion (.bvh, .npz), or 'embedded' for the procedural signer; "
        "'embedded:2d' is that in two dimensions, 'embedded:speaking' gestures to generated speech."
    ),
]
RestSkeleton = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.bvh", help="Bones of SMPL-X recordings (.npz), which have none of their own."
    ),
]
BodyModel = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="A body model (SMPL-X): bones of each SMPL-X recording by its own betas.",
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
Folder = Annotated[
    Path,
    typer.Argument(parser=page_of_sweep, metavar="DIR", help="Directory of a sweep, or its URI."),
]
Whole = Annotated[
    Path,
    typer.Argument(parser=whole_sweep, metavar="DIR", help="Directory of a sweep, or its URI."),
]
"""With weights and reconstructions."""
NoClips = Annotated[
    bool,
    typer.Option("--no-clips", help="Leave motion of the recordings out of pages and uploads."),
]
