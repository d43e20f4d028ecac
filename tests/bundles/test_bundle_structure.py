"""What lies in a bundle: licence, metadata, logging and configurations that hold together."""

from __future__ import annotations

import copy
import json
import logging
import logging.config
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_facts import REPOSITORY, Bundle
from monai.bundle import ConfigWorkflow, verify_metadata

from common.sharing.rules import SCHEMA

REQUIRED = [
    *("schema", "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
    *("task", "description", "authors", "copyright", "network_data_format"),
]
# Places of one machine or one person: a root, a home folder, a drive letter.
OF_ONE_MACHINE = re.compile(r"^(/|~|[A-Za-z]:[\\/])|/(home|Users|root|tmp|mnt|work)/")


def metadata(bundle: Bundle) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundle.configs / "metadata.json").read_text(encoding="utf-8"))
    return content


def values(content: Any) -> list[Any]:
    """All keys and values of nested dictionaries and lists."""
    if isinstance(content, dict):
        return [item for pair in content.items() for part in pair for item in values(part)]
    if isinstance(content, list):
        return [item for part in content for item in values(part)]
    return [content]


def transforms(bundle: Bundle, name: str, path: str) -> list[dict[str, Any]]:
    """Transforms of a configuration as written; its comments are gone, its references still there."""
    content: Any = bundle.load(name)
    for part in path.split("#"):
        content = content[part]
    return list(content)


def without_label(transform: dict[str, Any]) -> dict[str, Any]:
    """A transform of image and label as it acts on the image alone."""
    alone = {key: value for key, value in transform.items() if key != "allow_missing_keys"}
    if isinstance(alone["keys"], list):
        place = alone["keys"].index("@image")
        for key, value in alone.items():
            if isinstance(value, list) and len(value) == len(transform["keys"]):
                alone[key] = value[place]
        alone["keys"] = "@image"
    return alone


def test_the_licence_is_that_of_the_repository(bundle: Bundle) -> None:
    assert (bundle.root / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert "Apache License" in (bundle.root / "LICENSE").read_text(encoding="utf-8")
    assert (bundle.root / "docs" / "README.md").is_file()
    assert (bundle.root / "docs" / "data_license.txt").is_file()


def test_the_metadata_keep_the_schema(bundle: Bundle) -> None:
    verify_metadata(meta_file=str(bundle.configs / "metadata.json"), filepath=str(SCHEMA))


def test_the_schema_asks_for_what_the_format_of_2024_asks_for() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8"))["required"] == REQUIRED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta: meta.pop("required_packages_version"), "'required_packages_version' is a required property"),
        (lambda meta: meta.update(version="one"), "'one' does not match"),
        (lambda meta: meta.update(references="a paper"), "'a paper' is not of type 'array'"),
        (lambda meta: meta["network_data_format"]["inputs"]["image"].pop("dtype"), "'dtype' is a required property"),
        (lambda meta: meta["network_data_format"].pop("outputs"), "'outputs' is a required property"),
    ],
)
def test_the_schema_refuses_faulty_metadata(lung_seg: Bundle, tmp_path: Path, change: Any, message: str) -> None:
    faulty = copy.deepcopy(metadata(lung_seg))
    change(faulty)
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps(faulty), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        verify_metadata(meta_file=str(file), filepath=str(SCHEMA))


def test_the_version_is_described_in_the_changelog(bundle: Bundle) -> None:
    meta = metadata(bundle)
    assert meta["version"] in meta["changelog"]


def test_the_versions_are_those_that_the_repository_pins(bundle: Bundle) -> None:
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    meta = metadata(bundle)
    named = {"monai": meta["monai_version"], "torch": meta["pytorch_version"], "numpy": meta["numpy_version"]}
    named |= meta["required_packages_version"]
    assert {name: pinned.get(name) for name in named} == named


