"""Which images cost a classifier its AUC."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_scores import make_scores
from sklearn.metrics import roc_auc_score

from common.evaluation import evaluate_classification
from common.evaluation.ranking_errors import half_of, ranking_errors


def made_up(run: str, labels: list[int], scores: list[float]) -> pd.DataFrame:
    names = [f"{number}.png" for number in range(len(labels))]
    about = dict.fromkeys(("dataset", "patient_id", "sex", "age", "findings"), "")
    return pd.DataFrame({"run": run, "image": names, "status": "ok", "label": labels, "score": scores, **about})


def test_every_wrong_pair_is_put_down_to_both_of_its_images() -> None:
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, 60)
    scores = (draw.normal(size=60) + labels).round(1)  # with ties
    found = ranking_errors(made_up("a", labels.tolist(), scores.tolist())).set_index("image")
    expected = dict.fromkeys((f"{number}.png" for number in range(60)), 0.0)
    pairs = list(product(np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)))
    for positive, negative in pairs:
        wrong = float(scores[positive] < scores[negative]) + 0.5 * float(scores[positive] == scores[negative])
        for image in (positive, negative):
            expected[f"{image}.png"] += wrong / len(pairs)
    assert found["lost"].to_dict() == pytest.approx({name: lost for name, lost in expected.items() if lost})
    assert found["lost"].is_monotonic_decreasing
    for label in (0, 1):
        assert found.loc[found["label"] == label, "lost"].sum() == pytest.approx(1 - roc_auc_score(labels, scores))


def test_runs_follow_one_another_and_those_without_a_wrong_pair_have_no_rows() -> None:
    table = pd.concat(
        [
            made_up("late", [1, 0, 0], [1.0, 2.0, 0.0]),
            made_up("perfect", [1, 0], [2.0, 1.0]),
            made_up("one class", [1, 1], [2.0, 1.0]),
            made_up("early", [0, 1, 1, 0], [3.0, 2.0, 5.0, 4.0]),
        ],
        ignore_index=True,
    )
    table.loc[len(table)] = {"run": "late", "image": "refused.png", "status": "missing", "label": 1}
    found = ranking_errors(table)
    assert found[["run", "image", "lost"]].to_numpy().tolist() == [
        ["late", "0.png", 0.5],
        ["late", "1.png", 0.5],
        ["early", "1.png", 0.5],
        ["early", "0.png", 0.25],
        ["early", "3.png", 0.25],
    ]


@pytest.mark.parametrize(("lost", "images"), [([1.0], 1), ([0.1, 0.5, 0.4], 1), ([0.4, 0.3, 0.3], 2), ([0.1] * 10, 5)])
def test_the_costliest_images_make_up_half(lost: list[float], images: int) -> None:
    assert half_of(pd.Series(lost)) == images


def test_an_evaluation_counts_them(tmp_path: Path) -> None:
    scores = make_scores(tmp_path)
    found = evaluate_classification({"run": scores.run}, scores.data, subgroups=(), repeats=20)
    lost = found.ranking_errors()
    summary = found.summary
    area = summary.loc[(summary["metric"] == "auc") & (summary["dataset"] == "all"), "estimate"].item()
    assert lost.loc[lost["label"] == 1, "lost"].sum() == pytest.approx(1 - area)
    assert re.search(
        r"What the AUC of all images together lacks of 1 is 0\.\d{3}; half of it falls on \d+ of the 50 positive "
        r"images, or on \d+ of the 50 negative images \(ranking_errors\.csv\)",
        found.markdown(),
    )
