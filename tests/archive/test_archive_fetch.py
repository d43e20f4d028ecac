"""Fetching: what comes, what does not, and going on after anything."""

from __future__ import annotations

import csv
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from archive_files import names, radiograph, result
from fake_archive import FakeArchive, Request

from common.archive import fetch as fetch_module
from common.archive.connection import Archive
from common.archive.errors import ArchiveError
from common.archive.fetch import Fetched, fetch_radiographs
from common.archive.query import Selection
from common.errors import UsageError
from common.io import RadiographReader, find_radiographs

Opened = Callable[..., Archive]
ALL = Selection()


def fetch(archive: Archive, folder: Path, selection: Selection = ALL, **options: object) -> list[Fetched]:
    return fetch_radiographs(archive, folder, selection, progress=False, **options)  # type: ignore[arg-type]


def count(done: list[Fetched]) -> dict[str, int]:
    return {status: sum(one.status == status for one in done) for status in {one.status for one in done}}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "fetched.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_comes_is_what_the_archive_holds(opened: Opened, three: list[Path], tmp_path: Path) -> None:
    done = fetch(opened(), tmp_path / "out")
    assert count(done) == {"fetched": 3}
    found = find_radiographs(tmp_path / "out")
    assert len(found) == 3
    for path in found:
        dataset = pydicom.dcmread(path)
        (source,) = [p for p in three if pydicom.dcmread(p).SOPInstanceUID == dataset.SOPInstanceUID]
        assert dataset == pydicom.dcmread(source)
        assert path == tmp_path / "out" / dataset.StudyInstanceUID / f"{dataset.SOPInstanceUID}.dcm"
        expected, got = RadiographReader().read(source), RadiographReader().read(path)
        np.testing.assert_array_equal(RadiographReader().get_data(got)[0], RadiographReader().get_data(expected)[0])
    assert [row["file"] for row in table(tmp_path / "out")] == [
        path.relative_to(tmp_path / "out").as_posix() for path in sorted(found, key=_series_of)
    ]


def _series_of(path: Path) -> str:
    return str(pydicom.dcmread(path).SeriesInstanceUID)


def test_second_run_fetches_nothing_again(fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path) -> None:
    fetch(opened(), tmp_path / "out")
    before = (tmp_path / "out" / "fetched.csv").read_text()
    fake.requests.clear()
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 3}
    # One object's address ends in the object's identifier.
    assert not [line for line in fake.requests if line.split("?")[0].count("/") > 6]
    assert (tmp_path / "out" / "fetched.csv").read_text() == before.replace(",fetched,", ",present,")


def test_selection(fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path) -> None:
    first = pydicom.dcmread(three[0])
    others = [
        radiograph(tmp_path / "source" / "late.dcm", 5, StudyDate="20250101", AccessionNumber="A7"),
        radiograph(tmp_path / "source" / "cr.dcm", 6, Modality="CR"),
        radiograph(tmp_path / "source" / "ct.dcm", 7, Modality="CT"),
    ]
    fake.add(*others)
    cases = (
        (Selection(), 5),
        (Selection(patient="p1"), 1),
        (Selection(studies=(str(first.StudyInstanceUID),)), 1),
        (Selection(date="20240101-20241231"), 4),
        (Selection(date="20250101"), 1),
        (Selection(accession="A7"), 1),
        (Selection(accession="A7", patient="p1"), 0),
    )
    for number, (selection, expected) in enumerate(cases):
        assert len(fetch(opened(), tmp_path / f"out{number}", selection)) == expected, selection
    assert len(fetch(opened(), tmp_path / "cr", modalities=["CR"])) == 1


