"""Codec families of heatmaps: VQ-GAN and its dVAE baseline, with what each may be told.

"Adversarially refined VQ-GAN with dense motion tokenization", section III, and its code where the
paper is silent. What heatmaps show is part of a configuration (`pair`, `picture`, `window`, …),
since the published rows differ in it and the rate follows from it. A factor F (`compression`)
divides time, height and width alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from search_spaces.constraints import register_constraint, register_warning
from search_spaces.data_facts import DataFacts
from search_spaces.errors import Refused
from search_spaces.families import CodecFamily, family_of, register_family
from search_spaces.heatmap_rate import heatmap_rate
from search_spaces.keys import FreeText, Key, key
from search_spaces.network_keys import SWITCH
from search_spaces.quantizers import level_size
from search_spaces.space import Value, int_for

PART = "heatmap"
"""The one part of heatmaps; it stands in names of columns (`utilisation_heatmap_pct`)."""
PAIR_NAMES = ("2d_2d", "c2d_2d", "m2d_m2d", "m2d_3d", "3d_3d")
CODEBOOKS = ("plain", "ema", "sim_vq", "fsq", "lfq")
HOUSE_QUANTIZERS = {"ema": "residual_vq", "sim_vq": "sim_vq", "fsq": "fsq", "lfq": "lfq"}
"""Values of `codebook` -> the quantizer of other codecs that they are."""
LEAST_JUDGED = 16
"""Frames and pixels below which the discriminator's strides leave nothing to judge."""
_WHOLE = {"integer": True}


def _pictures() -> tuple[Key, ...]:
    return (
        key("pair", "2d_2d", "what goes in and what should come out", choices=PAIR_NAMES),
        key("heatmap", "limbs", "what is drawn", choices=("limbs", "keypoints")),
        key("channels", "one", "one for all, or one each, where the pair leaves it open",
            choices=("one", "each")),
        key("picture", 128, "height and width, pixels", choices=(16, 32, 64, 128, 256)),
        key("window", 64, "frames of a window", choices=(4, 8, 16, 32, 64, 128)),
        key("stride", 90, "frames between windows", low=1, high=10000, **_WHOLE),
        key("jitter", 0, "frames that training windows move by at most", low=0, high=1000,
            **_WHOLE),
        key("sigma", 0.75, "of the Gaussians, pixels", low=0.1, high=16.0),
        key("intensity", "constant", "brightness of limbs and joints",
            choices=("constant", "confidence", "random")),
        key("denoise", False, "whether codecs are scored on jittered, dropped and blurred inputs "
            "too", choices=SWITCH),
        key("corrupted_training", False, "whether inputs of training are spoilt so, and targets "
            "stay clean", choices=SWITCH),
        Key(FreeText(name="views", choices=("",)), "yaw=0",
            "views with + between them, as in yaw=0+yaw=90; pairs of one view have the first"),
    )  # fmt: skip


def _networks() -> tuple[Key, ...]:
    return (
        key("compression", 8, "factor F in time, height and width", choices=(4, 8, 16, 32)),
        key("latent_dim", 256, "width of a code", low=1, high=1024, **_WHOLE),
        key("width", 1.0, "channels, as a share of the published ones", low=0.03, high=4.0),
        key("res_blocks", 2, "residual blocks of an encoder stage; the decoder has one more",
            low=1, high=8, **_WHOLE),
        key("attention", 16, "height at which stages attend to themselves; 0 for none", low=0,
            high=256, **_WHOLE),
        key("loss.l1", 1.0, "weight of the absolute error", low=0.0, high=1e4),
        key("learning_rate", 2.25e-5, "Adam's (betas 0.5, 0.9), constant", low=1e-7, high=1.0),
        key("max_steps", 210_000, "steps", low=1, high=1e8, **_WHOLE),
        key("batch_windows", 1, "windows per step, of all workers", low=1, high=4096, **_WHOLE),
        key("accumulate", 1, "pieces that a step's windows are worked off in", low=1, high=4096,
            **_WHOLE),
        key("precision", "fp32", "of the networks; bf16 is mixed", choices=("fp32", "bf16")),
    )  # fmt: skip


