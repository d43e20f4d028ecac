"""A resumed inference believes the disk, not only its table."""

from __future__ import annotations

from pathlib import Path

from bundle_facts import Bundle


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
