"""Names of output files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from monai.data import FolderLayoutBase

from .dicom_source import is_dicom_output, read_source
from .folder import without_suffix

_PLAIN = ".png"
_UNNAMED = ".dicom"


class RadiographLayout(FolderLayoutBase):
    """Names outputs after their input's path below the data folder: ``REL_lungs.png``.

    ``REL`` is the path of a PNG file without its extension. Every other file keeps its extension (``a.dcm`` gives
    ``a.dcm_lungs.png``), and a DICOM file without one gets ``.dicom`` (``IM0001.dicom_lungs.png``). Outputs lie in the
    same tree of folders as inputs. See :func:`output_name`: the name depends on the input's path alone, and no two
    inputs share one.

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
            RadiographError: the output is a DICOM file, and the input none that it could refer to. Told here, because
                ``SaveImage`` would wrap the same error of a writer up in a traceback.
        """
        if idx is not None:
            raise ValueError(f"{subject}: an output is named after a whole radiograph, not after its patch {idx}")
        path = self.path(subject, **kwargs)
        if is_dicom_output(path):
            read_source(subject)
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
        return below.with_name(output_name(below.name))


def output_name(name: str) -> str:
    """What outputs are named after, of one input's file name.

    A short name is wanted, and two inputs such as ``a.png`` and ``a.dcm`` must not overwrite each other's outputs.
    Which other files lie in the folder must not matter: it changes between two runs, and it is not known where masks
    are evaluated without the radiographs. So one kind of file alone can lose its extension. It is PNG: data folders
    and public data sets consist of it, and their masks are found again as ``REL_lungs.png``.

    Args:
        name: file name of an input.

    Returns:
        The name without ``.png`` (in lower case, and unless another extension of a radiograph comes to light below
        it); the whole name with another extension of a radiograph; the name and ``.dicom`` where it has none of these,
        or ends in ``.dicom`` itself. Different names give different results.
    """
    short = without_suffix(name)
    if short == name or name.lower().endswith(_UNNAMED):
        return name + _UNNAMED
    return short if name.endswith(_PLAIN) and without_suffix(short) == short else name
