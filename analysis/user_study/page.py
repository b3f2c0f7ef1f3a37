"""The page that raters see, one file that opens offline, and the key that stays beside it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from analysis.pages import filled, stylesheet, write_page
from analysis.user_study.design import QUESTIONS, Study
from search_spaces.errors import BadInput

KEY_ENDING = ".key.json"
_WORDS = {
    "preference": (
        "Preference",
        "Which one do you prefer?",
        "Which one looks right: it does not tremble or bend wrongly, and it fits what is said, as "
        "open arms fit a huge ball.",
    ),
    "beats": (
        "Beat",
        "Which one keeps the rhythm of the speech?",
        "Which one keeps the rhythm of the speech: a movement begins and ends with the words that "
        "it goes with.",
    ),
    "diversity": (
        "Variety",
        "Which one has the more different gestures?",
        "Which one has the more different gestures; a good one again and again is no variety.",
    ),
}


def write_study(study: Study, out: Path) -> Path:
    """Writes the page to `out` and the key beside it; returns the key's path.

    Raises:
        BadInput: no .html, or either file is there already: a new key would make answers that
            were given worthless.
    """
    if out.suffix.lower() != ".html":
        raise BadInput(f"{out}: the page is an .html file; name such a file")
    key = key_beside(out)
    for path in (out, key):
        if path.exists():
            raise BadInput(
                f"{path} exists, and answers to it need its key; name another file with -o"
            )
    page = render(study)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(key, json.dumps(dict(study.key), indent=1) + "\n")
    write_page(out, page)
    return key


def key_beside(page: Path) -> Path:
    """Where the key of a page lies."""
    return page.with_name(page.stem + KEY_ENDING)


def render(study: Study) -> str:
    """The page as text."""
    template = files("analysis.user_study") / "template"
    scene = (files("analysis.report") / "scene.js").read_text(encoding="utf-8")
    own = {n: (template / n).read_text(encoding="utf-8") for n in ("told.js", "pairs.js")}
    text = json.dumps(dict(study.payload), separators=(",", ":")).replace("<", "\\u003c")
    words = [
        dict(zip(("name", "title", "asked", "meaning"), (name, *_WORDS[name]), strict=True))
        for name in QUESTIONS
    ]
    return filled(
        "analysis.user_study/template",
        "pairs.html.j2",
        css=stylesheet(),
        questions=words,
        data=Markup(text),
        scripts=[Markup(own["told.js"]), Markup(scene), Markup(own["pairs.js"])],
    )
