"""One row an image of what any evaluator predicts, from all of its processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist
from ignite.engine import Engine

from ..errors import UsageError
from .prediction_record import PredictionRecord
from .ranks import is_main_process


class CollectPredictions(PredictionRecord):
    """Handler that writes ``predictions.csv`` and ``run.json`` for a plain ``monai.engines.SupervisedEvaluator``.

    Attach it after the handlers of the metrics. Each process keeps the rows of its own images; at the end the main one
    gathers and writes them, sorted, each image once, so that a distributed sampler that repeats images to give all
    processes as many changes nothing. What was there of an earlier run is replaced when the run begins. An image whose
    row cannot be made is listed as "failed".

    Besides the columns of :class:`.prediction_record.PredictionRecord` there are ``shape`` (of the image as it was
    loaded, such as 512x512x40) and ``spacing`` (mm, in the same order; empty where the file does not say).

    Args:
        output_dir: folder of both files; the same for all processes.
        dataset_dir: images are named by their path below it, as in the column ``image`` of its ``index.csv``.
        columns: function of one item, with the entries of batch and output, that gives further columns; None for none.
            See :func:`describe_probability`.
        weights: weights file, for its SHA-256 in ``run.json``; None where there is none.
        bundle_root: folder of the bundle, see :class:`.prediction_record.PredictionRecord`.
        image_key: entry with the image as a ``MetaTensor``.
    """

    def __init__(
        self,
        output_dir: str | Path,
        dataset_dir: str | Path,
        columns: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
        weights: str | Path | None = None,
        bundle_root: str | Path | None = None,
        image_key: str = "image",
    ) -> None:
        super().__init__(output_dir, dataset_dir, columns or _none, weights, bundle_root=bundle_root)
        self.image_key = image_key

    def _start(self, engine: Engine) -> None:
        self._begin()
        if is_main_process():
            self._write_table()
            self._write_run(complete=False)

    def __call__(self, engine: Engine) -> None:
        batch, output = engine.state.batch, engine.state.output
        if not isinstance(output, list):
            raise UsageError("CollectPredictions: the evaluator gives whole batches; set its decollate to true")
        for inputs, results in zip(batch, output, strict=True):
            row = self._row({**inputs, **results})
            self.rows.setdefault(row["image"], row)

    def _row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        meta = item[self.image_key].meta
        row = {"image": self._name(meta["filename_or_obj"]), "status": "ok", "reason": "", "flags": ""}
        try:
            values = dict(self.columns(item))
        except Exception as error:  # one odd image must not take the rest along
            line = (str(error).splitlines() or ["no message"])[0]
            return row | {"status": "failed", "reason": f"{type(error).__name__}: {line}"}
        row["flags"] = " ".join(values.pop("flags", []))
        return row | {"shape": _lengths(meta.get("spatial_shape")), "spacing": _spacing(meta)} | values

    def _name(self, path: str) -> str:
        name = os.path.relpath(os.path.abspath(path), os.path.abspath(self.dataset_dir))
        if name.startswith(".."):
            raise UsageError(f"{path}: does not lie in the dataset_dir {self.dataset_dir}")
        return Path(name).as_posix()

    def _finish(self, engine: Engine) -> None:
        if dist.is_available() and dist.is_initialized():
            gathered: list[Any] = [None] * dist.get_world_size()
            dist.all_gather_object(gathered, self.rows)
            self.rows = {name: row for rows in reversed(gathered) for name, row in rows.items()}
        if is_main_process():
            super()._finish(engine)


def describe_probability(
    item: Mapping[str, Any], *, key: str = "pred", positive: int = -1, threshold: float = 0.5
) -> dict[str, Any]:
    """Columns of a classifier, as the evaluation of TB scores reads them.

    Args:
        item: with probabilities, shape [classes].
        key: their entry.
        positive: number of the class that is looked for; the last one by default.
        threshold: probability from which on ``tb`` is 1.

    Returns:
        ``tb_score`` and ``tb_probability``, both the probability, ``tb``, and the flag "uncalibrated".

    Raises:
        ValueError: no probability, as when activations are missing.
    """
    values = np.asarray(item[key], dtype=np.float64).ravel()
    probability = float(values[positive])
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability:g} is no probability; a softmax or sigmoid belongs into the postprocessing")
    decided = int(probability >= threshold)
    return {"tb_score": probability, "tb_probability": probability, "tb": decided, "flags": ["uncalibrated"]}


def _none(item: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _lengths(values: Any) -> str:
    return "" if values is None else "x".join(f"{float(value):g}" for value in np.ravel(values))


def _spacing(meta: Mapping[str, Any]) -> str:
    """Length of a step along each axis; nothing for pictures, whose readers make an affine up."""
    if "pixel_spacing" in meta:  # of our own reader
        steps = np.ravel(meta["pixel_spacing"])
        return _lengths(steps) if np.isfinite(steps).all() else ""
    if "pixdim" not in meta or "original_affine" not in meta:
        return ""
    steps = np.linalg.norm(np.asarray(meta["original_affine"], dtype=np.float64)[:3, :3], axis=0)
    return _lengths(steps[: len(np.ravel(meta.get("spatial_shape", steps)))].round(6))
