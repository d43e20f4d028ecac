"""Who writes files when several processes work together."""

from __future__ import annotations

import torch.distributed as dist


def is_main_process() -> bool:
    """True in a run of one process and in rank 0 of a distributed run."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def process_count() -> int:
    """Number of processes of the run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
