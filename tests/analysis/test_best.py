"""The last line of `ratefront best`: the command by which the codec leaves its sweep."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import typer

from analysis.best import describe_best
from analysis.fronts import best_at
from analysis.points import points_frame, read_log
from cluster.cli import app
from cluster.codec_commands import export
from search_spaces.record import CODEC_FOLDER, TOKEN_MODELS_FILE, TRIALS_FOLDER


def keep_codecs(folder: Path) -> None:
    for trial in set(points_frame(read_log(folder))["trial"]):
        place = folder / TRIALS_FOLDER / trial / CODEC_FOLDER
        place.mkdir(parents=True, exist_ok=True)
        (place / TOKEN_MODELS_FILE).touch()


def test_it_names_the_point_in_a_command_that_ratefront_takes(
    one_seed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(one_seed, tmp_path / "a sweep"))
    keep_codecs(folder)
    points = points_frame(read_log(folder))
    depths = set()
    for rate in sorted(points["val_rate_stream_bps"])[::4]:
        last = describe_best(folder, rate).splitlines()[-1]
        _, program, name, *words = shlex.split(last.replace("to take it", "to-take-it"))
        assert (program, name) == ("ratefront", export.__name__)
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        given = command.make_context(name, words).params
        row = best_at(points, rate)
        assert (given["folder"], given["trial"]) == (folder, row["trial"])
        mine = points[points["trial"] == row["trial"]]
        assert (given["depth"] or mine["depth"].max()) == row["depth"]
        assert given["out"] == Path("codec/")
        depths.add(given["depth"])
    assert None in depths and len(depths) > 1  # whole codecs, and prefixes of some


def test_there_is_none_where_the_codec_was_not_kept(one_seed: Path) -> None:
    said = describe_best(one_seed, 9999)
    assert "export" not in said.replace(str(one_seed), "")
