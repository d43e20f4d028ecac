"""MONAI Label's stock server on an archive: it lists the radiographs there, and the bundles infer on them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from label_server import ENVIRONMENT, REPOSITORY, LabelServer, Refused, label_command, variables
from orthanc_server import Orthanc, needs_orthanc

from common.archive.itkimage2segimage import write_submitted
from common.data.phantom import Phantom, radiograph_phantom
from common.data.phantom_files import write_picture

LUNGS, TB, LESIONS = "cxr_lung_segmentation", "cxr_tb_classification", "cxr_tb_segmentation"
#: Seconds for which the server takes its list of the archive for true.
EXPIRY = 2


@dataclass(frozen=True)
class Site:
    """An archive, a server on it, and what the archive holds.

    Attributes:
        archive: running.
        server: running.
        phantoms: by Series Instance UID, which is what the server calls an image.
        files: the radiographs, by the same.
        out: folder for answers.
    """

    archive: Orthanc
    server: LabelServer
    phantoms: dict[str, Phantom]
    files: dict[str, Path]
    out: Path

    def mask(self, model: str, series: str) -> np.ndarray:
        """A model's mask, rows x columns of the radiograph."""
        answer = nib.load(self.server.mask(model, series, self.out))
        # As the server's own conversion of the radiograph lies.
        assert np.allclose(answer.affine, np.diag([-0.5, -0.5, 1, 1]))
        return np.asarray(answer.dataobj)[..., 0].T > 0

    def listed(self) -> int:
        """How many radiographs the server finds in the archive, once its last list has expired."""
        time.sleep(EXPIRY + 0.5)
        return int(self.server.json("GET", "/datastore/")["total"])

    def offered(self, times: int) -> set[str]:
        """What is offered to be labelled, in so many requests: at random, but first what has waited longest.

        The server fails when all that it could offer was offered within the same second.
        """
        found = set()
        for _ in range(times):
            time.sleep(1.1)
            found.add(str(self.server.json("POST", "/activelearning/random", [{}])["id"]))
        return found

    def logged(self, text: str) -> None:
        """Wait until the server has written a text into its log, which it does after its answer."""
        deadline = time.monotonic() + 60
        while text not in self.server.log.read_text(errors="replace"):
            assert time.monotonic() < deadline, self.server.tail()
            time.sleep(0.2)

    def new(self, name: str, seed: int) -> tuple[str, pydicom.Dataset]:
        """Put a radiograph into the archive of which the server knows nothing yet; its series and header."""
        drawn = radiograph_phantom((400, 340), seed=seed, bits=16)
        path = write_picture(self.out / f"{name}.dcm", drawn.image, pixel=0.5)
        self.archive.upload(path)
        header = pydicom.dcmread(path, stop_before_pixels=True)
        return str(header.SeriesInstanceUID), header


