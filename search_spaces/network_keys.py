"""Keys that every codec with trained networks has: sizes, losses, codebooks and steps."""

from __future__ import annotations

from search_spaces.keys import Key, key
from search_spaces.quantizers import DEAD_CODES, QUANTIZER_BACKENDS, QUANTIZERS

SCALINGS = ("none", "zscore", "fk_jacobian")
SCALING_MEANING = (
    "what an error of a feature counts: alike, by its spread, or by how far it moves joints"
)
CODES = {"low": 1, "high": 65536, "integer": True}
SWITCH = (True, False)


def network_keys(
    learning_rate: float, batch_frames: int, rotation_trick: bool, decoder_share: float
) -> tuple[Key, ...]:
    """Keys with their defaults, of which four differ between codecs."""
    # Defaults are those that came nearest to the motion in a few CPU seconds per part: many small
    # steps before few large ones, and codebooks that follow the encoder within some 20 steps.
    # Those of RQ-VAE are measured one by one in docs/evidence/rqvae.md.
    return (
        key("codebook_size", None, "codes per level (the paper's D)", **CODES),
        key("quantizer_depth", None, "levels (the paper's Q)", low=1, high=32, integer=True),
        key("quantizer", QUANTIZERS[0], "how a latent becomes codes", choices=QUANTIZERS),
        key(
            "quantizer_backend",
            QUANTIZER_BACKENDS[0],
            "who trains residual codebooks: vector-quantize-pytorch, or ours, equal but for "
            "rounding and faster",
            choices=QUANTIZER_BACKENDS,
        ),
        key("groups", 1, "parts of a latent with own codebooks", low=1, high=64, integer=True),
        key("latent_dim", 64, "width of the quantized vector", low=1, high=1024, integer=True),
        key("hidden_dim", 256, "width of hidden layers", low=4, high=4096, integer=True),
        key("learning_rate", learning_rate, "Adam's, cosine decay to 5 %", low=1e-6, high=1.0),
        key("optimiser", "adam", "Adam, or with decoupled weight decay", choices=("adam", "adamw")),
        key("weight_decay", 0.0, "of weights; codebooks have none", low=0.0, high=1.0),
        key("feature_scaling", "zscore", SCALING_MEANING, choices=SCALINGS),
        key("loss.angle", 1.0, "weight of the squared error of scaled features", low=0, high=1e4),
        key("loss.position", 0.0, "weight of the squared joint position error", low=0, high=1e4),
        key("loss.geodesic", 0.0, "weight of the squared angle of rotations", low=0, high=1e4),
        key("commitment", 0.25, "weight of the commitment loss, levels summed", low=0, high=1e3),
        key("decay", 0.95, "moving average of the codebook", low=0.0, high=0.99999),
        key("codebook_init", "kmeans", "of k-means on latents", choices=("kmeans", "random")),
        key("codebook_update", "ema", "what moves the codes", choices=("ema", "gradient")),
        key("codebook_distance", "l2", "by which a code is nearest", choices=("l2", "cosine")),
        key(
            "rotation_trick",
            rotation_trick,
            "turns gradients from a code to its latent, else they go straight through",
            choices=SWITCH,
        ),
        key("quantizer_dropout", 0.0, "share of steps with fewer levels", low=0.0, high=1.0),
        key("dead_codes", "redraw", "what befalls codes that go unused", choices=DEAD_CODES),
        key(
            "dead_code_share",
            0.05,
            "with redraw, a code is redrawn when used less than this share of uniform use; at most "
            "1/4, since codes are then expected at least four times the threshold per batch",
            low=0.0,
            high=0.25,
        ),
        key("epochs", 200, "passes over the training frames", low=1, high=1e6, integer=True),
        key("max_steps", 1500, "steps per part at most", low=1, high=1e8, integer=True),
        key("batch_frames", batch_frames, "frames per step", low=8, high=1e6, integer=True),
        key("decoder_share", decoder_share, "last steps, of the decoder alone", low=0, high=0.9),
    )
