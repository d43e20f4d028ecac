"""The transforms: kinds of arrays in and out, dictionaries, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from made_up_raters import ellipse, outline_reader, two_lesions
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose

from common.fusion import (
    FuseLabels,
    FuseLabelsd,
    FuseMasks,
    FuseMasksd,
    Fusion,
    FusionError,
    LabelFusion,
    fuse_label_maps,
    staple,
)

READERS = np.stack([outline_reader(two_lesions(64), 1 + number, seed=number) for number in range(3)])
CONSENSUS = staple(READERS).consensus


def kinds(values: np.ndarray) -> list[Any]:
    """The same numbers in every container and type that holds them."""
    arrays: list[Any] = [values.astype(kind) for kind in (np.uint8, np.int16, np.float32, np.float64)]
    types = (torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64)
    tensors = [torch.from_numpy(values.astype(np.float32)).to(kind) for kind in types]
    return [*arrays, *tensors, MetaTensor(tensors[-2], meta={"filename_or_obj": "reader.png"})]


@pytest.mark.parametrize("masks", [READERS, torch.from_numpy(READERS), *kinds(READERS), *kinds(READERS * 7.0)])
def test_kind_and_type_are_kept_and_do_not_matter(masks: Any) -> None:
    fused = FuseMasks()(masks)
    assert type(fused) is type(masks)
    assert fused.dtype == masks.dtype
    assert np.array_equal(np.asarray(fused.tolist()), CONSENSUS[None])
    if isinstance(masks, MetaTensor):
        assert fused.meta["filename_or_obj"] == "reader.png"
        assert torch.equal(fused.affine, masks.affine)


@pytest.mark.parametrize("maps", kinds(READERS[:2] + 2.0 * READERS[1:]))
def test_kind_and_type_of_label_maps_are_kept(maps: Any) -> None:
    fused = FuseLabels()(maps)
    assert type(fused) is type(maps)
    assert fused.dtype == maps.dtype
    assert np.array_equal(np.asarray(fused.tolist())[0], fuse_label_maps(READERS[:2] + 2 * READERS[1:]).consensus)


def test_volumes_keep_their_shape() -> None:
    ball = ellipse((16, 18, 20), (8, 9, 10), (5, 6, 5))
    raters = np.stack([ball, np.roll(ball, 1, axis=0), np.roll(ball, 1, axis=2)]).astype(np.float32)
    assert FuseMasks("majority")(raters).shape == (1, 16, 18, 20)
    assert np.array_equal(FuseMasks("majority")(raters)[0], raters.sum(axis=0) >= 2)
    assert FuseMasks()(torch.from_numpy(raters)).shape == (1, 16, 18, 20)


def test_the_input_is_left_alone() -> None:
    masks = READERS.astype(np.uint8) * 255
    before = masks.copy()
    FuseMasks(region="image")(masks)
    FuseLabels()(masks)
    assert np.array_equal(masks, before)


def item(sides: tuple[int, int, int] = (64, 64, 64)) -> dict[str, Any]:
    data: dict[str, Any] = {"x": 1}
    for name, mask, side in zip("abc", READERS, sides, strict=True):
        data[name] = MetaTensor(torch.from_numpy(mask[None, :, :side]).float(), meta={"filename_or_obj": f"{name}.png"})
    return data


def test_one_key_a_rater() -> None:
    data = item()
    done = FuseMasksd(["a", "b", "c"], "truth", probability_key="probability", details_key="details")(data)
    assert np.array_equal(done["truth"][0].numpy(), CONSENSUS)
    assert isinstance(done["truth"], MetaTensor)
    assert done["truth"].meta["filename_or_obj"] == "a.png"
    assert done["probability"].dtype == torch.float32
    assert done["probability"].shape == (1, 64, 64)
    assert isinstance(done["details"], Fusion)
    assert np.array_equal(done["details"].sensitivity, staple(READERS).sensitivity)
    assert done["x"] == 1
    assert sorted(data) == ["a", "b", "c", "x"]


def test_one_key_with_a_channel_a_rater() -> None:
    done = FuseMasksd("readers", "truth")({"readers": READERS})
    assert np.array_equal(done["truth"][0], CONSENSUS)


def test_label_maps_by_key() -> None:
    done = FuseLabelsd(["a", "b", "c"], probability_key="probability", details_key="details", method="majority")(item())
    assert isinstance(done["details"], LabelFusion)
    assert done["probability"].shape == (2, 64, 64)
    assert np.array_equal(done["consensus"][0].numpy(), READERS.sum(axis=0) >= 2)


def test_a_rater_may_be_missing_where_that_is_allowed() -> None:
    data = item()
    del data["b"]
    with pytest.raises(KeyError):
        FuseMasksd(["a", "b", "c"])(data)
    done = FuseMasksd(["a", "b", "c"], allow_missing_keys=True)(data)
    assert np.array_equal(done["consensus"][0].numpy(), staple(READERS[[0, 2]]).consensus)
    with pytest.raises(FusionError, match="none of the raters d, e has an item"):
        FuseMasksd(["d", "e"], allow_missing_keys=True)(data)


def test_masks_of_different_size_are_named() -> None:
    with pytest.raises(FusionError) as caught:
        FuseMasksd(["a", "b", "c"])(item((64, 64, 60)))
    assert str(caught.value) == "c.png: 64 x 60 pixels, but a.png 64 x 64 pixels"


def test_a_configuration_names_them() -> None:
    parser = ConfigParser(
        {
            "fuse": {
                "_target_": "common.fusion.FuseMasksd",
                "keys": ["a", "b", "c"],
                "output_key": "truth",
                "method": "majority",
            }
        }
    )
    done = Compose([parser.get_parsed_content("fuse")])(item())
    assert np.array_equal(done["truth"][0].numpy(), READERS.sum(axis=0) >= 2)


@pytest.mark.parametrize("values", [[0, 0.3, 1], [0, 1, 2], [0, 1, float("nan")], [-1, 0, 1]])
def test_what_is_no_mask_is_refused(values: list[float]) -> None:
    with pytest.raises(FusionError, match=r"^rater 1: several values beside zero; a mask has one"):
        FuseMasks()(np.array([[[0, 1, 1]], [values]]))


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf")])
def test_what_is_no_label_map_is_refused(value: float) -> None:
    with pytest.raises(FusionError, match="label maps are of whole numbers"):
        FuseLabels()(np.array([[[0, 1, value]]]))


@pytest.mark.parametrize("transform", [FuseMasks(), FuseLabels()])
def test_an_array_without_pixels_is_refused(transform: Any) -> None:
    with pytest.raises(FusionError, match=r"one channel a rater are needed, got \(0, 4, 4\)"):
        transform(np.zeros((0, 4, 4)))


def test_wrong_options_are_refused_before_the_first_image() -> None:
    with pytest.raises(FusionError, match="method: one of"):
        FuseMasks("average")
    with pytest.raises(FusionError, match="threshold: a number between 0 and 1"):
        FuseMasksd(["a", "b", "c"], threshold=2)
    with pytest.raises(FusionError, match="method: one of staple, majority"):
        FuseLabelsd(["a", "b", "c"], method="union")
    with pytest.raises(TypeError, match="treshold"):
        FuseMasks(treshold=0.5)
