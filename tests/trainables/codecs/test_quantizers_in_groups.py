"""Two workers train each quantizer as one with the whole batch does."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.space import Value
from tests.trainables.codecs.test_quantizer_choice import FRAMES, _data
from tests.trainables.codecs.test_rqvae import _Gloo
from trainables.codecs.rqvae import RQVAECodec
from trainables.runtime import PlainRuntime

CHOICES: dict[str, dict[str, Value]] = {
    "grouped": {"quantizer": "grouped_residual_vq", "groups": 2, "dead_code_share": 0.25},
    "residual fsq": {"quantizer": "residual_fsq"},
    "sim": {"quantizer": "sim_vq", "quantizer_dropout": 0.5},
    "anchored": {"dead_codes": "cvq_probabilistic", "codebook_init": "random"},
    "closest, cosine": {"dead_codes": "cvq_closest", "codebook_distance": "cosine"},
    "gradient": {"codebook_update": "gradient", "rotation_trick": False},
}


def _codec(changes: dict[str, Value]) -> RQVAECodec:
    config = complete({**FRAMES, "max_steps": 8, "quantizer_depth": 2, **changes})
    return RQVAECodec(config, "body", 9, 30.0, 0)


def _work(rank: int, store: str, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    for name, changes in CHOICES.items():
        codec = _codec(changes)
        codec.fit(_data(), _Gloo(rank))
        np.savez(f"{folder}/{name}-{rank}.npz", **codec.arrays())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arrays of every choice from each of two workers."""
    folder = tmp_path_factory.mktemp("group")
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_work, args=(rank, str(folder / "store"), str(folder)))
        for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
        assert worker.exitcode == 0
    return folder


@pytest.mark.parametrize("name", CHOICES)
def test_two_workers_train_one_codec(name: str, trained: Path) -> None:
    alone = _codec(CHOICES[name])
    alone.fit(_data(), PlainRuntime())
    first, second = (np.load(trained / f"{name}-{rank}.npz") for rank in range(2))
    for key, array in alone.arrays().items():
        assert np.array_equal(first[key], second[key]), f"{key} differs between workers"
        # The order of sums is all that differs from one worker with the whole batch.
        assert np.allclose(first[key], array, rtol=0, atol=2e-4), key


def test_signs_are_refused_in_a_group() -> None:
    with pytest.raises(BadInput, match="lfq trains in one worker"):
        _codec({"quantizer": "lfq", "quantizer_depth": 1}).fit(_data(), _Gloo(0))
