"""Damaged .rft files of real codecs through the whole of decoding.

Three kinds of damage: any (`mutations`; every file must be refused), any with its checksums made
right, and lies: files that are well formed and say something else than was encoded. What lies
behind a right checksum is refused, or decoded to exactly what its header declares.

    python -m tests.long.fuzz_streams --random 80000 --repaired 20000
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.families import complete
from search_spaces.space import Config
from search_spaces.spec import DataSpec
from tests.long.stream_lies import lie
from tests.long.test_fuzz_readers import time_bound
from tests.trainables.bitstream.mutations import mutations, with_right_crcs
from trainables.bitstream.container import (
    Container,
    ContainerReader,
    read_container,
)
from trainables.bitstream.recording import unpack
from trainables.exported.codec_folder import ExportedCodec, load_exported, save_exported
from trainables.exported.transcode import (
    CodedRecording,
    check_fits,
    decoded_positions,
    encode_clip,
    write_motion,
)
from trainables.motion.clip import Clip
from trainables.motion.dataset import MotionData, prepare
from trainables.motion.recordings import load_clips
from trainables.motion.skeleton import forward_kinematics
from trainables.runtime import PlainRuntime
from trainables.token_rates import Codecs, fit_token_models
from trainables.trial import TrialTask, make_codecs

_SMALL = {"latent_dim": 8, "hidden_dim": 16, "max_steps": 16, "epochs": 1000, "batch_frames": 96}
CONFIGS: dict[str, Config] = {
    "kmeans": {"codec": "kmeans", "codebook_size": 24},
    "rqvae": {"codec": "rqvae", "codebook_size": 16, "quantizer_depth": 3, **_SMALL},
    "temporal_rvq": {
        "codec": "temporal_rvq", "codebook_size": 16, "quantizer_depth": 2, "compression": 4,
        "window": 16, **_SMALL,
    },
}  # fmt: skip
BOUND_SECONDS = 10.0
"""On one file."""
MOTION_EVERY = 20
"""Of the files that decode, so many are one that is written as motion at the source's rate too."""


class Fault(AssertionError):
    """A file was neither refused in one line nor decoded as declared."""


def trained(name: str, data: MotionData, **changes: Any) -> dict[str, Any]:
    """Codecs of a family, one per part, trained for a moment."""
    task = TrialTask("fuzz", complete({**CONFIGS[name], **changes}), 0, None, 1, "debug")
    codecs = make_codecs(task, data)
    for part, codec in codecs.items():
        codec.fit(data.parts[part], PlainRuntime())
    return codecs


def exported(
    data: MotionData, codecs: Codecs, models: Mapping[str, Any], depth: int, folder: Path
) -> ExportedCodec:
    """What `export` would write for a depth, written and read back; root as in the data."""
    cut = {p: m.cut(min(depth, codecs[p].levels)) if p in codecs else m for p, m in models.items()}
    depths = {part: min(depth, codecs[part].levels) for part in codecs}
    codec = ExportedCodec(data.preparation, codecs, depths, cut, data.facts, {})
    save_exported(codec, folder, "")
    return load_exported(folder)


@dataclass(frozen=True, eq=False)
class Good:
    """A valid file, and the codec that it is of."""

    name: str
    codec: ExportedCodec
    data: bytes
    container: Container


def with_own_bones(clip: Clip) -> Clip:
    """The same rotations on longer bones, none of them by the same length."""
    longer = np.linspace(1.02, 1.11, len(clip.skeleton))[:, None]
    skeleton = clip.skeleton.with_offsets(clip.skeleton.offsets * longer)
    assert clip.rotations is not None
    placed, _ = forward_kinematics(
        skeleton.parents, skeleton.offsets, clip.rotations, clip.positions[:, 0]
    )
    return replace(clip, skeleton=skeleton, positions=placed)


def good_files(
    spec: DataSpec, clips: Sequence[Clip] | None, names: Sequence[str], folder: Path
) -> list[Good]:
    """Files of trained codecs: root coded and removed, own bones and the usual, chunks and one."""
    clips = load_clips(spec)[0] if clips is None else clips
    data = prepare(spec.model_copy(update={"root": "coded"}), clips)
    found = []
    for name in names:
        codecs = trained(name, data)
        models = fit_token_models(codecs, data)
        depth = max(c.levels for c in codecs.values())
        for root in ("coded", "removed"):
            preparation = replace(data.preparation, root_coded=root == "coded")
            kept = {p: m for p, m in models.items() if root == "coded" or p != "root"}
            place = folder / f"{name}-{root}"
            codec = exported(replace(data, preparation=preparation), codecs, kept, depth, place)
            for bones, clip in (("usual", clips[0]), ("own", with_own_bones(clips[0]))):
                recording, _ = encode_clip(codec, clip)
                for chunk_frames in (4096, 32):
                    header = replace(recording.header, chunk_frames=chunk_frames)
                    written = replace(recording, header=header).pack(codec)
                    what = f"{name}, root {root}, {bones} bones, chunks of {chunk_frames}"
                    found.append(Good(what, codec, written, read_container(written)))
    return found


