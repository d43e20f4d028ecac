"""Finding saved masks."""

from __future__ import annotations

from pathlib import Path

from ..io import RadiographLayout

#: Formats in which a mask may have been saved, in the order in which they are looked for.
MASK_EXTENSIONS = (".png", ".nii.gz", ".nii")


class MaskFinder:
    """Finds the predicted mask of an image by the rule of :class:`common.io.RadiographLayout`.

    The images need not be there: masks are often evaluated where the radiographs are not.

    Args:
        predictions_dir: output folder of the inference.
        dataset_dir: folder to which the paths of the images belong; also the one the inference was run on.
        name: what the masks show, as in ``REL_name.png``.
    """

    def __init__(self, predictions_dir: str | Path, dataset_dir: str | Path, name: str) -> None:
        self.dataset_dir = Path(dataset_dir)
        self.layout = RadiographLayout(predictions_dir, dataset_dir, postfix=name)

    def __call__(self, image: str) -> Path:
        """Path of the mask of an image; of the PNG that is missing where there is none in any format.

        Args:
            image: path of the image below the data folder.

        Raises:
            ValueError: the path leads out of the data folder.
        """
        source = self.dataset_dir / image
        candidates = [self.layout.path(source, extension=extension) for extension in MASK_EXTENSIONS]
        return next((path for path in candidates if path.is_file()), candidates[0])
