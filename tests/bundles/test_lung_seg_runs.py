"""lung_seg's inference as a run: its weights, its second run into one folder, its runtimes."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_facts import Bundle
from two_lungs import bright_weights, picture, rows_of, table, truth

from common.data.phantom_files import write_picture
from common.handlers import ResumeError, WeightsError


def test_a_second_run_does_only_what_is_missing(infer: Callable[..., int], tmp_path: Path) -> None:
    mask = truth()
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / "in" / name, picture(mask))
    (tmp_path / "in" / "c.png").write_bytes(b"")
    assert infer() == 3
    done = tmp_path / "out" / "a_lungs.png"
    done.write_bytes(b"not done again")
    write_picture(tmp_path / "in" / "c.png", picture(mask[:, ::-1]))
    write_picture(tmp_path / "in" / "d.png", picture(mask[::-1]))
    assert infer(resume_inference=True) == 0
    assert done.read_bytes() == b"not done again"
    assert np.array_equal(rows_of(tmp_path / "out" / "c_lungs.png"), mask[:, ::-1])
    assert np.array_equal(rows_of(tmp_path / "out" / "d_lungs.png"), mask[::-1])
    rows = table(tmp_path / "out")
    assert list(rows.index) == ["a.png", "b.png", "c.png", "d.png"]
    assert set(rows["status"]) == {"ok"}
    assert set(rows["lung_area_fraction"]) == {str(round(mask.mean(), 5))}
    assert infer(resume_inference=True) == 0, "nothing is left to do"
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (record["complete"], record["counts"]) == (True, {"ok": 4, "refused": 0, "failed": 0})
    assert len(table(tmp_path / "out")) == 4
    assert infer() == 0
    assert np.array_equal(rows_of(done), mask)


def names(folder: Path, ending: str) -> set[str]:
    return {path.name for path in folder.rglob(f"*{ending}")}


def test_missing_masks_and_newly_wanted_pictures_are_made(
    lung_seg: Bundle, phantoms: Path, trained: Path, tmp_path: Path
) -> None:
    options = {
        "dataset_dir": phantoms / "phantom_north" / "images",
        "output_dir": tmp_path,
        "weights": trained / "models" / "model.pt",
    }
    assert lung_seg.infer(**options) == 0
    masks = names(tmp_path, "_lungs.png")
    victim = sorted(tmp_path.rglob("*_lungs.png"))[0]
    kept = sorted(tmp_path.rglob("*_lungs.png"))[1]
    before = kept.stat().st_mtime_ns
    victim.unlink()
    assert lung_seg.infer(resume_inference=True, **options) == 0
    assert names(tmp_path, "_lungs.png") == masks
    assert kept.stat().st_mtime_ns == before
    assert lung_seg.infer(resume_inference=True, write_overlays=True, **options) == 0
    assert len(names(tmp_path, "_overlay.png")) == len(masks)


def test_a_second_run_refuses_results_of_other_weights_or_settings(infer: Callable[..., int], tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert infer() == 0
    before = (tmp_path / "out" / "predictions.csv").read_bytes()
    other = bright_weights(tmp_path / "other.pt", -40.0)
    with pytest.raises(ResumeError, match=r"run\.json: results of other weights than .*other\.pt; choose another"):
        infer(resume_inference=True, weights=other)
    with pytest.raises(ResumeError, match=r"results of another threshold \(0\.5, now 0\.4\); choose another"):
        infer(resume_inference=True, threshold=0.4)
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == before
    assert infer(resume_inference=False, weights=other) == 0


def test_weights_are_needed_and_have_to_fit(infer: Callable[..., int], trained: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    absent = tmp_path / "absent.pt"
    with pytest.raises(
        WeightsError, match=f"^{re.escape(str(absent))}: no weights there. Train them with configs/train"
    ):
        infer(weights=absent)
    foreign = trained / "models" / "model.pt"
    message = f"{foreign}: weights of another network than Conv2d: 2 tensors missing (first: bias), "
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}"):
        infer(weights=foreign)
    text = tmp_path / "text.pt"
    text.write_text("weights")
    with pytest.raises(WeightsError, match=f"^{re.escape(str(text))}: not a file of plain tensors"):
        infer(weights=text)
    assert not (tmp_path / "out").exists()


def test_inference_needs_no_network(infer: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"a connection to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    write_picture(tmp_path / "in" / "a.dcm", picture(truth(), np.uint16))
    assert infer() == 0


def test_the_trained_network_answers_in_the_source_geometry(
    lung_seg: Bundle, phantoms: Path, trained: Path, tmp_path: Path
) -> None:
    source = phantoms / "phantom_north" / "images"
    options = {"dataset_dir": source, "output_dir": tmp_path, "weights": trained / "models" / "model.pt"}
    assert lung_seg.infer(**options) == 0
    files = sorted(source.glob("*.png"))
    assert files
    for file in files:
        assert rows_of(tmp_path / f"{file.stem}_lungs.png").shape == (96, 96)


def test_openvino_gives_the_masks_of_torch(lung_seg: Bundle, infer: Callable[..., int], tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for name, size in {"a.png": (160, 96), "b.png": (100, 180)}.items():
        write_picture(tmp_path / "in" / name, picture(truth(*size)))
    assert infer() == 0
    assert infer("inference_openvino", output_dir=tmp_path / "openvino", precision="f32") == 0
    for name in ("a_lungs.png", "b_lungs.png"):
        assert np.array_equal(rows_of(tmp_path / "out" / name), rows_of(tmp_path / "openvino" / name))
    record = json.loads((tmp_path / "openvino" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["inferer"] == "OpenVINOInferer"
    assert record["packages"]["openvino"] == version("openvino")
    with pytest.raises(ResumeError, match=r"results of another precision \(f32, now bf16\); choose another"):
        infer("inference_openvino", output_dir=tmp_path / "openvino", resume_inference=True)
