"""Rows that the workers of a group hold between them."""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor


def gather(rows: Tensor) -> Tensor:
    """All workers' rows (tokens, dim) end to end by rank, however many each has."""
    workers = torch.distributed.get_world_size()
    counts = [rows.new_zeros(1, dtype=torch.long) for _ in range(workers)]
    torch.distributed.all_gather(counts, rows.new_tensor([len(rows)], dtype=torch.long))
    longest = int(max(counts))
    filled = torch.cat([rows, rows.new_zeros(longest - len(rows), rows.shape[1])])
    shares = [torch.empty_like(filled) for _ in range(workers)]
    torch.distributed.all_gather(shares, filled)
    return torch.cat([s[: int(n)] for s, n in zip(shares, counts, strict=True)])
