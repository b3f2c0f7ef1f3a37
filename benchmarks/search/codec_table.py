"""Records real codecs as a table: `python -m benchmarks.search.codec_table record|pack`.

Every configuration of `codec_space.plan` is trained once on the embedded signer (reduced size, so
the data ships with the project), one thread, and scored on validation at each of `SHARES` of its
own budget and at every prefix. Seconds are those of the process on the processor, since wall-clock
time on a shared machine says little; scoring is counted apart. One file per configuration, written
whole or not at all, so `record` goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search import codec_space
from search_spaces.constraints import refusal
from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.rate import nominal_rate
from search_spaces.space import Config, config_hash

SHARES = (0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BUDGETS = (1, 2, 4)
SETTLED = 0.01
SEED = 0
TABLE = Path(__file__).parent / "codec_table.parquet"
PROVENANCE = ("commit", "versions", "machine", "data", "data_hash", "split_hash", "seed")
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "vector-quantize-pytorch")


def prepared() -> Any:
    """The embedded signer at reduced size, and the sweep that says how."""
    from search_spaces.presets import load_spec
    from trainables.motion.dataset import prepare

    return prepare(load_spec("rate_distortion", size="reduced").data)


def record(folder: Path, most: int | None, share: tuple[int, int] = (1, 1)) -> None:
    """Trains and scores what has no file yet.

    Args:
        folder: one file per configuration.
        most: configurations in this sitting; None is all of them.
        share: (i, n) takes every n-th configuration, so that n processes share the work.
    """
    from trainables.trial import limit_threads

    limit_threads(1)
    data = prepared()
    plan = codec_space.plan(lambda config: refusal(config, data.facts) is None)
    about = provenance() | {
        "data_hash": data.facts.data_hash, "split_hash": data.facts.split_hash,
        "data": "embedded signer, reduced, 30 fps, root removed", "seed": SEED,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    for number, proposal in enumerate(plan):
        path = folder / f"{number:03d}-{config_hash(proposal)}.json"
        if path.is_file() or number % share[1] != share[0] - 1:
            continue
        if most is not None and done >= most:
            return
        began = time.process_time()
        row = {"number": number, "proposal": proposal, **settled(proposal, data), **about}
        part = path.with_suffix(f".part-{os.getpid()}")
        part.write_text(json.dumps(row))
        part.replace(path)
        done += 1
        took = time.process_time() - began
        print(f"{number}/{len(plan)} {proposal['codec']} {took:.1f} s", flush=True)


def share_of(text: str) -> tuple[int, int]:
    """`2/3` as (2, 3); raises BadInput."""
    first, slash, count = text.partition("/")
    if not (slash and first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise BadInput(f"--share {text}: expected i/n with 1 <= i <= n, such as 1/2")
    return int(first), int(count)


def settled(proposal: Config, data: Any) -> dict[str, Any]:
    """A configuration's curve at the first budget in whose last tenth distortion hardly moves.

    The budget is that of the plan, or twice or four times it: a run of its own each time, since the
    learning rate decays over the whole of it. Where none settles, the longest is kept as it is.
    """
    for times in BUDGETS:
        row = trained(proposal, data, times)
        if (row["last_tenth_change"] or 0.0) < SETTLED or row["failure"]:
            break
    return row


def trained(proposal: Config, data: Any, times: int = 1) -> dict[str, Any]:
    """One configuration's curve: a list of rungs, each with all of its prefixes.

    Args:
        proposal: of the space.
        data: the prepared motion.
        times: how many times the plan's budget of steps.
    """
    from trainables.runtime import PlainRuntime
    from trainables.trial import TrialTask, make_codecs

    config = codec_space.whole(proposal)
    if "max_steps" in config:
        config["max_steps"] = times * int(config["max_steps"])
    codecs = make_codecs(TrialTask("codec_table", config, SEED, None), data)
    family = family_of(config)
    levels = max(c.levels for c in codecs.values())
    depths = list(range(1, levels + 1)) if family.residual else [levels]
    curve: list[dict[str, Any]] = []
    fitting = scoring = 0.0
    failure = ""
    for share in SHARES if family.trained else (1.0,):
        began = time.process_time()
        try:
            for part, codec in codecs.items():
                codec.fit(data.parts[part], PlainRuntime(), share)
        except FloatingPointError as error:
            failure = str(error)
        fitting += time.process_time() - began
        if failure:
            break
        began = time.process_time()
        points = list(scored(codecs, data, depths))
        scoring += time.process_time() - began
        curve.append({"share": share, "fit_seconds": fitting, "points": points})
    return {
        "config": config, "levels": levels, "depths": depths, "curve": curve, "failure": failure,
        "rates": [nominal_rate(config, data.facts, d).total for d in depths],
        "fit_seconds": fitting, "score_seconds": scoring,
        "last_tenth_change": last_tenth_change(curve),
    }  # fmt: skip


def last_tenth_change(curve: list[dict[str, Any]]) -> float | None:
    """How far validation distortion moved in the last tenth of the budget, as a share of it."""
    at = {r["share"]: r["points"][-1]["rmse_full_cm"] for r in curve}
    if 0.9 not in at or 1.0 not in at:
        return None
    return float(abs(at[1.0] - at[0.9]) / at[1.0])


def scored(codecs: Mapping[str, Any], data: Any, depths: list[int]) -> Iterator[dict[str, float]]:
    """Validation scores at each depth."""
    import trainables.metrics  # noqa: F401  (registers the clip metrics)
    from trainables.evaluate import pair_of
    from trainables.token_rates import encode_split, fit_token_models, token_metrics

    models = fit_token_models(codecs, data)
    encoded = encode_split(codecs, data, "val")
    for depth in depths:
        clips = []
        for i, clip in enumerate(data.splits["val"]):
            features = {
                p: codec.decode(encoded.tokens[p][i], min(depth, codec.levels))
                for p, codec in codecs.items()
            }
            decoded = data.reconstruct(clip, features, None)
            pair = pair_of(data.preparation, clip, decoded, data.fps)
            clips.append(clip_scores(pair))
        tokens = token_metrics(codecs, data, encoded, depth, models)
        used = [v for k, v in tokens.items() if k.startswith("val_utilisation_")]
        yield {
            "depth": depth,
            "rate_model_bps": tokens["val_rate_model_bps"],
            "utilisation_pct": float(np.mean(used)),
            **{name: float(np.mean([c[name] for c in clips])) for name in clips[0]},
        }


def clip_scores(pair: Any) -> dict[str, float]:
    """RMSE of the full pose, the body and the hands, and jerk, of one recording."""
    from trainables.metrics.clip_pair import clip_metrics

    measure = {m.stem: f for m, f in clip_metrics() if m.stem in ("rmse", "jerk")}
    hands = [p for p in pair.parts if p.endswith("hand")]
    return {
        "rmse_full_cm": float(measure["rmse"](pair, "full")),
        "rmse_body_cm": float(measure["rmse"](pair, "body")),
        "rmse_hands_cm": float(np.mean([measure["rmse"](pair, hand) for hand in hands])),
        "jerk_mps3": float(measure["jerk"](pair, "")),
    }


def pack(folder: Path, path: Path) -> None:
    """One row per (configuration, rung, prefix); provenance in the file's own metadata."""
    import pyarrow
    import pyarrow.parquet

    said = [json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))]
    if not said:
        raise BadInput(f"{folder}: no recorded configurations; `record` them first")
    about = {key: sorted({str(one[key]) for one in said}) for key in PROVENANCE}
    about["command"] = ["python -m benchmarks.search.codec_table record FOLDER, then pack FOLDER"]
    about["configurations"] = [str(len(said))]
    rows = [row for one in said for row in rows_of(one)]
    table = pyarrow.Table.from_pylist(rows)
    floats = [f.name for f in table.schema if pyarrow.types.is_floating(f.type)]
    for name in floats:
        place = table.schema.get_field_index(name)
        if name not in ("rate_nominal_bps", "share"):
            table = table.set_column(place, name, table[name].cast(pyarrow.float32()))
    metadata = {"ratefront": json.dumps(about)}
    table = table.replace_schema_metadata(metadata)
    part = path.with_suffix(f".part-{os.getpid()}")
    pyarrow.parquet.write_table(table, part, compression="zstd")
    part.replace(path)
    still = [o["last_tenth_change"] for o in said if o["last_tenth_change"] is not None]
    settled = sum(change < 0.01 for change in still)
    print(
        f"{path}: {len(said)} configurations, {len(rows)} points, "
        f"{path.stat().st_size / 1e6:.2f} MB; {settled} of {len(still)} trained codecs moved under "
        f"1 % in the last tenth of their budget; {sum(bool(o['failure']) for o in said)} diverged"
    )


