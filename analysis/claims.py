"""The papers' claims beside what runs say of them, as every page of a paper shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.published import published

HELD, FAILED, OPEN = "held", "did not hold", "cannot be said"

Verdict = tuple[str, str]
"""One of the three, and why."""


def claim_number(claim: Mapping[str, Any]) -> str:
    """The number that a claim is about, as its text ends; "" where it is about none."""
    if pd.isna(claim["value"]):
        return ""
    unit = claim["unit"]
    return f": {claim['value']}{'' if pd.isna(unit) or unit == 'ratio' else f' {unit}'}"


def claims_judged(
    paper: str,
    judged: Mapping[str, Verdict],
    number: Callable[[Mapping[str, Any]], str] = claim_number,
) -> list[dict[str, str]]:
    """Claims of a paper in its order: `id`, `text`, `caution`, `verdict` and `why`.

    Args:
        paper: whose claims, as the published table has it.
        judged: claim -> verdict; others are left out.
        number: what follows a claim's words.
    """
    table = published("claims")
    rows = table[(table["paper"] == paper) & table["id"].isin(list(judged))]
    found = []
    for row in rows.to_dict("records"):
        claim = {str(k): v for k, v in row.items()}
        verdict, why = judged[str(claim["id"])]
        found.append(
            {
                "id": str(claim["id"]),
                "text": str(claim["claim"]) + number(claim),
                "caution": "" if pd.isna(claim["caution"]) else str(claim["caution"]),
                "verdict": verdict,
                "why": why,
            }
        )
    return found
