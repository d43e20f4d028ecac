"""Training: what it writes, what it starts from, and how it goes on after an interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bundle_facts import Bundle
from ignite.engine import Engine
from PIL import Image
from training_files import assert_equal, curves, state

from common.errors import UsageError
from common.handlers import EpochSeed, LossError, ResumeFileError, WeightsError
from common.networks import TinyUNet


@pytest.fixture
def stopped_in_epoch_3(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Power fails when the third epoch of a run begins; ``undo`` brings it back."""
    original = EpochSeed.__call__

    def stop(handler: EpochSeed, engine: Engine) -> None:
        if engine.state.epoch == 3:
            raise KeyboardInterrupt
        original(handler, engine)

    monkeypatch.setattr(EpochSeed, "__call__", stop)
    return monkeypatch


def test_the_loss_falls_and_all_files_are_written(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    options = {"num_epochs": 20, "use_tensorboard": True, "affine_prob": 0.0, "noise_prob": 0.0}
    assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path, **{**options, **bundle.learning}) == 0
    table = curves(tmp_path)
    assert list(table["epoch"]) == list(range(1, 21))
    assert table["loss"].iloc[-1] < 0.6 * table["loss"].iloc[0]
    assert table[bundle.metric].between(0, 1).all()
    if bundle.metric_rises:
        assert table[bundle.metric].iloc[-1] > table[bundle.metric].iloc[0]
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1100, 440)
    assert list(tmp_path.glob("events.out.tfevents.*"))
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert record["epochs"] == 20
    assert sum(record["images"]["train"].values()) == 6
    assert sum(record["images"]["val"].values()) == 2
    best = state(tmp_path)["selection"]
    assert best["best"] == pytest.approx(table[bundle.metric].max(), abs=1e-6)
    assert best["best_epoch"] == table["epoch"][table[bundle.metric].idxmax()]


def test_the_saved_weights_are_those_of_the_best_epoch(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    options = {"learning_rate": 0.01, "num_epochs": 4}
    assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path, **options) == 0
    best = state(tmp_path)["selection"]
    again = tmp_path / "again"
    assert bundle.train(dataset_dir=phantoms, output_dir=again, learning_rate=0.01, num_epochs=best["best_epoch"]) == 0
    assert_equal(state(tmp_path, "model"), dict(state(again)["network"]))


@pytest.mark.parametrize("overlays", [[], ["cosine"]])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    bundle: Bundle, phantoms: Path, tmp_path: Path, stopped_in_epoch_3: pytest.MonkeyPatch, overlays: list[str]
) -> None:
    options = {"dataset_dir": phantoms, "num_epochs": 4, "plateau_patience": 0, "learning_rate": 0.01}
    options |= {"flip_prob": 0.5, "contrast_prob": 1.0, "noise_prob": 1.0}
    with pytest.raises(KeyboardInterrupt):
        bundle.train(*overlays, output_dir=tmp_path / "parts", **options)
    stopped_in_epoch_3.undo()
    assert state(tmp_path / "parts")["trainer"] == {"epoch": 2, "iteration": 6}
    assert bundle.train(*overlays, "resume", output_dir=tmp_path / "parts", **options) == 0
    assert bundle.train(*overlays, output_dir=tmp_path / "whole", **options) == 0

    parts, whole = state(tmp_path / "parts"), state(tmp_path / "whole")
    assert whole["trainer"] == {"epoch": 4, "iteration": 12}
    for content in (parts, whole):
        del content["record"]  # the time that it took
        for row in content["curves"]["rows"]:
            del row["seconds"]
    assert_equal(parts, whole)
    assert_equal(state(tmp_path / "parts", "model"), state(tmp_path / "whole", "model"))
    assert list(curves(tmp_path / "parts")["epoch"]) == [1, 2, 3, 4]


def test_two_runs_from_one_seed_are_equal_and_from_two_seeds_are_not(
    bundle: Bundle, phantoms: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path / name, num_epochs=1, seed=seed) == 0
    a, b, c = (state(tmp_path / name)["network"] for name in "abc")
    assert_equal(a, b)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_best_value_and_patience_survive_an_interruption(
    bundle: Bundle, phantoms: Path, tmp_path: Path, stopped_in_epoch_3: pytest.MonkeyPatch
) -> None:
    # A network that does not learn: every epoch is as good as the first, and patience runs out in the fourth.
    options = {
        "dataset_dir": phantoms,
        "output_dir": tmp_path,
        "num_epochs": 9,
        "early_stop_patience": 3,
        "network_def": bundle.other_network,
        "optimizer": {"_target_": "torch.optim.SGD", "params": "$@network.parameters()", "lr": 0.0},
    }
    with pytest.raises(KeyboardInterrupt):
        bundle.train("cosine", **options)
    stopped_in_epoch_3.undo()
    assert state(tmp_path)["selection"]["waited"] == 1
    first = (tmp_path / "models" / "model.pt").stat().st_mtime_ns
    assert bundle.train("cosine", "resume", **options) == 0
    ended = state(tmp_path)
    assert ended["trainer"]["epoch"] == 4
    assert ended["selection"]["waited"] == 3
    assert ended["selection"]["best_epoch"] == 1
    assert (tmp_path / "models" / "model.pt").stat().st_mtime_ns == first


