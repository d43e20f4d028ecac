"""A provisioned federation: server and sites in processes of their own, by the commands of docs/federated.md."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.federated import SITE_VARIABLE, weights_sha256
from common.handlers import LoadWeights
from common.networks import TinyUNet, read_state

REPOSITORY = Path(__file__).resolve().parents[3]
SERVER, ADMIN = "federation.example.org", "admin@coordinator.example.org"
TASK = ["--overlay", "configs/networks/tiny_unet.yaml", "--initial", "none", "--local_epochs", "1"]
TASK += ["--set", "image_size=[32,32]", "--set", "batch_size=2", "--set", "amp=False"]
TIMEOUT = 1200


def command(*words: object, cwd: Path, status: int = 0) -> str:
    """Run a command of the documentation, which must end with this exit status; returns what it prints."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == status, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def documented_project() -> str:
    """The project.yml of the documentation, for this machine."""
    page = (REPOSITORY / "docs" / "federated.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found
    text = found.group(1).replace(SERVER, "localhost")
    return text.replace("8002", str(free_port())).replace("8003", str(free_port()))


@pytest.fixture(scope="module")
def federation(bundles: Path, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running server with two sites; all their processes are ended afterwards."""
    folder = tmp_path_factory.mktemp("provisioned")
    (folder / "project.yml").write_text(documented_project(), encoding="utf-8")
    command("nvflare", "provision", "-p", "project.yml", "-w", "workspace", cwd=folder)
    kits = folder / "workspace" / "cxr_federation" / "prod_00"
    storage = json.loads((kits / "localhost" / "local" / "resources.json.default").read_text(encoding="utf-8"))
    text = json.dumps(storage).replace("/tmp/nvflare", str(folder / "storage"))
    (kits / "localhost" / "local" / "resources.json").write_text(text, encoding="utf-8")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # A busy machine takes more than NVFlare's minute to start a job.
    environment |= {"PYTHONPATH": str(REPOSITORY), "NVFLARE_MAX_RUNNER_SYNC_TIMEOUT": "900"}
    for name in ("localhost", "north", "south"):
        content = {"bundles": str(bundles), "dataset_dir": str(films), "output_dir": f"out_{name}", "sites": [name]}
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        with (folder / f"{name}.out").open("w") as out:
            subprocess.run(
                [kits / name / "startup" / "start.sh"],
                env=environment | {SITE_VARIABLE: str(folder / f"{name}.json")},
                stdout=out,
                stderr=out,
                start_new_session=True,
                check=True,
            )
    yield folder
    for process in ours(folder):
        process.kill()


def ours(folder: Path) -> list[psutil.Process]:
    """Processes whose command names this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or []) and process.pid != os.getpid()
    ]


def submit(folder: Path, job: str, rounds: int, timeout: int) -> str:
    """Export and submit a job; returns its identifier."""
    words = ["--rounds", rounds, "--round_timeout", timeout, "--job_dir", folder / "jobs", "--name", job]
    command(
        sys.executable, "-m", "common.federated", "export", REPOSITORY / "bundles/lung_seg", *TASK, *words, cwd=folder
    )
    kit = folder / "workspace" / "cxr_federation" / "prod_00" / ADMIN
    for _ in range(60):
        # Right after the start the server may not take logins, and knows no site yet.
        try:
            printed = command("nvflare", "job", "submit", "-j", folder / "jobs" / job, "--startup-kit", kit, cwd=folder)
        except AssertionError:
            time.sleep(5)
            continue
        found = re.search(r"job_id: ([0-9a-f-]{36})", printed)
        assert found, printed
        return found.group(1)
    pytest.fail("the server took no job")


def collect(folder: Path, job: str, identifier: str, status: int = 0) -> dict[str, object]:
    """Wait for a job, download and collect it; returns the record."""
    kit = folder / "workspace" / "cxr_federation" / "prod_00" / ADMIN
    command("nvflare", "job", "wait", identifier, "--timeout", TIMEOUT, "--startup-kit", kit, cwd=folder, status=status)
    command("nvflare", "job", "download", identifier, "-o", f"result_{job}", "--startup-kit", kit, cwd=folder)
    words = [REPOSITORY / "bundles/lung_seg", folder / "jobs" / job, folder / f"result_{job}"]
    out = folder / f"collected_{job}"
    command(sys.executable, "-m", "common.federated", "collect", *words, "--output_dir", out, cwd=folder)
    record: dict[str, object] = json.loads((out / "federation.json").read_text(encoding="utf-8"))
    return record


def test_a_provisioned_federation_trains(federation: Path) -> None:
    record = collect(federation, "lungs", submit(federation, "lungs", 2, 600))
    assert record["sites"] == ["north", "south"]
    assert [entry["images"] for entry in record["rounds"]] == [{"north": 3, "south": 3}] * 2  # type: ignore[attr-defined]
    model = federation / "collected_lungs" / "model.pt"
    LoadWeights(TinyUNet(1, 1), model)()
    assert weights_sha256(read_state(model)) == record["weights_sha256"]


def test_nothing_at_the_server_names_a_radiograph(federation: Path) -> None:
    kits = federation / "workspace" / "cxr_federation" / "prod_00"
    for name in ("north", "south"):
        resources = json.loads((kits / name / "local" / "resources.json.default").read_text(encoding="utf-8"))
        assert resources["allow_log_streaming"] is False
    files = [
        file
        for root in (kits / "localhost", federation / "result_lungs", federation / "storage")
        for file in root.rglob("*")
    ]
    files = [file for file in files if file.is_file()]
    assert len(files) > 20
    for file in files:
        content = file.read_bytes()
        for secret in (b"SECRET", b"PATIENT", b"index.csv"):
            assert secret not in content, (file, secret)


def test_a_site_that_dies_does_not_stop_the_others(federation: Path) -> None:
    identifier = submit(federation, "survivor", 6, 420)
    rounds = federation / "out_south" / "rounds.json"
    before = rounds.stat().st_mtime if rounds.is_file() else 0.0
    end = time.monotonic() + TIMEOUT
    while not (rounds.is_file() and rounds.stat().st_mtime > before):
        assert time.monotonic() < end, "the site has not trained"
        time.sleep(0.2)
    # Its watching shell and its client first, so that nobody starts the training again.
    for process in ours(federation / "workspace" / "cxr_federation" / "prod_00" / "south"):
        process.send_signal(signal.SIGKILL)
    # All rounds are done, but NVFlare calls a job abnormal that a site has not seen to its end.
    record = collect(federation, "survivor", identifier, status=1)
    entries = record["rounds"]
    assert len(entries) == 6  # type: ignore[arg-type]
    assert entries[0]["images"]["north"] == 3  # type: ignore[index]
    assert entries[-1]["images"] == {"north": 3}  # type: ignore[index]
    assert any(entry["silent"] == ["south"] for entry in entries)  # type: ignore[attr-defined]
