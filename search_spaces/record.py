"""The form of what passes between rooms: files of a sweep directory and columns of its tables.

`trainables` and `analysis` do not see each other; both see this. A change of meaning here raises
`RECORD_VERSION`, and a reader refuses what is newer than itself.
"""

from __future__ import annotations

RECORD_VERSION = 2

# ---- files of a sweep directory ------------------------------------------------------------
SPEC_FILE = "sweep.yaml"
LOG_FILE = "log.jsonl"
OWNER_FILE = "owner.json"
TRIALS_TABLE = "trials.csv"
POINTS_TABLE = "points.parquet"
POINTS_CSV = "points.csv"
CLIPS_TABLE = "clips.parquet"
BOUNDS_FILE = "bounds.json"
FRONT_TABLE = "front.csv"
REPORT_FILE = "report.html"
JERK_FILE = "jerk.html"
"""Beside the report, where a sweep has generators: the jerk of what they make."""
CODEBOOKS_FILE = "codebooks.html"
"""Beside the report, where a sweep trains motion VQ-VAEs: the use of their codes."""
GESTURES_FILE = "gestures.html"
"""Beside the report, where a sweep makes motion from speech: the paper's table from its cells."""
HEATMAPS_FILE = "heatmaps.html"
"""Beside the report, where codecs are of heatmaps: the third paper's claims and its table."""
STUDY_FILE = "study.html"
"""Beside the report, where a sweep is a comparison of the first paper."""
FIGURES_FOLDER = "figures"
TRIALS_FOLDER = "trials"
PREPARATION_FOLDER = "preparation"
"""What turns motion into features and back, as fitted on train: every codec of a sweep needs it."""
WARM_START_FILE = "warm_start.json"
"""What a sweep took from earlier ones when it began: configurations and the values of points."""
ALLOCATION_FILE = "allocation.csv"
"""Full-pose operating points composed of parts of several trials, each decoded (`composed`)."""
EVALUATIONS_FOLDER = "evaluations"
"""`<evaluation id>/`: points of finished codecs on other motion, and where they come from."""

# ---- files of one trial's folder, trials/<trial>/ ------------------------------------------
CODEC_FOLDER = "codec"
GENERATOR_FOLDER = "generator"
"""In a generator's trial, which has no codec of its own: `generator.json`, its weights."""
INPUTS_FOLDER = "inputs"
"""Of a sweep: `<hash>/<part>/`, codecs that were trained elsewhere, copied when it began."""
TOKEN_MODELS_FILE = "token_models.safetensors"
"""In a trial's codec folder: the coder's integer tables of every part and level."""
TOKENS_FILE = "tokens.npz"
"""`<split>/<part>/<recording>` -> int32 (tokens, levels)."""
RECONSTRUCTIONS_FILE = "reconstructions.npz"
"""`<recording>/depth<q>` -> float32 (frames, joints, 3) in the data's unit (`DataFacts.unit`), test
split."""
ERRORS_FILE = "errors.npz"
"""`<split>/depth<q>/joint_error_cm` (`_px`, `_sw`) -> float32 (joints,), mean distance per joint
over frames that show it; `joints`. Of validation also `recording_joint_error_cm` (recordings,
joints), `joint_p95_cm` (joints,), `bone_drift_cm` (bones,) mean |length - the original's|,
`velocity_spectrum` and `jerk_spectrum` (parts, frequencies), the originals' under `val/original`;
`val/recordings`, `bones`, `spectrum_parts`, `frequencies_hz`. Older sweeps have the first alone."""
SHOWN_FILE = "shown.npz"
"""`<recording>/original` and `<recording>/depth<q>` -> int16 (frames, joints, 3) in steps of `step`
(data's unit), `MISSING` where not seen: a few seconds of some recordings of validation, at `fps`,
from frame `<recording>/start` on; `recordings` with `why`; `joints`, `parents`, `parts/<part>`."""
SHOWN_STEPS = 32_000
MISSING = -32_768
DRAWING_FILE = "drawing.json"
"""In the folder of a codec of heatmaps: how motion is drawn for it, and the joints it knows."""
SHOWN_HEATMAPS_FILE = "shown_heatmaps.npz"
"""Of codecs of heatmaps: `<window>/original` and `<window>/reconstruction` -> uint8 (pictures,
frames, size, size), 255 being 1, of some `windows` (`<recording>@<start>`) of validation; `why`,
names of the `pictures`, `fps`. Where each channel shows one keypoint also `…_points` float32
(pictures, frames, joints, 2) pixels, NaN where lost, with `joints` and `limbs` (pairs of them)."""
MOST_SHOWN_FRAMES = 64
TRIAL_CLIPS_FILE = "clips.parquet"
CURVE_FILE = "curve.json"
"""List of {share, seconds, loss, val_...} at each rung of a trained codec."""

# ---- events of the log ---------------------------------------------------------------------
EVENTS = (
    "sweep", "data", "bounds", "proposed", "started", "progress", "decided", "point", "done",
    "stopped", "refused", "failed", "repeated", "resumed", "finished", "interrupted", "enough",
    "pruned", "restored",
)  # fmt: skip
STATUSES = ("done", "stopped", "refused", "failed")
TAKEN_UP = ("resumed", "restored")
"""What a process begins with that takes up a sweep which another left: a line that was torn before
it is dropped, and the time in between is a pause."""

# ---- columns of points ---------------------------------------------------------------------
POINT_KEYS = (
    "sweep", "trial", "point", "codec", "seed", "depth", "levels", "is_prefix", "share",
    "config_hash", "root", "split", "features", "fps", "size",
)  # fmt: skip
"""Identity of an operating point. `point` is `<trial>-d<depth>`; `depth` levels were decoded of
`levels` trained; `share` is the part of the training budget that was spent (1 = all of it)."""
COST_COLUMNS = ("train_seconds", "evaluate_seconds", "parameters", "codec_bytes")
TOKEN_COUNTS = ("val_tokens", "test_tokens")

CLIP_COLUMNS = ("trial", "point", "recording", "signer", "split", "part", "metric", "value", "n")
"""Row of `clips.parquet`: `metric` is an objective name (`rmse_full_cm`), `part` the scope in it,
`n` the frames it was computed over."""

TRIAL_COLUMNS = ("trial", "status", "reason", "codec", "seed", "config_hash", "seconds")

MEAN_POSE = "mean pose"
NEAREST_FRAME = "nearest training frame"
QUANTISED_FLOATS = "quantised floats"
"""Rows of the bounds whose `codec` begins so are no bound of the front: they are what a general
compressor makes of plainly quantised features."""
ALL_BLACK = "all black"
"""The bound of heatmaps, in the mean pose's stead."""
BOUNDS = (MEAN_POSE, NEAREST_FRAME)
"""Rows of `bounds.json`: columns as in points, `codec` set to one of these."""

UNIFORM = "uniform quantiser"
HOLD_LAST = "frames held"
INTERPOLATED = "frames interpolated"
PCA = "PCA + scalar quantiser"
TRIVIAL_CODECS = (UNIFORM, HOLD_LAST, INTERPOLATED, PCA)
"""Rows of the bounds whose `codec` is one of these are the operating points of a trivial codec, one
curve each, in the order of the rows; `SETTING` says which point. They have the rates that were
measured (model, stream) and no nominal one, so they stand on no nominal axis."""

SETTING = "setting"
RATE_KIND, MEASURED = "rate_kind", "measured"
"""Column and value of rows of the bounds that have no rate in closed form."""


def point_id(trial: str, depth: int) -> str:
    """Identity of an operating point."""
    return f"{trial}-d{depth}"
