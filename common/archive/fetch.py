"""Radiographs out of an archive into a folder that the bundles take."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from tqdm import tqdm

from ..errors import UsageError
from ..io.atomic import atomic_write
from ..io.dicom import decode_dicom
from ..io.dicom_tags import check_tags
from ..io.errors import RadiographError
from ..io.quiet import quiet
from ..io.tables import write_csv
from .connection import Archive
from .errors import ArchiveError, GoneError, RequestRefusedError
from .query import MODALITIES, Instance, Selection, Series, instances_of, radiograph_series

#: What became of every object that the archive listed.
TABLE = "fetched.csv"
COLUMNS = ("file", "status", "reason", "study_uid", "series_uid", "instance_uid")

#: ``fetched`` in this run, ``present`` from an earlier one; ``refused``: no frontal chest radiograph, not asked for
#: again; ``failed`` and ``gone``: asked for again by the next run.
FETCHED, PRESENT, REFUSED, FAILED, GONE = "fetched", "present", "refused", "failed", "gone"

_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Fetched:
    """What became of an object.

    Attributes:
        instance: which; without SOP Instance UID for a series of which nothing was listed.
        status: one of ``fetched``, ``present``, ``refused``, ``failed``, ``gone``.
        reason: why it is not there, empty if it is; nothing of the object's text is quoted.
    """

    instance: Instance
    status: str
    reason: str = ""


def file_name(instance: Instance) -> str:
    """Path of a radiograph below the folder."""
    return f"{instance.study}/{instance.instance}.dcm"


def fetch_radiographs(
    archive: Archive,
    folder: str | os.PathLike[str],
    selection: Selection,
    *,
    modalities: Sequence[str] = MODALITIES,
    progress: bool = True,
) -> list[Fetched]:
    """Fetch frontal chest radiographs, each a file of its own, STUDY/INSTANCE.dcm.

    One object at a time is in memory. It becomes a file when it is the one that was asked for, its tags do not say that
    it is something else than a frontal chest radiograph, and its pixels can be decoded as the bundles decode them. Its
    data set is that of the archive, in its transfer syntax. A file is there completely or not at all; files that are
    there are not fetched again. ``fetched.csv`` is written at the end, also after an error.

    Args:
        archive: where from.
        folder: made when missing.
        selection: which studies.
        modalities: which series of them.
        progress: whether to draw a progress bar, one step a series.

    Returns:
        What became of every object that the archive listed.

    Raises:
        ArchiveError: the archive cannot be worked with; what has been fetched stays.
        UsageError: the folder cannot be written or is full (what has been fetched stays), or ``fetched.csv`` is
            something else.
    """
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{root}: {error.strerror}; a folder to write to is needed") from None
    rows = _read_table(root / TABLE)
    refused = {row["instance_uid"]: row["reason"] for row in rows.values() if row["status"] == REFUSED}
    _remove_abandoned(root)
    done: list[Fetched] = []
    try:
        series = radiograph_series(archive, selection, modalities)
        for item in tqdm(series, desc="series", unit="", disable=None if progress else True):
            listed = instances_of(archive, item.study, item.series)
            if not listed:
                done.append(_not_listed(item))
            for instance in listed:
                if instance.instance in refused:
                    done.append(Fetched(instance, REFUSED, refused[instance.instance]))
                else:
                    done.append(_fetch_one(archive, root, instance))
    except (ArchiveError, OSError, KeyboardInterrupt) as error:
        with contextlib.suppress(OSError):  # the disk may be full; the error itself is what matters
            _write_table(root / TABLE, rows, done)
        if isinstance(error, OSError):
            kept = "what has been fetched stays, and the same command goes on"
            raise UsageError(f"{root}: {error.strerror or type(error).__name__}; {kept}") from error
        raise
    _write_table(root / TABLE, rows, done)
    return done


def _not_listed(item: Series) -> Fetched:
    return Fetched(Instance(item.study, item.series, ""), GONE, "the archive lists nothing in this series any more")


def _fetch_one(archive: Archive, root: Path, instance: Instance) -> Fetched:
    path = root / file_name(instance)
    if _is_whole(path, instance):
        return Fetched(instance, PRESENT)
    try:
        dataset = archive.ask(archive.client.retrieve_instance, instance.study, instance.series, instance.instance)
    except GoneError:
        return Fetched(instance, GONE, "no longer in the archive")
    except RequestRefusedError as error:
        return Fetched(instance, FAILED, error.reason)
    content, problem = _checked(path, dataset, instance)
    if problem is not None:
        return problem
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(content)
    return Fetched(instance, FETCHED)


def _checked(path: Path, dataset: pydicom.Dataset, instance: Instance) -> tuple[bytes, Fetched | None]:
    """The bytes of the file, or why there will be none."""
    try:
        with quiet("pydicom"):
            found = (str(dataset.get("StudyInstanceUID")), str(dataset.get("SOPInstanceUID")))
            if found != (instance.study, instance.instance):
                return b"", Fetched(instance, FAILED, "the archive sent another object than the one asked for")
            check_tags(path, dataset)
    except RadiographError as error:
        return b"", Fetched(instance, REFUSED, error.reason)
    try:
        with quiet("pydicom"):
            buffer = io.BytesIO()
            dataset.save_as(buffer, enforce_file_format=True)
            buffer.seek(0)
            decode_dicom(path, buffer)
    except RadiographError as error:
        return b"", Fetched(instance, FAILED, error.reason)
    except Exception as error:
        # The text may quote the object.
        return b"", Fetched(instance, FAILED, f"a damaged DICOM object ({type(error).__name__})")
    return buffer.getvalue(), None


def _is_whole(path: Path, instance: Instance) -> bool:
    """Whether a file of an earlier run is there: such a file is whole, unless the machine itself went down."""
    try:
        with quiet("pydicom"):
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
            return str(header.get("SOPInstanceUID")) == instance.instance
    except FileNotFoundError:
        return False
    except Exception:
        return False


def _remove_abandoned(root: Path) -> None:
    """Remove what a killed run left of a file that it was writing; a run that goes on has touched its own lately."""
    for part in root.glob("[0-9]*/.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()


def _read_table(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise UsageError(f"{path}: not a table of an earlier fetch; name another folder, or move it away")
            return {(row["series_uid"], row["instance_uid"]): row for row in table}
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"{path}: not a table of an earlier fetch; name another folder, or move it away") from None


def _write_table(path: Path, rows: dict[tuple[str, str], dict[str, str]], done: Sequence[Fetched]) -> None:
    """Rows of earlier runs stay where this one had nothing to do with them."""
    for one in done:
        instance = one.instance
        there = one.status in (FETCHED, PRESENT)
        rows[instance.series, instance.instance] = {
            "file": file_name(instance) if there else "",
            "status": one.status,
            "reason": one.reason,
            "study_uid": instance.study,
            "series_uid": instance.series,
            "instance_uid": instance.instance,
        }
    write_csv(path, [rows[key] for key in sorted(rows)], COLUMNS)


def summary(done: Sequence[Fetched], tell: Callable[[str], None]) -> None:
    """Tell how many there are of each status, and of each reason."""
    for status in (FETCHED, PRESENT, REFUSED, FAILED, GONE):
        reasons = [one.reason for one in done if one.status == status]
        if reasons or status == FETCHED:
            tell(f"{status}: {len(reasons)}")
        for reason in sorted(set(reasons) - {""}):
            tell(f"  {reasons.count(reason)} x {reason}")
