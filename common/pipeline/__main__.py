"""``python -m common.pipeline DATASET_DIR OUTPUT_DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import print_short
from ..handlers.prediction_record import TABLE
from .joint import FAILED, OK, REFUSED
from .options import BUNDLES, PARTS, RUNTIMES, PipelineOptions, default_runtime, parse_changes
from .run import Pipeline

DONE, NOTHING, PARTLY = 0, 1, 3


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m common.pipeline",
        description="Outline the lungs, tell TB from normal and outline lesions on every radiograph below a folder, in "
        "one process that reads each file once.",
        epilog="Exit status: 0 every file was processed; 3 some were refused or failed (all listed, the rest "
        "complete); 1 the run could not start or was broken off; 2 wrong arguments.",
    )
    add = parser.add_argument
    add("dataset_dir", type=Path, metavar="DATASET_DIR", help="searched for DICOM, PNG, JPEG, TIFF and NIfTI files")
    add("output_dir", type=Path, metavar="OUTPUT_DIR", help="gets one folder a part, predictions.csv and run.json")
    add("--bundles", type=Path, default=BUNDLES, metavar="DIR", help=f"folder of the bundles (default: {BUNDLES})")
    add("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    add(
        "--runtime",
        choices=RUNTIMES,
        help="what the networks run in; with torch results are those of the bundles to the bit (default: openvino "
        "where it is installed and there is no GPU, else torch; int8: OpenVINO in integers of 8 bits)",
    )
    add(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="PART.ID=VALUE",
        help="change an id of a part's inference.yaml, as in --set tb_cls.operating_point=here.json; can be repeated",
    )
    add("--batch_size", type=int, default=4, metavar="N", help="radiographs at once (default: 4)")
    add("--num_workers", type=int, default=2, metavar="N", help="processes that read files; 0 for none (default: 2)")
    add("--resume", action="store_true", help="do only what an earlier run into OUTPUT_DIR has not done")
    add("--write_overlays", action="store_true", help="also save pictures of outlines, which read their files again")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pipeline.

    Args:
        argv: words of the command line without the program's name; those of this process by default.

    Returns:
        Exit status.
    """
    args = build_parser().parse_args(argv)
    try:
        return run(args)
    except (Exception, KeyboardInterrupt) as error:
        print_short(type(error), error, error.__traceback__)
        return NOTHING


def run(args: argparse.Namespace) -> int:
    """Do all files, say what became of them; return the exit status."""
    options = PipelineOptions(
        dataset_dir=args.dataset_dir,
        output_dir=args.output_dir,
        bundles=args.bundles,
        parts=tuple(part for part in PARTS if part in args.only),
        runtime=args.runtime or default_runtime(),
        changes=parse_changes(args.changes),
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        resume=args.resume,
        write_overlays=args.write_overlays,
    )
    rows = Pipeline(options).run()
    rejected = [row for row in rows if row["status"] != OK]
    refused, failed = (sum(row["status"] == status for row in rejected) for status in (REFUSED, FAILED))
    print(f"{len(rows) - len(rejected)} done, {refused} refused, {failed} failed: {args.output_dir / TABLE}")
    for row in rejected:
        print(f"{row['status']}: {row['image']}: {row['reason']}")
    return PARTLY if rejected else DONE


if __name__ == "__main__":
    sys.exit(main())
