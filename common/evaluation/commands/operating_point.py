"""``operating-point``: calibration and threshold from a site's own labelled radiographs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...metrics.operating_point_file import write_operating_point
from ..calibration import METHODS
from ..files import write_table
from ..operating_point_fit import fit_operating_point
from .arguments import add_index_arguments, print_lines

#: Numbers of a calibration that are printed.
_NUMBERS = ("temperature", "bias")


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "operating-point",
        help="fit calibration and threshold to a site's own labelled radiographs",
        description="Fit calibration and threshold of a TB classifier to the scores that it gave to labelled "
        "radiographs, and write the small file that its inference takes (--operating_point). The radiographs must be "
        "neither those that the network learnt from nor those that results are reported on.",
        epilog="Exit status: 0 fitted on every selected image; 3 some have no prediction or no truth (all listed); 1 "
        "nothing was written.",
    )
    parser.add_argument("run_dir", metavar="RUN", help="output folder of the inference on the folder of the index")
    parser.add_argument("--output", required=True, metavar="FILE", help="operating-point file to write (.json)")
    add_index_arguments(parser, "fit on")
    parser.add_argument(
        "--rule",
        default="who_triage",
        metavar="RULE",
        help="who_triage (the default: sensitivity >= 0.90 and specificity >= 0.70, as surely as possible), youden, "
        "'sensitivity 0.95' or 'specificity 0.9'",
    )
    parser.add_argument(
        "--calibration",
        choices=METHODS,
        default="temperature_bias",
        help="a temperature, a temperature and a bias (the default), or isotonic regression",
    )
    parser.add_argument("--thresholds", metavar="FILE", help="also write the table of all thresholds (.csv)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, write, print; return the exit status."""
    fit = fit_operating_point(
        args.run_dir,
        args.index,
        label=args.label,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        rule=args.rule,
        calibration=args.calibration,
    )
    for path in filter(None, (args.output, args.thresholds)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    point, fitted = fit.point, fit.point.fitted_on
    write_operating_point(args.output, point)
    if args.thresholds:
        write_table(Path(args.thresholds), fit.thresholds)
    print(f"fitted on {fitted['n']} images, {fitted['positives']} of them positive, of {', '.join(fitted['sites'])}")
    map_text = ", ".join(
        f"{name} {value:.4f}" for name, value in point.calibration.record().items() if name in _NUMBERS
    )
    print(f"calibration: {args.calibration} {map_text}".rstrip())
    print(f"threshold: {point.threshold:.4f} on the calibrated probability (rule: {point.rule})")
    print("on the same images, hence better than on others:")
    for name in ("sensitivity", "specificity"):
        estimate, low, high = point.measured[name]
        print(f"  {name} {estimate:.3f} [{low:.3f}, {high:.3f}]")
    print(f"  WHO triage target: {point.measured['who_triage_target']}")
    print(f"written to {args.output}")
    for line in fit.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print_lines(f"{row.status}: {row.image}: {row.reason}" for row in fit.left_out.itertuples())
    return 3 if len(fit.left_out) else 0
