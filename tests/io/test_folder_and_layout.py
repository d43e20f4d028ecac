"""Which files of a folder are inputs, and what their outputs are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from radiograph_files import dicom_dataset, phantom, save_dicom

from common.io import RadiographLayout, find_radiographs
from common.io.formats import SUFFIXES
from common.io.layout import output_name


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path, **options: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_radiographs(folder, **options)]


def test_what_counts_as_a_radiograph(tmp_path: Path) -> None:
    inputs = ["a.png", "B.JPG", "c.jpeg", "d.tif", "e.TIFF", "f.nii", "g.nii.gz", "h.dcm", "i.dicom", "sub/ö 1.png"]
    touch(tmp_path, *inputs, "index.csv", "notes.txt", "run.json", "x.gz", "plain", ".hidden.png", ".git/a.png")
    touch(tmp_path, "DICOMDIR", "sub/.part")
    save_dicom(tmp_path / "IM0001", dicom_dataset(phantom()))
    save_dicom(tmp_path / "sub" / "1.2.840.1", dicom_dataset(phantom()))
    save_dicom(tmp_path / "sub" / "DICOMDIR", dicom_dataset(phantom()))
    assert found(tmp_path) == sorted([*inputs, "IM0001", "sub/1.2.840.1"])


def test_results_among_the_inputs_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "results/a_lungs.png", "results/deeper/b.png", "other/results/c.png")
    assert found(tmp_path, exclude=tmp_path / "results") == ["a.png", "other/results/c.png"]
    assert found(tmp_path, exclude=tmp_path.parent / "elsewhere") == found(tmp_path)
    with pytest.raises(ValueError, match="must not lie among the radiographs"):
        find_radiographs(tmp_path, exclude=tmp_path)


def test_nothing_to_find(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(FileNotFoundError, match="no radiographs found") as caught:
        find_radiographs(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_radiographs(tmp_path / "missing")
    with pytest.raises(NotADirectoryError, match=r"notes.txt: a file; a folder"):
        find_radiographs(tmp_path / "notes.txt")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: an administrator may read everything."""
    plain = os.scandir

    def deny(path: str | os.PathLike[str]) -> object:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    touch(tmp_path, "a.png", "secret/b.png")
    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(PermissionError, match=r"secret: no permission to read this folder"):
        find_radiographs(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a"),
        ("a b ö.png", "a b ö"),
        ("1.2.840.1.png", "1.2.840.1"),
        ("a.dcm", "a.dcm"),
        ("a.JPG", "a.JPG"),
        ("a.nii.gz", "a.nii.gz"),
        ("IM0001", "IM0001.dicom"),
        ("1.2.840.1", "1.2.840.1.dicom"),
        ("a.PNG", "a.PNG"),
        ("a.dcm.png", "a.dcm.png"),
        ("a.dicom", "a.dicom.dicom"),
    ],
)
def test_output_name(name: str, expected: str) -> None:
    assert output_name(name) == expected


def test_no_two_inputs_share_an_output() -> None:
    endings = ["", *SUFFIXES, ".PNG", ".DICOM", ".Nii.Gz", ".1", "_lungs"]
    names = {f"a{first}{second}{third}" for first in endings for second in endings for third in endings}
    assert len(names) > 1500
    assert len({output_name(name) for name in names}) == len(names)


def test_output_names(tmp_path: Path) -> None:
    inputs = ["a.png", "a.dcm", "sub/a.nii.gz", "sub dir/Bild für Ärzte 1.png", "sub/.x/../c.jpg"]
    data, output = tmp_path / "data", tmp_path / "out"
    layout = RadiographLayout(output, data, postfix="lungs", extension="png")
    names = [Path(layout.filename(subject=str(data / name))).relative_to(output).as_posix() for name in inputs]
    assert names == [
        "a_lungs.png",
        "a.dcm_lungs.png",
        "sub/a.nii.gz_lungs.png",
        "sub dir/Bild für Ärzte 1_lungs.png",
        "sub/c.jpg_lungs.png",
    ]
    assert (output / "sub dir").is_dir()
    other = layout.path(data / "sub" / "a.nii.gz", postfix="overlay", extension=".jpg")
    assert other == output / "sub" / "a.nii.gz_overlay.jpg"
    assert layout.relative(data / "sub" / "a.png") == Path("sub/a")


def test_files_that_come_later_change_no_name(tmp_path: Path) -> None:
    layout = RadiographLayout(tmp_path / "out", tmp_path / "data", postfix="lungs")
    inputs = [tmp_path / "data" / name for name in ("a.png", "a.dcm", "a")]
    before = [layout.path(path) for path in inputs]
    for path in inputs:
        touch(tmp_path / "data", path.name)
        fresh = RadiographLayout(tmp_path / "out", tmp_path / "data", postfix="lungs")
        assert [fresh.path(path) for path in inputs] == before


def test_making_names_makes_no_folders(tmp_path: Path) -> None:
    touch(tmp_path / "data", "sub/a.png")
    layout = RadiographLayout(tmp_path / "out", tmp_path / "data", postfix="lungs")
    layout.path(tmp_path / "data" / "sub" / "a.png")
    assert not (tmp_path / "out").exists()


def test_relative_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "data", "a.png")
    monkeypatch.chdir(tmp_path)
    layout = RadiographLayout("out", "data", postfix="lungs")
    assert layout.path("data/a.png") == layout.path(tmp_path / "data" / "a.png") == Path("out/a_lungs.png")


def test_inputs_from_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.png", "data/a.png")
    layout = RadiographLayout(tmp_path / "out", tmp_path / "data")
    with pytest.raises(ValueError, match="not below the data folder"):
        layout.filename(subject=tmp_path / "elsewhere" / "a.png")
    with pytest.raises(ValueError, match="not after its patch 3"):
        layout.filename(subject=tmp_path / "data" / "a.png", idx=3)
