"""Codec families: what each codec's configuration may say and what rate follows from it.

A family knows no tensor: its keys with defaults and limits, the alphabet of each quantizer level,
and its compression in time. That is enough for a closed-form rate before anything is trained. The
class that trains stands in `trainables.codecs`; a plugin registers both from one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from search_spaces.errors import BadInput
from search_spaces.space import Config, Parameter, Value, base_key, int_for

Alphabet = Callable[[Mapping[str, Value], str], tuple[int, ...]]


@dataclass(frozen=True)
class Key:
    """One configuration key of a family: its limits, its default, and what it means."""

    parameter: Parameter
    default: Value | None
    meaning: str

    @property
    def name(self) -> str:
        """The key."""
        return self.parameter.name


def key(name: str, default: Value | None, meaning: str, **limits: object) -> Key:
    """A key; `default=None` means that it must be given."""
    return Key(Parameter.model_validate({"name": name, **limits}), default, meaning)


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
    """

    name: str
    keys: tuple[Key, ...]
    alphabet: Alphabet
    title: str
    compression_key: str = ""
    residual: bool = False
    trained: bool = True
    rate_keys: frozenset[str] = field(default=frozenset({"codec"}))

    def compression(self, config: Mapping[str, Value], part: str = "") -> int:
        """Frames per token."""
        return int_for(config, self.compression_key, part) if self.compression_key else 1

    def complete(self, config: Mapping[str, Value]) -> Config:
        """A configuration with defaults filled in, types and limits checked.

        Raises:
            BadInput: an unknown key, a missing one, or a value outside its limits.
        """
        known = {k.name: k for k in self.keys}
        full: Config = {"codec": self.name}
        for k in self.keys:
            if k.default is not None:
                full[k.name] = k.default
        for name, value in config.items():
            if name == "codec":
                continue
            if base_key(name) not in known:
                raise BadInput(
                    f"codec {self.name} has no parameter {name!r}; it has {', '.join(known)}"
                )
            full[name] = _checked(known[base_key(name)], name, value)
        missing = [k for k in known if k not in full]
        if missing:
            raise BadInput(f"codec {self.name} needs {', '.join(missing)}; set it with --set")
        return full


def _checked(known: Key, name: str, value: Value) -> Value:
    parameter = known.parameter
    if parameter.choices is None and not isinstance(value, str):
        value = int(value) if parameter.integer and float(value).is_integer() else value
        value = float(value) if not parameter.integer else value
    if not parameter.contains(value):
        limits = (
            "one of " + ", ".join(map(str, parameter.choices))
            if parameter.choices is not None
            else f"{'a whole number ' if parameter.integer else ''}from {parameter.low:g} "
            f"to {parameter.high:g}"
        )
        raise BadInput(f"{name} must be {limits}, got {value!r}")
    return value


_FAMILIES: dict[str, CodecFamily] = {}


def register_family(family: CodecFamily) -> CodecFamily:
    """Makes a codec's name usable in configurations; the same family twice is harmless."""
    if family.name in _FAMILIES and _FAMILIES[family.name].keys != family.keys:
        raise BadInput(f"two codec families are called {family.name!r}; rename one")
    _FAMILIES[family.name] = family
    return family


def families() -> tuple[CodecFamily, ...]:
    """All registered families, in order of registration."""
    return tuple(_FAMILIES.values())


def family_of(config: Mapping[str, Value]) -> CodecFamily:
    """The family that a configuration names; BadInput that lists the families otherwise."""
    name = config.get("codec")
    if name not in _FAMILIES:
        raise BadInput(f"no codec {name!r}; there are {', '.join(_FAMILIES)}")
    return _FAMILIES[str(name)]


def complete(config: Mapping[str, Value]) -> Config:
    """A configuration with its family's defaults, checked."""
    return family_of(config).complete(config)


def known_keys() -> set[str]:
    """Every configuration key that some family has."""
    return {"codec"} | {k.name for f in _FAMILIES.values() for k in f.keys}


def _residual_alphabet(config: Mapping[str, Value], part: str) -> tuple[int, ...]:
    size = int_for(config, "codebook_size", part)
    return (size,) * int_for(config, "quantizer_depth", part)


_CODES = {"low": 1, "high": 65536, "integer": True}

_NETWORK_KEYS = (
    key("codebook_size", None, "codes per level (the paper's D)", **_CODES),
    key("quantizer_depth", None, "levels (the paper's Q)", low=1, high=32, integer=True),
    key("latent_dim", 64, "width of the quantized vector", low=1, high=1024, integer=True),
    key("hidden_dim", 256, "width of hidden layers", low=4, high=4096, integer=True),
    key("learning_rate", 1e-3, "Adam's step size, cosine decay to 5 %", low=1e-6, high=1.0),
    key("loss.angle", 1.0, "weight of the squared error of z-scored features", low=0, high=1e4),
    key("loss.position", 0.0, "weight of the squared joint position error", low=0, high=1e4),
    key("commitment", 0.25, "weight of the commitment loss, summed over levels", low=0, high=1e3),
    key("decay", 0.99, "moving average of the codebook", low=0.0, high=0.99999),
    key(
        "dead_code_share",
        0.05,
        "a code is redrawn when used less than this share of uniform use; at most 1/4, since codes "
        "are then expected at least four times the threshold per batch",
        low=0.0,
        high=0.25,
    ),
    key("epochs", 200, "passes over the training frames", low=1, high=1e6, integer=True),
    key("max_steps", 1500, "steps per part at most", low=1, high=1e8, integer=True),
    key("batch_frames", 1024, "frames per step", low=8, high=1e6, integer=True),
)

KMEANS = register_family(
    CodecFamily(
        name="kmeans",
        title="K-Means",
        trained=False,
        keys=(
            key("codebook_size", None, "clusters (the paper's k)", **_CODES),
            key("feature_scaling", "none", "scaling before clustering", choices=("none", "zscore")),
            key("iterations", 100, "Lloyd iterations at most", low=1, high=1e4, integer=True),
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
        keys=_NETWORK_KEYS,
        alphabet=_residual_alphabet,
        rate_keys=frozenset({"codec", "codebook_size", "quantizer_depth"}),
    )
)

TEMPORAL_RVQ = register_family(
    CodecFamily(
        name="temporal_rvq",
        title="temporal RVQ",
        residual=True,
        compression_key="compression",
        keys=(
            *_NETWORK_KEYS,
            key("compression", 4, "frames per token in time", choices=(1, 2, 4, 8)),
            key("window", 64, "frames per training window", choices=(16, 32, 64, 128, 256)),
        ),
        alphabet=_residual_alphabet,
        rate_keys=frozenset({"codec", "codebook_size", "quantizer_depth", "compression"}),
    )
)
