"""Data-quality findings: what is missing, wrong or there twice among the images of a report."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...data.overlap import foreign_origin
from ..masks import FAILED, MISSING, NO_TRUTH
from .issues import ERROR, NOTE, WARNING, Issue, issue
from .models import Model

_MOST_YEARS = 120


def index_issues(rows: pd.DataFrame, columns: Sequence[str]) -> list[Issue]:
    """Missing and impossible values among the selected rows of the index.

    Args:
        rows: selected rows, each image once.
        columns: columns that figures are given by, beside patient, sex and age.
    """
    issues: list[Issue] = []
    for site, images in rows.groupby("dataset", sort=False):
        for column in dict.fromkeys(["patient_id", "sex", "age", *columns]):
            empty = images[images[column].str.strip() == ""]
            effect = (
                "each image counts as a patient" if column == "patient_id" else "these images are in the group unknown"
            )
            text = f"{column} is not known for {len(empty)} of {len(images)} images; {effect}"
            issues += issue(NOTE, f"{column} missing", str(site), text, empty["image"])
    years = pd.to_numeric(rows["age"], errors="coerce")
    odd = rows[(rows["age"].str.strip() != "") & ~((years >= 0) & (years <= _MOST_YEARS))]
    accepted = f"years from 0 to {_MOST_YEARS} are accepted; counted as unknown"
    issues += issue(WARNING, "age out of range", "index", accepted, odd["image"])
    odd = rows[~rows["sex"].str.strip().isin(("", "F", "M"))]
    values = ", ".join(sorted(set(odd["sex"]))[:5])
    issues += issue(WARNING, "unusual sex", "index", f"expected F or M, found {values}", odd["image"])
    return issues


def overlap_issues(
    index: pd.DataFrame, rows: pd.DataFrame, dataset_dir: Path, models: Sequence[Model], split_column: str
) -> list[Issue]:
    """Images and patients that sites or lists share.

    Args:
        index: the cleaned index.
        rows: its selected rows.
        dataset_dir: folder of the images; files that are not there are not compared.
        models: whose training sites are looked at.
        split_column: column with the splits.
    """
    issues = issue(
        ERROR,
        "image of another collection",
        "index",
        "named like images of another site of the index than the one they are listed under: one of the two is a copy",
        [
            image
            for image, site in zip(rows["image"], rows["dataset"], strict=True)
            if (origin := foreign_origin(image)) and origin != site and origin in set(index["dataset"])
        ],
    )
    issues += _same_files(index, rows, dataset_dir)
    known = index[(index["patient_id"] != "") & (index[split_column] != "")] if split_column in index else index[:0]
    tested = rows[rows["patient_id"] != ""]
    key = ["dataset", "patient_id"]
    training = known[known[split_column].eq("train") & ~known["image"].isin(rows["image"])]
    shared = tested.merge(training[key].drop_duplicates(), on=key)
    text = f"their patients also have images in the list train of {split_column}: figures may be too good"
    issues += issue(ERROR, "patient in training and test", "index", text, shared["image"])
    for model in models:
        own = rows[rows["dataset"].isin(model.train_sites)]
        split = own[split_column] if split_column in own else pd.Series("", index=own.index)
        learnt = own[split.isin(["train"])]
        text = f"of the list train of {split_column} at its training sites: figures on these are too good"
        issues += issue(ERROR, "tested on training images", model.name, text, learnt["image"])
        chosen = own[split.isin(["val"])]
        text = f"of the list val of {split_column} at its training sites: epochs and thresholds chosen on them fit them"
        issues += issue(WARNING, "tested on validation images", model.name, text, chosen["image"])
    return issues


def _same_files(index: pd.DataFrame, rows: pd.DataFrame, dataset_dir: Path) -> list[Issue]:
    """Files of equal bytes under several names; only files of equal size are read."""
    sizes: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for image, site in zip(index["image"], index["dataset"], strict=True):
        path = dataset_dir / image
        if path.is_file():
            sizes[path.stat().st_size].append((image, site))
    tested = set(rows["image"])
    same: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for members in sizes.values():
        if len(members) > 1 and any(image in tested for image, _ in members):
            for image, site in members:
                same[hashlib.sha256((dataset_dir / image).read_bytes()).hexdigest()].append((image, site))
    within: list[str] = []
    between: list[str] = []
    for members in same.values():
        if len(members) > 1 and any(image in tested for image, _ in members):
            (between if len({site for _, site in members}) > 1 else within).extend(image for image, _ in members)
    issues = issue(ERROR, "same file at several sites", "index", "equal bytes: sites are not independent", between)
    return issues + issue(WARNING, "same file twice", "index", "equal bytes under several names of one site", within)


def outcome_issues(model: str, task: str, table: pd.DataFrame) -> list[Issue]:
    """Selected images that are in no figure."""
    issues: list[Issue] = []
    kinds = {
        MISSING: (ERROR, "image without prediction"),
        FAILED: (ERROR, "prediction not usable"),
        NO_TRUTH: (NOTE, "image without truth"),
    }
    for status, (severity, kind) in kinds.items():
        for site, images in table[table["status"] == status].groupby("dataset", sort=False):
            text = f"in no figure of {task}; {images['reason'].iloc[0]}"
            issues += issue(severity, kind, f"{model}, {site}", text, images["image"])
    return issues
