"""How often the quality flags of lung_seg are raised, on radiographs and on other pictures:

    python -m benchmarks.quality_flags --data DATA --output quality_flags.csv

Every picture goes through configs/inference.yaml, from file to predictions.csv. Without --data (a folder with an
index.csv) phantoms take the place of radiographs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.quality_images import other_pictures
from common.data import radiograph_phantom, read_index
from common.data.phantom_files import write_picture
from common.data.pixels import read_radiograph
from common.inference_config import read_inference
from common.quality import FLAGS, QualityReference, assess, lung_confidence, view

BUNDLE = Path(__file__).resolve().parent.parent / "bundles" / "lung_seg"

#: What is done to a radiograph (rows x columns), and the flags that name it.
TURNS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "rotated by 90 degrees": (lambda film: np.rot90(film, 1), ("sideways",)),
    "rotated by 180 degrees": (lambda film: np.rot90(film, 2), ("upside_down",)),
    "rotated by 270 degrees": (lambda film: np.rot90(film, 3), ("sideways",)),
    "mirrored": (np.fliplr, ("maybe_mirrored",)),
    "inverted": (lambda film: film.max() - film, ("maybe_inverted",)),
}
NOT_CHEST = ("not_frontal_chest",)
HEADER = ("group", "n", "any", "named", *FLAGS)


def infer(dataset_dir: Path, images: Sequence[str], output_dir: Path, overrides: dict[str, Any]) -> pd.DataFrame:
    """Rows of predictions.csv of the named images below a folder, by name."""
    parser = read_inference(
        BUNDLE,
        overrides={"dataset_dir": str(dataset_dir), "output_dir": str(output_dir), "num_workers": 0, "batch_size": 8}
        | overrides,
    )
    parser.update({"dataset::data": [{"image": str(dataset_dir / name)} for name in images]})
    with contextlib.redirect_stderr(io.StringIO()):
        parser.get_parsed_content("evaluator").run()
    return pd.read_csv(output_dir / "predictions.csv", keep_default_na=False, dtype=str).set_index("image")


def rates(group: str, rows: pd.DataFrame, expected: Iterable[str] = ()) -> dict[str, Any]:
    """Print and return one line of the table: share of the images with any flag, with an expected one, with each."""
    done = rows[rows["status"] == "ok"]
    words = done["flags"].str.split().map(set)
    share: dict[str, float] = {flag: words.map(lambda found, flag=flag: flag in found).mean() for flag in FLAGS}
    named = words.map(lambda found: bool(found & set(expected))).mean() if expected else float("nan")
    shares = {"any": words.map(bool).mean(), "named": named, **share}
    show([group, len(done), *("" if np.isnan(value) else f"{100 * value:.1f}" for value in shares.values())])
    return {"group": group, "n": len(done), **shares}


def radiographs(folder: Path, index: pd.DataFrame, scratch: Path, overrides: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines on the indexed radiographs of a data folder as they are."""
    rows = infer(folder, list(index["image"]), scratch / "as_they_are", overrides).join(index.set_index("image"))
    normal = (rows["abnormal"] == "0") | ((rows["abnormal"] == "") & (rows["tb"] == "0"))
    finding = (rows["abnormal"] == "1") | (rows["tb"] == "1")
    listed = rows["seg_split"].isin(["train", "val"])
    lines = [rates("all radiographs", rows)]
    lines += [rates(f"site {site}", part) for site, part in rows.groupby("dataset")]
    lines += [rates("normal", rows[normal]), rates("with findings", rows[finding & ~normal])]
    lines += [rates("on the training and validation lists", rows[listed]), rates("on neither list", rows[~listed])]
    return lines


def turned_films(films: Iterable[tuple[str, np.ndarray]], scratch: Path, overrides: dict[str, Any]) -> list[dict]:
    """Lines on turned, mirrored and inverted films."""
    folder = scratch / "turned"
    names = []
    for name, film in films:
        grey = film.astype(np.uint16 if film.max() > 255 else np.uint8)
        for turn, (change, _) in TURNS.items():
            write_picture(folder / turn / f"{name}.png", np.ascontiguousarray(change(grey)))
        names.append(f"{name}.png")
    return [
        rates(turn, infer(folder, [f"{turn}/{name}" for name in names], scratch / f"out {turn}", overrides), expected)
        for turn, (_, expected) in TURNS.items()
    ]


