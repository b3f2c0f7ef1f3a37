"""The unit of lengths in some data, and what a metric of lengths is called in it.

Metrics are defined once, for metres (`rmse`, in cm). On data in pixels or shoulder widths the same
definition gives the same metric in that unit: 1 unit there is what 1 m is here, so a value in cm
over a hundred is one in the data's own unit. On bones of average proportions every metric of
positions is named so, since it hangs on nobody's body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["m", "px", "sw"]
UNITS: tuple[Unit, ...] = ("m", "px", "sw")
UNIT_WORDS = {"m": "metres", "px": "pixels", "sw": "shoulder widths"}

APPROX_SKELETON = "approx_skeleton"
"""How names of metrics end where positions come from bones of average proportions."""

_OF_METRES = {
    "cm": (0.01, "{}"),
    "mm": (0.001, "{}"),
    "m": (1.0, "{}"),
    "cm2": (1e-4, "{}2"),
    "m2": (1.0, "{}2"),
    "m3": (1.0, "{}3"),
    "cmps": (0.01, "{}ps"),
    "mps": (1.0, "{}ps"),
    "mps2": (1.0, "{}ps2"),
    "mps3": (1.0, "{}ps3"),
}
"""Unit of a metric in metres -> what a value is multiplied by elsewhere, and its unit there."""


@dataclass(frozen=True)
class Yardstick:
    """What the positions of a data set are measured in.

    Attributes:
        unit: of its coordinates.
        approx_skeleton: whether they stand on bones of average proportions.
    """

    unit: Unit = "m"
    approx_skeleton: bool = False

    @property
    def column_unit(self) -> str:
        """Of lengths in columns: cm, px or sw; with the suffix of bones of average proportions."""
        return self.unit_of("cm")

    def unit_of(self, unit: str) -> str:
        """A unit as it is defined for metres -> the one that columns of this data have.

        >>> Yardstick("px").unit_of("mps3"), Yardstick("sw").unit_of("pct")
        ('pxps3', 'pct')
        >>> Yardstick("m", approx_skeleton=True).unit_of("pct")
        'pct_approx_skeleton'
        """
        here = unit
        if self.unit != "m" and unit in _OF_METRES:
            here = _OF_METRES[unit][1].format(self.unit)
        return f"{here}_{APPROX_SKELETON}" if self.approx_skeleton else here

    def factor(self, unit: str) -> float:
        """What a value in a unit that is defined for metres is multiplied by."""
        return 1.0 if self.unit == "m" else _OF_METRES.get(unit, (1.0, ""))[0]


METRES = Yardstick()
YARDSTICKS = tuple(Yardstick(unit, approx) for approx in (False, True) for unit in UNITS)
