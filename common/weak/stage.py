"""One stage of the way from image labels to masks: its folder, and what it was made from."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..data.radiograph_folder import Rejected
from ..errors import UsageError
from ..handlers.environment import environment
from ..handlers.portable import portable
from ..io import file_sha256, write_csv, write_json

STAGE_FILE, TABLE = "stage.json", "images.csv"
OK, EMPTY, REFUSED, FAILED = "ok", "empty", "refused", "failed"


class StageError(UsageError):
    """A stage that is missing, or was made from something else than what is there now."""


class Outcome(NamedTuple):
    """What became of one image: its path below the data folder, :data:`OK`, :data:`EMPTY` or why it has no result."""

    image: str
    status: str
    reason: str = ""


class Stage:
    """A stage with a folder of its own below ``output_dir``.

    ``stage.json`` is written when it begins and when it is complete. It names what the stage is made from: settings,
    SHA-256 of weights, images, and the stage before, whose own ``digest`` covers all that went into it. ``images.csv``
    says what became of every image. What a killed run has finished is kept.

    Args:
        name: of the stage and its folder.
        output_dir: folder of all stages.
        settings: the values of the configuration that shape the result.
        weights: files that shape it, by what they are for.
        previous: the stage whose results this one takes.
    """

    def __init__(
        self,
        name: str,
        output_dir: str | Path,
        settings: Mapping[str, Any],
        weights: Mapping[str, str | Path] | None = None,
        previous: Stage | None = None,
    ) -> None:
        self.name = name
        self.folder = Path(output_dir) / name
        self.file = self.folder / STAGE_FILE
        self.settings = portable(settings)
        self.weights = {purpose: Path(path) for purpose, path in (weights or {}).items()}
        self.previous = previous
        self._began = 0.0

    def run(self) -> None:
        """Make what is missing of the stage; implementations call :meth:`begin` and :meth:`finish`."""
        raise NotImplementedError

    def images_digest(self) -> str:
        """What tells the images from others; of the stage before, where there is one."""
        return ""

    def outputs(self, outcomes: Sequence[Outcome]) -> dict[str, str]:
        """What tells this result from others."""
        return {"images": digest(sorted([outcome.image, outcome.status] for outcome in outcomes))}

    def inputs(self) -> dict[str, Any]:
        """What the stage is made from, as ``stage.json`` records it.

        Raises:
            StageError: weights that are not there.
        """
        for purpose, path in self.weights.items():
            if not path.is_file():
                raise StageError(f"{path}: no weights of the {purpose} there, which the stage {self.name} needs")
        return {
            "settings": self.settings,
            "weights": {purpose: file_sha256(path) for purpose, path in self.weights.items()},
            "images": self.images_digest(),
            "previous": str(self.previous.record()["digest"]) if self.previous else "",
        }

    def record(self) -> dict[str, Any]:
        """The content of ``stage.json``.

        Raises:
            StageError: it is not there, or damaged.
        """
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StageError(f"{self.file}: not found; the stage {self.name} has not been made") from None
        except (OSError, ValueError) as error:
            raise StageError(f"{self.file}: damaged ({str(error).splitlines()[0]}); {self._remedy()}") from error
        if not isinstance(content, dict) or not isinstance(content.get("inputs"), dict) or "digest" not in content:
            raise StageError(f"{self.file}: not the record of a stage; {self._remedy()}")
        return content

    @property
    def begun(self) -> bool:
        """Whether there is a record, and something made under it: what ended before that binds nobody."""
        return self.file.is_file() and self._has_results()

    def _has_results(self) -> bool:
        return any(path.is_file() and path != self.file for path in self.folder.rglob("*"))

    @property
    def complete(self) -> bool:
        """Whether there is the record of a complete stage."""
        return self.begun and bool(self.record()["digest"])

    def refuse_stale(self) -> None:
        """Raise a :class:`StageError` when what lies there was made from something else than what is there now."""
        there, now = self.record()["inputs"], self.inputs()
        settings, wanted = there.get("settings", {}), now["settings"]
        for key in (key for key in {**settings, **wanted} if settings.get(key) != wanted.get(key)):
            self._refuse(f"another {key} ({settings.get(key)}, now {wanted.get(key)})")
        for purpose, sha in now["weights"].items():
            before = there.get("weights", {}).get(purpose, "")
            if before != sha:
                path = self.weights[purpose]
                self._refuse(f"other weights of the {purpose} (SHA-256 {before[:8]}…, now {path} with {sha[:8]}…)")
        if there.get("images") != now["images"]:
            self._refuse("other images or labels")
        if there.get("previous") != now["previous"] and self.previous:
            self._refuse(f"another result of the stage {self.previous.name}")

    def _refuse(self, what: str) -> None:
        raise StageError(f"{self.file}: stage {self.name} was made from {what}; {self._remedy()}")

    def _remedy(self) -> str:
        return f"--restart_stage {self.name} makes it and what follows anew, or choose another output_dir"

    def remove(self) -> None:
        """Delete the folder of the stage, as long as a file in it says that it is one."""
        if self.file.is_file() or (self.folder / TABLE).is_file():
            shutil.rmtree(self.folder)

    def begin(self) -> None:
        """Make the folder and record what the stage is made from.

        Raises:
            StageError: there are files of which no record tells what they were made from.
        """
        self._began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.begun:
            if self._has_results():
                raise StageError(
                    f"{self.folder}: files but no {STAGE_FILE} that tells what they were made from; "
                    "remove the folder, or choose another output_dir"
                )
            write_json(self.file, {"stage": self.name, "digest": "", "inputs": self.inputs()})

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Write the account of all images, and the record of a complete stage."""
        ordered = sorted(outcomes)
        write_csv(self.folder / TABLE, [outcome._asdict() for outcome in ordered], Outcome._fields)
        inputs, outputs = self.inputs(), self.outputs(ordered)
        counts = Counter(outcome.status for outcome in ordered)
        write_json(
            self.file,
            {
                "stage": self.name,
                "digest": digest([self.name, inputs, outputs]),
                "inputs": inputs,
                "outputs": outputs,
                "counts": {status: counts[status] for status in (OK, EMPTY, REFUSED, FAILED)},
                "without_result": [outcome._asdict() for outcome in ordered if outcome.status != OK],
                "seconds": round(time.monotonic() - self._began, 1),
                **environment(),
            },
        )

    def results(self) -> list[str]:
        """Names of the images that a complete stage has a result of, sorted.

        Raises:
            StageError: the account of the images is missing or damaged.
        """
        try:
            table = pd.read_csv(self.folder / TABLE, dtype=str, keep_default_na=False)
            return sorted(table.loc[table["status"] == OK, "image"])
        except (OSError, ValueError, KeyError) as error:
            raise StageError(f"{self.folder / TABLE}: missing or damaged; {self._remedy()}") from error

    def without_result(self) -> list[Outcome]:
        """Images that the stage could not go on with, of a complete stage."""
        return [Outcome(**entry) for entry in self.record()["without_result"]]


def outcome_of(name: str, rejected: Rejected) -> Outcome:
    """The outcome of an image that could not be read or worked on."""
    return Outcome(name, rejected.status, rejected.reason)


def digest(content: Any) -> str:
    """SHA-256 of a value's JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
