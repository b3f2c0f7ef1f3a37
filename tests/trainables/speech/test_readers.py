"""WAV of every kind, word timings of three formats, and pairs by stem."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from search_spaces.errors import BadInput
from trainables.speech.pairs import find_pairs, read_pair, read_pairs
from trainables.speech.speech import Speech, Word
from trainables.speech.wav import read_wav, resampled
from trainables.speech.words import read_words

TONE = 0.5 * np.sin(2 * np.pi * 220 * np.arange(8000) / 16_000)


def write_24_bit(path: Path, values: np.ndarray, rate: int) -> None:
    whole = np.round(values * (2**23 - 1)).astype("<i4")
    data = b"".join(struct.pack("<i", v)[:3] for v in whole.tolist())
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16,
                       1, 1, rate, rate * 3, 3, 24, b"data", len(data))  # fmt: skip
    path.write_bytes(head + data)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int24", "int32", "float32", "float64"])
def test_every_sample_format_gives_the_same_sound(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    if kind == "int24":
        write_24_bit(path, TONE, 16_000)
    elif kind == "uint8":
        wavfile.write(path, 16_000, np.round(TONE * 127 + 128).astype(np.uint8))
    elif kind.startswith("int"):
        scale = np.iinfo(kind).max
        wavfile.write(path, 16_000, np.round(TONE * scale).astype(kind))
    else:
        wavfile.write(path, 16_000, TONE.astype(kind))
    speech = read_wav(path)
    assert speech.recording == "a" and speech.sample_rate == 16_000
    assert speech.samples.dtype == np.float32 and speech.words is None
    assert np.abs(speech.samples - TONE).max() < (0.01 if kind == "uint8" else 1e-4)


def test_stereo_is_averaged_and_said(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.stack([TONE, -0.5 * TONE], 1).astype(np.float32))
    speech = read_wav(tmp_path / "a.wav")
    assert np.allclose(speech.samples, 0.25 * TONE, atol=1e-6)
    assert speech.notes == ("2 channels of audio are averaged.",)


def test_another_rate_keeps_the_tone() -> None:
    speech = Speech("a", TONE.astype(np.float32), 16_000)
    for rate in (16_000, 22_050, 48_000):
        found = resampled(speech, rate)
        assert len(found) == pytest.approx(0.5 * rate, abs=1)
        assert np.argmax(np.abs(np.fft.rfft(found))) == 110


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"nothing at all" * 9])
def test_what_is_no_wav(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.wav: .*(convert it|export it)"):
        read_wav(tmp_path / "a.wav")


def test_wrong_audio(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_wav(tmp_path / "none.wav")
    for values, said in ((np.full(9, np.nan), "NaN"), (np.full(9, 3e4), "full scale is 1")):
        wavfile.write(tmp_path / "a.wav", 8000, values.astype(np.float32))
        with pytest.raises(BadInput, match=said):
            read_wav(tmp_path / "a.wav")
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(0, np.int16))
    with pytest.raises(BadInput, match="holds no audio"):
        read_wav(tmp_path / "a.wav")


EXPECTED = (Word("so", 0.1, 0.35), Word('say "it"', 0.35, 0.8), Word("now", 1.0, 1.4))
LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "s"
    item [2]:
        class = "TextTier"
        name = "beats"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.4
            mark = "x"
    item [3]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 5
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = ""
        intervals [2]:
            xmin = 0.1
            xmax = 0.35
            text = "so"
        intervals [3]:
            xmin = 0.35
            xmax = 0.8
            text = "say ""it"""
        intervals [4]:
            xmin = 0.8
            xmax = 1.0
            text = "sp"
        intervals [5]:
            xmin = 1.0
            xmax = 1.4
            text = "now"
'''
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
1
"IntervalTier"
"transcript"
0
1.5
4
0
0.1
"<eps>"
0.1
0.35
"so"
0.35
0.8
"say ""it"""
1.0
1.4
"now"
'''


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_textgrid(tmp_path: Path, text: str, encoding: str, ending: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.replace("\n", ending).encode(encoding))
    assert read_words(path).words == EXPECTED


