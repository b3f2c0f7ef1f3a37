"""Commands about a user study: the page that raters see, and what their answers say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.application import BodyModel, RestSkeleton, app, console
from search_spaces.bones import Bones
from search_spaces.errors import BadInput

study = typer.Typer(
    name="study",
    help="Let people compare systems in blinded pairs: export the page, score the answers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(study)


@study.command("export")
def export_study(
    system: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE",
            help="A folder of motion files, an exported model from speech (with --audio), "
            "SWEEP:TRIAL, or SWEEP:truth. Repeatable.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The page, an .html file.")] = (
        Path("pairs.html")
    ),
    audio: Annotated[
        Path | None,
        typer.Option(help=".wav files called as the recordings; else those beside the motion."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Of a clip, at most.")] = 10.0,
    pairs: Annotated[
        int, typer.Option(min=0, help="That each rater sees, beside the checks; 0 for all.")
    ] = 20,
    recordings: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 0,
    checks: Annotated[
        int, typer.Option(min=0, help="Pairs with a known answer: one is shaken.")
    ] = 6,
    repeats: Annotated[
        int, typer.Option(min=0, help="Pairs that come again, sides exchanged.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    rest_skeleton: RestSkeleton = None,
    body_model: BodyModel = None,
) -> None:
    """Write one HTML file with blinded pairs of moving figures and their audio, and its key.

    The key (.key.json) says what is what: keep it, and give raters the page alone.

    Example: ratefront study export --system ours=sweeps/a:TRIAL --system real=sweeps/a:truth
    """
    from analysis.user_study.design import Plan, design
    from analysis.user_study.page import key_beside, write_study
    from cluster.study_sources import read_systems

    bones = Bones(rest_skeleton or "", body_model or "")
    shown = read_systems(system or (), audio, bones)
    plan = Plan(seconds, pairs, checks, repeats, recordings, seed)
    made = design(shown.takes, shown.sounds, plan)
    write_study(made, out)
    told = made.payload
    silent = sum(not s for s in told["sounds"])
    console.print(
        f"{out}: {len(told['clips'])} clips in {len(told['pairs'])} pairs, of which a rater sees "
        f"{told['asked']} with {len(told['checks'])} checks and {repeats} repeats"
        f"{f'; {silent} recordings without sound' if silent else ''}; "
        f"{out.stat().st_size / 1e6:.1f} MB",
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip
    console.print(f"{key_beside(out)}: keep it from the raters", highlight=False, soft_wrap=True)


@study.command("score")
def score_study(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The .key.json of the page.")],
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS...", help="Files that raters saved.")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write all of it as JSON too.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling of raters.")] = 0,
) -> None:
    """Screen raters, and print the win rate of every system beside what the paper says.

    Example: ratefront study score pairs.key.json answers-*.json
    """
    from analysis.user_study.answers import read_answers, read_key
    from analysis.user_study.scores import scores_of, tables

    if not answers:
        raise BadInput("score needs the raters' files; name them behind the key")
    known = read_key(key)
    found = scores_of(read_answers(answers, known), known, seed)
    for part in tables(found):
        console.print(part, highlight=False, soft_wrap=True)
    if out is not None:
        out.write_text(found.json() + "\n", encoding="utf-8")
    if not found.counted:
        raise typer.Exit(1)
