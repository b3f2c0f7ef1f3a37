"""A space against the codec families, before any data is read.

Every parameter must be known to each codec it is proposed for, every value must lie within the
codec's limits, and nothing that a codec needs may be left out: what is wrong is said at the start,
not by the proposal that happens to meet it.
"""

from __future__ import annotations

from collections.abc import Collection

from search_spaces.errors import BadInput
from search_spaces.families import CodecFamily, codecs_of, families, family_of, there_are
from search_spaces.space import Parameter, Space, Value, base_key


def check_space(space: Space, parts: Collection[str]) -> None:
    """Checks every configuration that a space may propose.

    Args:
        space: parameters, or cells, and fixed values.
        parts: names of the parts that a key may be given for.

    Raises:
        BadInput: what does not fit, and the remedy.
    """
    codecs = codecs_of(space)
    if not codecs:
        names = ", ".join(f.name for f in families())
        raise BadInput(f"space needs the parameter 'codec', with choices out of {names}")
    known = {name: family_of({"codec": name}) for name in codecs}
    _check_fixed(space, known)
    if space.cells:
        _check_cells(space)
    else:
        _check_parameters(space, known)
    cells = (name for cell in space.cells for name in cell)
    for name in sorted({*space.fixed, *cells, *(p.name for p in space.parameters)}):
        _check_part(name, parts)


def _check_fixed(space: Space, known: dict[str, CodecFamily]) -> None:
    for name, value in space.fixed.items():
        if name == "codec":
            continue
        knowing = [family for family in known.values() if family.key_of(name)]
        if not knowing:
            has = sorted({k.name for family in known.values() for k in family.keys})
            raise BadInput(
                f"fixed {name}: no codec of this space ({', '.join(known)}) has that parameter; "
                f"{there_are(name, has)}"
            )
        for family in knowing:
            family.checked(name, value)


def _check_cells(space: Space) -> None:
    for number, cell in enumerate(space.cells, start=1):
        try:
            family = family_of({**space.fixed, **cell})
            fixed = {k: v for k, v in space.fixed.items() if family.key_of(k)}
            family.complete({**fixed, **cell})
        except BadInput as error:
            raise BadInput(f"cell {number}: {error}") from None


def _check_parameters(space: Space, known: dict[str, CodecFamily]) -> None:
    under = _codecs_by_parameter(space, tuple(known))
    for parameter in space.parameters:
        if parameter.name == "codec":
            continue
        codecs = under[parameter.label]
        if not codecs:
            raise BadInput(f"{parameter.label}: its condition never holds; correct its 'when'")
        for codec in codecs:
            _check_values(parameter, known[codec])
    for codec, family in known.items():
        for name in family.required:
            named = (p for p in space.parameters if p.name == name)
            if name not in space.fixed and not any(codec in under[p.label] for p in named):
                raise BadInput(
                    f"codec {codec} needs {name}; give it in the space or by --set {name}=VALUE"
                )


def _codecs_by_parameter(space: Space, codecs: tuple[str, ...]) -> dict[str, set[str]]:
    """Label -> codecs under which a parameter may exist, conditions on conditions included."""
    under: dict[str, set[str]] = {}
    for parameter in space.parameters:
        possible = set(codecs)
        for name, values in parameter.when.items():
            if name == "codec":
                possible &= set(map(str, values))
                continue
            asked = (q for q in space.parameters if q.name == name and q.label in under)
            met = (under[q.label] for q in asked if any(map(q.contains, values)))
            possible &= set().union(*met)
        under[parameter.label] = possible
    return under


def _check_values(parameter: Parameter, family: CodecFamily) -> None:
    known = family.key_of(parameter.name)
    if known is None:
        raise BadInput(
            f"{parameter.label}: codec {family.name} has no such parameter; limit it with "
            f"'when: {{codec: …}}', or {there_are(parameter.name, [k.name for k in family.keys])}"
        )
    limits = known.parameter
    if limits.integer and parameter.choices is None and not parameter.integer:
        raise BadInput(f"{parameter.label}: {known.name} is a whole number; add integer: true")
    for value in _extremes(parameter, limits.choices is not None):
        family.checked(parameter.name, value)


def _extremes(parameter: Parameter, listed: bool) -> tuple[Value, ...]:
    """Values that must be allowed for all to be: both ends of a range unless choices limit it."""
    if parameter.choices is not None or listed:
        return parameter.values()
    return (float(parameter.low or 0), float(parameter.high or 0))


def _check_part(name: str, parts: Collection[str]) -> None:
    keys = {k.name for family in families() for k in family.keys}
    key = base_key(name, keys)
    part = name[len(key) + 1 :]
    if part and part not in parts:
        raise BadInput(f"{name}: no part {part!r}; {there_are(part, list(parts))}")
