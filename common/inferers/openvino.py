"""Forward passes in OpenVINO, the fastest runtime on Intel and AMD processors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer

PRECISIONS = ("f32", "bf16", "f16")


class OpenVINOInferer(Inferer):
    """Runs the network of the configuration in OpenVINO; nothing has to be exported beforehand.

    The network is converted at the first batch and again only when another network, other weights or another image
    size comes. Images go through one by one, spread over as many streams as OpenVINO finds fit for the processor.
    Preprocessing and post-processing stay those of the torch path.

    Args:
        precision: "bf16" (fastest where the processor has it, else silently f32), "f16" or "f32".
        cache_dir: folder in which OpenVINO keeps compiled models, which shortens the next start; None for none.

    Raises:
        ImportError: the extra ``openvino`` is not installed.
        ValueError: unknown precision.
    """

    def __init__(self, precision: str = "bf16", cache_dir: str | None = None) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"OpenVINOInferer: precision must be one of {', '.join(PRECISIONS)}, got {precision}")
        try:
            self._openvino = importlib.import_module("openvino")
        except ImportError as error:
            raise ImportError("OpenVINO is not installed: pip install 'cxr-tb-common[openvino]'") from error
        self.precision = precision
        self.cache_dir = cache_dir
        self._key: tuple[int, tuple[int, ...]] | None = None
        self._network: Callable[..., torch.Tensor] | None = None
        self._queue: Any = None

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Logits of a batch.

        Args:
            inputs: (B, C, W, H), float32.
            network: a torch module with one input and one output.
        """
        images = np.ascontiguousarray(inputs.detach().cpu().numpy(), dtype=np.float32)
        key = (_version(network), images.shape[1:])
        if self._network is not network or self._key != key:
            # One queue for all batches: the first run of a new request is several times slower than the next.
            self._queue = self._openvino.AsyncInferQueue(self._compile(network, (1, *images.shape[1:])))
            self._network, self._key = network, key
        outputs: list[np.ndarray | None] = [None] * len(images)

        def keep(request: Any, index: int) -> None:
            outputs[index] = request.get_output_tensor(0).data.copy()

        self._queue.set_callback(keep)
        for index, image in enumerate(images):
            self._queue.start_async({0: image[None]}, index)
        self._queue.wait_all()
        return torch.from_numpy(np.concatenate([output for output in outputs if output is not None])).to(inputs.device)

    def _compile(self, network: Callable[..., torch.Tensor], shape: tuple[int, ...]) -> Any:
        if not isinstance(network, torch.nn.Module):
            raise TypeError(f"OpenVINOInferer: expected a torch module, got {type(network).__name__}")
        was_training = network.training
        network.eval()
        parameter = next(network.parameters(), torch.zeros(()))
        example = torch.zeros(shape, device=parameter.device)
        with torch.no_grad():
            model = self._openvino.convert_model(network, example_input=example, input=list(shape))
        network.train(was_training)
        core = self._openvino.Core()
        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": self.precision}
        if self.cache_dir is not None:
            options["CACHE_DIR"] = self.cache_dir
        return core.compile_model(model, "CPU", options)


def _version(network: Callable[..., torch.Tensor]) -> int:
    """A number that grows whenever a weight of the network changes."""
    if not isinstance(network, torch.nn.Module):
        return 0
    # torch counts the changes of each tensor for its gradients; a tensor made in inference mode has no such count.
    tensors = (*network.parameters(), *network.buffers())
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())
