"""A proposal's linear algebra on one thread.

Its matrices have a few hundred rows: two threads took four times as long over them as one, and the
cores are the trials'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import scipy.linalg  # noqa: F401  (numpy's and scipy's libraries are loaded before they are sought)
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """For a block, or as a decorator `@one_thread()`; what was set before is set again."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
