"""The arithmetic of a round, and contributions that must not enter it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from common.federated import FederatedError, average, check_like, weights_sha256

RNG = np.random.default_rng(0)


def state(**changes: Any) -> dict[str, Any]:
    return {
        "conv.weight": RNG.normal(size=(4, 2, 3)).astype(np.float32),
        "norm.running_mean": RNG.normal(size=4).astype(np.float32),
        "norm.num_batches_tracked": np.array(7, np.int64),
    } | changes


def test_the_mean_is_weighted_by_images() -> None:
    first, second = state(), state()
    mean = average([first, second], [30, 10])
    for name in ("conv.weight", "norm.running_mean"):
        assert np.allclose(mean[name], 0.75 * first[name] + 0.25 * second[name], atol=1e-7)
        assert mean[name].dtype == np.float32


def test_counters_stay_whole() -> None:
    first = state(**{"norm.num_batches_tracked": np.array(10, np.int64)})
    second = state(**{"norm.num_batches_tracked": np.array(21, np.int64)})
    counter = average([first, second], [1, 1])["norm.num_batches_tracked"]
    assert counter.dtype == np.int64
    assert counter.shape == ()
    assert counter in (15, 16)


def test_equal_states_and_single_sites_are_kept_to_the_bit() -> None:
    only = state()
    for states, counts in (([only], [5]), ([only, only], [3, 9])):
        assert weights_sha256(average(states, counts)) == weights_sha256(only)


def test_one_step_of_two_sites_is_a_step_on_all_their_data() -> None:
    """With one gradient step a round, averaging by images equals training in one place (McMahan et al., 2017)."""
    torch.manual_seed(0)
    inputs, targets = torch.randn(12, 5, dtype=torch.float64), torch.randn(12, 1, dtype=torch.float64)
    start = torch.nn.Linear(5, 1).double().state_dict()

    def step(rows: slice) -> dict[str, Any]:
        network = torch.nn.Linear(5, 1).double()
        network.load_state_dict(start)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        torch.nn.functional.mse_loss(network(inputs[rows]), targets[rows]).backward()
        optimizer.step()
        return {name: tensor.numpy() for name, tensor in network.state_dict().items()}

    together = average([step(slice(0, 8)), step(slice(8, 12))], [8, 4])
    pooled = step(slice(0, 12))
    for name, value in pooled.items():
        assert np.allclose(together[name], value, atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    broken = state()
    broken["conv.weight"][1, 1, 1] = bad
    with pytest.raises(FederatedError, match=r"^site: conv.weight holds NaN or infinite values$"):
        check_like(broken, state(), "site")


def test_weights_of_another_network_are_refused() -> None:
    other = state(**{"conv.weight": np.zeros((4, 2, 5), np.float32), "extra": np.zeros(1)})
    del other["norm.running_mean"]
    with pytest.raises(FederatedError) as caught:
        check_like(other, state(), "site")
    line = str(caught.value)
    assert line.startswith("site: weights of another network: ")
    for part in ("1 tensors missing (first: norm.running_mean)", "first: extra", "1 other shapes (first: conv.weight)"):
        assert part in line


def test_the_hash_is_that_of_the_values_whatever_holds_them() -> None:
    arrays = state()
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in reversed(list(arrays.items()))}
    assert weights_sha256(arrays) == weights_sha256(tensors)
    tensors["conv.weight"] = tensors["conv.weight"].clone()
    tensors["conv.weight"][0, 0, 0] += 1e-6
    assert weights_sha256(arrays) != weights_sha256(tensors)
