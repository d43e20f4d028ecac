"""VGG Image Annotator and COCO files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotation_files import coco, polygon, rect, via_entries, write_json, write_via_csv

from common.fusion import FusionError
from common.fusion.raters import DrawnMarks, Rater, image_key, open_raters

SIZE = (40, 30)
REGIONS = [rect(3, 4, 10, 6), polygon([20, 35, 20], [5, 5, 25])]


def open_one(path: Path, **options: Any) -> Rater:
    (rater,) = open_raters([str(path)], **options)
    return rater


def mask_of(rater: Rater, key: str = "a") -> np.ndarray:
    (marks,) = rater.marks[key]
    return marks.mask(SIZE)


def expected(triangle: bool = True) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], dtype=bool)
    mask[4:10, 3:13] = True
    rows, columns = np.mgrid[:30, :40] + 0.5
    if triangle:
        mask |= (columns > 20) & (rows > 5) & ((columns - 20) / 15 + (rows - 5) / 20 < 1)
    return mask


def same(mask: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for the few pixels whose centre lies on the slope of the triangle."""
    return bool(np.count_nonzero(mask != other) <= 5)


def via_files(folder: Path) -> list[Path]:
    images = {"a.png": REGIONS, "empty.png": []}
    numbered = {
        key: {**entry, "regions": {str(n): region for n, region in enumerate(entry["regions"])}}
        for key, entry in via_entries(images).items()
    }
    project = {"_via_settings": {}, "_via_img_metadata": via_entries(images), "_via_attributes": {}}
    return [
        write_json(folder / "export.json", via_entries(images)),
        write_json(folder / "project.json", project),
        write_json(folder / "version1.json", numbered),
        write_via_csv(folder / "table.csv", images),
        write_via_csv(folder / "table1.csv", images, sign="#"),
    ]


def test_every_file_of_the_vgg_image_annotator_says_the_same(tmp_path: Path) -> None:
    for path in via_files(tmp_path):
        rater = open_one(path)
        assert rater.name == path.stem
        assert rater.kind.startswith("VGG Image Annotator")
        assert sorted(rater.marks) == ["a", "empty"]
        assert same(mask_of(rater), expected())
        # Listed without a region: looked at, and nothing seen.
        assert not mask_of(rater, "empty").any()


def test_circles_and_ellipses(tmp_path: Path) -> None:
    circle = {"shape_attributes": {"name": "circle", "cx": 12, "cy": 15, "r": 6}, "region_attributes": {}}
    shape = {"name": "ellipse", "cx": 12, "cy": 15, "rx": 6, "ry": 6, "theta": 1.0}
    ellipse = {"shape_attributes": shape, "region_attributes": {}}
    masks = [
        mask_of(open_one(write_json(tmp_path / f"{number}.json", via_entries({"a.png": [region]}))))
        for number, region in enumerate((circle, ellipse))
    ]
    assert np.array_equal(*masks)
    assert masks[0].sum() == pytest.approx(np.pi * 36, rel=0.05)


def test_sizes_may_stand_in_the_file(tmp_path: Path) -> None:
    rater = open_one(write_json(tmp_path / "r.json", via_entries({"a.png": REGIONS}, {"a.png": SIZE})))
    (marks,) = rater.marks["a"]
    assert isinstance(marks, DrawnMarks)
    assert marks.size == SIZE
    assert same(marks.mask(None), expected())


@pytest.mark.parametrize("kind", ["text", "ticked"])
def test_one_category_of_the_vgg_image_annotator(tmp_path: Path, kind: str) -> None:
    values = ("active", "latent") if kind == "text" else ({"active": True}, {"latent": True, "active": False})
    regions = [rect(3, 4, 10, 6, type=values[0]), rect(20, 5, 9, 9, type=values[1])]
    for path in (
        write_json(tmp_path / "r.json", via_entries({"a.png": regions})),
        write_via_csv(tmp_path / "r.csv", {"a.png": regions}),
    ):
        assert np.array_equal(mask_of(open_one(path, category="active")), expected(triangle=False))
        assert not mask_of(open_one(path, category="healed")).any()
        assert mask_of(open_one(path)).sum() == 60 + 81


def test_coco_polygons_runs_and_boxes(tmp_path: Path) -> None:
    box = np.zeros(SIZE[::-1], dtype=bool)
    box[4:10, 3:13] = True
    runs = [3 * 30 + 4, *([6, 24] * 9), 6, 20 + 27 * 30]
    ways = [
        {"segmentation": [[3, 4, 13, 4, 13, 10, 3, 10]], "bbox": [0, 0, 1, 1]},
        {"segmentation": [[3, 4, 8, 4, 8, 10, 3, 10], [8, 4, 13, 4, 13, 10, 8, 10]]},
        {"segmentation": {"size": [30, 40], "counts": runs}, "iscrowd": 1},
        {"segmentation": [], "bbox": [3, 4, 10, 6]},
        {"bbox": [3.0, 4.0, 10.0, 6.0]},
    ]
    for number, way in enumerate(ways):
        rater = open_one(write_json(tmp_path / f"{number}.json", coco([{"category_id": 1, **way}])))
        assert rater.kind == "COCO JSON"
        (marks,) = rater.marks["a"]
        assert np.array_equal(marks.mask(None), box)


