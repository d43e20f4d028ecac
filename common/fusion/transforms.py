"""Fusion of raters as MONAI transforms."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray

from .errors import FusionError
from .label_maps import LabelFusion, fuse_label_maps
from .masks import fuse_masks
from .policies import LABEL_METHODS, METHODS, STAPLE, check_choice
from .staple import Fusion


class FuseMasks(Transform):
    """Make one binary mask of those of several raters.

    Args:
        method: "staple", "majority", "union" or "intersection".
        kwargs: ``threshold``, ``region``, ``margin``, ``prior``, ``tie``, ``empty`` and ``max_iterations`` of
            :func:`.masks.fuse_masks`.

    Raises:
        FusionError: an unknown method; when called, an option out of its range or an array that holds no masks.
    """

    backend: ClassVar[list[TransformBackends]] = [TransformBackends.NUMPY]

    def __init__(self, method: str = STAPLE, **kwargs: Any) -> None:
        check_choice("method", method, METHODS)
        self.method = method
        self.options = kwargs
        fuse_masks(np.zeros((1, 1), dtype=np.bool_), method, **kwargs)  # refuses wrong options at once

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Fuse the channels of an array.

        Args:
            img: masks [R, W, H] or [R, W, H, D], one channel a rater, each with 0 and one other value.

        Returns:
            The consensus [1, W, H] or [1, W, H, D], 0 and 1, of the kind and type of the input.
        """
        return _like(self.fuse(img).consensus[np.newaxis], img)

    def fuse(self, img: NdarrayOrTensor) -> Fusion:
        """The consensus with its probability and the raters' sensitivity and specificity.

        Args:
            img: see :meth:`__call__`.
        """
        return fuse_masks(_masks(img), self.method, **self.options)


class FuseLabels(Transform):
    """Make one label map of those of several raters.

    Args:
        method: "staple" or "majority".
        kwargs: ``threshold``, ``region``, ``margin``, ``prior``, ``undecided``, ``empty`` and ``max_iterations`` of
            :func:`.label_maps.fuse_label_maps`.

    Raises:
        FusionError: an unknown method; when called, an option out of its range or an array that holds no whole numbers.
    """

    backend: ClassVar[list[TransformBackends]] = [TransformBackends.NUMPY]

    def __init__(self, method: str = STAPLE, **kwargs: Any) -> None:
        check_choice("method", method, LABEL_METHODS)
        self.method = method
        self.options = kwargs
        # The labels that a prior belongs to are not known yet.
        known = {name: value for name, value in kwargs.items() if name != "prior"}
        fuse_label_maps(np.zeros((1, 1), dtype=np.uint8), method, **known)

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Fuse the channels of an array.

        Args:
            img: label maps [R, W, H] or [R, W, H, D], one channel a rater, of whole numbers.

        Returns:
            The consensus [1, W, H] or [1, W, H, D], of the kind and type of the input.
        """
        return _like(self.fuse(img).consensus[np.newaxis], img)

    def fuse(self, img: NdarrayOrTensor) -> LabelFusion:
        """The consensus with the probability of each label and the raters' performance.

        Args:
            img: see :meth:`__call__`.
        """
        return fuse_label_maps(_whole_numbers(img), self.method, **self.options)


class _FuseRatersd(MapTransform):
    """What both dictionary transforms do."""

    backend = FuseMasks.backend

    def __init__(
        self,
        fuser: FuseMasks | FuseLabels,
        keys: KeysCollection,
        output_key: Hashable,
        probability_key: Hashable | None,
        details_key: Hashable | None,
        allow_missing_keys: bool,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.fuser = fuser
        self.output_key = output_key
        self.probability_key = probability_key
        self.details_key = details_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d: dict[Hashable, Any] = dict(data)
        present = list(self.key_iterator(d))
        if not present:
            raise FusionError(f"none of the raters {', '.join(map(str, self.keys))} has an item to fuse")
        first = d[present[0]]
        for key in present[1:]:
            if d[key].shape[1:] != first.shape[1:]:
                known = f"{_name(first, present[0])} {_size(first)}"
                raise FusionError(f"{_name(d[key], key)}: {_size(d[key])}, but {known}")
        found = self.fuser.fuse(np.concatenate([_raters(d[key]) for key in present]))
        d[self.output_key] = _like(found.consensus[np.newaxis], first)
        if self.probability_key is not None:
            channels = found.probability[np.newaxis] if isinstance(found, Fusion) else found.probability
            dtype = torch.float32 if isinstance(first, torch.Tensor) else np.float32
            d[self.probability_key] = convert_to_dst_type(channels, dst=first, dtype=dtype)[0]
        if self.details_key is not None:
            d[self.details_key] = found
        return d


class FuseMasksd(_FuseRatersd):
    """Dictionary-based version of :class:`FuseMasks`, with one key a rater (or one key with a channel a rater).

    Example::

        FuseMasksd(keys=["reader_a", "reader_b", "reader_c"], output_key="label", probability_key="probability")

    Args:
        keys: keys of the raters' masks [1, W, H] or [1, W, H, D], all of one size.
        output_key: key of the consensus, which is of the kind and type of the first rater's mask and has its metadata.
        probability_key: key for its probability map (float32, of the same shape); None for none.
        details_key: key for the whole :class:`.staple.Fusion` with each rater's performance; None for none.
        method: see :class:`FuseMasks`.
        allow_missing_keys: fuse the raters that the data has.
        kwargs: see :class:`FuseMasks`.

    Raises:
        FusionError: see :class:`FuseMasks`; when called, also masks of different size, which it names.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_key: Hashable = "consensus",
        probability_key: Hashable | None = None,
        details_key: Hashable | None = None,
        method: str = STAPLE,
        allow_missing_keys: bool = False,
        **kwargs: Any,
    ) -> None:
        fuser = FuseMasks(method, **kwargs)
        super().__init__(fuser, keys, output_key, probability_key, details_key, allow_missing_keys)