def others(scratch: Path, drawn: int, seed: int, overrides: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines on pictures that are no chest radiographs, and on a nearly constant one."""
    folder = scratch / "others"
    names = []
    for kind, name, picture in other_pictures(drawn, seed):
        names.append(f"{kind}/{name}.png")
        write_picture(folder / names[-1], np.ascontiguousarray(picture))
    rows = infer(folder, names, scratch / "out others", overrides)
    kinds = rows.index.str.split("/").str[0]
    lines = [rates(kind, part, NOT_CHEST) for kind, part in rows.groupby(kinds)]
    lines.append(rates("all of these", rows, NOT_CHEST))
    speck = np.full((400, 400), 90, np.uint8)
    speck[100:130, 100:130] = 160
    write_picture(scratch / "even" / "speck.png", speck)
    return [*lines, rates("nearly constant", infer(scratch / "even", ["speck.png"], scratch / "out even", overrides))]


def milliseconds(repeats: int = 200) -> float:
    """Time of the rules for one image of 256 x 256, in ms of this thread."""
    film = radiograph_phantom((256, 256))
    image = torch.from_numpy(film.image.T / np.float32(255))[None]
    lungs = torch.from_numpy(film.lungs.T.astype(np.float32))[None]
    reference = QualityReference.load(BUNDLE / "models" / "quality.json")
    began = time.thread_time()
    for _ in range(repeats):
        assess(view(image, lungs, lung_confidence(lungs)), reference)
    return 1000 * (time.thread_time() - began) / repeats


def main() -> None:
    """Print the table and write it as CSV."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, help="folder with an index.csv")
    options.add_argument("--every", type=int, default=1, help="take every so many of its radiographs (default: 1)")
    options.add_argument("--turn_every", type=int, default=3, help="turn every so many of those taken (default: 3)")
    options.add_argument("--drawn", type=int, default=30, help="pictures of each drawn kind (default: 30)")
    options.add_argument("--seed", type=int, default=1, help="of the drawings (default: 1)")
    options.add_argument("--config_file", nargs="+", help="default: configs/inference.yaml of lung_seg")
    options.add_argument("--weights", help="weights of the network (default: those of the configuration)")
    options.add_argument("--reference", help="default: models/quality.json of lung_seg")
    options.add_argument("--output", type=Path, help="write the table there as CSV")
    arguments = options.parse_args()
    named = {"weights": arguments.weights, "quality_reference": arguments.reference}
    overrides = {"amp": True} | {name: value for name, value in named.items() if value}

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        show(HEADER, "---")
        lines = others(scratch, arguments.drawn, arguments.seed, overrides)
        if arguments.data:
            index = read_index(arguments.data).iloc[:: arguments.every]
            chosen = index["image"].iloc[:: arguments.turn_every]
            films = ((Path(item).stem, read_radiograph(arguments.data / item)) for item in chosen)
        else:
            films = ((f"phantom_{seed}", radiograph_phantom(seed=seed).image) for seed in range(arguments.drawn))
        lines += turned_films(films, scratch, overrides)
        if arguments.data:
            lines += radiographs(arguments.data, index, scratch, overrides)
    print(f"\nThe rules take {milliseconds():.1f} ms an image.")
    if arguments.output:
        pd.DataFrame(lines).round(5).to_csv(arguments.output, index=False)


def show(cells: Iterable[object], *rest: str) -> None:
    """Print a line of the table in Markdown, and one with ``rest`` in every cell."""
    line = list(cells)
    print(f"| {' | '.join(map(str, line))} |", flush=True)
    for filling in rest:
        print(f"| {' | '.join([filling] * len(line))} |", flush=True)


if __name__ == "__main__":
    main()
