"""The README and its pages promise nothing that is not there: commands, files, columns, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from cluster.cli import app
from search_spaces import record
from search_spaces.objectives import SPLITS, Scope, find_metric
from search_spaces.presets import load_spec, preset_names

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "CHANGELOG.md",
        "docs/codecs.md",
        "docs/extending.md",
        "docs/analysis.md",
        "docs/report.md",
        "docs/sweeps.md",
        "docs/tracking.md",
        "docs/worked-example.md",
    )
}
SWEEPS = PAGES["docs/sweeps.md"]
SHELL = [
    line.strip()
    for page in PAGES.values()
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
TOLD = README + SWEEPS
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TOLD, flags=re.DOTALL))
COMMANDS = sorted({line for line in SHELL if line.startswith("ratefront ")})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_one_that_ratefront_takes(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    given = command.make_context(name, arguments).params  # wrong options raise here
    # What a plugin brings is tried in test_extending.
    if given.get("preset") in preset_names() and not given["plugin"]:
        load_spec(given["preset"], size=given.get("size"), settings=given.get("settings") or ())


def test_shell_blocks_hold_commands_of_ours_alone() -> None:
    assert len(COMMANDS) > 10
    assert {line.split()[0] for line in SHELL} == {"ratefront", "make"}


def test_every_command_and_option_is_told_of() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert all(any(f"ratefront {name}" in line for line in SHELL) for name in commands)
    real = {opt for c in commands.values() for p in c.params for opt in p.opts}
    named = {word for text in INLINE for word in re.findall(r"(?<![\w-])--[a-z-]+", text)}
    assert named <= real, f"no such options: {named - real}"
    assert {"--set", "--size", "--placement", "--workers", "--address", "--out"} <= named


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:or \$\()?([A-Z_]+)", makefile))
    lines = [line for line in (*SHELL, *INLINE) if line.startswith("make ")]
    assert {"make sweep", "make test"} <= set(lines)
    for line in lines:
        words = shlex.split(line.replace("…", "x"))[1:]
        assert {w for w in words if "=" not in w} <= targets, line
        assert {w.partition("=")[0] for w in words if "=" in w} <= variables, line


def anchor_of(heading: str) -> str:
    """As GitHub makes it: lower case, punctuation gone, blanks as hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_lead_to_files() -> None:
    for name, page in PAGES.items():
        for target in re.findall(r"\]\(([^)]+)\)", page):
            if target.startswith("http"):
                continue
            file, _, anchor = target.partition("#")
            page_there = (ROOT / name).parent / file if file else ROOT / name
            assert page_there.is_file(), target
            if anchor:
                text = page_there.read_text(encoding="utf-8")
                headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
                assert anchor in {anchor_of(h) for h in headings}, target
    image = ROOT / "docs" / "images" / "front_embedded.png"
    assert image.name in README and image.stat().st_size < 300_000
    assert image.read_bytes().startswith(b"\x89PNG")


def test_files_of_the_repository_that_are_named_exist() -> None:
    named = re.compile(r"`((?:docs|tests|trainables|search_spaces|cluster|analysis)/[\w/.-]+)`")
    found = [(n, path) for n, page in PAGES.items() for path in named.findall(page)]
    missing = [path for name, path in found if not (ROOT / path).exists()]
    assert found and not missing


def test_files_of_a_sweep_are_those_that_it_writes() -> None:
    table = SWEEPS[SWEEPS.index("## A sweep directory") : SWEEPS.index("## The same result")]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    trial = {name for name in re.findall(r"`([\w.]+\.(?:npz|json|parquet))`", table)} - named
    written = {value for name, value in vars(record).items() if name.isupper()
               and isinstance(value, str)}  # fmt: skip
    assert {n.split("/")[0] for n in named} - {"front.csv"} <= written
    assert trial <= written
    for column in re.findall(r"`((?:val|test)_\w+[a-z0-9]|rate_\w+_bps)`", TOLD):
        metric, _ = find_metric(column)
        of_a_split = column.partition("_")[0] in SPLITS
        # A measured rate stands without a split where a page names it as an objective.
        assert metric.known != of_a_split or metric.scope is Scope.RATE, column
    keys = {*record.POINT_KEYS, *record.COST_COLUMNS, *record.CLIP_COLUMNS, *record.TRIAL_COLUMNS}
    tabular = re.compile(r"\| `(points|clips|trials)\.")
    rows = "".join(row for row in table.splitlines() if tabular.match(row))
    plain = set(re.findall(r"`([a-z_]+)`", rows))
    prefixes = {f"{split}_" for split in SPLITS}
    assert {p for p in plain - prefixes if not p.startswith(("val_", "rate_"))} <= keys
    assert set(record.CLIP_COLUMNS) | set(record.TRIAL_COLUMNS) <= plain


def test_settings_that_are_shown_are_taken() -> None:
    shown = [shlex.split(t)[1] for t in INLINE if t.startswith("--set ") and "=" in t]
    shown = [t for t in shown if "KEY" not in t]
    assert len(shown) >= 8
    for setting in shown:
        assert load_spec("rate_distortion", settings=[setting]).space.size() > 0


def test_no_page_holds_a_machines_path_or_a_download_address() -> None:
    for name, page in PAGES.items():
        assert not re.search(r"(?<![\w.])/(?:root|home|work|tmp|usr|opt|mnt)\b", page), name
        hosts = set(re.findall(r"https?://([^/\s)]+)", page))
        assert hosts <= {"keepachangelog.com", "semver.org"}, f"{name}: {hosts}"
    assert "http" not in README


def test_the_rate_of_the_readme_is_the_rate_of_the_code() -> None:
    from search_spaces.rate import nominal_rate
    from tests.search_spaces.example_facts import facts

    config = {"codec": "kmeans", "codebook_size": 64}
    rate = nominal_rate(config, facts(fps=30.0))
    assert rate.per_part["body"] == 180 and "180 bits/s per part" in README
    assert rate.total == 540 and "540 bits/s on body and two hands" in README
