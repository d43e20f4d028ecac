"""A folder of radiographs in which a bad file does not stop the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from common.data import REJECTED, RadiographFolder, Rejected, collate_radiographs, folder_items
from common.data.radiograph_folder import rejection
from common.errors import UsageError
from common.io import RadiographError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files below ``films`` and one below ``films/out``."""
    for name in ("b.png", "a.dcm", "c/d.nii.gz", "out/a_lungs.png"):
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "films"


def test_items_are_sorted_and_leave_results_out(folder: Path) -> None:
    expected = [{"image": str(folder / name)} for name in ("a.dcm", "b.png", "c/d.nii.gz")]
    assert folder_items(folder, exclude=folder / "out") == expected
    assert folder_items(f"{folder}/c", key="film") == [{"film": str(folder / "c" / "d.nii.gz")}]


@pytest.mark.parametrize(
    ("place", "exclude", "message"),
    [
        ("nowhere", None, "{}: no such folder"),
        ("b.png", None, "{}: a file; a folder with radiographs is needed"),
        ("empty", None, "{}: no radiographs found "),
        (".", ".", "{}: results must not lie among the radiographs; name another folder for them"),
    ],
)
def test_a_folder_without_radiographs_is_an_error_of_use(
    folder: Path, place: str, exclude: str | None, message: str
) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        folder_items(folder / place, exclude=None if exclude is None else folder / exclude)
    assert str(caught.value).startswith(message.format(folder / place))


def load(item: dict[str, Any]) -> dict[str, Any]:
    name = Path(item["image"]).name
    if name.startswith("b"):
        raise RuntimeError("applying transform") from RadiographError.refuse(item["image"], "a CT")
    if name.startswith("d"):
        raise ZeroDivisionError
    return {"image": torch.full((1, 2, 2), 7.0)}


def test_files_that_fail_are_told_in_place_of_the_others(folder: Path) -> None:
    data = RadiographFolder(folder_items(folder, exclude=folder / "out"), load, folder)
    assert len(data) == 3
    refused = Rejected(str(folder / "b.png"), "refused", "a CT")
    failed = Rejected(str(folder / "c" / "d.nii.gz"), "failed", "ZeroDivisionError: no message")
    assert [data[1], data[2]] == [refused, failed]
    # In worker processes too.
    (batch,) = DataLoader(data, batch_size=3, num_workers=1, collate_fn=collate_radiographs)
    assert batch["image"].shape == (1, 1, 2, 2)
    assert batch[REJECTED] == [refused, failed]


def test_what_is_done_is_left_out(folder: Path) -> None:
    items = folder_items(folder, exclude=folder / "out")
    data = RadiographFolder(items, load, folder, done={"a.dcm", "c/d.nii.gz", "d.nii.gz"})
    assert [item["image"] for item in data.data] == [str(folder / "b.png")]


def test_other_entries_do_not_reach_the_transforms(folder: Path) -> None:
    seen: list[dict[str, Any]] = []

    def keep(item: dict[str, Any]) -> dict[str, Any]:
        seen.append(item)
        return item

    path = str(folder / "b.png")
    _ = RadiographFolder([{"image": path, "label": ["mask.png"], "site": "a"}], keep, folder)[0]
    assert seen == [{"image": path}]


def test_a_batch_of_nothing_but_rejections() -> None:
    bad = Rejected("x.png", "refused", "a CT")
    assert collate_radiographs([bad, bad]) == {REJECTED: [bad, bad]}


def chained(*errors: Exception) -> Exception:
    """The first error, raised from the second, and so on."""
    for outer, inner in itertools.pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("build", "status", "reason"),
    [
        (lambda: RadiographError.refuse("x.png", "a CT"), "refused", "a CT"),
        (lambda: chained(RuntimeError("outer"), RadiographError.refuse("x.png", "a CT")), "refused", "a CT"),
        # Out of a worker process it comes as its message alone.
        (lambda: RadiographError("x.png: a CT. Accepted: y."), "refused", "x.png: a CT. Accepted: y."),
        (lambda: ValueError("first\n last \n"), "failed", "ValueError: last"),
        (lambda: chained(RuntimeError("outer"), KeyError("inner")), "failed", "KeyError: 'inner'"),
        (lambda: ValueError(), "failed", "ValueError: no message"),
        (
            lambda: RuntimeError("Traceback (most recent call last):\n  File\nOSError: [Errno 28] No space left"),
            "failed",
            "OSError: [Errno 28] No space left",
        ),
    ],
)
def test_the_reason_is_one_line(build: Callable[[], Exception], status: str, reason: str) -> None:
    assert rejection("x.png", build()) == Rejected("x.png", status, reason)


def test_a_reason_is_not_endless() -> None:
    assert len(rejection("x", ValueError("a" * 5000)).reason) < 320
