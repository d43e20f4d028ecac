"""The server's part: which contributions count, what becomes of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")

from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from common.federated import FederatedError, average, weights_sha256
from common.federated.aggregator import CheckedAverage
from common.federated.client import contribution
from common.federated.kept_rounds import round_files
from common.networks import read_state

GLOBAL = {"weight": np.zeros((2, 3), np.float32), "counter": np.array(0, np.int64)}


def sent(name: str, value: float, images: Any = 10, **changes: Any) -> FLModel:
    params = {"weight": np.full((2, 3), value, np.float32), "counter": np.array(4, np.int64)} | changes
    model = contribution(params, images)
    model.meta["client_name"] = name
    return model


def begun(*names: str, min_clients: int = 1) -> CheckedAverage:
    server = CheckedAverage(min_clients)
    server.begin(0, GLOBAL, names)
    return server


def test_contributions_are_averaged_by_images() -> None:
    server = begun("north", "south")
    server.accept_model(sent("north", 1.0, 30))
    server.accept_model(sent("south", 5.0, 10))
    mean = server.aggregate_model()
    assert mean.params_type == ParamsType.FULL
    assert np.allclose(mean.params["weight"], 2.0)
    entry = server.rounds[0]
    assert entry["images"] == {"north": 30, "south": 10}
    assert entry["silent"] == []
    assert entry["weights_sha256"] == weights_sha256(mean.params)


def test_the_order_of_answers_makes_no_difference() -> None:
    rng = np.random.default_rng(1)
    models = [
        (name, rng.normal(size=(2, 3)).astype(np.float32), images) for name, images in (("a", 3), ("b", 7), ("c", 11))
    ]
    hashes = set()
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        server = begun("a", "b", "c")
        for name, weight, images in (models[i] for i in order):
            server.accept_model(sent(name, 0.0, images, weight=weight))
        hashes.add(weights_sha256(server.aggregate_model().params))
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (sent("south", np.nan), "south: weight holds NaN or infinite values"),
        (sent("south", 1.0, weight=np.zeros((3, 3), np.float32)), "south: weights of another network: 1 other shapes"),
        (sent("south", 1.0, 0), "south: a number of images from 1 on is needed, got 0"),
        (sent("south", 1.0, True), "south: a number of images from 1 on is needed, got True"),
        (sent("south", 1.0, None), "south: a number of images from 1 on is needed, got None"),
    ],
)
def test_a_broken_contribution_is_left_out_and_named(broken: FLModel, line: str) -> None:
    server = begun("north", "south")
    server.accept_model(sent("north", 2.0))
    with pytest.raises(FederatedError, match=line):
        server.accept_model(broken)
    mean = server.aggregate_model()
    assert np.array_equal(mean.params["weight"], np.full((2, 3), 2.0, np.float32))
    assert server.rounds[0]["images"] == {"north": 10}
    assert server.rounds[0]["refused"]["south"].startswith(line)


def test_differences_are_no_weights() -> None:
    model = sent("north", 1.0)
    model.params_type = ParamsType.DIFF
    with pytest.raises(FederatedError, match="north: whole weights are needed"):
        begun("north").accept_model(model)


def test_a_round_with_too_few_sites_says_who_was_missing() -> None:
    server = begun("east", "north", "south", min_clients=2)
    server.accept_model(sent("north", 1.0))
    with pytest.raises(FederatedError, match="NaN"):
        server.accept_model(sent("south", np.nan))
    with pytest.raises(FederatedError) as caught:
        server.aggregate_model()
    assert str(caught.value) == (
        "round 0: 1 of 3 sites contributed, 2 needed (south: weight holds NaN or infinite values; east: no answer)"
    )


def test_a_silent_site_is_written_down() -> None:
    server = begun("north", "south")
    server.accept_model(sent("north", 1.0))
    server.aggregate_model()
    assert server.rounds[0]["silent"] == ["south"]


def test_each_round_begins_empty() -> None:
    server = begun("north")
    server.accept_model(sent("north", 1.0))
    server.aggregate_model()
    server.begin(1, GLOBAL, ["south"])
    server.accept_model(sent("south", 3.0))
    assert np.allclose(server.aggregate_model().params["weight"], 3.0)
    assert [entry["images"] for entry in server.rounds] == [{"north": 10}, {"south": 10}]


def test_a_contribution_is_weights_and_one_number() -> None:
    model = contribution(dict(GLOBAL), 12)
    assert model.params == GLOBAL
    assert model.meta == {FLMetaKey.NUM_STEPS_CURRENT_ROUND: 12}
    assert model.metrics is None
    assert model.optimizer_params is None


def test_sites_are_asked_again_only_when_they_answered() -> None:
    from common.federated.controller import TolerantFedAvg

    class Engine:
        def get_clients(self) -> list[Any]:
            return [type("Client", (), {"name": name}) for name in ("south", "north", "east")]

    server = TolerantFedAvg(num_rounds=2, min_clients=1, round_timeout=5)
    server.engine = Engine()
    server.info = lambda text: None
    assert server.sample_clients() == ["east", "north", "south"]
    asked: dict[str, Any] = {}
    server.broadcast_model = lambda **options: asked.update(options)
    taken: list[FLModel] = []
    data = FLModel(params=GLOBAL, params_type=ParamsType.FULL, current_round=0)
    server.send_model(data=data, targets=["east", "north", "south"], callback=taken.append)
    assert asked["timeout"] == asked["wait_time_after_min_received"] == 5
    assert asked["min_responses"] == 1
    for name in ("north", "east"):
        asked["callback"](sent(name, 1.0))
    assert len(taken) == 2
    assert server.sample_clients() == ["east", "north"]


@pytest.mark.parametrize("keep", [False, True])
def test_the_server_keeps_the_weights_of_rounds_when_asked_to(
    keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nvflare.app_common.workflows.fedavg import FedAvg

    from common.federated.controller import TolerantFedAvg

    monkeypatch.setattr(FedAvg, "save_model", lambda self, model: None)
    server = TolerantFedAvg(num_rounds=9, start_round=7, round_timeout=5, keep_rounds=keep)
    server.get_run_dir = lambda: str(tmp_path)
    for number in (7, 8):
        server.aggregator.begin(number, GLOBAL, ["north"])
        server.aggregator.accept_model(sent("north", float(number)))
        server.save_model(server.aggregator.aggregate_model())
    state = torch.load(tmp_path / "federation.pt", weights_only=True)["model"]
    assert float(state["weight"][0, 0]) == 8.0
    kept = {number: float(read_state(file)["weight"][0, 0]) for number, file in round_files(tmp_path).items()}
    assert kept == ({7: 7.0, 8: 8.0} if keep else {})


def test_average_is_what_the_server_uses() -> None:
    server = begun("north", "south")
    first, second = sent("north", 1.0, 3), sent("south", 2.0, 4)
    server.accept_model(first)
    server.accept_model(second)
    assert weights_sha256(server.aggregate_model().params) == weights_sha256(
        average([sent("north", 1.0).params, sent("south", 2.0).params], [3, 4])
    )
