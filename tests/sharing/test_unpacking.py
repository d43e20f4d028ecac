"""Archives that are made to do harm are refused before anything is written."""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from common.sharing import SharingError
from common.sharing.archive import Limits, unpack, write_archive

GOOD = {"cxr/configs/a.yaml": b"a: 1\n", "cxr/LICENSE": b"free\n"}


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Function that unpacks ``tmp_path/x.zip`` and gives the reason of its refusal; nothing was written."""

    def refuse(limits: Limits | None = None) -> str:
        target = tmp_path / "target"
        target.mkdir()
        with pytest.raises(SharingError) as caught:
            unpack(tmp_path / "x.zip", target, limits)
        assert list(target.iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["target", "x.zip"]
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """An entry with a name and a mode of Unix."""
    found = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
    # The constructor would mend the name.
    found.filename = found.orig_filename = name
    found.create_system, found.external_attr = 3, mode << 16
    return found


def write(path: Path, *entries: tuple[zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in GOOD.items():
            archive.writestr(entry(name), content)
        for item, content in entries:
            archive.writestr(item, content, compress_type=method)


def test_a_good_archive_is_unpacked_as_it_was(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.zip", GOOD)
    folder = unpack(tmp_path / "x.zip", tmp_path)
    assert folder == tmp_path / "cxr"
    found = {path.relative_to(tmp_path).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == GOOD
    assert {path.stat().st_mode & 0o7777 for path in found.values()} == {0o644}


def test_what_other_tools_write_is_accepted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("cxr")
        archive.mkdir("cxr/configs")
        for name, content in GOOD.items():
            archive.writestr(name, content)
    assert (unpack(tmp_path / "x.zip", tmp_path) / "LICENSE").read_bytes() == b"free\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "a path that leaves its folder"),
        ("cxr/../../evil", "a path that leaves its folder"),
        ("cxr/./a", "a path that leaves its folder"),
        ("cxr//a", "a path that leaves its folder"),
        ("/etc/evil", "an absolute path"),
        ("C:/evil", "an absolute path"),
        ("C:evil", "an absolute path"),
        ("cxr\\..\\evil", "unsuitable characters"),
        ("cxr/a\nb", "unsuitable characters"),
        ("cxr/a\x1b[2Jb", "unsuitable characters"),
        ("cxr/a\u202egnp.exe", "unsuitable characters"),
        ("cxr/aux.txt", "some systems cannot have"),
        ("cxr/a. ", "some systems cannot have"),
        ("cxr/a:b", "some systems cannot have"),
        ("other/a", "one folder with a bundle is needed"),
        ("loose", "one folder with a bundle is needed"),
        ("cxr/LICENSE", "the same name"),
        ("cxr/licensE", "the same name"),
        ("CXR/a", "folder named like"),
        ("cxr/Configs/b", "folder named like"),
        ("cxr/LICENSE/a", "which is a file"),
    ],
)
def test_names_that_leave_or_clash_are_refused(
    tmp_path: Path, refused: Callable[..., str], name: str, reason: str
) -> None:
    write(tmp_path / "x.zip", (entry(name), b"evil"))
    assert reason in refused()


def test_two_forms_of_one_letter_are_one_name(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/\u00e9"), b"composed"), (entry("cxr/e\u0301"), b"decomposed"))
    assert "the same name" in refused()


def test_a_name_that_ends_at_a_zero_byte_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/aaaa"), b""))
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(content.replace(b"cxr/aaaa", b"cxr/a\0aa"))
    assert "unsuitable characters" in refused()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_devices_are_refused(tmp_path: Path, refused: Callable[..., str], kind: int) -> None:
    write(tmp_path / "x.zip", (entry("cxr/link", kind | 0o777), b"/etc/passwd"))
    assert "no plain file" in refused()


def test_an_encrypted_entry_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    assert "encrypted" in refused()


def test_an_entry_compressed_by_another_method_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/a"), b"a" * 100), method=zipfile.ZIP_BZIP2)
    assert "not accepted" in refused()


def test_an_entry_that_swells_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/zeros"), bytes(10**6)), method=zipfile.ZIP_DEFLATED)
    assert "100 times as many are accepted" in refused()


def test_too_much_altogether_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/a"), os.urandom(600)), (entry("cxr/b"), os.urandom(600)))
    assert "unpacks to 1210 bytes; 1000 are accepted" in refused(Limits(total=1000))


def test_too_many_entries_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", *((entry(f"cxr/{number}"), b"") for number in range(9)))
    assert "11 entries; 10 are accepted" in refused(Limits(files=10))


def test_a_size_that_is_a_lie_is_refused(tmp_path: Path) -> None:
    # The directory says 10 bytes, what is stored is more: nothing beyond them is written.
    write(tmp_path / "x.zip", (entry("cxr/lie"), b"x" * 1000), method=zipfile.ZIP_DEFLATED)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<L", 10)
    (tmp_path / "x.zip").write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(SharingError, match="damaged"):
        unpack(tmp_path / "x.zip", tmp_path / "target")


def test_entries_that_share_bytes_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    write(tmp_path / "x.zip", (entry("cxr/a"), os.urandom(500)), (entry("cxr/b"), os.urandom(500)))
    content = bytearray((tmp_path / "x.zip").read_bytes())
    last = content.rindex(b"PK\x01\x02")
    before = content.rindex(b"PK\x01\x02", 0, last)
    content[last + 42 : last + 46] = content[before + 42 : before + 46]
    (tmp_path / "x.zip").write_bytes(content)
    assert "overlaps another file" in refused()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(50), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(tmp_path: Path, refused: Callable[..., str], content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert "no zip archive" in refused() or content.startswith(b"PK\x05\x06")


def test_a_truncated_or_altered_archive_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.zip", GOOD)
    whole = (tmp_path / "x.zip").read_bytes()
    for number, spoilt in enumerate((whole[:-10], whole[:40], whole.replace(b"a: 1", b"a: 2"))):
        (tmp_path / "x.zip").write_bytes(spoilt)
        target = tmp_path / f"target{number}"
        target.mkdir()
        with pytest.raises(SharingError, match="no zip archive, or a damaged one"):
            unpack(tmp_path / "x.zip", target)


def test_a_disk_that_fills_up_leaves_the_old_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "x.zip", GOOD)
    before = (tmp_path / "x.zip").read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(SharingError, match=r"x\.zip: cannot be written \(No space left on device\)"):
        write_archive(tmp_path / "x.zip", {"cxr/b": b""})
    assert (tmp_path / "x.zip").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
