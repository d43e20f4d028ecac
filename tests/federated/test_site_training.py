"""The rounds of one site, without NVFlare's transport."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common.errors import explain
from common.federated import FederatedError, FederatedTask, Site, weights_sha256
from common.federated.initial import initial_state
from common.federated.site_log import own_log
from common.federated.site_training import SiteTraining


def north(bundles: Path, films: Path, output_dir: Path) -> Site:
    return Site(str(bundles), str(films), str(output_dir), ("north",))


@pytest.fixture(scope="module")
def start(bundles: Path, lung_task: FederatedTask) -> dict[str, torch.Tensor]:
    root = bundles / "lung_seg"
    return initial_state(lung_task.check(root), root, "none", seed=1)


@pytest.fixture(scope="module")
def trained(
    bundles: Path,
    films: Path,
    lung_task: FederatedTask,
    start: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[SiteTraining, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A site after two rounds, and what it sent in each."""
    training = SiteTraining(lung_task, north(bundles, films, tmp_path_factory.mktemp("north")), "north")
    first = training.train(start, 0)
    return training, first, training.train(first, 1)


def test_only_this_sites_training_images_are_counted(trained: tuple[SiteTraining, Any, Any]) -> None:
    assert trained[0].images == 3


def test_a_round_trains_and_keeps_names_shapes_and_types(
    trained: tuple[SiteTraining, Any, Any], start: dict[str, torch.Tensor]
) -> None:
    _, first, second = trained
    assert list(first) == list(start)
    for name, tensor in first.items():
        assert tensor.shape == start[name].shape
        assert tensor.dtype == start[name].dtype
    assert not torch.equal(first["head.weight"], start["head.weight"])
    assert not torch.equal(first["head.weight"], second["head.weight"])


def test_what_was_sent_is_not_changed_by_later_rounds(trained: tuple[SiteTraining, Any, Any]) -> None:
    training, first, second = trained
    rounds = json.loads((training.output_dir / "rounds.json").read_text(encoding="utf-8"))
    assert [entry["trained_sha256"] for entry in rounds] == [weights_sha256(first), weights_sha256(second)]


def test_a_round_does_not_depend_on_the_rounds_before_it(
    bundles: Path, films: Path, lung_task: FederatedTask, trained: tuple[SiteTraining, Any, Any], tmp_path: Path
) -> None:
    """A site that was restarted goes on with the same bits: no optimiser and no counter survive a round."""
    _, first, second = trained
    fresh = SiteTraining(lung_task, north(bundles, films, tmp_path), "north")
    assert weights_sha256(fresh.train(first, 1)) == weights_sha256(second)
    assert weights_sha256(fresh.train(first, 1)) == weights_sha256(second)


def test_each_round_draws_its_own_random_numbers(
    trained: tuple[SiteTraining, Any, Any], start: dict[str, torch.Tensor]
) -> None:
    training, first, _ = trained
    assert weights_sha256(training.train(start, 5)) != weights_sha256(first)


def test_a_classifier_trains_from_the_federations_weights_and_not_from_imagenet(
    bundles: Path, films: Path, tmp_path: Path
) -> None:
    task = FederatedTask(
        bundle="tb_cls", settings={"image_size": [64, 64], "batch_size": 3, "amp": False, "learning_rate": 0.0}
    )
    root = bundles / "tb_cls"
    start = initial_state(task.check(root), root, "none", seed=4)
    training = SiteTraining(task, north(bundles, films, tmp_path), "north")
    after = training.train(start, 0)
    for name, tensor in after.items():
        if "running_" not in name and "num_batches" not in name:
            assert torch.equal(tensor, start[name]), name


def test_weights_of_another_network_do_not_come_in(
    trained: tuple[SiteTraining, Any, Any], start: dict[str, torch.Tensor]
) -> None:
    training = trained[0]
    with pytest.raises(FederatedError, match="weights of the federation: weights of another network"):
        training.train({name: tensor for name, tensor in start.items() if name != "head.bias"}, 0)
    broken = {name: tensor.clone() for name, tensor in start.items()}
    broken["head.bias"][0] = np.nan
    with pytest.raises(FederatedError, match=r"weights of the federation: head\.bias holds NaN"):
        training.train(broken, 0)


def test_a_site_without_rows_says_so(bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path) -> None:
    site = replace(north(bundles, films, tmp_path), sites=("west",))
    with pytest.raises(RuntimeError) as caught:
        SiteTraining(lung_task, site, "west")
    assert explain(caught.value) == "unknown site west; the index has north, south"


def test_messages_of_training_stay_in_the_sites_own_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "training.log"
    with own_log(file):
        for name in ("ignite.engine.engine.SupervisedTrainer", "common.data.lung_items", "monai.data"):
            logging.getLogger(name).error("of SECRET_1.png")
        logging.getLogger("nvflare.somewhere").error("round 1")
    assert "SECRET" not in caplog.text
    assert "round 1" in caplog.text
    assert file.read_text(encoding="utf-8").count("SECRET_1.png") == 3
    logging.getLogger("common.data").error("afterwards")
    assert "afterwards" in caplog.text


def test_a_message_holds_nothing_but_weights_and_the_count(trained: tuple[SiteTraining, Any, Any], films: Path) -> None:
    pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")
    from nvflare.apis.utils.decomposers import flare_decomposers
    from nvflare.app_common.decomposers import common_decomposers
    from nvflare.app_common.utils.fl_model_utils import FLModelUtils
    from nvflare.fuel.utils import fobs

    from common.federated.client import contribution

    training, first, _ = trained
    message = FLModelUtils.to_shareable(
        contribution({name: tensor.numpy() for name, tensor in first.items()}, training.images)
    )
    assert set(message["DXO"]["data"]) == set(first)
    assert message["DXO"]["meta"]["NUM_STEPS_CURRENT_ROUND"] == 3
    flare_decomposers.register()
    common_decomposers.register()
    data = fobs.dumps(message)
    for secret in ("SECRET", "PATIENT", str(films), str(training.output_dir), "north"):
        assert secret.encode() not in data
    assert len(data) < 1.1 * sum(tensor.numel() * tensor.element_size() for tensor in first.values()) + 20_000
