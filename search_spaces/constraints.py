"""Configurations that cannot work are refused before they cost anything, with the reason.

A constraint is a function (config, facts) -> reason or None. A warning is the same, but the trial
runs and the reason is shown on the page. Plugins add their own with `register_constraint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from search_spaces.data_facts import HEATMAPS, DataFacts
from search_spaces.errors import BadInput
from search_spaces.families import family_of, generators, is_generator
from search_spaces.quantizers import (
    FINITE_SCALAR,
    LEARNED_CODEBOOKS,
    ONE_LEVEL,
    groups_of,
    option,
    quantizer_of,
)
from search_spaces.space import Value, base_key, float_for, int_for

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
    family = family_of(config)
    if family.token_rate:
        return int(facts.train.seconds * family.token_rate(config, facts.fps))
    compression = family.compression(config, part)
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
    # Of pictures the published grids have more codes than a short recording has tokens; that is a
    # warning there, as tokens are patches that windows cut anew.
    if family_of(config).medium != "motion":
        return None
    # Of the feature autoencoder nobody takes codes, and short folders have speech, too: there the
    # Fréchet distance itself says that it cannot be said.
    if config.get("codec") == "feature_autoencoder":
        return None
    part, codes, tokens = _codes_per_token(config, facts)
    if codes > tokens:
        what = "frames" if family_of(config).compression(config, part) == 1 else "tokens"
        return f"{codes} codes for {part} are more than its {tokens} training {what}"
    return None


@register_constraint
def codecs_of_what_the_data_are(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Codecs of motion code features, codecs of heatmaps pictures; data are prepared as one."""
    medium = family_of(config).medium
    if (medium == "heatmaps") != (facts.features == HEATMAPS):
        return f"{config['codec']} codes {medium}, and these data are prepared as {facts.features}"
    return None


@register_warning
def few_frames_per_code(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Under four frames a code, the codebook is a list of training frames."""
    part, codes, tokens = _codes_per_token(config, facts)
    least = codes if family_of(config).medium == "motion" else 0
    if least <= tokens < 4 * codes:
        return f"{tokens / codes:.1f} training tokens per code for {part} (fewer than 4)"
    return None


@register_constraint
def some_reconstruction_loss(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """With all weights zero nothing is learnt."""
    if not {"loss.angle", "loss.position"} <= set(config):
        return None
    for part in facts.part_names:
        weights = [float_for(config, k, part) for k in ("loss.angle", "loss.position")]
        if sum(weights) + float(option(config, "loss.geodesic", part, 0.0)) == 0:
            return f"loss.angle and loss.position are both 0 for {part}"
    return None


@register_constraint
def rotations_for_their_angle(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """An angle between rotations needs features that are rotations."""
    for part in facts.part_names if facts.features == "position" else ():
        if float(option(config, "loss.geodesic", part, 0.0)) > 0:
            return f"loss.geodesic compares rotations, and features are {facts.features}s"
    return None


@register_constraint
def levers_of_angles(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """How far a feature moves joints is known for angles, and of positions it is theirs."""
    for part in facts.part_names if facts.features == "rot6d" else ():
        if option(config, "feature_scaling", part, "none") == "fk_jacobian":
            return f"feature_scaling fk_jacobian is of angles, and features of {part} are rot6d"
    return None


@register_constraint
def window_fits_compression(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A training window is cut into whole tokens."""
    if "window" not in config or family_of(config).medium != "motion":
        return None
    for part in facts.part_names:
        window, compression = (
            int_for(config, "window", part),
            family_of(config).compression(config, part),
        )
        if window % compression:
            return f"window {window} is no multiple of compression {compression} for {part}"
    return None


def _quantized(config: Mapping[str, Value], facts: DataFacts) -> list[tuple[str, str]]:
    """Each part with the name of its quantizer, for codecs that have one."""
    if "quantizer" not in config:
        return []
    return [(part, quantizer_of(config, part)) for part in facts.part_names]


@register_constraint
def sizes_of_quantizers(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Codes, levels and groups that a quantizer cannot have."""
    for part, name in _quantized(config, facts):
        size, latent = int_for(config, "codebook_size", part), int_for(config, "latent_dim", part)
        depth, groups = int_for(config, "quantizer_depth", part), groups_of(config, part)
        if name in ONE_LEVEL and depth > 1:
            return f"{name} has one level, quantizer_depth is {depth} for {part}"
        if name != "grouped_residual_vq" and int_for(config, "groups", part) > 1:
            return f"groups need the quantizer grouped_residual_vq, not {name}, for {part}"
        if latent % groups:
            return f"latent_dim {latent} cannot be cut into {groups} equal groups for {part}"
        if name == "lfq" and (size < 2 or size & (size - 1)):
            return (
                f"lfq gives each code as signs, so codebook_size must be a power of 2, not {size}"
            )
        # Rounding to an even number of steps is off centre by half a step, which two do not allow.
        least = {"fsq": 3, "residual_fsq": 2}.get(name, 1)
        if name in FINITE_SCALAR and size < least:
            return f"{name} needs a codebook_size of at least {least}, not {size}, for {part}"
    return None


@register_constraint
def options_of_quantizers(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """What only codebooks that follow the latents can do, and what only several levels can."""
    for part, name in _quantized(config, facts):
        if name not in LEARNED_CODEBOOKS:
            asked = {
                "codebook_distance": "cosine", "codebook_init": "random", "dead_codes": "cvq",
                "codebook_update": "gradient",
            }  # fmt: skip
            for key, value in asked.items():
                said = str(option(config, key, part, ""))
                if said.startswith(value):
                    return f"{key} {said} needs codes that move; those of {name} do not"
        if float(option(config, "quantizer_dropout", part, 0.0)) > 0 and (
            int_for(config, "quantizer_depth", part) == 1
        ):
            return f"quantizer_dropout drops the later levels, and {part} has one"
        cosine = str(option(config, "codebook_distance", part, "l2")) == "cosine"
        by_gradient = str(option(config, "codebook_update", part, "ema")) == "gradient"
        if cosine and by_gradient:
            return f"a gradient takes codes off the unit sphere that cosine needs them on ({part})"
        width = int_for(config, "latent_dim", part) // groups_of(config, part)
        if cosine and width == 1:
            codes = int_for(config, "codebook_size", part)
            if codes > 2:
                return f"a line has 2 directions, so cosine has no use for {codes} codes ({part})"
    return None


@register_constraint
def beta_weighs_what_moves_codes(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Codes that follow by moving average have no term in the loss for beta to weigh."""
    for part in facts.part_names if "beta_on" in config else ():
        by_gradient = option(config, "codebook_update", part, "ema") == "gradient"
        on_codes = option(config, "beta_on", part, "commitment") == "codebook"
        if on_codes and not (by_gradient and float_for(config, "commitment", part) > 0):
            return (
                "beta_on codebook weighs what moves the codes: it needs codebook_update gradient "
                f"and commitment above 0 ({part})"
            )
    return None


@register_constraint
def generators_make_all_parts(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A generator is one network for all parts, so its own keys are given for none."""
    if not is_generator(config):
        return None
    own = next(g for g in generators() if g.name == config["codec"])
    names = {k.name for k in own.keys}
    for key in config:
        if key not in names and base_key(key, names) in names:
            return f"{key}: {own.name} makes all parts at once; leave the part out"
    return None
