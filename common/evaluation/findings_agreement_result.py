"""The agreement of evidence with a reader's texts in memory, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ..io import write_json
from .classification_tables import figure_text
from .files import write_table, write_text
from .frames import records
from .masks import FAILED, MISSING
from .tables import markdown_table

#: Texts without a place that are printed; all of them are in the JSON file.
_SHOWN = 10


@dataclass(frozen=True)
class FindingsAgreement:
    """What :func:`.findings_agreement.findings_agreement` finds out.

    Args:
        per_image: one row an image with TB and a text: ``dataset``, ``image``, ``patient_id``, ``split``,
            ``findings``, ``stated`` (the places read in it), ``status``, ``reason``, ``lungs`` (where the lung box
            comes from), and side and zone of the strongest ``region`` and, where maps were saved, of the ``maximum``
            of the map, empty where nothing was found.
        agreement: see :func:`.findings_agreement.agreement_rows`; by ``dataset`` and ``of`` (what is compared).
        confusion: see :func:`.findings_agreement.side_confusion`; by ``dataset`` and ``of``.
        coverage: one entry a site: counts of :class:`common.data.reader_text.ReaderCoverage`, ``compared``,
            ``without_lung_mask`` (of the compared), ``missing`` and ``failed``.
        settings: how it was made.
    """

    per_image: pd.DataFrame
    agreement: pd.DataFrame
    confusion: pd.DataFrame
    coverage: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]

    @property
    def problems(self) -> pd.DataFrame:
        """Rows of ``per_image`` whose result is missing or unusable."""
        return self.per_image[self.per_image["status"].isin([MISSING, FAILED])]

    def markdown(self) -> str:
        """The agreement for people."""
        names = ("texts", "side", "one_sided", "zone", "compared", "missing", "failed", "without_lung_mask")
        counts = [[entry["dataset"], *(str(entry[name]) for name in names)] for entry in self.coverage]
        header = ["site", "texts", "name a side", "one side only", "name a zone", "compared", "not localised"]
        parts = [
            "Radiographs with TB and a reader's text\n",
            markdown_table([*header, "not usable", "compared without lung mask"], counts),
        ]
        parts += [_without_place(entry) for entry in self.coverage if entry["without_place"]]
        agreement = [
            [
                *(row.dataset, row.of, row.question, str(row.n), str(row.agree)),
                figure_text(row.share, row.low, row.high),
                f"{row.commonest}: {figure_text(row.commonest_share)}",
            ]
            for row in self.agreement.itertuples()
        ]
        header = ["site", "place of the", "question", "texts that answer it", "agree", "share", "always the commonest"]
        parts += [
            "Agreement with the text, with the Clopper-Pearson 95 % interval: of the side, where one side only is "
            "named, and of side and zone, where a zone is named; beside it, what the one commonest answer would "
            "reach\n",
            markdown_table(header, agreement, text_columns=3),
            "Images by the patient's side that the text names and the side that was found\n",
            markdown_table(
                ["site", "place of the", "text", "right", "left", "nowhere"],
                [[str(cell) for cell in row] for row in self.confusion.itertuples(index=False)],
                text_columns=3,
            ),
            "Sides are parted by the middle of the box around both lungs, zones by thirds of its height; without a "
            "lung mask by the middle and thirds of the image.\n",
        ]
        return "\n".join(parts)

    def record(self) -> dict[str, Any]:
        """The agreement for programs: nothing but numbers, texts and None, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "packages": {"cxr-tb-common": version("cxr-tb-common")},
            "coverage": [dict(entry) for entry in self.coverage],
            "agreement": records(self.agreement),
            "confusion": records(self.confusion),
            "problems": records(self.problems[["dataset", "image", "status", "reason"]]),
        }

    def save(self, output_dir: str | Path) -> None:
        """Write ``per_image.csv``, ``agreement.csv``, ``confusion.csv``, ``summary.json`` and ``summary.md``.

        Args:
            output_dir: folder, made when missing.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("per_image", "agreement", "confusion"):
            write_table(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / "summary.json", self.record())
        write_text(folder / "summary.md", self.markdown())


def _without_place(entry: Mapping[str, Any]) -> str:
    texts = list(entry["without_place"].items())
    shown = "; ".join(f"“{text}” ({count})" for text, count in texts[:_SHOWN])
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{entry['dataset']}: texts that give no place: {shown}{more}.\n"
