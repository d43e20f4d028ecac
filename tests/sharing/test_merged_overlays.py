"""An inference with overlays merged into it does what the run with the same files does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from common.sharing.errors import SharingError
from common.sharing.overlays import with_overlays

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.yaml").write_text("# a comment\na: 1\nlist: [x, y]\nrun: [$@a]\n")
    return tmp_path


def overlay(bundle: Path, name: str, text: str) -> Path:
    path = bundle / "configs" / name
    path.write_text(text)
    return path


def test_later_files_win_and_lists_grow(bundle: Path) -> None:
    first = overlay(bundle, "first.yaml", "a: 2\n+list: [z]\n+_meta_: {task: 'new — task', nested: {one: 1}}\n")
    second = overlay(bundle, "second.yaml", "a: '@b'\nb: 3\nlist#0: w\n")
    metadata = {"name": "old", "task": "old", "nested": {"one": 0, "two": 2}}
    text, changed = with_overlays(bundle, metadata, [first, second])
    assert text.startswith("# configs/inference.yaml with configs/first.yaml, configs/second.yaml merged into it.\n")
    (bundle / "merged.yaml").write_text(text)
    merged = ConfigParser.load_config_file(str(bundle / "merged.yaml"))
    assert merged == {"a": "@b", "list": ["w", "y", "z"], "run": ["$@a"], "b": 3}
    assert changed == {"name": "old", "task": "new — task", "nested": {"one": 1}}
    assert metadata["nested"] == {"one": 0, "two": 2}


def test_what_cannot_be_merged(bundle: Path) -> None:
    with pytest.raises(SharingError, match=r"none\.yaml: no such file; a configuration of the bundle is needed"):
        with_overlays(bundle, {}, [bundle / "none.yaml"])
    broken = overlay(bundle, "broken.yaml", "a: [")
    with pytest.raises(SharingError, match=r"broken\.yaml: cannot be merged into configs/inference\.yaml"):
        with_overlays(bundle, {}, [broken])
    other = overlay(bundle, "other.yaml", "+a: [1]\n")
    with pytest.raises(SharingError, match=r"other\.yaml: cannot be merged into configs/inference\.yaml"):
        with_overlays(bundle, {}, [other])


def test_regions_of_the_classifier_become_a_segmentation(tmp_path: Path) -> None:
    source = BUNDLES / "tb_cls"
    metadata = json.loads((source / "configs" / "metadata.json").read_text())
    overlays = [source / "configs" / name for name in ("localize.yaml", "regions.yaml")]
    text, changed = with_overlays(source, metadata, overlays)
    (tmp_path / "inference.yaml").write_text(text)
    merged = ConfigParser.load_config_file(str(tmp_path / "inference.yaml"))
    files = [str(source / "configs" / "inference.yaml"), *map(str, overlays)]
    expected = ConfigParser.load_config_files(files)
    expected.pop("_meta_")
    assert merged == expected
    steps = [step if isinstance(step, str) else step["_target_"] for step in merged["postprocessing"]["transforms"]]
    # The scores of the classification would take the radiograph's place; the mask comes last.
    assert "common.transforms.ClassScoresd" not in steps
    assert steps[-2:] == ["common.localization.PositiveRegionsd", "common.transforms.OnSourceGridd"]
    assert merged["inferer"]["_target_"] == "common.inferers.EvidenceInferer"
    # MONAI Label takes the first output for the prediction, and its channels for the labels.
    (output,) = changed["network_data_format"]["outputs"].values()
    assert output["channel_def"] == {"0": "background", "1": "tuberculosis"}
    assert changed["version"] == metadata["version"]
    assert changed["name"] != metadata["name"]
