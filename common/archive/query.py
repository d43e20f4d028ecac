"""What an archive holds, asked by QIDO-RS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID

from .connection import Archive
from .errors import ROOT, ArchiveError, GoneError, RequestRefusedError

PAGE = 500
#: Of a chest radiograph, as :mod:`common.io` takes them from an archive; film scans are often OT.
MODALITIES = ("CR", "DX")
_DATE = re.compile(r"\d{8}|\d{8}-\d{8}|\d{8}-|-\d{8}")

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Selection:
    """Which studies of an archive.

    Attributes:
        studies: Study Instance UIDs; empty for all.
        patient: Patient ID; empty for all.
        date: of the study: YYYYMMDD or a range FROM-TO, either end of which may be left out; empty for all.
        accession: accession number; empty for all.
    """

    studies: Sequence[str] = ()
    patient: str = ""
    date: str = ""
    accession: str = ""

    def __post_init__(self) -> None:
        for uid in self.studies:
            if not _is_uid(uid):
                raise ValueError(f"{uid!r} is not a Study Instance UID")
        if self.date and not _DATE.fullmatch(self.date):
            raise ValueError(f"{self.date!r} is not a date: expected YYYYMMDD, FROM-TO, FROM- or -TO")

    def filters(self) -> list[dict[str, str]]:
        """Search filters, one query each."""
        given = {"PatientID": self.patient, "StudyDate": self.date, "AccessionNumber": self.accession}
        shared = {name: value for name, value in given.items() if value}
        if not self.studies:
            return [shared]
        return [{**shared, "StudyInstanceUID": uid} for uid in self.studies]


@dataclass(frozen=True, order=True)
class Series:
    """A series of an archive.

    Attributes:
        study: Study Instance UID.
        series: Series Instance UID.
    """

    study: str
    series: str


@dataclass(frozen=True, order=True)
class Instance:
    """An object of an archive.

    Attributes:
        study: Study Instance UID.
        series: Series Instance UID.
        instance: SOP Instance UID.
    """

    study: str
    series: str
    instance: str


def series_items(
    archive: Archive, selection: Selection, modalities: Sequence[str], fields: Sequence[str] = ()
) -> Iterator[Item]:
    """Series of the selected studies, as DICOM JSON.

    Asked of all series of the archive at once, with the study's attributes as filters; one query for each modality,
    since no more than one can be matched.

    Raises:
        ArchiveError: the archive cannot be worked with.
    """
    for filters in selection.filters():
        for modality in modalities:
            yield from _answered(
                archive,
                archive.client.search_for_series,
                search_filters={**filters, "Modality": modality},
                fields=list(fields) or None,
            )


def radiograph_series(archive: Archive, selection: Selection, modalities: Sequence[str]) -> list[Series]:
    """Series that may hold radiographs, in the order of their identifiers.

    Raises:
        ArchiveError: the archive cannot be worked with, or answers with identifiers that are none.
    """
    found = set()
    for item in series_items(archive, selection, modalities):
        found.add(Series(uid(archive, item, "StudyInstanceUID"), uid(archive, item, "SeriesInstanceUID")))
    return sorted(found)


def instances_of(archive: Archive, study: str, series: str | None = None) -> list[Instance]:
    """The objects of a study, or of one of its series; none where it is not in the archive.

    Raises:
        ArchiveError: the archive cannot be worked with, or answers with identifiers that are none.
    """
    try:
        items = list(_pages(archive, lambda **page: archive.client.search_for_instances(study, series, **page)))
    except GoneError:
        return []
    return [
        Instance(study, series or uid(archive, item, "SeriesInstanceUID"), uid(archive, item, "SOPInstanceUID"))
        for item in items
    ]


def patient_of(archive: Archive, study: str) -> str | None:
    """The Patient ID under which an archive holds a study; None where it does not hold it.

    Raises:
        ArchiveError: the archive cannot be worked with.
    """
    for item in _answered(archive, archive.client.search_for_studies, search_filters={"StudyInstanceUID": study}):
        if value(item, "StudyInstanceUID") == study:
            return value(item, "PatientID")
    return None


def value(item: Item, keyword: str) -> str:
    """First value of an attribute of DICOM JSON as text; empty where there is none."""
    element = item.get(f"{tag_for_keyword(keyword):08X}")
    values = element.get("Value") if isinstance(element, Mapping) else None
    first = values[0] if isinstance(values, list) and values else None
    return "" if first is None or isinstance(first, Mapping) else str(first).strip()


def uid(archive: Archive, item: Item, keyword: str) -> str:
    """An identifier out of DICOM JSON, fit to be part of a file's name.

    Raises:
        ArchiveError: it is none.
    """
    text = value(item, keyword)
    if not _is_uid(text):
        raise ArchiveError(f"{archive.url}: the answer lists an object without a valid {keyword}; {ROOT}")
    return text


def _is_uid(text: str) -> bool:
    return bool(UID(text, config.IGNORE).is_valid)


def _answered(archive: Archive, search: Callable[..., list[dict[str, dict]]], **arguments: Any) -> Iterator[Item]:
    """All items of a search that every archive answers, if only with nothing."""
    try:
        yield from _pages(archive, search, **arguments)
    except RequestRefusedError as error:
        raise ArchiveError(f"{error}; {ROOT}") from None


def _pages(archive: Archive, search: Callable[..., list[dict[str, dict]]], **arguments: Any) -> Iterator[Item]:
    """All items of a search, however few of them the archive gives in one answer."""
    seen: set[int] = set()
    offset = 0
    while True:
        items = archive.ask(search, limit=PAGE, offset=offset, **arguments)
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise ArchiveError(f"{archive.url}: the answer is not a list of DICOM JSON objects; {ROOT}")
        # An archive that does not know offsets gives the same again.
        fresh = {hash(repr(item)): item for item in items if hash(repr(item)) not in seen}
        if not fresh:
            return
        seen.update(fresh)
        yield from fresh.values()
        offset += len(items)
