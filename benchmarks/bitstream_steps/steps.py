"""One step of coding a recording, in a process of its own that says what it took.

Usage: python -m bitstream_steps.steps STEP CODEC_FOLDER MOTION.npz, with benchmarks/ on the path;
prints one JSON object. Seconds are those of the CPU, all threads. Only Linux says what memory a
process has had at most (VmHWM).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from trainables.exported.codec_folder import ExportedCodec
    from trainables.motion.clip import Clip

MIB = 1 << 20


class Measured:
    """Seconds and memory from here on; `given` are bytes that the step works on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        self._base, self._began = _status("VmRSS"), time.process_time()

    def start(self) -> None:
        """What came since was to make the step's input."""
        self._began = time.process_time()

    def row(self, given: int) -> dict[str, float]:
        """Seconds since `start`, and MiB; the rest is 0 where what loading had freed was enough."""
        seconds, peak = time.process_time() - self._began, _status("VmHWM")
        return {
            "seconds": seconds,
            "base_mib": self._base / MIB,
            "given_mib": given / MIB,
            "rest_mib": max(0, peak - self._base - given) / MIB,
        }


def _status(name: str) -> int:
    """Bytes that the kernel counts for this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(x for x in lines if x.startswith(f"{name}:")).split()[1])


def _motion_bytes(clip: Clip) -> int:
    assert clip.rotations is not None
    return clip.positions.nbytes + clip.rotations.nbytes


def read_step(codec: ExportedCodec, motion: Path) -> dict[str, float]:
    """BVH -> motion in memory."""
    from trainables.motion.readers import read_clip

    measured = Measured()
    clip = read_clip(motion.with_suffix(".bvh"))
    return measured.row(_motion_bytes(clip))


def encode_step(codec: ExportedCodec, motion: Path) -> dict[str, float]:
    """Motion in memory -> `.rft` file."""
    from bitstream_steps.motion import load_motion

    from trainables.exported.transcode import encode_clip

    measured = Measured()
    clip = load_motion(motion)
    measured.start()
    recording, _ = encode_clip(codec, clip, scored=False)
    motion.with_suffix(".rft").write_bytes(recording.pack(codec))
    return measured.row(_motion_bytes(clip))


def tokens_step(codec: ExportedCodec, motion: Path) -> dict[str, float]:
    """`.rft` in memory -> tokens -> `.rft` in memory: the entropy coder and the container."""
    from trainables.bitstream.container import read_container
    from trainables.bitstream.recording import pack, unpack

    measured = Measured()
    data = motion.with_suffix(".rft").read_bytes()
    measured.start()
    container = read_container(data)
    tokens = unpack(container.header, container.chunks, codec.models)
    if pack(container.header, tokens, codec.models) != data:
        raise SystemExit("a file did not come back from its tokens")
    row = measured.row(len(data) + sum(t.nbytes for t in tokens.values()))
    return {**row, "bytes": len(data), "tokens": sum(t.size for t in tokens.values())}


def decode_step(codec: ExportedCodec, motion: Path) -> dict[str, float]:
    """`.rft` file -> BVH file."""
    from trainables.bitstream.container import ContainerReader
    from trainables.bitstream.recording import unpack
    from trainables.exported.transcode import CodedRecording, write_motion

    measured = Measured()
    with motion.with_suffix(".rft").open("rb") as file:
        reader = ContainerReader(file, file.name)
        tokens = unpack(reader.header, reader, codec.models)
    write_motion(codec, CodedRecording(reader.header, tokens), motion.with_suffix(".out.bvh"))
    return measured.row(sum(t.nbytes for t in tokens.values()))


def minute_step(codec: ExportedCodec, motion: Path) -> dict[str, float]:
    """First and later calls of both directions, from memory to memory."""
    from bitstream_steps.motion import load_motion

    from trainables.bitstream.container import read_container
    from trainables.bitstream.recording import unpack
    from trainables.exported.transcode import CodedRecording, decoded_positions, encode_clip

    row = {"loaded": time.process_time()}
    clip = load_motion(motion)

    def encode() -> bytes:
        return encode_clip(codec, clip, scored=False)[0].pack(codec)

    def decode() -> np.ndarray:
        container = read_container(data)
        tokens = unpack(container.header, container.chunks, codec.models)
        return decoded_positions(codec, CodedRecording(container.header, tokens))

    row["encode_cold"], data = least(encode, 1)
    row["decode_cold"], positions = least(decode, 1)
    if positions.shape != clip.positions.shape:
        raise SystemExit("a minute did not come back whole")
    row["encode_warm"], row["decode_warm"] = least(encode)[0], least(decode)[0]
    return row


def least(call: Callable[[], Any], repeats: int = 5) -> tuple[float, Any]:
    """The least CPU seconds of several calls, and what the last one gave."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        result = call()
        times.append(time.process_time() - began)
    return min(times), result


STEPS = {
    "read": read_step,
    "encode": encode_step,
    "tokens": tokens_step,
    "decode": decode_step,
    "minute": minute_step,
}


def main(step: str, codec_folder: str, motion: str) -> None:
    """Does one step and prints its row."""
    from trainables.exported.codec_folder import load_exported
    from trainables.exported.transcode import encode_clip  # noqa: F401  (its imports belong here)

    codec = load_exported(Path(codec_folder))
    print(json.dumps(STEPS[step](codec, Path(motion))))


if __name__ == "__main__":
    main(*sys.argv[1:])
