"""K-Means codec: every frame becomes the number of its nearest cluster centre.

The per-frame baseline of Klezovich et al.: one token per frame and part, log2(k) bits each. Trained
in one shot by what `kmeans_backend` names:

* `sklearn`: scikit-learn as it comes, greedy k-means++ over all frames and Lloyd's iterations: the
  reference, and slow.
* `minibatch`: its mini-batches, k-means++ on a sample.
* `torch`: `trainables.clustering`, on the trial's device: torch on a GPU; on a CPU the same steps
  in NumPy, whose search for a row's greatest element is ten times as fast as torch's.
* `auto`: scikit-learn's Lloyd from k-means++ on a sample where that takes seconds (`LLOYD_WORK`),
  else `torch`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from search_spaces.errors import BadInput
from search_spaces.space import Value, int_for, value_for
from trainables.codecs.codec import BLOCK_FRAMES, Codec, Tokens, frame_blocks
from trainables.motion.feature_scale import feature_scale
from trainables.motion.part_data import PartData
from trainables.runtime import Runtime

LLOYD_WORK = 4e11
"""frames x centres x features x iterations above which `auto` leaves scikit-learn.

One core was measured to do about 3e10 of these a second, so Lloyd's worst case stays near 15 s.
"""

_CHUNK = 1024  # frames per distance matrix: bounds memory, and fixes the shape of the product
_MINI_BATCH = 4096


class KMeansCodec(Codec):
    """Nearest-centre codec of one part.

    Attributes:
        fit_facts: how training went: inertia (summed squared distance in the space clustered in),
            iterations, empty_clusters, algorithm (lloyd, minibatch, swaps and lloyd, distinct
            frames). Empty before training and after loading.
    """

    family: ClassVar[str] = "kmeans"

    def __init__(
        self, config: Mapping[str, Value], part: str, dimensions: int, fps: float, seed: int
    ) -> None:
        """See `Codec`."""
        super().__init__(config, part, dimensions, fps, seed)
        self.fit_facts: dict[str, float | str] = {}
        self._centres: np.ndarray | None = None  # (k, dimensions) float32, in units of the features
        self._mean = np.zeros(dimensions, np.float32)
        self._scale = np.ones(dimensions, np.float32)

    def fit(self, data: PartData, runtime: Runtime, until: float = 1.0) -> dict[str, float]:
        """Clusters the training frames once the whole budget is asked for.

        Raises:
            BadInput: features that are not finite.
        """
        if until < 1 or self._centres is not None:
            return {}
        features = np.asarray(data.features, np.float32)
        if not np.isfinite(features).all():
            raise BadInput(
                f"K-Means of {self.part}: features hold NaN or infinity; leave out those frames"
            )
        self._mean = np.array(data.mean, np.float32)
        scaling = str(value_for(self.config, "feature_scaling", self.part))
        if scaling != "none":
            self._scale = feature_scale(data, scaling)
        codes = int_for(self.config, "codebook_size", self.part)
        seen = data.seen_features
        if seen is not None:  # frames that show nothing of the part are made up
            shown = seen.any(axis=1)
            features, seen = features[shown], seen[shown]
            if not shown.any():
                raise BadInput(f"K-Means of {self.part}: training never shows it; leave it out")
        distinct = _distinct_rows(features, codes)
        if distinct is None:
            points = (features - self._mean) / self._scale
            centres = self._cluster(points, codes, runtime)
            if seen is not None and not seen.all():
                rounds = int_for(self.config, "iterations", self.part)
                centres = refined(points, seen, centres, rounds)
            self._centres = (centres * self._scale + self._mean).astype(np.float32)
        else:
            # No clustering is needed, and k-means++ cannot place more centres than points: each
            # point is a centre, and spare codes repeat the first, which always wins the tie.
            spare = codes - len(distinct)
            self._centres = np.concatenate([distinct, np.repeat(distinct[:1], spare, 0)])
            self.fit_facts = {
                "inertia": 0.0,
                "iterations": 0.0,
                "empty_clusters": float(spare),
                "algorithm": "distinct frames",
            }
        self.trained_share = 1.0
        return {"loss": float(self.fit_facts["inertia"]) / len(features)}

    def _cluster(self, points: np.ndarray, codes: int, runtime: Runtime) -> np.ndarray:
        """Centres (codes, dimensions) of points (frames, dimensions), both scaled."""
        iterations = int_for(self.config, "iterations", self.part)
        # A plugin's family may be older than the key.
        backend = str(
            value_for({"kmeans_backend": "auto", **self.config}, "kmeans_backend", self.part)
        )
        work = float(len(points)) * codes * points.shape[1] * iterations
        if backend == "torch" or (backend == "auto" and work > LLOYD_WORK):
            return self._cluster_here(points, codes, iterations, runtime.device)
        return self._cluster_there(points, codes, iterations, backend)

    def _cluster_here(
        self, points: np.ndarray, codes: int, iterations: int, device: str
    ) -> np.ndarray:
        """With `trainables.clustering`."""
        import torch

        from trainables.clustering import kmeans

        rng = np.random.default_rng([self.seed, 0])
        found = kmeans(
            points, codes, rng, max_iter=iterations, threads=torch.get_num_threads(), device=device
        )
        self.fit_facts = {
            "inertia": found.inertia,
            "iterations": float(found.iterations),
            "empty_clusters": float(found.empty),
            "algorithm": "swaps and lloyd",
        }
        return found.centres

    def _cluster_there(
        self, points: np.ndarray, codes: int, iterations: int, backend: str
    ) -> np.ndarray:
        """With scikit-learn."""
        from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        rng = np.random.default_rng([self.seed, 0])
        sample = points
        size = min(len(points), max(10 * codes, 10_000))
        if size < len(points) and backend != "sklearn":
            # Seeding on ten points per centre costs about 1 % of inertia and a tenth of the time.
            sample = points[np.sort(rng.choice(len(points), size, replace=False))]
        state = int(rng.integers(2**31))
        # One thread: sums do not depend on how many cores are free, and trials do not fight.
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            init, _ = kmeans_plusplus(sample, codes, random_state=state)
            if backend == "minibatch":
                name = "minibatch"
                model = MiniBatchKMeans(
                    codes, init=init, n_init=1, max_iter=iterations, random_state=state,
                    batch_size=max(_MINI_BATCH, 2 * codes),
                )  # fmt: skip
            else:
                name = "lloyd"
                model = KMeans(
                    codes, init=init, n_init=1, max_iter=iterations, algorithm="lloyd",
                    random_state=state, copy_x=False,
                )  # fmt: skip
            model.fit(points)
        used = np.unique(model.labels_)
        self.fit_facts = {
            "inertia": float(model.inertia_),
            "iterations": float(model.n_iter_),
            "empty_clusters": float(codes - len(used)),
            "algorithm": name,
        }
        return np.asarray(model.cluster_centers_, np.float32)

    def encode(self, features: np.ndarray) -> Tokens:
        """Nearest centre of each frame; the lower number where two are equally near."""
        centres = self._trained()
        scaled = (centres - self._mean) / self._scale
        half_norms = 0.5 * np.einsum("kd,kd->k", scaled, scaled)
        frames = len(features)
        indices = np.empty((frames, 1), np.int32)
        block = np.zeros((_CHUNK, self.dimensions), np.float32)
        for start in range(0, frames, _CHUNK):
            rows = features[start : start + _CHUNK]
            block[: len(rows)] = (rows - self._mean) / self._scale
            nearest = np.argmin(half_norms - block @ scaled.T, axis=1)
            indices[start : start + len(rows), 0] = nearest[: len(rows)]
        return Tokens(indices, self.alphabet, self.fps, frames)

    def decode(self, tokens: Tokens, depth: int | None = None) -> np.ndarray:
        """The centres that the tokens name."""
        if depth not in (None, 1):
            raise ValueError(f"K-Means has one level, got depth {depth}")
        return self._trained()[tokens.indices[:, 0]]

    def decode_blocks(
        self, tokens: Tokens, depth: int | None = None, frames: int = BLOCK_FRAMES
    ) -> Iterator[np.ndarray]:
        """`frames` at a time: each frame is the centre that its own token names."""
        return frame_blocks(self, tokens, depth, frames)

    def arrays(self) -> dict[str, np.ndarray]:
        """`centres` (k, dimensions) in units of the features; `mean` and `scale` of the search."""
        return {"centres": self._trained(), "mean": self._mean, "scale": self._scale}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `arrays` gave; BadInput where the centres fit another configuration."""
        shape = (int_for(self.config, "codebook_size", self.part), self.dimensions)
        if arrays["centres"].shape != shape:
            raise BadInput(f"centres are {arrays['centres'].shape}, the configuration says {shape}")
        self._centres = np.array(arrays["centres"], np.float32)
        self._mean = np.array(arrays["mean"], np.float32)
        self._scale = np.array(arrays["scale"], np.float32)

    def parameters(self) -> int:
        """Numbers in the centres."""
        return int(self._trained().size)

    def training_state(self) -> dict[str, Any]:
        """Empty before training, else the centres and what they were searched with."""
        if self._centres is None:
            return {}
        import torch

        arrays = {k: torch.from_numpy(v.copy()) for k, v in self.arrays().items()}
        return {"arrays": arrays, "facts": dict(self.fit_facts)}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `training_state`."""
        self._centres, self.fit_facts, self.trained_share = None, {}, 0.0
        if state:
            self.load_arrays({k: v.numpy() for k, v in state["arrays"].items()})
            self.fit_facts, self.trained_share = dict(state["facts"]), 1.0

    def _trained(self) -> np.ndarray:
        if self._centres is None:
            raise RuntimeError(f"the K-Means codec of {self.part} is not trained yet; call fit")
        return self._centres


def refined(
    points: np.ndarray, seen: np.ndarray, centres: np.ndarray, iterations: int
) -> np.ndarray:
    """Lloyd's steps over what was seen alone, from centres of points that were filled in.

    A point goes to the centre that is nearest in the coordinates it has, and a centre's coordinate
    to the mean of those that have it (k-POD's fixed point: Chi, Chi & Baraniuk 2016, "k-POD: a
    method for k-means clustering of missing data"). A coordinate that no point of a centre has
    stays.

    Args:
        points: (points, dimensions) float32.
        seen: the same shape, bool.
        centres: (codes, dimensions) to start from.
        iterations: steps at most; it ends where nothing moves.
    """
    there = seen.astype(np.float32)
    known = points * there
    labels = np.full(len(points), -1)
    for _ in range(iterations):
        # what does not depend on the centre is left out
        apart = there @ (centres**2).T - 2 * (known @ centres.T)
        nearest = apart.argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        order = np.argsort(labels, kind="stable")
        used, starts = np.unique(labels[order], return_index=True)
        count = np.add.reduceat(there[order], starts, axis=0, dtype=np.float64)
        total = np.add.reduceat(known[order], starts, axis=0, dtype=np.float64)
        moved = centres.copy()
        moved[used] = np.where(count > 0, total / np.maximum(count, 1), centres[used])
        centres = moved
    return centres


def _distinct_rows(features: np.ndarray, limit: int) -> np.ndarray | None:
    """Distinct rows in order of appearance, or None once there are more than `limit`."""
    seen: dict[bytes, int] = {}
    for row, values in enumerate(features):
        seen.setdefault(values.tobytes(), row)
        if len(seen) > limit:
            return None
    return features[list(seen.values())]
