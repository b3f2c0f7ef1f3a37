"""One configuration in this process, without Tune: what `ratefront trial` does."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from search_spaces.constraints import cautions, refusal
from search_spaces.errors import BadInput
from search_spaces.families import is_generator
from search_spaces.space import Config
from search_spaces.spec import SweepSpec


def single_configuration(spec: SweepSpec) -> Config:
    """The configuration that a space was narrowed to by `--set`.

    Raises:
        BadInput: a parameter is left open; the message names it and its values.
    """
    if spec.space.cells:
        if len(spec.space.cells) > 1:
            raise BadInput(
                f"{len(spec.space.cells)} cells are left; narrow them with --set, "
                f"the first is {dict(spec.space.cells[0])}"
            )
        return spec.configuration(spec.space.cells[0])
    config = spec.space.start()
    for parameter in spec.space.parameters:
        if not parameter.active(config):
            continue
        if parameter.choices is not None and len(parameter.choices) == 1:
            config[parameter.name] = parameter.choices[0]
        elif parameter.name == "codec":
            said = ", ".join(map(str, parameter.choices or ()))
            raise BadInput(f"trial needs --set codec=…, one of {said}")
    return spec.configuration(config)


def run_single(spec: SweepSpec, seed: int, out: Path | None, console: Console) -> None:
    """Trains and scores one configuration and prints its operating points."""
    config = single_configuration(spec)
    if is_generator(config):
        raise BadInput(
            f"{config['codec']} needs a codec's tokens, so it is no single trial; "
            "'ratefront sweep klezovich/jerk' trains both"
        )
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} exists and is not empty; give --out a new folder")
    if out is not None:
        _can_be_made(out)
    from trainables.prepared_data import prepare_data

    data = prepare_data(spec.data, [str(config["codec"])])
    for said in data.facts.warnings:
        console.print(f"note: {said}", highlight=False, style="dim")
    reason = refusal(config, data.facts)
    if reason:
        raise BadInput(f"this configuration is refused: {reason}; change it with --set")
    for said in cautions(config, data.facts):
        console.print(f"note: {said}", highlight=False, style="dim")
    from trainables.runtime import PlainRuntime
    from trainables.trial import TrialTask, run_trial

    task = TrialTask(spec.name, config, seed, out, spec.run.threads, spec.size)
    console.print(f"{task.trial}: {config}", highlight=False, soft_wrap=True)
    rows = run_trial(task, data, PlainRuntime())
    columns = [
        c for c in rows[0]
        if c in ("depth", "rate_nominal_bps", "train_seconds") or c.startswith(("val_r", "test_r"))
        or (c.startswith(("val_hull_pct", "val_jerk_")) and "_error_" not in c)
        or _of_a_plugin(c) or _of_heatmaps(c)
    ]  # fmt: skip
    table = Table("", *(f"depth {row['depth']}" for row in rows))
    for column in columns:
        table.add_row(column, *(f"{row[column]:.4g}" for row in rows))
    console.print(table)
    if out is not None:
        console.print(f"codec, tokens and scores: {out}", highlight=False, soft_wrap=True)


def _can_be_made(out: Path) -> None:
    """A folder that cannot be made is found before anything is trained.

    Raises:
        BadInput: it can be neither made nor written into.
    """
    made = [p for p in (out, *out.parents) if not p.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise BadInput(
            f"{out}: cannot be written ({error.strerror}); give --out a folder that can be"
        ) from None
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _of_a_plugin(column: str) -> bool:
    """Whether a column holds a metric that somebody added."""
    from trainables.metrics.clip_pair import clip_metrics

    return any(
        column.startswith((f"val_{metric.stem}_", f"test_{metric.stem}_"))
        for metric, function in clip_metrics()
        if not function.__module__.startswith("trainables.metrics.")
    )


def _of_heatmaps(column: str) -> bool:
    """Whether a column holds a score of heatmaps, or a floor of it."""
    from trainables.heatmaps.scores import SCORED

    return column.startswith("val_") and column.endswith(tuple(m.objective() for m in SCORED))
