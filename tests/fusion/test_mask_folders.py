"""Raters whose marks are mask files."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from common.fusion import FusionError
from common.fusion.raters import Rater, open_raters
from common.io import MaskFileError

MASK = np.zeros((30, 40), dtype=np.uint8)
MASK[5:12, 20:36] = 1


def save(path: Path, values: np.ndarray) -> Path:
    """Save a picture, or a NIfTI file that shows it the same way up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    else:
        nib.save(nib.Nifti1Image(values.T[..., None], np.diag([-0.5, -0.5, 1, 1])), path)
    return path


def open_one(path: Path, postfix: str = "", category: str | None = None, exclude: Path | None = None) -> Rater:
    (rater,) = open_raters([str(path)], postfix=postfix, category=category, exclude=exclude)
    return rater


def test_pictures_and_nifti_files_at_any_depth(tmp_path: Path) -> None:
    save(tmp_path / "r/a.png", MASK * 255)
    save(tmp_path / "r/site/b.nii.gz", MASK)
    save(tmp_path / "r/site/deep/c.nii", MASK)
    save(tmp_path / "r/.hidden/d.png", MASK)
    (tmp_path / "r/notes.txt").write_text("x")
    rater = open_one(tmp_path / "r")
    assert (rater.name, rater.kind) == ("r", "masks")
    assert sorted(rater.marks) == ["a", "site/b", "site/deep/c"]
    for marks in rater.marks.values():
        assert np.array_equal(marks[0].mask(None), MASK == 1)


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    save(tmp_path / "r/a.png", MASK)
    save(tmp_path / "r/a.nii.gz", MASK)
    assert len(open_one(tmp_path / "r").marks["a"]) == 2


def test_masks_of_a_bundle_are_found_by_their_postfix(tmp_path: Path) -> None:
    for name in ("a_tb.png", "a_overlay.png", "x/b_tb.png", "tb.png"):
        save(tmp_path / "r" / name, MASK)
    assert sorted(open_one(tmp_path / "r", postfix="tb").marks) == ["a", "x/b"]
    with pytest.raises(FusionError, match=r"no mask with a name in \*_lungs\.\* found"):
        open_one(tmp_path / "r", postfix="lungs")


def test_one_label_of_label_maps(tmp_path: Path) -> None:
    maps = np.where(np.roll(MASK, 10, axis=0) == 1, 2, MASK).astype(np.uint8)
    save(tmp_path / "r/a.png", maps)
    save(tmp_path / "r/b.nii.gz", maps)
    for marks in open_one(tmp_path / "r", category="2").marks.values():
        assert np.array_equal(marks[0].mask(None), maps == 2)
    for marks in open_one(tmp_path / "r").marks.values():
        with pytest.raises(MaskFileError, match="a mask has zero and one other"):
            marks[0].mask(None)
    # A category by name belongs to annotation files; masks are masks.
    assert np.array_equal(
        open_one(save(tmp_path / "s/a.png", MASK).parent, category="active").marks["a"][0].mask(None), MASK == 1
    )


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz"])
@pytest.mark.parametrize("category", [None, "1"])
def test_a_damaged_mask_is_named(tmp_path: Path, name: str, category: str | None) -> None:
    path = save(tmp_path / "r" / name, np.random.default_rng(0).integers(0, 2, (30, 40), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MaskFileError) as caught:
        open_one(tmp_path / "r", category=category).marks["a"][0].mask(None)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_results_are_no_masks(tmp_path: Path) -> None:
    save(tmp_path / "r/a.png", MASK)
    save(tmp_path / "r/out/a_consensus.png", MASK)
    assert sorted(open_one(tmp_path / "r", exclude=tmp_path / "r/out").marks) == ["a"]
    with pytest.raises(FusionError, match="results must not lie among the masks"):
        open_one(tmp_path / "r", exclude=tmp_path / "r")


def test_an_empty_folder_is_no_rater(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"no mask found \(\.png"):
        open_one(tmp_path)


def datastore(folder: Path, tags: dict[str, list[str]], labels_dir: str = "labels") -> Path:
    """A MONAI Label data store with the tags of each image."""
    objects = {}
    for image, names in tags.items():
        labels = {tag: {"ext": ".nii.gz", "info": {"ts": 1}} for tag in names}
        objects[image] = {"image": {"ext": ".png", "info": {}}, "labels": labels}
        for tag in names:
            save(folder / labels_dir / tag / f"{image}.nii.gz", MASK)
    content = {"name": "new-dataset", "images_dir": ".", "labels_dir": labels_dir, "objects": objects}
    (folder / "datastore_v2.json").write_text(json.dumps(content))
    return folder


def test_every_tag_of_monai_label_is_a_rater(tmp_path: Path) -> None:
    folder = datastore(tmp_path / "studies", {"a": ["original", "alice", "bob"], "b": ["alice"]})
    raters = open_raters([str(folder)])
    assert [(rater.name, rater.kind, sorted(rater.marks)) for rater in raters] == [
        ("studies/alice", "MONAI Label", ["a", "b"]),
        ("studies/bob", "MONAI Label", ["a"]),
    ]
    assert np.array_equal(raters[0].marks["b"][0].mask(None), MASK == 1)
    # The folder of one tag is an ordinary folder of masks.
    assert sorted(open_one(folder / "labels/alice").marks) == ["a", "b"]


def test_a_single_tag_has_the_name_of_the_data_store(tmp_path: Path) -> None:
    folder = datastore(tmp_path / "studies", {"a": ["final"]}, labels_dir="elsewhere")
    (rater,) = open_raters([f"Dr. C={folder}"])
    assert rater.name == "Dr. C"
    assert rater.marks["a"][0].mask(None).any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not the file of a MONAI Label data store"),
        ("{}", "no 'objects'"),
        ('{"objects": {"a": {}}}', "no 'labels'"),
        ('{"objects": {"a": {"labels": {"original": {"ext": ".png"}}}}}', "nobody has labelled an image"),
    ],
)
def test_a_damaged_data_store_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "datastore_v2.json").write_text(content)
    with pytest.raises(FusionError) as caught:
        open_raters([str(tmp_path)])
    assert str(caught.value).startswith(f"{tmp_path / 'datastore_v2.json'}: ")
    assert message in str(caught.value)
