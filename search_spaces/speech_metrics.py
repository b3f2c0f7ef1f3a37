"""Metrics of motion to speech by name: what is compared with the truth's own value, and the least
number of clips at which each says anything.

Beat alignment and diversity are best where real motion stands, not at their largest: noise has
both. A Fréchet distance is of the encoder that it is measured with, so its name is made, not fixed
(`frechet_metric`); values of two names are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from search_spaces.errors import BadInput
from search_spaces.objectives import Direction, Metric, Scope, register_metric

_PAPER = "EGGesture (ACM MM 2024), "
DIVERSITY_CLIPS = 40
"""Clips that a value of diversity is of: the paper's group."""
CLIPS_PER_DIMENSION = 10
"""Feature vectors per dimension that a Fréchet distance needs on either side."""


def _against_the_original(metric: Metric) -> Metric:
    """Registers a metric that is read against the original's, and the error that can be searched.

    The error is the absolute difference from the original's value on the same clips.
    """
    error = replace(
        metric,
        stem=f"{metric.stem}_error",
        direction=Direction.MIN,
        source=f"absolute difference from the original's; {metric.source}",
        title=f"{metric.title}, error",
    )
    register_metric(error)
    return register_metric(metric)


BEAT_ALIGNMENT_GESTURE = _against_the_original(
    Metric(
        "beat_alignment_gesture", "index", Direction.REFERENCE, Scope.TOTAL,
        _PAPER + "equation 13: mean over gesture beats of exp(-d^2 / 2 sigma^2), d to the nearest "
        "audio onset; mean over joints",
        "beat alignment of gestures",
    )
)  # fmt: skip
BEAT_ALIGNMENT_AUDIO = _against_the_original(
    Metric(
        "beat_alignment_audio", "index", Direction.REFERENCE, Scope.TOTAL,
        "EMAGE, TalkSHOW and BEAT code: mean over audio onsets of exp(-d^2 / 2 sigma^2), d to the "
        "nearest gesture beat; mean over joints",
        "beat alignment of onsets",
    )
)  # fmt: skip
DIVERSITY_PAIRWISE = _against_the_original(
    Metric(
        "l1div_pairwise_half", "cm", Direction.REFERENCE, Scope.TOTAL,
        _PAPER + "equation 14 over clips: half the mean over pairs of the L1 distance, summed over "
        "frames and coordinates",
        "L1 diversity between clips", pooling=f"over {DIVERSITY_CLIPS} clips",
    )
)  # fmt: skip
DIVERSITY_WITHIN = _against_the_original(
    Metric(
        "l1div_frame_mean", "cm", Direction.REFERENCE, Scope.TOTAL,
        "BEAT and EMAGE code: mean over frames of the L1 distance to the clip's mean pose, summed "
        "over coordinates",
        "L1 diversity within clips", pooling="mean over frames of all clips",
    )
)  # fmt: skip

ACCURACY = register_metric(
    Metric(
        "accuracy", "pct", Direction.MAX, Scope.TOTAL,
        "share of tokens whose code is the one that the codec gives the real motion, from speech "
        "alone, without given motion; mean over parts and levels",
        "accuracy of codes", pooling="pooled over recordings",
    )
)  # fmt: skip
PART_ACCURACY = register_metric(
    Metric(
        "code_accuracy", "pct", Direction.MAX, Scope.PARTS,
        "share of a part's tokens whose code is right; mean over levels",
        "accuracy of codes", pooling="pooled over recordings",
    )
)  # fmt: skip
BALANCED_ACCURACY = register_metric(
    Metric(
        "balanced_accuracy", "pct", Direction.MAX, Scope.TOTAL,
        "mean over codes that occur of the share of their tokens that is right; mean over parts "
        "and levels",
        "balanced accuracy of codes", pooling="pooled over recordings",
    )
)  # fmt: skip
MADE_UTILISATION = register_metric(
    Metric(
        "made_utilisation", "pct", Direction.MAX, Scope.TOTAL,
        "share of codes that are said at least once; mean over parts and levels",
        "codes in use in what is made", pooling="pooled over recordings",
    )
)  # fmt: skip
CODEC_RMSE = register_metric(
    Metric(
        "codec_rmse", "cm", Direction.MIN, Scope.POSE,
        "RMSE of the real motion through the codec alone: what the codes themselves lose",
        "RMSE of the codec",
    )
)  # fmt: skip
FRECHET = register_metric(
    Metric(
        "fid", "squared", Direction.MIN, Scope.TOTAL,
        "Fréchet distance in the feature autoencoder of the trial's own inputs, to be compared "
        "within a sweep alone; fid_HASH_nN_dD_squared is the same value under its whole name",
        "Fréchet gesture distance", pooling="over all feature vectors",
    )
)  # fmt: skip


@dataclass(frozen=True)
class FeatureSpace:
    """What a Fréchet distance is measured in.

    Attributes:
        weights: hash of the encoder's weights.
        data: hash of the motion that it was trained on.
        normaliser: hash of mean and scale that features go in with.
        dimensions: of its features.
    """

    weights: str
    data: str
    normaliser: str
    dimensions: int

    def __post_init__(self) -> None:
        for what in ("weights", "data", "normaliser"):
            if not getattr(self, what):
                raise BadInput(f"a Fréchet distance is named by its encoder's {what}; hash them")
        if self.dimensions < 1:
            raise BadInput(f"features need a dimension or more, got {self.dimensions}")

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the three hashes."""
        import hashlib

        text = "\0".join((self.weights, self.data, self.normaliser, str(self.dimensions)))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def least(self) -> int:
        """Feature vectors that either side needs."""
        return CLIPS_PER_DIMENSION * self.dimensions


def frechet_metric(space: FeatureSpace, n: int) -> Metric:
    """The Fréchet distance of so many feature vectors in a space: `fid_<hash>_n512_d32`."""
    return register_metric(
        Metric(
            f"fid_{space.digest}_n{n}_d{space.dimensions}", "squared", Direction.MIN, Scope.TOTAL,
            f"Fréchet distance of Gaussians fitted to {n} feature vectors of {space.dimensions} "
            f"dimensions; encoder {space.weights}, its data {space.data}, its normaliser "
            f"{space.normaliser}",
            "Fréchet gesture distance", pooling=f"over {n} feature vectors",
        )
    )  # fmt: skip
