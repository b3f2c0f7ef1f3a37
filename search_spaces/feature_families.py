"""The feature autoencoder by its keys: a codec whose latents are what Fréchet distances are of.

It is a codec like any other, so that a trial trains it, a sweep chooses it and `inputs:` names it.
Latents are few, since a Fréchet distance needs ten feature vectors per dimension and is biased by
the square of their number over n.
"""

from __future__ import annotations

from dataclasses import replace

from search_spaces.families import CodecFamily, register_family
from search_spaces.keys import key
from search_spaces.network_keys import network_keys
from search_spaces.quantizers import quantized_alphabet
from search_spaces.space import Value

MOST_DIMENSIONS = 32
"""Of all parts together."""
_OWN: dict[str, Value] = {
    "codebook_size": 256,
    "quantizer_depth": 4,
    "latent_dim": 10,
    "hidden_dim": 64,
    "quantizer_dropout": 0.25,
}

FEATURE_AUTOENCODER = register_family(
    CodecFamily(
        name="feature_autoencoder",
        title="feature autoencoder",
        residual=True,
        compression_key="compression",
        keys=(
            *(
                replace(k, default=_OWN.get(k.name, k.default))
                for k in network_keys(1e-3, 512, rotation_trick=True, decoder_share=0.0)
                if k.name not in ("latent_dim", "quantizer", "groups")
            ),
            key("latent_dim", 10, "features of a part; of all parts at most 32 are used",
                low=1, high=MOST_DIMENSIONS, integer=True),
            key("compression", 16, "frames per feature vector", choices=(4, 8, 16, 32)),
            key("window", 64, "frames per training window", choices=(32, 64, 128, 256)),
        ),
        alphabet=quantized_alphabet,
        rate_keys=frozenset({"codebook_size", "quantizer_depth", "compression"}),
    )
)  # fmt: skip
