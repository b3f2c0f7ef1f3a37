"""The nominal rate in closed form, and the fixed-rate bounds.

rate = sum over parts and levels of log2(alphabet) x tokens per second [Klezovich et al., section
3.3: log2(D) x Q x fps per stream], where a token that covers a padded tail is counted whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.data_facts import DataFacts
from search_spaces.families import family_of
from search_spaces.space import Value

TOKENS_PER_CODE = 10
"""With fewer tokens than this for each code, plug-in entropy is visibly biased low."""


@dataclass(frozen=True)
class NominalRate:
    """Nominal bits per second: per part (the root stream included where coded) and in total."""

    per_part: dict[str, float]

    @property
    def total(self) -> float:
        """Sum over parts."""
        return sum(self.per_part.values())


def tokens_per_second(facts: DataFacts, compression: int) -> float:
    """Tokens a second, tails of every recording rounded up to a whole token."""
    if compression == 1:
        return facts.fps
    lengths = [n for s in (facts.train, facts.val, facts.test) for n in s.lengths]
    return facts.fps * sum(-(-n // compression) for n in lengths) / sum(lengths)


def bits(alphabet: tuple[int, ...]) -> float:
    """Bits of one token under uniform tables."""
    return sum(math.log2(size) for size in alphabet)


def nominal_rate(
    config: Mapping[str, Value], facts: DataFacts, depth: int | None = None
) -> NominalRate:
    """Nominal rate of a configuration on some data.

    Args:
        config: a complete configuration.
        facts: of the prepared data.
        depth: levels decoded; all of them when left out. Parts with fewer levels use theirs.
    """
    family = family_of(config)
    per_part = {}
    for part in facts.part_names:
        alphabet = family.alphabet(config, part)[:depth]
        rate = (
            family.token_rate(config, facts.fps)
            if family.token_rate
            else tokens_per_second(facts, family.compression(config, part))
        )
        per_part[part] = bits(alphabet) * rate
    if facts.root == "coded":
        per_part["root"] = bits(facts.root_alphabet) * facts.fps
    return NominalRate(per_part)


def tokens_per_code(
    config: Mapping[str, Value], facts: DataFacts, tokens: float, depth: int | None = None
) -> float:
    """Tokens for each code of the level that has the fewest; see `TOKENS_PER_CODE`.

    Args:
        config: a complete configuration.
        facts: of the prepared data.
        tokens: counted on a split over all parts and levels (`val_tokens`).
        depth: levels decoded; all of them when left out.
    """
    family = family_of(config)
    alphabets = {p: family.alphabet(config, p)[:depth] for p in facts.part_names}
    pace = {p: 1 / family.compression(config, p) for p in facts.part_names}
    if facts.root == "coded":
        alphabets["root"], pace["root"] = facts.root_alphabet, 1.0
    whole = sum(pace[p] * len(sizes) for p, sizes in alphabets.items())
    return min(
        tokens * pace[p] / whole / max(sizes) for p, sizes in alphabets.items() if len(sizes)
    )


def nearest_frame_rate(facts: DataFacts) -> NominalRate:
    """Rate of naming a training frame for every part: log2(training frames) x fps each."""
    each = math.log2(facts.train.frames) * facts.fps
    per_part = dict.fromkeys(facts.part_names, each)
    if facts.root == "coded":
        per_part["root"] = bits(facts.root_alphabet) * facts.fps
    return NominalRate(per_part)
