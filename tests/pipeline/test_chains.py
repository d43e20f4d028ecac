"""Chains that begin alike."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, Flipd, Invertd, Lambdad

from common.pipeline import ChainTree, definitions, share_steps


def add(number: float) -> Lambdad:
    return Lambdad(keys="x", func=lambda x: x + number)


def config(*steps: dict[str, Any], **ids: Any) -> dict[str, Any]:
    return {"preprocessing": {"_target_": "Compose", "transforms": list(steps)}, **ids}


def find(weights: str, **network: Any) -> dict[str, Any]:
    """A configuration whose one transform is as FindLungsd in the bundles."""
    step = {"_target_": "common.transforms.FindLungsd", "keys": "x", "network": "@net", "weights": "@weights"}
    net = {"_target_": "common.networks.TinyUNet", "out_channels": "@channels", **network}
    return config(step, net=net, channels=1, weights=weights)


def test_definitions_are_compared_by_what_they_stand_for(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("copy", b"1"), ("other", b"2")):
        (tmp_path / f"{name}.pt").write_bytes(content)
    first = definitions(find(str(tmp_path / "a.pt")))
    assert first == definitions(find(str(tmp_path / "copy.pt"), out_channels="$3 - 2"))
    assert first != definitions(find(str(tmp_path / "other.pt")))
    assert first != definitions(find(str(tmp_path / "nowhere.pt")))
    assert first != definitions(find(str(tmp_path / "a.pt"), noise=0.2))
    # An object that is made by an expression may be anything.
    made = config({"_target_": "Lambdad", "keys": "x", "func": "$lambda x: x"})
    assert definitions(made) != definitions(made)


def test_disabled_transforms_do_not_count() -> None:
    off = {"_target_": "Flipd", "keys": "x", "_disabled_": "$not @flip"}
    cast = {"_target_": "EnsureTyped", "keys": "x", "dtype": "$torch.float32"}
    given = config(off, cast, flip=False, imports=["$import torch"])
    assert definitions(given) == definitions(config(cast, imports=["$import torch"]))
    assert len(definitions(given)) == len(ConfigParser(given).get_parsed_content("preprocessing").transforms)
    assert len(definitions({**given, "flip": True})) == 2


def test_shared_steps_are_the_same_objects_and_run_once() -> None:
    calls: Counter[str] = Counter()

    def step(name: str) -> Lambdad:
        def count(x: torch.Tensor) -> torch.Tensor:
            calls[name] += 1
            return x * 10 + int(name)

        return Lambdad(keys="x", func=count)

    written = {"a": list("12"), "b": list("1345"), "c": list("1346"), "d": list("9"), "e": list("13")}
    chains = {name: Compose([step(text) for text in steps]) for name, steps in written.items()}
    share_steps(chains, written)
    tree = ChainTree.grow(chains)
    results = {name: int(result["x"]) for name, result in tree.apply({"x": torch.tensor(0)}).items()}
    assert results == {"a": 12, "b": 1345, "c": 1346, "d": 9, "e": 13}
    assert calls == dict.fromkeys("1234569", 1)
    assert chains["c"].transforms[:3] == chains["b"].transforms[:3]
    assert [(names, len(steps)) for names, steps in tree.shared()] == [
        (("a", "b", "c", "d", "e"), 0),
        (("a", "b", "c", "e"), 1),
        (("b", "c", "e"), 1),
        (("b", "c"), 1),
    ]


def test_each_chain_goes_on_from_a_copy_of_its_own() -> None:
    def spoil(x: MetaTensor) -> MetaTensor:
        x.meta["spoilt"] = True
        x.applied_operations.append({"spoilt": True})
        x.zero_()
        return x

    spoiling = Lambdad(keys="x", func=spoil, track_meta=True)
    shared = Flipd(keys="x", spatial_axis=0)
    chains = {"a": Compose([shared, spoiling]), "b": Compose([shared, add(0)]), "c": Compose([shared])}
    results = ChainTree.grow(chains).apply({"x": MetaTensor(torch.arange(1.0, 7).reshape(1, 2, 3))})
    assert not results["a"]["x"].any()
    for name in ("b", "c"):
        item = results[name]["x"]
        assert torch.equal(item.as_tensor(), torch.tensor([[[4.0, 5, 6], [1, 2, 3]]]))
        assert "spoilt" not in item.meta
        assert {"spoilt": True} not in item.applied_operations


def test_every_chain_can_be_inverted() -> None:
    """Invertd refuses operations that another object has applied."""
    steps = [{"_target_": "Flipd", "keys": "x", "spatial_axis": 0}, {"_target_": "Rotate90d", "keys": "x"}]
    ends = {"a": {"_target_": "Zoomd", "keys": "x", "zoom": 2}, "b": {"_target_": "Flipd", "keys": "x"}}
    configs = {name: config(*steps, end) for name, end in ends.items()}
    chains = {name: ConfigParser(given).get_parsed_content("preprocessing") for name, given in configs.items()}
    share_steps(chains, {name: definitions(given) for name, given in configs.items()})
    image = MetaTensor(torch.arange(20.0).reshape(1, 4, 5))
    for name, result in ChainTree.grow(chains).apply({"x": image}).items():
        back = Invertd(keys="x", transform=chains[name])(result)["x"]
        assert back.shape == image.shape, name
        if name == "b":
            assert torch.equal(back.as_tensor(), image.as_tensor())


def test_a_failing_step_fails_the_chains_that_need_it() -> None:
    def fail(x: torch.Tensor) -> torch.Tensor:
        raise ValueError("no")

    first, failing = add(1), Lambdad(keys="x", func=fail)
    chains = {"a": Compose([first, failing, add(2)]), "b": Compose([first, failing]), "c": Compose([first, add(3)])}
    results = ChainTree.grow(chains).apply({"x": torch.tensor(0)})
    assert isinstance(results["a"], Exception)
    assert results["a"] is results["b"]
    assert int(results["c"]["x"]) == 4


@pytest.mark.parametrize("number", [1, 2])
def test_chains_without_anything_in_common(number: int) -> None:
    chains = {str(index): Compose([add(index)]) for index in range(number)}
    results = ChainTree.grow(chains).apply({"x": torch.tensor(0)})
    assert {name: int(item["x"]) for name, item in results.items()} == {str(index): index for index in range(number)}
