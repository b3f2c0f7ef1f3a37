"""Commands that decide by finished sweeps: best, compare, table, figure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cluster.application import Folder, Whole, app, console
from cluster.storage.places import page_of_sweep
from search_spaces.errors import BadInput

Rate = Annotated[
    str | None,
    typer.Option(
        help="Which rate: nominal (closed form), stream (bytes of files), model (the coder's "
        "tables) or entropy; the one that was searched where left out."
    ),
]
Distortion = Annotated[
    str | None,
    typer.Option("--objective", help="Which distortion, as rmse_hands_cm; full-pose RMSE if none."),
]


@app.command()
def best(
    folder: Whole,
    at: Annotated[
        float | None, typer.Option(min=0, help="Bits per second in total over parts, at most.")
    ] = None,
    under: Annotated[
        str | None, typer.Option(metavar="3cm", help="Distortion at most; the fewest bits for it.")
    ] = None,
    knee: Annotated[bool, typer.Option("--knee", help="Where more bits begin to buy little.")] = (
        False
    ),
    within: Annotated[
        str | None,
        typer.Option(metavar="2%", help="The fewest bits within so much of the least distortion."),
    ] = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Which rate: stream (bytes of files; the default), nominal (closed form; that of "
            "heatmaps), model (the coder's tables) or entropy."
        ),
    ] = "",
    objective: Distortion = None,
) -> None:
    """The operating point to take for a rate, for a distortion, or at the knee, by validation.

    Sweeps recorded before files were measured have no stream rate: add --rate nominal.
    Example: ratefront best sweeps/first --under 3cm
    """
    from analysis.best import describe_answer
    from analysis.deciding import Question
    from analysis.fronts import NoAnswer

    question = Question(at, under, knee, within, rate, objective)
    try:
        console.print(describe_answer(folder, question), highlight=False, soft_wrap=True)
    except NoAnswer as error:
        print(f"ratefront: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def compare(
    folders: Annotated[
        list[Path], typer.Argument(parser=page_of_sweep, metavar="DIR_A DIR_B …", help="Sweeps.")
    ],
    rate: Rate = None,
    objective: Distortion = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for compare.json, compare.md and the fronts as PDF and PNG."),
    ] = None,
) -> None:
    """Set sweeps against each other: BD-rate, hypervolume, paired tests, a verdict in words.

    Example: ratefront compare sweeps/first sweeps/second --out comparison/
    """
    from analysis.compare import as_dict
    from analysis.compare import compare as against
    from analysis.comparison_text import markdown
    from analysis.paper_figures import overlay, save

    found = against(folders, objective=objective, which=rate)
    text = markdown(found)
    console.print(text, highlight=False, soft_wrap=True, markup=False, end="")
    if out is None:
        return
    said = as_dict(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "compare.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    (out / "compare.md").write_text(text, encoding="utf-8")
    written = [out / "compare.json", out / "compare.md"]
    if found.pairs:
        curves = [(s["name"], s["front"]) for s in said["sides"]]
        figure = overlay(curves, found.rate.name, found.distortion.name)
        written += [save(figure, out / f"compare{end}") for end in (".pdf", ".png")]
    console.print(f"written: {', '.join(map(str, written))}", highlight=False, soft_wrap=True)


@app.command()
def table(
    folder: Folder,
    form: Annotated[str, typer.Option("--format", help="latex, markdown or csv.")] = "markdown",
    rows: Annotated[
        str, typer.Option(help="codecs (each codec's best at equal rates) or front.")
    ] = "codecs",
    at: Annotated[
        list[float] | None, typer.Option(min=0, help="A rate of the table, bits/s. Repeatable.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column, as rmse_hands_cm or hull_pct. Repeatable.")
    ] = None,
    rate: Rate = None,
    objective: Distortion = None,
    split: Annotated[
        str, typer.Option(help="val, or test; points are chosen on validation either way.")
    ] = "val",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File; else printed.")] = None,
) -> None:
    """A table for a paper: mean ± standard error, the best in bold.

    Example: ratefront table sweeps/first --format latex --at 300 --at 600 -o table.tex
    """
    from analysis.deciding import distortion_of
    from analysis.fronts import RATES, NoAnswer
    from analysis.points import clips_frame, points_frame, read_log
    from analysis.table_forms import FORMATS, written
    from analysis.tables import front_table

    if form not in FORMATS:
        raise BadInput(f"--format {form}: there are {', '.join(FORMATS)}")
    if split not in ("val", "test"):
        raise BadInput(f"--split {split}: there are val and test")
    log = read_log(folder)
    points = points_frame(log)
    which = rate or next((k for k, n in RATES.items() if n == log.rate.name), "nominal")
    try:
        made = front_table(
            log,
            points,
            clips_frame(log),
            which=which,
            distortion=distortion_of(points, objective),
            rows=rows,
            budgets=at or (),
            split=split,
            columns=column or (),
        )
    except NoAnswer as error:
        print(f"ratefront: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    _give(written(made, form), out)


@app.command()
def figure(
    folder: Folder,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File that ends in .pdf, .svg or .png.")
    ] = Path("front.pdf"),
    kind: Annotated[
        str, typer.Option(help="front, attainment (over seeds) or importance (of parameters).")
    ] = "front",
    width: Annotated[str, typer.Option(help="column (3.4 inches) or page (7 inches).")] = "column",
    rate: Rate = None,
    objective: Distortion = None,
) -> None:
    """A figure for a paper, vector PDF with embedded fonts, at the width of a column or a page.

    Example: ratefront figure sweeps/first --out front.pdf --width page
    """
    from analysis.deciding import distortion_of
    from analysis.front_statistics import front_statistics
    from analysis.fronts import RATES
    from analysis.paper_figures import check_ending, paper_figure, save
    from analysis.points import points_frame, read_log

    check_ending(out)
    log = read_log(folder)
    points = points_frame(log)
    if rate is not None and rate not in RATES:
        raise BadInput(f"no rate {rate!r}; there are {', '.join(RATES)}")
    distortion = distortion_of(points, objective)
    said = front_statistics(
        points,
        points.iloc[:0],
        rate=log.rate if rate is None else RATES[rate],
        distortions=[distortion],
        reference=log.sweep.get("reference_point"),
        resamples=0,
        with_importance=kind == "importance",
    )
    if distortion.name not in said["distortions"]:
        raise BadInput(f"{folder} has no points over {said['rate']} and {distortion.name}")
    save(paper_figure(said, distortion.name, kind, width), out)
    console.print(str(out), highlight=False, soft_wrap=True)


def _give(text: str, out: Path | None) -> None:
    if out is None:
        console.print(text, highlight=False, soft_wrap=True, markup=False, end="")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    console.print(str(out), highlight=False, soft_wrap=True)
