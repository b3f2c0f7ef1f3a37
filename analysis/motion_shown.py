"""Whether pages and uploads may hold motion, and in which words they say that they do not.

A signer's motion is personal data. Two things keep it back: `--no-clips`, from pages and uploads
alike, and `redistribute: no` in the folder of motion (`search_spaces.data_terms`), from uploads.
"""

from __future__ import annotations

from analysis.log import Log
from search_spaces.data_terms import TERMS_FILE, read_terms
from search_spaces.errors import BadInput


def clips_asked(log: Log) -> bool:
    """Whether the sweep was started without `--no-clips`."""
    run = (log.sweep.get("spec") or {}).get("run") or {}
    return bool(run.get("clips", True))


def kept_here(log: Log) -> str:
    """Why motion must not leave this machine, as one sentence; "" where it may.

    What the folder of motion said when the sweep began holds, and what it says by now.
    """
    if not clips_asked(log):
        return "The sweep was run with --no-clips."
    return _terms(log)


def _terms(log: Log) -> str:
    for event in log.of("data"):
        told = event.get("terms") or {}
        if not told.get("redistribute", True):
            return _said(str(told.get("reason") or ""))
    data = (log.sweep.get("spec") or {}).get("data")
    path = data.get("path", "") if isinstance(data, dict) else ""
    try:
        terms = read_terms(path)
    except (BadInput, OSError) as error:
        return f"The terms of the motion cannot be read ({error})."
    return "" if terms.redistribute else _said(terms.reason)


def _said(reason: str) -> str:
    why = f" ({reason.rstrip('.')})" if reason else ""
    return f"The motion's {TERMS_FILE} says redistribute: no{why}."


def notice(log: Log, clips: bool) -> str:
    """What a page says of its motion; "" where there is nothing to say.

    Args:
        log: of the sweep.
        clips: whether the page may hold motion.
    """
    terms = _terms(log)
    if not clips:
        return f"This page holds no motion of the recordings (--no-clips). {terms}".strip()
    if terms:
        return f"{terms} Clips of it are left out of uploads; a page that shows them stays here."
    return ""
