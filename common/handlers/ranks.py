"""Who writes files when several processes work together."""

from __future__ import annotations

import torch.distributed as dist


def is_main_process() -> bool:
    """True in a run of one process and in rank 0 of a distributed run."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0
