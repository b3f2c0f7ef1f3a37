"""Which sweeps may be packed, and which gain nothing by it."""

from __future__ import annotations

import pytest

from cluster.packed.allowed import check_packed
from cluster.packed.hosts import PLACES_CPU, PLACES_GPU, places
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from tests.cluster.packed.made import job

PACKED = {"run": {"placement": "packed"}}


def test_codecs_of_motion_may_be_packed() -> None:
    spec = load_spec("rate_distortion", settings=("quantizer_backend=fused",), overrides=PACKED)
    assert check_packed(spec) == ""
    assert check_packed(load_spec("vqgan/table3")) == "", "nobody asked"


def test_what_would_train_one_by_one_is_said() -> None:
    advice = check_packed(load_spec("rate_distortion", overrides=PACKED))
    assert "quantizer_backend=fused" in advice and "\n" not in advice
    only = load_spec("rate_distortion", settings=("codec=kmeans",), overrides=PACKED)
    assert check_packed(only) == ""


def test_heatmaps_and_generators_are_refused() -> None:
    with pytest.raises(BadInput, match=r"vqgan.*--placement local"):
        check_packed(load_spec("vqgan/table3", overrides=PACKED))


def test_a_host_has_a_core_or_a_device() -> None:
    cluster = {"CPU": 8.0, "GPU": 2.0}
    assert places(job(), cluster, 0) == (8, PLACES_CPU)
    assert places(job(threads=4), cluster, 0) == (2, PLACES_CPU)
    assert places(job(gpus=1.0), cluster, 0) == (2, PLACES_GPU)
    assert places(job(members=3), cluster, 0) == (8, 3)
    assert places(job(threads=4), cluster, 6) == (2, 3), "six at a time"
    assert places(job(), cluster, 2) == (2, 1)
    with pytest.raises(BadInput, match="lower"):
        places(job(threads=9), cluster, 0)
