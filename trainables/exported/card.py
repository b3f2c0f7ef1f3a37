"""The card of an exported codec: what it is, what it was measured to do, and on what.

Numbers are those of the sweep's record; nothing is measured anew. `card.json` holds them for
programs, `card.md` for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from search_spaces.data_facts import DataFacts
from search_spaces.errors import BadInput
from search_spaces.objectives import find_metric
from trainables.exported.codec_folder import ExportedCodec

_RATES = ("nominal", "entropy", "model", "stream", "header")


def card(
    codec: ExportedCodec,
    point: Mapping[str, Any],
    origin: Mapping[str, Any],
    root_rates: Mapping[str, float],
) -> dict[str, Any]:
    """The numbers.

    Args:
        codec: what is exported.
        point: row of the operating point in the sweep's record.
        origin: sweep, trial, versions, and the like; where parts are of several trials, `parts`
            says the trial and point of each.
        root_rates: split -> bits per second of the root's tokens.
    """
    scores = {
        name: float(value)
        for name, value in point.items()
        if isinstance(value, int | float) and math.isfinite(value) and _measured(name)
    }
    searched_root = str(point.get("root", "removed"))
    coded = codec.preparation.root_coded
    if coded and searched_root == "removed":
        note = (
            "the sweep scored poses with the root removed; this codec codes the root and heading "
            "beside them, which costs rate_root_bps more and is not in the other numbers"
        )
    elif coded:
        note = "the root is coded, and counted in every rate"
    elif searched_root == "coded":
        note = (
            "the sweep coded the root; this codec leaves it out, so its motion stays in place and "
            "its files are smaller than these rates say"
        )
    else:
        note = "the root is removed: motion stays in place, facing one way"
    orders = {part: model.order for part, model in codec.models.items()}
    return {
        "origin": dict(origin),
        "configuration": codec.configuration,
        "depths": dict(codec.depths),
        "root": "coded" if coded else "removed",
        "root_note": note,
        **({f"{s}_rate_root_bps": r for s, r in root_rates.items()} if coded else {}),
        "measured": scores,
        "entropy_coder": {
            part: {
                "order": orders[part],
                "table_bytes": math.ceil(model.table_bits / 8),
                "saved_on_train_bytes": math.floor(model.saved_bits / 8),
            }
            for part, model in codec.models.items()
        },
        "parameters": sum(c.parameters() for c in codec.codecs.values()),
    }


def page(said: Mapping[str, Any], codec: ExportedCodec) -> str:
    """`card.md`; `{codec}` in it stands for the codec's identity."""
    facts, measured = codec.facts, said["measured"]
    origin = said["origin"]
    lines = [
        f"# Codec {{codec}}: {said['configuration'].get('codec')}, {_in_words(codec.depths)}",
        "",
        f"Codes {', '.join(codec.codecs)} of motion at {facts.fps:g} frames per second as "
        f"{len(codec.vocabulary.streams)} streams of discrete tokens "
        f"(a vocabulary of {codec.vocabulary.size}).",
        f"Root: {said['root_note']}.",
        "",
        "## What it was measured to do",
        "",
        "On recordings that neither training nor selection saw (test), and on those that selection "
        "saw (validation).",
        "",
        "| | validation | test |",
        "| --- | ---: | ---: |",
    ]
    for kind in _RATES:
        name = f"rate_{kind}_bps"
        if name in measured:
            lines.append(f"| {kind} rate, bits/s | {measured[name]:.1f} | the same |")
        elif f"val_{name}" in measured:
            lines.append(_row(f"{kind} rate, bits/s", name, measured))
    if said["root"] == "coded" and "val_rate_root_bps" in said:
        lines.append(_row("root and heading alone, bits/s", "rate_root_bps", said))
    names = [n.removeprefix("val_") for n in measured if n.startswith("val_") and "rate_" not in n]
    for name in names:
        metric, scope = find_metric(name)
        lines.append(_row(f"{metric.title} {scope}".strip() + f", {metric.unit}", name, measured))
    lines += [
        "",
        "The stream rate is that of whole files, header included; the model rate is what their "
        "entropy-coded tokens would ideally take.",
        "",
        "## Where it comes from",
        "",
        f"- data: {facts.name} (hash {facts.data_hash}), split {facts.split} "
        f"(hash {facts.split_hash}): {facts.train.seconds:.0f} s to train, "
        f"{facts.val.seconds:.0f} s to select, {facts.test.seconds:.0f} s to test",
        *(f"- {key}: {value}" for key, value in origin.items() if not isinstance(value, Mapping)),
        *(
            f"- {part}: trial {of['trial']}, point {of['point']}"
            for part, of in origin.get("parts", {}).items()
        ),
        "- configuration: " + ", ".join(f"{k}={v}" for k, v in said["configuration"].items()),
        "",
        "## How to use it",
        "",
        "```",
        "ratefront encode THIS_FOLDER motion.bvh -o motion.rft",
        "ratefront decode THIS_FOLDER motion.rft -o again.bvh",
        "ratefront inspect motion.rft --codec THIS_FOLDER --original motion.bvh",
        "```",
        "",
        "Token ids for language models are in `vocabulary.json`. Every file is JSON, text or "
        "safetensors; reading them runs no code. The motion that a codec was trained on may put "
        "terms on its use: ask whoever recorded it.",
        "",
    ]
    return "\n".join(lines)


def without_names(facts: DataFacts) -> DataFacts:
    """Facts without names of recordings and people, which are nobody's business but theirs."""
    bare = {
        split: getattr(facts, split).model_copy(update={"recordings": (), "lengths": ()})
        for split in ("train", "val", "test")
    }
    return facts.model_copy(update={**bare, "signers": (), "warnings": ()})


def _in_words(depths: Mapping[str, int]) -> str:
    if len(set(depths.values())) == 1:
        return f"depth {next(iter(depths.values()))}"
    return "depths " + ", ".join(f"{part} {depth}" for part, depth in depths.items())


def _row(title: str, name: str, values: Mapping[str, float]) -> str:
    cells = (values.get(f"{split}_{name}") for split in ("val", "test"))
    said = ("" if v is None else f"{v:.4g}" for v in cells)
    return f"| {title} | {' | '.join(said)} |"


def _measured(name: str) -> bool:
    try:
        find_metric(name)
    except BadInput:
        return False
    return True
