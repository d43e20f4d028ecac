"""Agreement of the place of evidence with what a reader wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import read_index, select
from ..data.reader_text import (
    SIDES,
    ZONES,
    Place,
    box_place,
    named_side,
    parse_reader_text,
    place_agrees,
    reader_coverage,
)
from ..handlers.lesion_files import LESIONS
from ..handlers.region_files import REGIONS
from ..transforms import lung_box
from .checks import refuse_twice
from .classification import index_folder
from .errors import EvaluationError
from .findings_agreement_result import FindingsAgreement
from .intervals import proportion
from .known_lungs import NONE, KnownLungs
from .lesion_run import LesionRun, read_lesion_run
from .localized_images import LocalizationRun, read_localization_run
from .masks import FAILED, MISSING, OK, UNNAMED_SITE
from .subgroups import cohorts

#: What is compared with the text, by the columns that hold its place.
SOURCES = {"region": "strongest region", "maximum": "maximum of the map"}

#: Questions: the side, where the reader names one side only; side and zone, where the reader names a zone there.
SIDE, SIDE_AND_ZONE = "side", "side and zone"

#: Answers that could be given for every image.
_GUESSES = {
    SIDE: [Place(side, "") for side in SIDES],
    SIDE_AND_ZONE: [Place(side, zone) for side in SIDES for zone in ZONES],
}

NOWHERE, BOTH = "nowhere", "both"

AGREEMENT_COLUMNS = (
    *("dataset", "of", "question", "n", "agree", "share", "low", "high"),
    *("commonest", "commonest_share"),
)


def findings_agreement(
    run_dir: str | Path,
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str = "cls_split",
    splits: Sequence[str] | None = None,
    lungs_dir: str | Path | None = None,
) -> FindingsAgreement:
    """Compare where a run found TB with the reader's texts of radiographs with TB.

    The middle of the box around both lungs parts the sides, thirds of its height part the zones; without a lung mask
    the whole image stands in for that box. An image on which nothing was found disagrees.

    Args:
        run_dir: output folder, on ``dataset_dir``, of inference with ``localize.yaml`` or of a segmentation of lesions,
            whose regions are the lesions and whose map is that of their probability. Where no map was saved, the
            strongest region alone is compared.
        dataset_dir: folder with ``index.csv``, or that file; rows with ``tb`` 1 and a text in ``findings`` count.
        sites: values of ``dataset`` to compare; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to compare; all when empty.
        lungs_dir: see :class:`.known_lungs.KnownLungs`.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a run that cannot be read, an image listed twice, or no image that can be compared.
        RegionFileError: a ``regions.json`` or ``lesions.json`` of another form.
    """
    folder = index_folder(dataset_dir)
    index = read_index(folder, required=("image", "tb", "findings"))
    rows = select(index, sites=sites, split_column=split_column, splits=splits)
    refuse_twice(rows, folder)
    rows = rows[rows["tb"].isin(("1", "1.0")) & (rows["findings"].str.strip() != "")]
    if rows.empty:
        raise EvaluationError(f"{folder / 'index.csv'}: no selected row has tb 1 and a text in findings")
    run, known = _read_run(Path(run_dir), folder), KnownLungs(folder, lungs_dir)
    sources = dict(SOURCES)
    if not run.has_maps(rows["image"]):
        del sources["maximum"]
    per_image = pd.DataFrame([_image(run, row, split_column, known, sources) for _, row in rows.iterrows()])
    done = per_image[per_image["status"] == OK]
    if done.empty:
        first = per_image.iloc[0]
        raise EvaluationError(f"{run.folder}: no image could be compared; {first['image']}: {first['reason']}")
    agreement: list[dict[str, Any]] = []
    confusion: list[dict[str, Any]] = []
    for dataset, _, _, images in cohorts(done):
        stated = [parse_reader_text(text) for text in images["findings"]]
        for column, name in sources.items():
            found = [_place(row, column) for _, row in images.iterrows()]
            about = {"dataset": dataset, "of": name}
            agreement += [{**about, **row} for row in agreement_rows(found, stated)]
            confusion += [{**about, **row} for row in side_confusion(found, stated)]
    return FindingsAgreement(
        per_image=per_image,
        agreement=pd.DataFrame(agreement, columns=list(AGREEMENT_COLUMNS)),
        confusion=pd.DataFrame(confusion),
        coverage=[_coverage(dataset, images) for dataset, _, _, images in cohorts(per_image)],
        settings={
            "run": run.about,
            "dataset": str(folder),
            "sites": list(sites or []),
            "split_column": split_column,
            "splits": list(splits or []),
            "lungs": None if lungs_dir is None else str(lungs_dir),
        },
    )


def agreement_rows(found: Sequence[Place | None], stated: Sequence[Set[Place]]) -> list[dict[str, Any]]:
    """How often places agree with texts, with Clopper-Pearson 95 % intervals.

    Args:
        found: place on each image; None where nothing was found.
        stated: places that its text names.

    Returns:
        One row a question with the last eight of :data:`AGREEMENT_COLUMNS`. ``commonest`` is the one answer that,
        given for every image, would agree most often, and how often.
    """
    rows = []
    for question, guesses in _GUESSES.items():
        answers = _answers(question, found, stated)
        estimate, low, high = proportion(sum(answers), len(answers))
        always = {guess: _answers(question, [guess] * len(stated), stated) for guess in guesses}
        shares = {guess: sum(given) / len(given) for guess, given in always.items() if given}
        guess = max(shares, key=lambda each: shares[each], default=Place("", ""))
        rows.append(
            {
                **{"question": question, "n": len(answers), "agree": sum(answers)},
                **{"share": estimate, "low": low, "high": high},
                **{"commonest": " ".join(filter(None, guess)), "commonest_share": shares.get(guess, np.nan)},
            }
        )
    return rows


def side_confusion(found: Sequence[Place | None], stated: Sequence[Set[Place]]) -> list[dict[str, Any]]:
    """Images by the side that the text names and the side on which TB was found."""
    sides = [named_side(places) or (BOTH if any(place.side for place in places) else "") for places in stated]
    rows = []
    for side in (*SIDES, BOTH):
        places = [place for place, named in zip(found, sides, strict=True) if named == side]
        here = [NOWHERE if place is None else place.side for place in places]
        rows.append({"stated": side, **{name: here.count(name) for name in (*SIDES, NOWHERE)}})
    return rows


def strongest_pixel(evidence: NDArray[np.float32]) -> tuple[int, int] | None:
    """Where a map [W, H] is strongest; of several such pixels the one nearest to their centre; None for a flat map."""
    if evidence.min() == evidence.max():
        return None
    points = np.argwhere(evidence == evidence.max())
    x, y = points[np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()]
    return int(x), int(y)


def _answers(question: str, found: Sequence[Place | None], stated: Sequence[Set[Place]]) -> list[bool]:
    """Whether each place agrees, of the images whose text answers the question."""
    answers = []
    for place, places in zip(found, stated, strict=True):
        if question == SIDE and not named_side(places):
            continue
        if place is None:
            told = any(each.side if question == SIDE else each.zone for each in places)
            answer = False if told else None
        else:
            answer = place_agrees(place, places)[question == SIDE_AND_ZONE]
        if answer is not None:
            answers.append(answer)
    return answers


def _image(
    run: LocalizationRun | LesionRun, row: pd.Series, split_column: str, known: KnownLungs, sources: Mapping[str, str]
) -> dict[str, Any]:
    image, stated = row["image"], sorted(parse_reader_text(row["findings"]))
    about = {
        **{"dataset": row["dataset"] or UNNAMED_SITE, "image": image, "patient_id": row["patient_id"]},
        **{"split": row.get(split_column, ""), "findings": row["findings"]},
        "stated": "; ".join(" ".join(filter(None, place)) for place in stated),
    }
    nothing = {"lungs": "", **{f"{column}_{part}": "" for column in sources for part in Place._fields}}
    if reason := run.missing(image):
        return {**about, "status": MISSING, "reason": reason, **nothing}
    try:
        regions = run.found(image)
        boxes: dict[str, tuple[int, ...] | None] = {"region": regions[0].box if regions else None}
        if "maximum" in sources:
            evidence = run.evidence(image)
            size, point = evidence.shape, strongest_pixel(evidence)
            boxes["maximum"] = None if point is None else (*point, 1, 1)
        else:
            size = run.region_mask(image).shape
        mask, source = known(row, size)
        lungs = (0, 0, *size) if mask is None else lung_box(mask[None])
        assert lungs is not None  # an empty mask counts as none
    except (ValueError, OSError) as error:  # one unusable file must not take the rest along
        return {**about, "status": FAILED, "reason": str(error), **nothing}
    found = {
        f"{column}_{part}": value
        for column, box in boxes.items()
        if box is not None
        for part, value in box_place(box, lungs)._asdict().items()
    }
    return {**about, "status": OK, "reason": "", **nothing, "lungs": source, **found}


def _read_run(folder: Path, dataset_dir: Path) -> LocalizationRun | LesionRun:
    localised = (folder / REGIONS).is_file() and not (folder / LESIONS).is_file()
    return read_localization_run(folder, dataset_dir) if localised else read_lesion_run(folder, dataset_dir)


def _place(row: pd.Series, column: str) -> Place | None:
    side, zone = (row[f"{column}_{part}"] for part in Place._fields)
    return Place(side, zone) if side else None


def _coverage(dataset: str, images: pd.DataFrame) -> dict[str, Any]:
    """What the texts of a site tell, and what became of its images."""
    status, lungs = images["status"].value_counts(), images["lungs"].value_counts()
    return {
        "dataset": dataset,
        **asdict(reader_coverage(images["findings"])),
        **{"compared": int(status.get(OK, 0)), "without_lung_mask": int(lungs.get(NONE, 0))},
        **{"missing": int(status.get(MISSING, 0)), "failed": int(status.get(FAILED, 0))},
    }
