"""The real simulator: what leaves a site, what comes out, and what becomes of sites that fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from sent_recorder import VARIABLE, SentRecorder

from common.federated import FederatedError, FederatedTask, Site, average, weights_sha256
from common.federated.plan import Plan
from common.federated.simulate import simulate
from common.handlers import LoadWeights
from common.networks import EfficientNetLite, TinyUNet, read_state

TASKS = {
    "lung_seg": (("configs/networks/tiny_unet.yaml",), {"image_size": [32, 32]}),
    "tb_cls": ((), {"image_size": [64, 64], "lung_crop": False}),
}


def network_of(bundle: str) -> torch.nn.Module:
    """The network that a federation of :data:`TASKS` trains."""
    return TinyUNet(1, 1) if bundle == "lung_seg" else EfficientNetLite(variant=0, num_classes=2)


def plan(bundles: Path, films: Path, output_dir: Path, bundle: str = "lung_seg", **changes: Any) -> Plan:
    overlays, settings = TASKS[bundle]
    settings = {**settings, "batch_size": 2, "amp": False, "seed": 0}
    task = FederatedTask(bundle=bundle, overlays=overlays, settings=settings)
    options = {"rounds": 2, "initial": "none", "sites": {name: (name,) for name in ("north", "south")}} | changes
    return Plan(task=task, bundles=bundles, dataset_dir=films, output_dir=output_dir, **options)


@pytest.fixture(scope="module", params=TASKS)
def run(
    request: pytest.FixtureRequest, bundles: Path, films: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Plan, Path, dict[str, Any]]:
    """Two sites, two rounds, with everything that they sent written down."""
    folder = tmp_path_factory.mktemp("simulation")
    sent = folder / "sent"
    sent.mkdir()
    this = plan(bundles, films, folder / "run", request.param)
    os.environ[VARIABLE] = str(sent)
    try:
        record = simulate(this, prepare=lambda recipe: recipe.add_client_output_filter(SentRecorder(), tasks=["train"]))
    finally:
        del os.environ[VARIABLE]
    return this, sent, record


def test_only_weights_and_a_count_leave_a_site(run: tuple[Plan, Path, dict[str, Any]], films: Path) -> None:
    this, sent, _ = run
    expected = network_of(this.task.bundle).state_dict()
    network = {name: list(tensor.shape) for name, tensor in expected.items()}
    messages = sorted(sent.glob("*.json"))
    assert [file.stem for file in messages] == ["north_0", "north_1", "south_0", "south_1"]
    for file in messages:
        text = file.read_text(encoding="utf-8")
        for secret in ("SECRET", "PATIENT", str(films), "index.csv", ".png", "validation", "dice", "auc"):
            assert secret not in text, secret
        message = json.loads(text)
        assert set(message) == {"DXO", "__headers__"}
        content = message["DXO"]
        assert set(content) == {"kind", "data", "meta"}
        assert content["kind"] == "WEIGHTS"
        assert {name: entry["shape"] for name, entry in content["data"].items()} == network
        # The number of images is the only figure of the data; the rest is NVFlare's count of rounds and its names.
        numbers = {"NUM_STEPS_CURRENT_ROUND": 3}
        assert {key: value for key, value in content["meta"].items() if key in numbers} == numbers
        allowed = {"NUM_STEPS_CURRENT_ROUND", "params_type", "current_round", "total_rounds", "initial_metrics"}
        assert set(content["meta"]) <= allowed, content["meta"]
        assert not content["meta"].get("initial_metrics"), "a figure of the site's validation"
        arrays = np.load(file.with_suffix(".npz"))
        assert len(arrays.files) == len(network), "arrays outside the weights"


def test_the_result_is_the_average_of_what_was_sent(run: tuple[Plan, Path, dict[str, Any]]) -> None:
    this, sent, record = run
    for number in (0, 1):
        states = []
        for site in ("north", "south"):
            arrays = np.load(sent / f"{site}_{number}.npz")
            states.append({name.removeprefix("/DXO/data/"): arrays[name] for name in arrays.files})
        assert weights_sha256(average(states, [3, 3])) == record["rounds"][number]["weights_sha256"]
    assert weights_sha256(read_state(this.output_dir / "model.pt")) == record["weights_sha256"]
    assert record["weights_sha256"] == record["rounds"][1]["weights_sha256"]


def test_sites_trained_on_what_the_server_had_made(run: tuple[Plan, Path, dict[str, Any]]) -> None:
    this, _, record = run
    trained = {}
    for site in ("north", "south"):
        rounds = json.loads((this.folder(site) / "rounds.json").read_text(encoding="utf-8"))
        assert rounds[0]["received_sha256"] == weights_sha256(read_state(this.output_dir / "initial.pt"))
        assert rounds[1]["received_sha256"] == record["rounds"][0]["weights_sha256"]
        trained[site] = rounds[0]["trained_sha256"]
    assert trained["north"] != trained["south"]


def test_the_result_loads_as_a_bundles_weights(run: tuple[Plan, Path, dict[str, Any]]) -> None:
    this, _, record = run
    network = network_of(this.task.bundle)
    LoadWeights(network, this.output_dir / "model.pt")()
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    assert record["sites"] == ["north", "south"]
    assert record["nvflare"] == "2.9.0"
    assert str(this.output_dir) not in json.dumps(record)


def test_nvflares_logs_name_no_radiograph(run: tuple[Plan, Path, dict[str, Any]]) -> None:
    this, _, _ = run
    for file in [*this.output_dir.glob("simulation/**/*.txt"), *this.output_dir.glob("simulation/**/log*.json")]:
        assert "SECRET" not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("run", ["lung_seg"], indirect=True)
def test_a_resumed_federation_is_one_that_was_never_stopped(
    run: tuple[Plan, Path, dict[str, Any]], bundles: Path, films: Path, tmp_path: Path
) -> None:
    this, _, record = run
    copy = replace(this, output_dir=tmp_path / "run", rounds=1)
    first = simulate(copy)
    assert first["rounds"][0]["weights_sha256"] == record["rounds"][0]["weights_sha256"]
    with pytest.raises(FederatedError, match="belongs to an earlier run; --resume"):
        simulate(copy)
    second = simulate(replace(copy, rounds=2), resume=True)
    assert [entry["round"] for entry in second["rounds"]] == [0, 1]
    assert second["weights_sha256"] == record["weights_sha256"]
    with pytest.raises(FederatedError, match="another federation than this one"):
        simulate(replace(copy, rounds=3, seed=9), resume=True)


@dataclass(frozen=True)
class PlanWithOddSite(Plan):
    """Lets one site have bundles of its own."""

    odd: dict[str, Path] = field(default_factory=dict)

    def site(self, name: str) -> Site:
        return replace(super().site(name), bundles=str(self.odd.get(name, self.bundles)))


def other_network(bundles: Path, folder: Path) -> Path:
    """A copy of the lung bundle whose tiny network has another number of outputs."""
    shutil.copytree(bundles / "lung_seg" / "configs", folder / "lung_seg" / "configs")
    file = folder / "lung_seg" / "configs" / "networks" / "tiny_unet.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("out_channels: 1", "out_channels: 2"), encoding="utf-8")
    return folder


def kill_when_trained(site_dir: Path, worker: str, killed: list[int], stop: threading.Event) -> None:
    """Kill the process of a site as soon as it has done its first round."""
    while not stop.wait(0.2):
        if not (site_dir / "rounds.json").is_file():
            continue
        for process in psutil.process_iter(["pid", "cmdline"]):
            words = process.info["cmdline"] or []
            if "nvflare.private.fed.app.simulator.simulator_worker" in words and worker in words:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)
                return


def test_the_federation_survives_a_killed_site_and_a_site_with_another_network(
    bundles: Path, films: Path, tmp_path: Path
) -> None:
    sites = {name: (name,) for name in ("east", "north", "south")}
    base = plan(bundles, films, tmp_path / "run", sites=sites, rounds=5, round_timeout=420)
    options = {name: getattr(base, name) for name in base.__dataclass_fields__}
    this = PlanWithOddSite(**options, odd={"east": other_network(bundles, tmp_path / "odd")})
    killed: list[int] = []
    stop = threading.Event()
    watcher = threading.Thread(target=kill_when_trained, args=(this.folder("south"), "south", killed, stop))
    watcher.start()
    lines: list[str] = []
    began = time.monotonic()
    try:
        record = simulate(this, tell=lines.append)
    finally:
        stop.set()
        watcher.join()
    assert killed, "nobody was killed"
    assert len(record["rounds"]) == 5
    assert all("north" in entry["images"] for entry in record["rounds"])
    assert record["rounds"][-1]["images"] == {"north": 3}
    assert any("south" in entry["silent"] for entry in record["rounds"])
    error = (this.folder("east") / "error.txt").read_text(encoding="utf-8")
    assert error.count("\n") == 1
    assert "weights of another network" in error
    assert any("east: no answer" in line for line in lines)
    assert time.monotonic() - began < 3600


def test_a_federation_without_enough_sites_says_why(bundles: Path, films: Path, tmp_path: Path) -> None:
    base = plan(bundles, films, tmp_path / "run", min_clients=2)
    options = {name: getattr(base, name) for name in base.__dataclass_fields__}
    this = PlanWithOddSite(**options, odd={"south": other_network(bundles, tmp_path / "odd")})
    with pytest.raises(FederatedError, match=r"^0 of 2 rounds done: south: .*weights of another network"):
        simulate(this, tell=lambda line: None)
