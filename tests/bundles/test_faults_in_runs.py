"""What goes wrong while a run goes on: files that vanish, and a file system that takes no more."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from bundle_facts import Bundle, Outcome
from two_lungs import bright_network, picture, truth

from common.data.phantom_files import write_picture


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system lets no file grow beyond ``size`` bytes: writing fails half way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_deleted_between_listing_and_reading_costs_one_line(
    lung_seg: Bundle, folder: Path, tmp_path: Path
) -> None:
    write_picture(folder / "gone.png", picture(truth()))
    (folder / "link.png").symlink_to(tmp_path / "gone too.png")
    workflow = lung_seg.workflow(
        "infer",
        "inference",
        dataset_dir=str(folder),
        output_dir=str(tmp_path / "out"),
        num_workers=0,
        **bright_network(tmp_path),
    )
    assert len(workflow.dataset) == 3
    (folder / "gone.png").unlink()
    workflow.run()
    rows = pd.read_csv(tmp_path / "out" / "predictions.csv", keep_default_na=False).set_index("image")
    assert dict(rows["status"]) == {"gone.png": "refused", "good.png": "ok", "link.png": "refused"}
    assert rows.loc["gone.png", "reason"] == rows.loc["link.png", "reason"] == "no such file"


def test_masks_that_cannot_be_written_to_their_end_are_not_there(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    with largest_file(8192):
        result = infer_command(mask_format=".nii")
    assert result.status == 3
    assert "\nfailed: good.png: OSError: [Errno 27] File too large" in result.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["predictions.csv", "run.json"]
    # With room again, a run does what is missing.
    assert infer_command(mask_format=".nii", resume_inference=True).status == 0
    assert (tmp_path / "out" / "good_lungs.nii").stat().st_size > 8192


def test_a_run_whose_table_cannot_be_written_ends_in_one_line(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    assert infer_command().status == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with largest_file(20):
        result = infer_command()
    assert result.status == 1
    assert result.error == f"error: {tmp_path}/out/predictions.csv: File too large"
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
