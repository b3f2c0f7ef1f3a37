"""No call in the four packages reads a pickle, which would run what a stranger put there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cluster.places.software import PACKAGES

ROOT = Path(__file__).resolve().parents[3]
_ALWAYS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def unsafe_calls(source: str) -> list[str]:
    """Calls that may unpickle, as `torch.load`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if not isinstance(node.func.value, ast.Name):
            continue
        owner, name = node.func.value.id, node.func.attr
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name not in ("load", "loads", "open", "read_pickle", "unsafe_load", "full_load"):
            continue
        bad = {
            "torch": given.get("weights_only") != "True",
            "np": given.get("allow_pickle", "False") != "False",
            "yaml": name != "load" or given.get("Loader") != "_StrictLoader",
            "pd": name == "read_pickle",
        }.get(owner, owner in _ALWAYS)
        if bad:
            found.append(f"{owner}.{name}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_unpickled(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    said = {str(f): unsafe_calls(f.read_text(encoding="utf-8")) for f in files}
    assert files and {f: calls for f, calls in said.items() if calls} == {}


@pytest.mark.parametrize(
    "call",
    ["pickle.load(f)", "torch.load(f)", "torch.load(f, weights_only=False)", "joblib.load(f)",
     "np.load(f, allow_pickle=True)", "yaml.load(f, Loader=yaml.Loader)", "pd.read_pickle(f)",
     "yaml.unsafe_load(f)"],
)  # fmt: skip
def test_what_unpickles_is_seen(call: str) -> None:
    assert unsafe_calls(call)


def test_what_does_not_is_left_alone() -> None:
    assert not unsafe_calls("json.load(f); np.load(f); torch.load(f, weights_only=True)")
