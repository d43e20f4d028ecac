"""ONNX Runtime and OpenVINO against torch: whole runs of all bundles with their own weights, on real radiographs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_facts import Bundle
from PIL import Image

from common.data import read_index

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.skipif(
        not (find_spec("onnxruntime") or find_spec("openvino")), reason="the extras onnx and openvino are not installed"
    ),
]

#: Overlay, its package, options, how far numbers may lie apart, and the share of a mask's pixels that may differ.
RUNTIMES = (
    ("inference_onnx", "onnxruntime", {}, 1e-4, 1e-4),
    ("inference_openvino", "openvino", {"precision": "f32"}, 1e-4, 1e-4),
    ("inference_openvino", "openvino", {}, 0.05, 0.005),  # bf16, on processors that have it
    ("inference_int8", "openvino", {}, 0.2, 0.02),
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, cxr_data: Path) -> Path:
    """The first normal and the first TB radiograph of two sites."""
    table = read_index(cxr_data)
    table = table[table["dataset"].isin(["montgomery", "shenzhen"])]
    folder = tmp_path_factory.mktemp("films")
    for name in table.groupby(["dataset", "tb"])["image"].first():
        shutil.copy(cxr_data / name, folder)
    assert len(list(folder.iterdir())) == 4
    return folder


def run(bundle: Bundle, films: Path, output: Path, *overlays: str, **options: object) -> pd.DataFrame:
    assert bundle.run("inference", *overlays, num_workers=0, dataset_dir=films, output_dir=output, **options) == 0
    return pd.read_csv(output / "predictions.csv", keep_default_na=False).set_index("image")


def masks(bundle: Bundle, output: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted(path for ending in bundle.outputs for path in output.glob(f"*{ending}")):
        with Image.open(path) as picture:
            found[path.name] = np.asarray(picture) > 0
    return found


def test_other_runtimes_give_the_results_of_torch(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    expected = run(bundle, films, tmp_path / "torch")
    outlines = masks(bundle, tmp_path / "torch")
    assert len(outlines) == len(bundle.outputs) * 4
    for overlay, package, options, apart, share in RUNTIMES:
        if find_spec(package) is None:
            continue
        output = tmp_path / f"{overlay} {options}"
        found = run(bundle, films, output, overlay, **options)
        assert list(found.columns) == list(expected.columns)
        for column in found.select_dtypes("number"):
            difference = (found[column] - expected[column]).abs()
            assert (difference <= apart * (1 + expected[column].abs())).all(), (output.name, column, difference.max())
        others = masks(bundle, output)
        assert list(others) == list(outlines)
        for name, outline in outlines.items():
            assert others[name].shape == outline.shape
            differing = (others[name] != outline).mean()
            assert differing <= share, (output.name, name, differing)
