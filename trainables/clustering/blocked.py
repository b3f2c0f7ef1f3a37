"""Points in this machine's memory: blocks that fit the cache, and bounds that spare most of them.

One pass over all pairs is a float32 matrix product in blocks of rows; the half squared norm of a
centre is folded into the product as one more feature. Centres are laid out in groups of neighbours
and the pass keeps, for each point, its distance to the nearest foreign centre of each group. When
centres have moved a little, a group is looked into again only if its distance less the group's
largest move is below the point's own distance (Ding et al., "Yinyang K-Means", ICML 2015).

A centre that moves by s in d dimensions changes its distance to a point by far less than s unless
it moves straight at it, so `follow` takes `DRIFT` of the move while no certainty is asked for. It
may then miss a change.

Rows are cut into the same ranges whatever the number of threads, and each range's products should
be made by one (`kmeans` sees to that), so results are the same whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

DRIFT = 0.5
"""Share of a centre's move by which a bound is loosened where it need not be certain."""

GROUP = 64
"""Centres of a group at least; a power of two."""

BOUND_BYTES = 1 << 28
"""Memory of all bounds; groups grow where they would need more."""

_RANGE = 8192  # rows that one thread takes at a time
_BLOCK = 1 << 18  # products held at a time, per thread: 1 MiB
_DENSE = 0.3  # share of groups to look into above which the whole block is done anew
_SUM = 1 << 12  # rows that are summed at a time, at least


