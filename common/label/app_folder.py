"""The folder that the server is started on: the stock app, and exported bundles below ``model``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..sharing.export import export_bundle
from ..sharing.importing import import_archive
from ..sharing.names import SHARED_NAMES
from .environment import Environment
from .errors import LabelError


@dataclass(frozen=True)
class Served:
    """A bundle as it is served.

    Attributes:
        source: folder of the source bundle, below the folder of bundles.
        name: under which it is served; MONAI Label reads the task from it.
        overlays: its configurations that are merged into its inference.
    """

    source: str
    name: str
    overlays: tuple[str, ...] = ()


#: What is served: the three bundles, and the regions of evidence of the classifier as a segmentation.
SERVED = (
    *(Served(source, name) for source, name in SHARED_NAMES.items()),
    Served("tb_cls", "cxr_tb_regions_segmentation", ("configs/localize.yaml", "configs/regions.yaml")),
)


def prepare_app(
    app: Path,
    environment: Environment,
    bundles: Path,
    *,
    replace: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Copy the stock app and put the exported bundles into it, each complete or not at all.

    A bundle that is there already stays as it is, because the server may have trained it.

    Args:
        app: folder to make or to complete.
        environment: whose app is copied.
        bundles: folder of the source bundles.
        replace: exchange bundles that are there for new exports.
        tell: is called with a line about every step.

    Returns:
        Names of the bundles that were put in.

    Raises:
        LabelError: no such bundles, no stock app in the environment, or a folder that holds something else.
        SharingError: a bundle cannot be exported.
    """
    missing = [served.source for served in SERVED if not (bundles / served.source / "configs").is_dir()]
    if missing:
        raise LabelError(f"{bundles}: no bundle {missing[0]}; the folder `bundles` of the project is needed")
    if not (environment.stock_app / "main.py").is_file():
        raise LabelError(f"{environment.stock_app}: MONAI Label's app for bundles is not there; install it anew")
    if app.is_dir() and any(app.iterdir()) and not (app / "main.py").is_file():
        raise LabelError(f"{app}: a folder with other content; an empty or new one, or one made before, is needed")
    model = app / "model"
    model.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        environment.stock_app, app, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "model", "logs")
    )
    done = []
    for served in SERVED:
        if (model / served.name).exists() and not replace:
            tell(f"{model / served.name}: is there and stays as it is")
            continue
        tell(f"{served.name}: exporting {bundles / served.source}")
        with tempfile.TemporaryDirectory() as temporary:
            archive = Path(temporary) / f"{served.name}.zip"
            source = bundles / served.source
            export_bundle(source, archive, name=served.name, overlays=[source / name for name in served.overlays])
            # The export has just run the bundle; to repeat that run proves nothing.
            import_archive(archive, model, replace=replace, run=False)
        done.append(served.name)
    return done
