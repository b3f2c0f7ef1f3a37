"""LCBench: learning curves of small networks, by the surrogate of YAHPO Gym (Apache-2.0)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from cluster.replay.simulator import Report
from search_spaces.space import Config, Parameter, Space

EPOCHS = 52
RUNGS = (3, 9, 27, 52)
COLUMNS = (
    "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units",
    "max_dropout",
)  # fmt: skip


def size(config: Config) -> float:
    """log10 of the number of parameters: exact before training."""
    layers, units = int(config["num_layers"]), int(config["max_units"])
    widths = [64, *(max(2, round(units - i * (units - 2) / layers)) for i in range(layers)), 2]
    return float(np.log10(sum(a * b + b for a, b in pairwise(widths))))


class Size:
    """`size` as a known objective."""

    names = frozenset({"num_layers", "max_units"})

    def __call__(self, config: Config) -> np.ndarray:
        """(1,) log10 of the number of parameters."""
        return np.array([size(config)])


class LCBench:
    """One data set: size against log validation cross-entropy."""

    known = Size()
    levels = 1
    shares = tuple(e / EPOCHS for e in RUNGS)

    def __init__(self, folder: Path, instance: str) -> None:
        """Reads the surrogate."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.name = instance
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        codes = json.loads((folder / "encoding.json").read_text())
        self._code = codes["OpenML_task_id"][instance]
        described = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        by_name = {h["name"]: h for h in described}
        self.space = Space(
            parameters=tuple(
                Parameter(
                    name=n, low=by_name[n]["lower"], high=by_name[n]["upper"],
                    log=by_name[n]["log"], integer=by_name[n]["type"] == "uniform_int",
                )
                for n in COLUMNS
            )
        )  # fmt: skip
        self._cache: dict[str, Sequence[Report]] = {}

    def outputs(self, configs: Sequence[Config], epochs: Sequence[int]) -> np.ndarray:
        """(configs, epochs, 2): seconds and cross-entropy."""
        rows = [[float(e), *(float(c[n]) for n in COLUMNS)] for c in configs for e in epochs]
        names = [i.name for i in self._session.get_inputs()]
        code = np.full((len(rows), 1), self._code, np.int32)
        found = self._session.run(None, {names[0]: code, names[1]: np.array(rows, np.float32)})[0]
        return np.asarray(found)[:, [0, 2]].reshape(len(configs), len(epochs), 2)

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """Its curve at the rungs."""
        found = self.outputs([config], RUNGS)[0]
        seconds = np.maximum.accumulate(np.maximum(found[:, 0], 1e-3))
        rate = size(config)
        return [
            Report(e / EPOCHS, float(s), np.array([[rate, float(np.log(max(v, 1e-9)))]]))
            for e, s, v in zip(RUNGS, seconds, found[:, 1], strict=True)
        ]

    def sample(self, count: int, seed: int) -> tuple[list[Config], np.ndarray, np.ndarray]:
        """Random configurations, their (count, 2) ends and seconds."""
        from cluster.searchers.rate_aware.encoding import Encoding

        encoding = Encoding(self.space)
        rng = np.random.default_rng(seed)
        configs = [encoding.at(u) for u in rng.random((count, encoding.labels))]
        found = self.outputs(configs, [EPOCHS])[:, 0]
        points = np.column_stack(
            [[size(c) for c in configs], np.log(np.maximum(found[:, 1], 1e-9))]
        )
        return configs, points, found[:, 0]

    def works(self, config: Config) -> bool:
        """Every configuration does."""
        return True
