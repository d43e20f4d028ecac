"""Masks are written whole or not at all."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import SaveImage
from PIL import Image
from radiograph_files import phantom

from common.io import MaskWriter, RadiographLayout, atomic_write

MASK = (phantom() > 128)[:, :90]


def save(path: Path, mask: Any = MASK.T[np.newaxis], meta: dict[str, Any] | None = None) -> None:
    writer = MaskWriter()
    writer.set_data_array(mask)
    writer.set_metadata(meta)
    writer.write(path, verbose=False)


@pytest.mark.parametrize("mask", [MASK.T[None], MASK.T[None].astype(np.float32), torch.tensor(MASK.T[None])])
def test_png(tmp_path: Path, mask: Any) -> None:
    save(tmp_path / "a.png", mask)
    with Image.open(tmp_path / "a.png") as picture:
        assert (picture.mode, picture.size) == ("L", (90, 112))
        np.testing.assert_array_equal(np.asarray(picture), np.where(MASK, 255, 0))


def test_empty_and_full_masks(tmp_path: Path) -> None:
    for value in (0, 1):
        save(tmp_path / "a.png", np.full((1, 70, 80), value))
        assert set(np.unique(np.asarray(Image.open(tmp_path / "a.png")))) == {255 * value}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_without_metadata(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a{suffix}")
    image = nib.load(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(np.asarray(image.dataobj), MASK.T)
    np.testing.assert_array_equal(image.affine, np.diag([-1, -1, 1, 1]))
    assert image.get_data_dtype() == np.uint8


def test_packed_nifti_is_reproducible(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        save(tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("mask", [np.full((1, 70, 80), 0.5), np.full((1, 70, 80), 2), np.full((1, 70, 80), -1)])
def test_values_must_be_binary(tmp_path: Path, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values other than 0 and 1"):
        save(tmp_path / "a.png", mask)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(2, 70, 80), (1, 70, 80, 3), (70,)])
def test_shape_must_be_one_channel_of_a_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one channel and two axes"):
        save(tmp_path / "a.png", np.zeros(shape))


def test_size_must_be_that_of_the_radiograph(tmp_path: Path) -> None:
    meta = {"spatial_shape": np.array([512, 400]), "filename_or_obj": "some/radiograph.png"}
    with pytest.raises(ValueError, match=r"some/radiograph.png: a mask of 90 x 112 for a picture of 512 x 400"):
        save(tmp_path / "a.png", meta=meta)


def test_ending_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.nii or \.nii\.gz"):
        save(tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


class FullDisk:
    """A stream that takes some bytes and then finds the disk full."""

    def __init__(self, stream: BinaryIO, room: int) -> None:
        self.stream = stream
        self.room = room

    def write(self, content: bytes) -> int:
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.stream.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self.stream.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.open

    def open_with_little_room(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        stream = plain(self, mode, *args, **kwargs)
        return FullDisk(stream, room=40) if "x" in mode else stream

    monkeypatch.setattr(Path, "open", open_with_little_room)


@pytest.mark.parametrize("name", ["a.png", "a.nii", "a.nii.gz"])
@pytest.mark.usefixtures("full_disk")
def test_full_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"the mask of yesterday")
    with pytest.raises(OSError, match="No space left on device") as caught:
        save(path)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"the mask of yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("full_disk")
def test_full_disk_through_monai(tmp_path: Path) -> None:
    """SaveImage wraps the error; its last line still tells the cause and the file."""
    layout = RadiographLayout(tmp_path / "out", tmp_path / "in", postfix="lungs")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").touch()
    saver = SaveImage(writer=MaskWriter, output_ext=".png", folder_layout=layout, print_log=False)
    with pytest.raises(RuntimeError) as caught:
        saver(torch.tensor(MASK.T[None]), {"filename_or_obj": str(tmp_path / "in" / "a.png")})
    last = str(caught.value).strip().splitlines()[-1]
    assert last.endswith(f"No space left on device: '{tmp_path / 'out' / 'a_lungs.png'}'")
    assert list((tmp_path / "out").iterdir()) == []


WRITE_BEYOND_A_LIMIT = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from common.io import MaskWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
writer = MaskWriter()
writer.set_data_array(np.random.default_rng(0).integers(0, 2, (1, 300, 300)))
writer.set_metadata({})
try:
    writer.write(Path(sys.argv[1]), verbose=False)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system has no limit for the size of a file")
def test_limit_set_by_the_system(tmp_path: Path) -> None:
    """The same with an error of the real file system, not a simulated one."""
    path = tmp_path / "a.png"
    path.write_bytes(b"the mask of yesterday")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_BEYOND_A_LIMIT, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"the mask of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with atomic_write(tmp_path / "a") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_no_folder_to_write_to(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        save(tmp_path / "missing" / "a.png")
    assert caught.value.filename == str(tmp_path / "missing" / "a.png")


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / f"{'é' * 125}.png"
    save(path)
    assert list(tmp_path.iterdir()) == [path]
