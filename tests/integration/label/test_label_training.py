"""Labels of several readers, their consensus, training on it, and faults on the way, on the real server."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from label_server import REPOSITORY, LabelServer, Refused
from label_studies import dice, lungs, read_answer, read_label, write_films, write_mask
from scipy.ndimage import binary_dilation, binary_erosion

from common.data.phantom import Phantom

LUNGS, LESIONS, TB = "cxr_lung_segmentation", "cxr_tb_segmentation", "cxr_tb_classification"
COUNT = 6


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def films(studies: Path) -> dict[str, Phantom]:
    return write_films(studies, COUNT)


@pytest.fixture(scope="module")
def server(serve: Callable[..., LabelServer], studies: Path, films: dict[str, Phantom]) -> LabelServer:
    return serve(studies)


def weights(server: LabelServer, model: str) -> Path:
    return server.app / "model" / model / "models" / "model.pt"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_consensus_of_two_readers_by_their_tags(
    server: LabelServer, studies: Path, films: dict[str, Phantom], tmp_path: Path
) -> None:
    for name, phantom in films.items():
        truth = lungs(phantom)
        server.label(name, "alice", write_mask(tmp_path / "alice.png", binary_dilation(truth, iterations=3)))
        server.label(name, "bob", write_mask(tmp_path / "bob.png", binary_erosion(truth, iterations=2)))
    stored = server.json("GET", "/datastore/", output="all")["objects"]
    assert {tag for item in stored.values() for tag in item["labels"]} == {"alice", "bob"}
    words = ["-m", "common.fusion", str(studies), "--output", str(tmp_path / "consensus")]
    subprocess.run([sys.executable, *words], cwd=REPOSITORY, check=True)
    with (tmp_path / "consensus" / "readers.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["reader"] for row in csv.DictReader(stream)} == {f"{studies.name}/alice", f"{studies.name}/bob"}
    for name, phantom in films.items():
        consensus = read_answer(tmp_path / "consensus" / f"{name}_consensus.png")
        # Of two readers the consensus is the smaller mask here, for one lies within the other.
        assert np.array_equal(consensus > 0, binary_erosion(lungs(phantom), iterations=2))
        server.label(name, "final", tmp_path / "consensus" / f"{name}_consensus.png")
    info = server.json("GET", "/info/")
    assert info["datastore"]["completed"] == COUNT


def test_two_epochs_train_the_served_lungs(server: LabelServer, films: dict[str, Phantom], tmp_path: Path) -> None:
    proposal = server.mask(LUNGS, "case0", tmp_path)
    before = read_label(proposal)
    # A reader who lets it stand sends it back as it came: NIfTI, on a DICOM film.
    assert proposal.name == "case0.nii.gz"
    server.label("case0", "final", proposal)
    place = weights(server, LUNGS)
    released = digest(place)
    task = server.train(LUNGS, max_epochs=2, val_split=0.34)
    assert task["status"] == "DONE", server.tail()
    assert digest(place) != released
    assert digest(place.with_name("model_released.pt")) == released
    assert digest(place) == digest(server.app / "model" / LUNGS / "runs" / "train" / "models" / "model.pt")
    with (server.app / "model" / LUNGS / "runs" / "train" / "curves.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2
    answer = read_label(server.mask(LUNGS, "case0", tmp_path))
    assert not np.array_equal(answer, before)
    # Two epochs of four films from trained weights neither make nor break a network.
    assert dice(answer, lungs(films["case0"])) > 0.8
    # The released weights stay within reach.
    again = server.mask(LUNGS, "case0", tmp_path, model_filename="model_released.pt")
    assert np.array_equal(read_label(again), before)


def test_two_epochs_train_the_served_lesions(server: LabelServer, films: dict[str, Phantom], tmp_path: Path) -> None:
    for name, phantom in films.items():
        server.label(name, "final", write_mask(tmp_path / "lesions.png", phantom.lesions))
    before = read_answer(server.mask(LESIONS, "case1", tmp_path))
    place = weights(server, LESIONS)
    released = digest(place)
    task = server.train(LESIONS, max_epochs=2, val_split=0.34)
    assert task["status"] == "DONE", server.tail()
    assert digest(place) != released
    assert digest(place.with_name("model_released.pt")) == released
    answer = read_answer(server.mask(LESIONS, "case1", tmp_path))
    assert answer.shape == films["case1"].lesions.shape
    assert not np.array_equal(answer, before)
    again = server.mask(LESIONS, "case1", tmp_path, model_filename="model_released.pt")
    assert np.array_equal(read_answer(again), before)


def test_a_study_deleted_between_listing_and_inference(server: LabelServer, studies: Path, tmp_path: Path) -> None:
    assert "case5" in server.json("GET", "/datastore/", output="all")["objects"]
    (studies / "case5.png").unlink()
    with pytest.raises(Refused) as caught:
        server.mask(LUNGS, "case5", tmp_path)
    assert caught.value.status == 500
    assert server.mask(LUNGS, "case4", tmp_path).is_file()


def test_a_label_of_pixels_does_not_train_a_classifier(server: LabelServer) -> None:
    before = digest(weights(server, TB))
    assert server.train(TB, max_epochs=1, val_split=0.34)["status"] == "ERROR"
    assert digest(weights(server, TB)) == before


def test_a_server_killed_during_training_leaves_its_weights_whole(
    serve: Callable[..., LabelServer], server: LabelServer, studies: Path, films: dict[str, Phantom], tmp_path: Path
) -> None:
    for name in sorted(films)[:-1]:
        server.label(name, "final", write_mask(tmp_path / "lungs.png", lungs(films[name])))
    place = weights(server, LUNGS)
    before, released = digest(place), digest(place.with_name("model_released.pt"))
    answer = server.mask(LUNGS, "case1", tmp_path).read_bytes()
    checkpoint = server.app / "model" / LUNGS / "runs" / "train" / "models" / "last.pt"
    earlier = checkpoint.stat().st_mtime_ns
    server.start_training(LUNGS, max_epochs=50, val_split=0.34)
    deadline = time.monotonic() + 1800
    while checkpoint.stat().st_mtime_ns == earlier:
        assert server.json("GET", "/train/")["status"] in ("SUBMITTED", "RUNNING"), server.tail()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    # Its training process outlives it until it has something to say.
    server.process.kill()
    server.process.wait()
    while server.running():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert digest(place) == before
    assert all(tensor.isfinite().all() for tensor in torch.load(place, weights_only=True).values())
    again = serve(studies, server.app)
    assert again.mask(LUNGS, "case1", tmp_path).read_bytes() == answer
    # What the broken training left behind is in nobody's way, and the released weights are still the first ones.
    assert again.train(LUNGS, max_epochs=1, val_split=0.34)["status"] == "DONE", again.tail()
    assert digest(place) != before
    assert digest(place.with_name("model_released.pt")) == released
