"""The third paper's claims V1 to V6, judged on a sweep of codecs of heatmaps: `heatmaps.html`."""
