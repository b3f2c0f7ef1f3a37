"""Keys of the entropy guidance of a motion VQ-VAE, and of the paper's equations beside it."""

from __future__ import annotations

from search_spaces.keys import key
from search_spaces.network_keys import SWITCH

BETA_ON = ("commitment", "codebook")

GUIDANCE_KEYS = (
    key("guidance.weight", 0.1, "of log K less the entropy of code use; 0 is a vanilla "
        "VQ-VAE", low=0.0, high=1e4),
    key("guidance.sharpness", 14.0, "logit of a latent in a code's very direction; 1 is "
        "blind", low=0.1, high=1000.0),
    key("guidance.temperature", 0.5, "of the softmax over codes (tau)", low=0.01,
        high=100.0),
    key("guidance.decay", 0.95, "moving average of code use (alpha)", low=0.0,
        high=0.9999),
    key("guidance.gumbel", True, "noise on the logits", choices=SWITCH),
    key("as_printed", False, "the paper's equations to the letter, which take codes away",
        choices=SWITCH),
    key("beta_on", BETA_ON[0], "which term of the codes' loss the weight commitment is on: what "
        "draws latents to codes, as usual, or codes to latents, as the paper prints it (the other "
        "has 1 then)", choices=BETA_ON),
)  # fmt: skip