def test_the_logging_configuration_loads_and_writes_to_standard_output(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would close all handlers there are, and one of a library closes the stream that an earlier test was given.
    monkeypatch.setattr(logging, "shutdown", lambda handlers: None)
    logging.config.fileConfig(bundle.configs / "logging.conf", disable_existing_loggers=False)
    logging.getLogger("of.a.test").info("a line of the log")
    assert "of.a.test: a line of the log" in capsys.readouterr().out


def test_no_configuration_names_a_place_of_one_machine(bundle: Bundle) -> None:
    found = [
        (file.name, value)
        for file in bundle.configs.rglob("*.yaml")
        for value in values(bundle.load(str(file.relative_to(bundle.configs).with_suffix(""))))
        if isinstance(value, str) and OF_ONE_MACHINE.search(value)
    ]
    assert found == []


@pytest.mark.parametrize(("kind", "name"), [("train", "train"), ("infer", "inference")])
def test_the_properties_that_applications_look_for_are_there(
    bundle: Bundle, phantoms: Path, tmp_path: Path, kind: str, name: str
) -> None:
    workflow = bundle.workflow(kind, name, dataset_dir=str(phantoms), output_dir=str(tmp_path), use_tensorboard=False)
    assert workflow.check_properties() == []


def test_training_and_inference_write_the_same_preprocessing_and_network(bundle: Bundle) -> None:
    train, inference = bundle.load("train"), bundle.load("inference")
    of_image = [
        without_label(transform)
        for transform in transforms(bundle, "train", "train#deterministic_transforms")
        if transform["_target_"] not in bundle.label_only and transform["keys"] != "@label"
    ]
    of_inference = [without_label(item) for item in transforms(bundle, "inference", "preprocessing#transforms")]
    assert of_image == of_inference
    knobs = {part for item in of_inference for value in values(item) for part in re.findall(r"@(\w+)", str(value))}
    assert set(bundle.knobs) <= knobs
    for knob in (*knobs, "network_def"):
        assert train[knob] == inference[knob], knob
    assert train["validate"]["preprocessing"]["transforms"] == "%train#deterministic_transforms"


def test_training_and_inference_give_the_network_the_same_pixels(
    bundle: Bundle, phantoms: Path, tmp_path: Path
) -> None:
    shared: dict[str, Any] = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "image_size": [96, 64]}
    seen = []
    for options in ({}, *bundle.variants):
        training = bundle.workflow("train", "train", use_tensorboard=False, **shared, **options)
        inference = bundle.workflow("infer", "inference", **shared, **options)
        items = training.parser.get_parsed_content("validate#dataset#data")
        assert items
        for item in items:
            trained = training.parser.get_parsed_content("validate#preprocessing")(dict(item))["image"]
            inferred = inference.parser.get_parsed_content("preprocessing")({"image": item["image"]})["image"]
            assert trained.shape == (1, 96, 64)
            assert trained.dtype == torch.float32
            assert torch.equal(trained.as_tensor(), inferred.as_tensor())
            assert 0.0 <= float(trained.min()) < 0.05
            assert 0.95 < float(trained.max()) <= 1.0
        seen.append(trained.as_tensor())
    assert not any(torch.equal(seen[0], other) for other in seen[1:]), "a setting changes nothing"


def test_network_overlays_have_the_parameters_that_their_comment_names(bundle: Bundle) -> None:
    overlays = bundle.overlays("networks")
    assert overlays
    for name in overlays:
        comment = (bundle.configs / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
        number = re.search(r"([\d,]{4,}) parameters", comment)
        assert number is not None, name
        config = ConfigWorkflow(bundle.files("inference", name), workflow_type="infer", logging_file=False)
        config.parser.parse(True)
        network = config.parser.get_parsed_content("network_def")
        count = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
        assert f"{count:,}" == number.group(1), name


def test_the_overlay_that_calls_itself_the_default_is_the_default(bundle: Bundle) -> None:
    default = [
        name for name in bundle.overlays("networks") if "(the default)" in (bundle.configs / f"{name}.yaml").read_text()
    ]
    assert len(default) == 1
    assert bundle.load(default[0])["network_def"] == bundle.load("train")["network_def"]


def test_training_overlays_make_a_trainer(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    overlays = [*bundle.overlays("losses"), "cosine", "resume"]
    assert len(overlays) > 2
    for name in overlays:
        options = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "use_tensorboard": False, **bundle.small}
        workflow = bundle.workflow("train", "train", bundle.small_network, name, **options)
        trainer = workflow.parser.get_parsed_content("train#trainer")
        network = trainer.network
        pred = network(torch.rand(2, 1, 32, 32))
        loss = trainer.loss_function(pred, (torch.rand_like(pred) > 0.5).float())
        assert 0 < float(loss.detach()) < 5, name


def test_inference_overlays_make_an_evaluator(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for names in (["evaluate"], ["inference_openvino"], ["evaluate", "inference_openvino"]):
        workflow = bundle.workflow(
            "infer", "inference", bundle.small_network, *names, dataset_dir=str(phantoms), output_dir=str(tmp_path)
        )
        evaluator = workflow.evaluator
        kind = "OpenVINOInferer" if "inference_openvino" in names else "MixedPrecisionInferer"
        one_pass = getattr(evaluator.inferer, "inferer", evaluator.inferer)  # averaging over views wraps it
        assert type(one_pass).__name__ == kind
        assert len(workflow.dataset) == (2 if "evaluate" in names else len(list(phantoms.rglob("*.png"))))
