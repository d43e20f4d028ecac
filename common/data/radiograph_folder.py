"""A folder of radiographs as a data set in which a bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.data import list_data_collate
from torch.utils.data import Dataset

from ..errors import UsageError
from ..io import RadiographError, find_radiographs

#: Key of the rejected items in a batch made by :func:`collate_radiographs`.
REJECTED = "rejected"


@dataclass(frozen=True)
class Rejected:
    """An input that gave no result.

    Attributes:
        path: the file.
        status: "refused" when the file is not a radiograph to work on, "failed" for any other error.
        reason: one line.
    """

    path: str
    status: str
    reason: str


def rejection(path: str | Path, error: BaseException) -> Rejected:
    """Tell from an exception (or what caused it) why ``path`` was rejected."""
    cause: BaseException | None = error
    last = error
    while cause is not None:
        if isinstance(cause, RadiographError):
            return Rejected(str(path), "refused", cause.reason or str(cause))
        last, cause = cause, cause.__cause__ or cause.__context__
    lines = [line.strip() for line in str(last).splitlines() if line.strip()]
    reason = lines[-1][:300] if lines else "no message"
    # MONAI's SaveImage puts a whole traceback into its message; its last line names the kind of error already.
    quoted = any(line.startswith("Traceback (most recent call last)") for line in lines)
    return Rejected(str(path), "failed", reason if quoted else f"{type(last).__name__}: {reason}")


def folder_items(
    dataset_dir: str | Path,
    *,
    key: str = "image",
    exclude: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Items ``{key: path}`` of all radiographs below a folder, sorted.

    Args:
        dataset_dir: searched recursively.
        key: name of the entry.
        exclude: a folder to leave out, such as that of the results.

    Raises:
        UsageError: no such folder, no permission, no radiograph in it, or ``exclude`` is the folder itself.
    """
    root = Path(dataset_dir)
    try:
        paths = find_radiographs(root, exclude=exclude)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    return [{key: str(path)} for path in paths]


class RadiographFolder(Dataset):
    """Applies ``transform`` to each item and gives a :class:`Rejected` in place of an item that fails.

    Args:
        data: items with the path of the radiograph under ``key``; their other entries are not used.
        transform: the preprocessing.
        dataset_dir: folder that the paths lie in.
        done: paths below ``dataset_dir``, with ``/``, that are left out because an earlier run has done them.
        key: name of the image entry.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[Any], Any],
        dataset_dir: str | Path,
        done: Collection[str] = (),
        key: str = "image",
    ) -> None:
        self.data = [item for item in data if Path(item[key]).relative_to(dataset_dir).as_posix() not in done]
        self.transform = transform
        self.key = key

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        path = self.data[index][self.key]
        try:
            return self.transform({self.key: path})
        except Exception as error:  # whatever a file does to the reader, the others go on
            return rejection(path, error)


def collate_radiographs(items: Sequence[Any]) -> dict[str, Any]:
    """Batch the items that were read; the others are listed under :data:`REJECTED`."""
    good = [item for item in items if not isinstance(item, Rejected)]
    batch: dict[str, Any] = list_data_collate(good) if good else {}
    batch[REJECTED] = [item for item in items if isinstance(item, Rejected)]
    return batch