def test_textgrid_with_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    for text, said in (
        (LONG[: len(LONG) // 2], "ends early"),
        ("something else", "is no TextGrid"),
        (LONG.replace('"words"', '"other"'), "none called words"),
        (SHORT.replace("0.35\n0.8", "0.8\n0.35"), "correct it"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_words(path)


def test_tsv_with_and_without_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    rows = '0.1\t0.35\tso\n0.35\t0.8\tsay "it"\n0.8\t1.0\t\n1.0\t1.4\tnow\n'
    for text in (rows, "start\tend\tword\n" + rows, rows.replace("\n", "\r\n")):
        path.write_text(text)
        assert read_words(path).words == EXPECTED
    path.write_text(rows + "x\t1\tbad\n")
    with pytest.raises(BadInput, match="line 5: must be start, end and word"):
        read_words(path)


def test_srt_shares_a_line_by_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\n<i>ab</i> abc\n\n"
                    "2\n00:01:00,500 --> 00:01:01,500\nabcde\n")  # fmt: skip
    found = read_words(path)
    assert not found.exact
    assert [w.text for w in found.words] == ["ab", "abc", "abcde"]
    times = [t for w in found.words for t in (w.start, w.end)]
    assert times == pytest.approx([1.0, 1.4, 1.4, 2.0, 60.5, 61.5])
    path.write_text("1\nnever\nabc\n")
    with pytest.raises(BadInput, match="subtitle 1"):
        read_words(path)


def test_words_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.tsv, \.TextGrid and \.srt"):
        read_words(tmp_path / "a.docx")
    with pytest.raises(BadInput, match="cannot be read"):
        read_words(tmp_path / "a.tsv")


# Real files.


def test_beat2_motion_with_its_speech(real: Path) -> None:
    """SMPL-X and 32-bit float audio of 40 s."""
    (files,) = find_pairs(real / "beat2_smplx")
    spoken = read_pair(files)
    assert files.words is None and spoken.speech.words is None
    assert (spoken.clip.frames, spoken.clip.fps) == (1200, 30.0)
    assert spoken.speech.sample_rate == 16_000 and spoken.speech.seconds == 40.0
    assert 0.1 < np.abs(spoken.speech.samples).max() <= 1.0


def test_audio_and_words_of_tts(real: Path) -> None:
    speech = read_wav(real / "audio_text" / "tts.wav")
    words = read_words(real / "audio_text" / "tts_align_process.tsv").words
    assert speech.sample_rate == 24_000
    assert words[0] == Word("Nice", 0.13, 0.43) and len(words) == 21
    assert words[-1].end < speech.seconds


def test_bvh_without_audio_says_which(real: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no 1_wayne_0_1_1\.wav beside it"):
        list(read_pairs(real / "beat_smplx_bvh"))


@pytest.fixture
def trinity(real: Path, tmp_path: Path) -> Path:
    """Motion/NAME.bvh, Audio/NAME.wav, with words in a third folder."""
    for name in ("Motion", "Audio", "Transcripts"):
        (tmp_path / name).mkdir()
    motion = real / "beat_smplx_bvh" / "1_wayne_0_1_1.bvh"
    shutil.copy(motion, tmp_path / "Motion" / "Recording_001.bvh")
    sound = np.resize(TONE, round(250 / 30 * 16_000)).astype(np.float32)
    wavfile.write(tmp_path / "Audio" / "Recording_001.wav", 16_000, sound)
    (tmp_path / "Transcripts" / "Recording_001.TextGrid").write_text(SHORT)
    return tmp_path


def test_parallel_folders_of_trinity(trinity: Path) -> None:
    (spoken,) = read_pairs(trinity)
    assert spoken.clip.recording == spoken.speech.recording == "Motion/Recording_001"
    assert spoken.speech.words == EXPECTED
    assert spoken.speech.seconds == pytest.approx(spoken.clip.seconds, abs=0.001)


def test_partners_that_do_not_fit(trinity: Path) -> None:
    audio = trinity / "Audio" / "Recording_001.wav"
    shutil.copy(audio, trinity / "Audio" / "Recording_002.wav")
    with pytest.raises(BadInput, match="there is no motion called 'Recording_002'"):
        find_pairs(trinity)
    (trinity / "Audio" / "Recording_002.wav").unlink()
    (trinity / "More").mkdir()
    shutil.copy(audio, trinity / "More" / "Recording_001.wav")
    with pytest.raises(BadInput, match="are both called like it"):
        find_pairs(trinity)
    shutil.rmtree(trinity / "More")
    (trinity / "Transcripts" / "Recording_001.TextGrid").write_text(
        SHORT.replace("1.0\n1.4", "99\n99.4")
    )
    with pytest.raises(BadInput, match=r"'now' starts at 99\.00 s"):
        list(read_pairs(trinity))


def test_lengths_that_disagree_are_one_line(trinity: Path) -> None:
    wavfile.write(trinity / "Audio" / "Recording_001.wav", 8000, TONE.astype(np.float32))
    (trinity / "Transcripts" / "Recording_001.TextGrid").unlink()
    with pytest.raises(BadInput, match=r"motion lasts 8\.33 s and audio 1\.00 s") as caught:
        list(read_pairs(trinity))
    assert "\n" not in str(caught.value)


def test_cut_keeps_words_inside() -> None:
    speech = Speech("a", TONE.astype(np.float32), 8000, EXPECTED[:2])
    cut = speech.cut(0.2, 0.5)
    assert cut.seconds == pytest.approx(0.3)
    assert [(w.text, round(w.start, 3), round(w.end, 3)) for w in cut.words or ()] == [
        ("so", 0.0, 0.15), ('say "it"', 0.15, 0.3),
    ]  # fmt: skip
