"""Writes the pinned manifests anew: `python -m tests.cluster.places.pin`, then read the diff."""

from __future__ import annotations

import ray

from cluster.places.dispatch import rendered
from tests.cluster.places.given import FOLDER, GOLDEN, PINNED

if __name__ == "__main__":
    for name, submission in PINNED.items():
        text = rendered(submission, FOLDER)[0]
        text = text.replace(f"rayVersion: {ray.__version__}", "rayVersion: RAY")
        (GOLDEN / name).write_text(text)
