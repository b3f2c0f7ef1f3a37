"""From a submission to its place: rendering with a person's overlay, checks, and the four verbs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.places import kuberay, ledger, ray_up, slurm
from cluster.places.exposure import check_exposure
from cluster.places.software import check_ray
from cluster.places.submission import KubeRay, Slurm, State, Submission
from search_spaces.errors import BadInput


def rendered(submission: Submission, folder: Path | None = None) -> tuple[str, str]:
    """The manifest and the name of its file; needs no token, account or network.

    Args:
        submission: what is rendered.
        folder: where its files lie; the ledger's where left out.

    Raises:
        BadInput: the place lacks something, or strangers could reach the cluster.
    """
    folder = folder or ledger.folder_of(submission)
    place = submission.place
    if isinstance(place, Slurm):
        if submission.overlay:
            raise BadInput("submit slurm: --overlay is for YAML; give sbatch options by --sbatch")
        return slurm.render(submission, folder), slurm.MANIFEST
    overlay = _overlay(submission.overlay)
    if isinstance(place, KubeRay):
        documents = kuberay.render(submission)
        # The overlay is laid over the RayJob; other documents are theirs to apply.
        documents[-1] = laid_over(documents[-1], overlay)
        check_exposure(documents, "submit kuberay")
        return kuberay.text(documents), kuberay.MANIFEST
    document = laid_over(ray_up.render(submission, folder), overlay)
    check_exposure([document], "submit ray-up")
    return ray_up.text(document), ray_up.MANIFEST


def submit(submission: Submission) -> str:
    """Keeps and submits; harmless where it was submitted already. Says what happened."""
    check_ray()
    manifest, name = rendered(submission)
    folder = ledger.keep(submission, manifest, name)
    return _module(submission).submit(submission, folder)


def status(submission: Submission) -> tuple[State, str]:
    """Its state, and the place's own words."""
    return _module(submission).status(submission, ledger.folder_of(submission))


def logs(submission: Submission, follow: bool) -> str:
    """What it said; where it follows, it prints by itself."""
    return _module(submission).logs(submission, ledger.folder_of(submission), follow)


def stop(submission: Submission) -> str:
    """Stops it; the sweep's folder stays. Says what happened."""
    return _module(submission).stop(submission, ledger.folder_of(submission))


def laid_over(under: Any, over: Any) -> Any:
    """Mappings key by key; anything else, lists too, is replaced."""
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return over
    merged = dict(under)
    for key, value in over.items():
        merged[key] = laid_over(under[key], value) if key in under else value
    return merged


def _overlay(text: str) -> dict[str, Any]:
    try:
        overlay = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BadInput(f"--overlay: not valid YAML ({getattr(error, 'problem', error)})") from None
    if not isinstance(overlay, dict):
        raise BadInput("--overlay: must hold a mapping, laid over the RayJob or cluster")
    return overlay


def _module(submission: Submission) -> Any:
    return {"slurm": slurm, "kuberay": kuberay, "ray-up": ray_up}[submission.place.kind]