class BlockedPoints:
    """See `trainables.clustering.points.Points`."""

    def __init__(self, points: np.ndarray, threads: int = 1) -> None:
        """Keeps a copy of `points` (n, d), which should be centred, for `threads` threads."""
        self.count, self._width = points.shape
        self.labels = np.zeros(self.count, np.int32)
        self.exact = self._fresh = False
        self._threads = threads
        # One more feature of ones, against which stands minus half the squared norm of a centre.
        self._rows = np.empty((self.count, self._width + 1), np.float32)
        self._rows[:, :-1] = points
        self._rows[:, -1] = 1
        self._norms = np.einsum("nd,nd->n", self._rows, self._rows) - 1
        self._layout = _Layout(np.zeros((1, self._width), np.float32), GROUP)
        self._columns = np.zeros(self.count, np.int32)
        self._upper = np.zeros(self.count, np.float32)
        self._lower = np.zeros((self.count, 1), np.float32)
        self._summed: np.ndarray | None = None
        self._sums = np.zeros((0, self._width))

    def rows(self, index: np.ndarray) -> np.ndarray:
        """See `Points`."""
        return np.asarray(self._rows[index, :-1])

    def assign(self, centres: np.ndarray) -> None:
        """See `Points`."""
        size = GROUP
        while -(-len(centres) // size) * self.count * 4 > BOUND_BYTES:
            size *= 2
        layout = self._layout = _Layout(centres, size)
        if self._lower.shape[1] != layout.groups:
            self._lower = np.empty((self.count, layout.groups), np.float32)
        self._each_range(self._whole)
        self._relabel()
        self.exact = self._fresh = True

    def _whole(self, start: int, stop: int) -> None:
        """Nearest centres and all bounds of a range of rows."""
        step = max(16, _BLOCK // self._layout.width)
        products = np.empty((min(step, stop - start), self._layout.width), np.float32)
        for at in range(start, stop, step):
            self._block(slice(at, min(at + step, stop)), products)

    def _block(self, part: slice, products: np.ndarray) -> None:
        layout, rows = self._layout, self._rows[part]
        products = np.matmul(rows, layout.transposed, out=products[: len(rows)])
        every = np.arange(len(rows))
        column = products.argmax(1)
        norms = self._norms[part]
        self._columns[part] = column
        best = norms - 2 * products[every, column]
        self._upper[part] = np.sqrt(np.maximum(best, 0, out=best))
        products[every, column] = -np.inf
        nearest = _group_maxima(products, layout.groups)
        lower = norms[:, None] - 2 * nearest
        np.sqrt(np.maximum(lower, 0, out=lower), out=self._lower[part])

    def follow(self, centres: np.ndarray, drift: np.ndarray, certain: bool) -> None:
        """See `Points`."""
        layout = self._layout
        layout.place(centres)
        share = 1.0 if certain else DRIFT
        if certain and not self.exact:
            raise ValueError("labels are certain only where they were before: call assign first")
        moved = np.zeros(layout.width, np.float32)
        moved[layout.column_of] = drift
        furthest = share * moved.reshape(-1, layout.groups).max(0)
        own = share * moved

        def work(start: int, stop: int) -> None:
            part = slice(start, stop)
            self._upper[part] += own[self._columns[part]]
            self._lower[part] -= furthest
            self._recheck(start, stop)

        self._each_range(work)
        self._relabel()
        self.exact, self._fresh = certain, False

    def _recheck(self, start: int, stop: int) -> None:
        """Looks again where the bounds do not rule out that another centre is nearer."""
        layout = self._layout
        doubtful = start + np.flatnonzero(self._lower[start:stop].min(1) < self._upper[start:stop])
        if not len(doubtful):
            return
        upper = self._to_own(doubtful)
        self._upper[doubtful] = upper
        look = self._lower[doubtful] < upper[:, None]
        if look.sum() > _DENSE * (stop - start) * layout.groups:
            self._whole(start, stop)
            return
        best, column, before = upper.copy(), self._columns[doubtful], self._columns[doubtful]
        for group in np.flatnonzero(look.any(0)):
            at = np.flatnonzero(look[:, group])
            index = doubtful[at]
            products = self._rows[index] @ layout.grouped[group].T  # (rows, size)
            # A point's own centre is no rival to itself.
            slot, of = np.divmod(before[at], layout.groups)
            mine = np.flatnonzero(of == group)
            products[mine, slot[mine]] = -np.inf
            nearest = products.argmax(1)
            squared = self._norms[index] - 2 * products[np.arange(len(at)), nearest]
            distance = np.sqrt(np.maximum(squared, 0))
            self._lower[index, group] = distance
            better = np.flatnonzero(distance < best[at])
            best[at[better]] = distance[better]
            column[at[better]] = nearest[better] * layout.groups + group
        changed = np.flatnonzero(column != before)
        index, groups = doubtful[changed], before[changed] % layout.groups
        # The centre that was left is a rival now. The group that was joined keeps the distance to
        # its nearest, the point's own: too low, so that it is merely looked into once more.
        self._lower[index, groups] = np.minimum(self._lower[index, groups], upper[changed])
        self._columns[doubtful] = column
        self._upper[doubtful] = best

    def _relabel(self) -> None:
        self.labels = self._layout.centre_of[self._columns]

    def first(self) -> np.ndarray:
        """See `Points`."""
        if not self._fresh:

            def work(start: int, stop: int) -> None:
                part = slice(start, stop)
                self._upper[part] = self._to_own(part)

            self._each_range(work)
        return np.square(self._upper)

    def _to_own(self, part: slice | np.ndarray) -> np.ndarray:
        gaps = self._rows[part, :-1] - self._layout.centres[self._columns[part]]
        return np.asarray(np.sqrt(np.einsum("nd,nd->n", gaps, gaps)))

    def second(self) -> np.ndarray:
        """See `Points`."""
        return np.square(self._lower.min(1))

    def sums(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Points`; only points that changed their label are moved."""
        labels, old = self.labels, self._summed
        if old is not None and len(self._sums) == k:
            changed = np.flatnonzero(labels != old)
        if old is None or len(self._sums) != k or len(changed) > self.count // 4:
            self._sums = np.zeros((k, self._width))
            step = max(_SUM, 4 * k)
            for at in range(0, self.count, step):
                part = slice(at, at + step)  # float32 within a block of rows: no copy is made
                self._sums += _by_label(self._rows[part], labels[part], k)[:, :-1]
        else:
            for at in range(0, len(changed), _SUM):
                index = changed[at : at + _SUM]
                rows = self._rows[index, :-1].astype(np.float64)
                self._sums += _by_label(rows, labels[index], k)
                self._sums -= _by_label(rows, old[index], k)
        self._summed = labels
        return self._sums, np.bincount(labels, minlength=k)

    def nearer(self, new: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """See `Points`."""
        against = _against(new)
        found = np.empty_like(squared)

        def work(start: int, stop: int) -> None:
            for part in _blocks(start, stop, len(new)):
                best = (self._rows[part] @ against).max(1)
                distance = np.maximum(self._norms[part] - 2 * best, 0)
                np.minimum(squared[part], distance, out=found[part])

        self._each_range(work)
        return found

    def gains(self, candidates: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """See `Points`."""
        against = _against(candidates)
        limits = 0.5 * (self._norms - squared)

        def work(start: int, stop: int) -> np.ndarray:
            total = np.zeros(len(candidates))
            for part in _blocks(start, stop, len(candidates)):
                fall = self._rows[part] @ against
                fall -= limits[part, None]
                total += 2 * np.maximum(fall, 0, out=fall).sum(0)
            return total

        return np.asarray(sum(self._each_range(work)))

    def _each_range(self, work: Callable[[int, int], np.ndarray | None]) -> list:
        """Work on ranges of rows, in their order; threads share the ranges, not a product."""
        starts = range(0, self.count, _RANGE)
        stops = [min(start + _RANGE, self.count) for start in starts]
        if self._threads == 1:
            return list(map(work, starts, stops))
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(work, starts, stops))


class _Layout:
    """Centres in columns: column = slot x groups + group, the groups being neighbours.

    So the maximum over a group is one over slots, which halves the columns time and again. Columns
    beyond the last centre have a product of minus infinity.
    """

    def __init__(self, centres: np.ndarray, size: int) -> None:
        k = len(centres)
        self.groups = -(-k // size)
        self.width = self.groups * size
        order = _neighbours(centres, size)
        place = np.arange(k)
        # Places are filled group by group; the last may be short.
        self.column_of = np.empty(k, np.int32)
        self.column_of[order] = (place % size) * self.groups + place // size
        self.centre_of = np.zeros(self.width, np.int32)
        self.centre_of[self.column_of] = np.arange(k)
        self.place(centres)

    def place(self, centres: np.ndarray) -> None:
        """Moves the centres, and leaves each in its column."""
        rows = np.zeros((self.width, centres.shape[1] + 1), np.float32)
        rows[:, -1] = -np.inf
        rows[self.column_of, :-1] = centres
        rows[self.column_of, -1] = -0.5 * np.einsum("kd,kd->k", centres, centres)
        self.centres = rows[:, :-1]
        self.transposed = np.ascontiguousarray(rows.T)
        by_slot = rows.reshape(-1, self.groups, rows.shape[1])
        self.grouped = np.ascontiguousarray(by_slot.transpose(1, 0, 2))


def _neighbours(centres: np.ndarray, size: int) -> np.ndarray:
    """Order (k,) in which each `size` centres are neighbours: halved along the principal axis."""
    ordered, waiting = [], [np.arange(len(centres))]
    while waiting:
        index = waiting.pop()
        if len(index) <= size:
            ordered.append(index)
            continue
        rows = (centres[index] - centres[index].mean(0)).astype(np.float64)
        axis = np.linalg.eigh(rows.T @ rows)[1][:, -1]
        index = index[np.argsort(rows @ axis, kind="stable")]
        half = -(-len(index) // size) // 2 * size
        waiting += [index[half:], index[:half]]
    return np.concatenate(ordered)


def _group_maxima(products: np.ndarray, groups: int) -> np.ndarray:
    """Maxima (rows, groups) over slots; `products` (rows, slots x groups) is overwritten."""
    width = products.shape[1]
    while width > groups:
        width //= 2
        left = products[:, :width]
        np.maximum(left, products[:, width : 2 * width], out=left)
    return products[:, :groups]


def _against(centres: np.ndarray) -> np.ndarray:
    """Columns (d + 1, m) whose product with a row is x.c - |c|²/2."""
    half = -0.5 * np.einsum("kd,kd->k", centres, centres)
    return np.ascontiguousarray(np.concatenate([centres, half[:, None]], 1).T)


def _blocks(start: int, stop: int, width: int) -> Iterator[slice]:
    step = max(16, _BLOCK // width)
    for at in range(start, stop, step):
        yield slice(at, min(at + step, stop))


def _by_label(rows: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Sums (k, d) of rows (m, d) of each label, added in the order and the type of the rows."""
    from scipy.sparse import csc_matrix

    ones, starts = np.ones(len(rows), rows.dtype), np.arange(len(rows) + 1)
    return np.asarray(csc_matrix((ones, labels, starts), shape=(k, len(rows))) @ rows)