@dataclass
class Counts:
    """What became of the files of one kind.

    Attributes:
        refused: stage of decoding -> files that it refused.
        decoded: files decoded to what they declare; `moved`: those written as motion as well.
        slowest: seconds of the slowest file.
    """

    refused: Counter[str] = field(default_factory=Counter)
    decoded: int = 0
    moved: int = 0
    slowest: float = 0.0

    @property
    def files(self) -> int:
        return self.refused.total() + self.decoded


def tried(good: Good, data: bytes, counts: Counts, place: Path) -> None:
    """One file through reading, checking, token and motion decoding.

    Raises:
        Fault: neither refused in one line nor of the declared shape.
    """
    stage = "header"
    begun = time.monotonic()
    try:
        with time_bound(BOUND_SECONDS):
            reader = ContainerReader(io.BytesIO(data), "x.rft")
            stage = "fit to the codec"
            check_fits(good.codec, reader.header)
            stage = "chunks"
            tokens = unpack(reader.header, reader, good.codec.models)
            stage = "motion"
            recording = CodedRecording(reader.header, tokens)
            _check(good.codec, recording, decoded_positions(good.codec, recording))
            if counts.decoded % MOTION_EVERY == 0:
                stage = "writing motion"
                suffix = ".bvh" if good.codec.preparation.feature_map.kind == "expmap" else ".npz"
                write_motion(good.codec, recording, place / f"motion{suffix}")
                counts.moved += 1
            counts.decoded += 1
    except BadInput as error:
        said = str(error)
        if "\n" in said or not said or stage == "motion":
            raise Fault(f"refused at {stage} with {said!r}") from error
        counts.refused[stage] += 1
    counts.slowest = max(counts.slowest, time.monotonic() - begun)


def _check(codec: ExportedCodec, recording: CodedRecording, positions: np.ndarray) -> None:
    header = recording.header
    for part in header.parts:
        tokens = recording.tokens[part.name]
        wanted = (-(-header.frames // part.compression), len(part.alphabet))
        if tokens.shape != wanted or tokens.dtype != np.int32:
            raise Fault(f"{part.name}: {tokens.shape} of {tokens.dtype}, declared {wanted}")
        if not ((tokens >= 0) & (tokens < np.array(part.alphabet))).all():
            raise Fault(f"{part.name}: tokens leave {part.alphabet}")
    wanted = (header.frames, len(codec.preparation.skeleton), 3)
    if positions.shape != wanted or not np.isfinite(positions).all():
        raise Fault(f"positions {positions.shape}, declared {wanted}, or not finite")


def fuzz(
    goods: Sequence[Good], random: int, repaired: int, seed: int, place: Path
) -> dict[str, Counts]:
    """Kind of damage -> what became of its files; `place` takes motion and a file that is a fault.

    Args:
        goods: what is damaged.
        random: files damaged anyhow.
        repaired: files with right checksums, half of them damaged anyhow and half lies.
        seed: of all that is drawn.
        place: a folder.

    Raises:
        Fault: the file is kept as `fault.rft`.
    """
    rng = np.random.default_rng(seed)
    kinds = {"damaged": random, "checksums made right": repaired // 2, "lies": -(-repaired // 2)}
    found = {kind: Counts() for kind in kinds}
    for kind, number in kinds.items():
        while found[kind].files < number:
            good = goods[int(rng.integers(len(goods)))]
            (data,) = (
                mutations(good.data, rng, 1) if kind != "lies" else (lie(good.container, rng),)
            )
            if kind == "checksums made right":
                data = with_right_crcs(data)
            if data == good.data:  # an injury that was healed, a lie that is the truth
                continue
            decoded = found[kind].decoded
            try:
                tried(good, data, found[kind], place)
                if kind == "damaged" and found[kind].decoded > decoded:
                    raise Fault("damaged, and decoded all the same")
            except BaseException as error:
                (place / "fault.rft").write_bytes(data)
                raise Fault(
                    f"{place / 'fault.rft'}: {good.name}, {kind}, file {found[kind].files}: "
                    f"{type(error).__name__}: {error}"
                ) from error
    return found


def said(found: Mapping[str, Counts]) -> str:
    """The counts as lines of text."""
    lines = []
    for kind, counts in found.items():
        lines.append(
            f"{kind}: {counts.files} files, {counts.refused.total()} refused, {counts.decoded} "
            f"decoded as declared ({counts.moved} of them written as motion); slowest "
            f"{counts.slowest:.2f} s"
        )
        lines += [f"  refused at {stage}: {n}" for stage, n in counts.refused.most_common()]
    return "\n".join(lines)


def main() -> None:
    """Runs it over codecs of embedded motion and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=80_000)
    parser.add_argument("--repaired", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=21)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    goods = good_files(
        DataSpec(path="embedded", embedded_size="debug"), None, tuple(CONFIGS), folder
    )
    sizes = [len(good.data) for good in goods]
    print(f"{len(goods)} valid files of {min(sizes)} to {max(sizes)} bytes")
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    found = fuzz(goods, asked.random, asked.repaired, asked.seed, folder)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(said(found))
    print(f"{time.monotonic() - begun:.0f} s; the largest memory grew by {grown:.0f} MB")
    shutil.rmtree(folder)  # kept where a file was a fault


if __name__ == "__main__":
    main()
