"""A floor under each family's share of the proposals.

Of a family that was tried once or twice, and badly, the model expects nothing and proposes nothing
more, although a family's trials differ from each other more than families do. So a family that has
less than its floor gets the next proposal: the most promising one of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from search_spaces.space import Config, Space, Value

Family = tuple[str, Value]
"""A key that others depend on (the codec), and one of its values."""
FLOOR = 2
"""Each of F values of a key that others depend on (the codec) has one in `FLOOR` F proposals."""


def below_floor(
    space: Space, proposed: Sequence[Config], spent: Collection[Family] = ()
) -> Family | None:
    """The family that has been proposed least, where that is too seldom.

    Args:
        space: all that may be proposed.
        proposed: what was.
        spent: families of which nothing is left; they have no turn any more.

    >>> from search_spaces.space import Parameter
    >>> codec = Parameter(name="codec", choices=("a", "b"))
    >>> depth = Parameter(name="depth", low=1, high=3, integer=True, when={"codec": ("b",)})
    >>> below_floor(Space(parameters=(codec, depth)), [{"codec": "a"}] * 4)
    ('codec', 'b')
    >>> below_floor(Space(parameters=(codec, depth)), [{"codec": "a"}] * 3)
    >>> below_floor(Space(parameters=(codec, depth)), [{"codec": "a"}] * 4, [("codec", "b")])
    """
    for parameter in space.parameters:
        if not any(parameter.name in p.when for p in space.parameters):
            continue
        values = [v for v in parameter.choices or () if (parameter.name, v) not in spent]
        if len(values) < 2:
            continue
        of_key = [c[parameter.name] for c in proposed if parameter.name in c]
        counts = [of_key.count(v) for v in values]
        if min(counts) < len(of_key) // (FLOOR * len(values)):
            return parameter.name, values[counts.index(min(counts))]
    return None
