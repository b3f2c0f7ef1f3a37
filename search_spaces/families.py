"""Codec families: what each codec's configuration may say and what rate follows from it.

A family knows no tensor: its keys with defaults and limits, the alphabet of each quantizer level,
and its compression in time. That is enough for a closed-form rate before anything is trained. The
class that trains stands in `trainables.codecs`; a plugin registers both from one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from search_spaces.errors import BadInput
from search_spaces.guidance_keys import GUIDANCE_KEYS
from search_spaces.keys import Fingerprint, checked
from search_spaces.keys import Key as Key
from search_spaces.keys import key as key
from search_spaces.keys import there_are as there_are
from search_spaces.network_keys import CODES, SCALING_MEANING, SWITCH, network_keys
from search_spaces.network_keys import SCALINGS as SCALINGS
from search_spaces.quantizers import quantized_alphabet
from search_spaces.space import Config, Space, Value, base_key, distinct, int_for

Alphabet = Callable[[Mapping[str, Value], str], tuple[int, ...]]
TokenRate = Callable[[Mapping[str, Value], float], float]
Medium = Literal["motion", "heatmaps"]
"""What a codec codes: features of a skeleton's motion, or pictures of it."""


@dataclass(frozen=True)
class CodecFamily:
    """Everything about a codec that is known without training it.

    Attributes:
        name: value of the key `codec`.
        keys: what its configuration holds besides `codec`.
        alphabet: (config, part) -> alphabet size of each level.
        compression_key: key of the frames per token in time, "" for one token per frame.
        residual: whether decoding the first q levels alone gives a pose (prefix points).
        trained: whether it learns in steps (has a learning curve) or in one shot.
        title: for legends.
        medium: what it codes.
        token_rate: (config, frames per second) -> tokens a second, for a codec with more than one
            token at a time; None where it has one every `compression` frames.
        rate_keys: keys that the rate follows from. `codec`, keys without a default and the
            compression key always count, so they may be left out.
    """

    name: str
    keys: tuple[Key, ...]
    alphabet: Alphabet
    title: str
    compression_key: str = ""
    residual: bool = False
    trained: bool = True
    rate_keys: frozenset[str] = frozenset()
    medium: Medium = "motion"
    token_rate: TokenRate | None = None

    def __post_init__(self) -> None:
        always = {"codec", self.compression_key, *self.required} - {""}
        object.__setattr__(self, "rate_keys", self.rate_keys | always)

    @property
    def required(self) -> tuple[str, ...]:
        """Keys without a default."""
        return tuple(k.name for k in self.keys if k.default is None)

    def key_of(self, name: str) -> Key | None:
        """The key that a name means, a part's suffix left out; None where it has no such key."""
        return self._by_name.get(base_key(name, self._by_name))

    @cached_property
    def _by_name(self) -> dict[str, Key]:
        return {k.name: k for k in self.keys}

    def checked(self, name: str, value: Value) -> Value:
        """A value of one of its keys, as the key's type.

        Raises:
            BadInput: no such key, or a value outside its limits.
        """
        known = self.key_of(name)
        if known is None:
            has = [k.name for k in self.keys]
            raise BadInput(f"codec {self.name} has no parameter {name!r}; {there_are(name, has)}")
        return checked(known, name, value)

    def compression(self, config: Mapping[str, Value], part: str = "") -> int:
        """Frames per token."""
        return int_for(config, self.compression_key, part) if self.compression_key else 1

    def complete(self, config: Mapping[str, Value]) -> Config:
        """A configuration with defaults filled in, types and limits checked.

        Raises:
            BadInput: an unknown key, a missing one, or a value outside its limits.
        """
        full: Config = {"codec": self.name}
        for k in self.keys:
            if k.default is not None:
                full[k.name] = k.default
        for name, value in config.items():
            if name != "codec":
                full[name] = self.checked(name, value)
        missing = [k for k in self.required if k not in full]
        if missing:
            raise BadInput(
                f"codec {self.name} needs {', '.join(missing)}; add --set {missing[0]}=VALUE"
            )
        # A part that says what all parts say is the same configuration, and has one identity.
        names = {"codec", *self._by_name}
        tied = [n for n in full if n not in names and full[n] == full[base_key(n, names)]]
        return {n: value for n, value in full.items() if n not in tied}


_FAMILIES: dict[str, CodecFamily] = {}


@dataclass(frozen=True)
class Generator:
    """A system that makes motion from a codec's tokens.

    A configuration of it holds its own keys beside those of the codec that `conditioning` names,
    and has that codec's rates.

    Attributes:
        name: value of the key `codec`.
        keys: its own; their names must be no codec's.
        title: for legends.
        joint_key: the switch with which its trial trains the codec itself; "" for none.
        second_input: key of the hash of another input beside the codec; "" for none.
    """

    name: str
    keys: tuple[Key, ...]
    title: str
    joint_key: str = ""
    second_input: str = ""


_GENERATORS: dict[str, Generator] = {}