def _grid_rate(config: Mapping[str, Value], fps: float) -> float:
    """Tokens a second; 0 where the factor does not fit, which a constraint says."""
    window, size, factor = (int_for(config, k, PART) for k in ("window", "picture", "compression"))
    return (size // factor) ** 2 * (window // factor) * fps / window


def _codes(config: Mapping[str, Value], part: str) -> tuple[int, ...]:
    size = int_for(config, "codebook_size", part)
    named = HOUSE_QUANTIZERS.get(str(config.get("codebook", "plain")), "")
    return (level_size(named, size),)


_SIZES = frozenset({"codec", "codebook_size", "compression", "window", "picture"})

VQGAN = register_family(
    CodecFamily(
        name="vqgan",
        title="VQ-GAN",
        medium="heatmaps",
        compression_key="compression",
        token_rate=_grid_rate,
        rate_keys=_SIZES | {"codebook"},
        alphabet=_codes,
        keys=(
            *_pictures(),
            *_networks(),
            key("codebook_size", None, "codes K", low=2, high=65536, **_WHOLE),
            key("codebook", "plain", "plain: nearest code, straight through, moved by its loss; or "
                "a quantizer of the other codecs", choices=CODEBOOKS),
            key("codebook_start", 0, "steps before latents become codes, which start from them; "
                "0: from the first, as published", low=0, high=1e8, **_WHOLE),
            key("loss.codebook", 1.0, "weight of all that the codebook adds", low=0.0, high=1e4),
            key("commitment", 0.25, "weight that pulls latents to codes, of what pulls codes to "
                "latents", low=0.0, high=1e3),
            key("legacy_weighting", False, "commitment weighs the codes' pull instead, as in the "
                "authors' code and taming's", choices=SWITCH),
            key("loss.perceptual", 1.0, "weight of the perceptual term", low=0.0, high=1e4),
            Key(FreeText(name="perceptual_weights", choices=("",)), "",
                "file of LPIPS-VGG weights; without it features of the discriminator are matched"),
            key("adversarial", True, "whether a discriminator judges", choices=SWITCH),
            key("disc_start", 2000, "steps before it does", low=0, high=1e8, **_WHOLE),
            key("disc_factor", 1.0, "weight of its loss, and of what it says", low=0.0, high=1e4),
            key("disc_weight", 0.8, "of what it says, times the adaptive weight", low=0.0,
                high=1e4),
            key("disc_norm", "group", "normalisation in it", choices=("group", "spectral")),
        ),
    )
)  # fmt: skip

DVAE = register_family(
    CodecFamily(
        name="dvae",
        title="dVAE",
        medium="heatmaps",
        compression_key="compression",
        token_rate=_grid_rate,
        rate_keys=_SIZES,
        alphabet=_codes,
        keys=(
            *_pictures(),
            *_networks(),
            key("codebook_size", 2048, "codes K", low=2, high=65536, **_WHOLE),
            key("loss.mse", 0.0, "weight of the squared error", low=0.0, high=1e4),
            key("loss.kl", 0.001, "weight of the divergence from even use", low=0.0, high=1e4),
            key("kl_warmup", 0.25, "share of the steps over which that weight grows", low=0.0,
                high=1.0),
            key("temperature_end", 0.0625, "of the Gumbel-softmax, from 1 by a cosine", low=0.01,
                high=1.0),
        ),
    )
)  # fmt: skip


def is_heatmaps(config: Mapping[str, Value]) -> bool:
    """Whether a configuration is of a codec of heatmaps."""
    return family_of(config).medium == "heatmaps"


@register_constraint
def factor_fits(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Time and picture are cut into whole tokens, and a recording of each split has a window."""
    if not is_heatmaps(config):
        return None
    window, size = int_for(config, "window", PART), int_for(config, "picture", PART)
    try:
        heatmap_rate(int_for(config, "compression", PART), 2, window=window, size=size)
    except Refused as error:
        return str(error)
    for name, split in (("training", facts.train), ("validation", facts.val)):
        if max(split.lengths, default=0) < window:
            longest = max(split.lengths, default=0)
            return f"no {name} recording has a window of {window} frames; the longest has {longest}"
    return None


@register_constraint
def depth_to_look_from(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Planes and other views need motion with depth."""
    if not is_heatmaps(config) or facts.dimensions > 2:
        return None
    if config["pair"] not in ("2d_2d", "c2d_2d"):
        return f"pair {config['pair']} needs depth, and this motion has none; set pair=2d_2d"
    return None


@register_constraint
def something_to_judge(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A discriminator needs room for its strides."""
    if not is_heatmaps(config) or not config.get("adversarial"):
        return None
    smallest = min(int_for(config, "window", PART), int_for(config, "picture", PART))
    if smallest < LEAST_JUDGED:
        return (
            f"a discriminator needs {LEAST_JUDGED} frames and pixels, and there are {smallest}; "
            "set adversarial=false"
        )
    return None


@register_constraint
def begins_before_the_end(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """The discriminator has steps to judge in, and the decoder some to learn the codes in."""
    if not is_heatmaps(config):
        return None
    steps = int_for(config, "max_steps", PART)
    for name, begins in (("disc_start", "adversarial"), ("codebook_start", "codebook")):
        if config.get(begins) and (start := int_for(config, name, PART)) >= steps:
            return f"{name} {start} is not before the last of {steps} steps"
    return None


@register_constraint
def pieces_of_a_batch(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """Pieces of a step are alike, so that their mean is the batch's."""
    if not is_heatmaps(config):
        return None
    windows, pieces = (int_for(config, k, PART) for k in ("batch_windows", "accumulate"))
    if windows % pieces:
        return f"batch_windows {windows} cannot be cut into {pieces} equal pieces"
    return None


@register_warning
def nothing_perceptual(config: Mapping[str, Value], facts: DataFacts) -> str | None:
    """A term that was asked for and has nothing to be reckoned with is said to be absent."""
    if config.get("codec") != VQGAN.name:
        return None
    wanted = float(config.get("loss.perceptual", 0.0)) > 0
    if wanted and not config.get("perceptual_weights") and not config.get("adversarial"):
        return "no perceptual term: no perceptual_weights, and no discriminator to match features"
    return None