def test_one_category_of_coco(tmp_path: Path) -> None:
    entries = [{"category_id": 1, "bbox": [3, 4, 10, 6]}, {"category_id": 2, "bbox": [20, 5, 9, 9]}]
    path = write_json(tmp_path / "r.json", coco(entries))
    assert mask_of(open_one(path)).sum() == 60 + 81
    assert mask_of(open_one(path, category="latent")).sum() == 81
    with pytest.raises(FusionError, match="no category healed; it has active, latent"):
        open_one(path, category="healed")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.png", "a"),
        ("site 1/a.b.nii.gz", "site 1/a.b"),
        ("./x/../a.dcm", "a"),
        ("site\\scan.JPG", "site/scan"),
        ("C:\\Users\\reader\\scan.jpg", "scan"),
        ("/home/reader/scan.bmp", "scan"),
        ("1.2.840.113", "1.2.840.113"),
        ("../../scan.png", "scan"),
    ],
)
def test_images_are_called_by_path_without_extension(name: str, key: str) -> None:
    assert image_key(name) == key


@pytest.mark.parametrize("name", ["", "/", "..", ".png", "."])
def test_an_image_needs_a_name(name: str) -> None:
    with pytest.raises(FusionError, match="an image without a name"):
        image_key(name)


BROKEN = {
    "point": ({"name": "point", "cx": 1, "cy": 2}, "a region of kind point; accepted are rect, circle, ellipse"),
    "no width": ({"name": "rect", "x": 1, "y": 2, "height": 3}, "no width"),
    "text": ({"name": "rect", "x": "1", "y": 2, "width": 3, "height": 3}, "values that are no numbers"),
    "negative": ({"name": "rect", "x": 1, "y": 2, "width": -3, "height": 3}, "a box of -3 x 3 pixels"),
    "two points": ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, "a polygon with 2 x and 2 y"),
    "no list": ({"name": "polygon", "all_points_x": 1, "all_points_y": 2}, "values that are no numbers"),
    "no shape": ([], "no shape"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_region_fails_its_image_only(tmp_path: Path, case: str) -> None:
    shape, message = BROKEN[case]
    regions = [rect(3, 4, 10, 6), {"shape_attributes": shape, "region_attributes": {}}]
    rater = open_one(write_json(tmp_path / "r.json", via_entries({"a.png": REGIONS, "b.png": regions})))
    assert same(mask_of(rater), expected())
    with pytest.raises(FusionError) as caught:
        mask_of(rater, "b")
    assert str(caught.value).startswith(f"{tmp_path / 'r.json'}, b.png: region 2: {message}")


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [30, 40], "counts": "abc"}, "packed run lengths; accepted are plain ones, a list of numbers"),
        ({"size": [30, 40], "counts": [5]}, "run lengths of 5 pixels for a mask of 40 x 30"),
        ({"counts": [5]}, "no size"),
        ([[1, 2, 3]], "a polygon with 2 x and 1 y"),
        ([7], "values that are no numbers"),
        (None, "neither a segmentation nor a box"),
    ],
)
def test_a_broken_annotation_of_coco(tmp_path: Path, segmentation: Any, message: str) -> None:
    rater = open_one(write_json(tmp_path / "r.json", coco([{"segmentation": segmentation}])))
    with pytest.raises(FusionError, match=f"a.png: region 1: {message}"):
        mask_of(rater)


def test_a_damaged_cell_fails_its_image_only(tmp_path: Path) -> None:
    path = write_via_csv(tmp_path / "r.csv", {"a.png": REGIONS, "b.png": REGIONS})
    text = path.read_text()
    path.write_text(text[: text.rindex('{""name""')] + '{""name"",{}\n')
    rater = open_one(path)
    assert same(mask_of(rater), expected())
    with pytest.raises(FusionError, match=r"b\.png: region 2: no shape"):
        mask_of(rater, "b")


def test_without_a_size_nothing_is_drawn(tmp_path: Path) -> None:
    rater = open_one(write_json(tmp_path / "r.json", via_entries({"a.png": REGIONS})))
    with pytest.raises(FusionError, match="the file does not state the size of the image; give --images"):
        rater.marks["a"][0].mask(None)


FILES = {
    "broken.json": ("{", "damaged JSON (Expecting property name"),
    "text.json": ("\x00\x01", "damaged JSON"),
    "list.json": ("[1, 2]", "neither JSON of the VGG Image Annotator (version 1 or 2) nor of COCO"),
    "version3.json": ('{"project": {}, "file": {}, "metadata": {}}', "neither JSON of the VGG Image Annotator"),
    "none.json": ('{"_via_img_metadata": {}}', "a VGG Image Annotator file without images"),
    "unnamed.json": ('{"_via_img_metadata": {"x": {"regions": []}}}', "an image without a filename"),
    "images.json": ('{"images": [], "annotations": []}', "a COCO file without images"),
    "id.json": ('{"images": [{"id": 1}], "annotations": []}', "not the form of COCO (an image, annotation or"),
    "lost.json": (
        '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 2}]}',
        "an annotation of image 2, which is not among its images",
    ),
    "columns.csv": ("filename,x\na,1\n", "no column region_shape_attributes"),
    "none.csv": ("filename,region_shape_attributes,region_attributes\n", "a table without images"),
    "unnamed.csv": ("filename,region_shape_attributes,region_attributes\n,{},{}\n", "line 2 names no image"),
    "empty.csv": ("", "no column filename"),
    "marks.txt": ("x", "accepted are a folder of masks, a MONAI Label data store, VGG Image Annotator JSON or CSV"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str) -> None:
    content, message = FILES[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(FusionError) as caught:
        open_one(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_raters_are_named_and_told_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_json(tmp_path / folder / "marks.json", via_entries({"a.png": []}))
    paths = [str(tmp_path / folder / "marks.json") for folder in ("one", "two")]
    with pytest.raises(FusionError, match="two raters are called marks; name them apart: NAME=PATH"):
        open_raters(paths)
    assert [rater.name for rater in open_raters([paths[0], f"Dr. B={paths[1]}"])] == ["marks", "Dr. B"]
    with pytest.raises(FusionError, match=r"nowhere: no such folder or file; accepted are"):
        open_raters([str(tmp_path / "nowhere")])
