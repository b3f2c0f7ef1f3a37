"""The whole model on folders as people have them: BEAT2, Trinity, and encoders from disk.

Each is a debug-size sweep of the preset to its page. The layouts hold real motion and speech, cut
into pieces so that there is something to hold out; nothing is learnt here.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from analysis.eggesture.gestures_page import build_gestures
from search_spaces.presets import load_spec
from search_spaces.record import LOG_FILE
from search_spaces.spec import SweepSpec
from tests.cluster.in_process import sweep_in_process
from tests.trainables.speech.tiny_encoders import tiny_bert, tiny_clip, tiny_wav2vec2
from trainables.motion.bvh_writer import write_bvh
from trainables.motion.clip import Clip
from trainables.motion.dataset import prepare
from trainables.motion.readers import read_clip
from trainables.speech.spoken_data import with_speech
from trainables.speech.synthetic import embedded_speaking_clips

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

PIECES = 6


def swept(spec: SweepSpec, folder: Path, clips: list[Clip] | None = None) -> str:
    """The page of a sweep, none of whose trials failed or was refused."""
    data = with_speech(prepare(spec.data, clips), spec.data)
    sweep_in_process(spec, data, folder)
    events = [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]
    bad = [e["reason"] for e in events if e["event"] in ("failed", "refused")]
    assert bad == [] and sum(e["event"] == "done" for e in events) >= len(spec.space.cells)
    page = build_gestures(folder)
    assert page is not None
    return page.read_text()


def table1(data: Path, *settings: str) -> SweepSpec:
    return load_spec(
        "eggesture/table1", size="debug", overrides={"data": {"path": str(data)}},
        settings=("max_steps=10", "speech.max_steps=10", "frechet.max_steps=10",
                  "codebook_size=8", *settings),
    )  # fmt: skip


def cut_wav(path: Path, place: Path, piece: int, seconds: float) -> None:
    rate, samples = wavfile.read(path)
    first = round(piece * seconds * rate)
    wavfile.write(place, rate, samples[first : first + round(seconds * rate)])


def test_beat2(real: Path, tmp_path: Path) -> None:
    source = real / "beat2_smplx" / "2_scott_0_1_1_f0000-1199.npz"
    layout = tmp_path / "BEAT2"
    for folder in ("smplxflame_30", "wave16k", "textgrid"):
        (layout / folder).mkdir(parents=True)
    with np.load(source, allow_pickle=False) as file:
        arrays = {k: file[k] for k in file.files}
    frames = len(arrays["poses"]) // PIECES
    for i in range(PIECES):
        own = {k: v[i * frames : (i + 1) * frames] if v.ndim == 2 else v for k, v in arrays.items()}
        name = f"2_scott_0_{i}_{i}"
        np.savez(layout / "smplxflame_30" / f"{name}.npz", **own)  # type: ignore[arg-type]
        cut_wav(source.with_suffix(".wav"), layout / "wave16k" / f"{name}.wav", i, frames / 30)
        words = '"IntervalTier"\n"words"\n0\n6\n2\n0\n1\n"hello"\n1\n6\n""\n'
        text = f'File type = "ooTextFile short"\n"TextGrid"\n\n0\n6\n<exists>\n1\n{words}'
        (layout / "textgrid" / f"{name}.TextGrid").write_text(text)
    page = swept(table1(layout), tmp_path / "sweep")
    assert "synthetic" not in page.split("<h2>")[0] and "paper: 5.74" in page


def test_trinity(real: Path, tmp_path: Path) -> None:
    clip = read_clip(real / "beat_smplx_bvh" / "1_wayne_0_1_1.bvh")
    layout = tmp_path / "Trinity"
    (layout / "Motion").mkdir(parents=True)
    (layout / "Audio").mkdir()
    frames = clip.frames // PIECES
    for i in range(PIECES):
        piece = clip.cut(i * frames, (i + 1) * frames)
        write_bvh(piece, layout / "Motion" / f"Recording_{i:03d}.bvh")
        cut_wav(real / "audio_text" / "tts.wav", layout / "Audio" / f"Recording_{i:03d}.wav", i,
                frames / clip.fps)  # fmt: skip
    page = swept(table1(layout, "speech.window=8", "speech.seed_tokens=2"), tmp_path / "sweep")
    assert "paper: 5.74" in page and "cannot be said (n = " in page


@pytest.mark.parametrize("text", ["bert", "clip"])
@pytest.mark.parametrize("tuned", [False, True])
def test_encoders_from_folders(text: str, tuned: bool, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    for name in ("wav2vec2", text):
        (tmp_path / name).mkdir()
    tiny_wav2vec2(tmp_path / "wav2vec2")
    {"bert": tiny_bert, "clip": tiny_clip}[text](tmp_path / text)
    spec = load_spec(
        "eggesture/table4", size="debug",
        settings=(
            "speech.text=encoder", f"speech.text_weights={tmp_path / text}",
            "speech.audio=encoder", f"speech.audio_weights={tmp_path / 'wav2vec2'}",
            f"speech.text_finetune={str(tuned).lower()}",
            f"speech.audio_finetune={str(tuned).lower()}",
            "max_steps=8", "speech.max_steps=6", "speech.rounds=2", "speech.batch_tokens=120",
            "frechet.measured=false",
        ),
    )  # fmt: skip
    one = spec.space.model_copy(update={"cells": spec.space.cells[:1]})
    spec = spec.model_copy(update={"space": one})
    page = swept(spec, tmp_path / "sweep", embedded_speaking_clips("debug")[:8])
    assert "EGGesture" in page
