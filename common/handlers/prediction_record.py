"""What became of every input: ``predictions.csv`` and ``run.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from ignite.engine import Engine, Events

from ..data.radiograph_folder import Rejected
from ..errors import UsageError
from ..io import RadiographLayout, file_sha256, write_csv, write_json
from .environment import environment
from .portable import portable
from .training_sites import training_sites

TABLE = "predictions.csv"
#: Tables that the other processes of a run in several processes write while it goes on.
SHARES = "predictions.share*.csv"
RUN = "run.json"
BASE_COLUMNS = ("image", "status", "reason", "flags")
#: Seconds between two writings of the table.
WRITE_EVERY = 5.0


class ResumeError(UsageError):
    """The output folder holds results that this run cannot go on from: of other weights or settings, or damaged."""


def finished_inputs(
    output_dir: str | Path,
    weights: str | Path,
    *,
    resume: bool,
    dataset_dir: str | Path = ".",
    layouts: Sequence[RadiographLayout] = (),
) -> set[str]:
    """Inputs that an earlier run into ``output_dir`` has done, by their path below the data folder.

    Args:
        output_dir: folder with the ``predictions.csv`` and ``run.json`` of the earlier run.
        weights: weights of the present run.
        resume: False starts over: nothing counts as done.
        dataset_dir: the data folder.
        layouts: names of the files that the present run writes; an input that lacks one of them is not done.

    Raises:
        ResumeError: the earlier results come from other weights, or their files are damaged.
    """
    run = Path(output_dir) / RUN
    if not resume or not (Path(output_dir) / TABLE).is_file():
        return set()
    if run.is_file() and Path(weights).is_file() and _earlier_run(run).get("weights_sha256") != file_sha256(weights):
        raise ResumeError(f"{run}: results of other weights than {weights}; choose another output_dir")
    done = [name for name, row in _earlier_rows(Path(output_dir)).items() if row["status"] == "ok"]
    return {name for name in done if all(layout.path(Path(dataset_dir) / name).is_file() for layout in layouts)}


def _earlier_run(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise ResumeError(f"{path}: not the record of a run; choose another output_dir")
    return content


def _earlier_rows(output_dir: Path) -> dict[str, dict[str, Any]]:
    rows = read_rows(output_dir / TABLE)
    # A run in several processes that was broken off leaves the rows of each of them.
    for path in sorted(output_dir.glob(SHARES)):
        rows |= read_rows(path)
    return rows


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of a table of predictions by image, every value as the text that was written.

    Raises:
        ResumeError: it cannot be read, or is no such table.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    absent = [name for name in BASE_COLUMNS if name not in table.columns]
    if absent:
        raise ResumeError(f"{path}: no column {', '.join(absent)}; choose another output_dir")
    return {row["image"]: row for row in table.to_dict("records")}


def _damaged(path: Path, error: Exception) -> ResumeError:
    return ResumeError(f"{path}: damaged ({str(error).splitlines()[0]}); choose another output_dir")


class PredictionRecord:
    """Handler of a :class:`common.engines.FolderEvaluator` that keeps account of every input.

    The table is written every few seconds, so that an interrupted run can be resumed, and at the end.

    Args:
        output_dir: folder of both files.
        dataset_dir: inputs are named by their path below it.
        columns: function of one post-processed item (with ``image`` and ``pred``) that gives the bundle's columns;
            an entry "flags" is a list of words.
        weights: weights file, for its SHA-256 in ``run.json``; None where there is none, which cannot be resumed.
        resume: keep the rows of an earlier run into the same folder.
        layouts: names of the files that belong to each input, see :func:`finished_inputs`.
        bundle_root: folder of the bundle, whose name and version (of ``configs/metadata.json``) are recorded, and the
            sites that the weights were trained at, see :func:`.training_sites.training_sites`.
        settings: the values of the configuration that shape the result; of an absolute path, the name is recorded.
    """

    def __init__(
        self,
        output_dir: str | Path,
        dataset_dir: str | Path,
        columns: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        weights: str | Path | None,
        resume: bool = False,
        layouts: Sequence[RadiographLayout] = (),
        bundle_root: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.dataset_dir = Path(dataset_dir)
        self.columns = columns
        self.weights = None if weights is None else Path(weights)
        self.resume = resume
        self.layouts = list(layouts)
        self.bundle_root = None if bundle_root is None else Path(bundle_root)
        self.settings = portable(settings or {})
        self.rows: dict[str, dict[str, Any]] = {}
        self._began = 0.0
        self._written = 0.0

    def attach(self, engine: Engine) -> None:
        """Register on the evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        self._begin()
        done = finished_inputs(
            self.output_dir,
            self.weights or "",
            resume=self.resume,
            dataset_dir=self.dataset_dir,
            layouts=self.layouts,
        )
        if done:
            self._refuse_other_settings()
            self.rows = {name: row for name, row in _earlier_rows(self.output_dir).items() if name in done}
        # In this order, so that an earlier run's rows never stand beside the record of this one.
        self._write_table()
        self.remove_shares()
        self._write_run(complete=False)

    def _begin(self) -> None:
        self._began = time.monotonic()
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self.rows = {}

    @property
    def table(self) -> Path:
        """The table that is written while the run goes on."""
        return self.output_dir / TABLE

    def remove_shares(self) -> None:
        """Remove tables of other processes, whose rows this record holds or does not want."""
        for path in self.output_dir.glob(SHARES):
            path.unlink()

    def _refuse_other_settings(self) -> None:
        run, present = self.output_dir / RUN, self.settings
        earlier = _earlier_run(run).get("settings", {}) if run.is_file() else {}
        for name in (name for name in present if name in earlier and earlier[name] != present[name]):
            raise ResumeError(
                f"{run}: results of another {name} ({earlier[name]}, now {present[name]}); choose another output_dir"
            )

    def __call__(self, engine: Engine) -> None:
        fresh: list[dict[str, Any]] = []
        for item in engine.state.output:
            values = dict(self.columns(item))
            flags = values.pop("flags", [])
            name = self._name(item["image"].meta["filename_or_obj"])
            fresh.append({"image": name, "status": "ok", "reason": "", "flags": " ".join(flags), **values})
        for item in engine.state.rejected:
            fresh.append(self._rejected(item))
        self.rows |= {row["image"]: row for row in fresh}
        # Rewriting the table after every batch would cost quadratic time in a large folder.
        if time.monotonic() - self._written > WRITE_EVERY:
            self._write_table()

    def _rejected(self, item: Rejected) -> dict[str, Any]:
        return {"image": self._name(item.path), "status": item.status, "reason": item.reason, "flags": ""}

    def _name(self, path: str) -> str:
        return Path(path).relative_to(self.dataset_dir).as_posix()

    def _write_table(self) -> None:
        rows = [self.rows[name] for name in sorted(self.rows)]
        columns = list(dict.fromkeys([*BASE_COLUMNS, *(name for row in rows for name in row)]))
        write_csv(self.table, rows, columns)
        self._written = time.monotonic()

    def _finish(self, engine: Engine) -> None:
        self._write_table()
        self._write_run(complete=True)

    def _write_run(self, *, complete: bool) -> None:
        metadata = self._metadata()
        record = {
            **self._bundle(metadata),
            "complete": complete,
            **self._trained(metadata),
            "settings": self.settings,
            "counts": self.counts(),
            "seconds": round(time.monotonic() - self._began, 2),
            **environment(),
        }
        write_json(self.output_dir / RUN, record)

    def _metadata(self) -> dict[str, Any]:
        if self.bundle_root is None:
            return {}
        metadata = self.bundle_root / "configs" / "metadata.json"
        # A bundle without metadata still has to infer.
        return json.loads(metadata.read_text(encoding="utf-8")) if metadata.is_file() else {}

    def _trained(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if self.weights is None:
            return {}
        weights = file_sha256(self.weights)
        sites = training_sites(self.weights, weights, metadata)
        return {"weights_sha256": weights} | ({"train_sites": sites} if sites else {})

    def _bundle(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        if self.bundle_root is None:
            return {}
        return {"bundle": self.bundle_root.resolve().name, "version": str(metadata.get("version", ""))}

    def counts(self) -> dict[str, int]:
        """Number of inputs that are ok, refused and failed."""
        found = [row["status"] for row in self.rows.values()]
        return {status: found.count(status) for status in ("ok", "refused", "failed")}

    def exit(self) -> None:
        """Say what was done; leave with exit status 3 when some inputs gave no result.

        Raises:
            SystemExit: code 3; every input without a result is listed in ``predictions.csv`` and on the last lines.
        """
        counts = self.counts()
        print(f"{counts['ok']} done, {counts['refused']} refused, {counts['failed']} failed: {self.output_dir / TABLE}")
        rejected = [row for row in self.rows.values() if row["status"] != "ok"]
        for row in rejected:
            print(f"{row['status']}: {row['image']}: {row['reason']}")
        if rejected:
            raise SystemExit(3)
