"""What is shipped: the wheel's contents, the version and the console script."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("search_spaces", "trainables", "cluster", "analysis")
SHIPPED_KINDS = {".py", ".typed", ".yaml", ".csv", ".json", ".md", ".j2", ".html", ".css", ".js"}


def _stated() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the sources so that no build/ is left in the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    for package in (*PACKAGES, "tests"):
        shutil.copytree(
            ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    command = [sys.executable, "-m", "pip", "wheel", ".", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(place)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = place.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_the_four_packages_alone(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    information = f"ratefront-{version('ratefront')}.dist-info"
    assert tops == {*PACKAGES, information}


def test_wheel_holds_every_source_and_data_file(wheel: zipfile.ZipFile) -> None:
    shipped = set(wheel.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in SHIPPED_KINDS and "__pycache__" not in path.parts
    }
    assert {f"{package}/py.typed" for package in PACKAGES} <= wanted
    assert wanted - shipped == set()


def test_wheel_holds_the_licence(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
    assert "Apache License" in wheel.read(name).decode()


def test_installed_version_is_the_stated_one() -> None:
    assert version("ratefront") == _stated()["version"]


def test_console_script_is_the_command_line() -> None:
    (script,) = entry_points(group="console_scripts", name="ratefront")
    assert script.value == "cluster.cli:main"


def test_every_dependency_is_pinned() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    project = _stated()
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    names = {line.split(">=")[0].split("[")[0].lower() for line in asked}
    assert names - pins == set()


def test_every_extra_is_tried_by_the_tests() -> None:
    extras = _stated()["optional-dependencies"]
    assert {"dashboard", "mlflow", "tensorboard", "workspaces"} < set(extras)
    assert {line for extra in extras.values() for line in extra} == set(extras["dev"])


def test_constraints_are_exact_and_name_no_place() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if pin.count("==") != 1 or "+" in pin or "/" in pin] == []
