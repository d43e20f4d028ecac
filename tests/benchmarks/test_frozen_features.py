"""The benchmark of frozen features: honest splits, figures that are right, features that are extracted once."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from common.errors import UsageError
from common.networks import EfficientNetLite, WeightsError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        yield importlib.import_module("benchmarks.frozen_features")


def made_up_rows(count: int = 120) -> pd.DataFrame:
    """Two sites with two images a patient, and an external one."""
    rng = np.random.default_rng(0)
    sites = np.repeat(["montgomery", "shenzhen", "india_da"], count // 3)
    patients = [f"{site}/{index // 2}" for index, site in enumerate(sites)]
    # Both images of a patient are of one class and on one list.
    labels = np.repeat(rng.integers(0, 2, count // 2), 2)
    lists = np.repeat(rng.choice(["train", "train", "val", "test"], count // 2), 2)
    return pd.DataFrame(
        {"dataset": sites, "patient": patients, "tb": labels.astype(str), "cls_split": lists, "image": patients}
    )


def informative(rows: pd.DataFrame, spread: float = 0.4) -> np.ndarray:
    """Six features, of which the first tells the classes apart; the second is the number of the row."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(len(rows), 6))
    x[:, 0] = rows["tb"].astype(int) + spread * x[:, 0]
    x[:, 1] = np.arange(len(rows))
    return x.astype(np.float32)


@pytest.fixture
def seen(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[int], ...]]:
    """Rows that classifiers learned from, stopped on and were asked about; the first feature is their score."""
    calls: list[tuple[set[int], ...]] = []

    def rows_of(*parts: np.ndarray) -> None:
        calls.append(tuple(set(part[:, 1].astype(int)) for part in parts))

    def logistic(train: Any, x: np.ndarray, seed: int) -> np.ndarray:
        rows_of(train.x, train.x[:0], x)
        return x[:, 0]

    def perceptron(train: Any, val: Any, x: np.ndarray, seed: int) -> np.ndarray:
        rows_of(train.x, val.x, x)
        return x[:, 0]

    monkeypatch.setattr(bench, "logistic", logistic)
    monkeypatch.setattr(bench, "perceptron", perceptron)
    return calls


def test_random_splits_keep_patients_together(bench: ModuleType, seen: list[tuple[set[int], ...]]) -> None:
    rows = made_up_rows()
    lines = list(bench.random_splits(rows, informative(rows), 4))
    assert len(lines) == len(seen) == 8
    patient = rows["patient"].to_numpy()
    for learned, stopped, asked in seen:
        assert not {patient[row] for row in learned | stopped} & {patient[row] for row in asked}
        assert not {patient[row] for row in learned} & {patient[row] for row in stopped}
        assert set(rows["dataset"].iloc[list(learned | stopped | asked)]) == {"montgomery", "shenzhen"}
        assert len(asked) == 16
    # Whatever stops the perceptron, logistic regression learns from, and both are asked about the same images.
    for regression, network in zip(seen[::2], seen[1::2], strict=True):
        assert regression[0] == network[0] | network[1]
        assert regression[2] == network[2]
    assert len({frozenset(asked) for _, _, asked in seen}) == 4


def test_every_extractor_gets_the_same_splits(bench: ModuleType, seen: list[tuple[set[int], ...]]) -> None:
    rows = made_up_rows()
    first = informative(rows)
    second = first + np.float32(3) * (np.arange(6) != 1)
    list(bench.random_splits(rows, first, 3))
    list(bench.random_splits(rows, second.astype(np.float32), 3))
    assert seen[:6] == seen[6:]


def test_published_lists_never_learn_from_the_external_site(
    bench: ModuleType, seen: list[tuple[set[int], ...]]
) -> None:
    rows = made_up_rows()
    x = informative(rows)
    lines = list(bench.published_lists(rows, x, 2))
    inside = rows["dataset"] != "india_da"
    for learned, stopped, _ in seen:
        assert learned == set(np.flatnonzero(inside & (rows["cls_split"] == "train")))
        assert stopped in (set(), set(np.flatnonzero(inside & (rows["cls_split"] == "val"))))
    assert {line["test"] for line in lines} == {"montgomery test", "shenzhen test", "india_da, all"}
    for line in lines:
        site = line["test"].split(" ")[0].rstrip(",")
        chosen = rows["dataset"] == site
        if site != "india_da":
            chosen &= rows["cls_split"] == "test"
        ill, well = (x[chosen & (rows["tb"] == label), 0] for label in "10")
        assert line["n"] == len(ill) + len(well)
        assert line["AUC"] == pytest.approx((ill[:, None] > well[None]).mean())
        assert line["low"] < line["AUC"] <= line["high"]


def test_figures_at_one_half_are_those_of_the_study(bench: ModuleType) -> None:
    """Of 160 images 134 right: 0.84, Wilson 0.773 to 0.887, as for Inception-ResNet-v2 in the study's table."""
    y = np.array([0] * 77 + [1] * 83)
    score = np.concatenate([np.where(np.arange(77) < 68, 0.1, 0.5), np.where(np.arange(83) < 66, 0.5, 0.4)])
    line = bench.thresholded(score, y)
    assert (line["n"], line["normal n"], line["TB n"]) == (160, 77, 83)
    assert line["accuracy"] == pytest.approx(134 / 160)
    assert (round(line["low"], 3), round(line["high"], 3)) == (0.773, 0.887)
    assert line["normal precision"] == pytest.approx(68 / 85)
    assert line["normal recall"] == pytest.approx(68 / 77)
    assert line["TB precision"] == pytest.approx(66 / 75)
    assert line["TB F1"] == pytest.approx(2 * 66 / (75 + 83))


