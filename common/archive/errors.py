"""What can go wrong between this program and an archive, in one line each."""

from __future__ import annotations

import re
from http import HTTPStatus

import requests
from pydicom.errors import InvalidDicomError

from ..errors import UsageError

# Answers of a proxy or an archive that may be gone in a moment.
_BUSY = (408, 429, 502, 503, 504)
#: What most answers that make no sense come from.
ROOT = "is this the address of its DICOMweb service (Orthanc: …/dicom-web)?"


class ArchiveError(UsageError):
    """The archive cannot be worked with.

    The message names its address, never what was asked for, which may be a patient's identifier.

    Attributes:
        passing: whether the same request may succeed when it is sent again.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class RequestRefusedError(ArchiveError):
    """The archive works, but not for this one request: the others may go on.

    Attributes:
        reason: the message without the address.
    """

    def __init__(self, url: str, reason: str, *, passing: bool = False) -> None:
        super().__init__(f"{url}: {reason}", passing=passing)
        self.reason = reason


class GoneError(RequestRefusedError):
    """What was asked for is not, or no longer, in the archive."""


def explain(error: Exception, url: str) -> ArchiveError:
    """Tell what an error of a request means.

    Args:
        error: whatever ``requests``, dicomweb-client or pydicom raised.
        url: address of the archive.

    Returns:
        The error to raise in its place.
    """
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _status(error.response.status_code, url)
    if isinstance(error, requests.exceptions.SSLError):
        return ArchiveError(f"{url}: {_certificate(str(error))}")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return ArchiveError(f"{url}: no connection within the time limit", passing=True)
    if isinstance(error, requests.exceptions.Timeout) or "Read timed out" in str(error):
        return ArchiveError(f"{url}: the archive did not answer within the time limit", passing=True)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return ArchiveError(f"{url}: the answer is not DICOM JSON; {ROOT}")
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return _connection(str(error), url)
    if isinstance(error, requests.exceptions.TooManyRedirects | requests.exceptions.InvalidURL):
        return ArchiveError(f"{url}: not an address that leads to an archive")
    if isinstance(error, InvalidDicomError | ValueError | EOFError | LookupError | NotImplementedError):
        # Their texts may quote the answer.
        return RequestRefusedError(url, "the answer is not DICOM, or cut short", passing=True)
    return ArchiveError(f"{url}: {type(error).__name__}")


def _status(status: int, url: str) -> ArchiveError:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown status"
    answer = f"the archive answers {status} {phrase}"
    if status == 401:
        return ArchiveError(f"{url}: {answer}: user, password or token is missing or wrong")
    if status == 403:
        return RequestRefusedError(url, f"{answer}: no permission for this request")
    if status in _BUSY:
        return ArchiveError(f"{url}: {answer}", passing=True)
    if status in (404, 410):
        return GoneError(url, answer)
    return RequestRefusedError(url, answer, passing=status >= 500)


def _certificate(text: str) -> str:
    refused = re.search(r"certificate verify failed: ([^(]+?) *\(", text)
    if refused and ("self-signed" in refused[1] or "local issuer" in refused[1]):
        return f"its certificate is not trusted ({refused[1]}); name the file of its authority with --ca"
    if refused:
        return f"its certificate is refused ({refused[1].rstrip('.')})"
    if "wrong version number" in text.lower() or "record layer failure" in text.lower():
        return "it does not speak TLS at this port; is it http://?"
    if "alert" in text or "EOF" in text:
        return "it ends the TLS connection; does it want a client certificate (--certificate)?"
    return "no TLS connection could be made"


def _connection(text: str, url: str) -> ArchiveError:
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return ArchiveError(f"{url}: no machine of this name is known")
    for sign, meaning in (
        ("Connection refused", "no connection: nothing listens at this address, or the archive is down"),
        ("IncompleteRead", "the connection broke in the middle of an answer"),
    ):
        if sign in text:
            return ArchiveError(f"{url}: {meaning}", passing=True)
    return ArchiveError(f"{url}: the connection broke or could not be made", passing=True)
