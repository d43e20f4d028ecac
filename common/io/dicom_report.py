"""What a classifier says of a radiograph, as a DICOM structured report that refers to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .dicom_source import MANUFACTURER, composing, read_source, result_uid
from .run_algorithm import RunAlgorithm

if TYPE_CHECKING:
    from highdicom.sr import ComprehensiveSR

REPORT_SUFFIX = ".sr.dcm"
SERIES_NUMBER = 9110
#: Scheme of the one concept that the public vocabularies lack.
PRIVATE_SCHEME = "99CXRTB"


@dataclass(frozen=True)
class TBFinding:
    """What a report says.

    Attributes:
        probability: of tuberculosis, in [0, 1].
        positive: whether it reaches the threshold.
        threshold: in [0, 1].
        rule: how the threshold was chosen, one word.
        flags: warnings, one word each.
    """

    probability: float
    positive: bool
    threshold: float
    rule: str
    flags: Sequence[str] = ()


def make_report(finding: TBFinding, radiograph: str | os.PathLike[str], algorithm: RunAlgorithm) -> ComprehensiveSR:
    """Make a Comprehensive SR after TID 1500 (Imaging Measurement Report) with one group of measurements (TID 1501).

    The group holds the probability and the threshold as numbers without a unit, whether the one reaches the other as
    Positive or Negative, the radiograph as its source, and the algorithm with its parameters, the rule of the threshold
    and the flags. The report is complete, preliminary and unverified: no person has seen it. The identifiers are those
    of :func:`.dicom_source.result_uid`; dates are those of writing.

    Args:
        finding: what it says.
        radiograph: the DICOM file.
        algorithm: what found it.

    Raises:
        RadiographError: not a DICOM file, or one that a result cannot refer to.
    """
    import highdicom as hd
    from highdicom import sr
    from pydicom.sr.codedict import codes

    source = read_source(radiograph)
    parameters = {**algorithm.parameters(), "operating_point": finding.rule, "flags": " ".join(finding.flags)}
    version = algorithm.version or "unknown"
    with composing(radiograph):
        method = sr.AlgorithmIdentification(
            name=algorithm.name,
            version=version,
            parameters=[f"{name}={value}" for name, value in parameters.items() if value],
            family=codes.DCM.ArtificialIntelligence,
        )
        device = sr.DeviceObserverIdentifyingAttributes(
            uid=result_uid(source, algorithm, "observer"),
            name=algorithm.name,
            manufacturer_name=MANUFACTURER,
            model_name=f"{algorithm.name} {version}",
            serial_number=algorithm.weights_sha256 or "unknown",
        )
        decision = sr.CodedConcept("tb_decision", PRIVATE_SCHEME, "Probability of TB reaches the operating point")
        group = sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(
                uid=result_uid(source, algorithm, "tracking"), identifier="tuberculosis"
            ),
            finding_type=sr.CodedConcept("154283005", "SCT", "Pulmonary tuberculosis"),
            finding_sites=[sr.FindingSite(codes.SCT.Lung)],
            algorithm_id=method,
            measurements=[
                sr.Measurement(name=name, value=round(value, 6), unit=codes.UCUM.NoUnits)
                for name, value in (
                    (codes.DCM.Probability, finding.probability),
                    (codes.DCM.ThresholdValue, finding.threshold),
                )
            ],
            qualitative_evaluations=[
                sr.QualitativeEvaluation(decision, codes.SCT.Positive if finding.positive else codes.SCT.Negative)
            ],
            source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source)],
        )
        report = sr.MeasurementReport(
            observation_context=sr.ObservationContext(
                observer_device_context=sr.ObserverContext(
                    observer_type=codes.DCM.Device, observer_identifying_attributes=device
                )
            ),
            procedure_reported=sr.CodedConcept("399208008", "SCT", "Plain X-ray of chest"),
            imaging_measurements=[group],
            title=codes.DCM.ImagingMeasurementReport,
        )
        result = hd.sr.ComprehensiveSR(
            evidence=[source],
            content=report,
            series_instance_uid=result_uid(source, algorithm, "report series"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=result_uid(source, algorithm, "report instance"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            is_final=False,
            is_verified=False,
            series_description=f"TB probability ({algorithm.name} {algorithm.version})"[:64],
        )
    return result
