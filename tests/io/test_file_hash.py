"""Digests of files."""

from __future__ import annotations

from pathlib import Path

from common.io import file_sha256


def test_published_digests(tmp_path: Path) -> None:
    """Those of FIPS 180-2, appendix B, and of no bytes at all."""
    for content, digest in (
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ):
        (tmp_path / "file").write_bytes(content)
        assert file_sha256(tmp_path / "file") == digest


def test_no_file_has_no_digest(tmp_path: Path) -> None:
    assert file_sha256(tmp_path / "absent") == ""
    assert file_sha256(tmp_path) == ""
