"""Plugins: one file brings a codec, a metric or a reader; what fails says which file."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from search_spaces.errors import BadInput
from search_spaces.families import complete
from tests.trainables.tiny import make_clips, spec
from trainables import plugins
from trainables.motion.dataset import prepare
from trainables.motion.npz import write_npz
from trainables.plugins import load_plugins
from trainables.runtime import PlainRuntime
from trainables.trial import TrialTask, run_trial

EVERYTHING = '''
"""A codec, a metric and a reader from one file."""
import numpy as np

from search_spaces.families import CodecFamily, key
from search_spaces.objectives import Direction, Metric, Scope
from trainables.codecs.kmeans import KMeansCodec
from trainables.codecs.registry import register_codec
from trainables.metrics.clip_pair import clip_metric
from trainables.motion.npz import read_npz
from trainables.motion.readers import register_reader

FAMILY = CodecFamily(
    name="two_poses", title="Two poses", trained=False, keys=(),
    alphabet=lambda config, part: (2,),
)


class TwoPoses(KMeansCodec):
    family = "two_poses"

    def __init__(self, config, part, dimensions, fps, seed):
        full = {**config, "codebook_size": 2, "feature_scaling": "none", "iterations": 5}
        super().__init__(full, part, dimensions, fps, seed)


register_codec(FAMILY, TwoPoses)


@clip_metric(Metric("lag", "m", Direction.MIN, Scope.POSE, "a test", "lag"))
def lag(pair, scope):
    return float(np.abs(pair.original[-1] - pair.reconstruction[-1]).max())


def read(path, recording=None):
    from dataclasses import replace
    return replace(read_npz(path, recording), notes=("read by a plugin.",))


register_reader(".pose3d", read)
LOADED = []
'''


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries and loaded files as they were, after every test."""
    from search_spaces import families, objectives
    from trainables.codecs import registry
    from trainables.metrics import clip_pair
    from trainables.motion import readers

    monkeypatch.setattr(plugins, "_LOADED", set())
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    monkeypatch.setattr(registry, "_CLASSES", dict(registry._CLASSES))
    monkeypatch.setattr(clip_pair, "_REGISTRY", dict(clip_pair._REGISTRY))
    monkeypatch.setattr(readers, "_READERS", dict(readers._READERS))
    for name, value in vars(objectives).items():
        if name.startswith("_") and isinstance(value, dict) and not name.startswith("__"):
            monkeypatch.setattr(objectives, name, dict(value))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])


def test_a_codec_a_metric_and_a_reader_from_one_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(EVERYTHING)
    load_plugins([str(file)])
    motion = tmp_path / "motion"
    motion.mkdir()
    for clip in make_clips(4):
        write_npz(clip, motion / "x.npz")
        (motion / "x.npz").rename(motion / f"{clip.recording}.pose3d")
    data = prepare(spec(path=str(motion)))
    assert any("read by a plugin." in w for w in data.facts.warnings)
    (row,) = run_trial(TrialTask("s", complete({"codec": "two_poses"}), 0, None), data,
                       PlainRuntime())  # fmt: skip
    assert row["codec"] == "two_poses" and row["rate_nominal_bps"] == 3 * 30
    assert row["val_lag_full_m"] > 0 and "test_lag_hands_m" in row


def test_a_file_is_loaded_once(tmp_path: Path) -> None:
    file = tmp_path / "counts.py"
    file.write_text("from pathlib import Path\n"
                    f"with open({str(tmp_path / 'log')!r}, 'a') as f: f.write('x')\n")  # fmt: skip
    load_plugins([str(file)])
    load_plugins([str(file), str(tmp_path / "." / "counts.py")])
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_failing_file_is_named(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    before = set(sys.modules)
    for _ in range(2):  # the second time too: it is not taken for loaded
        with pytest.raises(BadInput, match=fault) as error:
            load_plugins([str(file)])
        assert str(file) in str(error.value)
    assert not [m for m in set(sys.modules) - before if m.startswith("ratefront_plugin")]
    file.write_text("x = 1")
    load_plugins([str(file)])


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_plugins([str(tmp_path / "nowhere.py")])
    (tmp_path / "plugin.txt").write_text("")
    with pytest.raises(BadInput, match="not a Python file"):
        load_plugins([str(tmp_path / "plugin.txt")])


def test_an_installed_plugin_that_fails_keeps_failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("theirs", "no_such_package.plugin", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])
    for _ in range(2):
        with pytest.raises(BadInput, match=r"plugin theirs \(no_such_package\.plugin\)"):
            load_plugins()
    (tmp_path / "theirs_of_a_test.py").write_text("SEEN = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("theirs", "theirs_of_a_test", plugins.GROUP)
    load_plugins()
    assert sys.modules.pop("theirs_of_a_test").SEEN == 1
