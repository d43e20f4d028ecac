"""Filters in bfloat16 whose rounding errors cancel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def round_filters(filters: np.ndarray) -> np.ndarray:
    """Round filters to bfloat16 so that what a filter answers to an even area stays.

    A filter is as a rule a small difference of large weights, and neighbouring pixels of a radiograph are alike: errors
    of single weights that point the same way add up to more than the answer can bear, in the first layers most of all.
    So the error of each weight is handed on to the next one, from the largest weight, which is rounded most coarsely,
    to the smallest (error diffusion, Floyd and Steinberg, SID Digest 1975, along one filter).

    Args:
        filters: (..., height, width), float32; every height x width is a filter of one channel.

    Returns:
        An array of the same shape, float32, of numbers that bfloat16 has. The sum of a filter is kept to the precision
        of its smallest weight; filters of one weight are rounded to the nearest number.
    """
    rows = filters.reshape(-1, filters.shape[-2] * filters.shape[-1]).astype(np.float32)
    order = np.argsort(-np.abs(rows), axis=1, kind="stable")
    rounded = np.take_along_axis(rows, order, axis=1)
    error = np.zeros(len(rows), np.float32)
    for weight in rounded.T:
        wanted = weight + error
        weight[:] = torch.from_numpy(wanted).bfloat16().float().numpy()
        error = wanted - weight
    np.put_along_axis(rows, order, rounded, axis=1)
    return rows.reshape(filters.shape)


def round_convolutions(model: Any) -> None:
    """Put filters of :func:`round_filters` into an OpenVINO model; layers with filters of a single weight stay.

    Args:
        model: an ``openvino.Model``; its batch normalisations are part of the filters already, as
            ``openvino.convert_model`` leaves them.
    """
    from openvino import opset13

    for layer in model.get_ops():
        if layer.get_type_name() not in CONVOLUTIONS:
            continue
        filters = layer.input_value(1).get_node()
        if filters.get_type_name() == "Constant" and max(filters.shape[-2:]) > 1:
            rounded = opset13.constant(round_filters(filters.data), dtype=np.float32)
            layer.input(1).replace_source_output(rounded.output(0))
