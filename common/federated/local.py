"""A site that trains for itself, in the same rounds as a federation: what federated training is compared with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch

from ..handlers.environment import environment
from ..handlers.portable import portable
from ..io import atomic_write, file_sha256, write_json
from ..networks import read_state
from .errors import FederatedError
from .initial import initial_state
from .output import printed_to
from .plan import Plan
from .result import MODEL, RECORD, read_record
from .site_training import SiteTraining
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
    before = read_record(plan.output_dir)
    if before is not None and not resume:
        raise FederatedError(f"{plan.output_dir}: belongs to an earlier run; choose another folder, or resume")
    rounds = list(before["rounds"]) if before else []
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
        with atomic_write(plan.output_dir / MODEL) as stream:
            torch.save(state, stream)
        record = {
            "bundle": plan.task.bundle,
            "settings": portable(plan.task.settings),
            "overlays": list(plan.task.overlays),
            "local_epochs": plan.task.local_epochs,
            "initial": portable(plan.initial),
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
