"""From the archive through the bundles and back: every command as docs/archive.md gives it."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from orthanc_server import Orthanc, needs_orthanc

pytest.importorskip("highdicom", reason="highdicom, of the extra dicom, is not installed")

import highdicom
from archive_files import radiograph
from dicomweb_client import DICOMwebClient

from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture

REPOSITORY = Path(__file__).parents[3]
REAL = Path(os.environ.get("CXR_DATA", "nowhere")) / "dicom" / "RG1_J2KI.dcm"
#: What each bundle writes for a radiograph: ending, modality, series number.
RESULTS = {
    "lungs.seg.dcm": ("SEG", 9100),
    "tb.seg.dcm": ("SEG", 9104),
    "tb.sr.dcm": ("SR", 9110),
    "overlay.sc.dcm": ("OT", 9111),
}


@dataclass(frozen=True)
class Journey:
    """What a study has been through.

    Attributes:
        server: the archive, running.
        sources: radiographs that were in the archive before, by SOP Instance UID.
        fetched: folder of those that came out of it.
        results: folder of what the bundles wrote.
        said: what each command printed.
    """

    server: Orthanc
    sources: dict[str, Path]
    fetched: Path
    results: Path
    said: dict[str, str]


def run(*words: object, expected: int = 0) -> str:
    """Run a command in a process of its own, as a person does; return what it printed."""
    command = [sys.executable, "-m", *(str(word) for word in words)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def bundle(name: str, configs: tuple[str, ...], fetched: Path, output: Path, *options: str) -> None:
    root = f"bundles/{name}"
    files = str([f"{root}/configs/{config}.yaml" for config in configs])
    run("monai.bundle", "run", "--bundle_root", root, "--config_file", files, "--dataset_dir", fetched,
        "--output_dir", output, "--num_workers", "0", *options)  # fmt: skip


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Two phantoms and, where there is one, a real radiograph: fetched, worked on, stored."""
    needs_orthanc()
    folder = tmp_path_factory.mktemp("journey")
    paths = []
    for seed, inverse in ((1, False), (2, True)):
        drawn = radiograph_phantom((512, 488), seed=seed, lesions=3 * seed, bits=16)
        path = folder / "source" / f"phantom{seed}.dcm"
        paths.append(write_picture(path, drawn.image, pixel=drawn.pixel, monochrome1=inverse))
    if REAL.is_file():
        paths.append(REAL)
    side = radiograph(folder / "source" / "side.dcm", 5, ViewPosition="LL")
    with Orthanc(folder / "orthanc") as server:
        server.upload(*paths, side)
        fetched, results = folder / "fetched", folder / "results"
        said = {"fetch": run("common.archive", "fetch", server.dicom_web, fetched, expected=3)}
        bundle("lung_seg", ("inference",), fetched, results / "lung_seg", "--mask_format", ".seg.dcm")
        bundle("tb_seg", ("inference",), fetched, results / "tb_seg", "--mask_format", ".seg.dcm")
        evidence = ("inference", "localize", "dicom")
        bundle("tb_cls", evidence, fetched, results / "tb_cls", "--write_capture", "True")
        said["store"] = run("common.archive", "store", server.dicom_web, results)
        said["again"] = run("common.archive", "store", server.dicom_web, results)
        said["find"] = run("common.archive", "find", server.dicom_web)
        sources = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in paths}
        yield Journey(server, sources, fetched, results, said)


def rows_found(journey: Journey) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(journey.said["find"])))


def taken_back(journey: Journey) -> list[pydicom.Dataset]:
    """All results, as the archive gives them now."""
    client = DICOMwebClient(journey.server.dicom_web)
    found = []
    for row in rows_found(journey):
        items = client.search_for_instances(row["study_uid"], row["series_uid"])
        for item in items:
            uid = item["00080018"]["Value"][0]
            found.append(client.retrieve_instance(row["study_uid"], row["series_uid"], uid))
    return found


