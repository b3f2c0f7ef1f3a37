"""The quantizer that a configuration names, with the options that it knows of."""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.errors import BadInput
from search_spaces.quantizers import QUANTIZERS, fsq_steps, groups_of, option, quantizer_of
from search_spaces.space import Value, float_for, int_for, value_for
from trainables.quantizers.finite_scalar import (
    FiniteScalarQuantizer,
    ResidualFiniteScalarQuantizer,
)
from trainables.quantizers.fused_residual_vq import FusedResidualQuantizer
from trainables.quantizers.grouped import GroupedQuantizer
from trainables.quantizers.guidance import EntropyGuidance
from trainables.quantizers.guided import GuidedFusedQuantizer, GuidedQuantizer
from trainables.quantizers.lookup_free import LookupFreeQuantizer
from trainables.quantizers.quantizer import Quantizer
from trainables.quantizers.residual_vq import ResidualQuantizer
from trainables.quantizers.sim_vq import SimQuantizer


def new_quantizer(
    config: Mapping[str, Value], part: str, tokens_per_batch: int, synchronise: bool = False
) -> Quantizer:
    """An untrained quantizer of a part; its weights are drawn from torch's global generator.

    Args:
        config: of a codec with the keys of networks, complete.
        part: that it codes.
        tokens_per_batch: vectors per training step, over all workers.
        synchronise: whether several workers train it.

    Raises:
        BadInput: no such quantizer, or one that several workers cannot train.
    """
    name = quantizer_of(config, part)
    dim, codes = int_for(config, "latent_dim", part), int_for(config, "codebook_size", part)
    levels = int_for(config, "quantizer_depth", part)
    dropout = float(option(config, "quantizer_dropout", part, 0.0))
    rotation_trick = bool(option(config, "rotation_trick", part, True))
    if name in ("residual_vq", "grouped_residual_vq"):
        options = {
            "tokens_per_batch": tokens_per_batch,
            "decay": float_for(config, "decay", part),
            "dead_code_share": float_for(config, "dead_code_share", part),
            "dead_codes": str(option(config, "dead_codes", part, "redraw")),
            "codebook_init": str(option(config, "codebook_init", part, "kmeans")),
            "cosine": option(config, "codebook_distance", part, "l2") == "cosine",
            "rotation_trick": rotation_trick,
            "by_gradient": option(config, "codebook_update", part, "ema") == "gradient",
            "dropout": dropout,
            "synchronise": synchronise,
        }
        # A configuration from before there was a choice had the library.
        fused = option(config, "quantizer_backend", part, "library") == "fused"
        if "guidance.weight" in config:
            guidance = _guidance(config, part, codes, levels, synchronise)
            guided = GuidedFusedQuantizer if fused else GuidedQuantizer
            on_codes = option(config, "beta_on", part, "commitment") == "codebook"
            beta = float_for(config, "commitment", part) if on_codes else None
            return guided(dim, codes, levels, guidance, beta, **options)
        if fused:
            groups = groups_of(config, part)
            return FusedResidualQuantizer(dim, codes, levels, groups, **options)  # type: ignore[arg-type]
        if name == "residual_vq":
            return ResidualQuantizer(dim, codes, levels, **options)  # type: ignore[arg-type]
        return GroupedQuantizer(dim, codes, levels, groups_of(config, part), **options)  # type: ignore[arg-type]
    if name == "fsq":
        return FiniteScalarQuantizer(dim, fsq_steps(codes))
    if name == "residual_fsq":
        return ResidualFiniteScalarQuantizer(dim, fsq_steps(codes), levels, dropout)
    if name == "sim_vq":
        return SimQuantizer(dim, codes, levels, rotation_trick=rotation_trick, dropout=dropout)
    if name == "lfq":
        if synchronise:
            raise BadInput(
                "the quantizer lfq trains in one worker: its loss is of the whole batch, which "
                "workers do not share; add --workers 1 or take another quantizer"
            )
        return LookupFreeQuantizer(dim, codes)
    raise BadInput(f"no quantizer {name!r}; there are {', '.join(QUANTIZERS)}")


def _guidance(
    config: Mapping[str, Value], part: str, codes: int, levels: int, synchronise: bool
) -> EntropyGuidance:
    return EntropyGuidance(
        levels,
        codes,
        sharpness=float_for(config, "guidance.sharpness", part),
        temperature=float_for(config, "guidance.temperature", part),
        decay=float_for(config, "guidance.decay", part),
        gumbel=bool(value_for(config, "guidance.gumbel", part)),
        as_printed=bool(value_for(config, "as_printed", part)),
        synchronise=synchronise,
    )
