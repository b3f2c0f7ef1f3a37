"""A user study on the command line: folders of motion to a page, answers to win rates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.user_study.design import QUESTIONS
from analysis.user_study.takes import Take
from cluster.cli import main
from cluster.study_sources import read_systems
from search_spaces.data_terms import TERMS_FILE
from tests.trainables.speech.wav_files import write_pcm
from trainables.motion.bvh_writer import write_bvh
from trainables.speech.synthetic import embedded_speaking_clips, speech_numbers, speech_of_number


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Motion of two systems and audio, files called alike; one system turns about and walks."""
    folder = tmp_path_factory.mktemp("talks")
    clips = embedded_speaking_clips("debug")[:3]
    for number, clip in enumerate(clips):
        other = clips[(number + 1) % 3].cut(0, min(clip.frames, clips[(number + 1) % 3].frames))
        for system, motion in (("real", clip), ("other", other)):
            (folder / system).mkdir(exist_ok=True)
            write_bvh(motion, folder / system / f"talk{number}.bvh")
        speech = speech_of_number(0, speech_numbers("debug", 0)[clip.recording])
        (folder / "wav").mkdir(exist_ok=True)
        write_pcm(folder / "wav" / f"talk{number}.wav", speech)
    return folder


def export(talks: Path, out: Path, *more: str) -> int:
    named = [f"--system={name}={talks / name}" for name in ("real", "other")]
    return main(["study", "export", *named, "--audio", str(talks / "wav"), "-o", str(out), *more])


def test_folders_to_a_page_and_answers_to_win_rates(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "pairs.html"
    assert export(talks, page, "--seconds", "3", "--checks", "6", "--repeats", "2") == 0
    said = capsys.readouterr().out
    assert "12 clips in 3 pairs" in said and "without sound" not in said
    assert "keep it from the raters" in said
    key = json.loads((tmp_path / "pairs.key.json").read_text())
    assert key["systems"] == ["real", "other"] and len(key["clips"]) == 12
    text = page.read_text()
    assert text.count("data:audio/wav;base64,") == 3 and "talk0" not in text

    told = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])

    def rater(name: str, takes_shaken: bool) -> str:
        answers = []
        for left, right in (*told["pairs"], *told["checks"], *(p[::-1] for p in told["pairs"][:2])):
            shaken = key["clips"][left]["spoiled"] or key["clips"][right]["system"] == "real"
            side = "left" if shaken == takes_shaken else "right"
            answers.append({"left": left, "right": right, "seconds": 9.0,
                            **dict.fromkeys(QUESTIONS, side)})  # fmt: skip
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"ratefront_study": 1, "study": key["study"], "rater": name,
                                    "answers": answers}))  # fmt: skip
        return str(path)

    files = [rater("ann", False), rater("bob", False), rater("cid", True)]
    out = tmp_path / "scores.json"
    keyed = str(tmp_path / "pairs.key.json")
    assert main(["study", "score", keyed, *files, "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "left out: cid: 0 of 6 checks right" in said and "Figure 4" in said
    scores = json.loads(out.read_text())
    real = scores["win_rates"]["preference"]["real"]
    assert (real["mean"], real["raters"], real["comparisons"]) == (100.0, 2, 6)
    assert scores["raters"][2]["left_out"]
    assert main(["study", "score", keyed, files[2]]) == 1
    assert "no rater is left" in capsys.readouterr().out


def test_files_are_shown_in_place_and_facing_one_way(talks: Path) -> None:
    shown = read_systems([f"a={talks / 'real'}"], talks / "wav")
    assert sorted(shown.takes["a"]) == sorted(shown.sounds) == ["talk0", "talk1", "talk2"]
    take: Take = shown.takes["a"]["talk0"]
    pelvis = int(np.flatnonzero(np.asarray(take.parents) < 0)[0])
    assert np.abs(take.positions[:, pelvis]).max() < 0.15
    hips = [i for i, n in enumerate(take.joints) if "hip" in n.lower() or "upleg" in n.lower()]
    across = take.positions[:, hips[0]] - take.positions[:, hips[1]]
    assert np.abs(across[:, 2]).max() < 1e-6 * np.abs(across[:, 0]).max()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--system", "real"], "write NAME=PLACE"),
        (["--system", "a={0}/real"], "two systems or more"),
        (["--system", "a={0}/real", "--system", "a={0}/other"], "two systems called a"),
        (["--system", "a={0}/nothing"], "no such file or folder"),
        (["--system", "a={0}/real", "--system", "b={0}/other", "--audio", "{0}/no"], "no such fol"),
        (["--system", "a={0}/real", "--system", "b={0}/other", "-o", "x.txt"], "an .html file"),
    ],
)
def test_bad_requests_are_one_line(
    talks: Path, arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "export", *(a.format(talks) for a in arguments)]) == 2
    printed = capsys.readouterr()
    assert fault in printed.err and len(printed.err.strip().splitlines()) == 1


def test_motion_that_may_not_be_given_on_is_in_no_page(
    talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "talk0.bvh").write_bytes((talks / "real" / "talk0.bvh").read_bytes())
    (kept / TERMS_FILE).write_text("redistribute: no\nreason: signers agreed to research alone\n")
    code = main(["study", "export", f"--system=a={kept}", f"--system=b={talks / 'other'}",
                 "-o", str(tmp_path / "p.html")])  # fmt: skip
    assert code == 2 and "redistribute: no" in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()
