"""Where the public data sets come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from .fetch import fetch, unpack


@dataclass(frozen=True)
class Archive:
    """One ZIP archive with a direct address.

    Attributes:
        url: where the publisher keeps it.
        checksum: ``sha256:…`` or ``md5:…``; empty where none is known.
    """

    url: str
    checksum: str = ""

    @property
    def name(self) -> str:
        """File name at the end of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Download:
    """All that makes up one data set.

    Attributes:
        title: what it is.
        page: page of the publisher, with the conditions of use.
        archives: what can be fetched directly.
        steps: what a person has to do by hand, in order; empty when nothing remains.
    """

    title: str
    page: str
    archives: tuple[Archive, ...] = ()
    steps: tuple[str, ...] = ()


_NLM = "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets"

#: Public data sets by the name that ``prepare`` uses.
DOWNLOADS: dict[str, Download] = {
    "montgomery": Download(
        title="Montgomery County chest radiographs with lung masks, about 620 MB",
        page=f"{_NLM}/Montgomery-County-CXR-Set/MontgomerySet/index.html",
        archives=(
            Archive(
                "https://openi.nlm.nih.gov/imgs/collections/NLM-MontgomeryCXRSet.zip",
                "sha256:54601e952315d8f67383e9202a6e145997ade429f54f7e0af44b4e158714f424",
            ),
        ),
    ),
    "shenzhen": Download(
        title="Shenzhen Hospital chest radiographs, about 3.8 GB, and their lung masks",
        page=f"{_NLM}/Shenzhen-Hospital-CXR-Set/index.html",
        archives=(Archive("https://openi.nlm.nih.gov/imgs/collections/ChinaSet_AllFiles.zip"),),
        steps=(
            "The lung masks (Stirenko et al., CC BY-NC-SA 4.0) need a Kaggle account. Open "
            "https://www.kaggle.com/datasets/yoctoman/shcxr-lung-mask and download the archive.",
            "Unpack it into {target}/mask, so that CHNCXR_0001_0_mask.png and 565 more lie below it at any depth.",
        ),
    ),
    "jsrt": Download(
        title="JSRT chest radiographs with SCR lung masks",
        page="http://db.jsrt.or.jp/eng.php",
        archives=(
            Archive("https://zenodo.org/records/7056076/files/masks.zip", "md5:3e9bb1c4bc1f5b2672ac4bfeabab16f4"),
        ),
        steps=(
            "The radiographs need a registration. Open http://db.jsrt.or.jp/eng.php, register, and log in with the "
            "password that arrives by mail.",
            "Download All247images.zip (raw images) and Clinical_Information.zip.",
            "Unpack both into {target}, so that JPCLN001.IMG to JPCNN093.IMG, CLNDAT_EN.txt and CNNDAT_EN.txt lie "
            "below it at any depth.",
        ),
    ),
    "siim": Download(
        title="SIIM-ACR pneumothorax, 12,047 annotated radiographs",
        page="https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation",
        steps=(
            "The radiographs need a Kaggle account. Open https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation, "
            "accept the rules, and download the DICOM files and stage_2_train.csv (or train-rle.csv).",
            "Unpack them into {target}, so that the .dcm files and the table lie below it at any depth.",
        ),
    ),
}


def download(name: str, target_dir: str | Path, *, progress: bool = True) -> list[str]:
    """Fetch and unpack what has a direct address.

    Args:
        name: one of :data:`DOWNLOADS`.
        target_dir: folder for the archives and their content; then the source folder of ``prepare``.
        progress: whether to draw progress bars.

    Returns:
        What remains to be done by hand, in order; empty when the data set is complete.

    Raises:
        UsageError: unknown name.
        DownloadError: an archive that could not be fetched or unpacked; what has arrived is kept for the next run.
    """
    if name not in DOWNLOADS:
        raise UsageError(f"no data set {name}; known are {', '.join(sorted(DOWNLOADS))}")
    entry, target = DOWNLOADS[name], Path(target_dir)
    for archive in entry.archives:
        path = fetch(archive.url, target / archive.name, checksum=archive.checksum, progress=progress)
        unpack(path, target / path.stem, progress=progress)
    return [step.format(target=target) for step in entry.steps]