def rows_of(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A configuration's part as rows of the table."""
    family = codec_space.whole(one["proposal"])
    change = one["last_tenth_change"]
    fixed = {
        "number": one["number"], "codec": family["codec"],
        "quantizer": one["proposal"].get("quantizer", ""), "proposal": json.dumps(one["proposal"]),
        "levels": one["levels"], "last_tenth_change": math.nan if change is None else change,
        "score_seconds": one["score_seconds"], "steps": one["config"].get("max_steps", 0),
    }  # fmt: skip
    rows = [
        {**fixed, "share": float(rung["share"]), "fit_seconds": float(rung["fit_seconds"]),
         "rate_nominal_bps": float(rate), "diverged": False, **point}
        for rung in one["curve"]
        for rate, point in zip(one["rates"], rung["points"], strict=True)
    ]  # fmt: skip
    if one["failure"]:
        rows += [
            {**fixed, "share": 1.0, "fit_seconds": float(one["fit_seconds"]),
             "rate_nominal_bps": float(rate), "diverged": True, "depth": depth}
            for rate, depth in zip(one["rates"], one["depths"], strict=True)
        ]  # fmt: skip
    return rows


def provenance() -> dict[str, str]:
    """What made a row: commit, versions, machine."""
    said = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "commit": said.stdout.strip(),
        "versions": " ".join(
            [f"python=={platform.python_version()}", *(f"{p}=={version(p)}" for p in PACKAGES)]
        ),
        "machine": f"{platform.machine()} {_processor()}, one thread",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.codec_table")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("record", help="train what has no file yet")
    first.add_argument("folder", type=Path)
    first.add_argument("--most", type=int, help="configurations in this sitting")
    first.add_argument(
        "--share", default="1/1", help="i/n: every n-th configuration, for n processes side by side"
    )
    second = commands.add_parser("pack", help="make the small table of a folder")
    second.add_argument("folder", type=Path)
    second.add_argument("--out", type=Path, default=TABLE)
    args = parser.parse_args()
    try:
        if args.command == "record":
            record(args.folder, args.most, share_of(args.share))
        else:
            pack(args.folder, args.out)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
