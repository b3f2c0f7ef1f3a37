"""`--set key=value`: what a person lays over a preset, one setting at a time.

Keys of the data, the search and the run stand by their names (`fps`, `trials`), everything else is
a configuration key, for one part alone with a suffix (`codebook_size.body`). One value fixes a key,
several (`a,b`) are choices; where a preset lists cells that say the key, they are narrowed to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.errors import BadInput
from search_spaces.families import CodecFamily, codecs_of, family_of, known_keys, there_are
from search_spaces.space import Config, Parameter, Space, Value, base_key, distinct
from search_spaces.spec import DEFAULT_PARTS, DataSpec, RunSpec, SearchSpec

# `path` has its own option; parts and their joints are set one part at a time.
_SECTIONS: dict[str, str] = {
    **{n: "data" for n in DataSpec.model_fields if n not in ("path", "parts", "part_joints")},
    **{n: "search" for n in SearchSpec.model_fields},
    **{n: "run" for n in RunSpec.model_fields},
}
_PER_PART = ("parts", "part_joints")
_SWITCHES = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(
    ("false", "no", "off"), False
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
Settings = dict[str, list[str]]


def parse_setting(setting: str) -> tuple[str, list[str]]:
    """`key=value` or `key=a,b` -> key and texts of its values; BadInput where it is neither."""
    key, equals, text = (piece.strip() for piece in setting.partition("="))
    values = [piece.strip() for piece in text.split(",")]
    if not equals or not key or not all(values):
        raise BadInput(f"--set needs KEY=VALUE or KEY=A,B, got {setting!r}")
    return key, values


def typed(text: str) -> Value:
    """A number or a switch where the text spells one, the text otherwise.

    >>> [typed(t) for t in ("64", "1e-3", "yes", "rqvae")]
    [64, 0.001, True, 'rqvae']
    """
    if text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def parse_point(text: str) -> Config:
    """`codec=rqvae,quantizer_depth=4` -> its keys and values.

    >>> parse_point("codec=rqvae, quantizer_depth=4")
    {'codec': 'rqvae', 'quantizer_depth': 4}

    Raises:
        BadInput: not of that form, or a key stands twice.
    """
    point: Config = {}
    for piece in text.split(","):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not (equals and key and value):
            raise BadInput(f"--point needs KEY=VALUE,KEY=VALUE, got {text!r}")
        if key in point:
            raise BadInput(f"--point {text}: {key} stands twice; a point has one value of it")
        point[key] = typed(value)
    return point


def apply_settings(document: dict[str, Any], settings: Sequence[str]) -> None:
    """Lays settings over a preset's document, whose `space` is a `Space`.

    What narrows the space goes first, so that the order in which settings are given is no matter.

    Raises:
        BadInput: an unknown key, a key given twice, or a value outside its limits.
    """
    given: Settings = {}
    for setting in settings:
        key, values = parse_setting(setting)
        if key in given:
            raise BadInput(f"--set {key} is given twice; give its choices as {key}=A,B")
        given[key] = values
    of_space = {k: v for k, v in given.items() if not _laid_on_section(document, k, v)}
    space: Space = document["space"]
    for key in sorted(of_space, key=lambda k: _rank(space, k)):
        chosen = distinct([typed(text) for text in of_space[key]])
        try:
            space = restricted(space, key, chosen)
        except BadInput as error:
            said = str(error)
            raise BadInput(
                f"--set {said}" if said.startswith(key) else f"--set {key}: {said}"
            ) from None
    document["space"] = space


def restricted(space: Space, key: str, values: Sequence[Value]) -> Space:
    """A space narrowed to (or widened by) some values of a key.

    Raises:
        BadInput: no codec of the space has the key, a value outside its limits, or no such cell.
    """
    if key == "codec":
        return _with_codecs(space, values)
    knowing = [f for f in map(_family, codecs_of(space)) if f.key_of(key)]
    if not knowing:
        has = sorted({k.name for f in map(_family, codecs_of(space)) for k in f.keys})
        raise BadInput(
            f"no codec of this space ({', '.join(codecs_of(space))}) has that parameter; "
            f"{there_are(key, has)}"
        )
    for family in knowing:
        values = distinct([family.checked(key, value) for value in values])
    if space.cells:
        return _with_cells(space, key, values, {f.name for f in knowing})
    return _with_choices(space, key, values, [f.name for f in knowing])


def _laid_on_section(document: dict[str, Any], key: str, texts: list[str]) -> bool:
    """Lays a setting on its section; False where it is a configuration key."""
    head, _, part = key.partition(".")
    if key in ("objectives", "constraints"):
        document[key] = texts
    elif key in ("between", "rungs"):
        document["search"] = {**document["search"], key: [typed(text) for text in texts]}
    elif key == "warm_start":
        document["search"] = {**document["search"], key: texts}
    elif key == "shares":
        if len(texts) != 3:
            raise BadInput(f"--set shares needs train,val,test, as in 0.7,0.15,0.15; got {texts}")
        document["data"] = {**document["data"], "shares": [typed(text) for text in texts]}
    elif key in _SECTIONS:
        section = _SECTIONS[key]
        document[section] = {**document[section], key: typed(_single(key, texts))}
    elif head in _PER_PART and part:
        default: Mapping[str, Any] = DEFAULT_PARTS if head == "parts" else {}
        # No joints at all: the skeletons have that part, but it is not to be coded.
        joints = [] if texts == ["none"] else texts
        said = _single(key, texts) if head == "parts" else joints
        entries = {**document["data"].get(head, default), part: said}
        document["data"] = {**document["data"], head: entries}
    elif base_key(key, known_keys()) in known_keys():
        return False
    else:
        parts = [f"{head}.PART" for head in _PER_PART]
        known = [*sorted(known_keys()), *sorted(_SECTIONS), "objectives", "constraints", *parts]
        raise BadInput(f"--set: no parameter {key!r}; {there_are(key, known)}")
    return True


def _single(key: str, texts: list[str]) -> str:
    if len(texts) != 1:
        raise BadInput(f"--set {key} takes one value, got {', '.join(texts)}")
    return texts[0]


def _rank(space: Space, key: str) -> int:
    if key == "codec":
        return 0
    return 1 if any(key in cell for cell in space.cells) else 2


def _family(codec: Value) -> CodecFamily:
    return family_of({"codec": codec})


def _with_codecs(space: Space, values: Sequence[Value]) -> Space:
    for value in values:
        _family(value)
    if space.cells:
        return _with_cells(space, "codec", values, set(codecs_of(space)))
    rest = [_for_codecs(p, values) for p in space.parameters if p.name != "codec"]
    parameters = [Parameter(name="codec", choices=tuple(values)), *rest]
    fixed = {k: v for k, v in space.fixed.items() if k != "codec"}
    return _pruned(Space(parameters=_reachable(parameters), fixed=fixed))


def _for_codecs(parameter: Parameter, codecs: Sequence[Value]) -> Parameter:
    """A parameter of all of a preset's codecs goes without those, a plugin's say, that lack it."""
    if "codec" in parameter.when:
        return parameter
    knowing = tuple(c for c in codecs if _family(c).key_of(parameter.name))
    if len(knowing) == len(codecs):
        return parameter
    when = {"codec": knowing or ("",), **parameter.when}
    return parameter.model_copy(update={"when": when})


def _with_cells(space: Space, key: str, values: Sequence[Value], knowing: set[str]) -> Space:
    always = space.fixed.get("codec")
    full: list[Config] = [
        cell if always is None else {"codec": always, **cell} for cell in space.cells
    ]
    stated = distinct([cell[key] for cell in full if key in cell])
    fixed = {k: v for k, v in space.fixed.items() if k != key}
    if not stated and len(values) == 1:
        return Space(cells=space.cells, fixed={**fixed, key: values[0]})
    absent = [str(v) for v in values if stated and v not in stated]
    if absent:
        there = ", ".join(map(str, sorted(stated, key=lambda v: (isinstance(v, str), v))))
        raise BadInput(f"no cell has {', '.join(absent)}; cells have {there}")
    kept: list[Config] = []
    for cell in full:
        if cell["codec"] not in knowing:
            kept.append(cell)
        elif key not in cell:
            kept.extend({**cell, key: value} for value in values)
        elif cell[key] in values:
            kept.append(cell)
    return _pruned(Space(cells=tuple(kept), fixed=fixed))


def _with_choices(space: Space, key: str, values: Sequence[Value], knowing: list[str]) -> Space:
    codecs = codecs_of(space)
    mine = [p for p in space.parameters if p.name == key]
    covered = {str(c) for p in mine for c in p.when.get("codec", codecs)}
    rest = tuple(c for c in knowing if c not in covered)
    parameters = [
        Parameter(name=key, choices=tuple(values), when=p.when) if p.name == key else p
        for p in space.parameters
    ]
    fixed = {k: v for k, v in space.fixed.items() if k != key}
    if len(values) == 1:
        # A parameter may exist under some conditions alone; what is fixed holds outside them too.
        if rest or any(set(p.when) - {"codec"} for p in mine):
            fixed[key] = values[0]
    elif rest:
        when: dict[str, tuple[Value, ...]] = {} if set(rest) == set(codecs) else {"codec": rest}
        parameters.append(Parameter(name=key, choices=tuple(values), when=when))
    return Space(parameters=_reachable(parameters, space.fixed.get("codec")), fixed=fixed)


def _reachable(
    parameters: Sequence[Parameter], codec: Value | None = None
) -> tuple[Parameter, ...]:
    """Parameters whose conditions can still hold."""
    kept: list[Parameter] = []

    def possible(name: str, values: tuple[Value, ...]) -> bool:
        if name == "codec" and codec is not None:
            return codec in values
        return any(p.contains(v) for p in kept if p.name == name for v in values)

    for parameter in parameters:
        if all(possible(name, values) for name, values in parameter.when.items()):
            kept.append(parameter)
    return tuple(kept)


def _pruned(space: Space) -> Space:
    """A preset's fixed values that no codec is left for go; a person's own are laid on later."""
    left = [_family(c) for c in codecs_of(space)]
    fixed = {k: v for k, v in space.fixed.items() if k == "codec" or any(f.key_of(k) for f in left)}
    return Space(parameters=space.parameters, cells=space.cells, fixed=fixed)
