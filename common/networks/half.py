"""Weights as they are shipped: half the size."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch


def save_half(source: str | Path, target: str | Path) -> None:
    """Write the floating-point tensors of a ``state_dict`` in half precision.

    They load into a network of full precision as they are (``load_state_dict`` converts them); the rounding, 3 or 4
    decimal digits, moves a lung outline by less than a pixel here and there.

    Args:
        source: a ``state_dict`` file, or a checkpoint with the state under "model".
        target: file to write.

    Raises:
        ValueError: a value that half precision cannot hold.
    """
    state = torch.load(source, map_location="cpu", weights_only=True)
    state = state.get("model", state)
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    broken = [name for name, tensor in half.items() if not torch.isfinite(tensor.float()).all()]
    if broken:
        raise ValueError(f"{source}: values of {broken[0]} do not fit half precision")
    torch.save(half, target)


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description="Write weights in half precision, as bundles ship them.")
    options.add_argument("source", type=Path, help="model.pt of a training run")
    options.add_argument("target", type=Path, help="file to write, e.g. bundles/lung_seg/models/model.pt")
    arguments = options.parse_args()
    try:
        save_half(arguments.source, arguments.target)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
