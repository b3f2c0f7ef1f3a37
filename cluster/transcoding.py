"""Motion files through an exported codec: folders as well as files, with progress.

A file that cannot be coded stops the command with its name; what was written before it stays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput

if TYPE_CHECKING:
    from trainables.exported.codec_folder import ExportedCodec
STREAM_SUFFIX = ".rft"
TOKENS_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Task:
    """One file to be made of another."""

    source: Path
    target: Path
    name: str


def encode(
    codec_folder: Path,
    source: Path,
    out: Path,
    tokens: str,
    console: Console,
    bones: Bones = AVERAGE_BONES,
) -> None:
    """Motion files -> `.rft` files, or one file of tokens as JSON lines.

    Args:
        codec_folder: an exported codec.
        source: a motion file or a folder of them.
        out: the file to write; a folder where `source` is one. With tokens, always a file.
        tokens: "" or "jsonl".
        console: where to say what was written.
        bones: whose bones SMPL-X rotations are put on.
    """
    from trainables.exported.codec_folder import load_exported
    from trainables.exported.heatmap_folder import is_heatmap_codec
    from trainables.exported.token_lines import token_line
    from trainables.exported.transcode import encode_clip
    from trainables.motion.readers import find_recordings, read_clip

    if tokens not in ("", "jsonl"):
        raise BadInput(f"--tokens {tokens}: only jsonl is known")
    if is_heatmap_codec(codec_folder):
        from cluster.heatmap_codecs import encode_heatmaps

        encode_heatmaps(codec_folder, source, out, console, bones)
        return
    codec = load_exported(codec_folder)
    tasks = needed_tasks(source, out, find_recordings(source), STREAM_SUFFIX, single=bool(tokens))
    if tokens and out.is_dir():
        raise BadInput(f"{out}: is a folder, and tokens are one file; name it *{TOKENS_SUFFIX}")
    lines = []
    size, seconds, averaged = 0, 0.0, 0
    for task in progress(tasks, console):
        clip = read_clip(
            task.source,
            task.name,
            rest_skeleton=bones.rest_skeleton,
            body_model=bones.body_model,
        )
        averaged += clip.approx_skeleton
        with _named(task.source):
            recording, _ = encode_clip(codec, clip, scored=False)
        if tokens:
            lines.append(json.dumps(token_line(codec, recording, task.name)))
            continue
        data = recording.pack(codec)
        write_whole(task.target, data)
        size, seconds = size + len(data), seconds + recording.header.seconds
    if tokens:
        write_whole(out, "".join(f"{line}\n" for line in lines).encode())
        said = f"{len(tasks)} recording(s) as tokens: {out}"
    else:
        said = (
            f"{len(tasks)} recording(s), {seconds:.1f} s in {size} bytes "
            f"({8 * size / seconds:.0f} bits/s): {out}"
        )
    if averaged and not codec.facts.approx_skeleton:
        console.print(
            f"warning: {averaged} of {len(tasks)} recording(s) stand on bones of average "
            "proportions, and this codec was trained on real ones; give theirs with --body-model "
            "or --rest-skeleton",
            highlight=False,
            soft_wrap=True,
        )
    console.print(said, highlight=False, soft_wrap=True)


def decode(
    codec_folder: Path, source: Path, out: Path, max_seconds: float, console: Console
) -> None:
    """`.rft` files, or tokens as JSON lines, -> motion files.

    Args:
        codec_folder: the codec that they were encoded with.
        source: a file or a folder of `.rft` files.
        out: the file to write; a folder where there are several.
        max_seconds: the longest recording that is decoded.
        console: where to say what was written.
    """
    from trainables.bitstream.container import ContainerReader
    from trainables.bitstream.recording import unpack
    from trainables.exported.codec_folder import load_exported
    from trainables.exported.heatmap_folder import is_heatmap_codec
    from trainables.exported.transcode import (
        CodedRecording,
        check_fits,
        check_suffix,
        motion_suffix,
        write_motion,
    )

    if is_heatmap_codec(codec_folder):
        from cluster.heatmap_codecs import decode_heatmaps

        decode_heatmaps(codec_folder, source, out, max_seconds, console)
        return
    codec = load_exported(codec_folder)
    suffix = motion_suffix(codec)
    if source.suffix.lower() == TOKENS_SUFFIX:
        written = _decode_lines(codec, source, out, suffix, max_seconds, console)
        console.print(f"{written} recording(s): {out}", highlight=False, soft_wrap=True)
        return
    tasks = needed_tasks(source, out, streams(source), suffix)
    check_suffix(codec, tasks[0].target)
    for task in progress(tasks, console):
        with task.source.open("rb") as file:
            reader = ContainerReader(file, str(task.source), max_seconds)
            with _named(task.source):
                check_fits(codec, reader.header)
                tokens = unpack(reader.header, reader, codec.models)
        _made(task.target.parent)
        write_motion(codec, CodedRecording(reader.header, tokens), task.target)
    console.print(f"{len(tasks)} recording(s): {out}", highlight=False, soft_wrap=True)


def _decode_lines(
    codec: ExportedCodec,
    source: Path,
    out: Path,
    suffix: str,
    max_seconds: float,
    console: Console,
) -> int:
    from trainables.exported.token_lines import read_token_lines
    from trainables.exported.transcode import check_suffix, write_motion

    recordings = read_token_lines(codec, source, max_seconds)
    if len(recordings) == 1 and out.suffix and not out.is_dir():
        check_suffix(codec, out)
        targets = [out]
    elif out.exists() and not out.is_dir():
        raise BadInput(
            f"{out}: is a file, and {source} holds {len(recordings)} recordings; give -o a folder"
        )
    else:
        targets = [out / f"{name}{suffix}" for name, _ in recordings]
        for (name, _), target in zip(recordings, targets, strict=True):
            if not target.resolve().is_relative_to(out.resolve()):
                raise BadInput(f"{source}: recording {name!r} would be written outside {out}")
    for target, (_, recording) in progress(list(zip(targets, recordings, strict=True)), console):
        _made(target.parent)
        write_motion(codec, recording, target)
    return len(recordings)


def holds_streams(folder: Path) -> bool:
    """Whether a folder holds encoded recordings, and so is not one of motion."""
    return folder.is_dir() and any(p.is_file() for p in folder.rglob(f"*{STREAM_SUFFIX}"))


def streams(source: Path) -> list[Path]:
    """The encoded recordings at a path: itself, or all below a folder, sorted.

    Raises:
        BadInput: there are none.
    """
    if source.is_dir():
        found = sorted(p for p in source.rglob(f"*{STREAM_SUFFIX}") if p.is_file())
        if not found:
            raise BadInput(f"{source}: holds no {STREAM_SUFFIX} files; encode some first")
        return found
    if not source.is_file():
        raise BadInput(f"{source}: no such file or folder; name one that was encoded")
    return [source]


def needed_tasks(
    source: Path, out: Path, files: Sequence[Path], suffix: str, *, single: bool = False
) -> list[Task]:
    """What is made of what; the tree of a folder is kept."""
    if not source.is_dir():
        if not single and out.is_dir():
            raise BadInput(f"{out}: is a folder; name the file to write")
        if out.exists() and out.samefile(source):
            raise BadInput(f"{out}: is the file to be read itself; give -o another name")
        return [Task(files[0], out, files[0].stem)]
    if not single and out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file, and {source} a folder; give -o a folder")
    tasks = []
    for file in files:
        place = file.relative_to(source).with_suffix("")
        tasks.append(Task(file, out / place.with_name(place.name + suffix), place.as_posix()))
    targets = Counter(task.target for task in tasks)
    for task in tasks:
        if targets[task.target] > 1:
            raise BadInput(
                f"{source}: two files are called {task.name!r} without their suffix; rename one"
            )
    if suffix != STREAM_SUFFIX and out.is_dir() and out.samefile(source):
        # Beside a stream the file of its name may be what the stream was made of.
        there = next((task.target for task in tasks if task.target.exists()), None)
        if there is not None:
            raise BadInput(f"{there}: is there already and would be lost; give -o a new folder")
    return tasks


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Adds a file's name to what is wrong with it."""
    try:
        yield
    except BadInput as error:
        if str(error).startswith(str(file)):
            raise
        raise BadInput(f"{file}: {error}") from None


def progress(tasks: Sequence[Any], console: Console) -> Iterator[Any]:
    """Tasks one after another, with a bar where somebody watches and there are several."""
    yield from track(tasks, "", console=console, disable=len(tasks) < 2 or not console.is_terminal)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made ({error.strerror}); give -o another") from None


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all."""
    _made(path.parent)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written ({error.strerror}); give -o another") from None
