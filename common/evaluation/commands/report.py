"""``report``: saved runs of several models, sites and tasks in one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...data import read_index
from ...data.parallel import default_processes
from ..bundle_run import bundle_split_column, run_bundle
from ..classification import index_folder
from ..errors import EvaluationError
from ..operating_point import parse_rule
from ..report import ReportOptions, build_report, parse_target, read_models, write_report
from ..report.selection import clean_index, selected_rows
from ..report.write import PAGE
from ..spacing import parse_spacing
from .arguments import add_bootstrap_arguments, add_group_arguments, positive_number, print_lines, whole_number
from .selection import add_hit, add_lungs


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "report",
        help="one page and one JSON on saved runs of several models and sites",
        description="Evaluate saved runs and write report.html, one page that needs no network, and report.json with "
        "the same figures: verdict, training sites against test sites, figures by site and subgroup, ROC, calibration "
        "and decision curves, operating points, segmentation, localisation, worst cases, data quality, methods. "
        "What a run holds decides what is evaluated: TB scores, lung masks, lesions, regions, or the tables of an "
        "earlier evaluation of masks, lesions or localisation.",
        epilog="Exit status: 0 every selected image with a truth is in the figures; 3 some are not, or the data have "
        "errors (all listed in the page); 1 nothing was written.",
    )
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="output folder of an inference on the folder of the index"
    )
    parser.add_argument(
        "--bundle",
        metavar="DIR",
        help="first let this bundle infer the images of the chosen sites and splits, into the folder run of the "
        "output, as one more RUN; what is there already is not done again",
    )
    parser.add_argument(
        "--overlays",
        nargs="+",
        default=[],
        metavar="NAME",
        help="files of the bundle's configs on top of its inference.yaml, such as inference_openvino",
    )
    parser.add_argument("--index", required=True, metavar="DIR", help="folder with index.csv")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for report.html and report.json")
    parser.add_argument(
        "--title", default=ReportOptions.title, help=f"heading of the page (default: {ReportOptions.title})"
    )
    parser.add_argument(
        "--names",
        nargs="+",
        metavar="NAME",
        help="what the model of each run is called; runs of one name are one model (default: bundle and version of "
        "run.json, where weights and settings tell which runs belong together, else the folder)",
    )
    parser.add_argument(
        "--train_sites",
        "--train-sites",
        nargs="+",
        metavar="SITES",
        help="training sites of the model of each run, as in montgomery+shenzhen, - where not known (default: the "
        "entry train_sites of run.json)",
    )
    parser.add_argument("--label", default="tb", metavar="NAME", help="index column with the truth (default: tb)")
    parser.add_argument(
        "--sites",
        nargs="+",
        default=[],
        metavar="SITE",
        help="values of the index column dataset (default: those of each run)",
    )
    parser.add_argument(
        "--split_column",
        "--split-column",
        metavar="NAME",
        help="index column with the splits (default: seg_split, cls_split or det_split, by task)",
    )
    parser.add_argument(
        "--splits",
        nargs="+",
        default=[],
        metavar="SPLIT",
        help="splits to evaluate, such as test; SITE=SPLIT or TASK=SPLIT where one differs, SITE=all for a whole site "
        "(tasks: classification, lungs, lesions, localization), COLUMN:SPLIT for a split of another column; sites "
        "without splits are taken as a whole (default: all)",
    )
    add_group_arguments(parser)
    parser.add_argument(
        "--targets",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="figures to reach, such as auc=0.95 dice=0.95 hd95=10, beside the WHO's for triage",
    )
    parser.add_argument(
        "--rule", default="who_triage", metavar="RULE", help="how thresholds are refitted (default: who_triage)"
    )
    parser.add_argument(
        "--spacing", nargs="+", default=[], metavar="SITE=MM", help="pixel size of a site's images, such as jsrt=0.7"
    )
    parser.add_argument("--tolerance", type=float, metavar="MM", help="also give surface Dice at this tolerance")
    add_hit(parser)
    add_lungs(parser)
    parser.add_argument(
        "--cases", type=whole_number, default=3, metavar="N", help="worst images of each kind and site (default: 3)"
    )
    parser.add_argument(
        "--no_images", "--no-images", action="store_true", help="list the worst images without drawing them"
    )
    parser.add_argument(
        "--processes",
        type=positive_number,
        default=default_processes(),
        metavar="N",
        help=f"worker processes (default: {default_processes()})",
    )
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print; return the exit status."""
    if sorted(set(args.age_bands)) != args.age_bands:
        raise EvaluationError(f"--age_bands {' '.join(map(str, args.age_bands))}: the ages must rise")
    try:
        parse_rule(args.rule)
    except ValueError as error:
        raise EvaluationError(str(error)) from error
    options = ReportOptions(
        title=args.title,
        label=args.label,
        sites=args.sites,
        split_column=args.split_column,
        splits=_splits(args.splits),
        subgroups=list(dict.fromkeys(args.subgroups)),
        age_bands=args.age_bands,
        prevalences=args.prevalences,
        targets=[parse_target(text) for text in args.targets],
        rule=args.rule,
        spacing=parse_spacing(args.spacing),
        tolerance=args.tolerance,
        hit=args.hit,
        lungs_dir=args.lungs,
        cases=args.cases,
        pictures=not args.no_images,
        repeats=args.repeats,
        seed=args.seed,
        processes=args.processes,
    )
    folders = list(args.runs)
    if args.bundle:
        folders.append(_infer(args, options))
    elif not folders:
        raise EvaluationError("no RUN and no --bundle; name what is to be evaluated")
    report = build_report(read_models(folders, args.names, args.train_sites), args.index, options)
    write_report(report, args.output)
    for row in report.record["verdict"]:
        for check in row["checks"]:
            print(f"{row['run']}, {row['dataset']}: {check['line']}")
    found = report.record["quality"]
    print_lines(
        (f"{item['severity']}: {item['kind']} ({item['where']}): {item['count']}; {item['message']}" for item in found),
        f"in {PAGE}",
    )
    print(f"written to {args.output}/{PAGE}")
    return 0 if report.complete else 3


def _infer(args: argparse.Namespace, options: ReportOptions) -> str:
    """Run the bundle on the chosen images; return its output folder."""
    folder = index_folder(args.index)
    index, _ = clean_index(read_index(folder))
    column = options.split_column or bundle_split_column(args.bundle)
    rows = selected_rows(index, options.sites, column, options.splits_of("")).rows
    output = Path(args.output) / "run"
    run_bundle(args.bundle, rows, folder, output, args.overlays)
    return str(output)


def _splits(texts: list[str]) -> dict[str, list[str]]:
    """Read SPLIT, SITE=SPLIT and TASK=SPLIT texts."""
    splits: dict[str, list[str]] = {}
    for text in texts:
        name, _, split = text.rpartition("=")
        splits.setdefault(name, []).append(split)
    return splits
