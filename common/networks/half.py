"""Weights as they are shipped: half the size."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import UsageError
from ..io.atomic import atomic_write
from .state import WeightsError, read_state

_HALF = torch.finfo(torch.float16)


@dataclass(frozen=True)
class Rounding:
    """What half precision did to the floating-point values of a file.

    Attributes:
        values: their number.
        relative_error: largest share by which a value changed, of the values from 6.1e-5 on (2 ** -14), which half
            precision holds with 11 significant bits: at most 2 ** -11.
        absolute_error: largest change of the smaller values, at most 3.0e-8 (2 ** -25).
        vanished: number of values other than 0 that became 0, being smaller than 3.0e-8.
    """

    values: int
    relative_error: float
    absolute_error: float
    vanished: int


def save_half(source: str | Path, target: str | Path) -> Rounding:
    """Write the floating-point tensors of a ``state_dict`` in half precision (IEEE 754 binary16).

    They load into a network of full precision as they are (``load_state_dict`` converts them); the rounding, 3 or 4
    decimal digits, moves a lung outline by less than a pixel here and there.

    Args:
        source: a ``state_dict`` file, or a checkpoint with the state under "model".
        target: file to write, completely or not at all.

    Returns:
        The account of the rounding.

    Raises:
        WeightsError: no ``state_dict`` there, or one with a value that is no finite number or beyond 65,504, the
            largest of half precision. Nothing is written.
        UsageError: the target cannot be written.
    """
    state = read_state(source)
    floating = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    for name, tensor in floating.items():
        beyond = tensor[~(tensor.abs() <= _HALF.max)]
        if beyond.numel():
            raise WeightsError.refuse(
                source,
                f"{beyond.numel()} values of {name} do not fit half precision (first: {float(beyond[0]):g})",
                f"finite values from {_HALF.min:g} to {_HALF.max:g}",
            )
    half = state | {name: tensor.half() for name, tensor in floating.items()}
    try:
        with atomic_write(target) as stream:
            torch.save(half, stream)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    before = torch.cat([torch.zeros(0), *(tensor.flatten() for tensor in floating.values())]).double()
    after = torch.cat([torch.zeros(0), *(half[name].flatten() for name in floating)]).double()
    return _rounding(before, after)


def _rounding(before: torch.Tensor, after: torch.Tensor) -> Rounding:
    change, size = (after - before).abs(), before.abs()
    normal = size >= _HALF.smallest_normal
    return Rounding(
        values=before.numel(),
        relative_error=float((change[normal] / size[normal]).max()) if normal.any() else 0.0,
        absolute_error=float(change[~normal].max()) if (~normal).any() else 0.0,
        vanished=int(((after == 0) & (before != 0)).sum()),
    )


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(
        prog="python -m common.networks.half", description="Write weights in half precision, as bundles ship them."
    )
    options.add_argument("source", type=Path, help="model.pt of a training run")
    options.add_argument("target", type=Path, help="file to write, e.g. bundles/lung_seg/models/model.pt")
    arguments = options.parse_args()
    try:
        # Source and target may be one file.
        before = _bytes(arguments.source)
        found = save_half(arguments.source, arguments.target)
    except UsageError as error:
        sys.exit(f"error: {error}")
    print(f"{arguments.source} ({before:,} bytes) -> {arguments.target} ({_bytes(arguments.target):,} bytes)")
    print(
        f"{found.values:,} values; largest relative error {found.relative_error:.1e}, of those below "
        f"{_HALF.smallest_normal:.1e} largest error {found.absolute_error:.1e}; {found.vanished:,} became 0"
    )


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


if __name__ == "__main__":
    main()
