"""Tokens as JSON lines: what is written comes back, and what a language model wrote is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import BadInput
from tests.trainables.exported.training import CONFIGURATIONS, Trained
from tests.trainables.tiny import make_clip, moved
from trainables.exported.codec_folder import ExportedCodec
from trainables.exported.token_lines import read_token_lines, token_line
from trainables.exported.transcode import CodedRecording, encode_clip, write_motion
from trainables.motion.readers import read_clip
from trainables.motion.resample import resample

LIMIT = 3600.0


def lines(path: Path, *said: Any) -> Path:
    path.write_text("".join(f"{s if isinstance(s, str) else json.dumps(s)}\n" for s in said))
    return path


def encoded(codec: ExportedCodec, fps: float = 30.0) -> CodedRecording:
    """A recording at another rate and place, with bones of its own."""
    clip = moved(make_clip("take", 4, 41, scale=1.05), 1.0, (0.5, 0, 1.5))
    return encode_clip(codec, resample(clip, fps))[0]


def written(codec: ExportedCodec, recording: CodedRecording, place: Path) -> bytes:
    suffix = ".bvh" if codec.preparation.feature_map.kind == "expmap" else ".npz"
    path = place / f"out{suffix}"
    write_motion(codec, recording, path)
    if suffix == ".bvh":
        return path.read_bytes()
    return read_clip(path).positions.tobytes()


@pytest.mark.parametrize("fps", [30.0, 50.0])
@pytest.mark.parametrize("name", [*CONFIGURATIONS, "root", "position"])
def test_a_line_is_as_good_as_a_file(
    name: str, fps: float, trained: dict[str, Trained], tmp_path: Path
) -> None:
    codec = trained[name].codec
    recording = encoded(codec, fps)
    path = lines(tmp_path / "t.jsonl", token_line(codec, recording, "a/take"))
    ((called, back),) = read_token_lines(codec, path, LIMIT)
    assert called == "a/take"
    for part, tokens in recording.tokens.items():
        assert np.array_equal(back.tokens[part], tokens)
    assert written(codec, back, tmp_path) == written(codec, recording, tmp_path)


@pytest.mark.parametrize("name", [*CONFIGURATIONS, "root", "position"])
def test_tokens_alone_are_enough(name: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    """What is missing is the codec's: its rate, its bones, a start at the origin."""
    codec = trained[name].codec
    recording = encoded(codec)
    line = token_line(codec, recording, "")
    path = lines(tmp_path / "t.jsonl", "", {"tokens": line["tokens"]}, "  ", line)
    found = read_token_lines(codec, path, LIMIT)
    assert [called for called, _ in found] == ["recording-2", "recording-4"]
    bare, whole = (r for _, r in found)
    compression = max(codec.compression.values())
    most = -(-recording.header.frames // compression) * compression
    assert bare.header.frames == most
    assert bare.header.source_fps == bare.header.fps and bare.header.offsets is None
    assert (bare.header.start is None) == (name != "root")
    for part, tokens in whole.tokens.items():
        assert np.array_equal(bare.tokens[part], tokens)
    written(codec, bare, tmp_path)


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no object": (lambda line: [1, 2], "valid dictionary"),
    "no JSON": (lambda line: "{tokens: 1}", "Expecting property name"),
    "no tokens": (lambda line: {}, "tokens: Field required"),
    "empty": (lambda line: {"tokens": []}, "at least 1"),
    "words": (lambda line: {"tokens": ["1"]}, "tokens.0: .*valid integer"),
    "halves": (lambda line: {"tokens": [1.5]}, "tokens.0: .*valid integer"),
    "negative": (lambda line: {"tokens": [-1]}, "tokens.0"),
    "huge": (lambda line: {"tokens": [2**70]}, "tokens.0"),
    "a token too few": (lambda line: {**line, "tokens": line["tokens"][:-1]}, "frames are"),
    "no whole frame": (lambda line: {"tokens": line["tokens"][:-1]}, "no whole number of frames"),
    "of another stream": (
        lambda line: {**line, "tokens": [line["tokens"][1], *line["tokens"][1:]]},
        "at place 0 is not of level 0 of 'body'",
    ),
    "beyond the vocabulary": (lambda line: {**line, "tokens": [9999] * len(line["tokens"])},
                              "token 9999 at place 0"),
    "another codec": (lambda line: {**line, "codec": "00" * 8}, "tokens of the codec 0000"),
    "endless frames": (lambda line: {**line, "frames": 10**400}, "frames"),
    "too long": (lambda line: {**line, "frames": 10**6}, "raise --max-seconds"),
    "another length": (lambda line: {**line, "source_frames": 10**6}, "do not last as long"),
    "endless rate": (lambda line: {**line, "source_fps": 1e999}, "source_fps"),
    "absurd rate": (lambda line: {**line, "source_fps": 1e9, "source_frames": 1}, "fps|per second"),
    "bones of others": (lambda line: {**line, "bones": [[0, 0, 0]]}, "bones of 1 joints"),
    "huge bones": (lambda line: {**line, "bones": [[2**40, 0, 0]] * 15}, "bones.0.0"),
    "far away": (lambda line: {**line, "start": [10**6, 0, 0]}, "within 327 m"),
    "very far away": (lambda line: {**line, "start": [10**60, 0, 0]}, "within 327 m"),
    "a name of two lines": (lambda line: {**line, "recording": "a\nb"}, "recording"),
    "a name with nothing in it": (lambda line: {**line, "recording": "a\x00"}, "recording"),
    "half a letter": (lambda line: {**line, "recording": "\ud800"}, "recording"),
    "a name given twice": (lambda line: line, "that of line 1 too"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_told_with_its_line(
    fault: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    codec = trained["rqvae"].codec
    change, says = FAULTS[fault]
    line = token_line(codec, encoded(codec), "take")
    path = lines(tmp_path / "t.jsonl", line, change({**line, "recording": "other"} if
                 fault != "a name given twice" else line))  # fmt: skip
    with pytest.raises(BadInput, match=rf"(?s)^[^\n]*t\.jsonl, line 2: .*({says})") as caught:
        read_token_lines(codec, path, LIMIT)
    assert len(str(caught.value)) < 500


def test_files_that_hold_no_lines(trained: dict[str, Trained], tmp_path: Path) -> None:
    codec = trained["kmeans"].codec
    for content, says in ((b"", "holds no tokens"), (b"\n\n", "holds no"), (b"\xff", "be read")):
        (tmp_path / "t.jsonl").write_bytes(content)
        with pytest.raises(BadInput, match=says):
            read_token_lines(codec, tmp_path / "t.jsonl", LIMIT)
    with pytest.raises(BadInput, match="cannot be read"):
        read_token_lines(codec, tmp_path / "none.jsonl", LIMIT)


def test_separators_that_json_allows_within_a_line(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    """U+2028 ends no line of JSON lines, and a carriage return before the end is blank."""
    codec = trained["kmeans"].codec
    line = token_line(codec, encoded(codec), "a\u2028b")
    text = json.dumps(line, ensure_ascii=False)
    (tmp_path / "t.jsonl").write_text(f"{text}\r\n", encoding="utf-8", newline="")
    ((called, _),) = read_token_lines(codec, tmp_path / "t.jsonl", LIMIT)
    assert called == "a\u2028b"
