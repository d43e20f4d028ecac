"""Storing: each result exactly once, in the right study, and nothing lost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from archive_files import names, radiograph, result
from fake_archive import FakeArchive, Request

from common.archive.connection import Archive
from common.archive.errors import ArchiveError
from common.archive.find import find_results
from common.archive.query import Selection
from common.archive.store import Stored, store_results
from common.errors import UsageError

Opened = Callable[..., Archive]


@pytest.fixture
def results(three: list[Path], tmp_path: Path) -> Path:
    """A report and a mask of each radiograph, beside things that are no results."""
    folder = tmp_path / "results"
    for path in three:
        result(folder / "site" / f"{path.name}_tb.sr.dcm", path)
        result(folder / "site" / f"{path.name}_tb.seg.dcm", path)
    result(folder / ".hidden" / "x_tb.seg.dcm", three[0])
    radiograph(folder / "radiograph.dcm", 9)
    (folder / "predictions.csv").write_text("image\n")
    return folder


def statuses(done: list[Stored]) -> list[str]:
    return [one.status for one in done]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "stored.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def sent(fake: FakeArchive) -> int:
    return sum(line.startswith("POST") for line in fake.requests)


def test_results_arrive_as_they_are_and_only_once(fake: FakeArchive, opened: Opened, results: Path) -> None:
    before = names(results)
    done = store_results(opened(), results)
    assert statuses(done) == ["stored"] * 6
    assert len(fake.objects) == 9
    for one in done:
        dataset = pydicom.dcmread(results / one.file)
        assert pydicom.dcmread(pydicom.filebase.DicomBytesIO(fake.objects[one.instance])) == dataset
        assert (one.study, one.series) == (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
    assert [row["status"] for row in table(results)] == ["stored"] * 6
    assert sent(fake) == 6
    assert statuses(store_results(opened(), results)) == ["present"] * 6
    assert sent(fake) == 6
    assert names(results) == sorted([*before, "stored.csv"])


def test_archive_that_goes_down(fake: FakeArchive, opened: Opened, results: Path) -> None:
    def down_after_two(request: Request) -> bool:
        if sent(fake) <= 2:
            return False
        request.reply(503)
        return True

    fake.faults.append(down_after_two)
    told: list[Stored] = []
    with pytest.raises(ArchiveError, match="503"):
        store_results(opened(), results, tell=told.append)
    assert statuses(told) == ["stored"] * 2
    assert [row["status"] for row in table(results)] == ["stored"] * 2 + ["waiting"] * 4
    fake.faults.clear()
    fake.requests.clear()
    assert sorted(statuses(store_results(opened(), results))) == ["present"] * 2 + ["stored"] * 4
    assert sent(fake) == 4


def test_archive_that_takes_an_object_but_answers_too_late(fake: FakeArchive, opened: Opened, results: Path) -> None:
    def take_and_hang_up(request: Request) -> None:
        fake.take(request.body, request.headers["Content-Type"])
        request.close_connection = True

    fake.spoil("POST", take_and_hang_up, times=1)
    archive = opened()
    assert statuses(store_results(archive, results)) == ["stored"] * 6
    assert len(fake.objects) == 9
    assert len(archive.told) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (0x0111, "present", ""),
        (0x0122, "failed", "the archive does not take objects of this class (failure 0122)"),
        (0xA702, "failed", "the archive is out of resources (failure A702)"),
        (0xC015, "failed", "the archive cannot understand it (failure C015)"),
        (0x1234, "failed", "the archive did not take it (failure 1234)"),
    ],
)
@pytest.mark.parametrize("http_status", [200, 409])
def test_refusal_of_one_object(
    fake: FakeArchive, opened: Opened, results: Path, code: int, status: str, reason: str, http_status: int
) -> None:
    refused = pydicom.dcmread(sorted(results.rglob("*p1.dcm_tb.sr.dcm"))[0]).SOPInstanceUID

    def refuse(request: Request) -> bool:
        if request.command != "POST" or str(refused).encode() not in request.body:
            return False
        item = {"00081155": {"vr": "UI", "Value": [str(refused)]}, "00081197": {"vr": "US", "Value": [code]}}
        request.reply_json({"00081198": {"vr": "SQ", "Value": [item]}}, http_status)
        return True

    fake.faults.append(refuse)
    done = store_results(opened(), results)
    assert sorted(statuses(done)) == sorted([status, *["stored"] * 5])
    (one,) = [one for one in done if one.instance == refused]
    assert (one.status, one.reason) == (status, reason)


def test_object_that_the_archive_changed(fake: FakeArchive, opened: Opened, results: Path) -> None:
    def warn(request: Request) -> None:
        answer = fake.take(request.body, request.headers["Content-Type"])
        answer["00081199"]["Value"][0]["00081196"] = {"vr": "US", "Value": [0xB000]}
        request.reply_json(answer, 202)

    fake.spoil("POST", warn, times=1)
    done = store_results(opened(), results)
    assert statuses(done) == ["stored"] * 6
    assert done[0].reason == "the archive changed or doubts it (warning B000)"


def test_silence_counts_as_stored_only_if_a_query_finds_it(fake: FakeArchive, opened: Opened, results: Path) -> None:
    def take_silently(request: Request) -> None:
        fake.take(request.body, request.headers["Content-Type"])
        request.reply(200)

    fake.spoil("POST", take_silently, times=1)
    fake.spoil("POST", lambda request: request.reply(200), times=1)
    done = store_results(opened(), results)
    assert statuses(done) == ["stored", "failed", *["stored"] * 4]
    assert done[1].reason == "the archive did not say that it took it, and does not find it"


def test_results_of_a_study_that_the_archive_does_not_hold(fake: FakeArchive, opened: Opened, results: Path) -> None:
    fake.objects.clear()
    done = store_results(opened(), results)
    assert statuses(done) == ["refused"] * 6
    assert {one.reason for one in done} == {"the archive does not hold the study of this result"}
    assert sent(fake) == 0
    assert statuses(store_results(opened(), results, new_studies=True)) == ["stored"] * 6


def test_study_of_another_patient(fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path) -> None:
    result(tmp_path / "results" / "a_tb.sr.dcm", three[0], PatientID="somebody else")
    (one,) = store_results(opened(), tmp_path / "results")
    assert (one.status, one.reason) == ("refused", "the archive holds this study under another Patient ID")
    assert sent(fake) == 0


def test_files_that_are_no_results(fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "results"
    result(folder / "good_tb.sr.dcm", three[0])
    (folder / "bad_tb.sr.dcm").write_bytes(b"nothing of the kind")
    radiograph(folder / "other_tb.seg.dcm", 8)
    done = {one.file: (one.status, one.reason) for one in store_results(opened(), folder)}
    assert done == {
        "bad_tb.sr.dcm": ("refused", "not a DICOM file, or a damaged one"),
        "good_tb.sr.dcm": ("stored", ""),
        "other_tb.seg.dcm": ("refused", "not of the class that .seg.dcm stands for"),
    }


def test_folder_without_results(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        store_results(opened(), tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no DICOM results"):
        store_results(opened(), tmp_path)


def test_find_lists_what_was_stored(fake: FakeArchive, opened: Opened, results: Path, three: list[Path]) -> None:
    archive = opened()
    assert list(find_results(archive, Selection())) == []
    store_results(archive, results)
    assert len(list(find_results(archive, Selection()))) == 6
    study = str(pydicom.dcmread(three[1]).StudyInstanceUID)
    rows = list(find_results(archive, Selection(studies=(study,))))
    assert [row["modality"] for row in rows] == ["SEG", "SR"]
    for row in rows:
        assert (row["study_uid"], row["patient_id"], row["study_date"]) == (study, "p1", "20240131")
        assert (row["description"], row["number"]) == ("TB (some 1.0)", "9110")
    assert [row["modality"] for row in find_results(archive, Selection(patient="p2"), modalities=["SR"])] == ["SR"]
