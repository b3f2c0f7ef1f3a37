"""Configurations that cannot work are refused before they cost anything, with the reason.

A constraint is a function (config, facts) -> reason or None. A warning is the same, but the trial
runs and the reason is shown on the page. Plugins add their own with `register_constraint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import family_of
from search_spaces.space import Value, float_for, int_for

Constraint = Callable[[Mapping[str, Value], DataFacts], str | None]

_CONSTRAINTS: list[Constraint] = []
_WARNINGS: list[Constraint] = []


def register_constraint(constraint: Constraint) -> Constraint:
    """Adds a reason to refuse."""
    _CONSTRAINTS.append(constraint)
    return constraint


def register_warning(constraint: Constraint) -> Constraint:
    """Adds a reason to warn."""
    _WARNINGS.append(constraint)
    return constraint


def refusal(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Why a configuration cannot work on some data, or None."""
    try:
        family_of(config).complete(config)
    except BadInput as error:
        return str(error)
    for constraint in _CONSTRAINTS:
        reason = constraint(config, facts)
        if reason:
            return reason
    return None


def cautions(config: Mapping[str, Value], facts: DataFacts) -> list[str]:
    """What a reader of this configuration's results should know."""
    return [reason for w in _WARNINGS if (reason := w(config, facts))]


def _training_tokens(config: Mapping[str, Value], facts: DataFacts, part: str) -> int:
    compression = family_of(config).compression(config, part)
    return sum(-(-n // compression) for n in facts.train.lengths)


def _codes_per_token(config: Mapping[str, Value], facts: DataFacts) -> tuple[str, int, int]:
    """The part with most codes per training token: its name, its codes, its tokens."""
    family = family_of(config)
    return max(
        ((p, max(family.alphabet(config, p)), _training_tokens(config, facts, p))
         for p in facts.part_names),
        key=lambda row: row[1] / max(row[2], 1),
    )  # fmt: skip


@register_constraint
def more_codes_than_training_frames(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A codebook larger than the data would name every frame and learn nothing."""
    part, codes, tokens = _codes_per_token(config, facts)
    if codes > tokens:
        what = "frames" if family_of(config).compression(config, part) == 1 else "tokens"
        return f"{codes} codes for {part} are more than its {tokens} training {what}"
    return None


@register_warning
def few_frames_per_code(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Under four frames a code, the codebook is a list of training frames."""
    part, codes, tokens = _codes_per_token(config, facts)
    if codes <= tokens < 4 * codes:
        return f"{tokens / codes:.1f} training tokens per code for {part} (fewer than 4)"
    return None


@register_constraint
def some_reconstruction_loss(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """With both weights zero nothing is learnt."""
    if not {"loss.angle", "loss.position"} <= set(config):
        return None
    for part in facts.part_names:
        weights = [float_for(config, k, part) for k in ("loss.angle", "loss.position")]
        if sum(weights) == 0:
            return f"loss.angle and loss.position are both 0 for {part}"
    return None


@register_constraint
def window_fits_compression(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A training window is cut into whole tokens."""
    if "window" not in config:
        return None
    for part in facts.part_names:
        window, compression = (
            int_for(config, "window", part),
            family_of(config).compression(config, part),
        )
        if window % compression:
            return f"window {window} is no multiple of compression {compression} for {part}"
    return None
