"""Commands about files: codecs that leave their sweep, and what they make of motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.application import BodyModel, Folder, Plugins, RestSkeleton, Whole, app, console
from cluster.storage.places import whole_sweep
from search_spaces.bones import Bones
from search_spaces.errors import BadInput

Codec = Annotated[
    Path, typer.Argument(metavar="CODEC", help="Folder that 'ratefront export' wrote.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.")]
MaxSeconds = Annotated[
    float, typer.Option("--max-seconds", min=0.1, help="The longest recording that is read.")
]


@app.command()
def rerun(
    folder: Folder,
    trial: Annotated[str, typer.Option(help="A finished trial whose weights were removed.")] = "",
) -> None:
    """Train a trial again whose weights were removed: the same codec, to the bit.

    Example: ratefront rerun sweeps/first --trial kmeans-0123456789ab-s0
    """
    from cluster.rerun import rerun as train_again

    if not trial:
        raise BadInput("rerun needs --trial ID; 'ratefront best' and export name it")
    train_again(folder, trial, console)


@app.command()
def export(
    folder: Whole,
    out: Out = None,
    at: Annotated[
        float | None, typer.Option(min=0, help="Best point at or under so many bits per second.")
    ] = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Rate that --at speaks of: stream (the default), nominal, model or entropy; with "
            "--composed the rate that was shared."
        ),
    ] = "",
    trial: Annotated[str, typer.Option(help="A trial instead of --at.")] = "",
    depth: Annotated[
        int | None, typer.Option(min=1, help="Levels of that trial; all where left out.")
    ] = None,
    composed: Annotated[
        bool,
        typer.Option(
            "--composed", help="A point that 'ratefront allocate' composed: --at or --row."
        ),
    ] = False,
    row: Annotated[
        int | None, typer.Option(min=1, help="Row of allocation.csv, 1 being the first.")
    ] = None,
    root: Annotated[
        str, typer.Option(help="coded (root and heading travel along) or removed (in place).")
    ] = "coded",
    plugin: Plugins = None,
) -> None:
    """Write the codec of an operating point as a folder that stands alone.

    Example: ratefront export sweeps/first --at 300 -o codec/
    """
    from analysis.fronts import NoAnswer
    from cluster.export import Choice
    from cluster.export import export as write
    from trainables.plugins import load_plugins

    if composed and ((at is None) == (row is None) or trial):
        raise BadInput("--composed needs either --at BITS_PER_SECOND or --row NUMBER, and no trial")
    if row is not None and not composed:
        raise BadInput("--row is one of allocation.csv; add --composed, or name a --trial")
    if not composed and (at is None) == (not trial):
        raise BadInput("export needs either --at BITS_PER_SECOND or --trial ID; see 'best'")
    if depth is not None and not trial:
        raise BadInput("--depth goes with --trial; --at chooses a depth by itself")
    if root not in ("coded", "removed"):
        raise BadInput(f"--root {root}: must be coded or removed")
    load_plugins(map(str, plugin or ()))
    try:
        choice = Choice(at, rate, trial, depth, composed, row)
        write(folder, _needed(out, "a new folder"), choice, root, console)
    except NoAnswer as error:
        typer.echo(f"ratefront: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def encode(
    codec: Codec,
    source: Annotated[Path, typer.Argument(help="A motion file, or a folder of them.")],
    out: Out = None,
    tokens: Annotated[
        str, typer.Option(help="jsonl: write token ids for language models instead of files.")
    ] = "",
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
    plugin: Plugins = None,
) -> None:
    """Encode motion files with an exported codec.

    Example: ratefront encode codec/ wave.bvh -o wave.rft
    """
    from cluster.transcoding import encode as run
    from trainables.plugins import load_plugins

    bones = Bones(rest_skeleton or "", body_model or "")
    load_plugins(map(str, plugin or ()))
    target = _needed(out, "the file or folder to write")
    run(codec, source, target, tokens, console, bones)


@app.command()
def decode(
    codec: Codec,
    source: Annotated[
        Path, typer.Argument(help="An .rft file, a folder of them, or tokens as .jsonl.")
    ],
    out: Out = None,
    max_seconds: MaxSeconds = 3600.0,
    plugin: Plugins = None,
) -> None:
    """Decode to motion files, at the rate of the original.

    Example: ratefront decode codec/ wave.rft -o again.bvh
    """
    from cluster.transcoding import decode as run
    from trainables.plugins import load_plugins

    load_plugins(map(str, plugin or ()))
    run(codec, source, _needed(out, "the file or folder to write"), max_seconds, console)


@app.command()
def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=whole_sweep, metavar="DIR_OR_CODEC", help="A sweep, or an exported codec."
        ),
    ],
    data: Annotated[Path, typer.Option(help="Motion to score on: a file or a folder.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only this metric, such as rmse_full_cm. Repeatable; all if left out."),
    ] = None,
    points: Annotated[
        str, typer.Option(help="Of a sweep: front (its front alone) or all points.")
    ] = "front",
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
    plugin: Plugins = None,
) -> None:
    """Score finished codecs on other motion, or with a new metric; overwrites nothing.

    Example: ratefront evaluate sweeps/first --data other/motion
    """
    from cluster.evaluation import evaluate as run
    from trainables.plugins import load_plugins

    bones = Bones(rest_skeleton or "", body_model or "")
    load_plugins(map(str, plugin or ()))
    run(folder, data, tuple(metric or ()), points, console, bones)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A motion file, an .rft file, or a folder of them.")],
    codec: Annotated[
        Path | None, typer.Option(help="Of .rft files: the codec they were encoded with.")
    ] = None,
    original: Annotated[
        Path | None, typer.Option(help="Of .rft files: the motion (or folder) they were made of.")
    ] = None,
    max_seconds: MaxSeconds = 3600.0,
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
    plugin: Plugins = None,
) -> None:
    """Say what files hold: motion's joints, parts and oddities; rates and tokens of an .rft."""
    from cluster.inspect_stream import inspect_streams
    from cluster.transcoding import STREAM_SUFFIX, holds_streams
    from trainables.motion.inspect import describe, inspect_file, inspect_session
    from trainables.motion.panoptic import find_sessions
    from trainables.motion.readers import find_recordings
    from trainables.plugins import load_plugins

    bones = Bones(rest_skeleton or "", body_model or "")
    load_plugins(map(str, plugin or ()))
    encoded = path.suffix.lower() == STREAM_SUFFIX or holds_streams(path)
    if not encoded and (codec is not None or original is not None):
        raise BadInput(f"{path}: --codec and --original go with {STREAM_SUFFIX} files")
    sessions = find_sessions(path)
    try:
        motion = find_recordings(path)
    except BadInput:
        if not encoded and not sessions:
            raise
        motion = []
    for person in (found for session in sessions for found in inspect_session(session)):
        console.print(describe(person), highlight=False, soft_wrap=True)
    for file in motion:
        console.print(
            describe(inspect_file(file, bones=bones)),
            highlight=False,
            soft_wrap=True,
        )
    if encoded:
        inspect_streams(path, codec, original, max_seconds, console, bones)


def _needed(out: Path | None, what: str) -> Path:
    if out is None:
        raise BadInput(f"give {what} with -o")
    return out
