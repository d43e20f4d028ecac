"""Inference in several processes: every file once, and the results of one process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundle_facts import LUNG_SEG, TB_CLS, TB_SEG, Bundle, Outcome
from forked_processes import ForkedProcesses
from two_lungs import bright_network, picture, truth

from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture

pytestmark = pytest.mark.slow

OF_THE_RUN = ("seconds", "processes")


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkedProcesses]:
    forked = ForkedProcesses()
    yield forked
    forked.close()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five files, the fourth of which is no image: with two processes three and two."""
    folder = tmp_path_factory.mktemp("films")
    for number, name in enumerate(("a.png", "b.png", "below/c.dcm", "e.png")):
        phantom = radiograph_phantom((128, 112), seed=number, lesions=2 * (number % 2))
        write_picture(folder / name, phantom.image)
    (folder / "d.png").write_text("no image")
    return folder


def files_of(output: Path) -> dict[str, Any]:
    """Content of all files of a run, less what differs from run to run."""
    found: dict[str, Any] = {
        path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()
    }
    record = json.loads(found["run.json"])
    found["run.json"] = {name: value for name, value in record.items() if name not in OF_THE_RUN}
    return found


@pytest.mark.parametrize(
    ("bundle", "overlays", "listed"),
    [
        (LUNG_SEG, (), ()),
        (TB_CLS, ("localize",), ("regions.json", "index.csv")),
        (TB_SEG, (), ("lesions.json",)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_two_processes_give_what_one_gives(
    bundle: Bundle,
    overlays: tuple[str, ...],
    listed: tuple[str, ...],
    films: Path,
    processes: ForkedProcesses,
    tmp_path: Path,
) -> None:
    options = {"bundle_root": bundle.root, "dataset_dir": films, "num_workers": 0, "batch_size": 2}
    files = bundle.files("inference", *overlays)
    statuses, _ = processes.run(1, files, output_dir=tmp_path / "one", **options)
    assert statuses == [3]
    files += bundle.files("multi_gpu_inference")
    statuses, said = processes.run(2, files, output_dir=tmp_path / "two", **options)
    assert statuses == [3, 0], said
    one, two = files_of(tmp_path / "one"), files_of(tmp_path / "two")
    assert set(two) == set(one)
    assert {"predictions.csv", "run.json", *listed} <= set(two)
    assert [name for name in one if two[name] != one[name]] == []
    assert two["run.json"]["counts"] == {"ok": 4, "refused": 1, "failed": 0}
    assert two["run.json"]["complete"] is True
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    table = pd.read_csv(tmp_path / "two" / "predictions.csv")
    assert list(table["image"]) == ["a.png", "b.png", "below/c.dcm", "d.png", "e.png"]
    # The refused file fell to the second process, and the first one tells.
    assert "4 done, 1 refused, 0 failed" in said[0]
    assert "refused: d.png: not an image" in said[0]
    assert "refused: d.png" not in said[1]
    bar = bundle.load("inference")["handlers"][-1]["desc"]
    assert [f"{bar}:" in text.replace(f"{bar} ", f"{bar}:") for text in said] == [True, False], said


def test_processes_without_a_file_and_a_second_run_with_nothing_to_do(
    processes: ForkedProcesses, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / "in" / name, picture(truth()))
    files = LUNG_SEG.files("inference", "multi_gpu_inference")
    options = {"bundle_root": LUNG_SEG.root, "dataset_dir": tmp_path / "in", "num_workers": 0}
    options |= {"output_dir": tmp_path / "out", **bright_network(tmp_path)}
    assert processes.run(3, files, **options)[0] == [0, 0, 0]
    first = files_of(tmp_path / "out")
    assert sorted(first) == ["a_lungs.png", "b_lungs.png", "predictions.csv", "run.json"]
    masks = [(tmp_path / "out" / name).stat().st_mtime_ns for name in ("a_lungs.png", "b_lungs.png")]
    statuses, said = processes.run(2, files, resume_inference=True, **options)
    assert statuses == [0, 0]
    assert "2 done, 0 refused, 0 failed" in said[0]
    assert files_of(tmp_path / "out") == first
    assert [(tmp_path / "out" / name).stat().st_mtime_ns for name in ("a_lungs.png", "b_lungs.png")] == masks
    # What cannot start ends all processes, and leaves the results alone.
    statuses, said = processes.run(2, files, resume_inference=True, **{**options, "threshold": 0.7})
    assert 0 not in statuses
    assert "results of another threshold (0.5, now 0.7); choose another output_dir" in said[0]
    assert files_of(tmp_path / "out") == first


def test_without_torchrun_it_does_not_start(
    command: Callable[..., Outcome], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOCAL_RANK", "RANK"):
        monkeypatch.delenv(name, raising=False)
    result = command("inference", "multi_gpu_inference", dataset_dir=folder)
    assert (result.status, result.error) == (1, "error: KeyError: 'LOCAL_RANK'")
    assert not (tmp_path / "out").exists()


def test_what_a_killed_process_left_is_done_by_the_next_run(processes: ForkedProcesses, tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(9)]
    for number, name in enumerate(names):
        write_picture(tmp_path / "in" / name, picture(truth()) + number)
    options: dict[str, Any] = {"bundle_root": LUNG_SEG.root, "dataset_dir": tmp_path / "in", "num_workers": 0}
    options |= {"batch_size": 1, **bright_network(tmp_path)}
    alone = LUNG_SEG.files("inference")
    assert processes.run(1, alone, output_dir=tmp_path / "expected", **options)[0] == [0]

    overlay = tmp_path / "killed.yaml"
    overlay.write_text("+handlers:\n- {_target_: killed_process.KilledProcess, rank: 1, batches: 2}\n")
    files = [*LUNG_SEG.files("inference", "multi_gpu_inference"), str(overlay)]
    given = {"config_file": files, "output_dir": tmp_path / "out", "logging_file": False, **options}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "common.engines.torchrun", "--standalone", "--nproc_per_node", "2"),
            *("-m", "monai.bundle", "run"),
            *(text for name, value in given.items() for text in (f"--{name}", str(value))),
        ],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "process 1 was ended by SIGKILL" in done.stderr.splitlines()[-1]
    broken_off = tmp_path / "out"
    assert json.loads((broken_off / "run.json").read_text())["complete"] is False
    share = pd.read_csv(broken_off / "predictions.share1.csv")
    assert list(share["image"]) == ["1.png", "3.png"]
    kept = {name: (broken_off / f"{name[0]}_lungs.png").stat().st_mtime_ns for name in ("1.png", "3.png")}

    expected = files_of(tmp_path / "expected")
    for count, files in ((1, alone), (2, LUNG_SEG.files("inference", "multi_gpu_inference"))):
        output = tmp_path / f"rerun {count}"
        shutil.copytree(broken_off, output)
        statuses, said = processes.run(count, files, output_dir=output, resume_inference=True, **options)
        assert set(statuses) == {0}, said
        assert files_of(output) == expected
        for name, time in kept.items():
            assert (output / f"{name[0]}_lungs.png").stat().st_mtime_ns == time, "done a second time"

    # A run that starts over wants nothing of it.
    statuses, _ = processes.run(1, alone, output_dir=broken_off, **options)
    assert statuses == [0]
    assert files_of(broken_off) == expected
