"""The connection to an archive: address, credentials, certificates, time limits, repeated attempts."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from dicomweb_client import DICOMwebClient
from requests.auth import AuthBase, HTTPBasicAuth

from ..errors import UsageError
from ..io.quiet import quiet
from .errors import explain

_CONNECT_SECONDS = 10.0
_LONGEST_WAIT = 30.0
#: Results are sent with their length announced, which more servers and proxies take than a stream of chunks.
_CHUNK = 1 << 30

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Access:
    """How to get into an archive.

    Attributes:
        user: name for basic authentication; empty for none.
        password: that goes with it.
        token: bearer token, in place of user and password; empty for none.
        certificate: PEM file of a client certificate, with its key unless ``key`` is given.
        key: PEM file of the client certificate's key.
        ca: PEM file of the authorities that may have signed the archive's certificate; those of the system without.
        verify: whether the archive's certificate is checked.
    """

    user: str = ""
    password: str = ""
    token: str = ""
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    verify: bool = True


class _Bearer(AuthBase):
    """A token that, unlike a plain header, no entry of ``~/.netrc`` replaces."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class _Session(requests.Session):
    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        # dicomweb-client names the host without its port; requests lets REQUESTS_CA_BUNDLE win over what is set here.
        headers = {name: text for name, text in (options.pop("headers", None) or {}).items() if name != "Host"}
        return super().request(method, url, headers=headers, **{"verify": self.verify, **options})


class Archive:
    """An archive that is asked again when it does not answer.

    Args:
        client: the DICOMweb client.
        attempts: how often a request is sent before giving up, at least 1.
        tell: takes a line on each attempt that failed.
        sleep: waits for so many seconds: 1 before the second attempt, then twice as long each time, 30 at most.
    """

    def __init__(
        self,
        client: DICOMwebClient,
        *,
        attempts: int = 5,
        tell: Callable[[str], None] = lambda line: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.url = str(client.base_url)
        self.attempts = attempts
        self.tell = tell
        self.sleep = sleep

    def ask(self, request: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
        """Call a method of the client.

        Raises:
            RequestRefusedError: the archive refuses this request; :class:`.errors.GoneError` where it knows no such
                thing.
            ArchiveError: the archive cannot be worked with, or did not answer at any attempt.
        """
        wait = 1.0
        for attempt in range(1, self.attempts + 1):
            try:
                with quiet("dicomweb_client"), quiet("retrying"), quiet("pydicom"), quiet("urllib3"):
                    return request(*args, **kwargs)
            except MemoryError:
                raise
            except Exception as error:
                problem = explain(error, self.url)
            if not problem.passing or attempt == self.attempts:
                raise problem
            self.tell(f"{problem}; attempt {attempt + 1} of {self.attempts} in {wait:g} s")
            self.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        raise AssertionError("attempts is at least 1")


def open_archive(
    url: str,
    access: Access = Access(),
    *,
    timeout: float = 60.0,
    attempts: int = 5,
    tell: Callable[[str], None] = lambda line: None,
) -> Archive:
    """Prepare to work with an archive; nothing is sent.

    Args:
        url: address of its DICOMweb service, such as ``https://pacs.example.org/dicom-web``.
        access: how to get into it.
        timeout: seconds of silence after which a request counts as unanswered.
        attempts: how often a request is sent before giving up.
        tell: takes a line on each attempt that failed, and on each risk that ``access`` runs.

    Raises:
        UsageError: an address that is none or that holds credentials, or a file of ``access`` that is missing.
    """
    url = checked_url(url)
    _check_files(access)
    if (access.user or access.token) and url.startswith("http:") and not _is_here(url):
        tell(f"{url}: password or token and all radiographs go over the network as plain text; use https")
    if not access.verify:
        tell(f"{url}: its certificate is not checked: whoever answers there may read and change what is sent")
    session = _Session()
    if access.token:
        session.auth = _Bearer(access.token)
    elif access.user:
        session.auth = HTTPBasicAuth(access.user.encode(), access.password.encode())
    if access.certificate is not None:
        files = [str(path) for path in (access.certificate, access.key) if path is not None]
        session.cert = (files[0], files[1]) if len(files) == 2 else files[0]
    session.verify = access.verify if access.ca is None else str(access.ca)
    try:
        client = DICOMwebClient(url, session=session, chunk_size=_CHUNK, timeout=(_CONNECT_SECONDS, timeout))
    except ValueError:
        raise UsageError(f"{url}: not an address") from None
    # It would repeat without a word, and, after a failed attempt, send nothing of a body that it streams.
    client.set_http_retry_params(retry=False)
    return Archive(client, attempts=attempts, tell=tell)


def _check_files(access: Access) -> None:
    """What requests says of files that cannot be used does not name them."""
    for path in (access.certificate, access.key, access.ca):
        if path is not None and not path.is_file():
            raise UsageError(f"{path}: no such file; a PEM file is needed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if access.ca is not None:
        try:
            context.load_verify_locations(access.ca)
        except ssl.SSLError:
            raise UsageError(f"{access.ca}: not a PEM file with certificates") from None
    if access.certificate is not None:
        try:
            context.load_cert_chain(access.certificate, access.key, password="")
        except ssl.SSLError:
            named = access.certificate if access.key is None else f"{access.certificate} and {access.key}"
            raise UsageError(f"{named}: not PEM with a certificate and its key, without a passphrase") from None


def checked_url(url: str) -> str:
    """An address without the slash at its end.

    Raises:
        UsageError: not http or https, or with credentials (which others can see in lists of processes and in logs).
    """
    try:
        parts = urlsplit(url)
        port = parts.port  # raises where it is no number
    except ValueError:
        raise UsageError("the address of the archive is none: expected http(s)://MACHINE:PORT/PATH") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError("user and password do not belong into the address: see --user")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise UsageError(f"{url}: expected http(s)://MACHINE:PORT/PATH")
    return url.rstrip("/")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
