"""`python -m search_spaces [NAME]`: lists presets, or shows what one tries.

python -m search_spaces
python -m search_spaces klezovich/table1
python -m search_spaces rate_distortion --size full --set codec=rqvae,kmeans
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of
from search_spaces.presets import load_spec, preset_names
from search_spaces.rate import bits
from search_spaces.space import Config, Parameter
from search_spaces.spec import SweepSpec


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; 0, or 2 with one line on standard error for bad input."""
    parser = argparse.ArgumentParser(prog="python -m search_spaces", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", nargs="?", help="a preset or a YAML file; all presets if left out")
    parser.add_argument("--size", help="debug, reduced or full")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    given = parser.parse_args(argv)
    try:
        if given.name is None:
            lines = [listed(load_spec(name, size=given.size)) for name in preset_names()]
        else:
            lines = shown(load_spec(given.name, size=given.size, settings=given.settings))
    except BadInput as error:
        print(f"search_spaces: {' '.join(str(error).split())}", file=sys.stderr)
        return BadInput.exit_code
    print("\n".join(lines))
    return 0


def listed(spec: SweepSpec) -> str:
    """A preset in one line."""
    return f"{spec.preset}: {spec.title} ({grid_size(spec)})"


def shown(spec: SweepSpec) -> list[str]:
    """Everything that a preset tries, line by line."""
    space = spec.space
    lines = [
        f"{spec.preset}: {spec.title}",
        *([f"source: {spec.source}"] if spec.source else []),
        f"size: {spec.size}; sampler: {spec.search.sampler}; {grid_size(spec)}",
        f"objectives: {', '.join(spec.objectives)}",
    ]
    if space.cells:
        lines += ["cells (bits per frame and part):"]
        lines += [f"  {_settings(c)}  ({_bits_per_frame(spec, c):g})" for c in space.cells]
    else:
        lines += ["parameters:", *(f"  {_described(p)}" for p in space.parameters)]
    if space.fixed:
        lines += [f"fixed: {_settings(space.fixed)}"]
    for codec in codecs_of(space):
        lines += [f"{codec} knows:"]
        for key in family_of({"codec": codec}).keys:
            default = "must be given" if key.default is None else f"default {key.default}"
            lines += [f"  {key.name}: {key.meaning} ({default})"]
    return [*lines, *_rates(spec)]


def grid_size(spec: SweepSpec) -> str:
    """How many configurations there are."""
    size = spec.space.size()
    if math.isinf(size):
        return f"continuous, {spec.search.trials} trials"
    return f"{size:.0f} configurations"


def _described(parameter: Parameter) -> str:
    if parameter.choices is not None:
        values = ", ".join(map(str, parameter.choices))
    else:
        step = f" in steps of {parameter.step}" if parameter.step else ""
        values = (
            f"{'whole numbers ' if parameter.integer else ''}{parameter.low:g} to "
            f"{parameter.high:g}{step}{' on a log scale' if parameter.log else ''}"
        )
    conditions = (f"{k} is {' or '.join(map(str, v))}" for k, v in parameter.when.items())
    when = " and ".join(conditions)
    return f"{parameter.name}: {values}{f'; when {when}' if when else ''}"


def _settings(config: Config) -> str:
    return " ".join(f"{k}={v}" for k, v in config.items())


def _bits_per_frame(spec: SweepSpec, proposal: Config, part: str = "") -> float:
    config = spec.configuration(proposal)
    family = family_of(config)
    return bits(family.alphabet(config, part)) / family.compression(config, part)


def _rates(spec: SweepSpec) -> list[str]:
    """Rates of each part that follow from the frame rate alone, padded tails left out."""
    fps = spec.data.fps / spec.data.frame_stride
    keys = {k for c in codecs_of(spec.space) for k in family_of({"codec": c}).rate_keys}
    proposals = list(spec.space.projected(keys))
    lines = [f"nominal rates at {fps:g} fps, in bits/s:"]
    for part in spec.data.part_names:
        rates = sorted({fps * _bits_per_frame(spec, p, part) for p in proposals})
        said = f"{rates[0]:g} to {rates[-1]:g} ({len(rates)} different)"
        lines += [f"  {part}: {said if len(rates) > 4 else ', '.join(f'{r:g}' for r in rates)}"]
    return lines


if __name__ == "__main__":
    sys.exit(main())
