"""The overlay of docs/README.md that gives a training's validation evidence maps."""

from __future__ import annotations

import re
from pathlib import Path

from bundle_facts import TB_CLS


def test_validation_gets_maps_from_the_handler(phantoms: Path, tmp_path: Path) -> None:
    text = (TB_CLS.root / "docs" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(\+validate#handlers:\n.*?)```", text, re.DOTALL)
    overlay = tmp_path / "evidence.yaml"
    overlay.write_text(block, encoding="utf-8")
    options = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path / "run"), "use_tensorboard": False}
    names = ("train", TB_CLS.small_network, str(overlay))
    workflow = TB_CLS.workflow("train", *names, show_progress=False, **TB_CLS.small, **options)
    evaluator = workflow.parser.get_parsed_content("validate#evaluator")
    evaluator.run()
    assert evaluator.state.output
    for item in evaluator.state.output:
        assert item["evidence"].shape == (1, 64, 64)
        evidence = item["evidence"].as_tensor()
        assert ((evidence >= 0) & (evidence <= 1)).all()
