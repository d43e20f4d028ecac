"""What the command line of the pipeline accepts and refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline_runs import SMALL, pipeline

from common.errors import UsageError
from common.pipeline import Pipeline, PipelineOptions
from common.pipeline.__main__ import main
from common.pipeline.options import default_runtime, parse_changes


@pytest.fixture
def error(infer: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Function that runs the pipeline with arguments which it refuses, and gives its one line."""

    def run(*arguments: str, **options: Any) -> str:
        capsys.readouterr()
        assert infer(*arguments, **options) == 1
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
        return line

    return run


def test_changes_are_read_as_monai_bundle_reads_them() -> None:
    texts = ["tb_cls.operating_point=None", "tb_cls.lung_crop=False", "lung_seg.percentiles=[2, 98]"]
    texts += ["tb_cls.weights=a=b.pt", "tb_seg.preprocessing::transforms::4::spatial_size=[32, 32]"]
    assert parse_changes(texts) == {
        "tb_cls": {"operating_point": None, "lung_crop": False, "weights": "a=b.pt"},
        "lung_seg": {"percentiles": [2, 98]},
        "tb_seg": {"preprocessing::transforms::4::spatial_size": [32, 32]},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clean_up=False", "PART.ID=VALUE is needed"),
        ("lung_seg.clean_up", "PART.ID=VALUE is needed"),
        ("lungs.clean_up=False", "no part 'lungs'; parts are lung_seg, tb_cls, tb_seg"),
        ("tb_cls.batch_size=8", "all parts have the same batch_size; use --batch_size"),
        ("tb_cls.lung_crop=false", "write True, False or None"),
    ],
)
def test_refused_changes(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_changes([text])


def test_an_id_that_the_configuration_lacks(error: Callable[..., str]) -> None:
    line = error("--set", "lung_seg.treshold=0.4")
    assert line.endswith("the configuration of lung_seg has no id treshold; did you mean lung_seg.threshold?")


def test_a_value_that_the_bundle_refuses(error: Callable[..., str]) -> None:
    assert error("--set", "tb_cls.lung_margin=-1").startswith("error: lung_margin: a number from 0 on is needed")


def test_wrong_folders(error: Callable[..., str], films: Path, tmp_path: Path, capsys: Any) -> None:
    assert "no such file; name the folder of the bundles by --bundles" in error(bundles=tmp_path)
    for data, output, message in (
        (tmp_path / "nowhere", tmp_path / "out", "no such folder"),
        (films, films, "results must not lie among the radiographs"),
    ):
        assert main([str(data), str(output), "--only", "tb_cls", "--runtime", "torch"]) == 1
        assert message in capsys.readouterr().err
    assert error("--batch_size", "0").startswith("error: batch_size: a whole number above 0 is needed")


def test_results_below_the_radiographs_are_not_taken_for_radiographs(
    bundles: Path, films: Path, tmp_path: Path
) -> None:
    """The masks of one part must not become radiographs of another."""
    data = tmp_path / "in"
    for name in ("a.png", "results/lung_seg/a_lungs.png"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(films / "a.png", data / name)
    pipe = Pipeline(PipelineOptions(data, data / "results", bundles=bundles, parts=("lung_seg", "tb_cls")))
    assert pipe.files.paths == [str(data / "a.png")]


def test_overlays_that_no_part_draws(error: Callable[..., str]) -> None:
    assert error("--only", "tb_cls", "--write_overlays") == "error: --write_overlays: tb_cls draws none"


def test_missing_weights_are_told_before_anything_is_read(
    error: Callable[..., str], bundles: Path, films: Path, tmp_path: Path
) -> None:
    for root in bundles.iterdir():
        (tmp_path / "b" / root.name).mkdir(parents=True)
        (tmp_path / "b" / root.name / "configs").symlink_to(root / "configs")
        (tmp_path / "b" / root.name / "models").mkdir()
        for file in (root / "models").iterdir():
            if (root.name, file.name) != ("tb_seg", "model.pt"):
                (tmp_path / "b" / root.name / "models" / file.name).symlink_to(file)
    line = error(bundles=tmp_path / "b")
    assert line.startswith(f"error: {tmp_path}/b/tb_seg/models/model.pt: no weights of tb_seg. Train them")
    assert line.endswith("Or leave it out by --only lung_seg tb_cls")
    assert not (tmp_path / "out").exists()
    assert pipeline(tmp_path / "b", films, tmp_path / "out", "--only", "tb_cls") == 3


def test_results_of_another_runtime_or_other_settings_are_not_mixed(
    infer: Callable[..., int], error: Callable[..., str]
) -> None:
    assert infer("--only", "tb_cls") == 3
    assert "results of another lung_margin (0.05, now 0.2)" in error(
        "--only", "tb_cls", "--resume", "--set", "tb_cls.lung_margin=0.2"
    )
    if find_spec("onnxruntime"):
        assert "results of another inferer" in error("--only", "tb_cls", "--resume", runtime="onnx")


def test_default_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.pipeline.options.find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert default_runtime() == "openvino"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_runtime() == "torch"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("common.pipeline.options.find_spec", lambda name: None)
    assert default_runtime() == "torch"


def test_options_of_tests_are_known_to_the_bundles(bundles: Path, films: Path, tmp_path: Path) -> None:
    pipe = Pipeline(PipelineOptions(films, tmp_path, bundles=bundles, changes=SMALL))
    assert pipe.parts["tb_seg"].parser.get_parsed_content("image_size") == [64, 64]
