"""What a run into a folder was begun with: only the same can go on there."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ..io import atomic_write
from .errors import FederatedError
from .plan import Plan

START = "start.json"


def is_begun(plan: Plan, resume: bool) -> bool:
    """Whether the output folder holds an earlier run of this plan.

    Args:
        plan: only its number of rounds may differ from that of the earlier run.
        resume: whether it may go on.

    Raises:
        FederatedError: an earlier run that must not go on, or one of another plan.
    """
    start = plan.output_dir / START
    if not start.is_file():
        return False
    if not resume:
        raise FederatedError(
            f"{plan.output_dir}: belongs to an earlier run; --resume goes on with it, --overwrite deletes it"
        )
    if json.loads(start.read_text(encoding="utf-8")) != _portrait(plan):
        raise FederatedError(f"{start}: another federation than this one; only rounds may differ to go on with it")
    return True


def write_start(plan: Plan) -> None:
    """Write down what :func:`is_begun` will compare."""
    plan.output_dir.mkdir(parents=True, exist_ok=True)
    with atomic_write(plan.output_dir / START) as stream:
        stream.write(json.dumps(_portrait(plan), indent=2).encode())


def _portrait(plan: Plan) -> dict[str, Any]:
    portrait = {
        **asdict(plan.task),
        "sites": {name: list(rows) for name, rows in plan.sites.items()},
        "initial": plan.initial,
        "seed": plan.seed,
    }
    # As JSON gives it back: lists in the place of tuples.
    content: dict[str, Any] = json.loads(json.dumps(portrait))
    return content
