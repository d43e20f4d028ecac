"""Names of output files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from monai.data import FolderLayoutBase

from .folder import may_be_radiograph, without_suffix


class RadiographLayout(FolderLayoutBase):
    """Names outputs after their input's path below the data folder: ``REL_lungs.png``.

    ``REL`` is the path without the extension, so that outputs lie in the same tree of folders as inputs. Where two
    inputs of one folder differ in nothing but the extension (``a.png``, ``a.dcm``), both keep it (``a.png_lungs.png``,
    ``a.dcm_lungs.png``): outputs never overwrite one another, not even where the file system ignores case.

    Example::

        SaveImaged(keys="pred", writer=MaskWriter, output_ext=".png", folder_layout=RadiographLayout(
            output_dir="results", dataset_dir="radiographs", postfix="lungs", extension=".png"))

    Args:
        output_dir: folder of all outputs; made, with the folders below it, when the first output needs it.
        dataset_dir: folder of all inputs.
        postfix: what an output is, in its name.
        extension: ending of the outputs' names, with or without its dot.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        dataset_dir: str | os.PathLike[str],
        postfix: str = "",
        extension: str = ".png",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.dataset_dir = Path(os.path.abspath(dataset_dir))
        self.postfix = postfix
        self.extension = extension if extension.startswith(".") else f".{extension}"
        self._names: dict[Path, dict[str, str]] = {}

    def filename(self, subject: str | os.PathLike[str], idx: object = None, **kwargs: Any) -> str:
        """Path of an output; its folder exists afterwards.

        Args:
            subject: path of the input.
            idx: number of a patch, which radiographs do not have.
            kwargs: ``postfix`` and ``extension`` in place of those of the layout.

        Returns:
            The path, as ``SaveImage`` wants it.

        Raises:
            ValueError: the input does not lie in the data folder, or ``idx`` is given.
        """
        if idx is not None:
            raise ValueError(f"{subject}: an output is named after a whole radiograph, not after its patch {idx}")
        path = self.path(subject, **kwargs)
        path.parent.mkdir(parents=True, exist_ok=True)
        return str(path)

    def path(self, image: str | os.PathLike[str], *, postfix: str | None = None, extension: str | None = None) -> Path:
        """Path of an output; nothing is made.

        Args:
            image: path of the input.
            postfix: what the output is; that of the layout by default.
            extension: ending of the name, with its dot; that of the layout by default.

        Raises:
            ValueError: the input does not lie in the data folder.
        """
        postfix = self.postfix if postfix is None else postfix
        tail = (f"_{postfix}" if postfix else "") + (self.extension if extension is None else extension)
        relative = self.relative(image)
        return self.output_dir / relative.parent / (relative.name + tail)

    def relative(self, image: str | os.PathLike[str]) -> Path:
        """``REL``: the input's path below the data folder, as outputs are named after it."""
        source = Path(os.path.abspath(image))
        try:
            below = source.relative_to(self.dataset_dir)
        except ValueError:
            raise ValueError(f"{source}: not below the data folder {self.dataset_dir}") from None
        if source.parent not in self._names:
            names = [path.name for path in source.parent.iterdir() if may_be_radiograph(path)]
            self._names[source.parent] = distinct_names(names)
        return below.parent / self._names[source.parent].get(source.name, source.name)


def distinct_names(names: list[str]) -> dict[str, str]:
    """Names without their extensions where that keeps them apart, else whole.

    Args:
        names: file names of one folder, all different.

    Returns:
        For each file name the shorter name; no two differ in upper and lower case only, unless the whole names do.
    """
    short = {name: without_suffix(name) for name in names}
    # A name given back its extension may equal another's short one ("a.png" and "a.png.jpg"), hence the repetition.
    while clashes := {key for key, count in Counter(each.casefold() for each in short.values()).items() if count > 1}:
        again = {name: name if each.casefold() in clashes else each for name, each in short.items()}
        if again == short:
            break
        short = again
    return short
