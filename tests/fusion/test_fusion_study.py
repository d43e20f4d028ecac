"""A study from files to files, through the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from annotation_files import coco, rect, via_entries, write_json, write_via_csv
from PIL import Image
from study_folder import NAMES, READERS, reading, run, save, stack

from common.data import write_phantom_dataset
from common.fusion import cohen_kappa, fleiss_kappa, staple


def test_everything_is_written(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folders) == 0
    printed = capsys.readouterr()
    assert printed.out == f"3 of 3 images fused: {folders / 'out'}\n"
    assert printed.err == ""
    written = {path.relative_to(folders / "out").as_posix() for path in (folders / "out").rglob("*") if path.is_file()}
    maps = {f"{name}_{kind}.png" for name in NAMES for kind in ("consensus", "probability")}
    tables = {"images.csv", "readers.csv", "reader_images.csv", "pairs.csv"}
    assert written == maps | tables | {"readers.html", "regions.json", "run.json"}
    for image, name in enumerate(NAMES):
        fusion = staple(stack(image))
        with Image.open(folders / f"out/{name}_consensus.png") as picture:
            assert np.array_equal(np.asarray(picture), fusion.consensus * 255)
        with Image.open(folders / f"out/{name}_probability.png") as picture:
            assert np.asarray(picture) == pytest.approx(fusion.probability * 65535, abs=0.51)


def test_tables_hold_the_figures(folders: Path) -> None:
    run(folders)
    fusions = {name: staple(stack(image)) for image, name in enumerate(NAMES)}
    images = pd.read_csv(folders / "out/images.csv").set_index("image")
    assert images.index.tolist() == sorted(NAMES)
    for image, name in enumerate(NAMES):
        row, fusion = images.loc[name], fusions[name]
        assert (row["status"], row["raters"]) == ("ok", 3)
        assert row["iterations"] == fusion.iterations
        assert row["region_pixels"] == fusion.region_pixels
        assert row["consensus_area_fraction"] == pytest.approx(fusion.consensus.mean(), abs=1e-6)
        votes = stack(image).sum(axis=0).ravel()
        assert row["fleiss_kappa"] == pytest.approx(fleiss_kappa(np.stack([votes, 3 - votes], axis=1)), abs=1e-6)
        assert row["disputed_fraction"] == pytest.approx(np.isin(votes, (1, 2)).mean(), abs=1e-6)
    assert images.loc["site/b", "flags"] == "no_consensus"

    readers = pd.read_csv(folders / "out/readers.csv").set_index("reader")
    assert readers["marked"].tolist() == [2, 2, 3]
    for number, reader in enumerate(READERS):
        sensitivities = [fusion.sensitivity[number] for fusion in fusions.values()]
        assert readers.loc[reader, "sensitivity"] == pytest.approx(np.nanmean(sensitivities), abs=1e-6)

    pairs = pd.read_csv(folders / "out/pairs.csv").set_index(["reader_a", "reader_b"])
    a, c = (np.concatenate([reading(image, number).ravel() for image in range(3)]) for number in (0, 2))
    pixels = [[np.sum(~a & ~c), np.sum(~a & c)], [np.sum(a & ~c), np.sum(a & c)]]
    row = pairs.loc[("ann", "cyn")]
    assert row["pixel_kappa"] == pytest.approx(cohen_kappa(pixels), abs=1e-6)
    assert row["image_kappa"] == pytest.approx(cohen_kappa([[0, 1], [0, 2]]), abs=1e-6)
    dice = [2 * np.sum(m[0] & m[2]) / (m[0].sum() + m[2].sum()) for m in map(stack, range(3))]
    assert row["dice"] == pytest.approx(np.mean(dice), abs=1e-6)
    assert pairs.loc[("ann", "bob"), "dice"] > pairs.loc[("ann", "bob"), "dice_marked"]

    details = pd.read_csv(folders / "out/reader_images.csv")
    assert len(details) == 9
    record = json.loads((folders / "out/run.json").read_text())
    assert record["complete"]
    assert record["counts"] == {"ok": 3, "refused": 0, "failed": 0}
    assert record["settings"]["threshold"] == 0.95
    assert [rater["name"] for rater in record["raters"]] == list(READERS)
    votes = np.concatenate([stack(image).sum(axis=0).ravel() for image in range(3)])
    expected = fleiss_kappa(np.stack([votes, 3 - votes], axis=1))
    assert record["agreement"]["pixel_fleiss_kappa"] == pytest.approx(expected, abs=1e-6)
    assert record["agreement"]["image_fleiss_kappa"] == pytest.approx(fleiss_kappa([[3, 0], [1, 2], [3, 0]]), abs=1e-6)


def test_images_on_which_all_agree_say_nothing_about_a_reader(folders: Path) -> None:
    run(folders)
    before = pd.read_csv(folders / "out/readers.csv").set_index("reader")
    for reader in READERS:
        save(folders / reader / "normal.png", np.zeros((72, 60), dtype=bool))
    run(folders, output="more")
    after = pd.read_csv(folders / "more/readers.csv").set_index("reader")
    assert after["images"].tolist() == [4, 4, 4]
    columns = ["sensitivity", "specificity", "dice_marked"]
    assert after[columns].equals(before[columns])
    assert (after["dice"] > before["dice"]).all()


def test_regions_are_the_parts_of_the_consensus(folders: Path) -> None:
    for number, reader in enumerate(READERS):
        mask = np.zeros((72, 60), dtype=bool)
        mask[5:15, 10:20] = mask[15:20, 20:24] = True  # a part that hangs on by a corner
        mask[40:50, 30 : 45 + number] = True
        save(folders / reader / "site/a.png", mask)
    run(folders, "--method", "majority")
    regions = json.loads((folders / "out/regions.json").read_text())
    assert list(regions) == sorted(NAMES)
    assert regions["site/a"] == [
        {"box": [10, 5, 14, 15], "score": 1.0},
        {"box": [30, 40, 16, 10], "score": round((150 + 10 * 2 / 3) / 160, 4)},
    ]


def test_the_order_of_readers_and_the_number_of_processes_change_nothing(folders: Path) -> None:
    run(folders)
    run(folders, "--workers", "3", output="many")
    for path in (folders / "out").rglob("*"):
        if path.is_file() and path.name != "run.json":
            assert path.read_bytes() == (folders / "many" / path.relative_to(folders / "out")).read_bytes()
    run(folders, raters=READERS[::-1], output="turned")
    for name in NAMES:
        for kind in ("consensus", "probability"):
            one, other = (folders / output / f"{name}_{kind}.png" for output in ("out", "turned"))
            assert one.read_bytes() == other.read_bytes()
    assert (folders / "out/regions.json").read_bytes() == (folders / "turned/regions.json").read_bytes()


def test_readers_in_four_formats(tmp_path: Path) -> None:
    box = np.zeros((30, 40), dtype=bool)
    box[4:10, 3:13] = True
    save(tmp_path / "masks/a.png", box)
    save(tmp_path / "masks/b.png", box & False)
    write_json(tmp_path / "via.json", via_entries({"a.jpg": [rect(3, 4, 10, 6)], "b.jpg": []}))
    write_via_csv(tmp_path / "table.csv", {"a.jpg": [rect(3, 4, 10, 7)], "b.jpg": []})
    pictures = [{"id": n, "file_name": f"{name}.png", "width": 40, "height": 30} for n, name in ((7, "a"), (8, "b"))]
    write_json(tmp_path / "coco.json", coco([{"bbox": [3, 4, 10, 6]}], pictures))
    raters = ("masks", "via.json", f"Dr. B={tmp_path / 'table.csv'}", "coco.json")
    assert run(tmp_path, "--method", "majority", raters=raters) == 0
    with Image.open(tmp_path / "out/a_consensus.png") as picture:
        assert np.array_equal(np.asarray(picture), box * 255)
    readers = pd.read_csv(tmp_path / "out/readers.csv")
    assert readers["reader"].tolist() == ["masks", "via", "Dr. B", "coco"]
    assert readers["format"].tolist() == [
        "masks",
        "VGG Image Annotator JSON",
        "VGG Image Annotator CSV",
        "COCO JSON",
    ]
    assert readers["dice_marked"].tolist() == pytest.approx([1, 1, 120 / 130, 1], abs=1e-6)


def test_sizes_come_from_the_radiographs(tmp_path: Path) -> None:
    write_phantom_dataset(tmp_path / "data", 2, size=(96, 80))
    names = [path.relative_to(tmp_path / "data").as_posix() for path in (tmp_path / "data").rglob("images/*.png")]
    for reader, width in (("ann", 20), ("bob", 22)):
        write_json(tmp_path / f"{reader}.json", via_entries({name: [rect(30, 40, width, 9)] for name in names}))
    raters = ("ann.json", "bob.json")
    assert run(tmp_path, "--method", "union", "--images", str(tmp_path / "data"), raters=raters) == 0
    regions = json.loads((tmp_path / "out/regions.json").read_text())
    # The data folder's index tells radiographs from masks, and images are called as there.
    assert regions == {name: [{"box": [30, 40, 22, 9], "score": round((20 + 2 / 2) / 22, 4)}] for name in sorted(names)}
    assert json.loads((tmp_path / "out/run.json").read_text())["pictures_nobody_has_read"] == []
    with Image.open(tmp_path / "out" / names[0].replace(".png", "_consensus.png")) as picture:
        assert picture.size == (80, 96)


@pytest.mark.parametrize("given", ["mask", "picture"])
def test_nifti_masks_keep_their_grid(tmp_path: Path, given: str) -> None:
    # A coronal plane, stored towards the patient's right and head.
    affine = np.array([[0.4, 0, 0, 3], [0, 0, 1, -7], [0, 0.5, 0, 11], [0, 0, 0, 1]])
    stored = np.random.default_rng(0).random((70, 80, 1)) < 0.3
    for reader in ("ann", "bob"):
        (tmp_path / reader).mkdir()
        if given == "mask":
            nib.save(nib.Nifti1Image(stored.astype(np.uint8), affine), tmp_path / reader / "a.nii.gz")
        else:
            # Shown with the patient's left and feet at the end of the rows and columns.
            save(tmp_path / reader / "a.png", stored[::-1, ::-1, 0].T)
    options = ["--mask_format", ".nii.gz"]
    if given == "picture":
        (tmp_path / "pictures").mkdir()
        values = np.random.default_rng(1).random(stored.shape).astype(np.float32)
        nib.save(nib.Nifti1Image(values, affine), tmp_path / "pictures/a.nii.gz")
        options += ["--images", str(tmp_path / "pictures")]
    assert run(tmp_path, *options, raters=("ann", "bob")) == 0
    consensus, probability = (nib.load(tmp_path / f"out/a_{kind}.nii.gz") for kind in ("consensus", "probability"))
    assert np.array_equal(consensus.get_fdata() == 1, stored)
    assert consensus.affine == pytest.approx(affine)
    assert np.array_equal(probability.get_fdata() == 1, stored)
    assert probability.get_data_dtype() == np.float32
    assert probability.affine == pytest.approx(affine)


def test_holes_are_filled_when_asked(folders: Path) -> None:
    ring = np.zeros((72, 60), dtype=bool)
    ring[20:40, 20:40] = True
    ring[25:35, 25:35] = False
    for reader in READERS:
        save(folders / reader / "site/a.png", ring)
    run(folders)
    run(folders, "--fill_holes", output="filled")
    areas = []
    for output in ("out", "filled"):
        with Image.open(folders / output / "site/a_consensus.png") as picture:
            areas.append(int((np.asarray(picture) > 0).sum()))
    assert areas == [300, 400]


class Page(HTMLParser):
    """Tags, links and cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_needs_nothing_else_and_quotes_names(folders: Path) -> None:
    (folders / "ann").rename(folders / "<b>ann & co")
    save(folders / "bob/<img src=x>.png", reading(0, 0))
    assert run(folders, raters=("<b>ann & co", "bob", "cyn")) == 3
    page = Page((folders / "out/readers.html").read_text(encoding="utf-8"))
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert page.tags.count("table") == 3
    assert "<b>ann & co" in page.texts
    assert "<img src=x>" in page.texts
    readers = pd.read_csv(folders / "out/readers.csv")
    for value in readers["sensitivity"]:
        assert f"{value:.3f}" in page.texts


def test_lines_of_tables_are_csv(folders: Path) -> None:
    for reader in READERS:
        save(folders / reader / 'a, "b".png', reading(0, 0))
    run(folders)
    with (folders / "out/images.csv").open(newline="", encoding="utf-8") as stream:
        assert 'a, "b"' in [row["image"] for row in csv.DictReader(stream)]


def test_the_module_runs_from_another_folder(folders: Path) -> None:
    command = [sys.executable, "-m", "common.fusion", "ann", "bob", "cyn", "--output", "out", "--workers", "2"]
    environment: dict[str, Any] = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folders, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "3 of 3 images fused: out\n")