class FuseLabelsd(_FuseRatersd):
    """Dictionary-based version of :class:`FuseLabels`, with one key a rater (or one key with a channel a rater).

    Args:
        keys: keys of the raters' label maps [1, W, H] or [1, W, H, D], all of one size.
        output_key: key of the consensus, which is of the kind and type of the first rater's map and has its metadata.
        probability_key: key for the probability of each label (float32, [L, W, H] or [L, W, H, D]); None for none.
        details_key: key for the whole :class:`.label_maps.LabelFusion` with each rater's performance; None for none.
        method: see :class:`FuseLabels`.
        allow_missing_keys: fuse the raters that the data has.
        kwargs: see :class:`FuseLabels`.

    Raises:
        FusionError: see :class:`FuseLabels`; when called, also maps of different size, which it names.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_key: Hashable = "consensus",
        probability_key: Hashable | None = None,
        details_key: Hashable | None = None,
        method: str = STAPLE,
        allow_missing_keys: bool = False,
        **kwargs: Any,
    ) -> None:
        fuser = FuseLabels(method, **kwargs)
        super().__init__(fuser, keys, output_key, probability_key, details_key, allow_missing_keys)


def _masks(img: NdarrayOrTensor) -> NDArray[np.bool_]:
    """Channels as bool, after a look whether they are masks: a probability map would pass for a mask all over."""
    values = _raters(img)
    if values.dtype == np.bool_:
        return values
    inside: NDArray[np.bool_] = values != 0
    for rater, (mask, marked) in enumerate(zip(values, inside, strict=True)):
        other = mask.max() if mask.max() != 0 else mask.min()
        if other != 0 and not np.array_equal(marked, mask == other):
            raise FusionError(f"rater {rater}: several values beside zero; a mask has one (label maps: FuseLabels)")
    return inside


def _whole_numbers(img: NdarrayOrTensor) -> NDArray[np.integer]:
    values = _raters(img)
    if values.dtype == np.bool_:
        return values.view(np.uint8)
    if np.issubdtype(values.dtype, np.integer):
        return values
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise FusionError("label maps are of whole numbers; found fractions, infinity or not-a-number")
    return whole


def _raters(img: NdarrayOrTensor) -> NDArray[Any]:
    # NumPy lacks some of the floating-point types of PyTorch.
    values = convert_to_numpy(img.double() if isinstance(img, torch.Tensor) and img.is_floating_point() else img)
    if values.ndim < 2 or values.size == 0:
        raise FusionError(f"masks [R, W, H] or [R, W, H, D] with one channel a rater are needed, got {values.shape}")
    return values


def _like(array: NDArray[Any], img: NdarrayOrTensor) -> NdarrayOrTensor:
    result: NdarrayOrTensor = convert_to_dst_type(array, dst=img)[0]
    return result


def _size(item: Any) -> str:
    return " x ".join(str(side) for side in item.shape[1:]) + " pixels"


def _name(item: Any, key: Hashable) -> str:
    return str(getattr(item, "meta", {}).get("filename_or_obj", key))


FuseMasksD = FuseMasksDict = FuseMasksd
FuseLabelsD = FuseLabelsDict = FuseLabelsd
