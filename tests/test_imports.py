"""The arrows at run time, and common package names: no folder of the user's shadows ours."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("search_spaces", "trainables", "cluster", "analysis")
MOST_LINES = 400
RAY_FREE = ("cluster.searchers", "cluster.schedulers", "cluster.store")


def _loaded_by(statement: str, folder: Path) -> set[str]:
    """Top-level modules that a fresh interpreter holds after ``statement``."""
    # -P keeps the folder itself off sys.path, as it is for the console script.
    command = [sys.executable, "-P", "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def _modules(package: str) -> str:
    """An import statement for every module of ``package``, commands (``__main__``) left out."""
    names = []
    for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return "import " + ", ".join(names)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with packages named like ours that must never be imported."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    return tmp_path


@pytest.mark.skipif(find_spec("cluster.cli") is None, reason="there is no command line yet")
def test_command_runs_beside_folders_of_the_same_names(foreign: Path) -> None:
    script = Path(sys.executable).parent / "ratefront"
    done = subprocess.run(
        [str(script), "--help"], cwd=foreign, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "sweep" in done.stdout


def test_foreign_packages_would_raise(foreign: Path) -> None:
    """The folder above does shadow ours when it is on the path: the tests beside this can fail."""
    command = [sys.executable, "-c", "import analysis"]
    done = subprocess.run(command, cwd=foreign, capture_output=True, text=True, check=False)
    assert "the wrong package" in done.stderr


@pytest.mark.parametrize(
    ("statement", "kept_out"),
    [
        ("import search_spaces", {"torch", "ray", "optuna", "wandb"}),
        ("import search_spaces.objectives, search_spaces.record", {"torch", "ray", "optuna"}),
        ("import trainables.motion.clip", {"torch", "ray", "optuna", "wandb"}),
        (_modules("search_spaces"), {"torch", "ray", "wandb"}),
        (_modules("trainables.motion"), {"torch", "ray", "optuna", "wandb"}),
        (_modules("trainables.metrics"), {"torch", "ray", "optuna", "wandb"}),
        (_modules("trainables"), {"ray", "optuna", "wandb"}),
        (_modules("analysis"), {"torch", "ray", "trainables", "cluster"}),
        # Every trial that attaches to a host is a process that reads these.
        ("import cluster.jobs, cluster.packed.host", {"torch", "scipy", "sklearn", "optuna"}),
    ],
    ids=[
        "search_spaces",
        "vocabulary",
        "clip",
        "all of search_spaces",
        "all of motion",
        "all of metrics",
        "all of trainables",
        "all of analysis",
        "attached trials",
    ],
)
def test_import_leaves_out(statement: str, kept_out: set[str], foreign: Path) -> None:
    assert _loaded_by(statement, foreign) & kept_out == set()


def test_searchers_schedulers_and_store_reach_ray_through_their_adapters_alone() -> None:
    """Files named ``*_tune.py`` or ``tune_*.py`` put them into Ray Tune; no other may know Ray."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    plain = [
        module
        for module in graph.modules
        if any(module == name or module.startswith(f"{name}.") for name in RAY_FREE)
        and not (module.endswith("_tune") or module.split(".")[-1].startswith("tune_"))
    ]
    if not plain:
        pytest.skip("there are no searchers, schedulers or store yet")
    if "ray" not in graph.modules:
        pytest.skip("nothing imports Ray yet")
    chains = {module: graph.find_shortest_chain(module, "ray") for module in plain}
    assert {module: chain for module, chain in chains.items() if chain} == {}


def test_no_source_file_is_too_long() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert len(lengths) > 4
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
