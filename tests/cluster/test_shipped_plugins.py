"""Plugins reach workers that do not see their files, and are part of what a trial is."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.generations import changes
from cluster.merge import merge
from cluster.reference import PLUGIN, plugins_changed, versions
from search_spaces import space
from search_spaces.families import families
from search_spaces.space import config_hash, trial_id
from trainables import plugins
from trainables.plugins import Plugin, load_plugins, plugin_hashes, shipped, sign_plugins

CODEC = """
from dataclasses import replace
from search_spaces.families import family_of
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec

class Mine(KMeansCodec):
    family = "mine_shipped"

register_codec(replace(family_of({"codec": "kmeans"}), name="mine_shipped", title="mine"), Mine)
"""
CONFIG: dict[str, Any] = {"codec": "mine_shipped", "codebook_size": 8}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has loaded no plugin."""
    from search_spaces import families as known

    monkeypatch.setattr(plugins, "_LOADED", set(plugins._LOADED))
    for module, name in ((plugins, "_HASHES"), (plugins, "_CODECS"), (space, "_SOURCES")):
        monkeypatch.setattr(module, name, {})
    monkeypatch.setattr(known, "_FAMILIES", dict(known._FAMILIES))


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    from search_spaces import families as known

    monkeypatch.setattr(plugins, "_LOADED", set())
    monkeypatch.setattr(
        known, "_FAMILIES", {k: v for k, v in known._FAMILIES.items() if k != "mine_shipped"}
    )
    plugins._HASHES.clear(), plugins._CODECS.clear(), space._SOURCES.clear()


@pytest.mark.usefixtures("fresh")
def test_a_worker_without_the_file_loads_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CODEC)
    load_plugins([str(file)])
    here, name = plugin_hashes(), trial_id(CONFIG, 0)
    sent = pickle.dumps(shipped([str(file)]))
    file.unlink()
    forget(monkeypatch)
    assert "mine_shipped" not in {f.name for f in families()}
    load_plugins(pickle.loads(sent))
    load_plugins(pickle.loads(sent))
    assert "mine_shipped" in {f.name for f in families()}
    assert plugin_hashes() == here == {"mine.py": here["mine.py"]}
    assert trial_id(CONFIG, 0) == name


@pytest.mark.usefixtures("fresh")
def test_another_source_is_another_trial_and_refused_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CODEC)
    plain = config_hash(CONFIG)
    load_plugins([str(file)])
    first, before = config_hash(CONFIG), versions()
    assert first != plain and before[f"{PLUGIN}mine.py"] == plugin_hashes()["mine.py"]
    assert config_hash({"codec": "kmeans"}) == config_hash({"codec": "kmeans"})
    assert plugins_changed(before) == []
    forget(monkeypatch)
    file.write_text(CODEC + "\n# another\n")
    load_plugins([str(file)])
    assert config_hash(CONFIG) not in (first, plain)
    (said,) = plugins_changed(before)
    assert said.startswith("plugin mine.py was ") and said.endswith(" now")
    facts: Any = SimpleNamespace(**dict.fromkeys(
        ("data_hash", "split_hash", "features", "root", "fps", "unit", "part_names")))  # fmt: skip
    log: Any = SimpleNamespace(facts=facts, sweep={"versions": before, "record_version": 0})
    assert said in changes(log, facts)
    # Trials of sweeps from before plugins were signed keep their names.
    sign_plugins(False)
    assert config_hash(CONFIG) == plain
    assert Plugin("x", b"").signed
    sign_plugins(True)


def test_sites_with_other_plugins_are_not_merged(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import shutil

    from search_spaces.errors import BadInput
    from search_spaces.record import LOG_FILE

    sites = []
    for number, sha in enumerate(("aaa", "bbb")):
        site = tmp_path / f"site{number}"
        shutil.copytree(swept, site)
        lines = [json.loads(line) for line in (site / LOG_FILE).read_text().splitlines()]
        lines[0]["versions"] = {f"{PLUGIN}mine.py": sha}
        (site / LOG_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
        sites.append(site)
    with pytest.raises(BadInput, match=r"plugin mine.py is aaa in the one and bbb in the other"):
        merge(sites, tmp_path / "both")
