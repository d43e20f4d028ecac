"""The shipped classifier points at the lesions of a set that it never saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bundle_facts import TB_CLS


@pytest.mark.slow
@pytest.mark.data
def test_regions_lie_on_the_true_boxes(tmp_path: Path, cxr_data: Path) -> None:
    """Ten images spread over the list that neither method nor rule was chosen on; of all of them see docs/README.md."""
    options = {"dataset_dir": cxr_data, "output_dir": tmp_path, "num_workers": 0, "dataset#data#limit": 10}
    assert TB_CLS.run("inference", "localize", "evaluate_localization", write_overlays=False, **options) == 0
    summary = json.loads((tmp_path / "evaluation" / "summary.json").read_text(encoding="utf-8"))["summary"]
    means = {row["metric"]: row["mean"] for row in summary if row["images"] == "with boxes"}
    assert means["pointing"] == pytest.approx(0.7)
    assert means["dice"] == pytest.approx(0.536, abs=0.01)
