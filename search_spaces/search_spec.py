"""How a sweep searches: the section `search` of a specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from search_spaces.budget import NEVER, parse_stop_when
from search_spaces.errors import BadInput

_NUMBERS = (int, float, int | None)


class Section(BaseModel):
    """A section of a spec: no unknown key, no switch for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _switches_are_no_numbers(cls, data: Any) -> Any:
        for name, value in data.items() if isinstance(data, Mapping) else ():
            known = cls.model_fields.get(str(name))
            if isinstance(value, bool) and known is not None and known.annotation in _NUMBERS:
                raise ValueError(f"{name} must be a number, got {value}")
        return data


class SearchSpec(Section):
    """How configurations are chosen."""

    sampler: Literal[
        "tpe", "rate_aware", "nsga2", "nsga3", "gp", "random", "grid", "cells"
    ] = "rate_aware"  # fmt: skip
    trials: int = Field(default=24, ge=1)
    seeds: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)
    startup: int | None = Field(default=None, ge=0)
    """Trials before a model-based sampler is asked; None: as the sampler has it."""
    stopping: Literal["none", "halving", "model"] = "none"
    """Who ends trials early; model: the one of sampler rate_aware."""
    rungs: tuple[float, ...] = (1 / 27, 1 / 9, 1 / 3)
    """Shares of a trial's own training at which it reports and may be ended."""

    stop_when: str = NEVER
    """The whole sweep ends early: `hypervolume<5%`, `bd_rate<1%`, over the last `stop_window`."""
    stop_window: float = Field(default=0.25, gt=0)
    """Trials that ended last; below 1 a share of the device time so far."""
    stop_after: int = Field(default=12, ge=2)
    """Trials that must have ended before it may."""
    repeat_front: int = Field(default=0, ge=0)
    """Seeds that configurations of the front get at the end of the budget; 0: as they are."""

    @field_validator("stop_when")
    @classmethod
    def _stop_when_is_a_rule(cls, text: str) -> str:
        try:
            parse_stop_when(text)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return text

    @field_validator("stop_window")
    @classmethod
    def _trials_are_whole(cls, window: float) -> float:
        if window >= 1 and window != int(window):
            raise ValueError(f"stop_window is a share below 1 or whole trials, got {window:g}")
        return window

    @field_validator("rungs")
    @classmethod
    def _rungs_are_shares(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < share < 1 for share in rungs) or len(set(rungs)) < len(rungs):
            raise ValueError(f"rungs must be different shares between 0 and 1, got {rungs}")
        return tuple(sorted(rungs))

    warm_start: tuple[str, ...] = ()
    """Folders of earlier sweeps that the search learns from."""

    at: float = Field(default=0.0, ge=0)
    """Search for this total rate, bits/s: what costs more is refused; 0: for every rate."""
    between: tuple[float, float] | None = None
    """Search between two total rates, bits/s."""

    @model_validator(mode="after")
    def _one_window(self) -> SearchSpec:
        if self.between is None:
            return self
        low, high = self.between
        if self.at:
            raise ValueError("at and between are both given; a search is for one of them")
        if not 0 <= low < high:
            raise ValueError(f"between needs a lower rate, then a higher one, got {low:g},{high:g}")
        return self
