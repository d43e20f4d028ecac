"""Training in rounds at one site, and the choice of a round by validation images."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.metrics import compute_generalized_dice

from common.data import lung_items
from common.federated import FederatedError, FederatedTask, weights_sha256
from common.federated.initial import initial_state
from common.federated.kept_rounds import round_files, write_round
from common.federated.local import train_alone
from common.federated.plan import Plan
from common.federated.selection import SiteValidation, best_round, choose_round
from common.federated.site_training import SiteTraining
from common.networks import read_state


def make_plan(bundles: Path, films: Path, task: FederatedTask, folder: Path, **changes: Any) -> Plan:
    options = {"sites": {"north": ("north",)}, "rounds": 2, "initial": "none", "seed": 3, "keep_rounds": True} | changes
    return Plan(replace(task, epoch_steps=1), bundles, films, folder, **options)


@pytest.fixture(scope="module")
def begun(
    bundles: Path, films: Path, lung_task: FederatedTask, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Plan, dict[str, Any]]:
    """A site that has trained two rounds for itself."""
    plan = make_plan(bundles, films, lung_task, tmp_path_factory.mktemp("alone") / "run")
    return plan, train_alone(plan, tell=lambda line: None)


def test_every_round_is_kept_and_the_last_is_the_result(begun: tuple[Plan, dict[str, Any]]) -> None:
    plan, record = begun
    files = round_files(plan.output_dir)
    assert list(files) == [0, 1]
    found = [weights_sha256(read_state(file)) for file in files.values()]
    assert found == [entry["trained_sha256"] for entry in record["rounds"]]
    assert found[1] == weights_sha256(read_state(plan.output_dir / "model.pt")) == record["weights_sha256"]


def test_an_epoch_has_as_many_steps_as_were_asked_for(begun: tuple[Plan, dict[str, Any]]) -> None:
    _, record = begun
    assert [entry["steps"] for entry in record["rounds"]] == [1, 1]
    assert [entry["images"] for entry in record["rounds"]] == [3, 3]


def test_a_training_that_goes_on_is_one_that_was_never_stopped(
    begun: tuple[Plan, dict[str, Any]], bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path
) -> None:
    _, record = begun
    short = make_plan(bundles, films, lung_task, tmp_path / "run", rounds=1)
    lines: list[str] = []
    train_alone(short, tell=lines.append)
    with pytest.raises(FederatedError, match="belongs to an earlier run; --resume"):
        train_alone(short)
    whole = train_alone(replace(short, rounds=2), resume=True, tell=lines.append)
    assert whole["weights_sha256"] == record["weights_sha256"]
    assert len(lines) == 2
    assert train_alone(replace(short, rounds=2), resume=True, tell=lines.append) == whole
    assert len(lines) == 2
    with pytest.raises(FederatedError, match="another federation than this one"):
        train_alone(replace(short, seed=4), resume=True)


def test_weights_without_their_record_are_not_gone_on_from(
    begun: tuple[Plan, dict[str, Any]], bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path
) -> None:
    """Killed after the weights of a round and before its record: the training begins again."""
    _, record = begun
    plan = make_plan(bundles, films, lung_task, tmp_path / "run", rounds=1)
    train_alone(plan, tell=lambda line: None)
    torch.save(initial_state(plan.check(), plan.bundle_root, "none", seed=9), plan.output_dir / "model.pt")
    again = train_alone(replace(plan, rounds=2), resume=True, tell=lambda line: None)
    assert again["weights_sha256"] == record["weights_sha256"]


@pytest.mark.parametrize("site_balance", [0.0, 0.5])
def test_more_steps_than_images_repeat_them(
    bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path, site_balance: float
) -> None:
    plan = make_plan(bundles, films, lung_task, tmp_path)
    settings = {**plan.task.settings, "site_balance": site_balance}
    training = SiteTraining(replace(plan.task, epoch_steps=5, settings=settings), plan.site("north"), "north")
    batches: list[int] = []
    training.algo.trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: batches.append(len(engine.state.batch))
    )
    training.train(initial_state(plan.check(), plan.bundle_root, "none"), 3)
    assert batches == [2, 2, 2, 2, 2]
    assert training.algo.trainer.state.epoch == 4


def test_a_sites_value_is_that_of_its_validation_list(
    bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path
) -> None:
    plan = make_plan(bundles, films, lung_task, tmp_path)
    state = initial_state(plan.check(), plan.bundle_root, "none", seed=5)
    file = write_round(tmp_path, 0, state)
    validation = SiteValidation(plan, "south")
    value = validation(file)
    images = validation.evaluator.data_loader.dataset
    assert [Path(item["image"].meta["filename_or_obj"]).name for item in images] == [
        Path(item["image"]).name for item in lung_items(films, sites=["south"], splits=["val"])
    ]
    validation.network.eval()
    dice = []
    with torch.no_grad():
        for item in images:
            masks = (validation.network(item["image"][None]).sigmoid() >= 0.5).float()
            dice.append(float(compute_generalized_dice(masks, item["label"][None])))
    assert validation.metric == "val_mean_dice"
    assert value == pytest.approx(sum(dice) / len(dice), abs=1e-4)


def test_the_best_round_is_the_earliest_of_the_highest_means() -> None:
    values = {"0": {"a": 0.5, "b": 0.7}, "1": {"a": 0.9, "b": 0.4}, "2": {"a": 0.4, "b": 0.9}, "10": {"a": 0.1, "b": 1}}
    assert best_round(values) == 1


@pytest.fixture
def valued(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[float, float]], None]:
    """Lets weights be worth what a test says, by their first value, a tenth less at south."""

    def replace_validation(worth: dict[float, float]) -> None:
        class Validation:
            metric = "worth"

            def __init__(self, plan: Plan, row: str) -> None:
                self.less = 0.1 if row == "south" else 0.0

            def __call__(self, weights: Path) -> float:
                return worth[float(torch.load(weights, weights_only=True)["x"])] - self.less

        monkeypatch.setattr("common.federated.selection.SiteValidation", Validation)

    return replace_validation


def test_the_best_weights_are_kept_and_the_others_deleted(
    bundles: Path, films: Path, lung_task: FederatedTask, tmp_path: Path, valued: Callable[[dict[float, float]], None]
) -> None:
    plan = make_plan(bundles, films, lung_task, tmp_path, sites={"north": ("north",), "south": ("south",)})
    valued({0.0: 0.6, 1.0: 0.8, 2.0: 0.7, 3.0: 0.8, 4.0: 0.9})
    with pytest.raises(FederatedError, match="no weights of rounds were kept"):
        choose_round(plan)
    for number in range(3):
        write_round(tmp_path, number, {"x": torch.tensor(float(number))})
    choice = choose_round(plan)
    assert choice["best"] == 1
    assert choice["rounds"]["2"] == {"north": 0.7, "south": 0.6}
    assert round_files(tmp_path) == {}
    for number, best in ((3, 1), (4, 4)):
        write_round(tmp_path, number, {"x": torch.tensor(float(number))})
        assert choose_round(plan)["best"] == best
        assert float(torch.load(tmp_path / "best.pt", weights_only=True)["x"]) == best
    assert choose_round(plan) == json.loads((tmp_path / "choice.json").read_text(encoding="utf-8"))


def test_a_choice_that_was_interrupted_comes_out_the_same(
    bundles: Path,
    films: Path,
    lung_task: FederatedTask,
    tmp_path: Path,
    valued: Callable[[dict[float, float]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = make_plan(bundles, films, lung_task, tmp_path)
    valued({0.0: 0.6, 1.0: 0.8, 2.0: 0.7})
    for number in range(3):
        write_round(tmp_path, number, {"x": torch.tensor(float(number))})
    unlink = os.unlink
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "unlink", lambda self, missing_ok=False: unlink("/nowhere") if self.suffix == ".pt" else None
        )
        with pytest.raises(FileNotFoundError):
            choose_round(plan)
    choice = choose_round(plan)
    assert (choice["best"], sorted(choice["rounds"])) == (1, ["0", "1", "2"])
    assert float(torch.load(tmp_path / "best.pt", weights_only=True)["x"]) == 1.0
