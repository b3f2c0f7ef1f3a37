"""Facts of a data set that never was: enough for rates and constraints."""

from __future__ import annotations

from search_spaces.data_facts import DataFacts, PartFacts, SplitFacts

THREE = ("body", "right_hand", "left_hand")


def facts(
    *,
    parts: tuple[str, ...] = THREE,
    train: tuple[int, ...] = (6000, 4000),
    val: tuple[int, ...] = (1500,),
    test: tuple[int, ...] = (1500,),
    fps: float = 30.0,
    root_alphabet: tuple[int, ...] = (),
) -> DataFacts:
    """Facts of recordings of the lengths given; the root is coded where it has an alphabet."""

    def split(name: str, lengths: tuple[int, ...]) -> SplitFacts:
        recordings = tuple(f"{name}{i}" for i in range(len(lengths)))
        frames = sum(lengths)
        return SplitFacts(
            frames=frames, seconds=frames / fps, recordings=recordings, lengths=lengths
        )

    return DataFacts(
        name="example",
        fps=fps,
        source_fps=(fps,),
        parts=tuple(PartFacts(name=p, joints=5, dimensions=15, scored_joints=6) for p in parts),
        root="coded" if root_alphabet else "removed",
        root_alphabet=root_alphabet,
        train=split("train", train),
        val=split("val", val),
        test=split("test", test),
        joints=16,
    )
