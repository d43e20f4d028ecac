"""A folder of radiograph phantoms in the form of the data contract: for tests and demonstrations without real data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UsageError
from .index import COLUMNS, INDEX_NAME, read_index
from .index_writer import write_index
from .phantom import Phantom, radiograph_phantom
from .phantom_files import write_picture
from .phantom_film import FilmStyle

#: Lists of successive patients. Five is prime to the number of sites and to the alternation of healthy and ill, so
#: every list gets patients of each kind.
_LISTS = ("train", "val", "test", "train", "train")


@dataclass(frozen=True)
class Site:
    """An institution whose radiographs share a look.

    Attributes:
        name: value of the index column "dataset".
        size: rows and columns of its films.
        style: their look.
        suffix: file format, see `write_picture`.
        bits: bits a pixel, 8 or 16.
        separate_lungs: one mask a lung instead of one for both.
        monochrome1: DICOM files of the opposite polarity.
    """

    name: str
    size: tuple[int, int]
    style: FilmStyle = field(default_factory=FilmStyle)
    suffix: str = ".png"
    bits: int = 8
    separate_lungs: bool = False
    monochrome1: bool = False


#: Three institutions: dark digital films with a broad black margin, bright ones that fill the film, and grainy scans
#: of film with a thin white frame.
SITES = (
    Site("phantom_north", (512, 512), FilmStyle(shoulder=0.3, detail=0.8, black=0.6, border=(0.0, 0.0, 0.05, 0.16))),
    Site("phantom_south", (512, 488), FilmStyle(shoulder=1.3, black=0.4, marker="L"), bits=16),
    Site(
        "phantom_east",
        (480, 480),
        FilmStyle(
            exposure=6e3,
            scatter=0.55,
            shoulder=0.9,
            detail=0.3,
            border=(0.01, 0.01, 0.01, 0.01),
            border_level=1.0,
            marker="",
            blur=0.9,
        ),
        separate_lungs=True,
    ),
)


def write_phantom_dataset(
    folder: str | Path,
    count: int,
    *,
    seed: int = 0,
    sites: Sequence[Site] = SITES,
    size: tuple[int, int] | None = None,
) -> Path:
    """Write radiograph phantoms, their masks and `index.csv`.

    Patients go to the sites in turn; every second one has tuberculosis, with one to three lesions. Beside the columns
    of the data contract, each image has a mask of its lesions, SITE/lesion_masks/STEM.png.

    Args:
        folder: target; it is made when missing, phantoms of an earlier call are replaced.
        count: number of images; five or more fill all lists.
        seed: another seed gives other patients.
        sites: the institutions.
        size: rows and columns of every film instead of the sites' own; small ones make fast tests.

    Returns:
        Path of the index.

    Raises:
        UsageError: no image or no site asked for, or a folder whose index has other data.
    """
    if count < 1 or not sites:
        raise UsageError(f"write_phantom_dataset: nothing to write: {count} images of {len(sites)} sites")
    folder = Path(folder)
    if (folder / INDEX_NAME).exists():
        others = sorted(set(read_index(folder)["dataset"]) - {site.name for site in sites})
        if others:
            raise UsageError(f"{folder}: its index.csv has other data ({', '.join(others)}); choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        site = sites[number % len(sites)]
        rng = np.random.default_rng((seed, number))
        ill = number % 2 == 1
        phantom = radiograph_phantom(
            size or site.size,
            seed=int(rng.integers(2**31)),
            lesions=int(rng.integers(1, 4)) if ill else 0,
            style=site.style,
            bits=site.bits,
        )
        part = _LISTS[number % len(_LISTS)]
        row = _write(folder, site, f"{site.name}_{number:04d}", phantom)
        row |= {"tb": str(int(ill)), "abnormal": str(int(ill)), "age": str(int(rng.integers(18, 85)))}
        row |= {"findings": "tuberculosis" if ill else "normal", "seg_split": part, "cls_split": part}
        row |= {"det_split": {"train": "train"}.get(part, "val"), "boxes": json.dumps(phantom.boxes)} if ill else {}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).fillna("")
    return write_index(folder, table)


def _write(folder: Path, site: Site, stem: str, phantom: Phantom) -> dict[str, str]:
    """Write the files of one phantom; returns the index columns that name and describe them."""
    image = f"{site.name}/images/{stem}{site.suffix}"
    write_picture(folder / image, phantom.image, pixel=phantom.pixel, monochrome1=site.monochrome1)
    row = {"dataset": site.name, "image": image, "patient_id": stem, "sex": phantom.body.sex}
    masks = {"lung_mask": phantom.lungs}
    if site.separate_lungs:
        masks = {"left_lung_mask": phantom.left_lung, "right_lung_mask": phantom.right_lung}
    for column, mask in masks.items():
        row[column] = f"{site.name}/{column}s/{stem}.png"
        write_picture(folder / row[column], mask.astype(np.uint8) * 255)
    write_picture(folder / site.name / "lesion_masks" / f"{stem}.png", phantom.lesions.astype(np.uint8) * 255)
    return row | {"spacing_x": f"{phantom.pixel:.4f}", "spacing_y": f"{phantom.pixel:.4f}"}
