"""Command line of the data tools: ``python -m common.data VERB …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..verbs import Verbs
from .commands import run_check, run_describe, run_download, run_phantoms, run_prepare, run_split
from .downloads import DOWNLOADS
from .overlap import MAX_DISTANCE
from .parallel import default_processes
from .prepare import SOURCES

_EPILOG = "Exit status: 0 done, 3 done but errors were found or files failed, 1 could not start, 2 wrong arguments."


def build_verbs() -> Verbs:
    """All verbs and their arguments."""
    verbs = Verbs(
        "common.data",
        "Get, convert, check, describe and divide chest radiographs.",
        _EPILOG,
        argparse.ArgumentDefaultsHelpFormatter,
    )
    download = verbs.add("download", run_download, "fetch a public data set, or say how to get it")
    download.add_argument("name", choices=sorted(DOWNLOADS), help="data set")
    download.add_argument("target", type=Path, help="folder for the archives and their content")

    prepare = verbs.add("prepare", run_prepare, "convert the original files of a public data set and write index.csv")
    titles = "; ".join(f"{name}: {source.title}" for name, source in sorted(SOURCES.items()))
    prepare.add_argument("name", choices=sorted(SOURCES), help=titles)
    prepare.add_argument("source", type=Path, help="folder with the unpacked original files, at any depth")
    prepare.add_argument("target", type=Path, help="folder to write to; several data sets can share one")
    prepare.add_argument("--size", type=int, help="squash to SIZE x SIZE pixels; without it the source size is kept")
    prepare.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="16 keeps more than 8 bits where there are more"
    )
    prepare.add_argument("--overwrite", action="store_true", help="replace this data set in an existing target")
    _add_processes(prepare)

    check = verbs.add("check", run_check, "find what is wrong with a data folder")
    check.add_argument("folder", type=Path, help="data folder with index.csv")
    check.add_argument("--csv", type=Path, help="also write all findings as a table to this file")
    check.add_argument("--shown", type=int, default=10, help="findings of each kind on the screen")
    check.add_argument(
        "--hash-distance",
        type=int,
        default=MAX_DISTANCE,
        help="how different the 255-bit hashes of two pictures may be to be compared closely; above some ten thousand "
        "images a smaller value such as 60 saves hours and misses cropped copies",
    )
    _add_processes(check)

    describe = verbs.add("describe", run_describe, "draw counts, sizes, grey levels, masks and examples of the data")
    describe.add_argument("folder", type=Path, help="data folder with index.csv")
    describe.add_argument("--output", type=Path, required=True, help="folder for index.html, charts and tables")
    describe.add_argument("--montage", type=int, default=12, help="example pictures of each site; 0 for none")
    _add_processes(describe)

    split = verbs.add("split", run_split, "divide a data folder by patient, keeping the mix of sites and labels")
    split.add_argument("folder", type=Path, help="data folder with index.csv; the column is written into it")
    split.add_argument("--column", default="seg_split", help="column to write, such as seg_split or cls_split")
    how = split.add_mutually_exclusive_group()
    how.add_argument(
        "--fractions",
        type=float,
        nargs="+",
        default=[0.7, 0.1, 0.2],
        metavar="F",
        help="share of each split, adding up to 1",
    )
    how.add_argument("--folds", type=int, help="write the numbers of that many folds of equal size instead")
    split.add_argument(
        "--names", nargs="+", default=["train", "val", "test"], metavar="NAME", help="names of the splits"
    )
    split.add_argument(
        "--strata", nargs="*", default=["dataset", "tb"], metavar="COLUMN", help="columns whose mix is kept"
    )
    split.add_argument("--seed", type=int, default=0, help="another seed gives another division")
    split.add_argument("--overwrite", action="store_true", help="replace a column that is filled already")

    phantoms = verbs.add("phantoms", run_phantoms, "draw chest radiographs with known lungs and lesions, for trials")
    phantoms.add_argument("folder", type=Path, help="data folder to write")
    phantoms.add_argument("--count", type=int, default=12, help="number of images")
    phantoms.add_argument("--seed", type=int, default=0, help="another seed gives other patients")
    return verbs


def _add_processes(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--processes", type=int, default=default_processes(), help="worker processes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; see :meth:`common.verbs.Verbs.main`."""
    return build_verbs().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
