"""Networks that OpenVINO has converted once are not converted again, unless they have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common import inferers
from common.networks import TinyUNet
from common.pipeline import OpenVINOInferer

pytest.importorskip("openvino")


class Conversions:
    """OpenVINO that counts what it converts."""

    def __init__(self, module: object) -> None:
        self._module = module
        self.count = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._module, name)

    def convert_model(self, *args: object, **kwargs: object) -> object:
        self.count += 1
        return self._module.convert_model(*args, **kwargs)  # type: ignore[attr-defined]


def counted(folder: Path) -> OpenVINOInferer:
    inferer = OpenVINOInferer("f32", folder)
    inferer._openvino = Conversions(inferer._openvino)
    return inferer


def test_kept_networks_give_the_same_to_the_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, images = TinyUNet().eval(), torch.rand(2, 1, 64, 64)
    expected = inferers.OpenVINOInferer("f32")(images, network)
    first, second = counted(tmp_path / "kept"), counted(tmp_path / "kept")
    assert torch.equal(first(images, network), expected)
    assert torch.equal(second(images, network), expected)
    assert (first._openvino.count, second._openvino.count) == (1, 0)
    assert sorted(path.suffix for path in (tmp_path / "kept").iterdir()) == [".bin", ".xml"]

    with torch.no_grad():
        next(network.parameters()).add_(1)
    changed = counted(tmp_path / "kept")
    found = changed(images, network)
    assert changed._openvino.count == 1
    assert not torch.equal(found, expected)
    with torch.inference_mode():
        torch.testing.assert_close(found, network(images), rtol=1e-3, atol=1e-3)
    assert len(list((tmp_path / "kept").iterdir())) == 4


def test_a_damaged_file_and_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, images = TinyUNet().eval(), torch.rand(1, 1, 64, 64)
    expected = counted(tmp_path / "kept")(images, network)
    (file,) = (tmp_path / "kept").glob("*.xml")
    file.write_bytes(file.read_bytes()[:200])
    again = counted(tmp_path / "kept")
    assert torch.equal(again(images, network), expected)
    assert again._openvino.count == 1
    after = counted(tmp_path / "kept")
    assert torch.equal(after(images, network), expected)
    assert after._openvino.count == 0

    (tmp_path / "file").touch()
    nowhere = counted(tmp_path / "file")
    assert torch.equal(nowhere(images, network), expected)
    assert nowhere._openvino.count == 1
