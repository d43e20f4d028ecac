"""A site that trains for itself, in the same rounds as a federation: what federated training is compared with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from ..handlers.environment import environment
from ..handlers.portable import portable
from ..io import atomic_write, file_sha256, write_json
from ..networks import read_state
from .errors import FederatedError
from .initial import initial_state
from .kept_rounds import write_round
from .output import printed_to
from .plan import Plan
from .result import MODEL, RECORD, read_record
from .site_training import SiteTraining
from .start import is_begun, write_start
from .tensors import weights_sha256

Tell = Callable[[str], None]


def train_alone(plan: Plan, *, resume: bool = False, tell: Tell = print) -> dict[str, Any]:
    """Do all rounds of a plan with one site, without NVFlare and without a server.

    It begins each round as a site of a federation does, so that nothing but the averaging differs.

    Args:
        plan: with one site, which may own the rows of several.
        resume: go on behind the last finished round.
        tell: takes lines of progress.

    Returns:
        The record; ``model.pt`` lies beside it.

    Raises:
        FederatedError: more sites than one, an earlier run in the way, or the plan cannot be run.
    """
    if len(plan.sites) != 1:
        raise FederatedError(f"sites: one is needed to train alone, got {', '.join(plan.sites) or 'none'}")
    config = plan.check()
    name = next(iter(plan.sites))
    before = read_record(plan.output_dir) if is_begun(plan, resume) else None
    # Killed between the two files, a run does not know its own round: it begins again.
    if before is not None and before["model_sha256"] != file_sha256(plan.output_dir / MODEL):
        before = None
    rounds = list(before["rounds"]) if before else []
    write_start(plan)
    plan.folder(name).mkdir(parents=True, exist_ok=True)
    if before is not None:
        state = read_state(plan.output_dir / MODEL)
    else:
        state = initial_state(config, plan.bundle_root, plan.initial, plan.seed)
    if len(rounds) >= plan.rounds:
        assert before is not None
        return before
    with printed_to(plan.output_dir / "training.log"):
        training = SiteTraining(plan.task, plan.site(name), name)
    record: dict[str, Any] = {}
    for number in range(len(rounds), plan.rounds):
        with printed_to(plan.output_dir / "training.log"):
            state = training.train(state, number)
        rounds.append({"round": number, **json.loads((plan.folder(name) / "rounds.json").read_text())[-1]})
        if plan.keep_rounds:
            write_round(plan.output_dir, number, state)
        with atomic_write(plan.output_dir / MODEL) as stream:
            torch.save(state, stream)
        record = {
            "task": portable(asdict(plan.task)),
            "initial": portable(plan.initial),
            "seed": plan.seed,
            "sites": {name: list(plan.sites[name])},
            "rounds": rounds,
            "seconds": round(sum(entry["seconds"] for entry in rounds), 1),
            "weights_sha256": weights_sha256(state),
            "model_sha256": file_sha256(plan.output_dir / MODEL),
            **environment(),
        }
        write_json(plan.output_dir / RECORD, record)
        tell(f"{name}: round {number + 1} of {plan.rounds}, {rounds[-1]['seconds']:.0f} s")
    with printed_to(plan.output_dir / "training.log"):
        training.close()
    return record
