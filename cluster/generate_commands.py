"""The command that makes motion from speech: generate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.application import app, console
from search_spaces.errors import BadInput


@app.command()
def generate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="Folder that 'ratefront export' wrote of a model from speech."
        ),
    ],
    speech: Annotated[
        list[Path],
        typer.Argument(
            help=".wav files, or folders of them; words (.TextGrid, .tsv, .srt) beside "
            "them are taken along."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the motion.")] = (
        Path("motion")
    ),
    audio: Annotated[bool, typer.Option("--audio", help="Lay the audio beside the motion.")] = (
        False
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of codes that are drawn.")] = 0,
    text_weights: Annotated[
        str, typer.Option(metavar="PLACE", help="Where vectors or the encoder of text lie here.")
    ] = "",
    audio_weights: Annotated[
        str, typer.Option(metavar="DIR", help="Where the encoder of audio lies here.")
    ] = "",
) -> None:
    """Make motion from speech, as long as it is, with a model that a sweep trained.

    Example: ratefront generate model/ talk.wav -o motion/ --audio
    """  # fmt: skip
    from cluster.speech_export import generate as make

    if not speech:
        raise BadInput("generate needs speech; name a .wav behind the model")
    named = {"speech.text_weights": text_weights, "speech.audio_weights": audio_weights}
    given = {key: place for key, place in named.items() if place}
    make(model, speech, out, with_audio=audio, seed=seed, settings=given, console=console)
