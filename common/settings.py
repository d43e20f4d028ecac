"""Values of a configuration that would fail late, or run and give wrong results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from .errors import UsageError

MASK_FORMATS = (".png", ".nii", ".nii.gz")
#: A mask format of bundles alone: it says which bundle made the mask.
DICOM_SEG = ".seg.dcm"
#: The networks halve the sides of an image four times.
SIDE_FACTOR = 16


def check_settings(settings: Mapping[str, Any] | None = None, *, side_factor: int = SIDE_FACTOR, **more: Any) -> None:
    """Refuse wrong values of a configuration's knobs; to be called in a bundle's ``initialize``.

    A knob has the same name, meaning and rule in every bundle. Texts in the place of True or False would count as
    True, a negative side of an image would leave that side as it is, percentiles the wrong way round would turn grey
    levels over, and an unknown mask format would come to light only when the first mask is saved.

    Args:
        settings: knobs by name; those that :data:`RULES` does not know may have any value.
        side_factor: what the sides of ``image_size`` must be multiples of.
        more: further knobs.

    Raises:
        UsageError: with the first wrong knob, what is accepted and what was found; a knob that asks for DICOM outputs
            where the package that makes them is not installed.
    """
    rules = RULES | {"image_size": _side_rule(side_factor)}
    for name, value in {**(settings or {}), **more}.items():
        if name in rules:
            fits, accepted = rules[name]
            if not fits(value):
                raise UsageError(f"{name}: {accepted}, got {value!r}")
        if (name, value) in _DICOM and find_spec("highdicom") is None:
            raise UsageError(f"{name}: {value} needs the package highdicom (pip install highdicom==0.28.2), not found")


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    # NaN fails every comparison that follows.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(item, str) for item in value))


def _pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def _side_rule(factor: int) -> tuple[Callable[[Any], bool], str]:
    def fits(value: Any) -> bool:
        return _pair(value) and all(_whole(side, 1) and side % factor == 0 for side in value)

    return fits, f"two whole numbers above 0 that are multiples of {factor} are needed, as in [256, 256]"


def _rising(value: Any) -> bool:
    return _pair(value) and all(map(_number, value)) and 0 <= value[0] < value[1] <= 100


_DICOM = (("mask_format", DICOM_SEG), ("write_report", True), ("write_capture", True))

_GROUPS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (
        "amp cache_maps cam_flip clean_up compare_pictures crop_border irnet_displacements lung_crop lungs_only "
        "median_filter mirror other_normals overwrite plateau quality_flags random_boxes resume resume_inference "
        "save_evidence save_probability save_raw show_progress use_tensorboard write_capture write_overlays "
        "write_report write_steps",
        "True or False is needed",
        lambda value: isinstance(value, bool),
    ),
    (
        "batch_size irnet_batch_size irnet_epochs num_epochs smooth_samples steps_per_epoch val_interval",
        "a whole number above 0 is needed",
        lambda value: _whole(value, 1),
    ),
    (
        "early_stop_patience limit",
        "a whole number above 0, or null, is needed",
        lambda value: value is None or _whole(value, 1),
    ),
    (
        "channel",
        "a whole number from 0 on, or null, is needed",
        lambda value: value is None or _whole(value, 0),
    ),
    (
        "num_cases num_workers plateau_patience seed",
        "a whole number from 0 on is needed",
        lambda value: _whole(value, 0),
    ),
    (
        "affine_prob cache_rate contrast_prob erase_prob flip_prob group_balance held_out_share min_lesion_area "
        "noise_prob normal_share site_balance uncertain_below warmup weak_probability weak_share weak_weight",
        "a number from 0 to 1 is needed",
        lambda value: _number(value) and 0 <= value <= 1,
    ),
    (
        "positive_weight",
        "a number above 0 is needed",
        lambda value: _number(value) and 0 < value < float("inf"),
    ),
    ("threshold", "a number between 0 and 1 is needed", lambda value: _number(value) and 0 < value < 1),
    (
        "label_smoothing shift zoom",
        "a number from 0 to below 1 is needed",
        lambda value: _number(value) and 0 <= value < 1,
    ),
    (
        "learning_rate lung_margin rotation shear smooth_noise weight_decay",
        "a number from 0 on is needed",
        lambda value: _number(value) and 0 <= value < float("inf"),
    ),
    (
        "rotations",
        "a list of angles in degrees, at least one, is needed, as in [0] or [-5, 0, 5]",
        lambda value: isinstance(value, list | tuple) and len(value) > 0 and all(map(_number, value)),
    ),
    (
        "box_classes box_labels",
        "a list of names, or null, is needed, as in [active, latent]",
        lambda value: value is None or (isinstance(value, list | tuple) and len(value) > 0 and _texts(value)),
    ),
    ("percentiles", "two rising numbers from 0 to 100 are needed, as in [1, 99]", _rising),
    (
        "mask_format",
        f"one of {', '.join((*MASK_FORMATS, DICOM_SEG))} is needed",
        lambda value: value in (*MASK_FORMATS, DICOM_SEG),
    ),
    (
        "key_metric lung_weights normal_split_column split_column weights",
        "a name is needed",
        lambda value: isinstance(value, str) and value != "",
    ),
    (
        "normal_sites normal_splits sites splits train_sites train_splits val_sites val_splits",
        "a name, a list of names, or null is needed",
        lambda value: value is None or _texts(value),
    ),
    ("labels", "a name, or a list of names, is needed", lambda value: _texts(value) and len(value) > 0),
    (
        "class_weights",
        "a list of numbers above 0, or null, is needed",
        lambda value: value is None or (isinstance(value, list | tuple) and all(_number(n) and n > 0 for n in value)),
    ),
    (
        "encoder_weights initial_weights",
        "the name of a file, or null, is needed",
        lambda value: value is None or isinstance(value, str),
    ),
)
#: Knob -> whether a value fits, and what is accepted.
RULES = {name: (fits, accepted) for names, accepted, fits in _GROUPS for name in names.split()} | {
    "image_size": _side_rule(SIDE_FACTOR)
}
