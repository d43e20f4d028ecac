"""Options that several verbs share."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import FederatedError
from .plan import Plan
from .task import FederatedTask


def add_task(verb: argparse.ArgumentParser) -> None:
    """What is trained."""
    verb.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle, such as bundles/lung_seg")
    verb.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="FILE",
        help="network, loss or augmentation of the bundle, such as configs/networks/tiny_unet.yaml; can be repeated",
    )
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KNOB=VALUE",
        help="value of a knob of train.yaml, as in --set learning_rate=0.0002 or --set image_size=[128,128]; can be "
        "repeated",
    )
    verb.add_argument(
        "--local_epochs", type=int, default=1, metavar="N", help="epochs of a site in a round (default: 1)"
    )
    verb.add_argument(
        "--epoch_steps",
        type=int,
        metavar="N",
        help="optimiser steps of an epoch, the same at every site (default: one pass over the site's own images)",
    )
    verb.add_argument("--rounds", type=int, required=True, metavar="N", help="rounds")


def add_server(verb: argparse.ArgumentParser) -> None:
    """What the server does about its sites, and what it starts from."""
    verb.add_argument(
        "--initial",
        default="shipped",
        metavar="WEIGHTS",
        help="shipped (of the bundle, default), none (random), imagenet (encoder), or a file",
    )
    verb.add_argument("--seed", type=int, default=0, metavar="N", help="of random weights and of training (default: 0)")
    verb.add_argument(
        "--min_clients", type=int, default=1, metavar="N", help="sites that a round needs to count (default: 1)"
    )
    verb.add_argument(
        "--round_timeout",
        type=int,
        default=3600,
        metavar="SECONDS",
        help="time after which a round ends without the sites that have not answered (default: 3600)",
    )


def add_data(verb: argparse.ArgumentParser) -> None:
    """Where radiographs come from and results go."""
    verb.add_argument("--dataset_dir", type=Path, required=True, metavar="DIR", help="folder with index.csv")
    verb.add_argument(
        "--sites", nargs="*", default=[], metavar="SITE", help="values of the index column dataset: one site each"
    )
    verb.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="folder for results and logs")
    verb.add_argument("--resume", action="store_true", help="go on with an earlier run into output_dir")


def make_task(options: argparse.Namespace, seed: int) -> FederatedTask:
    """The task that options describe."""
    return FederatedTask(
        bundle=options.bundle.absolute().name,
        overlays=tuple(options.overlay),
        settings={**parse_settings(options.settings), "seed": seed},
        local_epochs=options.local_epochs,
        epoch_steps=options.epoch_steps,
    )


def make_plan(options: argparse.Namespace) -> Plan:
    """The plan that options describe."""
    return Plan(
        task=make_task(options, options.seed),
        bundles=options.bundle.absolute().parent,
        dataset_dir=options.dataset_dir,
        output_dir=options.output_dir,
        sites={name: (name,) for name in options.sites},
        rounds=options.rounds,
        initial=options.initial,
        seed=options.seed,
        min_clients=options.min_clients,
        round_timeout=options.round_timeout,
    )


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Values of ``KNOB=VALUE`` texts; what is no value of Python is a name.

    Raises:
        FederatedError: a text without "=".
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise FederatedError(f"--set {text}: KNOB=VALUE is needed, as in learning_rate=0.0002")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings
