"""Damaged BVH files: one line that names the place, and never anything but BadInput."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.motion.figure import Figure
from trainables.motion.bvh import read_bvh
from trainables.motion.clip import Clip

GOOD = Figure(frames=6).text()
LINES = GOOD.splitlines()
MOTION = LINES.index("MOTION")


def swapped(line: int, new: str) -> str:
    return "\n".join([*LINES[:line], new, *LINES[line + 1 :]])


def at(start: str) -> int:
    return next(i for i, line in enumerate(LINES) if line.strip().startswith(start))


FAULTS = {
    # text, what the message has to hold
    "empty": ("", "empty"),
    "blank": ("\n \n", "empty"),
    "binary": ("\x00\x01\x02" * 50, "binary"),
    "other text": ("frame,x,y\n1,2,3\n", "HIERARCHY"),
    "no MOTION": ("\n".join(LINES[:MOTION]), "MOTION"),
    "cut in the hierarchy": ("\n".join(LINES[:20]), "MOTION"),
    "no Frame Time": ("\n".join(LINES[: MOTION + 2]), "Frame Time"),
    "no rows": ("\n".join(LINES[: MOTION + 3]), "no frames"),
    "cut in a row": (GOOD[:-200], f"line {len(LINES)}: frame 5"),
    "rows missing": ("\n".join(LINES[:-2]), "Frames says 6 and 4 rows"),
    "rows too many": (GOOD + LINES[-1] + "\n", "Frames says 6 and 7 rows"),
    "absurd frame count": (swapped(MOTION + 1, "Frames: 999999999999"), "rows follow"),
    "huge frame count": (swapped(MOTION + 1, "Frames: " + "9" * 400), "no count"),
    "negative frame count": (swapped(MOTION + 1, "Frames: -3"), f"line {MOTION + 2}"),
    "no frames": (swapped(MOTION + 1, "Frames: 0"), "no motion"),
    "frame time zero": (swapped(MOTION + 2, "Frame Time: 0"), f"line {MOTION + 3}"),
    "frame time negative": (swapped(MOTION + 2, "Frame Time: -0.03"), "Frame Time"),
    "frame time NaN": (swapped(MOTION + 2, "Frame Time: nan"), "Frame Time"),
    "frame time a word": (swapped(MOTION + 2, "Frame Time: fast"), "Frame Time"),
    "frame time tiny": (swapped(MOTION + 2, "Frame Time: 1e-300"), "Frame Time"),
    "too few numbers": (swapped(MOTION + 5, LINES[-1][:60]), f"line {MOTION + 6}: frame 2 has"),
    "too many numbers": (swapped(MOTION + 3, LINES[-1] + " 1"), f"line {MOTION + 4}: frame 0 has"),
    "a word": (swapped(MOTION + 6, LINES[-1].rsplit(" ", 1)[0] + " abc"), "'abc'"),
    "NaN": (swapped(MOTION + 6, LINES[-1].rsplit(" ", 1)[0] + " nan"), f"line {MOTION + 7}"),
    "infinity": (swapped(MOTION + 6, LINES[-1].rsplit(" ", 1)[0] + " 1e999"), "frame 3"),
    "decimal commas": (
        GOOD[: GOOD.index("MOTION")] + GOOD[GOOD.index("MOTION") :].replace(".", ","),
        "Frame Time",
    ),
    "decimal comma in a row": (swapped(MOTION + 3, LINES[-1].replace(".", ",")), "point"),
    "channel count wrong": (GOOD.replace("CHANNELS 3", "CHANNELS 4", 1), "CHANNELS says 4"),
    "channel unknown": (GOOD.replace("Zrotation", "Wrotation", 1), "distinct"),
    "channel twice": (GOOD.replace("Zrotation Xrotation", "Xrotation Xrotation", 1), "distinct"),
    "channels without count": (GOOD.replace("CHANNELS 3", "CHANNELS", 1), "CHANNELS"),
    "OFFSET short": (swapped(at("OFFSET"), "OFFSET 1 2"), f"line {at('OFFSET') + 1}"),
    "OFFSET NaN": (swapped(at("OFFSET"), "OFFSET 1 2 nan"), "'nan'"),
    "OFFSET missing": (swapped(at("OFFSET"), ""), "no OFFSET"),
    "two OFFSETs": (swapped(at("CHANNELS"), "OFFSET 0 0 0\n" + LINES[at("CHANNELS")]), "two"),
    "two joints of a name": (GOOD.replace("JOINT Neck", "JOINT Spine"), "already stands on line"),
    "two roots": (GOOD.replace("MOTION", "ROOT b\n{\nOFFSET 0 0 0\n}\nMOTION"), "second ROOT"),
    "nameless joint": (GOOD.replace("JOINT Neck", "JOINT"), "without a name"),
    "brace missing": (swapped(MOTION - 1, ""), "MOTION"),
    "brace too many": (GOOD.replace("MOTION", "}\nMOTION"), "closes nothing"),
    "opening brace missing": (swapped(at("{"), ""), "expected {"),
    "opening brace too many": (GOOD.replace("ROOT Hips\n{", "ROOT Hips\n{\n{"), "opens nothing"),
    "OFFSET outside": ("HIERARCHY\nOFFSET 0 0 0\n", "outside"),
    "CHANNELS outside": ("HIERARCHY\nCHANNELS 0\n", "outside"),
    "End Site outside": ("HIERARCHY\nEnd Site\n{\n}\n", "End Site"),
    "joint first": ("HIERARCHY\nJOINT a\n{\n}\n", "outside"),
    "unknown word": (swapped(at("OFFSET"), "SCALE 1 2 3"), "'SCALE 1 2 3'"),
    "no channels at all": (
        "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 1\nFrame Time: 1\n\n",
        "no joint has CHANNELS",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_the_place(fault: str, tmp_path: Path) -> None:
    text, says = FAULTS[fault]
    path = tmp_path / "damaged.bvh"
    path.write_bytes(text.encode("utf-8"))
    with pytest.raises(BadInput) as error:
        read_bvh(path)
    message = str(error.value)
    assert str(path) in message and says in message and "\n" not in message
    assert len(message) - len(str(path)) < 250


def test_good_text_is_good(tmp_path: Path) -> None:
    path = tmp_path / "good.bvh"
    path.write_text(GOOD)
    assert read_bvh(path).clip.frames == 6


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.bvh"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_bvh(path)


def test_declared_sizes_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "claims.bvh"
    path.write_text(GOOD.replace("Frames: 6", "Frames: 900000000"))
    tracemalloc.start()
    with pytest.raises(BadInput):
        read_bvh(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    many = "".join(f"JOINT j{i}\n{{\nOFFSET 0 0 0\n" for i in range(5000))
    path.write_text("HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\n" + many)
    with pytest.raises(BadInput, match="2000 joints"):
        read_bvh(path)


def mutated(text: bytes, rng: np.random.Generator) -> bytes:
    """The text with one to three random injuries."""
    words = b"nan 1e999 - } { JOINT MOTION Frames:9999999 \x00 \xff\xfe 1e7 CHANNELS".split(b" ")
    words += [b"", b"\n", b"End Site", b"OFFSET 0 0 0", b"CHANNELS 6"]
    for _ in range(int(rng.integers(1, 3))):
        a, b = sorted(int(x) for x in rng.integers(0, len(text) + 1, 2))
        kind = rng.integers(9)
        if kind == 0:  # cut short
            text = text[:b]
        elif kind == 1:  # a piece lost
            text = text[:a] + text[min(b, a + 60) :]
        elif kind == 2:  # a byte changed
            text = text[:a] + bytes([int(rng.integers(256))]) + text[a + 1 :]
        elif kind == 3:  # a word put in
            text = text[:a] + words[int(rng.integers(len(words)))] + text[a:]
        elif kind == 4:  # lines swapped
            lines = text.split(b"\n")
            i, j = rng.integers(0, len(lines), 2)
            lines[i], lines[j] = lines[j], lines[i]
            text = b"\n".join(lines)
        elif kind >= 6:  # digits changed: mostly still a good file, of another body
            digits = [i for i in rng.integers(0, len(text), 40) if text[i : i + 1].isdigit()]
            for i in digits:
                text = text[:i] + b"%d" % rng.integers(10) + text[i + 1 :]
        else:  # a word replaced
            parts = text.split(b" ")
            parts[int(rng.integers(len(parts)))] = words[int(rng.integers(len(words)))]
            text = b" ".join(parts)
    return text


@pytest.mark.parametrize("seed", range(4))
def test_mutations_give_a_clip_or_bad_input(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    figure = Figure(frames=6, every_joint_moves=bool(seed % 2), root_offset=(0, 1.0, 0))
    text = figure.text().encode()
    path = tmp_path / "mutant.bvh"
    refused = 0
    for _ in range(150):
        path.write_bytes(mutated(text, rng))
        try:
            file = read_bvh(path)
        except BadInput as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
        else:
            assert isinstance(file.clip, Clip) and np.isfinite(file.clip.positions).all()
    assert 30 < refused < 140  # some survive, most do not