def register_family(family: CodecFamily) -> CodecFamily:
    """Makes a codec's name usable in configurations; the same family twice is harmless."""
    if family.name in _FAMILIES and _FAMILIES[family.name].keys != family.keys:
        raise BadInput(f"two codec families are called {family.name!r}; rename one")
    _FAMILIES[family.name] = family
    return family


def register_generator(generator: Generator) -> Generator:
    """Makes a generator's name usable in configurations; the same one twice is harmless."""
    known = _GENERATORS.get(generator.name, generator)
    if generator.name in _FAMILIES or known.keys != generator.keys:
        raise BadInput(f"two systems are called {generator.name!r}; rename one")
    _GENERATORS[generator.name] = generator
    return generator


def families() -> tuple[CodecFamily, ...]:
    """All registered codec families, in order of registration; generators are none."""
    return tuple(_FAMILIES.values())


def generators() -> tuple[Generator, ...]:
    """All registered generators."""
    return tuple(_GENERATORS.values())


def is_generator(config: Mapping[str, Value]) -> bool:
    """Whether a configuration is one of a generator."""
    return config.get("codec") in _GENERATORS


def awaits_codec(config: Mapping[str, Value]) -> bool:
    """Whether a configuration is of a generator that is given a codec of another trial."""
    generator = _GENERATORS.get(str(config.get("codec")))
    return generator is not None and not (generator.joint_key and config[generator.joint_key])


def family_of(config: Mapping[str, Value]) -> CodecFamily:
    """The family that a configuration names; BadInput that lists the families otherwise.

    A generator's is put together of its own keys and those of the codec it is conditioned on, or
    of all codecs where the configuration does not say which.
    """
    name = config.get("codec")
    if name in _GENERATORS:
        return _conditioned(_GENERATORS[str(name)], config.get(CONDITIONING))
    if name not in _FAMILIES:
        said = "no codec is given" if name is None else f"no codec {name!r}"
        raise BadInput(f"{said}; {there_are(name, [*_FAMILIES, *_GENERATORS])}")
    return _FAMILIES[str(name)]


def _conditioned(generator: Generator, conditioning: Value | None) -> CodecFamily:
    usable_codecs = [f.name for f in _FAMILIES.values() if f.medium == "motion"]
    if conditioning is not None and conditioning not in usable_codecs:
        raise BadInput(f"no codec {conditioning!r} to be conditioned on; "
                       f"{there_are(conditioning, usable_codecs)}")  # fmt: skip
    inner = [_FAMILIES[name] for name in usable_codecs if conditioning in (None, name)]
    own = (key(CONDITIONING, None, "codec whose tokens it is given",
               choices=tuple(f.name for f in inner)), _INPUT, *generator.keys)  # fmt: skip
    if generator.second_input:
        own = (
            *own,
            replace(_INPUT, parameter=Fingerprint(name=generator.second_input, choices=("",))),
        )
    theirs: dict[str, Key] = {}
    for k in (k for family in inner for k in family.keys):
        everywhere = all(k.name in family.required for family in inner)
        # What one codec needs is not asked of a configuration that does not say its codec yet.
        usable = k if k.default is not None or everywhere else replace(k, default=k.parameter.low)
        theirs.setdefault(k.name, usable)
    return CodecFamily(
        name=generator.name,
        title=generator.title,
        keys=(*own, *theirs.values()),
        alphabet=inner[0].alphabet,
        compression_key=inner[0].compression_key if len(inner) == 1 else "",
        rate_keys=frozenset({CONDITIONING}.union(*(f.rate_keys for f in inner))),
    )


def conditioning_codec(config: Mapping[str, Value]) -> Config:
    """The configuration of the codec that a generator's configuration is conditioned on."""
    family = family_of({"codec": config[CONDITIONING]})
    return {"codec": family.name, **{k: v for k, v in config.items() if family.key_of(k)}}


def codecs_of(space: Space) -> tuple[str, ...]:
    """Names of the codecs that a space may propose, in its order; registered or not."""
    always = [v for k, v in space.fixed.items() if k == "codec"]
    if space.cells:
        named = [v for c in space.cells if (v := c.get("codec", space.fixed.get("codec")))]
    else:
        named = [v for p in space.parameters if p.name == "codec" for v in p.values()] or always
    return tuple(map(str, distinct(named)))


def complete(config: Mapping[str, Value]) -> Config:
    """A configuration with its family's defaults, checked."""
    return family_of(config).complete(config)


def known_keys() -> set[str]:
    """Every configuration key that some family or generator has."""
    own = {CONDITIONING, INPUT, *(g.second_input for g in generators())} - {""}
    own = own if _GENERATORS else set()
    keys = [s.keys for s in _FAMILIES.values()] + [s.keys for s in _GENERATORS.values()]
    return {"codec", *own, *(k.name for each in keys for k in each)}


CONDITIONING, INPUT = "conditioning", "input"
_INPUT = Key(
    Fingerprint(name=INPUT, choices=("",)),
    "",
    "hash of a codec that was trained elsewhere; nothing where this sweep trains it",
)


