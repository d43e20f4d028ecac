"""Where a class score comes from: evidence maps, the regions they make, and pictures and files of both."""

from .cam import class_activation_map
from .describe import describe_tb_regions
from .evidence_handler import EvidenceHandler
from .grad_cam import grad_cam
from .grad_cam_pp import grad_cam_pp, grad_cam_pp_exp
from .lesion_transforms import FindLesionsd, describe_lesions, lesion_confidence
from .mapper import METHODS, EvidenceMapper
from .positive_regions import PositiveRegionsd
from .randomisation import RandomisationStep, randomisation_check
from .region_file import RegionFileError, read_regions, write_regions
from .region_transforms import REGION_BOXES, FindRegions, FindRegionsd
from .regions import Region, fill_boxes, find_lesions, find_regions, region_rows
from .relevance import class_relevance_map, signed_relevance_map
from .saliency import saliency, smooth_gradient
from .scale import normalise_maps
from .score import class_score
from .threshold import BinariseEvidence, BinariseEvidenced, binarise
from .writers import EvidenceOverlayWriter, EvidenceWriter, draw_evidence

__all__ = [
    "METHODS",
    "REGION_BOXES",
    "BinariseEvidence",
    "BinariseEvidenced",
    "EvidenceHandler",
    "EvidenceMapper",
    "EvidenceOverlayWriter",
    "EvidenceWriter",
    "FindLesionsd",
    "FindRegions",
    "FindRegionsd",
    "PositiveRegionsd",
    "RandomisationStep",
    "Region",
    "RegionFileError",
    "binarise",
    "class_activation_map",
    "class_relevance_map",
    "class_score",
    "describe_lesions",
    "describe_tb_regions",
    "draw_evidence",
    "fill_boxes",
    "find_lesions",
    "find_regions",
    "grad_cam",
    "grad_cam_pp",
    "grad_cam_pp_exp",
    "lesion_confidence",
    "normalise_maps",
    "randomisation_check",
    "read_regions",
    "region_rows",
    "saliency",
    "signed_relevance_map",
    "smooth_gradient",
    "write_regions",
]
