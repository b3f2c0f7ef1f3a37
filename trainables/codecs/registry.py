"""Names of codec families to the classes that train them.

Built-in classes are named by path, so that listing codecs imports no torch.
"""

from __future__ import annotations

from importlib import import_module

from search_spaces.errors import BadInput
from search_spaces.families import CodecFamily, register_family
from trainables.codecs.codec import Codec

_CLASSES: dict[str, str | type[Codec]] = {
    "kmeans": "trainables.codecs.kmeans:KMeansCodec",
    "rqvae": "trainables.codecs.rqvae:RQVAECodec",
    "eg_vqvae": "trainables.codecs.eg_vqvae:EGVQVAECodec",
    "feature_autoencoder": "trainables.codecs.feature_autoencoder:FeatureAutoencoder",
    "temporal_rvq": "trainables.codecs.temporal_rvq:TemporalRVQCodec",
}


def register_codec(family: CodecFamily, codec: type[Codec]) -> None:
    """Makes a codec usable by name in every configuration. For plugins and new files alike."""
    if codec.family != family.name:
        raise BadInput(f"codec class says family {codec.family!r}, registered as {family.name!r}")
    register_family(family)
    _CLASSES[family.name] = codec


def codec_class(name: str) -> type[Codec]:
    """The class of a family; BadInput that lists the codecs where there is none."""
    found = _CLASSES.get(name)
    if found is None:
        raise BadInput(f"no codec {name!r}; there are {', '.join(_CLASSES)}")
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = getattr(import_module(module), attribute)
        _CLASSES[name] = found
    return found
