"""Masks and scores from the real server, over HTTP."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import nibabel as nib
import numpy as np
import pytest
from label_server import LabelServer, Refused, refused
from label_studies import FORMATS, SIZE, dice, lungs, read_answer, read_label, write_formats

from common.data.phantom import Phantom
from common.sharing.reference import ABSOLUTE, PIXELS, RELATIVE

LUNGS, TB, LESIONS = "cxr_lung_segmentation", "cxr_tb_classification", "cxr_tb_segmentation"
REGIONS = "cxr_tb_regions_segmentation"
#: Without TB and with it, for the classifier too.
FILMS = ("healthy", "ill")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def phantom(studies: Path) -> Phantom:
    return write_formats(studies)


@pytest.fixture(scope="module")
def server(serve: Callable[..., LabelServer], prepared_app: Path, studies: Path, phantom: Phantom) -> LabelServer:
    """On one film in all formats, and the films whose results lie in every exported bundle."""
    for name in FILMS:
        copyfile(
            prepared_app / "model" / LUNGS / "docs" / "reference" / "images" / f"{name}.png", studies / f"{name}.png"
        )
    return serve(studies)


def expected(server: LabelServer, model: str) -> Path:
    """What the bundle gave when it was exported, in a run of its own on the command line."""
    return server.app / "model" / model / "docs" / "reference" / "expected"


def row(folder: Path, image: str) -> dict[str, str]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        return next(item for item in csv.DictReader(stream) if item["image"] == image)


def test_info_lists_the_bundles_and_their_tasks(server: LabelServer) -> None:
    models = server.info["models"]
    assert {name: model["type"] for name, model in models.items()} == {
        LUNGS: "segmentation",
        TB: "classification",
        LESIONS: "segmentation",
        REGIONS: "segmentation",
    }
    assert {name: model["labels"] for name, model in models.items()} == {
        LUNGS: {"lungs": 1},
        TB: {"normal": 0, "tuberculosis": 1},
        LESIONS: {"lesion": 1},
        REGIONS: {"tuberculosis": 1},
    }
    assert {model["dimension"] for model in models.values()} == {2}
    # No network of another purpose is offered in the place of the served one.
    assert all(model["config"]["model_filename"] == ["model.pt"] for model in models.values())
    assert server.info["datastore"]["total"] == len(FORMATS) + len(FILMS)


def test_the_served_bundles_are_the_exported_ones(server: LabelServer) -> None:
    for model in (LUNGS, TB, LESIONS, REGIONS):
        folder = server.app / "model" / model
        for line in (folder / "MANIFEST.sha256").read_text().splitlines():
            assert (folder.parent / line.split("  ", 1)[1]).is_file()


@pytest.mark.parametrize("model", [LUNGS, LESIONS, REGIONS])
@pytest.mark.parametrize("study", FORMATS)
def test_masks_come_back_on_the_grid_of_the_study(
    server: LabelServer, studies: Path, phantom: Phantom, tmp_path: Path, study: str, model: str
) -> None:
    file = server.mask(model, study, tmp_path)
    answer = read_answer(file)
    assert set(np.unique(answer)) == {0, 1}
    upright = answer
    if study in ("slice", "turned"):
        source = nib.load(studies / f"{study}.nii.gz")
        assert answer.shape == source.shape
        assert np.allclose(nib.load(file).affine, source.affine, atol=1e-6)
        back = nib.load(file).as_reoriented(nib.io_orientation(np.linalg.inv(CORONAL) @ source.affine))
        upright = np.asarray(back.dataobj)[..., 0].T
    elif study in ("film", "negative"):
        # ITK, 3D Slicer and the like place a radiograph without a position at the origin, in LPS.
        assert np.allclose(nib.load(file).affine, np.diag([-0.5, -0.5, 1, 1]))
        upright = answer[..., 0].T
    else:
        assert file.suffix == (".tif" if study == "scan" else ".png")
    assert upright.shape == SIZE
    assert np.array_equal(read_label(file), upright > 0)
    if model == LUNGS:
        assert dice(upright, lungs(phantom)) > 0.95
        for wrong in (upright[:, ::-1], upright[::-1], upright[::-1, ::-1]):
            assert dice(wrong, lungs(phantom)) < 0.93


#: Columns to the patient's left, rows to the feet: how a picture lies in the world of a NIfTI file.
CORONAL = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("film", FILMS)
@pytest.mark.parametrize(("model", "postfix"), [(LUNGS, "lungs"), (LESIONS, "tb")])
def test_masks_are_those_of_the_command(
    server: LabelServer, tmp_path: Path, model: str, postfix: str, film: str
) -> None:
    before = read_answer(expected(server, model) / f"{film}_{postfix}.png") > 0
    answer = read_answer(server.mask(model, film, tmp_path)) > 0
    assert before.shape == answer.shape
    assert (before != answer).mean() <= PIXELS


@pytest.mark.parametrize("extension", [".png", ".nii.gz", ".nrrd"])
def test_the_client_chooses_the_format(server: LabelServer, tmp_path: Path, extension: str) -> None:
    default = read_answer(server.mask(LUNGS, "film", tmp_path))[..., 0]
    file = server.mask(LUNGS, "film", tmp_path, result_extension=extension)
    assert file.name == f"film{extension}"
    if extension == ".png":
        assert np.array_equal(read_answer(file).T, default)


@pytest.mark.parametrize("film", FILMS)
def test_a_classification_has_labels_and_calibrated_scores(server: LabelServer, film: str) -> None:
    answer = server.json("POST", f"/infer/{TB}", {"params": "{}"}, image=film, output="json")
    normal, tb = answer["prediction"]
    assert (normal["label"], tb["label"]) == ("normal", "tuberculosis")
    assert normal["score"] + tb["score"] == pytest.approx(1)
    probability = float(row(expected(server, TB), f"{film}.png")["tb_probability"])
    assert tb["score"] == pytest.approx(probability, rel=RELATIVE, abs=ABSOLUTE)


@pytest.mark.parametrize("study", [name for name in FORMATS if name != "photo"])
def test_a_classification_does_not_depend_on_the_format(server: LabelServer, study: str) -> None:
    reference = server.json("POST", f"/infer/{TB}", {"params": "{}"}, image="grey8", output="json")
    answer = server.json("POST", f"/infer/{TB}", {"params": "{}"}, image=study, output="json")
    assert answer["prediction"][1]["score"] == pytest.approx(reference["prediction"][1]["score"], abs=0.01)


def test_regions_are_shown_where_the_decision_is_tb(server: LabelServer, tmp_path: Path) -> None:
    regions = json.loads((expected(server, REGIONS) / "regions.json").read_text())
    decisions = {}
    for film in FILMS:
        decisions[film] = row(expected(server, REGIONS), f"{film}.png")["tb"]
        answer = read_answer(server.mask(REGIONS, film, tmp_path)) > 0
        filled = np.zeros(answer.shape, dtype=bool)
        for x, y, w, h in (item["box"] for item in regions[f"{film}.png"]):
            filled[round(y) : round(y + h), round(x) : round(x + w)] = True
        assert filled.any()
        assert (answer != (filled & (decisions[film] == "1"))).mean() <= PIXELS
    assert decisions == {"healthy": "0", "ill": "1"}


def test_what_cannot_be_read_is_one_failed_request(server: LabelServer, studies: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(Refused) as caught:
        server.request("POST", f"/infer/{LUNGS}", {"params": "{}", "file": tmp_path / "text.png"}, output="image")
    assert caught.value.status == 500
    assert server.says("not an image of an accepted format"), server.tail()
    assert server.mask(LUNGS, "grey8", tmp_path).is_file()


def test_without_weights_there_is_no_answer(server: LabelServer, tmp_path: Path) -> None:
    for model, output in ((LUNGS, "image"), (TB, "json"), (REGIONS, "image")):
        weights = server.app / "model" / model / "models" / "model.pt"
        kept = weights.rename(tmp_path / "kept.pt")
        with pytest.raises(Refused) as caught:
            server.request("POST", f"/infer/{model}", {"params": "{}"}, image="grey8", output=output)
        assert caught.value.status == 500
        assert server.says(f"{weights}: no weights there"), server.tail()
        kept.rename(weights)
    # The same server goes on with the weights that are back.
    assert (
        dice(read_answer(server.mask(LUNGS, "grey8", tmp_path)), read_answer(server.mask(LUNGS, "photo", tmp_path)))
        > 0.99
    )


def test_a_second_server_on_the_port_is_refused(server: LabelServer, prepared_app: Path, studies: Path) -> None:
    assert f"port {server.port} on 127.0.0.1 cannot be had" in refused(prepared_app, studies, server.port)
    assert server.json("GET", "/info/")["models"]
