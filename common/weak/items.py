"""Images and the classes they show, from a data index."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.class_items import spread
from ..data.index import INDEX_NAME, DataIndexError, read_index, select

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledImage:
    """One image.

    Attributes:
        name: path below the data folder, as the index has it.
        path: the file; whether it can be read is found out later.
        present: for each class, whether the image shows it.
    """

    name: str
    path: Path
    present: tuple[bool, ...]

    @property
    def positive(self) -> bool:
        """Whether it shows any class."""
        return any(self.present)


def labelled_images(
    dataset_dir: str | Path,
    classes: Sequence[str],
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[LabelledImage]:
    """The selected rows whose classes are all known.

    Args:
        dataset_dir: folder with ``index.csv``.
        classes: index columns of 0 and 1, one a class.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many images, spread evenly over the list; for trying things out.

    Raises:
        DataIndexError: no class asked for, an unknown or absent column, a value other than 0 and 1, one image twice, or
            no image with any class selected.
    """
    if isinstance(classes, str) or not classes:
        raise DataIndexError(f"classes: a list of index columns is needed, got {classes!r}")
    root = Path(dataset_dir)
    index = root / INDEX_NAME
    rows = select(read_index(root, required=("image", *classes)), sites=sites, split_column=split_column, splits=splits)
    # A spreadsheet that met an empty cell writes whole numbers as 1.0.
    labels = rows[list(classes)].apply(
        lambda column: column.str.strip().str.replace(r"^([01])\.0+$", r"\1", regex=True)
    )
    wrong = sorted(set(labels.to_numpy().ravel()) - {"", "0", "1"})
    if wrong:
        raise DataIndexError(f"{index}: {', '.join(classes)} must be 0, 1 or empty, found {', '.join(wrong[:5])}")
    known = rows[(labels != "").all(axis=1)]
    if len(known) < len(rows):
        logger.info("%d of %d selected rows have unknown classes and are left out", len(rows) - len(known), len(rows))
    twice = sorted(known["image"][known["image"].duplicated()])
    if twice:
        raise DataIndexError(f"{index}: {twice[0]} is there twice")
    present = (labels.loc[known.index] == "1").to_numpy()
    images = [
        LabelledImage(name, root / name, tuple(map(bool, row)))
        for name, row in zip(known["image"], present, strict=True)
    ]
    if not any(image.positive for image in images):
        raise DataIndexError(f"{index}: none of the {len(rows)} selected rows has {' or '.join(classes)} = 1")
    chosen: list[LabelledImage] = spread(images, limit)  # type: ignore[arg-type, assignment]
    return chosen
