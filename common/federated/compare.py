"""The experiment: sites together, each site alone, and all radiographs in one place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..io import file_sha256
from .errors import FederatedError
from .plan import Plan
from .selection import BEST, choose_round
from .task import FederatedTask

FEDERATED, ALONE, POOLED = "federated", "alone", "pooled"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Arm:
    """One way to train, with one seed.

    Attributes:
        name: "federated", "pooled" or "alone_SITE".
        plan: its training.
    """

    name: str
    plan: Plan

    @property
    def predictions(self) -> Path:
        """Folder of its predictions for the test list."""
        return self.plan.output_dir / "test"

    @property
    def mark(self) -> Path:
        """File beside the predictions with the hash of the weights that made them; missing until all are made."""
        return self.predictions / "weights.sha256"


def arms(plan: Plan, seeds: Sequence[int]) -> Iterator[Arm]:
    """All trainings of the experiment, of equal numbers of rounds; all arms of a seed begin with the same weights.

    Args:
        plan: the federation; its output folder gets one folder an arm and seed.
        seeds: of weights and training.
    """
    everything = tuple(row for rows in plan.sites.values() for row in rows)
    ways = {FEDERATED: plan.sites}
    ways |= {f"{ALONE}_{name}": {name: rows} for name, rows in plan.sites.items()}
    ways |= {POOLED: {POOLED: everything}}
    for seed in seeds:
        task = replace(plan.task, settings={**plan.task.settings, "seed": seed})
        for name, sites in ways.items():
            folder = plan.output_dir / f"{name}_seed_{seed}"
            yield Arm(
                name,
                replace(
                    plan,
                    task=task,
                    sites=sites,
                    seed=seed,
                    output_dir=folder,
                    # Every site counts in a comparison: one that fails must be seen.
                    min_clients=len(sites),
                    keep_rounds=True,
                ),
            )


def choose_arms(runs: Sequence[Arm], only: Sequence[str]) -> list[Arm]:
    """Of all runs those that were asked for, all when nothing was.

    Args:
        runs: of :func:`arms`.
        only: names of arms, or of an arm's folder.

    Raises:
        FederatedError: an unknown name.
    """
    names = dict.fromkeys(run.name for run in runs)
    unknown = sorted(set(only) - set(names) - {run.plan.output_dir.name for run in runs})
    if unknown:
        raise FederatedError(
            f"only: unknown {', '.join(unknown)}; there are {', '.join(names)}, each with _seed_N or not"
        )
    return [run for run in runs if not only or run.name in only or run.plan.output_dir.name in only]


def complete_seeds(runs: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Runs by the name of their arm, of the seeds of which all arms are done; empty when there is none."""
    missing = {run.plan.seed for run in runs if not run.mark.is_file()}
    done: dict[str, list[Arm]] = {}
    for run in runs:
        if run.plan.seed not in missing:
            done.setdefault(run.name, []).append(run)
    return done


def run_arm(arm: Arm, tell: Tell) -> None:
    """Train, choose the round and predict what has not been trained, chosen and predicted yet."""
    from .local import train_alone
    from .simulate import simulate

    plan = arm.plan
    run = simulate if arm.name == FEDERATED else train_alone
    run(plan, resume=True, tell=lambda line: tell(f"{plan.output_dir.name}: {line}"))
    choice = choose_round(plan)
    digest = file_sha256(plan.output_dir / BEST)
    if arm.mark.is_file() and arm.mark.read_text(encoding="utf-8") == digest:
        return
    tell(f"{plan.output_dir.name}: round {choice['best'] + 1} validates best; predicting")
    done = subprocess.run(prediction_command(arm), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FederatedError(f"{arm.predictions}: the test list could not be predicted: {last}")
    arm.mark.write_text(digest, encoding="utf-8")


def prediction_command(arm: Arm) -> list[str]:
    """``python -m monai.bundle run`` for the test lists of the index, as the network was trained."""
    plan = arm.plan
    files = inference_files(plan.task, plan.bundle_root)
    known = ConfigParser.load_config_files(files)
    options: dict[str, Any] = {
        "bundle_root": str(plan.bundle_root),
        "dataset_dir": str(plan.dataset_dir),
        "output_dir": str(arm.predictions),
        "weights": str(plan.output_dir / BEST),
        **{name: value for name, value in plan.task.settings.items() if name in known and value is not None},
    }
    if "operating_point" in known:
        # That of the shipped network is no other network's.
        options["operating_point"] = "$None"
    if "quality_flags" in known:
        options["quality_flags"] = False
    if "num_cases" in known:
        options["num_cases"] = 0
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", repr(files)]
    for name, value in options.items():
        command += [f"--{name}", value if isinstance(value, str) else repr(value)]
    return command


def inference_files(task: FederatedTask, bundle_root: Path) -> list[str]:
    """Configuration files of a prediction of the test list; overlays of training alone are left out."""
    kept = [name for name in task.overlays if name.startswith("configs/networks/")]
    return [str(bundle_root / name) for name in ("configs/inference.yaml", "configs/evaluate.yaml", *kept)]
