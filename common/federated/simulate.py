"""A federation on one machine, in NVFlare's simulator."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from nvflare.recipe.sim_env import SimEnv

from ..handlers.portable import portable
from ..io import atomic_write
from .controller import FAILURE_FILE, ROUNDS_FILE
from .errors import FederatedError
from .initial import initial_state
from .kept_rounds import ROUNDS_DIR, round_files
from .output import printed_to
from .plan import Plan
from .recipe import TolerantFedAvgRecipe, make_job_folder, make_recipe
from .result import MODEL, RECORD, collect, find_state, read_record
from .site import SITE_VARIABLE
from .start import START, is_begun, write_start

LOG = "simulation.log"
WORKSPACE = "simulation"
JOB = "federation"

Tell = Callable[[str], None]


def simulate(
    plan: Plan,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tell: Tell = print,
    prepare: Callable[[TolerantFedAvgRecipe], None] | None = None,
) -> dict[str, Any]:
    """Train; ``model.pt`` and ``federation.json`` in the plan's ``output_dir`` are the result.

    Args:
        plan: the run.
        resume: go on behind the last finished round of an earlier run with the same plan.
        overwrite: delete an earlier run.
        tell: takes lines of progress.
        prepare: is handed the recipe before it runs, to add filters to it.

    Returns:
        The record.

    Raises:
        FederatedError: the plan cannot be run, or too few sites got through a round.
    """
    config = plan.check()
    plan = replace(plan, output_dir=plan.output_dir.absolute(), bundles=plan.bundles.absolute())
    plan = replace(plan, dataset_dir=plan.dataset_dir.absolute())
    folder = plan.output_dir
    if any(sign.isspace() for sign in str(folder)):
        raise FederatedError(f"{folder}: NVFlare's simulator needs an output folder without blanks in its path")
    before = _earlier(plan, config, resume, overwrite)
    done = len(before["rounds"]) if before else 0
    if before is not None and done >= plan.rounds:
        tell(f"all {plan.rounds} rounds are done already: {folder / MODEL}")
        return before
    folder.mkdir(parents=True, exist_ok=True)
    write_start(plan)
    if before is None:
        with atomic_write(folder / "initial.pt") as stream:
            torch.save(initial_state(config, plan.bundle_root, plan.initial, plan.seed), stream)
    else:
        tell(f"{done} of {plan.rounds} rounds are done")
    for name in plan.sites:
        plan.folder(name).mkdir(parents=True, exist_ok=True)
        plan.site(name).write(plan.output_dir / "sites" / f"{name}.json")
    shutil.rmtree(folder / WORKSPACE, ignore_errors=True)
    length = f"{plan.task.local_epochs} epochs"
    if plan.task.epoch_steps is not None:
        length = f"{plan.task.local_epochs * plan.task.epoch_steps} steps"
    tell(f"{', '.join(plan.sites)}: {plan.rounds - done} rounds of {length}; log: {folder / LOG}")
    with contextlib.chdir(make_job_folder(folder / "job")):
        recipe = make_recipe(
            plan.task,
            config["network_def"],
            name=JOB,
            initial=folder / (MODEL if done else "initial.pt"),
            rounds=plan.rounds - done,
            start_round=done,
            min_clients=plan.min_clients,
            round_timeout=plan.round_timeout,
            keep_rounds=plan.keep_rounds,
        )
        if prepare is not None:
            prepare(recipe)
        failure = _run(recipe, plan, tell)
    state = find_state(folder / WORKSPACE)
    record = before if state is None else _collect(plan, config, state, before)
    finished = len(record["rounds"]) if record else 0
    if finished < plan.rounds:
        why = "; ".join([*_complaints(plan), failure]).strip("; ") or "see the log"
        raise FederatedError(
            f"{finished} of {plan.rounds} rounds done: {why} (log: {folder / LOG}; --resume goes on from there)"
        )
    assert record is not None
    return record


def _earlier(plan: Plan, config: dict[str, Any], resume: bool, overwrite: bool) -> dict[str, Any] | None:
    folder = plan.output_dir
    if overwrite and (folder / START).is_file():
        for name in (WORKSPACE, "job", "sites", ROUNDS_DIR):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (START, MODEL, RECORD, "initial.pt", LOG):
            (folder / name).unlink(missing_ok=True)
    if not is_begun(plan, resume):
        return None
    state = find_state(folder / WORKSPACE)
    before = read_record(folder)
    # The simulator may have been killed before its last rounds were collected.
    if state is not None and (before or {}).get("complete_until") != _mark(state):
        before = _collect(plan, config, state, before)
    return before


def _collect(plan: Plan, config: dict[str, Any], state: Path, before: dict[str, Any] | None) -> dict[str, Any]:
    entries = {"initial": portable(plan.initial), "seed": plan.seed, "complete_until": _mark(state)}
    for file in round_files(state.parent).values():
        (plan.output_dir / ROUNDS_DIR).mkdir(exist_ok=True)
        shutil.move(file, plan.output_dir / ROUNDS_DIR / file.name)
    return collect(plan.task, config, state, plan.output_dir, before=before, extra=entries)


def _mark(state: Path) -> str:
    return f"{state.stat().st_mtime_ns}"


def _complaints(plan: Plan) -> list[str]:
    files = [plan.folder(name) / "error.txt" for name in plan.sites]
    return [f"{file.parent.name}: {file.read_text(encoding='utf-8').strip()}" for file in files if file.is_file()]


def _run(recipe: TolerantFedAvgRecipe, plan: Plan, tell: Tell) -> str:
    """Run the simulator; returns what it failed of, empty when it did not."""
    folder = plan.output_dir
    env = SimEnv(clients=list(plan.sites), workspace_root=str(folder / WORKSPACE))
    variable = {SITE_VARIABLE: str(folder / "sites" / "{site}.json")}
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder / WORKSPACE, plan, stop, tell), daemon=True)
    watcher.start()
    try:
        with _environment(variable), printed_to(folder / LOG):
            recipe.run(env)
        return ""
    except RuntimeError as error:
        said = list((folder / WORKSPACE).rglob(FAILURE_FILE))
        return said[0].read_text(encoding="utf-8").strip() if said else str(error).splitlines()[0]
    finally:
        stop.set()
        watcher.join()


def _watch(workspace: Path, plan: Plan, stop: threading.Event, tell: Tell) -> None:
    told = 0
    while True:
        last = stop.wait(1.0)
        for file in workspace.rglob(ROUNDS_FILE) if workspace.is_dir() else ():
            rounds = json.loads(file.read_text(encoding="utf-8"))
            for entry in rounds[told:]:
                tell(describe(entry, plan.rounds))
            told = max(told, len(rounds))
        if last:
            return


def describe(entry: dict[str, Any], rounds: int) -> str:
    """A round in one line."""
    images = ", ".join(f"{name} {count} images" for name, count in entry["images"].items())
    lost = [*entry["refused"].values(), *(f"{name}: no answer" for name in entry["silent"])]
    return "; ".join([f"round {entry['round'] + 1} of {rounds}: {images}, {entry['seconds']:.0f} s", *lost])


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
