"""From what NVFlare's server leaves to weights of a bundle."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..handlers.environment import environment
from ..handlers.portable import portable
from ..io import atomic_write, file_sha256, write_json
from ..networks import read_tensors
from .errors import FederatedError
from .initial import make_network
from .task import FederatedTask
from .tensors import check_like, weights_sha256

MODEL = "model.pt"
RECORD = "federation.json"
#: As in controller.py, which needs NVFlare.
STATE_FILE = "federation.pt"


def find_state(folder: str | Path) -> Path | None:
    """The server's file with weights and account, anywhere below a folder; None when no round was done."""
    found = sorted(Path(folder).rglob(STATE_FILE), key=lambda file: file.stat().st_mtime)
    return found[-1] if found else None


def collect(
    task: FederatedTask,
    config: dict[str, Any],
    state_file: str | Path,
    output_dir: str | Path,
    *,
    before: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``model.pt``, which bundles load, and ``federation.json``.

    Args:
        task: what was trained.
        config: its configuration.
        state_file: see :func:`find_state`.
        output_dir: folder to write to.
        before: record of the rounds that were done earlier.
        extra: further entries of the record.

    Returns:
        The record.

    Raises:
        FederatedError: weights of another network.
        WeightsError: a damaged file.
    """
    content = read_tensors(state_file)
    target = make_network(config).state_dict()
    check_like(content["model"], target, str(state_file))
    state = {name: content["model"][name].to(tensor.dtype).contiguous() for name, tensor in target.items()}
    folder = Path(output_dir)
    with atomic_write(folder / MODEL) as stream:
        torch.save(state, stream)
    rounds = [*(before or {}).get("rounds", []), *json.loads(content["rounds"])]
    record = {
        "task": portable(asdict(task)),
        "network": portable(config["network_def"]),
        **(extra or {}),
        "sites": sorted({name for entry in rounds for name in entry["images"]}),
        "rounds": rounds,
        "seconds": round(sum(entry["seconds"] for entry in rounds), 1),
        "weights_sha256": weights_sha256(state),
        "model_sha256": file_sha256(folder / MODEL),
        "finished": time.strftime("%Y-%m-%d"),
        "nvflare": version("nvflare"),
        **environment(),
    }
    write_json(folder / RECORD, record)
    return record


def read_record(output_dir: str | Path) -> dict[str, Any] | None:
    """The record of an earlier run; None where there is none.

    Raises:
        FederatedError: a file that is no record.
    """
    file = Path(output_dir) / RECORD
    if not file.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        record["rounds"], record["task"]
    except (ValueError, TypeError, KeyError) as error:
        raise FederatedError(f"{file}: not the record of a federation ({error})") from error
    return record