def app_folder(folder: Path) -> Path:
    """An app folder with the exported bundles; CXR_LABEL_APP names one that was made before."""
    app = folder / "app"
    if "CXR_LABEL_APP" in os.environ:
        shutil.copytree(os.environ["CXR_LABEL_APP"], app)
    else:
        words = label_command("prepare", "--app", str(app))
        done = subprocess.run(words, cwd=REPOSITORY, env=variables(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    # The server would download dcmqi's, which makes no DICOM SEG of radiographs.
    program = app / "bin" / "itkimage2segimage"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E -m common.archive.itkimage2segimage "$@"\n')
    program.chmod(0o755)
    return app


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two radiographs, one of them with bone as dark, and one of another modality."""
    needs_orthanc()
    if not (ENVIRONMENT / "bin" / "python").is_file():
        pytest.skip(f"no environment of MONAI Label in {ENVIRONMENT}: `make test-integration` makes it")
    folder = tmp_path_factory.mktemp("site")
    app = app_folder(folder)
    phantoms, files = {}, {}
    for seed, inverse in ((5, False), (6, True)):
        drawn = radiograph_phantom((400, 340), seed=seed, lesions=3, bits=16)
        path = write_picture(folder / f"{seed}.dcm", drawn.image, pixel=0.5, monochrome1=inverse)
        series = str(pydicom.dcmread(path).SeriesInstanceUID)
        phantoms[series], files[series] = drawn, path
    other = write_picture(folder / "ct.dcm", radiograph_phantom((64, 64), bits=16).image)
    dataset = pydicom.dcmread(other)
    dataset.Modality = "CT"
    dataset.save_as(other, enforce_file_format=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("MONAI_LABEL_DICOMWEB_SEARCH_FILTER", json.dumps({"Modality": "DX"}))
    patch.setenv("MONAI_LABEL_DICOMWEB_CACHE_PATH", str(folder / "cache"))
    patch.setenv("MONAI_LABEL_DICOMWEB_CACHE_EXPIRY", str(EXPIRY))
    with Orthanc(folder / "orthanc") as archive:
        archive.upload(*files.values(), other)
        server = LabelServer(app, archive.dicom_web, folder / "log.txt")
        try:
            yield Site(archive, server, phantoms, files, folder)
        finally:
            server.kill()
            patch.undo()


@pytest.fixture(scope="module")
def by_command(site: Site) -> Path:
    """What the served bundles make of the same radiographs by command, fetched from the archive."""
    fetched, results = site.out / "fetched", site.out / "results"
    commands = [["common.archive", "fetch", site.archive.dicom_web, str(fetched)]]
    dicom = ["--mask_format", ".seg.dcm"]
    for name, options in ((LUNGS, dicom), (LESIONS, dicom), (TB, [])):
        root = site.server.app / "model" / name
        config = ["--bundle_root", str(root), "--config_file", str(root / "configs" / "inference.yaml")]
        folders = ["--dataset_dir", str(fetched), "--output_dir", str(results / name), "--num_workers", "0"]
        commands.append(["monai.bundle", "run", *config, *folders, *options])
    for words in commands:
        done = subprocess.run([sys.executable, "-m", *words], cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return results


def test_server_lists_the_radiographs_of_the_archive(site: Site) -> None:
    assert site.server.info["models"].keys() >= {LUNGS, TB, LESIONS}
    assert site.server.info["datastore"]["total"] == len(site.phantoms)
    assert site.offered(2) == set(site.phantoms)


def test_masks_lie_on_the_rows_and_columns_of_the_radiograph(site: Site) -> None:
    for series, phantom in site.phantoms.items():
        found, truth = site.mask(LUNGS, series), phantom.lungs
        assert found.shape == truth.shape
        turns = {"as it is": found, "mirrored": found[:, ::-1], "upside down": found[::-1]}
        dice = {name: 2 * (turned & truth).sum() / (turned.sum() + truth.sum()) for name, turned in turns.items()}
        assert dice["as it is"] > 0.95
        assert max(dice, key=lambda name: dice[name]) == "as it is"


@pytest.mark.parametrize(("model", "postfix"), [(LUNGS, "lungs"), (LESIONS, "tb")])
def test_masks_are_those_that_go_back_to_the_archive(site: Site, by_command: Path, model: str, postfix: str) -> None:
    """Whether a radiograph comes by the server, which converts it to NIfTI, or by command: the mask is the same."""
    for series, path in site.files.items():
        uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
        (written,) = (by_command / model).rglob(f"{uid}*_{postfix}.seg.dcm")
        assert np.array_equal(site.mask(model, series), pydicom.dcmread(written).pixel_array > 0)


def test_classification(site: Site, by_command: Path) -> None:
    with (by_command / TB / "predictions.csv").open(newline="") as stream:
        rows = {Path(row["image"]).stem: row for row in csv.DictReader(stream)}
    for series, path in site.files.items():
        answer = site.server.json("POST", f"/infer/{TB}", {"params": "{}"}, image=series, output="json")
        normal, tb = answer["prediction"]
        assert (normal["label"], tb["label"]) == ("normal", "tuberculosis")
        expected = float(rows[str(pydicom.dcmread(path).SOPInstanceUID)]["tb_probability"])
        assert tb["score"] == pytest.approx(expected, abs=1e-5)
        assert normal["score"] + tb["score"] == pytest.approx(1)


def submit(site: Site, series: str, file: Path, segment: str) -> None:
    """Send a label as a client does when its reader submits it."""
    params = json.dumps({"label_info": [{"name": segment, "idx": 1}]})
    site.server.request("PUT", "/datastore/label", {"params": params, "label": file}, image=series, tag="final")


def segmentations(site: Site, series: str) -> list[pydicom.Dataset]:
    """What the archive holds of DICOM SEG in the study of a radiograph."""
    client = DICOMwebClient(site.archive.dicom_web)
    study = str(pydicom.dcmread(site.files[series], stop_before_pixels=True).StudyInstanceUID)
    found = client.search_for_series(study, search_filters={"Modality": "SEG"})
    return [image for item in found for image in client.retrieve_series(study, item["0020000E"]["Value"][0])]


def test_a_submitted_label_goes_to_the_archive(site: Site) -> None:
    """What a reader made of the mask comes back as DICOM SEG of the radiograph, which counts as labelled then."""
    (series, phantom), (other, _) = site.phantoms.items()
    served = site.server.mask(LUNGS, series, site.out)
    mask = nib.load(served)
    corrected = np.asarray(mask.dataobj).astype(np.uint8)
    corrected[: corrected.shape[0] // 2] = 0
    nib.save(nib.Nifti1Image(corrected, mask.affine), served)
    with pytest.raises(Refused):
        submit(site, series, served, "spleen")
    site.logged("one segment named lungs, lesion, tuberculosis is needed")
    assert segmentations(site, series) == []
    submit(site, series, served, "lungs")
    (stored,) = segmentations(site, series)
    np.testing.assert_array_equal(stored.pixel_array > 0, corrected[..., 0].T > 0)
    assert not (stored.pixel_array > 0)[:, : phantom.lungs.shape[1] // 2].any()
    source = pydicom.dcmread(site.files[series], stop_before_pixels=True)
    assert (stored.PatientID, stored.StudyInstanceUID) == (source.PatientID, source.StudyInstanceUID)
    assert stored.ReferencedSeriesSequence[0].SeriesInstanceUID == series
    assert stored.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    site.listed()
    assert site.offered(2) == {other}


def test_training_takes_labels_that_were_submitted_here(site: Site) -> None:
    """Of a DICOM SEG that came into the archive otherwise the server can make no label: its library wants a volume."""
    (series, phantom), (other, _) = site.phantoms.items()
    (pair,) = site.server.json("GET", "/datastore/", output="train")
    assert Path(pair["image"]).name == f"{series}.nii.gz"
    label = np.asarray(nib.load(pair["label"]).dataobj).squeeze().T > 0
    np.testing.assert_array_equal(label, segmentations(site, series)[0].pixel_array > 0)
    drawn = nib.Nifti1Image(phantom.lungs.T[..., np.newaxis].astype(np.uint8), np.diag([-0.5, -0.5, 1, 1]))
    nib.save(drawn, site.out / "drawn.nii.gz")
    (site.out / "other").mkdir()
    shutil.copy(site.files[other], site.out / "other")
    description = {"segmentAttributes": [[{"SegmentLabel": "lungs"}]]}
    write_submitted(site.out / "drawn.nii.gz", site.out / "other", description, site.out / "elsewhere.seg.dcm")
    site.archive.upload(site.out / "elsewhere.seg.dcm")
    site.listed()
    with pytest.raises(Refused):
        site.server.json("GET", "/datastore/", output="train")
    site.logged("Pixel measures FG is missing")
    site.archive.delete_series(str(pydicom.dcmread(site.out / "elsewhere.seg.dcm").SeriesInstanceUID))


def test_archive_down_and_up_again(site: Site) -> None:
    """The server asks for the list of the archive at every request; it needs no new start when it is back."""
    known = list(site.phantoms)[-1]
    series, _header = site.new("down", 11)
    before, held = site.mask(LUNGS, known), len(segmentations(site, known))
    label = site.server.mask(LUNGS, known, site.out)
    site.archive.stop()
    try:
        time.sleep(EXPIRY)
        for image in (series, known):
            with pytest.raises(Refused) as caught:
                site.server.mask(LUNGS, image, site.out)
            assert caught.value.status == 500
        with pytest.raises(Refused):
            submit(site, known, label, "lungs")
        site.logged("Connection refused")
    finally:
        site.archive.start()
    assert np.array_equal(site.mask(LUNGS, known), before)
    assert site.mask(LUNGS, series).any()
    submit(site, known, label, "lungs")
    assert len(segmentations(site, known)) == held + 1


def test_slow_archive(site: Site) -> None:
    """The server waits for it."""
    series, _header = site.new("slow", 12)
    site.archive.freeze()
    later = threading.Timer(4, site.archive.thaw)
    later.start()
    assert site.mask(LUNGS, series).any()
    later.join()


def test_study_deleted_between_listing_and_inference(site: Site) -> None:
    before = site.listed()
    series, header = site.new("gone", 13)
    assert site.listed() == before + 1
    site.archive.delete_study(str(header.StudyInstanceUID))
    with pytest.raises(Refused) as caught:
        site.server.mask(LUNGS, series, site.out)
    assert caught.value.status == 500
    assert site.mask(LUNGS, next(iter(site.phantoms))).any()
    assert site.listed() == before
