"""What bundles do in MONAI Label's server and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from monai.transforms import LoadImage
from PIL import Image

from common.data import MixedSampler, refuse_overlap
from common.errors import UsageError
from common.handlers import ServeWeights
from common.io import MaskWriter, RadiographReader
from common.localization import PositiveRegionsd, Region
from common.transforms import BoxesToMaskd, ClassScoresd, OnSourceGridd, in_label_server
from common.transforms.tb_decision import TB_DECISION, TB_PROBABILITY, TBDecision


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monailabel", ModuleType("monailabel"))


@pytest.fixture
def mask() -> np.ndarray:
    """As it is shown: 90 wide, 70 high, an L that no turn or mirror maps to itself."""
    picture = np.zeros((90, 70), dtype=np.float32)
    picture[10:60, 20:30] = picture[50:60, 20:65] = 1
    return picture


def film(path: Path, axes: str = "LIP") -> MetaTensor:
    """A film that is stored in a NIfTI file with axes in these directions, or in a picture."""
    grey = np.linspace(0, 255, 90 * 70).reshape(90, 70).astype(np.uint8)
    if path.suffix != ".gz":
        Image.fromarray(grey.T).save(path)
    else:
        upright = nib.Nifti1Image(
            grey[..., None], np.array([[-0.5, 0, 0, 7], [0, 0, 2, 8], [0, -0.5, 0, 9], [0, 0, 0, 1]])
        )
        turn = nib.orientations.ornt_transform(
            nib.orientations.io_orientation(upright.affine), nib.orientations.axcodes2ornt(axes)
        )
        nib.save(upright.as_reoriented(turn), path)
    return LoadImage(reader=RadiographReader(), image_only=True, ensure_channel_first=True)(str(path))


def test_nothing_changes_outside_the_server(tmp_path: Path, mask: np.ndarray) -> None:
    assert not in_label_server()
    item = {"image": film(tmp_path / "a.nii.gz", "PIR"), "pred": torch.from_numpy(mask), TB_PROBABILITY: 0.3}
    meta = dict(item["image"].meta)
    for transform in (OnSourceGridd(), ClassScoresd()):
        out = transform(item)
        assert out.keys() == item.keys()
        assert all(out[key] is item[key] for key in item)
    assert item["image"].meta.keys() == meta.keys()


@pytest.mark.parametrize("axes", ["LIP", "RSA", "PIR", "SLA", "IRP", "ALS"])
@pytest.mark.usefixtures("served")
def test_a_mask_is_stored_as_the_writer_of_runs_stores_it(tmp_path: Path, mask: np.ndarray, axes: str) -> None:
    image = film(tmp_path / "a.nii.gz", axes)
    writer = MaskWriter()
    writer.set_data_array(mask, channel_dim=None)
    writer.set_metadata(image.meta)
    writer.write(tmp_path / "mask.nii.gz", verbose=False)
    expected = nib.load(tmp_path / "mask.nii.gz")
    out = OnSourceGridd()({"image": image, "pred": torch.from_numpy(mask)})
    assert out["pred"].dtype == torch.uint8
    assert np.array_equal(out["pred"], np.asarray(expected.dataobj))
    assert out["pred"].shape == nib.load(tmp_path / "a.nii.gz").shape
    # These two are what the server's last transform goes by.
    assert tuple(out["image"].meta["spatial_shape"]) == expected.shape
    assert np.allclose(out["image"].meta["original_affine"], expected.affine)
    assert "result_extension" not in out


@pytest.mark.parametrize(("name", "asked", "extension"), [
    ("a.png", None, None), ("a.jpg", None, ".png"), ("a.jpg", "", ".png"), ("a.jpg", ".nrrd", ".nrrd"),
])  # fmt: skip
@pytest.mark.usefixtures("served")
def test_the_answer_to_a_lossy_picture_is_a_png(
    tmp_path: Path, mask: np.ndarray, name: str, asked: str | None, extension: str | None
) -> None:
    item = {"image": film(tmp_path / name), "pred": torch.from_numpy(mask[None])}
    out = OnSourceGridd()(item if asked is None else {**item, "result_extension": asked})
    assert np.array_equal(out["pred"][..., 0], mask)
    assert out.get("result_extension") == extension


@pytest.mark.usefixtures("served")
def test_class_scores_are_the_calibrated_probability(tmp_path: Path) -> None:
    item = {"image": film(tmp_path / "a.png"), "image_meta_dict": {}, "pred": torch.tensor([3.0, -1.0])}
    out = ClassScoresd()({**item, TB_PROBABILITY: 0.25})
    assert isinstance(out["pred"], MetaTensor)
    assert out["pred"].tolist() == [0.75, 0.25]
    assert "image" not in out
    assert "image_meta_dict" not in out


@pytest.mark.usefixtures("served")
def test_no_answer_without_weights(tmp_path: Path, mask: np.ndarray) -> None:
    weights = tmp_path / "model.pt"
    weights.touch()
    item = {"image": film(tmp_path / "a.png"), "pred": torch.from_numpy(mask), TB_PROBABILITY: 0.25}
    transforms = OnSourceGridd(weights=weights), ClassScoresd(weights=weights)
    for transform in transforms:
        transform(item)
    weights.unlink()
    for transform in transforms:
        with pytest.raises(UsageError, match=r"model\.pt: no weights there"):
            transform(item)


@pytest.mark.parametrize("tb", [True, False])
def test_regions_of_a_positive_film_are_its_mask(tmp_path: Path, tb: bool) -> None:
    regions = [Region((10, 20, 5, 6), 0.9), Region((85, 60, 30, 30), 0.4)]
    item = {"image": film(tmp_path / "a.png"), "pred": torch.zeros(2), "evidence_regions": regions}
    out = PositiveRegionsd()({**item, TB_DECISION: TBDecision(1.0, 0.7, tb, True)})
    assert out["pred"].shape == (1, 90, 70)
    assert out["pred"].dtype == torch.uint8
    assert int(out["pred"].sum()) == (5 * 6 + 5 * 10 if tb else 0)


def test_weights_change_places_when_training_ends(tmp_path: Path) -> None:
    best, served = tmp_path / "best.pt", tmp_path / "model.pt"
    best.write_text("of an earlier training")
    served.write_text("released")
    trainer = Engine(lambda engine, batch: None)
    ServeWeights(best, served).attach(trainer)

    @trainer.on(Events.EPOCH_COMPLETED)
    def validated(engine: Engine) -> None:
        assert best.exists() == (engine.state.epoch == 2)
        best.write_text(str(engine.state.epoch))
        assert served.read_text() == "released"

    trainer.run([0], max_epochs=2)
    assert served.read_text() == "2"
    assert (tmp_path / "model_released.pt").read_text() == "released"
    best.write_text("3")
    ServeWeights(best, served)()
    assert served.read_text() == "3"
    assert (tmp_path / "model_released.pt").read_text() == "released"


def test_a_training_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    best, served = tmp_path / "best.pt", tmp_path / "model.pt"
    served.write_text("released")

    def step(engine: Engine, batch: int) -> None:
        best.write_text("first epoch")
        if engine.state.epoch == 2:
            raise RuntimeError("disk full")

    trainer = Engine(step)
    ServeWeights(best, served).attach(trainer)
    with pytest.raises(RuntimeError, match="disk full"):
        trainer.run([0], max_epochs=3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["best.pt", "model.pt"]
    assert served.read_text() == "released"


def test_no_validated_epoch_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("released")
    ServeWeights(tmp_path / "best.pt", tmp_path / "model.pt")()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["released"]


def test_a_mask_file_stands_for_boxes(tmp_path: Path, mask: np.ndarray) -> None:
    Image.fromarray((mask.T * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    image = film(tmp_path / "a.png")
    out = BoxesToMaskd("label")({"image": image, "label": str(tmp_path / "mask.png")})
    assert np.array_equal(out["label"][0], mask)
    Image.fromarray((mask.T * 255).astype(np.uint8)[1:]).save(tmp_path / "small.png")
    with pytest.raises(RuntimeError) as caught:
        BoxesToMaskd("label")({"image": image, "label": str(tmp_path / "small.png")})
    assert isinstance(caught.value.__cause__, UsageError)
    assert "small.png: the mask has 90 x 69 pixels, its image" in str(caught.value.__cause__)


def test_items_without_source_and_site_can_be_trained_on() -> None:
    items = [{"image": f"{name}.png", "label": f"{name}_mask.png"} for name in "abcde"]
    sampler = MixedSampler(items, {"normal": 0.25}, steps=5, batch_size=2)
    drawn = list(sampler)
    assert sorted(drawn) == sorted([*range(5), *range(5)])
    refuse_overlap(items[:3], items[3:], pictures=False)
    with pytest.raises(UsageError, match=r"a\.png is in both lists"):
        refuse_overlap(items, items[:1], pictures=False)
