"""Which algorithm made a result, as DICOM objects have to say."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError

_RUN = "run.json"


@dataclass(frozen=True)
class RunAlgorithm:
    """The algorithm of a run.

    Attributes:
        name: of the bundle.
        version: of the bundle; may be empty.
        weights_sha256: 64 hexadecimal digits; empty where there are no weights.
        settings: that shape the result, by name.
    """

    name: str
    version: str = ""
    weights_sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The same text for the same algorithm only; from it the identifiers of results are made."""
        return json.dumps([self.name, self.version, self.weights_sha256, self.settings], sort_keys=True, default=str)

    def parameters(self) -> dict[str, str]:
        """Weights and settings as text."""
        texts = {name: json.dumps(value, default=str) for name, value in self.settings.items()}
        return {"weights_sha256": self.weights_sha256, **texts}


def running_algorithm(output: str | os.PathLike[str]) -> RunAlgorithm:
    """The algorithm of the run that is writing a file, by the account it keeps in its output folder.

    Every run begins its ``run.json`` before its first image and closes it after its last. An account that is closed
    belongs to an earlier run, whose output folder may well lie within that of the present one.

    Args:
        output: the file.

    Raises:
        UsageError: no run that is under way has its output folder above the file.
    """
    for folder in Path(os.path.abspath(output)).parents:
        try:
            account = json.loads((folder / _RUN).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            break
        if isinstance(account, dict) and account.get("complete") is False and account.get("bundle"):
            return RunAlgorithm(
                name=str(account["bundle"]),
                version=str(account.get("version", "")),
                weights_sha256=str(account.get("weights_sha256", "")),
                settings=account.get("settings", {}),
            )
    raise UsageError(f"{output}: DICOM files are written by a run of a bundle only; no {_RUN} of such a run above it")
