"""What the charts and pictures of lesions show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_lesions import make_lesion_run, make_lesions
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from common.evaluation import LesionEvaluation, evaluate_lesions
from common.evaluation.cases import FALSE_NEGATIVE, FALSE_POSITIVE
from common.evaluation.lesion_cases import draw_lesion_case
from common.evaluation.lesion_charts import froc_chart, image_chart, precision_recall_chart
from common.localization import Region


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeUpRegions:
    """See :func:`made_up_lesions.make_lesions`; the normal images are of a site of their own."""
    made = make_lesions(tmp_path_factory.mktemp("lesions"))
    for name in "de":
        made.change(name, dataset="south")
    return made


@pytest.fixture(scope="module")
def found(made: MadeUpRegions) -> LesionEvaluation:
    """The evaluation of a run."""
    return evaluate_lesions(make_lesion_run(made), made.data, repeats=20)


def test_froc_curves_end_where_the_table_says(found: LesionEvaluation) -> None:
    panel = froc_chart(found).axes[0]
    assert panel.get_title() == "FROC; hit: IoU 0.2 or more with a true box"
    # Sites with true boxes: north, with one false positive on three images, and all together.
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == [f"north: mean {(2 * 0.5 + 5 * 0.75) / 7:.3f}", f"all: mean {(0.5 + 5 * 0.75) / 7:.3f}"]
    curve, dots = panel.lines[2:4]
    assert curve.get_xdata().tolist() == pytest.approx([0, 0.2, 0.2, 0.2, 0.4, 0.4, 16])
    assert curve.get_ydata().tolist() == [0, 0, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert dots.get_ydata().tolist() == [0, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75]


def test_the_area_below_a_precision_recall_curve_is_its_average_precision(found: LesionEvaluation) -> None:
    panels = precision_recall_chart(found).axes
    assert [panel.get_title() for panel in panels] == ["north", "all"]
    for panel in panels:
        for line, text in zip(panel.lines, panel.get_legend().get_texts(), strict=True):
            recall, precision = line.get_xdata(), line.get_ydata()
            area = np.nansum(np.diff(recall) * precision[1:])
            assert text.get_text().endswith(f"AP {area:.3f}")


def test_every_image_is_a_point(found: LesionEvaluation) -> None:
    dice, area, share = image_chart(found).axes
    assert [label.get_text() for label in dice.get_xticklabels()] == ["north\nactive", "south\nnormal"]
    points = [
        [len(part.get_offsets()) for part in panel.collections if isinstance(part, PathCollection)]
        for panel in (dice, area, share)
    ]
    # Of one normal image alone the lungs are known.
    assert points == [[3, 2], [3, 2], [1]]
    assert share.get_title().startswith("false positive area, share of the lungs")


def test_charts_without_anything_to_find(made: MadeUpRegions) -> None:
    found = evaluate_lesions(made.data.parent / "run", made.data, sites=["south"], repeats=20)
    assert froc_chart(found).axes[0].get_legend() is None
    assert len(precision_recall_chart(found).axes) == 1
    assert len(image_chart(found).axes) == 3
    # No normal image, hence no panel of them.
    north = evaluate_lesions(made.data.parent / "run", made.data, sites=["north"], repeats=20)
    assert [panel.get_title() for panel in image_chart(north).axes] == [
        "Dice\n(line: median)",
        "area error\n(line: median)",
    ]


def test_a_picture_shows_boxes_lesions_and_their_difference(found: LesionEvaluation) -> None:
    case = pd.Series(found.per_image.iloc[1].to_dict() | {"kind": "worst", "rank": 1})
    mask = np.zeros((WIDTH, HEIGHT), dtype=bool)
    mask[80:90, 0:10] = True
    truth = np.array([[10.0, 10.0, 20.0, 20.0]])
    black = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    lesions = [Region((80, 0, 10, 10), 0.7)]
    figure = draw_lesion_case(black, truth, mask, lesions, case)
    assert [panel.get_title() for panel in figure.axes] == ["radiograph", "truth", "prediction", "difference"]
    difference = np.asarray(figure.axes[3].images[0].get_array()) / 0.7
    np.testing.assert_allclose(difference[5, 85], to_rgb(FALSE_POSITIVE), atol=1e-5)
    np.testing.assert_allclose(difference[15, 15], to_rgb(FALSE_NEGATIVE), atol=1e-5)
    assert not difference[60, 60].any()
    assert [patch.get_bbox().bounds for patch in figure.axes[1].patches] == [(10, 10, 20, 20)]
    assert [patch.get_bbox().bounds for patch in figure.axes[2].patches] == [(80, 0, 10, 10)]
    assert [text.get_text() for text in figure.axes[2].texts] == ["0.70"]
    assert figure.get_suptitle().startswith("north/images/b.png   (worst 1 of north)\nDice 0.615   IoU 0.444")
