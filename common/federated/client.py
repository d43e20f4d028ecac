"""What runs at a site: receive weights, train, send weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import nvflare.client as flare
from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from ..cli import explain
from .site import Site
from .site_training import SiteTraining
from .task import FederatedTask

logger = logging.getLogger(__name__)

#: File in a site's output folder with the line that says why its training has ended early.
ERROR_FILE = "error.txt"


def contribution(weights: dict[str, Any], images: int) -> FLModel:
    """All that leaves a site after a round: weights, and the number of images that they were trained on."""
    return FLModel(params_type=ParamsType.FULL, params=weights, meta={FLMetaKey.NUM_STEPS_CURRENT_ROUND: images})


def serve(task_file: str | Path) -> None:
    """Take part in a federation until it ends; to be called by the script of a job.

    An error ends this site's part. Its text stays here, in the log and in ``error.txt``: it may name files.

    Args:
        task_file: the task, as it came with the job.
    """
    flare.init()
    name = flare.get_site_name()
    output_dir: Path | None = None
    try:
        site = Site.read(name)
        output_dir = Path(site.output_dir)
        output_dir.mkdir(parents=True, exist_ok=True)
        (output_dir / ERROR_FILE).unlink(missing_ok=True)
        training = SiteTraining(FederatedTask.read(task_file), site, name)
        while flare.is_running():
            received = flare.receive()
            if received is None:
                break
            trained = training.train(received.params, received.current_round)
            flare.send(contribution(trained, training.images))
        training.close()
    except Exception as error:
        line = explain(error) or f"{type(error).__name__}: {error}"
        logger.error("%s cannot go on: %s", name, line)
        if output_dir is not None and output_dir.is_dir():
            (output_dir / ERROR_FILE).write_text(line + "\n", encoding="utf-8")
        raise
