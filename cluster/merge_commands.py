"""`ratefront merge`: sweeps of several sites as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.application import app, console
from cluster.storage.location import is_uri
from cluster.storage.places import whole_sweep
from search_spaces.errors import BadInput


def _folder(text: str) -> Path:
    if is_uri(text):
        raise BadInput(f"--out {text}: a merged sweep is made in a folder; name one, and copy it")
    return Path(text)


@app.command()
def merge(
    folders: Annotated[
        list[Path],
        typer.Argument(
            parser=whole_sweep, metavar="DIR_A DIR_B …", help="Sweeps on the same data."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", parser=_folder, metavar="DIR", help="A new folder for the merged sweep."
        ),
    ],
) -> None:
    """Union sweeps of several sites, trial by trial, and report on all of them.

    Sweeps on other data, or judged by metrics of another version, are refused. DIRs stay as they
    are; the merged sweep can be asked and exported like any, but not resumed: resume DIRs and
    merge again.

    Example: ratefront merge sweeps/lab sweeps/cloud --out sweeps/both
    """
    from analysis.costs import costs
    from analysis.log import read_log
    from cluster.merge import merge as union
    from cluster.sweep import publish

    made = union(folders, out)
    each = ", ".join(
        f"{n} of {f}" for n, f in zip(made.taken, dict.fromkeys(folders), strict=False)
    )
    said = f"merged {sum(made.taken)} trials: {each}"
    said += f"; {made.twice} were in more than one" if made.twice else ""
    said += f"; {made.unfinished} that have no end were left out" if made.unfinished else ""
    console.print(said, highlight=False, soft_wrap=True)
    if cost := str(costs(read_log(made.folder))):
        console.print(f"cost: {cost}", highlight=False, soft_wrap=True)
    for warning in made.warnings:
        console.print(warning, style="yellow", highlight=False, soft_wrap=True)
    publish(made.folder, console)
