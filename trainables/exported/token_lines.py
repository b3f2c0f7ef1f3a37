"""Tokens as JSON lines, one recording each: what language models are trained on and write.

A line needs `tokens` alone; `frames`, `source_frames`, `source_fps`, `start`, `lift` and `bones`
are taken where they stand there, and what is missing is what the codec itself has.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search_spaces.errors import BadInput
from trainables.bitstream.container import Header, PartStream
from trainables.exported.codec_folder import ExportedCodec
from trainables.exported.transcode import CodedRecording

_MOST_BYTES = 1 << 28
_Id = Annotated[int, Field(strict=True, ge=0, lt=1 << 31)]
_Step = Annotated[int, Field(strict=True, gt=-(1 << 31), lt=1 << 31)]
"""Nothing is rounded or read out of text: what is no whole number is told."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tokens: list[_Id] = Field(min_length=1)
    recording: str = Field(default="", max_length=4096, pattern=r"^[^\x00-\x1f\\]*$")
    codec: str = ""
    frames: int = Field(default=0, ge=0, lt=1 << 48)
    source_frames: int = Field(default=0, ge=0, lt=1 << 48)
    source_fps: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    start: tuple[int, int, int] | None = None
    lift: int = 0
    bones: list[tuple[_Step, _Step, _Step]] | None = None


def token_line(codec: ExportedCodec, recording: CodedRecording, name: str) -> dict[str, Any]:
    """What a line says of a recording: what a language model needs, and what decoding needs."""
    header = recording.header
    flat = codec.vocabulary.flatten(recording.tokens, header.frames)
    line = {
        "recording": name,
        "codec": codec.identity.hex(),
        "frames": header.frames,
        "fps": header.fps,
        "source_frames": header.source_frames,
        "source_fps": header.source_fps,
        "tokens": flat.tolist(),
    }
    if header.start is not None:
        line["start"] = list(header.start)
        if header.lift:
            line["lift"] = header.lift
    if header.offsets is not None:
        line["bones"] = header.offsets.tolist()
    return line


def read_token_lines(
    codec: ExportedCodec, source: Path, max_seconds: float
) -> list[tuple[str, CodedRecording]]:
    """(name, recording) of every line.

    Raises:
        BadInput: a line is no JSON object of tokens of this codec, or too long; names the line.
    """
    try:
        if source.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{source}: is larger than {_MOST_BYTES >> 20} MiB; split it")
        lines = source.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{source}: cannot be read ({error}); name a file of JSON lines") from None
    found: list[tuple[str, CodedRecording]] = []
    lines_of: dict[str, int] = {}
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        place = f"{source}, line {number}"
        try:
            line = _Line.model_validate(json.loads(text))
            found.append((line.recording or f"recording-{number}", _made(codec, line, max_seconds)))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise BadInput(f"{place}: {field}: {first['msg']}; see docs/codecs.md") from None
        except (BadInput, ValueError, RecursionError) as error:
            raise BadInput(f"{place}: {error}") from None
        if (name := found[-1][0]) in lines_of:
            raise BadInput(
                f"{place}: its recording {name!r} is that of line {lines_of[name]} too; rename one"
            )
        lines_of[name] = number
    if not found:
        raise BadInput(f"{source}: holds no tokens; write one JSON object per line")
    return found


def _made(codec: ExportedCodec, line: _Line, max_seconds: float) -> CodedRecording:
    if line.codec and line.codec != codec.identity.hex():
        raise BadInput(
            f"tokens of the codec {line.codec}, this one is {codec.identity.hex()}; give the codec "
            "that they were encoded with"
        )
    vocabulary = codec.vocabulary
    fps = codec.preparation.coded_fps
    frames = line.frames or vocabulary.frames_of(len(line.tokens))
    if frames / fps > max_seconds:
        raise BadInput(f"lasts {frames / fps:g} s; raise --max-seconds to decode it")
    tokens = vocabulary.unflatten(np.array(line.tokens, np.int64), frames)
    parts = tuple(
        PartStream(s.part, s.alphabet, s.compression, (False,) * len(s.alphabet))
        for s in vocabulary.streams
    )
    bones = None if line.bones is None else np.array(line.bones, np.int32)
    if bones is not None and len(bones) != len(codec.preparation.skeleton):
        raise BadInput(f"bones of {len(bones)} joints, the codec has another number")
    start = line.start
    if start is None and codec.preparation.root_coded:
        start = (0, 0, 0)
    source_fps = line.source_fps or fps
    header = Header(
        codec_hash=codec.identity,
        skeleton_hash=codec.skeleton_identity,
        source_fps=source_fps,
        fps=fps,
        source_frames=line.source_frames or max(1, round(frames * source_fps / fps)),
        frames=frames,
        parts=parts,
        offsets=bones,
        start=start,
        unit=codec.preparation.unit,
        lift=line.lift,
    )
    return CodedRecording(header, tokens)
