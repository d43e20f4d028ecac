"""Thresholds, predictive values and the target, by hand and by trying everything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix

from common.evaluation import (
    Interval,
    choose_threshold,
    decision_curve,
    judge,
    predictive_values,
    proportion,
    threshold_counts,
    threshold_table,
)
from common.evaluation.operating_point import TABLE_ROWS, parse_rule

# Negatives at 0.1, 0.2, 0.3, 0.5, 0.6, 0.9; positives at 0.4, 0.5, 0.7, 0.8.
PROBABILITIES = np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.9, 0.4, 0.5, 0.7, 0.8])
LABELS = np.array([0] * 6 + [1] * 4)


def made_up(n: int = 300, seed: int = 0, apart: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with some ties, and labels."""
    random = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    return (1 / (1 + np.exp(-random.normal(size=n) - apart * (2 * labels - 1)))).round(2), labels


def test_counts_by_hand() -> None:
    found = threshold_counts(PROBABILITIES, LABELS)
    assert found["threshold"].tolist() == pytest.approx([0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.15, 0.0])
    assert found["tp"].tolist() == [0, 0, 1, 2, 2, 3, 4, 4, 4, 4]
    assert found["fp"].tolist() == [0, 1, 1, 1, 2, 3, 3, 4, 5, 6]


def test_counts_are_those_of_every_threshold() -> None:
    probabilities, labels = made_up()
    for row in threshold_counts(probabilities, labels).itertuples():
        tn, fp, fn, tp = confusion_matrix(labels, probabilities >= row.threshold).ravel()
        assert (row.tn, row.fp, row.fn, row.tp) == (tn, fp, fn, tp)


def test_a_probability_of_one_leaves_no_threshold_above() -> None:
    found = threshold_counts([0.0, 1.0], [0, 1])
    assert found["threshold"].tolist() == [0.5, 0.0]
    assert found["tp"].tolist() == [1, 1]


def test_rates_and_bounds_of_a_row() -> None:
    row = threshold_table(PROBABILITIES, LABELS, prevalences=(0.1,)).iloc[5]
    assert (row["tp"], row["fp"], row["tn"], row["fn"]) == (3, 3, 3, 1)
    for name, part in {
        "sensitivity": (3, 4),
        "specificity": (3, 6),
        "ppv": (3, 6),
        "npv": (3, 4),
        "accuracy": (6, 10),
    }.items():
        assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(proportion(*part))
    assert row["youden"] == pytest.approx(0.25)
    assert row["ppv_at_0.1"] == pytest.approx(0.1 * 0.75 / (0.1 * 0.75 + 0.9 * 0.5))
    assert row["npv_at_0.1"] == pytest.approx(0.9 * 0.5 / (0.9 * 0.5 + 0.1 * 0.25))


def test_a_long_table_is_thinned_out_and_keeps_its_ends() -> None:
    random = np.random.default_rng(0)
    probabilities, labels = random.random(5000), random.integers(0, 2, 5000)
    found = threshold_table(probabilities, labels, prevalences=())
    assert len(found) == TABLE_ROWS
    assert found["sensitivity"].iloc[[0, -1]].tolist() == [0.0, 1.0]


def test_predictive_values_at_the_share_of_the_data_are_those_of_the_data() -> None:
    found = predictive_values(tp=45, fp=10, tn=90, fn=5, prevalence=50 / 150)
    assert found["ppv"][0] == pytest.approx(45 / 55)
    assert found["npv"][0] == pytest.approx(90 / 95)


def test_bounds_of_predictive_values_cover() -> None:
    random = np.random.default_rng(1)
    tp, tn = random.binomial(40, 0.85, 4000), random.binomial(60, 0.75, 4000)
    truth = 0.05 * 0.85 / (0.05 * 0.85 + 0.95 * 0.25)
    _, low, high = predictive_values(tp, 60 - tn, tn, 40 - tp, 0.05)["ppv"]
    assert ((low <= truth) & (truth <= high)).mean() >= 0.95


def test_predictive_values_without_a_class_are_not_defined() -> None:
    assert np.isnan(predictive_values(tp=0, fp=1, tn=5, fn=0, prevalence=0.1)["ppv"]).all()
    with pytest.raises(ValueError, match="a prevalence lies between 0 and 1, got 1"):
        predictive_values(1, 1, 1, 1, 1)


