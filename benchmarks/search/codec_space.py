"""Which codecs the recorded table holds: a conditional space, sampled in strata by Sobol.

The space is `rate_distortion` with the quantizers by name beside residual VQ, and with more of what
each codec may be told. Nobody picked a configuration: each stratum takes the first points of one
scrambled Sobol sequence over the whole space, its own codec and quantizer put in their place, that
can work and that differ. K-Means is its whole grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cluster.searchers.rate_aware.encoding import Encoding, sobol
from search_spaces.families import complete
from search_spaces.space import Config, Parameter, Space, canonical

NEURAL = ("rqvae", "temporal_rvq")
QUANTIZERS = ("residual_vq", "cosine_vq", "grouped_residual_vq", "residual_fsq", "sim_vq", "fsq",
              "lfq")  # fmt: skip
"""Values of the key `quantizer` here; `cosine_vq` is residual VQ by the cosine."""

FIXED: Config = {"max_steps": 300, "batch_frames": 256, "iterations": 50}
WINDOWED: Config = {"batch_frames": 512, "decoder_share": 0.3}
"""With codes and encoder at rest in the end, as RQ-VAE's default has it, distortion settles."""

SEED = 20261121
_LEARNT = ("residual_vq", "cosine_vq", "grouped_residual_vq")
_LEVELS = ("residual_vq", "cosine_vq", "residual_fsq", "sim_vq")
_SMALL = tuple(2**i for i in range(3, 10))
_LARGE = tuple(2**i for i in range(3, 13))


def space() -> Space:
    """What a searcher may propose; `whole` makes a codec's configuration of a proposal."""
    neural = {"codec": NEURAL}
    return Space(
        parameters=(
            Parameter(name="codec", choices=("kmeans", *NEURAL)),
            Parameter(name="quantizer", when=neural, choices=QUANTIZERS),
            Parameter(name="codebook_size", when={"codec": ("kmeans",)}, choices=_LARGE),
            Parameter(
                name="codebook_size", when={**neural, "quantizer": ("fsq", "lfq")}, choices=_LARGE
            ),
            Parameter(
                name="codebook_size",
                when={**neural, "quantizer": (*_LEVELS, "grouped_residual_vq")},
                choices=_SMALL,
            ),
            Parameter(
                name="quantizer_depth", when={"quantizer": _LEVELS}, low=1, high=8, integer=True
            ),
            Parameter(
                name="quantizer_depth",
                when={"quantizer": ("grouped_residual_vq",)},
                low=1,
                high=4,
                integer=True,
            ),
            Parameter(name="compression", when={"codec": ("temporal_rvq",)}, choices=(1, 2, 4, 8)),
            Parameter(name="feature_scaling", choices=("none", "fk_jacobian")),
            Parameter(name="latent_dim", when=neural, choices=(16, 32, 64)),
            Parameter(name="hidden_dim", when=neural, choices=(64, 128)),
            Parameter(name="learning_rate", when=neural, low=3e-4, high=5e-3, log=True),
            Parameter(name="loss.position", when=neural, choices=(0.0, 0.3, 1.0, 3.0)),
            Parameter(
                name="commitment",
                when={"quantizer": (*_LEARNT, "sim_vq", "lfq")},
                low=0.02,
                high=1.0,
                log=True,
            ),
            Parameter(name="decay", when={"quantizer": _LEARNT}, choices=(0.8, 0.9, 0.95, 0.99)),
            Parameter(
                name="quantizer_dropout",
                when={"quantizer_depth": tuple(range(2, 9))},
                choices=(0.0, 0.2, 0.5),
            ),
        )
    )


def whole(proposal: Config) -> Config:
    """The codec's complete configuration that a proposal stands for."""
    config: Config = dict(proposal)
    known = set(FIXED) - ({"max_steps", "batch_frames"} if config["codec"] == "kmeans" else set())
    known -= set() if config["codec"] == "kmeans" else {"iterations"}
    fixed = {k: FIXED[k] for k in known}
    if config["codec"] == "temporal_rvq":
        fixed |= WINDOWED
    if config.get("quantizer") == "cosine_vq":
        config |= {"quantizer": "residual_vq", "codebook_distance": "cosine"}
    if config.get("quantizer") in ("fsq", "lfq"):
        config["quantizer_depth"] = 1
    if config.get("quantizer") == "grouped_residual_vq":
        config["groups"] = 2
    return complete({**fixed, **config})


@dataclass(frozen=True)
class Stratum:
    """So many configurations of one codec and quantizer."""

    codec: str
    quantizer: str
    count: int


STRATA = (
    Stratum("rqvae", "residual_vq", 100),
    Stratum("temporal_rvq", "residual_vq", 150),
    *(Stratum(c, q, 13) for c in NEURAL for q in QUANTIZERS if q != "residual_vq"),
)


def plan(works: Callable[[Config], bool]) -> list[Config]:
    """Proposals to record, in a fixed order in which no stratum waits for another.

    Args:
        works: whether a complete configuration can be run; such as cannot are passed over.
    """
    found = [p for p in _grid_of_kmeans() if works(whole(p))]
    whole_space = space()
    encoding = Encoding(whole_space)
    places = {p.name: i for i, p in enumerate(whole_space.parameters[:2])}
    for number, stratum in enumerate(STRATA):
        taken: dict[str, Config] = {}
        for cube in sobol(encoding.labels, 8 * stratum.count, SEED + number):
            for name, value in (("codec", stratum.codec), ("quantizer", stratum.quantizer)):
                choices = whole_space.parameters[places[name]].choices or ()
                cube[places[name]] = (choices.index(value) + 0.5) / len(choices)
            proposal = encoding.at(cube)
            if len(taken) < stratum.count and works(whole(proposal)):
                taken.setdefault(canonical(proposal), proposal)
        found += taken.values()
    order = np.random.default_rng(SEED).permutation(len(found))
    return [found[i] for i in order]


def _grid_of_kmeans() -> list[Config]:
    return [
        {"codec": "kmeans", "codebook_size": size, "feature_scaling": scaling}
        for size in _LARGE
        for scaling in ("none", "fk_jacobian")
    ]
