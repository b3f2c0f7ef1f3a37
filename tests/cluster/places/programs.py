"""Stand-ins for sbatch, kubectl and ray on the search path, which write down their calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_PROGRAM = """\
#!{python}
import json, pathlib, sys
place = pathlib.Path({place!r})
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with (place / "calls").open("a") as calls:
    calls.write(json.dumps([name, *words]) + "\\n")
answers = json.loads((place / "answers").read_text())
for pattern, (code, out, error) in answers.items():
    if pattern in " ".join([name, *words]):
        print(out, end=""); print(error, end="", file=sys.stderr)
        sys.exit(code)
"""


class Programs:
    """Each answers with what stands under the first pattern that its command line contains."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        """Puts them first on the search path; nothing else stays on it but the system's."""
        self._place = place
        place.mkdir()
        (place / "calls").touch()
        for name in names:
            program = place / name
            program.write_text(_PROGRAM.format(python=sys.executable, place=str(place)))
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
        self.answer({})

    def answer(self, answers: dict[str, tuple[int, str, str]]) -> None:
        """Pattern -> exit code, output, error."""
        import json

        (self._place / "answers").write_text(json.dumps(answers))

    def calls(self) -> list[list[str]]:
        """Command lines since the last time."""
        import json

        found = [json.loads(line) for line in (self._place / "calls").read_text().splitlines()]
        (self._place / "calls").write_text("")
        return found
