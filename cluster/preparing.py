"""The motion of a sweep as its trials see it, and the spec with what the motion decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cluster.storage.places import named_place
from search_spaces.data_facts import DataFacts
from search_spaces.data_terms import TERMS_FILE, read_terms
from search_spaces.errors import BadInput
from search_spaces.families import codecs_of
from search_spaces.spec import PROCEDURAL, SweepSpec, drop_objectives, objectives_in
from search_spaces.units import UNIT_WORDS

if TYPE_CHECKING:
    from trainables.prepared_data import Data


def prepared(spec: SweepSpec, console: Console) -> tuple[SweepSpec, Data, list[str]]:
    """The spec with what the data decides, the data, and what was dropped of the objectives."""
    from trainables.prepared_data import prepare_data

    console.print(f"reading motion: {spec.data.path}", highlight=False, soft_wrap=True)
    if not read_terms(spec.data.path).redistribute:
        console.print(f"  note: {TERMS_FILE} says redistribute: no; clips stay out of uploads")
    data = prepare_data(spec.data, codecs_of(spec.space))
    facts = data.facts
    for said in facts.warnings:
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    names, read = objectives_in(spec, facts.yardstick)
    spec = spec.model_copy(update={"objectives": names})
    kept, dropped = drop_objectives(spec, facts.part_names)
    for said in (*read, *dropped):
        console.print(f"  note: {said}", highlight=False, style="dim", soft_wrap=True)
    if len(kept) < 2:
        raise BadInput(f"fewer than two objectives are left of {', '.join(spec.objectives)}")
    how = "within recordings, in time" if facts.split == "time" else "by recording"
    console.print(
        f"  {facts.train.frames} training, {facts.val.frames} validation, {facts.test.frames} test "
        f"frames at {facts.fps:g} fps, split {how}; parts {', '.join(facts.part_names)}; "
        f"root {facts.root}{_odd(facts)}",
        highlight=False,
        soft_wrap=True,
    )
    places = {n: getattr(spec.data, n) for n in ("path", "rest_skeleton", "body_model")}
    known = ("", *PROCEDURAL)
    absolute = {
        n: str(Path(p).expanduser().absolute()) for n, p in places.items() if p not in known
    }
    data_spec = spec.data.model_copy(update=absolute)
    earlier = tuple(named_place(place) for place in spec.search.warm_start)
    search = spec.search.model_copy(update={"warm_start": earlier})
    found = {"objectives": kept, "data": data_spec, "search": search}
    return spec.model_copy(update=found), data, dropped


def _odd(facts: DataFacts) -> str:
    """What is not as in most data: the unit, a flat picture, joints that were not seen."""
    said = f"; {UNIT_WORDS[facts.unit]}" if facts.unit != "m" else ""
    said += "; two-dimensional" if facts.dimensions == 2 else ""
    said += "; bones of average proportions" if facts.approx_skeleton else ""
    return said + (f"; {100 * facts.unseen:.1f} % of joints unseen" if facts.unseen else "")
