"""``python -m common.fusion RATER RATER … --output DIR``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from ..data.parallel import default_processes
from ..errors import UsageError
from ..settings import MASK_FORMATS
from .image_fusion import OK, FusionSettings
from .policies import BACKGROUND, COUNT, DISPUTED, EMPTY, METHODS, REGIONS, STAPLE, TIES, check_range
from .raters import open_raters
from .staple import MARGIN, MAX_ITERATIONS, THRESHOLD
from .study import StudyResult, fuse_study

DONE, NOTHING, PARTLY = 0, 1, 3

#: Images without a consensus that are printed; all of them are in images.csv.
_SHOWN = 20


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m common.fusion",
        description="Make the consensus of several readers of the same images, and tell how far each of them agrees.",
        epilog="Exit status: 0 every image was fused; 3 some were not (all listed, the rest complete); 1 none was; "
        "2 wrong arguments.",
    )
    add = parser.add_argument
    add(
        "raters",
        nargs="+",
        metavar="RATER",
        help="PATH or NAME=PATH: a folder of masks (PNG, NIfTI and others; REL.png belongs to the image REL), a MONAI "
        "Label data store (one reader a tag), a JSON or CSV file of the VGG Image Annotator, or a COCO JSON file",
    )
    add("--output", type=Path, required=True, metavar="DIR", help="folder of the results")
    add(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder of the radiographs: for the sizes that annotation files do not state, and to check all others",
    )
    add("--method", choices=METHODS, default=STAPLE, help=f"how masks become one (default: {STAPLE})")
    add(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="P",
        help=f"posterior that STAPLE's consensus exceeds (default: {THRESHOLD})",
    )
    add(
        "--region",
        choices=REGIONS,
        default=DISPUTED,
        help="what STAPLE's estimate rests on: the surroundings of the pixels readers differ on, or the whole image "
        f"(default: {DISPUTED})",
    )
    add(
        "--margin",
        type=float,
        default=MARGIN,
        metavar="F",
        help="reach of those surroundings, as a fraction of the side of a square as large as the marked area "
        f"(default: {MARGIN})",
    )
    add("--prior", type=float, metavar="P", help="share of foreground to expect (default: what readers marked)")
    add(
        "--tie",
        choices=TIES,
        default=BACKGROUND,
        help=f"where pixels exactly on the threshold go (default: {BACKGROUND})",
    )
    add(
        "--empty",
        choices=EMPTY,
        default=COUNT,
        help="an image without a mark is a statement that there is nothing (count), or it was not read (ignore) "
        f"(default: {COUNT})",
    )
    add("--min_raters", type=int, metavar="N", help="readers that an image needs, two at least (default: all)")
    add(
        "--max_iterations",
        type=int,
        default=MAX_ITERATIONS,
        metavar="N",
        help=f"after which STAPLE stops (default: {MAX_ITERATIONS})",
    )
    add("--fill_holes", action="store_true", help="fill holes in the consensus")
    add("--category", metavar="NAME", help="only regions of this category, or this pixel value of label maps, count")
    add(
        "--postfix",
        default="",
        metavar="NAME",
        help="masks are called REL_NAME.png, and other pictures in the folders are no masks",
    )
    add(
        "--mask_format",
        choices=MASK_FORMATS,
        default=MASK_FORMATS[0],
        help=f"format of the masks (default: {MASK_FORMATS[0]})",
    )
    add("--workers", type=int, default=default_processes(), metavar="N", help="worker processes (default: all cores)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Fuse a study.

    Args:
        argv: words of the command line without the program's name; those of this process by default.

    Returns:
        Exit status.
    """
    args = build_parser().parse_args(argv)
    try:
        return run(args)
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return NOTHING
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return NOTHING


def run(args: argparse.Namespace) -> int:
    """Fuse, write, print; return the exit status.

    Raises:
        FusionError: a wrong option, a rater that cannot be opened, or nothing to fuse.
        OSError: the results cannot be written.
    """
    raters = open_raters(args.raters, category=args.category, postfix=args.postfix, exclude=args.output)
    check_range("workers", args.workers, 1, math.inf)
    settings = FusionSettings(
        output_dir=args.output,
        raters=tuple(rater.name for rater in raters),
        method=args.method,
        threshold=args.threshold,
        region=args.region,
        margin=args.margin,
        prior=args.prior,
        tie=args.tie,
        max_iterations=args.max_iterations,
        empty=args.empty,
        min_raters=args.min_raters,
        fill_holes=args.fill_holes,
        mask_format=args.mask_format,
        images_dir=args.images,
    )
    return _report(fuse_study(raters, settings, processes=args.workers), args.output)


def _report(study: StudyResult, output: Path) -> int:
    """Print what became of the images; return the exit status."""
    rejected = [result for result in study.images if result.status != OK]
    print(f"{len(study.images) - len(rejected)} of {len(study.images)} images fused: {output}")
    if study.unread:
        print(f"{len(study.unread)} pictures that nobody has read, {study.unread[0]} first (all in run.json)")
    for result in rejected[:_SHOWN]:
        print(f"{result.status}: {result.image}: {result.reason}", file=sys.stderr)
    if len(rejected) > _SHOWN:
        print(f"… and {len(rejected) - _SHOWN} more, in {output / 'images.csv'}", file=sys.stderr)
    if len(rejected) == len(study.images):
        return NOTHING
    return PARTLY if rejected else DONE


if __name__ == "__main__":
    sys.exit(main())