def test_youden_is_the_largest_sum_and_of_equals_the_more_sensitive() -> None:
    # 0.65: 2/4 + 5/6; 0.35: 4/4 + 3/6. The second is larger.
    assert choose_threshold(PROBABILITIES, LABELS, "youden") == pytest.approx(0.35)
    assert choose_threshold([0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1], "youden") == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        ("sensitivity 0.5", 0.65),
        ("sensitivity 0.51", 0.45),
        ("sensitivity 1", 0.35),
        ("specificity 0.5", 0.35),
        ("specificity 0.8", 0.65),
        ("specificity 1.0", 0.95),
    ],
)
def test_rules_with_a_number(rule: str, threshold: float) -> None:
    assert choose_threshold(PROBABILITIES, LABELS, rule) == pytest.approx(threshold)


@pytest.mark.parametrize("seed", range(5))
def test_triage_threshold_is_the_surest_that_meets_both(seed: int) -> None:
    probabilities, labels = made_up(seed=seed)
    chosen = choose_threshold(probabilities, labels, "who_triage")

    thresholds = np.append(np.arange(0.005, 1, 0.01), chosen)
    called = probabilities >= thresholds[:, None]
    tp, tn = (called & (labels == 1)).sum(axis=1), (~called & (labels == 0)).sum(axis=1)
    sure = stats.beta.sf(0.9, tp + 0.5, 100.5 - tp) * stats.beta.sf(0.7, tn + 0.5, 200.5 - tn)
    met = (tp >= 90) & (tn >= 140)
    assert met[-1]
    assert sure[-1] == pytest.approx(sure[met].max())


def test_triage_without_a_threshold_that_meets_both_keeps_the_sensitivity() -> None:
    probabilities, labels = made_up(apart=0.3)
    chosen = choose_threshold(probabilities, labels, "who_triage")
    assert chosen == choose_threshold(probabilities, labels, "sensitivity 0.9")
    assert ((probabilities >= chosen) & (labels == 1)).sum() == 90


@pytest.mark.parametrize(
    "rule", ["best", "sensitivity", "sensitivity 0", "sensitivity 1.1", "specificity nan", "Youden"]
)
def test_unknown_rules_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="accepted are who_triage, youden, sensitivity X and specificity X"):
        parse_rule(rule)


def test_thresholds_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="a threshold needs both classes, got 2 positives and 0 negatives"):
        choose_threshold([0.1, 0.9], [1, 1], "youden")
    with pytest.raises(ValueError, match="no threshold reaches the specificity 1"):
        choose_threshold([1.0, 1.0], [0, 1], "specificity 1")


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "state", "line"),
    [
        ((0.95, 0.91, 0.98), (0.8, 0.7, 0.9), "pass", "pass: sensitivity 0.950 [0.910, 0.980] is above 0.90; "),
        ((0.95, 0.89, 0.98), (0.8, 0.7, 0.9), "not shown", "not shown (the estimates meet it): sensitivity "),
        ((0.89, 0.85, 0.93), (0.8, 0.7, 0.9), "not shown", "not shown (the estimates miss it): sensitivity "),
        ((0.95, 0.91, 0.98), (0.6, 0.5, 0.69), "fail", "fail: sensitivity "),
        ((0.8, 0.7, 0.89), (0.8, 0.6, 0.9), "fail", "fail: sensitivity 0.800 [0.700, 0.890] is below 0.90; "),
        ((np.nan,) * 3, (0.8, 0.75, 0.9), "not shown", "not shown: sensitivity not defined, no image of its class; "),
        ((np.nan,) * 3, (0.6, 0.5, 0.65), "fail", "fail: sensitivity not defined"),
    ],
)
def test_the_target_is_passed_failed_or_not_shown(
    sensitivity: tuple[float, ...], specificity: tuple[float, ...], state: str, line: str
) -> None:
    found, text = judge(Interval(*sensitivity), Interval(*specificity))
    assert found == state
    assert text.startswith(line)


def test_net_benefit_by_hand() -> None:
    found = decision_curve(PROBABILITIES, LABELS).set_index("threshold")
    at = found.loc[found.index[np.isclose(found.index, 0.45)]].iloc[0]
    assert at["model"] == pytest.approx(3 / 10 - 3 / 10 * 0.45 / 0.55)
    assert at["all"] == pytest.approx(0.4 - 0.6 * 0.45 / 0.55)
    first = found.iloc[0]
    assert first["model"] == pytest.approx(first["all"])


def test_net_benefit_of_a_perfect_classifier_is_the_share_of_positives() -> None:
    assert decision_curve(LABELS.astype(float), LABELS)["model"].tolist() == pytest.approx([0.4] * 99)
