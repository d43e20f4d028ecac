"""How often 95 % intervals hold the true value, by simulation:

    python -m benchmarks.coverage --repeats 1000                    # area under the ROC curve
    python -m benchmarks.coverage --repeats 1000 --figure mean      # mean Dice, patients with up to three images

Scores of both classes are normal, those of the positives with the given spread, so that the true area is known. The
column "shipped" is :func:`common.evaluation.area_under_curve`: DeLong's interval on the logit scale, and Newcombe's
where a class has fewer than 30 images or nearly all pairs are ranked rightly. The others are its parts alone, and
DeLong's plain interval. The last two columns, where asked for, are :func:`common.evaluation.resample`'s interval of the
average precision and :func:`common.evaluation.brier_score`.

Dice is drawn from a beta distribution, skewed as that of good segmentations is, and half of the spread belongs to the
patient; in the last rows one image in twenty fails besides. The column "shipped" is
:func:`common.evaluation.bootstrap_mean`, drawing patients; "BCa" is the bias-corrected and accelerated bootstrap, which
"shipped" is too from :data:`common.evaluation.small_samples.FEW` patients on; "images" is "shipped" drawing images,
which is wrong where a patient has several.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from common.evaluation import area_under_curve, bootstrap_mean, brier_score, resample
from common.evaluation.bootstrap import SHARE, Interval
from common.evaluation.roc import delong, newcombe
from common.evaluation.small_samples import FEW

#: Positives, negatives, true area, spread of the positives. 12 / 16 and 67 / 66 are the published tests of Montgomery
#: and Shenzhen, 52 / 52 is India, 336 / 326 all of Shenzhen.
SETTINGS = (
    *((5, 5, 0.8, 1.0), (3, 30, 0.9, 1.0), (12, 16, 0.9, 1.0), (12, 16, 0.98, 1.0), (20, 500, 0.9, 1.0)),
    *((52, 52, 0.8, 1.0), (52, 52, 0.9, 1.0), (52, 52, 0.9, 2.0), (40, 400, 0.95, 1.0), (40, 400, 0.95, 2.0)),
    *((67, 66, 0.95, 1.0), (67, 66, 0.98, 1.0), (67, 66, 0.98, 2.0), (67, 66, 0.99, 2.0), (336, 326, 0.95, 1.0)),
    *((336, 326, 0.98, 2.0), (336, 326, 0.995, 2.0), (100, 2000, 0.9, 1.0)),
)
#: Of the beta distributions of Dice, and of Dice where a segmentation fails; how often that happens.
DICE, FAILED_DICE, FAILURES = (18.0, 1.5), (4.0, 2.0), 0.05
#: Patients, and whether segmentations fail.
COHORTS = ((5, False), (10, False), (30, False), (100, False), (30, True), (100, True))
METHODS = ("shipped", "logit", "plain", "Newcombe")


def intervals(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Iterator[tuple[float, float]]:
    """Bounds by each of :data:`METHODS`."""
    found = area_under_curve(scores, positive)
    yield found.low, found.high
    areas, covariance = delong(scores[None], positive)
    area, error = float(areas[0]), math.sqrt(covariance[0, 0])
    z = float(stats.norm.ppf(0.975))
    if 0 < area < 1:
        odds, reach = math.log(area / (1 - area)), z * error / (area * (1 - area))
        yield 1 / (1 + math.exp(reach - odds)), 1 / (1 + math.exp(-reach - odds))
    else:
        yield area, area
    yield area - z * error, area + z * error
    yield newcombe(area, int(positive.sum()), int((~positive).sum()))


def draw(setting: tuple[int, int, float, float], random: np.random.Generator) -> NDArray[np.float64]:
    """Scores of the positives, then of the negatives."""
    n_positive, n_negative, area, spread = setting
    middle = float(stats.norm.ppf(area)) * math.hypot(1, spread)
    return np.concatenate([random.normal(middle, spread, n_positive), random.normal(size=n_negative)])


def other_coverage(setting: tuple[int, int, float, float], repeats: int) -> Iterator[float]:
    """Share of intervals that hold the true average precision (500 resamplings) and the true Brier score.

    The shares of the classes are fixed in the simulation and not in the bootstrap, as in a collected test set.
    """
    random = np.random.default_rng(1)
    label = np.arange(setting[0] + setting[1]) < setting[0]

    def brier(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Interval:
        return brier_score(1 / (1 + np.exp(1.0 - scores)), labels)

    large = (300 * setting[0], 300 * setting[1], *setting[2:])
    scores, labels = draw(large, random), np.repeat(label, 300)
    truths = resample(scores, labels, repeats=1).average_precision.estimate, brier(scores, labels).estimate
    held = np.zeros(2)
    for repeat in range(repeats):
        scores = draw(setting, random)
        found = resample(scores, label, repeats=500, seed=repeat).average_precision, brier(scores, label)
        held += [one.low <= truth <= one.high for one, truth in zip(found, truths, strict=True)]
    yield from held / repeats


def draw_dice(
    patients: int, failures: bool, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Dice of the images of some patients, and whose they are."""
    owners = np.repeat(np.arange(patients), random.integers(1, 4, patients))
    common, own = random.beta(*DICE, size=patients)[owners], random.beta(*DICE, size=len(owners))
    dice = (common + own) / 2
    failed = random.random(len(owners)) < FAILURES * failures
    dice[failed] = random.beta(*FAILED_DICE, size=int(failed.sum()))
    return dice, owners


