"""The choice of a round by validation images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..io import atomic_write, write_json
from ..networks import load_weights
from .errors import FederatedError
from .kept_rounds import round_files
from .output import printed_to
from .plan import Plan

BEST, CHOICE = "best.pt", "choice.json"


class SiteValidation:
    """The validation of a bundle's ``train.yaml`` on the validation list of one site.

    Args:
        plan: bundle, settings and data.
        row: value of the index column ``dataset``.
    """

    def __init__(self, plan: Plan, row: str) -> None:
        config = plan.task.check(plan.bundle_root) | {
            "bundle_root": str(plan.bundle_root),
            "dataset_dir": str(plan.dataset_dir),
            "output_dir": str(plan.output_dir / "validation"),
            "val_sites": [row],
            "encoder_weights": None,
            "plateau": False,
            "use_tensorboard": False,
        }
        parser = ConfigParser(config)
        self.metric: str = config["key_metric"]
        self.network = parser.get_parsed_content("network")
        self.evaluator = parser.get_parsed_content("validate#evaluator")

    def __call__(self, weights: Path) -> float:
        """Value of the bundle's key metric with these weights."""
        load_weights(self.network, weights)
        self.evaluator.run(global_epoch=1)
        return float(self.evaluator.state.metrics[self.metric])


def choose_round(plan: Plan) -> dict[str, Any]:
    """Validate the kept rounds of a finished run; ``best.pt`` becomes the weights of the best.

    A round's value is the mean over the plan's sites of the metric by which the bundle chooses among its own
    checkpoints (Dice, area under the ROC curve), each on the site's own validation list. Of equals the earliest is
    taken. Weights that have been validated are deleted; a run that is continued is chosen from anew, among all its
    rounds.

    Args:
        plan: whose output folder holds the rounds; see :attr:`.plan.Plan.keep_rounds`.

    Returns:
        The content of ``choice.json``: "metric", "best" (round, from 0) and "rounds", the values of each round by
        site.

    Raises:
        FederatedError: no round was kept.
    """
    file = plan.output_dir / CHOICE
    choice: dict[str, Any] = {"best": None, "rounds": {}}
    if file.is_file():
        choice = json.loads(file.read_text(encoding="utf-8"))
    waiting = round_files(plan.output_dir)
    if waiting:
        with printed_to(plan.output_dir / "validation.log"):
            _validate(plan, waiting, choice, file)
    if choice["best"] is None:
        raise FederatedError(f"{plan.output_dir}: no weights of rounds were kept to choose from")
    return choice


def _validate(plan: Plan, waiting: dict[int, Path], choice: dict[str, Any], file: Path) -> None:
    rows = sorted({row for rows in plan.sites.values() for row in rows})
    sites = {row: SiteValidation(plan, row) for row in rows}
    choice["metric"] = sites[rows[0]].metric
    for number, weights in waiting.items():
        choice["rounds"][str(number)] = {row: round(site(weights), 6) for row, site in sites.items()}
        best = best_round(choice["rounds"])
        if best == number:
            with weights.open("rb") as source, atomic_write(plan.output_dir / BEST) as stream:
                shutil.copyfileobj(source, stream)
        choice["best"] = best
        write_json(file, choice)
        weights.unlink()


def best_round(rounds: dict[str, dict[str, float]]) -> int:
    """The earliest round with the highest mean over sites."""
    return min((-sum(values.values()) / len(values), int(number)) for number, values in rounds.items())[1]
