"""Forward passes in OpenVINO, the fastest runtime on Intel and AMD processors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from .bfloat16 import round_convolutions
from .compiled import CompiledInferer, optional_module

PRECISIONS = ("f32", "bf16", "f16")


class OpenVINOInferer(CompiledInferer):
    """Runs the network of the configuration in OpenVINO.

    Images go through one by one, spread over as many streams as OpenVINO finds fit for the processor.

    Args:
        precision: "bf16" (fastest where the processor has it, else silently f32; filters are rounded as
            :mod:`common.inferers.bfloat16` says), "f16" or "f32".

    Raises:
        ImportError: the extra ``openvino`` is not installed.
        ValueError: unknown precision.
    """

    def __init__(self, precision: str = "bf16") -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"OpenVINOInferer: precision must be one of {', '.join(PRECISIONS)}, got {precision}")
        self._openvino = optional_module("openvino", "openvino", "OpenVINO")
        self.precision = precision
        self._queue: Any = None

    def _compile(self, network: nn.Module, example: torch.Tensor) -> None:
        core = self._openvino.Core()
        model = self._convert(network, example)
        if self.precision == "bf16" and _has_bfloat16(core):
            round_convolutions(model)
        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": self.precision}
        # One queue for all batches: the first run of a new request is several times slower than the next.
        self._queue = self._openvino.AsyncInferQueue(core.compile_model(model, "CPU", options))

    def _convert(self, network: nn.Module, example: torch.Tensor) -> Any:
        """The OpenVINO model that stands for the network."""
        return self._openvino.convert_model(network, example_input=example, input=list(example.shape))

    def _run(self, images: np.ndarray) -> np.ndarray:
        outputs: list[np.ndarray | None] = [None] * len(images)

        def keep(request: Any, index: int) -> None:
            outputs[index] = request.get_output_tensor(0).data.copy()

        self._queue.set_callback(keep)
        for index, image in enumerate(images):
            self._queue.start_async({0: image[None]}, index)
        self._queue.wait_all()
        return np.concatenate([output for output in outputs if output is not None])


def _has_bfloat16(core: Any) -> bool:
    """Whether the processor calculates in bfloat16; OpenVINO takes f32 where it does not."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
