"""The job folder that an administrator submits."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import torch

from common.federated import FederatedTask
from common.federated.__main__ import main
from common.federated.export import export_job, exported_task

pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")


@pytest.fixture(scope="module")
def job(bundles: Path, lung_task: FederatedTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    return export_job(
        lung_task,
        bundles / "lung_seg",
        folder,
        name="lungs",
        initial="shipped",
        rounds=4,
        min_clients=2,
        round_timeout=77,
    )


def test_nvflares_own_check_accepts_it(job: Path) -> None:
    from nvflare.private.fed.server.job_meta_validator import JobMetaValidator

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(job.rglob("*")):
            file.write(path, Path(job.name) / path.relative_to(job))
    valid, error, meta = JobMetaValidator().validate(job.name, archive.getvalue())
    assert valid, error
    assert meta["min_clients"] == 2


def test_it_holds_the_task_and_no_path_of_this_machine(job: Path, lung_task: FederatedTask, bundles: Path) -> None:
    assert exported_task(job) == lung_task
    for file in job.rglob("*"):
        if file.suffix in (".json", ".py"):
            text = file.read_text(encoding="utf-8")
            assert str(bundles.parent) not in text
            assert "/tmp" not in text
            assert str(job.parent) not in text
    assert sorted(file.name for file in job.rglob("*.py")) == ["site_script.py"]


def test_server_and_sites_get_what_was_asked_for(job: Path) -> None:
    server = json.loads((job / "app" / "config" / "config_fed_server.json").read_text(encoding="utf-8"))
    workflow = server["workflows"][0]
    assert workflow["path"] == "common.federated.controller.TolerantFedAvg"
    assert workflow["args"] == {"num_rounds": 4, "min_clients": 2, "round_timeout": 77}
    persistor = next(item for item in server["components"] if item["id"] == "persistor")
    assert persistor["args"]["model"]["path"] == "common.networks.TinyUNet"
    client = json.loads((job / "app" / "config" / "config_fed_client.json").read_text(encoding="utf-8"))
    assert client["executors"][0]["executor"]["args"]["task_script_path"] == "site_script.py"
    text = json.dumps([server, client])
    # Nothing that sends logs, metrics or statistics of a site.
    for word in ("LogStreamer", "Statistics", "monai_nvflare", "ClientAlgoExecutor"):
        assert word not in text


def test_its_weights_are_the_bundles(job: Path, bundles: Path) -> None:
    state = torch.load(job / "app" / "custom" / "initial.pt", weights_only=True)
    shipped = torch.load(bundles / "lung_seg" / "models" / "tiny_unet.pt", weights_only=True)
    assert set(state) == set(shipped)
    assert torch.equal(state["head.weight"], shipped["head.weight"].float())


def test_an_existing_job_is_not_overwritten(job: Path, bundles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(bundles / "lung_seg"), "--rounds", "1", "--job_dir", str(job.parent), "--name", job.name]
    assert main(words) == 1
    assert "is there already" in capsys.readouterr().err


def test_collect_says_what_is_missing(
    job: Path, bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["collect", str(bundles / "lung_seg")]
    assert main([*words, str(job), str(tmp_path), "--output_dir", str(tmp_path / "out")]) == 1
    assert "no federation.pt below it" in capsys.readouterr().err
    assert main([*words, str(tmp_path), str(tmp_path), "--output_dir", str(tmp_path / "out")]) == 1
    assert "the job folder that was submitted is needed" in capsys.readouterr().err
