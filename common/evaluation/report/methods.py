"""Text on the methods, to be pasted into a paper, and the works it cites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..small_samples import FEW
from .options import CLASSIFICATION, LESIONS, LOCALIZATION, ReportOptions
from .refit import FEWEST, FOLDS

REFERENCES = {
    "delong": "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver "
    "operating characteristic curves. Biometrics 1988;44(3):837-845.",
    "qin": "Qin G, Hotilovac L. Comparison of non-parametric confidence intervals for the area under the ROC curve "
    "of a continuous-scale diagnostic test. Stat Methods Med Res 2008;17(2):207-221.",
    "obuchowski": "Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics 1997;53(2):567-578.",
    "newcombe": "Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic. "
    "Part 2. Stat Med 2006;25(4):559-573.",
    "clopper": "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the "
    "binomial. Biometrika 1934;26(4):404-413.",
    "boyd": "Boyd K, Eng KH, Page CD. Area under the precision-recall curve: point estimates and confidence intervals. "
    "ECML PKDD 2013:451-466.",
    "naeini": "Naeini MP, Cooper GF, Hauskrecht M. Obtaining well calibrated probabilities using Bayesian binning. "
    "AAAI 2015:2901-2907.",
    "brocker": "Bröcker J, Smith LA. Increasing the reliability of reliability diagrams. Weather Forecast "
    "2007;22(3):651-661.",
    "vickers": "Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models. Med "
    "Decis Making 2006;26(6):565-574.",
    "who": "World Health Organization. High-priority target product profiles for new tuberculosis diagnostics: "
    "report of a consensus meeting. WHO/HTM/TB/2014.18, 2014.",
    "higgins": "Higgins JPT, Thompson SG. Quantifying heterogeneity in a meta-analysis. Stat Med "
    "2002;21(11):1539-1558.",
    "benjamini": "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful approach to "
    "multiple testing. J R Stat Soc B 1995;57(1):289-300.",
    "efron": "Efron B. Better bootstrap confidence intervals. J Am Stat Assoc 1987;82(397):171-185.",
    "kruskal": "Kruskal WH, Wallis WA. Use of ranks in one-criterion variance analysis. J Am Stat Assoc "
    "1952;47(260):583-621.",
    "tomczak": "Tomczak M, Tomczak E. The need to report effect size estimates revisited. Trends in Sport Sciences "
    "2014;1(21):19-25.",
    "tibshirani": "Efron B, Tibshirani RJ. An introduction to the bootstrap. New York: Chapman & Hall, 1993.",
    "wilcoxon": "Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bulletin 1945;1(6):80-83.",
    "zhang": "Zhang J, Bargal SA, Lin Z, Brandt J, Shen X, Sclaroff S. Top-down neural attention by excitation "
    "backprop. Int J Comput Vis 2018;126:1084-1102.",
    "chakraborty": "Chakraborty DP. Maximum likelihood analysis of free-response receiver operating characteristic "
    "(FROC) data. Med Phys 1989;16(4):561-568.",
    "everingham": "Everingham M, Van Gool L, Williams CKI, Winn J, Zisserman A. The PASCAL visual object classes (VOC) "
    "challenge. Int J Comput Vis 2010;88(2):303-338.",
}


def methods_text(
    parts: Mapping[str, Any],
    options: ReportOptions,
    packages: Mapping[str, str],
    models: Sequence[Mapping[str, Any]] = (),
) -> tuple[list[str], list[str]]:
    """Paragraphs, and the works that they cite by number in square brackets.

    Args:
        parts: figures by task; what is not there is not described.
        options: of the report.
        packages: versions by name.
        models: what :meth:`.models.Model.about` says of each.
    """
    cited: dict[str, int] = {}

    def cite(*names: str) -> str:
        numbers = [str(cited.setdefault(name, len(cited) + 1)) for name in names]
        return f"[{', '.join(numbers)}]"

    text = [
        f"Saved predictions were compared with the truth of the data index. Images of one patient were kept together: "
        f"all bootstrap intervals draw patients ({options.repeats:,} repeats, seed {options.seed}). Intervals are 95 % "
        "intervals. Subgroups were read from the index"
        + (
            f" ({', '.join(options.subgroups)}; first ages of the bands {', '.join(map(str, options.age_bands))})"
            if options.subgroups
            else ""
        )
        + "; they are exploratory, and no correction for their number was made."
    ]
    text += _selected(options)
    if CLASSIFICATION in parts:
        text.append(
            f"Classification. The area under the ROC curve (AUC) has DeLong's interval {cite('delong')} on the logit "
            f"scale {cite('qin')}, with the variance of clustered data where patients have several images "
            f"{cite('obuchowski')}, and Newcombe's interval {cite('newcombe')} where a class has fewer than 30 "
            "patients or nearly all pairs are ranked rightly. Sensitivity, specificity and predictive values have "
            f"Clopper-Pearson intervals {cite('clopper')}; average precision has an interval on the logit scale "
            f"by bootstrap {cite('boyd')}, the Brier score Student's interval on the logit scale. The calibration "
            f"error is that of ten bins of equally many images {cite('naeini')}; the range that it would have by "
            f"chance if every probability were true stands beside it {cite('brocker')}. Bands of ROC curves are "
            "pointwise bootstrap percentiles, those of calibration curves Clopper-Pearson intervals of each bin. Net "
            f"benefit is that of decision curve analysis {cite('vickers')}. The target is the World Health "
            f"Organization's minimum for a triage test, sensitivity 0.90 and specificity 0.70 {cite('who')}: passed "
            "when both intervals lie at or above it, failed when one lies below, otherwise not shown."
        )
        text.append(
            "Operating point. The decisions of the home site's threshold were judged as saved. A threshold was also "
            f"fitted at each site (rule: {options.rule}) and judged by {FOLDS}-fold cross-validation over patients, "
            f"so that no image helped to choose the threshold that it was judged by; sites with fewer than {FEWEST} "
            "patients of a class were left out. The thresholds listed by sensitivity and specificity were read off "
            "the same images that they are judged on."
        )
        text.append(
            "Between sites, the spread of the AUC was tested by Cochran's Q and expressed as I² on the logit scale "
            f"{cite('higgins')}."
            + (
                f" Models were compared with the first one on the same images by DeLong's paired test "
                f"{cite('delong')}, the false discovery rate over the table controlled {cite('benjamini')}."
                if parts[CLASSIFICATION]["paired"]
                else ""
            )
        )
    masks = [task for task in parts if task not in (CLASSIFICATION, LOCALIZATION, LESIONS)]
    if masks:
        text.append(
            f"Segmentation ({', '.join(masks)}). Dice, intersection over union (IoU), the 95th percentile of the "
            "Hausdorff distance (HD95) and the average symmetric surface distance (ASSD) were computed image by "
            "image in the rows and columns of the source; distances are in millimetres where the size of a pixel is "
            "known and in pixels otherwise, and the two are never averaged together. Dice is 1 where truth and "
            "prediction are both empty and 0 where one of them is. "
            f"{_means(cite)}; medians have percentile intervals. Between sites, Dice of patients was compared by "
            f"Kruskal and Wallis's test {cite('kruskal')}, with ε² as the size of the effect {cite('tomczak')}."
            + (_compared(cite) if any(parts[task]["paired"] for task in masks) else "")
        )
    if LOCALIZATION in parts:
        text.append(
            "Localisation. The pointing game asks whether the maximum of the evidence map lies in a true box "
            f"{cite('zhang')}; Dice and IoU compare the filled boxes of the found regions with the filled true boxes. "
            "Boxes found and average precision match each region with at most one true box, best scores first "
            f"{cite('everingham')}."
        )
    if LESIONS in parts:
        rules = list(dict.fromkeys(filter(None, parts[LESIONS]["hit_rule"].values())))
        text.append(
            "Lesions. Filled true boxes were the true mask; images without TB, and those marked as without a box, have "
            "nothing to find. Dice and intersection over union (IoU) were computed image by image and are given for "
            "images with true boxes; of normal images, all that was predicted is given as a share of the area of the "
            "lungs, and the share of images with any false lesion with a Clopper-Pearson interval "
            f"{cite('clopper')}. Each lesion has its bounding box and mean probability as score; average precision "
            f"matches it with at most one true box, best scores first {cite('everingham')}. The free-response curve "
            f"(FROC) {cite('chakraborty')} gives the share of the true boxes found by false positives an image"
            + (f"; a hit is a lesion with {' or '.join(rules)}" if rules else "")
            + ". Its mean is that over 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives an image. "
            f"{_means(cite)}; all others are percentiles." + (_compared(cite) if parts[LESIONS]["paired"] else "")
        )
    text += [_predicted(model) for model in models]
    text.append(f"The figures were computed with {_versions(packages)}.")
    return text, [REFERENCES[name] for name in cited]


def _means(cite: Callable[..., str]) -> str:
    return (
        f"Means have bias-corrected and accelerated bootstrap intervals {cite('efron')}; those of fewer than {FEW} "
        "patients have Student's t intervals with the jackknife's standard error over patients "
        f"{cite('tibshirani')}, on the logit scale for shares and the logarithmic one for distances"
    )


def _compared(cite: Callable[..., str]) -> str:
    return (
        f" Models were compared with the first one image by image, with Wilcoxon's signed-rank test "
        f"{cite('wilcoxon')} and control of the false discovery rate {cite('benjamini')}."
    )


def _selected(options: ReportOptions) -> list[str]:
    """Which images were asked for."""
    lists = dict(options.splits)
    general = lists.pop("", [])
    said = [f"sites {', '.join(options.sites)}"] if options.sites else []
    said += [f"lists {', '.join(general)}"] if general else []
    said += [f"of {name} {', '.join(splits)}" for name, splits in lists.items()]
    return [f"Images asked for: {'; '.join(said)}."] if said else []


def _predicted(model: Mapping[str, Any]) -> str:
    """What made the predictions, as far as their run says."""
    bundle = " ".join(filter(None, (model["bundle"], model["version"])))
    said = [f"bundle {bundle}"] if bundle and bundle != model["name"] else []
    said += [f"weights {model['weights_sha256'][:16]}"] if model["weights_sha256"] else []
    said += [f"trained at {', '.join(model['train_sites'])}"] if model["train_sites"] else []
    said += [_versions(model["packages"])] if model["packages"] else []
    return f"Predictions of {model['name']}: {'; '.join(said) or 'nothing more is known of them'}."


def _versions(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())
