"""The verbs of the command line: each takes the parsed options, prints what was done and returns the exit status."""

from __future__ import annotations

import argparse
import sys

import pandas as pd

from ..errors import UsageError
from .check import check_folder
from .downloads import DOWNLOADS, download
from .fetch import DownloadError
from .findings import findings_table, findings_text
from .index import DataIndexError, read_index
from .index_writer import write_index
from .phantom_dataset import write_phantom_dataset
from .prepare import SOURCES, prepare
from .splitting import folds_by_patient, split_by_patient

DONE, FAULTS = 0, 3

_LISTED = 20


def run_download(options: argparse.Namespace) -> int:
    """Fetch a public data set and print what remains to be done by hand."""
    entry = DOWNLOADS[options.name]
    print(f"{entry.title}\nPublisher and conditions of use: {entry.page}")
    try:
        steps = download(options.name, options.target)
    except DownloadError as problem:
        print(f"error: {problem}\nIf the address no longer works, get the files from {entry.page}", file=sys.stderr)
        _number([step.format(target=options.target) for step in entry.steps])
        return FAULTS
    _number(steps)
    command = f"python -m common.data prepare {options.name} {options.target} DATA_FOLDER"
    print(f"Then: {command}" if steps else f"Complete. Next: {command}")
    return DONE


def run_prepare(options: argparse.Namespace) -> int:
    """Convert a data set and print what is missing."""
    report = prepare(
        SOURCES[options.name],
        options.source,
        options.target,
        size=options.size,
        bits=options.bits,
        processes=options.processes,
        overwrite=options.overwrite,
    )
    print(f"{report.dataset}: {report.images} images, {report.masks} with lung masks, in {options.target}")
    _list("without a lung mask", report.missing_masks)
    _list("notes", report.notes)
    _list("failed", [f"{name}: {reason}" for name, reason in report.failed.items()])
    return FAULTS if report.failed else DONE


def run_check(options: argparse.Namespace) -> int:
    """Check a data folder and print the findings."""
    findings = check_folder(options.folder, processes=options.processes, max_distance=options.hash_distance)
    if findings:
        print(findings_text(findings, shown=options.shown))
    errors = sum(item.severity == "error" for item in findings)
    print(f"{errors} errors, {len(findings) - errors} warnings")
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        findings_table(findings).to_csv(options.csv, index=False)
    return FAULTS if errors else DONE


def run_describe(options: argparse.Namespace) -> int:
    """Describe a data folder."""
    # Drawing pulls in matplotlib, which no other verb needs.
    from .describe import describe_folder

    result = describe_folder(options.folder, options.output, processes=options.processes, montage=options.montage)
    print(result.summary.to_string(index=False))
    _list("unreadable", [f"{name}: {reason}" for name, reason in result.unreadable.items()])
    print(f"See {result.page}")
    return FAULTS if result.unreadable else DONE


def run_split(options: argparse.Namespace) -> int:
    """Divide a data folder and print how many images of each site each split has."""
    table = read_index(options.folder)
    if options.column in table and (table[options.column] != "").any() and not options.overwrite:
        raise DataIndexError(
            f"{options.folder}: column {options.column} is filled already; use --overwrite to replace it"
        )
    if options.folds is not None:
        chosen = folds_by_patient(table, options.folds, seed=options.seed, strata=options.strata)
    else:
        if len(options.names) != len(options.fractions):
            raise UsageError(f"{len(options.names)} names for {len(options.fractions)} fractions")
        shares = dict(zip(options.names, options.fractions, strict=True))
        chosen = split_by_patient(table, shares, seed=options.seed, strata=options.strata)
    table[options.column] = chosen
    path = write_index(options.folder, table)
    print(pd.crosstab(table["dataset"], chosen, margins=True, margins_name="all").to_string())
    print(f"{options.column} written to {path}")
    return DONE


def _number(steps: list[str]) -> None:
    for number, step in enumerate(steps, start=1):
        print(f"{number}. {step}")


def _list(title: str, lines: list[str]) -> None:
    if not lines:
        return
    print(f"{title} ({len(lines)}):")
    for line in lines[:_LISTED]:
        print(f"  {line}")
    if len(lines) > _LISTED:
        print(f"  … and {len(lines) - _LISTED} more")


def run_phantoms(options: argparse.Namespace) -> int:
    """Write a folder of phantoms."""
    index = write_phantom_dataset(options.folder, options.count, seed=options.seed)
    print(f"{options.count} phantoms: {index}")
    return DONE
