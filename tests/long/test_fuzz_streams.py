"""Damaged files of real codecs: refused in one line, or decoded to what they declare, never else.

The count of files is RATEFRONT_FUZZ_FILES (default 12000); a sample stands in
`tests/trainables/test_streams.py`. `python -m tests.long.fuzz_streams` runs the hundred thousand of
docs/evidence/fuzz.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces.spec import DataSpec
from tests.long.fuzz_streams import CONFIGS, fuzz, good_files, said

FILES = int(os.environ.get("RATEFRONT_FUZZ_FILES", "12000"))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_damaged_files_are_refused_or_decoded_as_declared(tmp_path: Path) -> None:
    spec = DataSpec(path="embedded", embedded_size="debug")
    goods = good_files(spec, None, tuple(CONFIGS), tmp_path)
    damaged, repaired = FILES * 4 // 5, FILES // 5
    found = fuzz(goods, damaged, repaired, 22, tmp_path)
    print(f"\n{said(found)}")
    assert found["damaged"].refused.total() == damaged
    behind = [found["checksums made right"], found["lies"]]
    assert sum(counts.files for counts in behind) == repaired
    # Neither branch is idle.
    assert all(counts.decoded and counts.refused for counts in behind)
    assert found["lies"].decoded > 0.05 * found["lies"].files