NETWORK_STARTS = ("random", "principal")
NETWORK_START = key(
    "network_start",
    "principal",
    "first weights: at random, or projection on principal components and back",
    choices=NETWORK_STARTS,
)
_QUANTIZED = frozenset({"codec", "codebook_size", "quantizer_depth", "quantizer", "groups"})


KMEANS_BACKENDS = ("auto", "sklearn", "minibatch", "torch")

KMEANS = register_family(
    CodecFamily(
        name="kmeans",
        title="K-Means",
        trained=False,
        keys=(
            key("codebook_size", None, "clusters (the paper's k)", **CODES),
            key("feature_scaling", "none", SCALING_MEANING, choices=SCALINGS),
            key("iterations", 100, "Lloyd iterations at most", low=1, high=1e4, integer=True),
            key(
                "kmeans_backend",
                "auto",
                "who clusters: scikit-learn, its mini-batches, ours (torch on a GPU); auto is "
                "scikit-learn where that takes seconds, else ours",
                choices=KMEANS_BACKENDS,
            ),
        ),
        alphabet=lambda config, part: (int_for(config, "codebook_size", part),),
        rate_keys=frozenset({"codec", "codebook_size"}),
    )
)

RQVAE = register_family(
    CodecFamily(
        name="rqvae",
        title="RQ-VAE",
        residual=True,
        keys=(
            *network_keys(1e-3, batch_frames=256, rotation_trick=False, decoder_share=0.3),
            NETWORK_START,
            key("linear_path", False, "a linear map beside the layers", choices=SWITCH),
        ),
        alphabet=quantized_alphabet,
        rate_keys=_QUANTIZED,
    )
)

TEMPORAL_RVQ = register_family(
    CodecFamily(
        name="temporal_rvq",
        title="temporal RVQ",
        residual=True,
        compression_key="compression",
        keys=(
            *network_keys(1e-3, batch_frames=512, rotation_trick=True, decoder_share=0.0),
            key("compression", 4, "frames per token in time", choices=(1, 2, 4, 8)),
            key("window", 64, "frames per training window", choices=(16, 32, 64, 128, 256)),
        ),
        alphabet=quantized_alphabet,
        rate_keys=_QUANTIZED | {"compression"},
    )
)

_SIZES: dict[str, Value] = {
    "codebook_size": 512,
    "quantizer_depth": 1,
    "latent_dim": 256,
    "dead_codes": "none",
}
_KEPT = frozenset({"quantizer", "groups"})
"""Keys that a codec of guided codes lacks: its codebooks are those of residual quantization."""

EG_VQVAE = register_family(
    CodecFamily(
        name="eg_vqvae",
        title="EG-VQVAE",
        residual=True,
        compression_key="compression",
        keys=(
            *(
                replace(k, default=_SIZES.get(k.name, k.default))
                for k in network_keys(1e-3, 512, rotation_trick=False, decoder_share=0.0)
                if k.name not in _KEPT
            ),
            NETWORK_START,
            key("compression", 4, "frames per token in time", choices=(1, 2, 4, 8)),
            key("window", 64, "frames per training window", choices=(16, 32, 64, 128, 256)),
            *GUIDANCE_KEYS,
        ),
        alphabet=quantized_alphabet,
        rate_keys=_QUANTIZED - _KEPT | {"compression"},
    )
)  # fmt: skip

_COUNT = {"low": 1, "high": 64, "integer": True}
FLOW_MATCHING = register_generator(
    Generator(
        name="flow_matching",
        title="flow matching",
        keys=(
            key("flow.width", 96, "channels", low=8, high=2048, integer=True, step=8),
            key("flow.blocks", 1, "transformer blocks a stage", **{**_COUNT, "low": 0}),
            key("flow.middle", 2, "stages at half the rate", **_COUNT),
            key("flow.heads", 2, "attention heads", **_COUNT),
            key("flow.head_dim", 32, "width of a head", low=4, high=512, integer=True),
            key("flow.dropout", 0.05, "in transformer blocks", low=0.0, high=0.9),
            key("flow.learning_rate", 1e-3, "Adam's, cosine decay to 5 %", low=1e-6, high=1.0),
            key("flow.window", 64, "frames per training window", low=8, high=4096, integer=True),
            key("flow.batch_frames", 1024, "frames per step", low=8, high=1e6, integer=True),
            key("flow.epochs", 200, "passes over the training frames", low=1, high=1e6,
                integer=True),
            key("flow.max_steps", 1500, "steps at most", low=1, high=1e8, integer=True),
            key("flow.condition_dropout", 0.1, "share of windows trained without tokens", low=0.0,
                high=0.99),
            key("flow.guidance", 1.0, "classifier-free: 0 free, 1 conditioned, above 1 beyond",
                low=0.0, high=100.0),
            key("flow.steps", 10, "Euler steps of a sample", low=1, high=10000, integer=True),
            key("flow.temperature", 0.667, "spread of the noise it starts from", low=0.0,
                high=10.0),
            key("flow.samples", 2, "samples of every held-out recording", low=1, high=1000,
                integer=True),
        ),
    )
)  # fmt: skip
