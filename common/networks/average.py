"""One network from the weights of several runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import UsageError
from ..io.atomic import atomic_write
from .state import WeightsError, read_state


def average_states(sources: Sequence[str | Path]) -> dict[str, torch.Tensor]:
    """The mean of the weights of several runs of one network, a uniform model soup (Wortsman et al., ICML 2022).

    It is as fast as one network and often better than each, if all runs started from the same pretrained weights; from
    different random weights the mean is worth nothing. Measure it on validation data before you use it.

    Args:
        sources: ``state_dict`` files of the same network.

    Returns:
        Means of the floating-point tensors (running statistics of batch normalisation included), others of the first.

    Raises:
        WeightsError: a file that cannot be read, or the weights of another network than the first.
        UsageError: fewer than two files.
    """
    if len(sources) < 2:
        raise UsageError(f"at least two files of weights are needed, got {len(sources)}")
    states = [read_state(source) for source in sources]
    first = states[0]
    for source, state in zip(sources, states, strict=True):
        if {name: tensor.shape for name, tensor in state.items()} != {n: t.shape for n, t in first.items()}:
            raise WeightsError.refuse(source, "weights of another network", f"the same tensors as in {sources[0]}")
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(
        prog="python -m common.networks.average",
        description="Average the weights of several runs that started from the same pretrained weights.",
    )
    options.add_argument("sources", type=Path, nargs="+", help="model.pt of each run")
    options.add_argument("--output", type=Path, required=True, help="file to write")
    arguments = options.parse_args()
    try:
        state = average_states(arguments.sources)
        with atomic_write(arguments.output) as stream:
            torch.save(state, stream)
    except UsageError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {arguments.output}: cannot be written ({error.strerror or error})")
    print(f"mean of {len(arguments.sources)} runs: {arguments.output}")


if __name__ == "__main__":
    main()
