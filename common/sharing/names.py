"""Names: of the folders that bundles are shared under, and of what lies in them."""

from __future__ import annotations

import re

from .errors import SharingError

#: Name of this package, and of the copy of it that lies in a standalone bundle.
PACKAGE = "common"
VENDORED = "scripts.common"
#: Name under which the package is installed.
DISTRIBUTION = "cxr-tb-common"

#: Source bundle -> folder name, from which MONAI Label reads the task.
SHARED_NAMES = {
    "lung_seg": "cxr_lung_segmentation",
    "tb_cls": "cxr_tb_classification",
    "tb_seg": "cxr_tb_segmentation",
}
#: One of these words in a folder's name tells MONAI Label the task.
TASKS = ("segmentation", "classification", "detection")

#: Forms of a shared bundle: with the code in it, or with configurations and weights alone and the code in a wheel.
STANDALONE, WEIGHTS = "standalone", "weights"
FORMS = (STANDALONE, WEIGHTS)

MANIFEST = "MANIFEST.sha256"
SIGNATURE = "MANIFEST.sha256.sig"
METADATA = "configs/metadata.json"
INFERENCE = "configs/inference.yaml"


def weights_place(name: str) -> str:
    """Where a file of the source bundle lies in the shared one.

    ``models/model.pt`` is what a bundle serves; networks that it needs beside it, or offers in its place, lie a folder
    deeper. MONAI Label lets a client load any ``models/*.pt`` into the served network, without asking whether it fits,
    and takes the one with the shortest name when none is named.

    Args:
        name: path below the source bundle.
    """
    folder, _, file = name.partition("/")
    return f"models/networks/{file}" if folder == "models" and re.fullmatch(r"(?!model\.pt$)[^/]+\.pt", file) else name


def shared_name(bundle: str, name: str | None = None) -> str:
    """Folder name of the shared form.

    Args:
        bundle: folder name of the source bundle.
        name: the wanted one; by default that of :data:`SHARED_NAMES`.

    Raises:
        SharingError: an unknown bundle without a name, or a name that other systems cannot use.
    """
    found = name or SHARED_NAMES.get(bundle)
    if found is None:
        known = ", ".join(sorted(SHARED_NAMES))
        raise SharingError(f"{bundle}: no name to share it under; known are {known}, others need --name")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", found) or not any(task in found for task in TASKS):
        words = ", ".join(TASKS)
        raise SharingError(f"{found}: a name of lower-case letters, digits and _ with one of {words} in it is needed")
    return found