def referenced(result: pydicom.Dataset) -> str:
    """The radiograph that a result says it was made of."""
    if result.Modality == "SEG":
        return str(result.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID)
    if result.Modality == "SR":
        study = result.CurrentRequestedProcedureEvidenceSequence[0]
        return str(study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    return str(result.SourceImageSequence[0].ReferencedSOPInstanceUID)


def test_results_are_valid(journey: Journey, tmp_path: Path) -> None:
    """By dcmtk, dicom3tools and highdicom, as they come back from the archive."""
    for result in taken_back(journey):
        path = tmp_path / f"{result.SOPInstanceUID}.dcm"
        result.save_as(path, enforce_file_format=True)
        for program in ("dcmftest", "dcmdump", "dciodvfy", *(["dsrdump"] if result.Modality == "SR" else [])):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed: apt-get install dcmtk dicom3tools")
            done = subprocess.run([program, str(path)], capture_output=True, text=True, errors="replace", check=False)
            if program == "dciodvfy":
                assert [line for line in done.stderr.splitlines() if "Error" in line] == []
            else:
                assert done.returncode == 0, done.stdout + done.stderr
                assert "E: " not in done.stderr
            if program == "dcmftest":
                assert done.stdout.startswith("yes: ")
            if program == "dsrdump":
                assert "Pulmonary tuberculosis" in done.stdout
        if result.Modality == "SEG":
            read = highdicom.seg.segread(path)
            source = pydicom.dcmread(journey.sources[referenced(result)])
            pixels = read.get_pixels_by_source_instance([source.SOPInstanceUID], ignore_spatial_locations=True)
            np.testing.assert_array_equal(pixels[0, :, :, 0] > 0, result.pixel_array > 0)
            assert result.pixel_array.shape == (source.Rows, source.Columns)
        elif result.Modality == "SR":
            (group,) = highdicom.sr.srread(path).content.get_image_measurement_groups()
            values = {item.name.meaning: item.value for item in group.get_measurements()}
            assert set(values) == {"Probability", "Threshold Value"}
            assert all(0 <= value <= 1 for value in values.values())


def test_results_come_back_to_their_studies(journey: Journey) -> None:
    """Every result is in the archive once, under its patient and study, and is the one that was written."""
    total = len(journey.sources)
    assert journey.said["fetch"] == f"fetched: {total}\nrefused: 1\n  1 x a lateral view (View Position LL)\n"
    assert len(list(journey.fetched.glob("*/*.dcm"))) == total
    assert journey.said["store"].splitlines()[-1] == f"{4 * total} stored"
    assert journey.said["again"].splitlines()[-1] == f"0 stored, {4 * total} present"
    written = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in journey.results.rglob("*.dcm")}
    found = taken_back(journey)
    assert sorted(result.SOPInstanceUID for result in found) == sorted(written)
    for result in found:
        path = written[str(result.SOPInstanceUID)]
        assert result == pydicom.dcmread(path)
        source = pydicom.dcmread(journey.sources[referenced(result)], stop_before_pixels=True)
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "PatientBirthDate", "PatientSex"):
            assert result[keyword].value == source[keyword].value
        assert result.SeriesInstanceUID != source.SeriesInstanceUID
        ending = next(ending for ending in RESULTS if path.name.endswith(ending))
        assert (result.Modality, result.SeriesNumber) == RESULTS[ending]
    for source in journey.sources.values():
        dataset = pydicom.dcmread(source)
        rows = [row for row in rows_found(journey) if row["study_uid"] == dataset.StudyInstanceUID]
        assert sorted((row["modality"], int(row["number"])) for row in rows) == sorted(RESULTS.values())
        assert {row["patient_id"] for row in rows} == {dataset.PatientID}


def test_masks_lie_where_the_phantom_has_its_lungs(journey: Journey) -> None:
    compared = []
    for result in taken_back(journey):
        if result.SeriesDescription.startswith("Lungs"):
            name = journey.sources[referenced(result)].stem
            if not name.startswith("phantom"):
                continue
            truth = radiograph_phantom((512, 488), seed=int(name[-1]), lesions=3 * int(name[-1]), bits=16).lungs
            mask = result.pixel_array > 0
            assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9
            turned = mask[:, ::-1]
            assert (mask & truth).sum() > (turned & truth).sum()
            compared.append(name)
    assert sorted(compared) == ["phantom1", "phantom2"]


@pytest.mark.data
def test_real_radiograph(journey: Journey) -> None:
    """JPEG 2000, MONOCHROME1, with a real header: it made the same journey."""
    if not REAL.is_file():
        pytest.skip("real radiographs not available: set CXR_DATA to a folder with dicom/RG1_J2KI.dcm")
    uid = str(pydicom.dcmread(REAL).SOPInstanceUID)
    (fetched,) = journey.fetched.rglob(f"{uid}.dcm")
    assert pydicom.dcmread(fetched) == pydicom.dcmread(REAL)
    results = [result for result in taken_back(journey) if referenced(result) == uid]
    assert sorted((result.Modality, int(result.SeriesNumber)) for result in results) == sorted(RESULTS.values())
    (lungs,) = [result for result in results if result.SeriesDescription.startswith("Lungs")]
    share = (lungs.pixel_array > 0).mean()
    assert 0.1 < share < 0.6
