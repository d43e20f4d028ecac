"""Command line of MONAI Label: ``python -m common.label VERB …``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..verbs import Verbs
from .environment import find_environment
from .start import check_bundles, check_port, check_studies, command, server_variables, unlisted

_EPILOG = "Exit status: 0 done, 1 refused or not possible, 2 wrong arguments. docs/monai_label.md tells more."


def build_verbs() -> Verbs:
    """Both verbs and their arguments."""
    verbs = Verbs(
        "common.label",
        "Serve the bundles by MONAI Label's stock server and app, offline.",
        _EPILOG,
        argparse.ArgumentDefaultsHelpFormatter,
    )
    prepare = verbs.add("prepare", run_prepare, "copy the stock app into a folder and export the bundles into it")
    start = verbs.add("start", run_start, "check everything, then become the server")
    for verb in (prepare, start):
        verb.add_argument("--env", type=Path, default=Path(".venv-label"), help="environment of MONAI Label")
        verb.add_argument("--app", type=Path, default=Path("runs/label_app"), help="app folder with the bundles")
    prepare.add_argument("--bundles", type=Path, default=Path("bundles"), help="folder of the source bundles")
    prepare.add_argument(
        "--replace", action="store_true", help="export bundles anew that are there; weights trained since are lost"
    )
    start.add_argument("studies", metavar="STUDIES", help="folder of radiographs, or address of a DICOMweb archive")
    start.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    start.add_argument("--port", type=int, default=8000, help="port to listen on")
    return verbs


def run_prepare(options: argparse.Namespace) -> int:
    """Make the app folder."""
    from .app_folder import prepare_app  # loads torch, for which a start would wait

    environment = find_environment(options.env)
    put = prepare_app(options.app, environment, options.bundles, replace=options.replace, tell=print)
    print(f"{options.app}: {len(put)} bundles exported; `python -m common.label start STUDIES` serves them")
    return 0


def run_start(options: argparse.Namespace) -> int:
    """Become the server; signals and the exit status are its own."""
    studies = check_studies(options.studies)
    check_port(options.host, options.port)
    environ = server_variables(os.environ)
    environment = find_environment(options.env, environ)
    bundles = check_bundles(options.app, environment)
    for line in unlisted(studies):
        print(line, file=sys.stderr)
    words = command(environment, options.app, studies, options.host, options.port, bundles)
    print(f"http://{options.host}:{options.port}/ serves {', '.join(bundles)}", flush=True)
    os.execve(words[0], words, environ)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; see :meth:`common.verbs.Verbs.main`."""
    return build_verbs().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
