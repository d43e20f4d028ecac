"""Command line of federated training: ``python -m common.federated VERB …``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from ..verbs import Verbs
from .errors import FederatedError
from .options import add_data, add_server, add_task, make_plan, make_task

_EPILOG = "Exit status: 0 done, 1 not done (the reason is printed), 2 wrong arguments."


def build_verbs() -> Verbs:
    """All verbs and their arguments."""
    verbs = Verbs("common.federated", "Train a bundle at several sites whose radiographs stay where they are.", _EPILOG)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        return verbs.add(name, partial(_with_nvflare, run), text)

    simulation = add("simulate", run_simulate, "federate sites of one data folder on this machine")
    add_task(simulation)
    add_data(simulation)
    add_server(simulation)
    simulation.add_argument("--overwrite", action="store_true", help="delete an earlier run into output_dir")

    export = add("export", run_export, "write the job folder that an administrator submits to NVFlare's server")
    add_task(export)
    add_server(export)
    export.add_argument("--job_dir", type=Path, required=True, metavar="DIR", help="folder to write the job to")
    export.add_argument("--name", default="federation", help="name of the job (default: federation)")

    collection = add("collect", run_collect, "take the weights of a bundle out of what NVFlare's server has left")
    add_task_of_result(collection)

    comparison = add("compare", run_compare, "compare a federation with each site alone and with all data in one place")
    add_task(comparison)
    add_data(comparison)
    add_server(comparison)
    comparison.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    comparison.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="ARM",
        help="train these alone now: federated, alone_SITE, pooled, each with _seed_N or for all seeds",
    )

    return verbs


def add_task_of_result(verb: argparse.ArgumentParser) -> None:
    """Options of ``collect``."""
    verb.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle, such as bundles/lung_seg")
    verb.add_argument("job_dir", type=Path, metavar="JOB_DIR", help="the job folder that was submitted")
    verb.add_argument("result_dir", type=Path, metavar="RESULT_DIR", help="the job's result, as NVFlare downloads it")
    verb.add_argument(
        "--output_dir", type=Path, required=True, metavar="DIR", help="folder for model.pt and the record"
    )


def run_simulate(options: argparse.Namespace) -> int:
    """Train in the simulator."""
    from .simulate import simulate

    # What NVFlare prints goes to a log; these lines go where they would have gone.
    with os.fdopen(os.dup(1), "w", buffering=1) as terminal:
        record = simulate(
            make_plan(options),
            resume=options.resume,
            overwrite=options.overwrite,
            tell=lambda line: print(line, file=terminal),
        )
    print(f"{options.output_dir / 'model.pt'}: {len(record['rounds'])} rounds, {record['weights_sha256'][:16]}")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Write a job folder."""
    from .export import export_job

    place = export_job(
        make_task(options, options.seed),
        options.bundle,
        options.job_dir,
        name=options.name,
        initial=options.initial,
        seed=options.seed,
        rounds=options.rounds,
        min_clients=options.min_clients,
        round_timeout=options.round_timeout,
    )
    print(f"{place}: the job; nvflare job submit -j {place}")
    return 0


def run_collect(options: argparse.Namespace) -> int:
    """Take weights out of a result."""
    from .export import exported_task
    from .result import collect, find_state

    task = exported_task(options.job_dir)
    state = find_state(options.result_dir)
    if state is None:
        raise FederatedError(f"{options.result_dir}: no federation.pt below it; no round was finished")
    options.output_dir.mkdir(parents=True, exist_ok=True)
    record = collect(task, task.check(options.bundle), state, options.output_dir)
    print(f"{options.output_dir / 'model.pt'}: {len(record['rounds'])} rounds, {record['weights_sha256'][:16]}")
    return 0


def run_compare(options: argparse.Namespace) -> int:
    """Run what has not been run, and write the tables."""
    from .compare import arms, choose_arms, complete_seeds, run_arm
    from .comparison import write_comparison

    plan = make_plan(options)
    if len(plan.sites) < 2:
        raise FederatedError(f"sites: two or more are needed to compare, got {', '.join(plan.sites) or 'none'}")
    plan.check()
    runs = list(arms(plan, options.seeds))
    with os.fdopen(os.dup(1), "w", buffering=1) as terminal:
        for arm in choose_arms(runs, options.only):
            run_arm(arm, lambda line: print(line, file=terminal))
    complete = complete_seeds(runs)
    if not complete:
        print("no table yet: no seed has all its arms")
        return 0
    report = write_comparison(complete, plan.sites, options.output_dir)
    print(report.read_text(encoding="utf-8"))
    return 0


def _with_nvflare(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    if find_spec("nvflare") is None:
        raise FederatedError("NVFlare is not installed: pip install 'cxr-tb-common[federated]'")
    return run(options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; see :meth:`common.verbs.Verbs.main`."""
    return build_verbs().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
