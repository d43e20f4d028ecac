"""Getting into an archive: passwords, tokens, certificates; one line for each that is wrong."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_files import radiograph
from fake_archive import FakeArchive, Request, serving
from tls_files import Authority, server_context

from common.archive.connection import Access, open_archive

Command = Callable[..., tuple[int, str, str]]


def protect(fake: FakeArchive, authorization: str) -> None:
    def ask(request: Request) -> bool:
        if request.headers.get("Authorization") == authorization:
            return False
        request.reply(401)
        return True

    fake.faults.append(ask)


def test_password(
    command: Command, fake: FakeArchive, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(fake, "Basic " + base64.b64encode("reader:naïve".encode()).decode())
    wrong = f"error: {fake.url}: the archive answers 401 Unauthorized: user, password or token is missing or wrong\n"
    assert command("fetch", fake.url, tmp_path / "in") == (1, "", wrong)
    assert len(fake.requests) == 1
    needed = "error: --user needs the environment variable CXR_ARCHIVE_PASSWORD\n"
    assert command("fetch", fake.url, tmp_path / "in", "--user", "reader") == (1, "", needed)
    monkeypatch.setenv("CXR_ARCHIVE_PASSWORD", "nothing")
    assert command("fetch", fake.url, tmp_path / "in", "--user", "reader") == (1, "", wrong)
    monkeypatch.setenv("CXR_ARCHIVE_PASSWORD", "naïve")
    assert command("fetch", fake.url, tmp_path / "in", "--user", "reader")[:2] == (0, "fetched: 1\n")


def test_token_is_not_replaced_by_netrc(
    command: Command, fake: FakeArchive, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(fake, "Bearer abc.def")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert (
        command("find", fake.url, "--token")[2] == "error: --token needs the environment variable CXR_ARCHIVE_TOKEN\n"
    )
    monkeypatch.setenv("CXR_ARCHIVE_TOKEN", "abc.def")
    assert command("fetch", fake.url, tmp_path / "in", "--token")[:2] == (0, "fetched: 1\n")


def test_request_names_machine_and_port(command: Command, fake: FakeArchive) -> None:
    command("find", fake.url)
    assert {headers["Host"] for headers in fake.headers} == {fake.url.split("/")[2]}


def test_certificates(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    archive = FakeArchive()
    archive.add(radiograph(tmp_path / "source" / "p.dcm"))
    with serving(archive, server_context(ours.sign("server"))):
        untrusted = (
            f"error: {archive.url}: its certificate is not trusted (unable to get local issuer certificate); "
            "name the file of its authority with --ca\n"
        )
        assert command("find", archive.url) == (1, "", untrusted)
        assert command("find", archive.url, "--ca", other.ca) == (1, "", untrusted)
        # A setting of the machine for other programs does not win over what is asked for.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca))
        assert command("fetch", archive.url, tmp_path / "in", "--ca", ours.ca)[:2] == (0, "fetched: 1\n")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        status, out, err = command("fetch", archive.url, tmp_path / "in", "--no-verify")
        assert (status, out) == (0, "fetched: 0\npresent: 1\n")
        assert err == (
            f"{archive.url}: its certificate is not checked: whoever answers there may read and change what is sent\n"
        )
        (tmp_path / "nonsense.pem").write_text("nonsense")
        status, out, err = command("find", archive.url, "--ca", tmp_path / "nonsense.pem")
        assert (status, out) == (1, "")
        assert err == f"error: {tmp_path / 'nonsense.pem'}: not a PEM file with certificates\n"
    for name, options, reason in (
        ("elsewhere", {"host": "127.0.0.2"}, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("expired", {"last_year": 2021}, "certificate has expired"),
    ):
        with serving(FakeArchive(), server_context(ours.sign(name, **options))) as spoiled:  # type: ignore[arg-type]
            line = f"error: {spoiled.url}: its certificate is refused ({reason})\n"
            assert command("find", spoiled.url, "--ca", ours.ca) == (1, "", line)


def test_client_certificate(command: Command, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    client = ours.sign("client")
    pem = client.read_text()
    start = pem.index("-----BEGIN PRIVATE")
    (tmp_path / "cert.pem").write_text(pem[:start])
    (tmp_path / "key.pem").write_text(pem[start:])
    with serving(FakeArchive(), server_context(ours.sign("server"), clients=ours.ca)) as archive:
        for words in ((), ("--certificate", other.sign("stranger"))):
            status, out, err = command("find", archive.url, "--ca", ours.ca, "--attempts", "1", *words)
            assert (status, out) == (1, "")
            # The server may hang up before its word on the certificate has been read.
            ends = "it ends the TLS connection; does it want a client certificate (--certificate)?"
            broke = "the connection broke or could not be made"
            assert err in [f"error: {archive.url}: {line}\n" for line in (ends, broke)]
        assert command("find", archive.url, "--ca", ours.ca, "--certificate", client)[0] == 0
        files = ("--certificate", tmp_path / "cert.pem", "--key", tmp_path / "key.pem")
        assert command("find", archive.url, "--ca", ours.ca, *files)[0] == 0
        status, _out, err = command("find", archive.url, "--ca", ours.ca, "--certificate", tmp_path / "none.pem")
        assert (status, err) == (1, f"error: {tmp_path / 'none.pem'}: no such file; a PEM file is needed\n")
        status, _out, err = command("find", archive.url, "--ca", ours.ca, "--certificate", tmp_path / "cert.pem")
        assert (status, err) == (
            1,
            f"error: {tmp_path / 'cert.pem'}: not PEM with a certificate and its key, without a passphrase\n",
        )


def test_tls_where_there_is_none(command: Command, fake: FakeArchive) -> None:
    url = fake.url.replace("http:", "https:")
    assert command("find", url) == (1, "", f"error: {url}: it does not speak TLS at this port; is it http://?\n")


def test_credentials_over_plain_http_are_remarked() -> None:
    told: list[str] = []
    open_archive("http://pacs.example/dicom-web", Access(user="me", password="x"), tell=told.append)
    open_archive("http://127.0.0.1:1/dicom-web", Access(user="me", password="x"), tell=told.append)
    open_archive("https://pacs.example/dicom-web", Access(token="x"), tell=told.append)
    (line,) = told
    assert line.startswith("http://pacs.example/dicom-web: password or token and all radiographs go over the network")
