"""What a codec cost and kept, in plain numpy; importing this registers every clip metric.

`clip_pair` is the contract: a metric sees one recording before and after, and registers itself.
`pose` measures joint distances (RMSE, MPJPE, Kabsch), `space` the wrists' hull, `dynamics` jerk:
clip metrics, all scored at once by `clip_pair.score_clip`. `codebook` and `rate` read tokens
instead: use of the codes, entropy rate, model rate. `contract` is the suite of checks that every
clip metric runs through, a plugin's included. Definitions (name, unit, direction, source) stand in
`search_spaces.objectives`.
"""

from trainables.metrics import codebook, dynamics, pose, rate, space

__all__ = ["codebook", "dynamics", "pose", "rate", "space"]
