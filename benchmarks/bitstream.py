"""What coding motion as a file costs: bytes, time per token, a minute end to end, up to an hour.

Codecs are trained here, on the embedded signer (seed 0, the root coded), and exported. The motion
they code is of other seeds: different utterances of all signers, one after another on the bones of
the first, so that an hour is an hour of different motion. Everything runs on one thread.

Seconds are those that the CPU spent on the process, system calls included: the machine need not be
idle, and what else it does only ever adds to them, so they are the least of several. Imports,
loading and a first call happen once in a process and are measured in fresh ones. Memory is that of
a process per step and length: what was resident once the codec was loaded, what the step was given
(its motion, or its tokens), and the rest, which is what the peak (VmHWM, so Linux only) adds to
both.

Usage: python benchmarks/bitstream.py [--quick]
The last line is one JSON object: `order*_us` are the dearest microseconds per token, `minute_*`
the dearest seconds, `longest_*_rest_mib` the most memory beside motion and codec at the longest
recording, `growth_*` its seconds per minute over those of the shortest, all over the codecs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bitstream_steps.motion import joined_motion, load_motion, save_motion
from bitstream_steps.steps import least

from search_spaces.families import complete
from search_spaces.rate import nominal_rate
from search_spaces.spec import DataSpec
from trainables.bitstream.entropy_coder import SymbolDecoder, SymbolEncoder
from trainables.bitstream.token_model import TokenModel
from trainables.exported.codec_folder import ExportedCodec, load_exported, save_exported
from trainables.exported.transcode import encode_clip
from trainables.motion.dataset import prepare
from trainables.runtime import PlainRuntime
from trainables.token_rates import encode_split, fit_token_models, split_sizes, token_metrics
from trainables.trial import TrialTask, limit_threads, make_codecs

CODECS: dict[str, dict[str, Any]] = {
    "K-Means 512": {"codec": "kmeans", "codebook_size": 512},
    "K-Means 4096": {"codec": "kmeans", "codebook_size": 4096},
    "RQ-VAE 512x3": {"codec": "rqvae", "codebook_size": 512, "quantizer_depth": 3},
    "temporal RVQ 512x3": {"codec": "temporal_rvq", "codebook_size": 512, "quantizer_depth": 3},
}
QUICK: dict[str, dict[str, Any]] = {
    "K-Means 512": {"iterations": 3},
    "RQ-VAE 512x3": {"max_steps": 40},
    "temporal RVQ 512x3": {"max_steps": 20},
}
"""Codecs of the quick form, and how they are trained there: too little to be of use."""
STEPS = ("read", "encode", "tokens", "decode")
Rows = list[dict[str, Any]]


def export_codecs(folder: Path, quick: bool) -> Rows:
    """Trains and exports every codec; prints and returns what the test split costs under each."""
    data = prepare(DataSpec(embedded_size="reduced" if quick else "full", root="coded"))
    seconds = sum(c.frames for c in data.splits["test"]) / data.fps
    print(
        f"\ntest split of the embedded signer: {len(data.splits['test'])} recordings, "
        f"{seconds:.0f} s; bits/s, root included\n"
        f"{'codec':20s}{'nominal':>9s}{'entropy':>9s}{'model':>9s}{'stream':>9s}{'header':>9s}"
        f"{'zlib':>9s}{'lzma':>9s}{'bytes':>9s}  order of the models"
    )
    rows = []
    for name in QUICK if quick else CODECS:
        config = complete({**CODECS[name], **(QUICK[name] if quick else {})})
        codecs = make_codecs(TrialTask("bitstream", config, 0, None), data)
        for part, codec in codecs.items():
            codec.fit(data.parts[part], PlainRuntime())
        models = fit_token_models(codecs, data)
        depth = max(c.levels for c in codecs.values())
        depths = {part: codec.levels for part, codec in codecs.items()}
        exported = ExportedCodec(data.preparation, codecs, depths, models, data.facts, {})
        save_exported(exported, folder / name, page="")
        test = encode_split(codecs, data, "test")
        sizes = split_sizes(codecs, data, test, models)
        measured = token_metrics(codecs, data, test, depth, models, sizes)
        kinds = ("entropy", "model", "stream", "header", "zlib", "lzma")
        rates = {kind: measured[f"test_rate_{kind}_bps"] for kind in kinds}
        rates = {"nominal": nominal_rate(config, data.facts).total, **rates}
        total = sum(size[-1].total for size in sizes)
        orders = ", ".join(f"{part} {model.order}" for part, model in models.items())
        print(
            f"{name:20s}" + "".join(f"{v:9.1f}" for v in rates.values()) + f"{total:9d}  {orders}",
            flush=True,
        )
        rows.append({"codec": name, "bytes": total, **rates})
    return rows


def token_times(folder: Path, names: Sequence[str], motion: Path) -> Rows:
    """Coding alone, at either order, of every stream of a recording that no model was fitted on.

    Models are fitted on the first half of the recording's tokens and code the second.
    """
    clip = load_motion(motion)
    rows = []
    print(
        f"\ntime per token, microseconds (models of {clip.seconds / 120:g} minutes' tokens code "
        f"as many others)\n{'':34s}{'order 0':>16s}{'order 1':>16s}\n"
        f"{'codec':20s}{'tokens':>8s}{'new':>6s}" + f"{'encode':>8s}{'decode':>8s}" * 2
    )
    streams: dict[str, list[tuple[np.ndarray, tuple[int, ...]]]] = {}
    for name in names:
        codec = load_exported(folder / name)
        found = encode_clip(codec, clip)[0].tokens
        streams[name] = [(found[p], codec.models[p].alphabet) for p in codec.codecs]
        streams["root"] = [(found["root"], codec.models["root"].alphabet)]
    # The dearest tokens there are: no repeats, and nothing that a context would know.
    frames = clip.frames // 5
    random = np.random.default_rng(0).integers(0, 4096, (frames, 1))
    streams["4096 codes at random"] = [(random, (4096,))]
    for name, parts in streams.items():
        row: dict[str, Any] = {"codec": name, "tokens": 0}
        changes = 0.0
        for order in (0, 1):
            times = np.zeros(2)
            for tokens, alphabet in parts:
                half = len(tokens) // 2
                model = TokenModel.fit([tokens[:half]], alphabet, order)
                times += coding_seconds(model, tokens[half:])
                row["tokens"] += tokens[half:].size * order
                changes += (tokens[half + 1 :] != tokens[half:-1]).sum() * order
            row[f"order{order}_encode_us"], row[f"order{order}_decode_us"] = times.tolist()
        row |= {k: 1e6 * v / row["tokens"] for k, v in row.items() if k.endswith("_us")}
        row["new_pct"] = 100 * changes / row["tokens"]
        print(
            f"{name:20s}{row['tokens']:8d}{row['new_pct']:5.0f}%"
            + "".join(f"{v:8.3f}" for k, v in row.items() if k.endswith("_us")),
            flush=True,
        )
        rows.append(row)
    return rows


def coding_seconds(model: TokenModel, tokens: np.ndarray) -> tuple[float, float]:
    """Seconds to encode and to decode (tokens, levels), checked to come back."""
    columns = [np.ascontiguousarray(column) for column in tokens.T]
    above = [None, *columns[:-1]]

    def encode() -> bytes:
        encoder: SymbolEncoder = SymbolEncoder()
        for level, column in enumerate(columns):
            model.encode_level(encoder, level, column, above[level])
        return encoder.finish()

    def decode() -> list[np.ndarray]:
        decoder: SymbolDecoder = SymbolDecoder(data)
        found: list[np.ndarray] = []
        for level in range(len(columns)):
            coarser = found[-1] if found else None
            found.append(model.decode_level(decoder, level, len(tokens), coarser))
        return found

    encoding, data = least(encode)
    decoding, found = least(decode)
    if not all(map(np.array_equal, found, columns)):
        raise SystemExit("tokens did not come back")
    return encoding, decoding


def minute(folder: Path, names: Sequence[str], motion: Path, processes: int) -> Rows:
    """A minute in both directions, in fresh processes; the least of each number over them."""
    print(
        f"\na minute, seconds\n{'':20s}{'imports and':>13s}{'encode':>18s}{'decode':>18s}\n"
        f"{'codec':20s}{'loading':>13s}" + f"{'cold':>10s}{'warm':>8s}" * 2
    )
    rows: Rows = []
    for name in names:
        each = [in_process("minute", folder / name, motion) for _ in range(processes)]
        row: dict[str, Any] = {key: min(e[key] for e in each) for key in each[0]}
        print(
            f"{name:20s}{row['loaded']:13.2f}{row['encode_cold']:10.3f}{row['encode_warm']:8.3f}"
            f"{row['decode_cold']:10.3f}{row['decode_warm']:8.3f}",
            flush=True,
        )
        rows.append({"codec": name, **row})
    return rows


def growth(folder: Path, names: Sequence[str], motions: dict[int, Path], processes: int) -> Rows:
    """Seconds and memory of every step at every length; the least of both over the processes."""
    print(
        f"\nfrom one minute to more, MiB\n{'codec':20s}{'step':>8s}{'minutes':>8s}{'seconds':>9s}"
        f"{'base':>7s}{'given':>7s}{'rest':>7s}"
    )
    rows: Rows = []
    for name in names:
        for step in STEPS:
            if step == "read" and name != names[0]:
                continue  # no codec has a part in it
            for minutes, motion in motions.items():
                each = [in_process(step, folder / name, motion) for _ in range(processes)]
                row: dict[str, Any] = {key: min(e[key] for e in each) for key in each[0]}
                print(
                    f"{name:20s}{step:>8s}{minutes:8d}{row['seconds']:9.3f}{row['base_mib']:7.0f}"
                    f"{row['given_mib']:7.1f}{row['rest_mib']:7.1f}",
                    flush=True,
                )
                rows.append({"codec": name, "step": step, "minutes": minutes, **row})
    return rows


def in_process(step: str, codec: Path, motion: Path) -> dict[str, float]:
    """What a step says of itself, in a new process."""
    script = [sys.executable, "-m", "bitstream_steps.steps", step, str(codec), str(motion)]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        script, capture_output=True, text=True, cwd=Path(__file__).parent, env={**os.environ, **one}
    )
    if done.returncode:
        raise SystemExit(f"{step} of {codec.name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def headline(times: Rows, minutes: Rows, grown: Rows) -> dict[str, float]:
    """The worst of every number over the codecs."""
    worst: dict[str, float] = {}
    for order in (0, 1):
        keys = [f"order{order}_{way}_us" for way in ("encode", "decode")]
        worst[f"order{order}_us"] = max(row[key] for row in times for key in keys)
    for key in ("encode_cold", "encode_warm", "decode_cold", "decode_warm"):
        worst[f"minute_{key}"] = max(row[key] for row in minutes)
    for step in STEPS:
        rows = [row for row in grown if row["step"] == step]
        longest, shortest = max(r["minutes"] for r in rows), min(r["minutes"] for r in rows)
        at_end = [r for r in rows if r["minutes"] == longest]
        worst[f"longest_{step}_rest_mib"] = max(r["rest_mib"] for r in at_end)
        slow = [
            e["seconds"] / longest / (s["seconds"] / shortest)
            for e in at_end
            for s in rows
            if s["minutes"] == shortest and s["codec"] == e["codec"]
        ]
        worst[f"growth_{step}"] = max(slow)
    return {key: round(value, 4) for key, value in worst.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measures everything and prints it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small codecs, at most five minutes")
    options = parser.parse_args(argv)
    limit_threads(1)
    lengths = (1, 5) if options.quick else (1, 10, 60)
    processes = 1 if options.quick else 3
    with tempfile.TemporaryDirectory() as place:
        folder, motions = Path(place), {}
        whole = joined_motion(lengths[-1])
        for minutes in lengths:
            motions[minutes] = folder / f"{minutes}.npz"
            frames = round(minutes * 60 * whole.fps)
            save_motion(whole.cut(0, frames), motions[minutes])
        del whole
        sizes = export_codecs(folder, options.quick)
        names = [row["codec"] for row in sizes]
        times = token_times(folder, names, motions[lengths[1]])
        a_minute = minute(folder, names, motions[1], processes)
        grown = growth(folder, names[:1] if options.quick else names, motions, processes)
    found = {
        "benchmark": "bitstream",
        **headline(times, a_minute, grown),
        "longest_minutes": lengths[-1],
        "sizes": [{k: v if k == "codec" else round(v, 1) for k, v in r.items()} for r in sizes],
        "quick": options.quick,
        "threads": 1,
        "machine": platform.platform(),
        "python": platform.python_version(),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
