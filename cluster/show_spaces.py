"""`ratefront spaces`: what each preset tries."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from search_spaces.constraints import refusal
from search_spaces.data_facts import DataFacts
from search_spaces.families import codecs_of, family_of
from search_spaces.presets import load_spec, preset_names
from search_spaces.rate import bits, nominal_rate
from search_spaces.space import Parameter
from search_spaces.spec import SIZES, SweepSpec


def list_presets(console: Console) -> None:
    """A line per preset."""
    table = Table("preset", "what", "configurations", "codecs")
    for name in preset_names():
        spec = load_spec(name)
        table.add_row(name, spec.title, _count(spec), ", ".join(codecs_of(spec.space)))
    console.print(table)
    console.print("show one: ratefront spaces NAME", highlight=False)


def show_preset(spec: SweepSpec, data: str | None, console: Console) -> None:
    """Parameters with conditions, limits on them, grid points and the rates they span."""
    console.print(f"[bold]{spec.preset}[/bold]: {spec.title}")
    if spec.source:
        console.print(f"source: {spec.source}", highlight=False)
    console.print(f"objectives: {', '.join(spec.objectives)}", highlight=False)
    console.print(
        f"sampler: {spec.search.sampler}; configurations: {_count(spec)}; "
        f"size {spec.size} of {', '.join(SIZES)}",
        highlight=False,
    )
    if spec.space.cells:
        cells = Table("cell", "bits per frame and part")
        for cell in spec.space.cells:
            said = " ".join(f"{k}={v}" for k, v in cell.items())
            cells.add_row(said, f"{_bits_per_frame(spec, dict(cell)):g}")
        console.print(cells)
    else:
        table = Table("parameter", "values", "exists when")
        for parameter in spec.space.parameters:
            when = " and ".join(
                f"{k} is {' or '.join(map(str, v))}" for k, v in parameter.when.items()
            )
            table.add_row(parameter.name, _values(parameter), when)
        console.print(table)
    if spec.space.fixed:
        fixed = " ".join(f"{k}={v}" for k, v in spec.space.fixed.items())
        console.print(f"fixed: {fixed}", highlight=False)
    for codec in codecs_of(spec.space):
        family = family_of({"codec": codec})
        keys = ", ".join(
            f"{k.name} ({k.meaning}{'' if k.default is None else f'; {k.default}'})"
            for k in family.keys
        )
        console.print(f"{codec}: {keys}", highlight=False, style="dim")
    console.print(
        "refused before launch: more codes than training frames (or tokens) of a part; all "
        "reconstruction weights zero; a window that is no multiple of the compression",
        highlight=False,
    )
    _show_rates(spec, data, console)


def _show_rates(spec: SweepSpec, data: str | None, console: Console) -> None:
    """Rates per part follow from fps alone; totals and refusals need the data's facts."""
    keys = {k for name in codecs_of(spec.space) for k in family_of({"codec": name}).rate_keys}
    configs = [spec.configuration(c) for c in spec.space.projected(keys | {"codec"})]
    fps = spec.data.fps / spec.data.frame_stride
    rates = [
        bits(family_of(c).alphabet(c, "")) * fps / family_of(c).compression(c) for c in configs
    ]
    console.print(
        f"rates per part: {min(rates):g} to {max(rates):g} bits/s at {fps:g} fps", highlight=False
    )
    if data is None:
        return
    facts = _facts(spec)
    totals = [nominal_rate(c, facts).total for c in configs if refusal(c, facts) is None]
    refused = len(configs) - len(totals)
    if totals:
        console.print(
            f"on {data}: {min(totals):g} to {max(totals):g} bits/s in total over "
            f"{', '.join(facts.part_names)}; {refused} of {len(configs)} rate settings refused",
            highlight=False,
        )
    else:
        console.print(f"on {data}: every configuration is refused", highlight=False)


def _facts(spec: SweepSpec) -> DataFacts:
    from trainables.prepared_data import prepare_data

    return prepare_data(spec.data, codecs_of(spec.space)).facts


def _bits_per_frame(spec: SweepSpec, cell: dict[str, object]) -> float:
    config = spec.configuration(cell)  # type: ignore[arg-type]
    family = family_of(config)
    return bits(family.alphabet(config, "")) / family.compression(config)


def _count(spec: SweepSpec) -> str:
    size = spec.space.size()
    return "continuous" if math.isinf(size) else str(int(size))


def _values(parameter: Parameter) -> str:
    if parameter.choices is not None:
        return ", ".join(map(str, parameter.choices))
    kind = "whole numbers, " if parameter.integer else ""
    scale = ", log scale" if parameter.log else ""
    return f"{kind}{parameter.low:g} to {parameter.high:g}{scale}"
