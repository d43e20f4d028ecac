"""What makes training IRNet cheaper does not change what it learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from common.weak import PseudoLabels
from common.weak.irnet_stage import RandMirrord, TrunkMapsd

Build = Callable[..., PseudoLabels]


@pytest.fixture
def learned(pseudo_labels: Build, tmp_path: Path) -> Callable[..., dict[str, torch.Tensor]]:
    """Function that trains and returns the weights."""

    def train(folder: str, **options: object) -> dict[str, torch.Tensor]:
        pseudo_labels(folder, run=["seeds", "crf", "irnet"], epochs=3, **options).run()
        state: dict[str, torch.Tensor] = torch.load(tmp_path / folder / "irnet" / "model.pt", weights_only=True)
        return state

    return train


def test_boundaries_are_the_same_without_displacements(learned: Callable[..., dict[str, torch.Tensor]]) -> None:
    whole, boundaries = learned("whole"), learned("boundaries", displacements=False)
    assert not [name for name in boundaries if name.startswith("displacement.")]
    edge = [name for name in whole if name.startswith("edge.")]
    assert edge == [name for name in boundaries if name.startswith("edge.")]
    assert all(torch.equal(boundaries[name], whole[name]) for name in edge)


def test_kept_maps_of_the_trunk_teach_the_same(learned: Callable[..., dict[str, torch.Tensor]]) -> None:
    images, maps = learned("images"), learned("maps", cache_maps=True)
    assert list(images) == list(maps)
    for name, tensor in images.items():
        # A convolution of a batch may be rounded otherwise than that of one image.
        torch.testing.assert_close(maps[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def test_maps_and_seeds_are_mirrored_together(pseudo_labels: Build) -> None:
    network = pseudo_labels(displacements=False).stages[2].network
    image, seeds = torch.rand(1, 96, 64), torch.randint(2, (1, 96, 64), dtype=torch.uint8)
    item = TrunkMapsd(network)({"image": image, "label": seeds})
    mirror = RandMirrord()
    seen = set()
    for seed in range(6):
        mirror.set_random_state(seed)
        found = mirror(item)
        mirrored = not torch.equal(found["label"], seeds)
        seen.add(mirrored)
        wanted = image.flip(1) if mirrored else image
        assert torch.equal(found["label"], seeds.flip(1) if mirrored else seeds)
        torch.testing.assert_close(
            network([maps[None] for maps in found["image"]]), network(wanted[None]), rtol=1e-4, atol=1e-4
        )
        mirror.set_random_state(seed)
        assert torch.equal(mirror({"image": image, "label": seeds})["image"], wanted)
    assert seen == {True, False}
