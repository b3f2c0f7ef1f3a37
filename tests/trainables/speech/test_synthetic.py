"""The embedded speaker: the same bits, marked synthetic, and speech that says when strokes end."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from search_spaces.errors import BadInput
from search_spaces.spec import DataSpec
from trainables.metrics.beat_alignment import clip_alignment
from trainables.motion.recordings import load_clips
from trainables.speech.onsets import onsets
from trainables.speech.shuffled import partners, with_others_speech
from trainables.speech.source import SpeechSource
from trainables.speech.speech import Spoken
from trainables.speech.synthetic import (
    LONGEST,
    RECORDINGS,
    SHORTEST,
    embedded_speaking_clips,
    embedded_speech,
    embedded_spoken,
    speech_numbers,
)
from trainables.speech.synthetic_gestures import (
    CHANCE_KIND,
    KINDS,
    ORACLE_KIND,
    UNRELATED,
    Gestures,
    plan_gestures,
)
from trainables.speech.synthetic_script import Script, draw_script, draw_vocabulary, draw_voice


@pytest.fixture(scope="module")
def talks() -> list[tuple[Spoken, Script, Gestures]]:
    return list(islice(embedded_spoken("reduced", seed=0), 112))


def test_enough_recordings_of_several_speakers() -> None:
    names = speech_numbers("reduced", 0)
    assert len(names) == RECORDINGS["reduced"] >= 500
    assert len({name.split("/")[0] for name in names}) == 8


def test_same_seed_same_bits_and_no_dependence_on_how_many() -> None:
    few, again = embedded_speaking_clips("debug", 3), embedded_spoken("reduced", 3)
    for clip, (spoken, _, _), speech in zip(
        few[:3], again, embedded_speech("debug", 3), strict=False
    ):
        assert clip.recording == spoken.clip.recording == speech.recording
        assert np.array_equal(clip.positions, spoken.clip.positions)
        assert np.array_equal(speech.samples, spoken.speech.samples)
    assert not np.array_equal(
        few[0].positions[:9], embedded_speaking_clips("debug")[0].positions[:9]
    )


def test_motion_and_audio_end_together_and_both_are_marked(
    talks: list[tuple[Spoken, Script, Gestures]],
) -> None:
    seconds = []
    for spoken, script, _ in talks:
        assert spoken.clip.notes == spoken.speech.notes == ("synthetic",)
        assert spoken.clip.signer == spoken.speech.speaker
        assert spoken.clip.seconds == pytest.approx(script.seconds)
        assert spoken.speech.seconds == pytest.approx(script.seconds, abs=1e-4)
        assert 0.2 < np.abs(spoken.speech.samples).max() < 1
        assert all(0 <= w.start < w.end <= script.seconds for w in spoken.speech.words or ())
        seconds.append(script.seconds)
    assert min(seconds) >= SHORTEST - 0.1 and 15 < max(seconds) <= LONGEST + 0.1


def test_the_audio_holds_the_onsets_that_the_script_has(
    talks: list[tuple[Spoken, Script, Gestures]],
) -> None:
    """Accented vowels are found in the waveform, though detection knows nothing of the script."""
    found, chance = [], []
    rng = np.random.default_rng(0)
    for spoken, script, _ in talks[:40]:
        heard = onsets(spoken.speech.samples, spoken.speech.sample_rate, delta=0.2)
        for at, into in ((script.onset[script.stress == 1], found),
                         (rng.uniform(0, script.seconds, 20), chance)):  # fmt: skip
            into += [np.abs(heard - t).min(initial=9.0) < 0.06 for t in at]
    assert np.mean(found) > np.mean(chance) + 0.2


def test_strokes_end_where_the_plan_says(talks: list[tuple[Spoken, Script, Gestures]]) -> None:
    """At the end of a stroke the wrist is far slower than half-way to it."""
    slower = []
    for spoken, _, plan in talks[:30]:
        clip = spoken.clip
        wrists = [clip.skeleton.index(f"{side}_wrist") for side in ("left", "right")]
        speed = np.linalg.norm(np.gradient(clip.positions[:, wrists], axis=0), axis=2).max(1)
        for before, end in pairwise(plan.seconds):
            frame, half = (
                round(end * clip.fps),
                round((end - min(0.35, (end - before) / 2)) * clip.fps),
            )
            if frame < clip.frames - 1:
                slower.append(speed[frame] < 0.5 * speed[half])
    assert np.mean(slower) > 0.8


def test_what_an_oracle_and_chance_would_get() -> None:
    """The shares by construction: kind given the word, and gestures without a word."""
    rng = np.random.default_rng(1)
    vocabulary, voice = draw_vocabulary(rng), draw_voice(rng)
    right, free, away = [], [], []
    for _ in range(300):
        script = draw_script(rng, vocabulary, voice, 15.0)
        plan = plan_gestures(rng, script, lag=0.0)
        own = plan.syllable >= 0
        right += (script.concept[plan.syllable[own]] == plan.kind[own]).tolist()
        away += (plan.seconds[own] - script.onset[plan.syllable[own]]).tolist()
        free += (~own).tolist()
    assert np.mean(right) == pytest.approx(ORACLE_KIND, abs=0.03)
    assert CHANCE_KIND == 1 / KINDS < ORACLE_KIND / 5
    assert 0.5 * UNRELATED < np.mean(free) <= UNRELATED
    assert np.std(away) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("direction", ["gesture", "audio"])
def test_shuffled_audio_lowers_beat_alignment(
    talks: list[tuple[Spoken, Script, Gestures]], direction: str
) -> None:
    """The control, paired over clips: below the truth by a margin, and beyond chance.

    Onsets are many in any speech, so most of the value stays: 0.6 at sigma 0.1 is not dependence.
    """
    spoken = [s for s, _, _ in talks]
    wrists = [spoken[0].clip.skeleton.index(f"{side}_wrist") for side in ("left", "right")]
    heard = {s.speech.recording: onsets(s.speech.samples, s.speech.sample_rate) for s in spoken}
    whose = partners([s.clip.seconds for s in spoken], np.random.default_rng(0))

    def score(clip_of: Spoken, speech_of: Spoken) -> float:
        clip, end = clip_of.clip, min(clip_of.clip.seconds, speech_of.clip.seconds)
        times = heard[speech_of.speech.recording]
        moved = clip.positions[: round(end * clip.fps), wrists]
        return clip_alignment(moved, clip.fps, times[times < end], direction, sigma=0.1)  # type: ignore[arg-type]

    fell = np.array([score(s, s) - score(s, spoken[i]) for s, i in zip(spoken, whose, strict=True)])
    assert np.nanmean(fell) > 0.03
    assert np.nanmean(fell) / np.nanstd(fell) * np.sqrt(len(fell)) > 2.5


def test_shuffling_gives_nobody_their_own() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 8, 9, 17, 100):
        whose = partners(rng.uniform(3, 20, n).tolist(), rng)
        assert sorted(whose.tolist()) == list(range(n))
        assert (whose != np.arange(n)).all()
    with pytest.raises(BadInput, match="two or more"):
        partners([3.0], rng)


def test_shuffled_pairs_are_cut_to_the_shorter(
    talks: list[tuple[Spoken, Script, Gestures]],
) -> None:
    spoken = [s for s, _, _ in talks[:9]]
    for before, after in zip(
        spoken, with_others_speech(spoken, np.random.default_rng(0)), strict=True
    ):
        assert after.clip.recording == before.clip.recording == after.speech.recording
        assert after.speech.seconds == pytest.approx(after.clip.seconds, abs=0.001)
        shared = after.speech.samples
        assert not np.array_equal(shared, before.speech.samples[: len(shared)])


def test_as_data_of_a_sweep_with_its_speech_by_name() -> None:
    spec = DataSpec(path="embedded:speaking", embedded_size="debug", fps=15, split="recording")
    clips, said = load_clips(spec)
    source = SpeechSource(spec)
    assert not said and [c.recording for c in clips] == list(source)
    speech = source[f"{clips[5].recording}@mirrored"]
    assert speech.seconds == pytest.approx(clips[5].seconds, abs=1e-4)
    with pytest.raises(KeyError):
        source["nobody"]
    with pytest.raises(BadInput, match="has no speech; use embedded:speaking"):
        SpeechSource(DataSpec(path="embedded"))
    with pytest.raises(BadInput, match="use split: recording"):
        SpeechSource(DataSpec(path="embedded:speaking", split="time"))


@pytest.mark.parametrize(("size", "fps"), [("huge", 15.0), ("debug", 0.0), ("debug", np.nan)])
def test_bad_sizes_and_rates(size: str, fps: float) -> None:
    with pytest.raises(BadInput, match="embedded motion"):
        embedded_speaking_clips(size, 0, fps)
