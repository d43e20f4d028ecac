"""Localisation figures of maps and masks, and all of them as metrics of an engine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler, from_engine, write_metrics_reports
from monai.metrics import CumulativeIterationMetric, DiceMetric

from common.localization import Region, fill_boxes, region_rows
from common.metrics import (
    BoxAveragePrecisionMetric,
    BoxFROCMetric,
    BoxHitRateMetric,
    BoxMaskMetric,
    EvidenceShareMetric,
    PointingGameMetric,
    average_precision,
    confusion_counts,
    evidence_share,
    iobb_from_counts,
    pointing_game,
)

SIZE = (40, 30)
BOX = [10, 5, 8, 6]


def _peak(x: int, y: int, value: float = 1.0) -> np.ndarray:
    evidence = np.full(SIZE, 0.1, dtype=np.float32)
    evidence[x, y] = value
    return evidence


@pytest.mark.parametrize(
    ("point", "hit"), [((10, 5), 1), ((17, 10), 1), ((18, 10), 0), ((17, 11), 0), ((9, 5), 0), ((5, 10), 0)]
)
def test_the_pointing_game_looks_at_the_strongest_pixel(point: tuple[int, int], hit: float) -> None:
    assert pointing_game(_peak(*point), [BOX]) == hit
    assert pointing_game(_peak(*point), [[30, 20, 2, 2], BOX]) == hit, "any box will do"


def test_the_tolerance_is_a_distance() -> None:
    # The centre of pixel (20, 13) is 2.5 right of the box and 2.5 below it.
    assert pointing_game(_peak(20, 13), [BOX], tolerance=3.5) == 0
    assert pointing_game(_peak(20, 13), [BOX], tolerance=3.6) == 1
    with pytest.raises(ValueError, match="must not be negative"):
        PointingGameMetric(tolerance=-1)


def test_several_strongest_pixels_share_the_hit() -> None:
    evidence = _peak(12, 7)
    evidence[30, 20] = evidence[31, 20] = evidence[13, 7] = 1
    assert pointing_game(evidence, [BOX]) == 0.5


def test_maps_that_point_nowhere_and_images_without_truth() -> None:
    flat = np.zeros(SIZE, dtype=np.float32)
    assert pointing_game(flat, [BOX]) == 0
    assert evidence_share(flat, [BOX]) == 0
    assert np.isnan(pointing_game(_peak(12, 7), []))
    assert np.isnan(evidence_share(_peak(12, 7), []))


def test_the_share_of_evidence() -> None:
    even = np.ones(SIZE)
    assert evidence_share(even, [BOX]) == pytest.approx(48 / 1200)
    assert evidence_share(even, [BOX, BOX, [14, 5, 8, 6]]) == pytest.approx((48 + 24) / 1200), "nothing counts twice"
    assert evidence_share(even, [[-5, -5, 100, 100]]) == 1
    assert evidence_share(fill_boxes([BOX], SIZE).astype(np.float32), [BOX]) == 1
    with pytest.raises(ValueError, match="must not be negative"):
        evidence_share(even - 2, [BOX])
    with pytest.raises(ValueError, match=r"map \[W, H\] of finite values"):
        evidence_share(even[None], [BOX])


def test_box_masks() -> None:
    found = torch.from_numpy(fill_boxes([[10, 5, 8, 6], [30, 20, 4, 4]], SIZE))[None, None]
    truth = torch.from_numpy(fill_boxes([[12, 5, 8, 6]], SIZE))[None, None]
    # 36 pixels in common, 64 found, 48 true.
    for figure, expected in (("dice", 72 / 112), ("iou", 36 / 76), ("iobb", 36 / 64)):
        assert BoxMaskMetric(figure)(found, truth).item() == pytest.approx(expected)
    reference = DiceMetric(ignore_empty=False)(found.float(), truth.float())
    assert BoxMaskMetric()(found, truth).item() == pytest.approx(reference.item())
    with pytest.raises(ValueError, match="figure 'f1': choose one of dice, iou, iobb"):
        BoxMaskMetric("f1")
    with pytest.raises(ValueError, match="two masks of one shape"):
        BoxMaskMetric()(found, truth[..., :-1])


@pytest.mark.parametrize("figure", ["dice", "iou", "iobb"])
def test_empty_masks_count(figure: str) -> None:
    empty, some = torch.zeros(1, 1, *SIZE), torch.from_numpy(fill_boxes([BOX], SIZE))[None, None].float()
    metric = BoxMaskMetric(figure)
    values = metric(torch.cat([empty, empty, some, some]), torch.cat([empty, some, empty, some]))
    assert values[:, 0].tolist() == [1, 0, 0, 1]
    assert metric.aggregate().item() == 0.5


def test_iobb_works_on_many_sums_at_once() -> None:
    masks = np.random.default_rng(0).random((3, 2, 8, 8)) < 0.3
    table = np.array([confusion_counts(*pair)[:3] for pair in masks]).T
    assert iobb_from_counts(*table).tolist() == [float((a & b).sum() / a.sum()) for a, b in masks]


FOUND = [
    region_rows([Region((0, 0, 10, 10), 0.9), Region((50, 50, 10, 10), 0.8)]),
    region_rows([]),
    region_rows([Region((0, 0, 10, 10), 0.7)]),
    region_rows([Region((5, 5, 5, 5), 0.6)]),
]
TRUTH = [
    torch.tensor([[0.0, 0, 10, 10]]),
    torch.tensor([[0.0, 0, 4, 4]]),
    torch.tensor([[0.0, 0, 10, 6], [90, 90, 5, 5]]),
    torch.zeros(0, 4),
]


def _fed(metric: CumulativeIterationMetric, batch: int = 2) -> CumulativeIterationMetric:
    for start in range(0, 4, batch):
        metric(FOUND[start : start + batch], TRUTH[start : start + batch])
    return metric


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_metrics_of_boxes_over_images(batch: int) -> None:
    # Scores 0.9 hit, 0.8 false, 0.7 hit at an overlap of 0.6 but not at 0.7, 0.6 false on a normal image; 4 true boxes.
    precision = _fed(BoxAveragePrecisionMetric([0.6, 0.7], reduction="none"), batch)
    expected = [average_precision([0.9, 0.8, 0.7, 0.6], hits, 4) for hits in ([1, 0, 1, 0], [1, 0, 0, 0])]
    assert precision.aggregate().tolist() == pytest.approx(expected)
    assert expected == pytest.approx([0.25 + 0.25 * 2 / 3, 0.25])
    assert _fed(BoxAveragePrecisionMetric([0.6, 0.7]), batch).aggregate().item() == pytest.approx(np.mean(expected))
    assert _fed(BoxHitRateMetric([0.6, 0.7], reduction="none"), batch).aggregate().tolist() == [0.5, 0.25]
    curve = _fed(BoxFROCMetric(0.6, [0, 0.25, 0.5], reduction="none"), batch).aggregate()
    assert curve.tolist() == [0.25, 0.5, 0.5]
    # Intersection over the found box: 1 for the first image's box, 0.6 for the third's.
    assert _fed(BoxHitRateMetric([0.55], "iobb"), batch).aggregate().item() == 0.5


def test_details_have_one_row_an_image() -> None:
    metric = _fed(BoxAveragePrecisionMetric([0.6, 0.7]))
    expected = [[1, 1], [0, 0], [0.5, 0], [np.nan, np.nan]]
    np.testing.assert_array_equal(metric.get_buffer().numpy(), expected)
    metric.reset()
    assert metric.get_buffer() is None
    with pytest.raises(ValueError, match="no boxes were compared yet"):
        metric.aggregate()


def test_only_the_best_boxes_are_judged() -> None:
    metric = BoxHitRateMetric([0.5], max_boxes=1)
    metric([region_rows([Region((50, 50, 5, 5), 0.2), Region((0, 0, 10, 10), 0.8)])], [TRUTH[0]])
    assert metric.aggregate().item() == 1
    metric([region_rows([Region((50, 50, 5, 5), 0.9), Region((0, 0, 10, 10), 0.8)])], [TRUTH[0]])
    assert metric.aggregate().item() == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"thresholds": []}, "overlap thresholds must lie above 0"),
        ({"thresholds": [1.2]}, "overlap thresholds must lie above 0"),
        ({"kind": "giou"}, "overlap 'giou': choose one of iou, iobb"),
        ({"reduction": "sum"}, "reduction 'sum': choose one of mean, none"),
    ],
)
def test_wrong_settings(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BoxAveragePrecisionMetric(**arguments)


def test_wrong_input() -> None:
    for found, truth in ((torch.zeros(1, 2, 4), torch.zeros(1, 1, 4)), (torch.zeros(1, 2, 5), torch.zeros(1, 1, 5))):
        with pytest.raises(ValueError, match="expected boxes"):
            BoxHitRateMetric()(found, truth)
    with pytest.raises(ValueError, match="finite numbers"):
        BoxHitRateMetric()([torch.tensor([[0.0, 0, 1, 1, torch.nan]])], [TRUTH[0]])


def test_metrics_of_maps_leave_images_without_truth_out() -> None:
    maps = torch.from_numpy(np.stack([_peak(12, 7), _peak(30, 20), _peak(12, 7), _peak(12, 7, 1e6)]))[:, None]
    boxes = [torch.tensor([BOX]), torch.tensor([BOX]), torch.zeros(0, 4), torch.tensor([BOX])]
    metric = PointingGameMetric()
    metric(list(maps), boxes)
    assert metric.aggregate().item() == pytest.approx(2 / 3)
    assert metric.get_buffer()[:, 0].isnan().tolist() == [False, False, True, False]
    share = EvidenceShareMetric()
    share(list(maps), boxes)
    values = [evidence_share(each[0].numpy(), box.numpy()) for each, box in zip(maps, boxes, strict=True)]
    assert share.aggregate().item() == pytest.approx(np.nanmean(values))
    only_normal = PointingGameMetric()
    only_normal(list(maps[:1]), boxes[2:3])
    assert np.isnan(only_normal.aggregate().item())


def test_all_metrics_as_handlers_of_an_engine(tmp_path) -> None:
    masks = [torch.from_numpy(fill_boxes(rows[:, :4].tolist(), (100, 100)))[None] for rows in FOUND]
    truths = [torch.from_numpy(fill_boxes(rows.tolist(), (100, 100)))[None] for rows in TRUTH]
    evidence = [mask * 0.5 + 0.25 for mask in masks]
    items = [
        {"evidence": evidence[i], "mask": masks[i], "found": FOUND[i], "boxes": TRUTH[i], "truth": truths[i]}
        for i in range(4)
    ]
    engine = Engine(lambda _, batch: batch)
    engine.state.metric_details = {}
    handlers = {
        "pointing": (PointingGameMetric(), ["evidence", "boxes"]),
        "share": (EvidenceShareMetric(), ["evidence", "boxes"]),
        "precision": (BoxAveragePrecisionMetric(), ["found", "boxes"]),
        "hits": (BoxHitRateMetric(), ["found", "boxes"]),
        "froc": (BoxFROCMetric(), ["found", "boxes"]),
        "dice": (BoxMaskMetric(), ["mask", "truth"]),
    }
    for name, (metric, keys) in handlers.items():
        IgniteMetricHandler(metric, output_transform=from_engine(keys)).attach(engine, name)
    state = engine.run([items[:2], items[2:]])
    assert state.metrics["precision"] == pytest.approx(_fed(BoxAveragePrecisionMetric()).aggregate().item())
    # Ten of twenty strongest pixels of the first image hit, none of the second, 60 of 100 of the third.
    assert state.metrics["pointing"] == pytest.approx((0.5 + 0 + 0.6) / 3)
    assert state.metrics["dice"] == pytest.approx((200 / 300 + 0 + 2 * 60 / (100 + 85) + 0) / 4)
    for metric, keys in handlers.values():
        metric.reset()
        metric([item[keys[0]] for item in items], [item[keys[1]] for item in items])
    for name, (metric, _) in handlers.items():
        assert state.metrics[name] == pytest.approx(metric.aggregate().item()), name
        assert len(state.metric_details[name]) == 4
    write_metrics_reports(tmp_path, list("abcd"), state.metrics, state.metric_details, None)
    assert (tmp_path / "precision_raw.csv").read_text().count("\n") == 5