def test_resuming_a_finished_run_trains_no_further(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": phantoms, "output_dir": tmp_path, "num_epochs": 1}
    assert bundle.train(**options) == 0
    before = state(tmp_path)
    assert bundle.train("resume", **options) == 0
    assert_equal(state(tmp_path), before)


def test_resuming_needs_no_weights_to_start_from(lung_seg: Bundle, phantoms: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.pt"
    torch.save(TinyUNet().state_dict(), start)
    options = {"dataset_dir": phantoms, "output_dir": tmp_path / "run", "limit": 2, "initial_weights": start}
    assert lung_seg.train(num_epochs=1, **options) == 0
    start.unlink()
    assert lung_seg.train("resume", num_epochs=2, encoder_weights="imagenet", **options) == 0
    assert state(tmp_path / "run")["trainer"]["epoch"] == 2


def test_a_loss_that_is_no_number_ends_the_run_with_an_error(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(
        LossError, match=r"the training loss is nan in epoch 1, iteration 2: try a smaller learning_rate"
    ):
        bundle.train(dataset_dir=phantoms, output_dir=tmp_path, learning_rate=1e30, amp=False)
    assert not (tmp_path / "models").exists()


def test_a_metric_that_validation_does_not_give_is_refused_beforehand(
    bundle: Bundle, phantoms: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"^key_metric val_accuracy: validation gives {bundle.metric}$"):
        bundle.train(dataset_dir=phantoms, output_dir=tmp_path / "out", key_metric="val_accuracy")
    assert not (tmp_path / "out").exists()


def test_no_checkpoint_to_resume_from_is_an_error(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(ResumeFileError, match=r"last\.pt: no checkpoint to resume from; start without resume\.yaml"):
        bundle.train("resume", dataset_dir=phantoms, output_dir=tmp_path)


def test_a_checkpoint_of_another_network_is_an_error(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": phantoms, "output_dir": tmp_path, "num_epochs": 1}
    assert bundle.train(**options) == 0
    other = bundle.other_network
    with pytest.raises(ResumeFileError, match=r"last\.pt: state of network belongs to another run"):
        bundle.train("resume", network_def=other, **options)


def test_training_starts_from_given_weights(bundle: Bundle, phantoms: Path, trained: Path, tmp_path: Path) -> None:
    given = trained / "models" / "model.pt"
    options = {"initial_weights": given, "learning_rate": 0.0, "num_epochs": 1}
    assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path, **options) == 0
    expected, found = torch.load(given, weights_only=True), state(tmp_path)["network"]
    learned = [name for name in expected if "running_" not in name and "num_batches" not in name]
    assert learned
    assert_equal({name: found[name] for name in learned}, {name: expected[name] for name in learned})


def test_weights_of_another_network_to_start_from_are_an_error(
    bundle: Bundle, phantoms: Path, trained: Path, tmp_path: Path
) -> None:
    other = bundle.other_network
    with pytest.raises(
        WeightsError,
        match=rf"model\.pt: weights of another network than {other['_target_'].rsplit('.')[-1]}: \d+ tensors missing",
    ):
        bundle.train(
            dataset_dir=phantoms,
            output_dir=tmp_path,
            network_def=other,
            initial_weights=trained / "models" / "model.pt",
        )
    assert not (tmp_path / "models").exists()


def test_a_pretrained_encoder_is_taken_over(lung_seg: Bundle, phantoms: Path, tmp_path: Path) -> None:
    from common.networks import VGGFeatures

    torch.manual_seed(7)
    features = VGGFeatures(16)
    torch.save(features.state_dict(), tmp_path / "encoder.pt")
    network = {"_target_": "common.networks.VGGUNet", "depth": 16, "out_channels": 1, "decoder_features": [4, 4, 4, 4]}
    options = {"encoder_weights": tmp_path / "encoder.pt", "learning_rate": 0.0, "num_epochs": 1, "limit": 2}
    assert lung_seg.train(dataset_dir=phantoms, output_dir=tmp_path, network_def=network, **options) == 0
    found = state(tmp_path)["network"]
    taken = {name.removeprefix("encoder."): value for name, value in found.items() if name.startswith("encoder.")}
    assert_equal({name: taken[name] for name in features.state_dict()}, dict(features.state_dict()))
