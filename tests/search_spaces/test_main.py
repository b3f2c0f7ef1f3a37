"""`python -m search_spaces`, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.__main__ import main
from search_spaces.presets import preset_names

ROOT = Path(__file__).resolve().parents[2]


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == preset_names()
    assert "(8 configurations)" in next(s for s in lines if s.startswith("klezovich/table1"))


def test_cells_are_shown_with_their_bits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["klezovich/table1"]) == 0
    said = capsys.readouterr().out
    assert "codec=kmeans codebook_size=4096  (12)" in said
    assert "codec=rqvae codebook_size=32 quantizer_depth=2  (10)" in said
    assert "body: 180, 270, 300, 360" in said and "left_hand: 180, 270" in said


def test_parameters_are_shown_with_conditions_and_rates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = ["--set", "codec=temporal_rvq", "--set", "codebook_size=16", "--set", "fps=24"]
    assert main(["rate_distortion", "--size", "full", *settings]) == 0
    said = capsys.readouterr().out
    assert "size: full; sampler: rate_aware; continuous, 200 trials" in said
    assert "compression: 1, 2, 4, 8; when codec is temporal_rvq" in said
    assert "on a log scale" in said and "codec is kmeans" not in said
    assert "iterations" not in said.partition("parameters:")[2]
    # 4 bits a level; 1 level at compression 8, 8 levels at compression 1.
    assert "at 24 fps" in said and "body: 12 to 768" in said


def test_a_key_for_one_part_shows_in_its_rates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["klezovich/table1", "--set", "codec=kmeans", "--set", "codebook_size.body=2"]) == 0
    said = capsys.readouterr().out
    assert "body: 30\n" in said and "left_hand: 180, 270, 300, 360" in said


def test_bad_input_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["nothing"], ["rate_distortion", "--set", "epochs=x"], ["--size", "big"]):
        assert main(argv) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and printed.err.count("\n") == 1
        assert printed.err.startswith("search_spaces: ")


def test_nothing_heavy_is_imported() -> None:
    modules = sorted(
        f"search_spaces.{path.stem}"
        for path in (ROOT / "search_spaces").glob("*.py")
        if path.stem not in ("__init__", "distributions")
    )
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {"torch", "ray", "optuna", "numpy", "pandas", "trainables", "cluster"} == set()
