"""Points that people believe in: completed the same way for all searchers, refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from search_spaces.believed_points import believed_points
from search_spaces.errors import BadInput
from search_spaces.presets import load_spec
from search_spaces.settings import parse_point
from search_spaces.space import Config, Parameter, Space
from search_spaces.spec import SweepSpec


def sweep(*points: Config, settings: tuple[str, ...] = (), preset: str = "") -> SweepSpec:
    overrides = {"space": {"points": points}}
    name = preset or "rate_distortion"
    return load_spec(name, size="debug", settings=settings, overrides=overrides)


def test_what_a_point_leaves_open_is_filled_in() -> None:
    spec = sweep({"codec": "rqvae", "quantizer_depth": 4}, {"codec": "kmeans"})
    residual, plain = believed_points(spec.space)
    assert residual["codec"] == "rqvae" and residual["quantizer_depth"] == 4
    for point in (residual, plain):
        active = {p.name: p for p in spec.space.active(point)}
        assert set(active) == set(point)
        assert all(active[name].contains(value) for name, value in point.items())
        spec.configuration(point)  # complete


def test_defaults_come_before_the_middle_of_a_range() -> None:
    rqvae = Space(
        parameters=(
            Parameter(name="commitment", low=0.01, high=1.0, log=True),
            Parameter(name="learning_rate", low=1e-6, high=1e-4, log=True),
            Parameter(name="quantizer_depth", low=2, high=7, integer=True, step=2),
            Parameter(name="codebook_size", choices=(8, 16, 4096)),
        ),
        fixed={"codec": "rqvae"},
        points=({},),
    )
    (point,) = believed_points(rqvae)
    assert point["commitment"] == 0.25, "its default"
    assert point["learning_rate"] == pytest.approx(1e-5), "its default lies outside"
    assert point["quantizer_depth"] in (2, 4, 6) and point["codebook_size"] in (8, 16, 4096)


def test_settings_narrow_what_a_point_may_say_and_points_are_kept() -> None:
    point: Config = {"codec": "rqvae", "codebook_size": 64}
    kept = sweep(point, settings=("codebook_size=64,128", "codec=rqvae,kmeans"))
    assert believed_points(kept.space)[0]["codebook_size"] == 64
    fixed = sweep(point, settings=("codebook_size=64",))
    assert "codebook_size" in fixed.configuration(believed_points(fixed.space)[0])
    with pytest.raises(BadInput, match=r"codebook_size=64 lies outside of the space.*128, 256"):
        sweep(point, settings=("codebook_size=128,256",))


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ({"codec": "rqvae", "quantizer_depth": 99}, "quantizer_depth=99 lies outside"),
        ({"codec": "rqvae", "quantizer_depth": 2.5}, "quantizer_depth=2.5 lies outside"),
        ({"codec": "vqgan"}, "codec=vqgan lies outside of the space, which holds kmeans"),
        ({"codec": "kmeans", "quantizer_depth": 2}, "the space has no quantizer_depth there"),
        ({"codec": "rqvae", "depth": 2}, "the space has no depth there"),
    ],
)
def test_a_point_outside_of_the_space_is_refused(point: Config, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sweep(point)


def test_a_fixed_key_may_be_said_and_not_changed() -> None:
    narrow = ("codec=rqvae",)
    assert len(believed_points(sweep({"codec": "rqvae"}, settings=narrow).space)) == 1
    with pytest.raises(BadInput, match=r"outside|fixed"):
        sweep({"codec": "kmeans"}, settings=narrow)
    with pytest.raises(BadInput, match="latent_dim is fixed at 32 in this space"):
        space = Space(
            parameters=(Parameter(name="codebook_size", choices=(8, 16)),),
            fixed={"codec": "rqvae", "latent_dim": 32},
            points=({"latent_dim": 16},),
        )
        believed_points(space)


def test_lists_that_are_run_whole_take_no_points() -> None:
    with pytest.raises(BadInput, match="sampler cells runs its whole list"):
        sweep({"codec": "rqvae"}, preset="klezovich/table1")


def test_a_file_says_points_too_and_keeps_them(tmp_path: Path) -> None:
    point: Config = {"codec": "rqvae", "quantizer_depth": 3}
    path = tmp_path / "mine.yaml"
    path.write_text(sweep(point, point).dump())
    assert yaml.safe_load(path.read_text())["space"]["points"] == [point, point]
    (once,) = believed_points(load_spec(str(path)).space)
    assert once["quantizer_depth"] == 3


def test_texts_of_points() -> None:
    assert parse_point("codec=rqvae,loss.position=1e-1") == {"codec": "rqvae", "loss.position": 0.1}
    for text, said in (
        ("codec", "KEY=VALUE"), ("codec=", "KEY=VALUE"), ("a=1,a=2", "a stands twice"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said):
            parse_point(text)
