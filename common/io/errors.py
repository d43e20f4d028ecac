"""The one error that every unusable radiograph file ends in."""

from __future__ import annotations

import os

ACCEPTED = "one frontal chest radiograph a file, as DICOM (CR, DX or secondary capture), PNG, JPEG, TIFF or NIfTI"


class RadiographError(ValueError):
    """A file is not a radiograph that this package can work on.

    The message is one line: the file, what was found in it and what is accepted instead. It quotes nothing from a
    file's text fields that could name a patient. The constructor takes the ready message as its only needed argument,
    so that the error survives the trip out of a data loader's worker process; :meth:`refuse` composes it.

    Args:
        message: the whole line.
        reason: what was found, without the file's name; empty when the error was rebuilt from its message alone.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def refuse(cls, path: str | os.PathLike[str], found: str, accepted: str = ACCEPTED) -> RadiographError:
        """Compose the error.

        Args:
            path: the file that is refused.
            found: what was found, in plain words, without the file's name.
            accepted: what would have been accepted.

        Returns:
            The error, to be raised by the caller.
        """
        return cls(f"{os.fspath(path)}: {found}. Accepted: {accepted}.", reason=found)

    @classmethod
    def damaged(cls, path: str | os.PathLike[str], kind: str, detail: str) -> RadiographError:
        """Compose the error for a file whose decoder gave up.

        Args:
            path: the file.
            kind: its format.
            detail: what the decoder said, one line.
        """
        return cls.refuse(path, f"a truncated or damaged {kind} file ({detail})")