def test_selection_that_makes_no_sense() -> None:
    for arguments in ({"studies": ("../1",)}, {"date": "2024"}, {"date": "2024-01-01"}):
        with pytest.raises(ValueError, match="is not a"):
            Selection(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("page", [1, 2, 100])
def test_archive_that_answers_in_parts(fake: FakeArchive, opened: Opened, tmp_path: Path, page: int) -> None:
    series = pydicom.uid.generate_uid()
    study = pydicom.uid.generate_uid()
    for number in range(5):
        tags = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        fake.add(radiograph(tmp_path / "source" / f"{number}.dcm", number, **tags))
    fake.page = page
    assert count(fetch(opened(), tmp_path / "out")) == {"fetched": 5}


def test_archive_that_does_not_know_offsets(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    real = fake.search
    fake.search = lambda level, query: real(level, {k: v for k, v in query.items() if k != "offset"})  # type: ignore[method-assign]
    assert count(fetch(opened(), tmp_path / "out")) == {"fetched": 3}


def test_only_frontal_radiographs_stay_and_the_others_are_not_fetched_again(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    side = radiograph(tmp_path / "source" / "side.dcm", 5, ViewPosition="LL")
    hand = radiograph(tmp_path / "source" / "hand.dcm", 6, BodyPartExamined="HAND")
    fake.add(side, hand, result(tmp_path / "source" / "a.seg.dcm", three[0]))
    done = fetch(opened(), tmp_path / "out")
    assert count(done) == {"fetched": 3, "refused": 2}
    reasons = sorted(row["reason"] for row in table(tmp_path / "out") if row["status"] == "refused")
    assert reasons == ["a lateral view (View Position LL)", "a radiograph of another body part (hand)"]
    fake.requests.clear()
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 3, "refused": 2}
    assert not [line for line in fake.requests if str(pydicom.dcmread(side).SOPInstanceUID) in line]


def test_damaged_object_is_tried_again_by_the_next_run(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    uid = str(pydicom.dcmread(three[1]).SOPInstanceUID)
    whole = fake.objects[uid]
    fake.spoil(f"instances/{uid}", lambda request: request.reply_dicom(whole[:-300]))
    done = fetch(opened(), tmp_path / "out")
    assert count(done) == {"fetched": 2, "failed": 1}
    assert len(names(tmp_path / "out")) == 3
    fake.faults.clear()
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 2, "fetched": 1}
    assert {row["status"] for row in table(tmp_path / "out")} == {"present", "fetched"}


def test_another_object_than_the_one_asked_for(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    uid, other = (str(pydicom.dcmread(path).SOPInstanceUID) for path in three[:2])
    fake.spoil(f"instances/{uid}", lambda request: request.reply_dicom(fake.objects[other]))
    done = fetch(opened(), tmp_path / "out")
    assert [one.reason for one in done if one.status == "failed"] == [
        "the archive sent another object than the one asked for"
    ]


def test_study_deleted_between_listing_and_retrieval(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    first, second = sorted(three, key=lambda path: str(pydicom.dcmread(path).StudyInstanceUID))[:2]
    for path, part in ((first, "/instances/"), (second, "/instances?")):
        dataset = pydicom.dcmread(path)

        def delete(request: Request, dataset: pydicom.Dataset = dataset, part: str = part) -> bool:
            if str(dataset.SeriesInstanceUID) in request.path and part in request.path:
                fake.objects.pop(str(dataset.SOPInstanceUID), None)
            return False

        fake.faults.append(delete)
    archive = opened()
    done = fetch(archive, tmp_path / "out")
    assert count(done) == {"fetched": 1, "gone": 2}
    assert archive.waits == []  # type: ignore[attr-defined]
    assert {one.reason for one in done if one.status == "gone"} == {
        "no longer in the archive",
        "the archive lists nothing in this series any more",
    }


def test_archive_that_goes_down_keeps_what_came_before(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    last = max(three, key=lambda path: str(pydicom.dcmread(path).StudyInstanceUID))
    uid = str(pydicom.dcmread(last).SOPInstanceUID)
    fake.spoil(f"instances/{uid}", lambda request: request.reply(503))
    archive = opened(attempts=4)
    with pytest.raises(ArchiveError, match=r"answers 503 Service Unavailable$"):
        fetch(archive, tmp_path / "out")
    assert archive.waits == [1, 2, 4]  # type: ignore[attr-defined]
    assert [row["status"] for row in table(tmp_path / "out")] == ["fetched", "fetched"]
    fake.faults.clear()
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 2, "fetched": 1}


def test_archive_that_comes_back(fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path) -> None:
    fake.spoil("GET", lambda request: request.reply(502), times=2)
    archive = opened()
    assert count(fetch(archive, tmp_path / "out")) == {"fetched": 3}
    assert archive.told == [  # type: ignore[attr-defined]
        f"{fake.url}: the archive answers 502 Bad Gateway; attempt {attempt} of 3 in {wait} s"
        for attempt, wait in ((2, 1), (3, 2))
    ]


def test_connection_that_breaks_in_the_middle(
    fake: FakeArchive, opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    uid = str(pydicom.dcmread(three[0]).SOPInstanceUID)
    fake.spoil(f"instances/{uid}", lambda request: request.reply_dicom(fake.objects[uid], length=500), times=1)
    archive = opened()
    assert count(fetch(archive, tmp_path / "out")) == {"fetched": 3}
    assert len(archive.told) == 1  # type: ignore[attr-defined]
    assert "broke" in archive.told[0]  # type: ignore[attr-defined]


def test_full_disk(opened: Opened, three: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Path] = []
    real = fetch_module.atomic_write

    def full_after_one(path: Path) -> object:
        if done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        done.append(path)
        return real(path)

    monkeypatch.setattr(fetch_module, "atomic_write", full_after_one)
    with pytest.raises(UsageError) as caught:
        fetch(opened(), tmp_path / "out")
    kept = "what has been fetched stays, and the same command goes on"
    assert str(caught.value) == f"{tmp_path / 'out'}: No space left on device; {kept}"
    assert len(find_radiographs(tmp_path / "out")) == 1
    monkeypatch.undo()
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 1, "fetched": 2}


def test_folder_that_is_a_file(opened: Opened, three: list[Path]) -> None:
    with pytest.raises(UsageError, match="File exists; a folder to write to is needed"):
        fetch(opened(), three[0])


def test_leftovers_of_a_killed_run_go_but_not_those_of_a_running_one(
    opened: Opened, three: list[Path], tmp_path: Path
) -> None:
    fetch(opened(), tmp_path / "out")
    study = next((tmp_path / "out").glob("[0-9]*"))
    for name, age in ((".0123456789abcdef.part", 7200), (".fedcba9876543210.part", 0)):
        (study / name).write_bytes(b"half")
        os.utime(study / name, (time.time() - age, time.time() - age))
    fetch(opened(), tmp_path / "out")
    assert [path.name for path in study.glob(".*")] == [".fedcba9876543210.part"]


def test_empty_file_after_a_power_failure_is_fetched_again(opened: Opened, three: list[Path], tmp_path: Path) -> None:
    fetch(opened(), tmp_path / "out")
    path = find_radiographs(tmp_path / "out")[0]
    path.write_bytes(b"")
    assert count(fetch(opened(), tmp_path / "out")) == {"present": 2, "fetched": 1}
    assert path.stat().st_size > 0


def test_table_keeps_rows_of_other_queries(opened: Opened, three: list[Path], tmp_path: Path) -> None:
    fetch(opened(), tmp_path / "out", Selection(patient="p0"))
    fetch(opened(), tmp_path / "out", Selection(patient="p1"))
    assert len(table(tmp_path / "out")) == 2


@pytest.mark.parametrize("content", [b"image,patient_id\n", b"\xff\xfe\0"])
def test_something_else_called_like_the_table(
    opened: Opened, three: list[Path], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "fetched.csv").write_bytes(content)
    with pytest.raises(UsageError, match="not a table of an earlier fetch"):
        fetch(opened(), tmp_path / "out")
    assert (tmp_path / "out" / "fetched.csv").read_bytes() == content


@pytest.mark.parametrize("uid", ["../../outside", "", "1.2/3"])
def test_identifiers_that_would_lead_out_of_the_folder(
    fake: FakeArchive, opened: Opened, tmp_path: Path, uid: str
) -> None:
    item = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "0020000E": {"vr": "UI", "Value": ["1.2.4"]}}
    fake.spoil("/series?", lambda request: request.reply_json([item]), times=1)
    hostile = [{**item, "00080018": {"vr": "UI", "Value": [uid]}}]
    fake.spoil("/instances?", lambda request: request.reply_json(hostile))
    with pytest.raises(ArchiveError, match="without a valid SOPInstanceUID"):
        fetch(opened(), tmp_path / "out")
    assert names(tmp_path) == ["out/fetched.csv"]
