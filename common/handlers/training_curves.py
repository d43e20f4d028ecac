"""Loss and validation metrics of a training run as a table and a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.optim import Optimizer

from ..io import write_csv
from .ranks import is_main_process


class TrainingCurves:
    """Writes ``curves.csv`` and ``curves.png`` after every epoch of the trainer.

    A row holds epoch, mean training loss, learning rate of the first parameter group, seconds since the epoch began,
    and the validation metrics of that epoch (empty where it was not validated). Attach it to the trainer behind the
    handler that runs the evaluator.

    Args:
        evaluator: the validation engine.
        output_dir: folder of the two files.
        optimizer: for the learning rate; None leaves that column empty.
        loss_key: entry of the trainer's output with the loss of the iteration.
    """

    def __init__(
        self,
        evaluator: Engine,
        output_dir: str | Path,
        optimizer: Optimizer | None = None,
        loss_key: str = "loss",
    ) -> None:
        self.evaluator = evaluator
        self.output_dir = Path(output_dir)
        self.optimizer = optimizer
        self.loss_key = loss_key
        self.rows: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._began = 0.0

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, engine: Engine) -> None:
        self._losses = []
        self._began = time.monotonic()

    def _collect(self, engine: Engine) -> None:
        output = engine.state.output
        first = output[0] if isinstance(output, list | tuple) else output
        self._losses.append(float(first[self.loss_key]))

    def __call__(self, engine: Engine) -> None:
        row: dict[str, float] = {"epoch": engine.state.epoch}
        if self._losses:
            row["loss"] = sum(self._losses) / len(self._losses)
        if self.optimizer is not None:
            row["learning_rate"] = float(self.optimizer.param_groups[0]["lr"])
        row["seconds"] = round(time.monotonic() - self._began, 1)
        if self.evaluator.state.epoch == engine.state.epoch:
            row |= {name: float(value) for name, value in self.evaluator.state.metrics.items()}
        self.rows.append(row)
        if is_main_process():
            self.output_dir.mkdir(parents=True, exist_ok=True)
            self._write_table()
            self._draw()

    def _write_table(self) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        rows = [{k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()} for row in self.rows]
        write_csv(self.output_dir / "curves.csv", rows, names)

    def _draw(self) -> None:
        # The object interface leaves pyplot's global state, and with it the caller's figures, alone.
        figure = Figure(figsize=(10, 4), layout="constrained")
        FigureCanvasAgg(figure)
        loss_axes, metric_axes = figure.subplots(1, 2)
        _plot(loss_axes, self.rows, ["loss"])
        loss_axes.set(xlabel="epoch", ylabel="training loss", yscale="log")
        plain = {"epoch", "loss", "learning_rate", "seconds"}
        metrics = list(dict.fromkeys(name for row in self.rows for name in row if name not in plain))
        _plot(metric_axes, self.rows, metrics)
        metric_axes.set(xlabel="epoch", ylabel="validation metric")
        if metrics:
            metric_axes.legend()
        for axes in (loss_axes, metric_axes):
            axes.grid(alpha=0.3)
        figure.savefig(self.output_dir / "curves.png", dpi=110)

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
        self.rows = list(state["rows"])


def _plot(axes: Any, rows: list[dict[str, float]], names: list[str]) -> None:
    for name in names:
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, marker="." if len(points) < 40 else None, label=name)
