"""What may be run in the packed placement, and what gains nothing there; no torch, no Ray."""

from __future__ import annotations

from search_spaces.errors import BadInput
from search_spaces.families import codecs_of, family_of, is_generator
from search_spaces.space import Space, Value
from search_spaces.spec import SweepSpec

_BACKEND = "quantizer_backend"


def check_packed(spec: SweepSpec) -> str:
    """Advice on a sweep whose trials are to be packed; nothing where there is none to give.

    Raises:
        BadInput: a trial of another kind, which would keep those beside it waiting.
    """
    if spec.run.placement != "packed":
        return ""
    families = []
    for codec in codecs_of(spec.space):
        if is_generator({"codec": codec}) or family_of({"codec": codec}).medium != "motion":
            raise BadInput(
                f"--placement packed hosts trials of codecs of motion, and {codec} is none; take "
                "--placement local"
            )
        families.append(family_of({"codec": codec}))
    if any(f.key_of(_BACKEND) for f in families) and "fused" not in _values(spec.space, _BACKEND):
        return (
            f"no trial trains beside others: only those of {_BACKEND}=fused do; add "
            f"--set {_BACKEND}=fused"
        )
    return ""


def _values(space: Space, key: str) -> set[Value]:
    """Values of a key that a space may propose, but for defaults."""
    found = {cell[key] for cell in space.cells if key in cell}
    found |= {v for p in space.parameters if p.name == key for v in p.values()}
    return found | ({space.fixed[key]} if key in space.fixed else set())
