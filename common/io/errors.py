"""The one error that every unusable radiograph file ends in."""

from __future__ import annotations

import os

ACCEPTED = "a single-frame frontal chest radiograph as DICOM (CR, DX, secondary capture), PNG, JPEG, TIFF or NIfTI"


class RadiographError(ValueError):
    """A file is not a radiograph that this package can work on.

    The message is one line: the file, what was found in it and what is accepted instead. It never quotes the content
    of a file's own text fields that could name a patient. It is built by :meth:`refuse`, and takes a ready message as
    its single argument so that it survives the trip out of a data loader's worker process.

    Attributes:
        reason: what was found, without the file's name; empty when the error was rebuilt from its message alone.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def refuse(cls, path: str | os.PathLike[str], found: str, accepted: str = ACCEPTED) -> RadiographError:
        """Build the error for ``path``.

        Args:
            path: the file that is refused.
            found: what was found, in plain words, without the file's name.
            accepted: what would have been accepted.
        """
        return cls(f"{os.fspath(path)}: {found}. Accepted: {accepted}.", reason=found)
