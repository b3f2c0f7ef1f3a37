"""Keys of a configuration: name, limits, default, and what each means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from search_spaces.errors import BadInput
from search_spaces.space import Parameter, Value

MANY = 20
"""Names above which not all are said."""


@dataclass(frozen=True)
class Key:
    """One configuration key of a family: its limits, its default, and what it means."""

    parameter: Parameter
    default: Value | None
    meaning: str

    @property
    def name(self) -> str:
        """The key."""
        return self.parameter.name


def key(name: str, default: Value | None, meaning: str, **limits: object) -> Key:
    """A key; `default=None` means that it must be given."""
    return Key(Parameter.model_validate({"name": name, **limits}), default, meaning)


def checked(known: Key, name: str, value: Value) -> Value:
    """A value as a key's type; BadInput where it is outside the key's limits."""
    parameter = known.parameter
    if not parameter.contains(value):
        raise BadInput(f"{name} must be {_limits(parameter)}, got {value!r}")
    spelled = parameter.choice(value)
    if spelled is not None:
        return spelled
    return int(value) if parameter.integer else float(value)


def _limits(parameter: Parameter) -> str:
    if parameter.choices is not None:
        return "one of " + ", ".join(map(str, parameter.choices))
    kind = "a whole number" if parameter.integer else "a number"
    return f"{kind} from {parameter.low:.12g} to {parameter.high:.12g}"


def there_are(name: object, known: Sequence[str]) -> str:
    """The remedy for an unknown name: the nearest of those known, and all of them.

    Of many, a nearest one speaks for all, and names of one family stand as `flow.*`.

    >>> there_are("a.c", ["a.b", "d"])
    'did you mean a.b? there are a.b, d'
    """
    many = len(known) > MANY
    near = get_close_matches(str(name), known, n=3 if many else 1)
    if near and many:
        return f"did you mean {' or '.join(near)}?"
    families = Counter(k.partition(".")[0] for k in known if "." in k)
    said = [f"{head}.*" if many and families[head := k.partition(".")[0]] > 2 else k for k in known]
    asked = f"did you mean {near[0]}? " if near else ""
    return f"{asked}there are {', '.join(dict.fromkeys(said))}"


class Fingerprint(Parameter):
    """A hash in hexadecimal digits, or nothing."""

    def contains(self, value: Value) -> bool:
        """Whether it is one."""
        return isinstance(value, str) and re.fullmatch(r"([0-9a-f]{16})?", value) is not None

    def choice(self, value: Value) -> Value | None:
        """Itself."""
        return value if self.contains(value) else None


class FreeText(Parameter):
    """Any text, nothing included: the path of a file, say."""

    def contains(self, value: Value) -> bool:
        """Whether it is a text."""
        return isinstance(value, str)

    def choice(self, value: Value) -> Value | None:
        """Itself."""
        return value if self.contains(value) else None
