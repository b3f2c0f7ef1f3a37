"""`ratefront inspect x.rft`: what a file of tokens holds and costs, and how far off its motion is.

The header needs no codec. With the codec come entropy and model rate and the table of tokens; with
the original, the distortion at the codec's rate and at the original's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from cluster.transcoding import streams
from search_spaces.bones import AVERAGE_BONES, Bones
from search_spaces.errors import BadInput
from search_spaces.units import UNIT_WORDS

if TYPE_CHECKING:
    from trainables.bitstream.container import Container
    from trainables.exported.codec_folder import ExportedCodec
    from trainables.exported.transcode import CodedRecording


def inspect_streams(
    path: Path,
    codec_folder: Path | None,
    original: Path | None,
    limit: float,
    console: Console,
    bones: Bones = AVERAGE_BONES,
) -> None:
    """Prints what is known of files.

    Args:
        path: an `.rft` file, or a folder that holds some.
        codec_folder: the codec they were encoded with, where at hand.
        original: the motion they were made of, where at hand: a file, or the folder where `path`
            is one; needs the codec.
        limit: seconds of the longest recording that is read.
        console: where to print.
        bones: whose bones SMPL-X rotations are put on.

    Raises:
        BadInput: a file is damaged, or the codec or the original is another one.
    """
    if original is not None and codec_folder is None:
        raise BadInput("--original needs --codec too: motion is compared after decoding")
    originals = _originals(path, original)
    codec = None
    if codec_folder is not None:
        from trainables.exported.codec_folder import load_exported

        codec = load_exported(codec_folder)
    files = streams(path)
    for file in files:
        if path.is_dir():
            console.print(str(file.relative_to(path)), highlight=False, soft_wrap=True)
        name = file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else ""
        if originals and name not in originals:
            raise BadInput(f"{original}: holds no {name!r} to compare with; give its folder")
        _inspect(file, codec, originals.get(name), limit, console, bones)


def _originals(path: Path, original: Path | None) -> dict[str, Path]:
    """Name of a file within its folder, without suffix -> the motion; one of no name for a file."""
    if original is None:
        return {}
    if path.is_dir() != original.is_dir():
        raise BadInput(f"{original}: must be a folder where {path} is one, and else a file")
    if not path.is_dir():
        return {"": original}
    from trainables.motion.readers import find_recordings

    files = find_recordings(original)
    return {file.relative_to(original).with_suffix("").as_posix(): file for file in files}


def _inspect(
    path: Path,
    codec: ExportedCodec | None,
    original: Path | None,
    limit: float,
    console: Console,
    bones: Bones,
) -> None:
    from trainables.bitstream.container import read_container

    container = read_container(path, limit)
    for line in described(container):
        console.print(line, highlight=False, soft_wrap=True)
    if codec is None:
        console.print("  entropy and model rate and the table of tokens need --codec", style="dim")
        return
    from trainables.bitstream.recording import unpack
    from trainables.exported.transcode import CodedRecording, check_fits

    try:
        check_fits(codec, container.header)
        tokens = unpack(container.header, container.chunks, codec.models)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    recording = CodedRecording(container.header, tokens)
    _print_tokens(codec, recording, console)
    if original is not None:
        _print_distortion(codec, recording, original, console, bones)


def described(container: Container) -> list[str]:
    """Header facts, and the rates that need no codec: nominal and stream."""
    header = container.header
    seconds = header.seconds
    total = container.header_bytes + container.payload_bytes
    nominal = sum(
        part.tokens(header.frames) * sum(math.log2(a) for a in part.alphabet)
        for part in header.parts
    )
    parts = ", ".join(
        f"{p.name} {'x'.join(map(str, p.alphabet))}"
        + (f" every {p.compression} frames" if p.compression > 1 else "")
        for p in header.parts
    )
    lines = [
        f"codec {header.codec_hash.hex()}, {header.frames} frames at {header.fps:g} fps "
        f"({seconds:.2f} s), from {header.source_frames} at {header.source_fps:g}",
        f"  parts     {parts}",
        f"  bytes     {total}: header {container.header_bytes}, tokens {container.payload_bytes}, "
        f"{header.chunks} chunk(s)",
        f"  rates     {nominal / seconds:.1f} bits/s nominal, {8 * total / seconds:.1f} bits/s "
        f"stream (of it header {8 * container.header_bytes / seconds:.1f})",
    ]
    if header.offsets is not None:
        lines.append(f"  bones     its own, {len(header.offsets)} joints")
    if header.start is not None:
        lines.append("  root      coded, with its place in the world")
    if header.unit != "m":
        lines.append(f"  unit      {UNIT_WORDS[header.unit]}")
    return lines


def _print_tokens(codec: ExportedCodec, recording: CodedRecording, console: Console) -> None:
    from trainables.metrics.codebook import entropy_bits, usage_counts
    from trainables.metrics.rate import FLAG_BITS

    header = recording.header
    table = Table(
        *("part", "level", "codes", "tokens", "used", "perplexity", "entropy b/s", "model b/s"),
        "coded as",
    )
    entropy = model = 0.0
    for part in header.parts:
        indices = recording.tokens[part.name]
        fitted = codec.models[part.name].bits(indices)
        for level, codes in enumerate(part.alphabet):
            counts = usage_counts(indices[:, level], codes)
            own = entropy_bits(counts)
            uniform = len(indices) * math.log2(codes)
            spent = FLAG_BITS + min(float(fitted[level]), uniform)
            entropy += own * len(indices)
            model += spent
            table.add_row(
                part.name, str(level), str(codes), str(len(indices)),
                str(int((counts > 0).sum())), f"{2**own:.1f}",
                f"{own * len(indices) / header.seconds:.1f}", f"{spent / header.seconds:.1f}",
                f"fitted, order {codec.models[part.name].order}" if part.fitted[level]
                else "uniform",
            )  # fmt: skip
    console.print(
        f"            {entropy / header.seconds:.1f} bits/s entropy, "
        f"{model / header.seconds:.1f} bits/s model",
        highlight=False,
    )
    console.print(table)


def _print_distortion(
    codec: ExportedCodec,
    recording: CodedRecording,
    original: Path,
    console: Console,
    bones: Bones,
) -> None:
    from trainables.exported.distortion import distortions

    at_codec, at_source = distortions(codec, recording, original, bones)
    header = recording.header
    table = Table(
        "distortion", f"at {header.fps:g} fps (codec)", f"at {header.source_fps:g} fps (source)"
    )
    for name in _worth_showing(at_codec):
        table.add_row(name, f"{at_codec[name]:.3f}", f"{at_source.get(name, math.nan):.3f}")
    console.print(table)


def _worth_showing(values: Mapping[str, float]) -> list[str]:
    return [name for name, value in values.items() if np.isfinite(value)]
