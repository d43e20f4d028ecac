"""The job folder of a real federation."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import torch

from .errors import FederatedError
from .initial import initial_state
from .recipe import make_recipe
from .task import TASK_FILE, FederatedTask


def export_job(
    task: FederatedTask,
    bundle: str | Path,
    job_dir: str | Path,
    *,
    name: str,
    initial: str,
    rounds: int,
    seed: int = 0,
    min_clients: int = 1,
    round_timeout: int = 3600,
) -> Path:
    """Write a job that every site of a federation gets; no path of this machine is in it.

    Args:
        task: what is trained.
        bundle: folder of the bundle here.
        job_dir: folder that gets the job's own folder.
        name: of the job.
        initial: see :func:`.initial.initial_state`; the weights become part of the job.
        rounds: number of rounds.
        seed: of random weights.
        min_clients: contributions that a round needs.
        round_timeout: seconds that a round waits for its sites.

    Returns:
        The job's folder.

    Raises:
        FederatedError: the folder is there already, or the task does not fit the bundle.
    """
    bundle = Path(bundle).absolute()
    target = Path(job_dir).absolute() / name
    if target.exists():
        raise FederatedError(f"{target}: is there already")
    config = task.check(bundle)
    start = initial_state(config, bundle, Path(initial).absolute() if Path(initial).is_file() else initial, seed)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        file = Path(folder) / "start.pt"
        torch.save(start, file)
        recipe = make_recipe(
            task,
            config["network_def"],
            name=name,
            initial=file,
            rounds=rounds,
            min_clients=min_clients,
            round_timeout=round_timeout,
        )
        recipe.export(str(target.parent))
    return target


def exported_task(job_dir: str | Path) -> FederatedTask:
    """The task of a job folder.

    Raises:
        FederatedError: no such file below the folder, or not a task.
    """
    found = sorted(Path(job_dir).rglob(TASK_FILE))
    if not found:
        raise FederatedError(f"{job_dir}: no {TASK_FILE} below it; the job folder that was submitted is needed")
    return FederatedTask.read(found[0])