def mean_coverage(repeats: int) -> Iterator[str]:
    """Rows of the table on mean Dice."""
    yield f"| patients | failures | mean Dice | shipped | BCa | images | width of shipped |\n|{' ---: |' * 7}"
    for patients, failures in COHORTS:
        rate = FAILURES * failures
        truth = (1 - rate) * DICE[0] / sum(DICE) + rate * FAILED_DICE[0] / sum(FAILED_DICE)
        random = np.random.default_rng(0)
        held, width = np.zeros(3), 0.0
        for repeat in range(repeats):
            values, owners = draw_dice(patients, failures, random)
            options = {"repeats": 1000, "seed": repeat}
            shipped = bootstrap_mean(values, groups=owners, limits=SHARE, **options)
            bounds = [shipped[1:], bca(values, owners, **options) if patients < FEW else shipped[1:]]
            bounds.append(bootstrap_mean(values, limits=SHARE, **options)[1:])
            held += [low <= truth <= high for low, high in bounds]
            width += shipped.high - shipped.low
        shares = " | ".join(f"{share:.1%}" for share in held / repeats)
        yield f"| {patients} | {rate:.0%} | {truth:.3f} | {shares} | {width / repeats:.3f} |"


def bca(values: NDArray[np.float64], owners: NDArray[np.intp], *, repeats: int, seed: int) -> tuple[float, float]:
    """SciPy's BCa interval of a mean, drawing patients."""
    sums, counts = np.bincount(owners, values), np.bincount(owners).astype(np.float64)
    found = stats.bootstrap(
        (sums, counts),
        lambda sums, counts, axis: sums.sum(axis=axis) / counts.sum(axis=axis),
        n_resamples=repeats,
        paired=True,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    return tuple(found.confidence_interval)


def main() -> None:
    """Print the table in Markdown."""
    options = argparse.ArgumentParser(description="Coverage of 95 % intervals")
    options.add_argument("--repeats", type=int, default=1000, help="simulated test sets of each setting")
    options.add_argument("--others", type=int, default=0, help="those for average precision and Brier score (slow)")
    options.add_argument("--figure", choices=("auc", "mean"), default="auc", help="what is simulated (default: auc)")
    arguments = options.parse_args()
    if arguments.figure == "mean":
        for line in mean_coverage(arguments.repeats):
            print(line, flush=True)
        return
    extra = " average precision | Brier score |" if arguments.others else ""
    print(f"| positive | negative | area | spread | {' | '.join(METHODS)} | width of shipped |{extra}")
    print(f"| ---: | ---: | ---: | ---: |{' ---: |' * (len(METHODS) + 1 + extra.count('|'))}")
    for setting in SETTINGS:
        random = np.random.default_rng(0)
        positive = np.arange(setting[0] + setting[1]) < setting[0]
        held, width = np.zeros(len(METHODS)), 0.0
        for _ in range(arguments.repeats):
            bounds = list(intervals(draw(setting, random), positive))
            held += [low <= setting[2] <= high for low, high in bounds]
            width += bounds[0][1] - bounds[0][0]
        cells = [f"{share:.1%}" for share in held / arguments.repeats] + [f"{width / arguments.repeats:.3f}"]
        if arguments.others:
            cells += [f"{share:.1%}" for share in other_coverage(setting, arguments.others)]
        print(f"| {' | '.join(map(str, setting))} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
