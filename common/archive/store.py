"""Results of the bundles into an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
import requests
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage, SegmentationStorage

from ..errors import UsageError
from ..io.dicom_capture import CAPTURE_SUFFIX
from ..io.dicom_report import REPORT_SUFFIX
from ..io.dicom_seg import SEG_SUFFIX
from ..io.quiet import quiet
from ..io.tables import write_csv
from .connection import Archive
from .errors import RequestRefusedError
from .query import instances_of, patient_of

#: What became of every result, in the folder of the results.
TABLE = "stored.csv"
COLUMNS = ("file", "status", "reason", "study_uid", "series_uid", "instance_uid")

#: ``stored`` by this run, ``present`` in the archive before; ``refused``: does not belong there; ``failed``: the
#: archive did not take it; ``waiting``: the run ended before its turn. The next run sends all that the archive does not
#: hold.
STORED, PRESENT, REFUSED, FAILED, WAITING = "stored", "present", "refused", "failed", "waiting"

_IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_CLASSES: Mapping[str, str] = {
    SEG_SUFFIX: SegmentationStorage,
    REPORT_SUFFIX: ComprehensiveSRStorage,
    CAPTURE_SUFFIX: SecondaryCaptureImageStorage,
}
# Failure Reason (0008,1197): DICOM PS3.18, table I.2-2, and PS3.4, annex B.2.3; masks where the last digits are free.
_DUPLICATE = 0x0111
_REASONS = (
    (0xFFFF, 0x0110, "the archive could not process it"),
    (0xFFFF, 0x0122, "the archive does not take objects of this class"),
    (0xFFFF, 0x0124, "the archive does not permit it"),
    (0xFFFF, 0xC122, "the archive does not take this transfer syntax"),
    (0xFF00, 0xA700, "the archive is out of resources"),
    (0xFF00, 0xA900, "the archive says that it does not match its class"),
    (0xF000, 0xC000, "the archive cannot understand it"),
)


@dataclass(frozen=True)
class Stored:
    """What became of a result.

    Attributes:
        file: path below the folder.
        status: one of ``stored``, ``present``, ``refused``, ``failed``, ``waiting``.
        reason: why it is not in the archive, or what the archive remarked.
        study: Study Instance UID; empty where the file could not be read, like the others.
        series: Series Instance UID.
        instance: SOP Instance UID.
    """

    file: str
    status: str
    reason: str = ""
    study: str = ""
    series: str = ""
    instance: str = ""


def find_result_files(folder: str | os.PathLike[str]) -> list[Path]:
    """DICOM files that the bundles wrote below a folder, by their names, sorted; hidden ones are passed over.

    Raises:
        UsageError: there is no such folder, or no such file in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    found = [
        path
        for path in root.rglob("*")
        if path.name.lower().endswith(tuple(_CLASSES))
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    if not found:
        raise UsageError(f"{root}: no DICOM results (names that end in {', '.join(_CLASSES)}); see docs/dicom.md")
    return sorted(found)


def store_results(
    archive: Archive,
    folder: str | os.PathLike[str],
    *,
    new_studies: bool = False,
    tell: Callable[[Stored], None] = lambda outcome: None,
) -> list[Stored]:
    """Send the results that an archive does not hold, one request each.

    The archive is asked what it holds; so a second run sends only what is missing, whatever ended the first. A result
    counts as stored when the archive's answer names it, or a query finds it. ``stored.csv`` is written at the end, also
    after an error. Nothing is deleted, here or there.

    Args:
        archive: where to.
        folder: output folder of a bundle; radiographs in it are not sent.
        new_studies: whether results may go to an archive that does not hold their study.
        tell: takes each outcome.

    Returns:
        What became of every result.

    Raises:
        ArchiveError: the archive cannot be worked with; the next run goes on.
        OSError: ``stored.csv`` cannot be written.
        UsageError: no results.
    """
    root = Path(folder)
    paths = find_result_files(root)
    done: list[Stored] = []
    try:
        for outcome in _send_all(archive, root, paths, new_studies):
            done.append(outcome)
            tell(outcome)
    finally:
        names = [path.relative_to(root).as_posix() for path in paths]
        rest = [Stored(name, WAITING, "the run ended before its turn") for name in names[len(done) :]]
        write_csv(root / TABLE, [_row(outcome) for outcome in (*done, *rest)], COLUMNS)
    return done


def _row(outcome: Stored) -> dict[str, str]:
    identifiers = (outcome.study, outcome.series, outcome.instance)
    return dict(zip(COLUMNS, (outcome.file, outcome.status, outcome.reason, *identifiers), strict=True))


def _send_all(archive: Archive, root: Path, paths: Sequence[Path], new_studies: bool) -> Iterator[Stored]:
    asked, patient, held = "", None, frozenset[str]()
    for path in paths:
        name = path.relative_to(root).as_posix()
        result = _read(path)
        if isinstance(result, str):
            yield Stored(name, REFUSED, result)
            continue
        study, series, instance = (str(result[keyword].value) for keyword in _IDENTIFIERS)
        try:
            if study != asked:  # results of a study are neighbours
                patient = patient_of(archive, study)
                held = frozenset(item.instance for item in instances_of(archive, study))
                asked = study
            status, reason = _send(archive, result, patient, held, new_studies)
        except RequestRefusedError as error:
            status, reason = FAILED, error.reason
        yield Stored(name, status, reason, study, series, instance)


def _read(path: Path) -> pydicom.Dataset | str:
    """A result, or why the file is none."""
    suffix = next(suffix for suffix in _CLASSES if path.name.lower().endswith(suffix))
    try:
        with quiet("pydicom"):
            dataset = pydicom.dcmread(path)
    except OSError:
        return "cannot be read"
    except Exception:
        return "not a DICOM file, or a damaged one"
    if dataset.get("SOPClassUID") != _CLASSES[suffix]:
        return f"not of the class that {suffix} stands for"
    for keyword in _IDENTIFIERS:
        if not dataset.get(keyword):
            return f"without {keyword}"
    return dataset


def _send(
    archive: Archive, result: pydicom.Dataset, patient: str | None, held: frozenset[str], new_studies: bool
) -> tuple[str, str]:
    """Status and reason."""
    instance = str(result.SOPInstanceUID)
    if instance in held:
        return PRESENT, ""
    if patient is None and not new_studies:
        return REFUSED, "the archive does not hold the study of this result"
    if patient is not None and patient != str(result.get("PatientID") or "").strip():
        return REFUSED, "the archive holds this study under another Patient ID"
    answer = archive.ask(_store, archive, result)
    for item in answer.get("FailedSOPSequence") or ():
        if str(item.get("ReferencedSOPInstanceUID")) == instance:
            code = int(item.get("FailureReason") or 0)
            return (PRESENT, "") if code == _DUPLICATE else (FAILED, _in_words(code))
    for item in answer.get("ReferencedSOPSequence") or ():
        if str(item.get("ReferencedSOPInstanceUID")) == instance:
            code = int(item.get("WarningReason") or 0)
            return STORED, f"the archive changed or doubts it (warning {code:04X})" if code else ""
    listed = instances_of(archive, str(result.StudyInstanceUID), str(result.SeriesInstanceUID))
    if any(item.instance == instance for item in listed):
        return STORED, ""
    return FAILED, "the archive did not say that it took it, and does not find it"


def _store(archive: Archive, result: pydicom.Dataset) -> pydicom.Dataset:
    """The archive's word on each object, which it also gives when it refuses all of them."""
    try:
        return archive.client.store_instances([result], study_instance_uid=str(result.StudyInstanceUID))
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code != 409:
            raise
        try:
            return pydicom.Dataset.from_json(error.response.json())
        except Exception:
            raise error from None


def _in_words(code: int) -> str:
    words = (text for mask, value, text in _REASONS if code & mask == value)
    return f"{next(words, 'the archive did not take it')} (failure {code:04X})"


def summary(done: Sequence[Stored]) -> str:
    """How many there are of each status, in one line."""
    counts = ((status, sum(one.status == status for one in done)) for status in (STORED, PRESENT, REFUSED, FAILED))
    return ", ".join(f"{count} {status}" for status, count in counts if count or status == STORED)
