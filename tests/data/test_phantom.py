"""Radiograph phantoms: contents, masks, boxes, file formats and data folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from monai.transforms import LoadImage
from PIL import Image
from skimage.measure import label

from common.data.check import check_folder
from common.data.index import read_index
from common.data.phantom import Phantom, radiograph_phantom
from common.data.phantom_anatomy import Body
from common.data.phantom_dataset import SITES, Site, write_phantom_dataset
from common.data.phantom_files import DEPTHS, write_picture
from common.data.phantom_film import FilmStyle
from common.errors import UsageError
from common.io import RadiographReader

SEEDS = range(6)


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [radiograph_phantom((256, 240), seed=seed) for seed in SEEDS]


class TestContents:
    def test_shape_and_type(self, phantoms: list[Phantom]) -> None:
        for phantom in phantoms:
            assert phantom.image.shape == phantom.right_lung.shape == phantom.lesions.shape == (256, 240)
            assert phantom.image.dtype == np.uint8
            assert phantom.right_lung.dtype == phantom.left_lung.dtype == bool

    def test_two_separate_lungs_on_the_right_sides(self, phantoms: list[Phantom]) -> None:
        for phantom in phantoms:
            assert label(phantom.lungs, connectivity=1).max() == 2
            assert np.nonzero(phantom.right_lung)[1].max() < np.nonzero(phantom.left_lung)[1].min()
            edge = np.concatenate([phantom.lungs[[0, -1]].ravel(), phantom.lungs[:, [0, -1]].ravel()])
            assert not edge.any(), "the lungs are wholly on the film"

    def test_sizes_are_those_of_adults(self, phantoms: list[Phantom]) -> None:
        for phantom in phantoms:
            assert 0.2 < phantom.lungs.mean() < 0.45
            assert 0.55 < phantom.left_lung.sum() / phantom.right_lung.sum() < 1.1, "the heart takes room on the left"
            width = np.ptp(np.nonzero(phantom.lungs)[1]) * phantom.pixel
            assert 200 < width < 340

    def test_bone_is_bright_and_air_is_dark(self, phantoms: list[Phantom]) -> None:
        """Background, then lung, then abdomen and spine: the order of a film with bright bone."""
        for phantom in phantoms:
            rows, columns = np.nonzero(phantom.lungs)
            middle = int(columns.mean())
            spine = phantom.image[rows.min() : rows.max(), middle - 3 : middle + 3].mean()
            lung = phantom.image[phantom.lungs].mean()
            assert phantom.image[-30:, :4].mean() < lung - 40
            assert lung < spine - 60
            assert lung < phantom.image[-20:, middle - 40 : middle + 40].mean() - 60

    def test_no_symmetry_hides_a_mirror(self, phantoms: list[Phantom]) -> None:
        for phantom in phantoms:
            for turned in (phantom.image[:, ::-1], phantom.image[::-1], phantom.image[::-1, ::-1]):
                assert np.abs(phantom.image.astype(int) - turned).mean() > 10

    def test_patients_differ_and_repeat(self, phantoms: list[Phantom]) -> None:
        again = radiograph_phantom((256, 240), seed=2)
        assert np.array_equal(again.image, phantoms[2].image)
        assert np.array_equal(again.lungs, phantoms[2].lungs)
        assert np.abs(phantoms[2].image.astype(int) - phantoms[3].image).mean() > 5

    def test_sex(self) -> None:
        female, male = (Body.sample(np.random.default_rng(0), sex) for sex in "FM")
        assert female.breast > 0 == male.breast
        assert female.half_width < male.half_width
        assert radiograph_phantom((64, 64), sex="M").body.sex == "M"

    def test_the_larger_heart_takes_the_room_of_the_left_lung(self) -> None:
        body = Body.sample(np.random.default_rng(0), "M")
        areas = []
        for heart in (0.9, 1.2):
            x, y = Body(**{**vars(body), "heart": heart}).lung_outline(1).T
            areas.append(0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
        assert areas[1] < 0.95 * areas[0]


class TestSizesAndDepths:
    def test_sixteen_bits(self, phantoms: list[Phantom]) -> None:
        deep = radiograph_phantom((256, 240), seed=2, bits=16)
        assert deep.image.dtype == np.uint16
        assert len(np.unique(deep.image)) > 10_000
        assert np.abs(deep.image / 257 - phantoms[2].image).max() < 0.51

    def test_a_large_film_shows_the_same_patient(self) -> None:
        """Above the size on which tissue is computed, the picture is interpolated and the masks stay exact."""
        small, large = (radiograph_phantom((n, n), seed=1, lesions=2, style=FilmStyle(marker="")) for n in (400, 1200))
        for name in ("right_lung", "left_lung"):
            shrunk = getattr(large, name)[1::3, 1::3]
            assert np.mean(shrunk != getattr(small, name)) < 0.003, name
        difference = large.image[1::3, 1::3].astype(int) - small.image
        assert np.abs(difference)[small.lungs].mean() < 12

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"size": (63, 100)}, "at least 64 x 64"),
            ({"lesions": -1}, "lesions"),
            ({"bits": 12}, "bits must be 8 or 16, got 12"),
        ],
    )
    def test_refusals(self, arguments: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            radiograph_phantom(**arguments)


class TestLesions:
    def test_a_healthy_phantom_has_none(self, phantoms: list[Phantom]) -> None:
        assert all(not phantom.lesions.any() and phantom.boxes == [] for phantom in phantoms)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_lesions_lie_in_the_lungs_and_are_visible(self, seed: int, phantoms: list[Phantom]) -> None:
        phantom = radiograph_phantom((256, 240), seed=seed, lesions=3)
        assert len(phantom.boxes) == 3
        assert phantom.lesions.any()
        assert not (phantom.lesions & ~phantom.lungs).any()
        assert np.array_equal(phantom.lungs, phantoms[seed].lungs), "the same patient, now ill"
        brighter = phantom.image.astype(int) - phantoms[seed].image
        assert brighter[phantom.lesions].mean() > brighter[phantom.lungs & ~phantom.lesions].mean() + 8

    def test_boxes_enclose_the_lesions_tightly(self) -> None:
        phantom = radiograph_phantom((256, 240), seed=4, lesions=1)
        x, y, w, h = phantom.boxes[0]["xywh"]
        inside = phantom.lesions[y : y + h, x : x + w]
        assert inside.sum() == phantom.lesions.sum()
        assert inside.any(axis=0)[[0, -1]].all()
        assert inside.any(axis=1)[[0, -1]].all()
        assert phantom.boxes[0]["label"] in ("active", "latent")


class TestStyles:
    def test_margins_and_markers(self) -> None:
        style = FilmStyle(border=(0.1, 0.05, 0.0, 0.2), marker="R")
        phantom = radiograph_phantom((200, 200), style=style)
        assert (phantom.image[-40:] == 0).all()
        assert (phantom.image[:, :20] == 0).all()
        assert (phantom.image[:10] == 0).all()
        assert not phantom.lungs[-40:].any()
        plain = radiograph_phantom((200, 200), style=FilmStyle(border=style.border, marker=""))
        rows, columns = np.nonzero(phantom.image != plain.image)
        assert rows.max() < 70
        assert columns.max() < 80, "R stands on the picture's left"

    def test_noise_follows_the_exposure(self) -> None:
        def roughness(exposure: float) -> float:
            image = radiograph_phantom((256, 256), style=FilmStyle(exposure=exposure, blur=0)).image.astype(float)
            return float(np.abs(np.diff(image, axis=1))[20:60, 20:40].mean())

        assert roughness(2e3) > 2 * roughness(1e5)

    def test_sites_look_different(self) -> None:
        medians = [np.median(radiograph_phantom((128, 128), style=site.style).image) for site in SITES]
        assert max(medians) - min(medians) > 40


class TestFiles:
    @pytest.fixture(scope="class")
    def picture(self) -> np.ndarray:
        return radiograph_phantom((101, 133), seed=1, bits=16).image

    @pytest.mark.parametrize(("suffix", "bits"), [(s, bits) for s, depths in DEPTHS.items() for bits in depths])
    def test_every_format_reads_back_upright(self, suffix: str, bits: int, picture: np.ndarray, tmp_path: Path) -> None:
        image = picture if bits == 16 else (picture >> 8).astype(np.uint8)
        path = write_picture(tmp_path / f"sub folder/x{suffix}", image, pixel=0.4)
        loaded = LoadImage(reader=RadiographReader())(path)
        assert tuple(loaded.shape) == (133, 101), "x first"
        assert np.abs(loaded.numpy().T - image).max() <= (12 if suffix == ".jpg" else 0)
        if suffix in (".dcm", ".nii.gz"):
            assert loaded.meta["pixel_spacing"] == pytest.approx((0.4, 0.4))

    def test_both_polarities_of_dicom_show_the_same(self, picture: np.ndarray, tmp_path: Path) -> None:
        path = write_picture(tmp_path / "x.dcm", picture, monochrome1=True)
        stored = pydicom.dcmread(path)
        assert stored.PhotometricInterpretation == "MONOCHROME1"
        assert np.array_equal(stored.pixel_array, 65535 - picture)
        assert np.array_equal(LoadImage(reader=RadiographReader())(path).numpy().T, picture)

    def test_refusals(self, picture: np.ndarray, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"unknown suffix; known are .*\.dcm"):
            write_picture(tmp_path / "x.bmp", picture)
        with pytest.raises(ValueError, match="8 bits a pixel, got uint16"):
            write_picture(tmp_path / "x.jpg", picture)
        with pytest.raises(ValueError, match="MONOCHROME1"):
            write_picture(tmp_path / "x.png", picture, monochrome1=True)
        with pytest.raises(ValueError, match="float64"):
            write_picture(tmp_path / "x.png", picture / 2)
        assert list(tmp_path.iterdir()) == []


class TestDataset:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("phantoms")
        assert write_phantom_dataset(folder, 10, size=(256, 240)) == folder / "index.csv"
        return folder

    def test_the_folder_passes_the_check(self, folder: Path) -> None:
        assert check_folder(folder, progress=False) == []

    def test_lists_labels_and_sites(self, folder: Path) -> None:
        table = read_index(folder)
        assert len(table) == 10
        assert set(table["dataset"]) == {site.name for site in SITES}
        for column in ("seg_split", "cls_split"):
            assert set(table[column]) == {"train", "val", "test"}
        for part in ("train", "val", "test"):
            assert set(table[table["seg_split"] == part]["tb"]) == {"0", "1"}, part
        assert (table["det_split"] != "").eq(table["tb"] == "1").all()
        assert table["patient_id"].is_unique

    def test_boxes_agree_with_the_lesion_masks(self, folder: Path) -> None:
        table = read_index(folder)
        for row in table.itertuples():
            stem = Path(row.image).stem
            mask = np.asarray(Image.open(folder / row.dataset / "lesion_masks" / f"{stem}.png"))
            assert set(np.unique(mask)) <= {0, 255}
            assert mask.any() == (row.tb == "1")
            outside = mask.copy()
            for box in json.loads(row.boxes) if row.boxes else []:
                x, y, w, h = box["xywh"]
                outside[y : y + h, x : x + w] = 0
            assert not outside.any()

    def test_a_second_run_writes_the_same(self, folder: Path, tmp_path: Path) -> None:
        write_phantom_dataset(tmp_path, 10, size=(256, 240))
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
        assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)

    def test_sites_of_other_formats(self, tmp_path: Path) -> None:
        sites = [Site("a", (96, 80), suffix=".dcm", monochrome1=True, bits=16), Site("b", (80, 96), suffix=".jpg")]
        write_phantom_dataset(tmp_path, 3, seed=5, sites=sites)
        table = read_index(tmp_path)
        assert [Path(name).suffix for name in table["image"]] == [".dcm", ".jpg", ".dcm"]
        assert pydicom.dcmread(tmp_path / table["image"][0]).PhotometricInterpretation == "MONOCHROME1"

    def test_nothing_to_write(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="0 images"):
            write_phantom_dataset(tmp_path, 0)

    def test_an_index_of_other_data_stays(self, tmp_path: Path) -> None:
        (tmp_path / "index.csv").write_text("dataset,image\nours,a.png\n")
        with pytest.raises(UsageError, match=r"its index.csv has other data \(ours\); choose another folder"):
            write_phantom_dataset(tmp_path, 1, size=(96, 80))
        assert [path.name for path in tmp_path.iterdir()] == ["index.csv"]
