"""Command line of the archive: ``python -m common.archive VERB URL …``."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from ..errors import UsageError
from ..verbs import Verbs
from . import fetch, store
from .connection import Access, Archive, open_archive
from .find import COLUMNS, find_results
from .query import MODALITIES, Selection

PASSWORD_VARIABLE = "CXR_ARCHIVE_PASSWORD"
TOKEN_VARIABLE = "CXR_ARCHIVE_TOKEN"

DONE, PARTLY = 0, 3
_EPILOG = (
    "Exit status: 0 done; 3 done, but some objects were refused or failed (all listed); 1 broken off or could not "
    "start, what was done stays and the same command goes on; 2 wrong arguments. See docs/archive.md."
)


def build_verbs() -> Verbs:
    """All verbs and their arguments."""
    verbs = Verbs(
        "common.archive",
        "Fetch radiographs from a DICOM archive, store results in it, find them again, over DICOMweb.",
        _EPILOG,
    )

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        verb = verbs.add(name, run, text)
        verb.add_argument("url", metavar="URL", help="DICOMweb address, such as https://pacs.example.org/dicom-web")
        return verb

    fetching = add("fetch", run_fetch, "fetch frontal chest radiographs into a folder that the bundles take")
    fetching.add_argument("folder", type=Path, metavar="FOLDER", help="gets STUDY/INSTANCE.dcm and fetched.csv")
    _add_selection(fetching)
    fetching.add_argument(
        "--modality",
        nargs="+",
        default=list(MODALITIES),
        metavar="CODE",
        help=f"modalities of the series (default: {' '.join(MODALITIES)}; RG, and OT for film scans, are taken too)",
    )
    _add_access(fetching)

    storing = add("store", run_store, "send the DICOM results below a folder that the archive does not hold yet")
    storing.add_argument("folder", type=Path, metavar="FOLDER", help="output_dir of a bundle; gets stored.csv")
    storing.add_argument(
        "--new-studies", action="store_true", help="also send results whose study the archive does not hold"
    )
    _add_access(storing)

    finding = add("find", run_find, "list the results of this package in the archive, as CSV")
    _add_selection(finding)
    _add_access(finding)
    return verbs


def _add_selection(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument_group("which studies (all, without any)").add_argument
    add("--study", nargs="+", default=[], metavar="UID", help="Study Instance UIDs")
    add("--patient", default="", metavar="ID", help="Patient ID")
    add("--date", default="", metavar="DATE", help="study date: YYYYMMDD, FROM-TO, FROM- or -TO (write --date=-TO)")
    add("--accession", default="", metavar="NUMBER", help="accession number")


def _add_access(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument_group("how to get in").add_argument
    add(
        "--user",
        default="",
        metavar="NAME",
        help=f"basic authentication; the password is taken from {PASSWORD_VARIABLE}",
    )
    add("--token", action="store_true", help=f"send the bearer token in {TOKEN_VARIABLE}")
    add("--certificate", type=Path, metavar="PEM", help="client certificate, with its key unless --key is given")
    add("--key", type=Path, metavar="PEM", help="key of the client certificate, without a passphrase")
    trust = verb.add_mutually_exclusive_group()
    trust.add_argument("--ca", type=Path, metavar="PEM", help="authority that signed the archive's certificate")
    trust.add_argument("--no-verify", action="store_true", help="do not check the archive's certificate")
    add("--timeout", type=float, default=60.0, metavar="S", help="seconds of silence before giving up (default: 60)")
    add("--attempts", type=int, default=5, metavar="N", help="how often a request is tried (default: 5)")


def run_fetch(options: argparse.Namespace) -> int:
    """Fetch radiographs."""
    archive, selection = _archive(options), _selection(options)
    done = fetch.fetch_radiographs(archive, options.folder, selection, modalities=options.modality)
    fetch.summary(done, print)
    if not done:
        print("nothing in the archive fits the query", file=sys.stderr)
    return DONE if all(one.status in (fetch.FETCHED, fetch.PRESENT) for one in done) else PARTLY


def run_store(options: argparse.Namespace) -> int:
    """Store results."""

    def tell(outcome: store.Stored) -> None:
        print(f"{outcome.status}: {outcome.file}" + (f": {outcome.reason}" if outcome.reason else ""), flush=True)

    done = store.store_results(_archive(options), options.folder, new_studies=options.new_studies, tell=tell)
    print(store.summary(done))
    return DONE if all(one.status in (store.STORED, store.PRESENT) for one in done) else PARTLY


def run_find(options: argparse.Namespace) -> int:
    """List results."""
    archive, selection = _archive(options), _selection(options)
    rows = sorted(
        find_results(archive, selection), key=lambda row: (row["study_uid"], row["number"], row["series_uid"])
    )
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return DONE


def _selection(options: argparse.Namespace) -> Selection:
    try:
        return Selection(tuple(options.study), options.patient, options.date, options.accession)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _archive(options: argparse.Namespace) -> Archive:
    if options.attempts < 1 or options.timeout <= 0:
        raise UsageError("--attempts is at least 1, --timeout more than 0")
    access = Access(
        user=options.user,
        password=_secret(PASSWORD_VARIABLE, "--user") if options.user else "",
        token=_secret(TOKEN_VARIABLE, "--token") if options.token else "",
        certificate=options.certificate,
        key=options.key,
        ca=options.ca,
        verify=not options.no_verify,
    )
    return open_archive(options.url, access, timeout=options.timeout, attempts=options.attempts, tell=_remark)


def _secret(variable: str, option: str) -> str:
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise UsageError(f"{option} needs the environment variable {variable}")
    return secret


def _remark(line: str) -> None:
    tqdm.write(line, file=sys.stderr)  # beside a progress bar, not into it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; see :meth:`common.verbs.Verbs.main`."""
    return build_verbs().main(arguments)
