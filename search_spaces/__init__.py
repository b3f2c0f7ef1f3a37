"""What may be tried, and the words that all rooms share. Knows no torch, no Ray, no motion file."""

# Names of codecs and metrics of heatmaps and speech are known wherever any name is asked for.
from search_spaces import (
    feature_families,
    heatmap_families,
    heatmap_metrics,
    speech_families,
    speech_metrics,
)

__all__ = [
    "feature_families",
    "heatmap_families",
    "heatmap_metrics",
    "speech_families",
    "speech_metrics",
]
