"""OpenVINO with converted networks that are kept from one run to the next."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import inferers


def cache_folder() -> Path:
    """Where converted networks are kept: below ``XDG_CACHE_HOME``, by default ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cxr-tb-common" / "openvino"


class OpenVINOInferer(inferers.OpenVINOInferer):
    """The bundles' inferer of this name, to the bit, that converts a network once and not in every run.

    Conversion takes seconds a network, reading a converted one hundredths. Files are named by a hash of the weights,
    of the code of the network, of the image size and of the versions of torch and OpenVINO; any of them that is another
    leads to another file. Where the folder cannot be written to, or a file in it cannot be read, the network is
    converted as always.

    Args:
        precision: see :class:`common.inferers.OpenVINOInferer`.
        folder: :func:`cache_folder` by default.
    """

    def __init__(self, precision: str = "bf16", folder: str | Path | None = None) -> None:
        super().__init__(precision)
        self.folder = cache_folder() if folder is None else Path(folder)

    def _convert(self, network: nn.Module, example: torch.Tensor) -> Any:
        path = self.folder / f"{self._name(network, example)}.xml"
        if path.is_file():
            with contextlib.suppress(RuntimeError):  # damaged
                return self._openvino.Core().read_model(path)
        # A trace that is not checked by a second one: the networks do not branch on what they see.
        traced = torch.jit.trace(network, example, check_trace=False)
        model = self._openvino.convert_model(traced, example_input=example, input=list(example.shape))
        with contextlib.suppress(OSError, RuntimeError):
            self._keep(model, path)
        return model

    def _keep(self, model: Any, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.stem}.{os.getpid()}.xml")
        try:
            self._openvino.save_model(model, draft, compress_to_fp16=False)
            draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
            draft.replace(path)  # last: what is there by this name is complete
        finally:
            for left in (draft, draft.with_suffix(".bin")):
                left.unlink(missing_ok=True)

    def _name(self, network: nn.Module, example: torch.Tensor) -> str:
        found = hashlib.sha256()
        for text in (torch.__version__, self._openvino.__version__, tuple(example.shape), network, *_code(network)):
            found.update(f"{text}\n".encode())
        for name, tensor in network.state_dict().items():
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()[:32]


def _code(network: nn.Module) -> list[str]:
    """The source files of the classes of a network, torch's own aside, of which the version tells."""
    modules = {kind.__module__ for part in network.modules() for kind in type(part).__mro__}
    own = sorted(name for name in modules if name.split(".")[0] not in ("torch", "builtins"))
    return [inspect.getsource(sys.modules[name]) for name in own]
