"""The choice of evidence method and region rule in memory, for people and as an overlay of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import yaml

from .bootstrap import Interval
from .classification_tables import figure_text
from .region_sweep import SWEPT_FIGURES, RegionRule
from .tables import markdown_table

#: Where regions may lie.
ANYWHERE, IN_LUNGS, AS_SAVED = "anywhere", "in the lungs", "as saved by the run"

CHOICE_COLUMNS = ("run", "method", "layer", *RegionRule._fields, "where", *SWEPT_FIGURES, "pointing", "evidence_share")


@dataclass(frozen=True)
class RegionChoice:
    """What :func:`.region_choice.choose_regions` finds out.

    Args:
        table: every run, rule and place with :data:`CHOICE_COLUMNS`: means over the same images. The rows
            :data:`AS_SAVED` are those of the regions that the runs have saved.
        best: row of ``table`` with the highest mean Dice, fewer regions deciding between equals.
        dice: its mean Dice with the bootstrap 95 % interval.
        images: how many the means stand for.
        left_out: images that are not among them: ``run``, ``image``, ``status``, ``reason``.
        warnings: lines for people.
        settings: how the choice was made.
    """

    table: pd.DataFrame
    best: pd.Series
    dice: Interval
    images: int
    left_out: pd.DataFrame
    warnings: Sequence[str]
    settings: Mapping[str, Any]

    def markdown(self) -> str:
        """The best rule of each run, and the best value of each rule of the chosen run."""
        best = self.best
        of_rules = self.table[(self.table["run"] == best["run"]) & (self.table["where"] == best["where"])]
        parts = [
            f"Means over {self.images} images; the best rule of each run, by Dice\n",
            _table(_best_rows(self.table, ["run", "where"])),
            f"The best value of each rule, {best['run']}, regions {best['where']}\n",
            _table(_best_rows(of_rules, ["region_rule"])),
            f"Chosen: {best['run']}, {_rule_text(best)}: Dice {figure_text(*self.dice)}, pointing game "
            f"{best['pointing']:.3f}; on the images that it was chosen on, hence better than on others.\n",
        ]
        return "\n".join(parts)

    def overlay(self) -> str:
        """YAML that follows ``localize.yaml`` among the configuration files."""
        best, settings = self.best, self.settings
        values = {
            "method": best["method"],
            "layer": best["layer"] or None,
            "region_rule": best["region_rule"],
            "region_value": None if np.isnan(best["region_value"]) else float(best["region_value"]),
            "min_region_area": float(best["min_region_area"]),
        }
        where = f"{', '.join(settings['sites']) or 'all sites'}; {settings['split_column']}: "
        swept = int((self.table["where"] != AS_SAVED).sum())
        lines = [
            "Overlay on inference.yaml and localize.yaml: evidence method and region rule of the highest mean Dice of",
            f"filled boxes on {self.images} images ({where}{', '.join(settings['splits'])}), of {swept} tried. There:",
            f"Dice {figure_text(*self.dice)}, pointing game {best['pointing']:.3f}; chosen on these images, hence",
            "better than on others. Weights (SHA-256):",
            str(settings["runs"][best["run"]].get("weights_sha256", "not known")),
        ]
        return "".join(f"# {line}\n" for line in lines) + yaml.safe_dump(values, sort_keys=False)


def rank(table: pd.DataFrame) -> pd.DataFrame:
    """The table from the best to the worst: by Dice, then by fewer regions, then as it is."""
    return table.sort_values(["dice", "regions"], ascending=[False, True], kind="stable")


def _best_rows(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    ranked = rank(table)
    return ranked.loc[~ranked.duplicated(keys)].sort_index()


def _rule_text(row: pd.Series) -> str:
    value = "" if np.isnan(row["region_value"]) else f" {row['region_value']:g}"
    return f"{row['region_rule']}{value}, regions from {100 * row['min_region_area']:g} % of the image on"


def _table(rows: pd.DataFrame) -> str:
    body = [
        [
            *(row["run"], row["method"], row["where"], _rule_text(row)),
            *(figure_text(row[name]) for name in (*SWEPT_FIGURES, "pointing", "evidence_share")),
        ]
        for _, row in rows.iterrows()
    ]
    figures = ["Dice", "IoU", "IoBB", "regions", "pointing game", "evidence inside"]
    return markdown_table(["run", "method", "regions", "rule", *figures], body, text_columns=4)
