"""Results that an archive holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..io.dicom_source import MANUFACTURER
from .connection import Archive
from .query import Selection, series_items, uid, value

#: Segmentation, structured report, secondary capture.
RESULT_MODALITIES = ("SEG", "SR", "OT")
COLUMNS = ("patient_id", "study_date", "modality", "description", "number", "objects", "study_uid", "series_uid")
_KEYWORDS = (
    "PatientID",
    "StudyDate",
    "Modality",
    "SeriesDescription",
    "SeriesNumber",
    "NumberOfSeriesRelatedInstances",
)


def find_results(
    archive: Archive, selection: Selection, *, modalities: Sequence[str] = RESULT_MODALITIES
) -> Iterator[dict[str, str]]:
    """List the series of results by their manufacturer, which says that this package wrote them.

    Args:
        archive: where.
        selection: of which studies.
        modalities: which kinds of results.

    Yields:
        One row a series, with all of ``COLUMNS``; empty where the archive does not tell.

    Raises:
        ArchiveError: the archive cannot be worked with.
    """
    for item in series_items(archive, selection, modalities, ("Manufacturer", *_KEYWORDS)):
        if value(item, "Manufacturer") == MANUFACTURER:
            texts = [value(item, keyword) for keyword in _KEYWORDS]
            identifiers = [uid(archive, item, keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID")]
            yield dict(zip(COLUMNS, (*texts, *identifiers), strict=True))
