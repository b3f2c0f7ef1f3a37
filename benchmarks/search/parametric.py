"""Invented codecs whose true front is known: what a searcher is worth where nothing is recorded.

Final log distortion is a law of the rate plus a penalty that is 0 at one setting of the remaining
keys, which moves with the rate; so the front is the law itself, and volumes are shares of it. Three
families: `known-residual` (prefixes, a power law), `known-single` (one point a trial, exponential
down to a floor), `known-families` (three codecs under conditions, each the best one in a band of
rates, with ripples in the penalty).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from cluster.replay.simulator import Report
from search_spaces.errors import BadInput
from search_spaces.space import Config, Parameter, Space, canonical

SHARES = (1 / 27, 1 / 9, 1 / 3, 1.0)
FPS = 30.0
NOISE = 0.005
"""Standard deviation of log distortion, of each report."""
PREFIX = 0.03
"""Log distortion that a first level loses for having been trained with all the others."""
_SIZES = tuple(2**b for b in range(3, 11))
_DEPTHS = tuple(range(1, 9))
_NUISANCES = (
    Parameter(name="learning_rate", low=1e-5, high=1e-1, log=True),
    Parameter(name="width", low=16, high=512, log=True, integer=True),
    Parameter(name="decay", low=0.5, high=0.999),
    Parameter(name="commitment", low=0.01, high=10.0, log=True),
)
RATE_KEYS = frozenset({"codec", "codes", "depth", "compression"})

Law = Callable[[str, np.ndarray], np.ndarray]
"""Codec, bits per second -> log distortion at its best."""


@dataclass(frozen=True)
class Shape:
    """One family of problems.

    Attributes:
        space: what may be tried.
        law: what the front is made of.
        ripple: height of the waves in the penalty.
    """

    space: Space
    law: Law
    ripple: float = 0.0


def _power(codec: str, rate: np.ndarray) -> np.ndarray:
    return np.asarray(math.log(60.0) - 0.45 * np.log(rate))


def _floored(codec: str, rate: np.ndarray) -> np.ndarray:
    return np.log(8.0 * np.exp(-rate / 110.0) + 0.6)


def _bands(codec: str, rate: np.ndarray) -> np.ndarray:
    start, slope = {"clusters": (3.0, 0.20), "frames": (4.3, 0.46), "spans": (3.3, 0.27)}[codec]
    return np.asarray(start - slope * np.log(rate))


def _in(codec: str, parameter: Parameter) -> Parameter:
    return parameter.model_copy(update={"when": {"codec": (codec,)}})


_CODES = Parameter(name="codes", choices=_SIZES)
_DEPTH = Parameter(name="depth", choices=_DEPTHS)
_COMPRESSION = Parameter(name="compression", choices=(1, 2, 4, 8))
SHAPES = {
    "known-residual": Shape(Space(parameters=(_CODES, _DEPTH, *_NUISANCES)), _power),
    "known-single": Shape(
        Space(parameters=(
            Parameter(name="codes", low=8, high=4096, log=True, integer=True), _COMPRESSION,
            *_NUISANCES,
        )), _floored,
    ),
    "known-families": Shape(
        Space(parameters=(
            Parameter(name="codec", choices=("clusters", "frames", "spans")), _CODES,
            _in("frames", _DEPTH), _in("spans", _DEPTH), _in("spans", _COMPRESSION),
            *(_in(c, p) for c in ("frames", "spans") for p in _NUISANCES),
        )), _bands, ripple=0.08,
    ),
}  # fmt: skip


class Parametric:
    """One of `SHAPES` as a task."""

    shares = SHARES

    def __init__(self, name: str) -> None:
        """By name; BadInput where there is none."""
        if name not in SHAPES:
            raise BadInput(f"no family {name}; there are {', '.join(SHAPES)}")
        self.name = name
        self._shape = SHAPES[name]
        self.space = self._shape.space
        self.known = Rate()
        self.levels = len(_DEPTHS) if any(p.name == "depth" for p in self.space.parameters) else 1

    def front(self) -> np.ndarray:
        """(n, 2) of every rate that there is: log rate, and log distortion without penalty."""
        codecs = next((p.choices or () for p in self.space.parameters if p.name == "codec"), ("",))
        points = []
        for codec in codecs:
            base: Config = {"codec": codec} if codec else {}
            keys = [
                p for p in self.space.parameters
                if p.name in RATE_KEYS and p.name != "codec" and p.active(base)
            ]  # fmt: skip
            for values in product(*(p.values() for p in keys)):
                config = base | dict(zip([p.name for p in keys], values, strict=True))
                rate = np.exp(self.known(config)[-1:])
                points.append([np.log(rate[0]), self._shape.law(str(codec), rate)[0]])
        return np.array(points)

    def ends(self, config: Config) -> np.ndarray:
        """(prefixes, 2) without noise."""
        logs = self.known(config)
        codec = str(config.get("codec", ""))
        levels = len(logs)
        lost = PREFIX * (1 - np.arange(1, levels + 1) / levels)
        values = self._shape.law(codec, np.exp(logs)) + self._penalty(config) + lost
        return np.column_stack([logs, values])

    def run(self, config: Config, seed: int) -> Sequence[Report]:
        """Its curve; a codec without a learning rate has its end alone."""
        ends = self.ends(config)
        rng = np.random.default_rng([seed, zlib.crc32(canonical(config).encode())])
        if "learning_rate" not in config:
            return [Report(1.0, 4.0, ends + [0.0, NOISE] * rng.standard_normal(ends.shape))]
        slow = 0.12 * max(0.0, -2.5 - math.log10(float(config["learning_rate"]))) + 0.05
        seconds = 60.0 * (float(config["width"]) / 128) ** 0.5 * (0.7 + 0.3 * len(ends))
        reports = []
        for share in SHARES:
            value = ends.copy()
            value[:, 1] += slow * (share**-0.4 - 1) + NOISE * rng.standard_normal(len(ends))
            reports.append(Report(share, share * seconds, value))
        return reports

    def sample(self, count: int, seed: int) -> tuple[list[Config], np.ndarray, np.ndarray]:
        """Random configurations, the ends of all their prefixes, and seconds."""
        from cluster.searchers.rate_aware.encoding import Encoding

        encoding = Encoding(self.space)
        rng = np.random.default_rng(seed)
        configs = [encoding.at(u) for u in rng.random((count, encoding.labels))]
        points = np.concatenate([self.ends(c) for c in configs])
        return configs, points, np.array([self.run(c, 0)[-1].seconds for c in configs])

    def works(self, config: Config) -> bool:
        """Every configuration does."""
        return True

    def _penalty(self, config: Config) -> float:
        """0 at one setting of the free keys, which moves with size and depth."""
        if "learning_rate" not in config:
            return 0.0
        bits, depth = math.log2(float(config["codes"])), float(config.get("depth", 1))
        width = math.log2(float(config["width"]))
        apart = np.array(
            [
                (math.log10(float(config["learning_rate"])) + 2.0 + 0.15 * (width - 4)) / 1.2,
                (width - min(8.5, 5.0 + 0.2 * bits + 0.15 * depth)) / 2.5,
                (float(config["decay"]) - (0.95 - 0.02 * bits)) / 0.25,
                (math.log10(float(config["commitment"])) + 0.5) / 1.5,
            ]
        )
        weights = np.array([0.25, 0.15, 0.08, 0.04])
        waves = self._shape.ripple * (1 - np.cos(2 * np.pi * apart / 0.9)).mean()
        bowl = weights @ (apart**2 / (1 + 0.15 * apart**2))
        return float(bowl + waves)


class Rate:
    """Log bits per second of every prefix."""

    names = RATE_KEYS

    def __call__(self, config: Config) -> np.ndarray:
        """(prefixes,) ascending."""
        bits = math.log2(float(config["codes"]))
        levels = np.arange(1, int(config.get("depth", 1)) + 1)
        return np.log(FPS * bits * levels / float(config.get("compression", 1)))
