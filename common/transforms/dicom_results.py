"""Results of a TB classifier as DICOM objects beside the masks and tables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import Transform
from monai.utils import CommonKeys, ImageMetaKey
from PIL import Image

from ..io import RadiographLayout
from ..io.dicom_capture import make_capture
from ..io.dicom_report import TBFinding, make_report
from ..io.dicom_source import save_result
from ..io.run_algorithm import running_algorithm
from ..metrics.operating_point_file import read_operating_point
from .tb_decision import TB_DECISION, TBDecision, describe_tb


class SaveTBReportd(Transform):
    """Write what :class:`.DecideTBd` decided on a DICOM radiograph as a structured report.

    Args:
        layout: names of the reports, which end in ``.sr.dcm``.
        operating_point: the file that :class:`.DecideTBd` decides by; None for threshold 0.5 without calibration.

    Raises:
        RadiographError: when used: the radiograph is not a DICOM file to which a report can refer.
        UsageError: when used: no such operating point, or used outside a run of a bundle.
        OSError: when used: the file cannot be written; an existing one is left as it was.
    """

    def __init__(self, layout: RadiographLayout, operating_point: str | Path | None = None) -> None:
        self.layout = layout
        self.operating_point = operating_point

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        decision: TBDecision = item[TB_DECISION]
        threshold, rule = 0.5, ""
        if self.operating_point is not None:
            point = read_operating_point(self.operating_point)
            threshold, rule = point.threshold, point.rule
        described = {str(key): value for key, value in item.items()}
        flags = describe_tb(described)["flags"]
        finding = TBFinding(decision.probability, decision.tb, threshold, rule, flags)
        radiograph = _radiograph(item)
        target = self.layout.filename(radiograph)
        save_result(make_report(finding, radiograph, running_algorithm(target)), target)
        return item


class SaveCaptured(Transform):
    """Write a picture that the run has just made of a DICOM radiograph as a secondary capture, too.

    Args:
        layout: names of the captures, which end in ``.sc.dcm``.
        pictures: names of the pictures, RGB.

    Raises:
        RadiographError: when used: the radiograph is not a DICOM file to which a capture can refer.
        UsageError: when used: outside a run of a bundle.
        OSError: when used: there is no picture, or the file cannot be written; an existing one is left as it was.
    """

    def __init__(self, layout: RadiographLayout, pictures: RadiographLayout) -> None:
        self.layout = layout
        self.pictures = pictures

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        radiograph = _radiograph(item)
        target = self.layout.filename(radiograph)
        with Image.open(self.pictures.path(radiograph)) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        save_result(make_capture(pixels, radiograph, running_algorithm(target)), target)
        return item


def _radiograph(item: Mapping[Hashable, Any]) -> str:
    return str(item[CommonKeys.IMAGE].meta[ImageMetaKey.FILENAME_OR_OBJ])