@pytest.mark.parametrize("spread", [0.05, 100.0])
def test_classifiers_find_what_is_there_and_no_more(
    bench: ModuleType, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "EPOCHS", 30)
    monkeypatch.setattr(bench, "PATIENCE", 10)
    rows = made_up_rows(300)
    part = bench.as_part(rows, informative(rows, spread)[:, [0, 2, 3]])
    train, val, test = part.at(np.arange(0, 160)), part.at(np.arange(160, 200)), part.at(np.arange(200, 300))
    for score in (bench.logistic(train, test.x, 0), bench.perceptron(train, val, test.x, 0)):
        assert ((score >= 0) & (score <= 1)).all()
        accuracy = ((score >= 0.5) == test.y).mean()
        assert accuracy > 0.97 if spread < 1 else accuracy < 0.7
    again = bench.perceptron(train, val, test.x, 0)
    assert np.array_equal(again, score)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    lines = ["dataset,image,patient_id,tb,cls_split"]
    for index, site in enumerate(("montgomery", "shenzhen", "india_da", "jsrt")):
        Image.fromarray(rng.integers(0, 255, (96, 80), dtype=np.uint8)).save(tmp_path / f"{site}.png")
        lines.append(f"{site},{site}.png,{index},{index % 2},test")
    (tmp_path / "index.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def options(folder: Path, **more: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"image_size": 64, "lung_crop": False, "cache": folder / "cache", **more})


def test_features_are_extracted_once(bench: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    network = EfficientNetLite(0).eval()
    torch.save(network.state_dict(), folder / "lite.pt")
    images = list(bench.read_rows(folder)["image"])
    assert images == ["montgomery.png", "shenzhen.png", "india_da.png"]
    source = str(folder / "lite.pt")
    x = bench.extract("efficientnet_lite0", source, folder, images, options(folder))
    assert x.shape == (3, 1280)
    assert x.dtype == np.float32
    # Grey levels from the 1st to the 99th percentile, and the average of the maps.
    picture = np.asarray(Image.open(folder / images[1])).T.astype(np.float32)
    with torch.no_grad():
        pixels = torch.nn.functional.interpolate(torch.from_numpy(picture)[None, None], (64, 64), mode="area")
        low, high = np.percentile(pixels, [1, 99])
        expected = network.forward_features(((pixels - low) / (high - low)).clamp(0, 1)).mean((2, 3))[0].numpy()
    assert np.corrcoef(x[1], expected)[0, 1] > 0.99

    with monkeypatch.context() as patch:
        patch.delattr(EfficientNetLite, "forward_features")
        again = bench.extract("efficientnet_lite0", source, folder, images, options(folder))
        assert np.array_equal(again, x)
        for changed in ({"image_size": 96}, {"lung_crop": True}):
            with pytest.raises(NotImplementedError):
                bench.extract("efficientnet_lite0", source, folder, images, options(folder, **changed))
        with pytest.raises(NotImplementedError):
            bench.extract("efficientnet_lite0", source, folder, images[:2], options(folder))
    with torch.no_grad():
        network._conv_stem.weight.mul_(2)
    torch.save(network.state_dict(), folder / "lite.pt")
    other = bench.extract("efficientnet_lite0", source, folder, images, options(folder))
    assert not np.array_equal(other, x)
    assert len(list((folder / "cache").glob("efficientnet_lite0-*"))) == 2

    # Another extractor needs no file of an image any more.
    (folder / images[0]).write_bytes((folder / images[0]).read_bytes()[::-1])
    torch.save(EfficientNetLite(1).state_dict(), folder / "lite1.pt")
    assert (
        bench.extract("efficientnet_lite1", str(folder / "lite1.pt"), folder, images, options(folder)).shape == x.shape
    )


def test_what_cannot_be_measured_is_said(
    bench: ModuleType,
    seen: list[tuple[set[int], ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = made_up_rows()

    def extract(name: str, source: str, *rest: object) -> np.ndarray:
        if name == "frozen_resnet50":
            raise WeightsError("no connection")
        assert source == ("mine.pth" if name == "frozen_vgg16" else "imagenet")
        return informative(rows)

    monkeypatch.setattr(bench, "read_rows", lambda folder: rows)
    monkeypatch.setattr(bench, "extract", extract)
    paths = ["--data", "D", "--cache", "C", "--output", str(tmp_path / "figures.csv")]
    numbers = ["--splits", "2", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench", *paths, *numbers, "--weights", "frozen_vgg16=mine.pth"])
    bench.main()
    out = capsys.readouterr().out
    assert "frozen_resnet50: not measured: no connection" in out
    assert out.count("| frozen_resnet50 | not measured: no weights |") == 2, "both tables name it"
    assert out.count("| frozen_vgg16 | perceptron |") == 2
    assert "| efficientnet_lite0 | logistic regression |" in out
    figures = pd.read_csv(tmp_path / "figures.csv")
    # Three extractors and two classifiers; two splits, and one seed with three lists.
    assert figures["protocol"].value_counts().to_dict() == {"random splits": 12, "published lists": 18}


@pytest.mark.parametrize("text", ["frozen_vgg16", "alexnet=file.pth"])
def test_weights_need_a_known_name(bench: ModuleType, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"NAME=FILE is needed, NAME one of densenet121, .*; got "):
        bench.named_file(text)


def test_a_folder_without_lists_is_refused(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("dataset,image,tb\nmontgomery,a.png,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="cls_split"):
        bench.read_rows(tmp_path)
