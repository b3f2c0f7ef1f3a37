"""The feature autoencoder: motion to a few numbers a second, in which Fréchet distances are taken.

Published feature encoders are not released, or are of another skeleton, so ours is trained here, as
a trial of its own. It is the temporal ResNet of `temporal_rvq` with few latents at a low rate; what
it gives are latents as they are before they are quantized. The quantizer is there because a codec
has one, and keeps latents in a bounded region; residual levels are fine enough to hurt little.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from search_spaces.errors import BadInput
from search_spaces.feature_families import MOST_DIMENSIONS
from search_spaces.inputs import Resolved, folder_hash
from search_spaces.speech_metrics import FeatureSpace
from trainables.codecs.codec import load_codec
from trainables.codecs.segments import segments
from trainables.codecs.temporal_rvq import TemporalRVQCodec
from trainables.metrics.frechet import array_hash
from trainables.motion.dataset import MotionData

NORMALISER = ("mean", "scale")


class FeatureAutoencoder(TemporalRVQCodec):
    """Features of one part."""

    family: ClassVar[str] = "feature_autoencoder"

    @torch.no_grad()
    def features(self, motion: np.ndarray) -> np.ndarray:
        """Latents of one recording.

        Args:
            motion: (frames, dimensions) as `PartData` has them.

        Returns:
            (frames // compression, latent_dim) float32: a last vector that would see padding is
            left out, since padding is no motion.
        """
        whole = len(motion) // self.compression
        found = np.empty((whole, self.whole("latent_dim")), np.float32)
        for part in segments(whole, self.compression, self.context().encoder):
            latents = self._encode_segment(motion[: whole * self.compression], part)
            found[part.start : part.stop] = latents.cpu().numpy()
        return found


class MotionFeatures:
    """Features of whole poses: those of all parts side by side.

    Attributes:
        codecs: part -> its trained autoencoder.
        space: what Fréchet distances in these features are named by.
    """

    def __init__(self, source: Resolved, data: MotionData) -> None:
        """The autoencoders of a trial, checked against the motion that they are to be used on.

        Raises:
            BadInput: other files than were named, no feature autoencoders, of other features or
                another rate, or more than 32 dimensions together.
        """
        place = Path(source.place)
        if (found := folder_hash(place)) != source.sha256:
            raise BadInput(f"{place}: the encoder is {found}, and {source.sha256} was named")
        self.codecs: dict[str, FeatureAutoencoder] = {}
        for part in data.facts.part_names:
            codec = load_codec(place / part)
            if not isinstance(codec, FeatureAutoencoder):
                raise BadInput(
                    f"{place}: is a codec {codec.family}; name a trial of codec=feature_autoencoder"
                )
            wanted = data.parts[part].dimensions
            if codec.dimensions != wanted or abs(codec.fps / data.fps - 1) > 1e-9:
                raise BadInput(
                    f"{place}: the encoder of {part} takes {codec.dimensions} features at "
                    f"{codec.fps:g} fps, and these are {wanted} at {data.fps:g} fps; train one here"
                )
            self.codecs[part] = codec
        dimensions = sum(c.whole("latent_dim") for c in self.codecs.values())
        if dimensions > MOST_DIMENSIONS:
            raise BadInput(
                f"{place}: features of all parts have {dimensions} dimensions, and "
                f"{MOST_DIMENSIONS} are the most; train it with a smaller latent_dim"
            )
        arrays = [c.arrays() for c in self.codecs.values()]
        facts = data.facts
        self.space = FeatureSpace(
            weights=array_hash(*(a for each in arrays for a in _weights(each).values())),
            data=f"{facts.data_hash}-{facts.split_hash}",
            normaliser=array_hash(*(each[name] for each in arrays for name in NORMALISER)),
            dimensions=dimensions,
        )

    def __call__(self, motion: Mapping[str, np.ndarray]) -> np.ndarray:
        """Features of one recording.

        Args:
            motion: part -> (frames, dimensions), of as many frames each.

        Returns:
            (vectors, dimensions) float32, one for every `compression` frames.
        """
        each = [codec.features(motion[part]) for part, codec in self.codecs.items()]
        shortest = min(map(len, each))
        return np.concatenate([features[:shortest] for features in each], axis=1)


def _weights(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What makes features: the encoder, not the decoder or the codebooks."""
    return {name: arrays[name] for name in sorted(arrays) if name.startswith("encoder.")}
