"""What is checked before MONAI Label's server starts, without the server."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.label import app_folder
from common.label.__main__ import main
from common.label.app_folder import SERVED, prepare_app
from common.label.environment import MONAI_LABEL, Environment, find_environment
from common.label.errors import LabelError
from common.label.start import (
    STUDY_FILES,
    check_bundles,
    check_port,
    check_studies,
    command,
    server_variables,
    unlisted,
)
from common.sharing.names import SHARED_NAMES

VERSIONS = {"monai": "1.6.1", "torch": "2.13.0+cpu", "numpy": "2.4.6"}


def environment(folder: Path, versions: Mapping[str, str] = VERSIONS) -> Environment:
    stock = folder / "monailabel" / "sample-apps" / "monaibundle"
    (stock / "model").mkdir(parents=True, exist_ok=True)
    (stock / "main.py").write_text("stock")
    (stock / "model" / "weights_of_another").touch()
    return Environment(folder / "bin" / "python", folder, versions)


def interpreter(folder: Path, versions: Mapping[str, str], broken: Mapping[str, str]) -> Path:
    """An environment whose interpreter tells what is given."""
    (folder / "bin").mkdir(parents=True)
    (folder / "site").mkdir()
    found = {"prefix": str(folder), "site": str(folder / "site"), "versions": dict(versions), "broken": {}}
    first, second = json.dumps(found), json.dumps({**found, "broken": dict(broken)})
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\ncase \"$*\" in *torchvision.utils) echo '{second}';; *) echo '{first}';; esac\n")
    python.chmod(0o755)
    return folder


def app(folder: Path, **metadata: Any) -> Path:
    bundle = folder / "model" / "cxr_lung_segmentation"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "models").mkdir()
    (folder / "main.py").touch()
    entries = {"monai_version": "1.6.1", "pytorch_version": "2.13.0", "numpy_version": "2.4.6", **metadata}
    (bundle / "configs" / "metadata.json").write_text(json.dumps(entries))
    (bundle / "models" / "model.pt").touch()
    return folder


def test_bundles_of_an_app_folder(tmp_path: Path) -> None:
    folder = app(tmp_path)
    (folder / "model" / ".cxr_import" / "configs").mkdir(parents=True)
    (folder / "model" / "notes").mkdir()
    assert check_bundles(folder, environment(tmp_path / "env")) == ["cxr_lung_segmentation"]
    (folder / "model" / "cxr_lung_segmentation" / "models" / "model.pt").unlink()
    with pytest.raises(LabelError, match=r"model\.pt: no weights; `python -m common\.label prepare --replace`"):
        check_bundles(folder, environment(tmp_path / "env"))


@pytest.mark.parametrize(("entry", "version", "refusal"), [
    ("monai_version", "1.6.2", "made for monai 1.6.2, the environment has 1.6.1"),
    ("monai_version", "1.10.0", "made for monai 1.10.0"),
    ("monai_version", "1.5.9", None),
    ("pytorch_version", "2.13.0+cu130", None),
    ("pytorch_version", "3.0", "made for torch 3.0, the environment has 2.13.0"),
    ("numpy_version", "2.4.7", "made for numpy 2.4.7"),
])  # fmt: skip
def test_bundles_of_later_packages(tmp_path: Path, entry: str, version: str, refusal: str | None) -> None:
    folder = app(tmp_path, **{entry: version})
    if refusal is None:
        assert check_bundles(folder, environment(tmp_path / "env"))
    else:
        with pytest.raises(LabelError) as caught:
            check_bundles(folder, environment(tmp_path / "env"))
        assert refusal in str(caught.value)


def test_app_folders_that_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"no app folder of MONAI Label; `python -m common\.label prepare` makes it"):
        check_bundles(tmp_path, environment(tmp_path / "env"))
    (tmp_path / "main.py").touch()
    with pytest.raises(LabelError, match=r"no bundles; `python -m common\.label prepare` puts them there"):
        check_bundles(tmp_path, environment(tmp_path / "env"))
    place = app(tmp_path) / "model" / "cxr_lung_segmentation" / "configs" / "metadata.json"
    place.write_text("{")
    with pytest.raises(LabelError, match=r"metadata\.json: cannot be read"):
        check_bundles(tmp_path, environment(tmp_path / "env"))


def test_studies(tmp_path: Path) -> None:
    assert check_studies("http://127.0.0.1:8042/dicom-web") == "http://127.0.0.1:8042/dicom-web"
    assert check_studies(str(tmp_path)) == str(tmp_path)
    for none in ("", str(tmp_path / "none")):
        with pytest.raises(LabelError, match="a folder of radiographs or a DICOMweb URL is needed"):
            check_studies(none)


def test_what_is_not_listed_is_named(tmp_path: Path) -> None:
    assert unlisted("http://127.0.0.1:8042/dicom-web") == []
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "a.png").touch()
    assert unlisted(str(tmp_path)) == [
        f"{tmp_path}: no radiographs lie directly in it; those in folders below it are not listed"
    ]
    for name in ("a.png", "b.dcm", "c.nii.gz", "datastore_v2.json", ".lock"):
        (tmp_path / name).touch()
    assert unlisted(str(tmp_path)) == []
    for name in ("IM0001", "d.PNG", "a.dcm"):
        (tmp_path / name).touch()
    assert unlisted(str(tmp_path)) == [
        f"{tmp_path}: 2 files are not listed (IM0001); names end in .nii.gz .nii .png .jpg .tif .dcm .jpeg .tiff",
        f"{tmp_path}: 1 files share a name with another (a.png); one of each is listed",
    ]


def test_ports() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(LabelError, match=f"port {port} on 127.0.0.1 cannot be had"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)
    for none in (0, 65536):
        with pytest.raises(LabelError, match="1 to 65535 is accepted"):
            check_port("127.0.0.1", none)
    with pytest.raises(LabelError, match=r"port 8000 on 192\.0\.2\.1 cannot be had"):
        check_port("192.0.2.1", 8000)


def test_the_server_downloads_nothing(tmp_path: Path) -> None:
    words = command(environment(tmp_path), tmp_path / "app", "studies", "127.0.0.1", 8000, ["a", "b"])
    options = dict(itertools.pairwise(words))
    assert options["--app"] == str(tmp_path / "app")
    assert options["--studies"] == "studies"
    conf = {words[k + 1]: words[k + 2] for k, word in enumerate(words) if word == "--conf"}
    assert conf == {"models": "a,b", "zoo_source": "local", "sam2": "false"}
    name = "MONAI_LABEL_DATASTORE_FILE_EXT"
    assert json.loads(server_variables({})[name]) == list(STUDY_FILES)
    assert server_variables({name: '["*.png"]', "A": "b"}) == {name: '["*.png"]', "A": "b"}


def test_environments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LabelError, match="no environment of MONAI Label; `make label STUDIES=folder` makes it"):
        find_environment(tmp_path)
    old = interpreter(tmp_path / "old", {"monailabel": "0.8.1"}, {})
    with pytest.raises(LabelError, match=f"monailabel {MONAI_LABEL} is needed, found 0.8.1"):
        find_environment(old)
    versions = {"monailabel": MONAI_LABEL, "pydicom-seg-rb": "1.0.0", **VERSIONS}
    bare = interpreter(tmp_path / "bare", versions, {"torchvision.utils": "No module named torchvision"})
    with pytest.raises(LabelError, match=r"torchvision\.utils cannot be imported .* --no-deps torchvision=="):
        find_environment(bare)
    whole = find_environment(interpreter(tmp_path / "whole", versions, {}))
    assert whole.versions["monailabel"] == MONAI_LABEL
    assert whole.stock_app == tmp_path / "whole" / "monailabel" / "sample-apps" / "monaibundle"
    # MONAI Label imports the package under the name of its predecessor.
    assert "from pydicom_seg_rb import" in (tmp_path / "whole" / "site" / "pydicom_seg.py").read_text()
    assert main(["start", "--env", str(tmp_path), str(tmp_path), "--port", "70000"]) == 1
    assert capsys.readouterr().err == "error: port 70000: 1 to 65535 is accepted\n"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of source bundles, and an export that leaves the options in the bundle's place."""

    def export(source: Path, archive: Path, *, name: str, overlays: list[Path]) -> None:
        archive.write_text(json.dumps([source.name, name, [path.name for path in overlays]]))

    def put(archive: Path, model: Path, *, replace: bool, run: bool) -> None:
        (model / json.loads(archive.read_text())[1]).write_text(archive.read_text())

    monkeypatch.setattr(app_folder, "export_bundle", export)
    monkeypatch.setattr(app_folder, "import_archive", put)
    for name in SHARED_NAMES:
        (tmp_path / "bundles" / name / "configs").mkdir(parents=True)
    return tmp_path / "bundles"


def test_the_stock_app_and_four_bundles(tmp_path: Path, sources: Path) -> None:
    folder, lines = tmp_path / "app", []
    names = prepare_app(folder, environment(tmp_path / "env"), sources, tell=lines.append)
    assert names == [served.name for served in SERVED]
    assert {path.name for path in (folder / "model").iterdir()} == set(names)
    assert (folder / "main.py").read_text() == "stock"
    regions = json.loads((folder / "model" / "cxr_tb_regions_segmentation").read_text())
    assert regions == ["tb_cls", "cxr_tb_regions_segmentation", ["localize.yaml", "regions.yaml"]]
    # What the server may have trained stays.
    (folder / "model" / names[0]).write_text("trained")
    assert prepare_app(folder, environment(tmp_path / "env"), sources, tell=lines.append) == []
    assert (folder / "model" / names[0]).read_text() == "trained"
    assert sum(line.endswith("is there and stays as it is") for line in lines) == len(SERVED)
    assert prepare_app(folder, environment(tmp_path / "env"), sources, replace=True) == names
    assert (folder / "model" / names[0]).read_text() != "trained"


def test_nothing_is_written_where_something_is_missing(tmp_path: Path, sources: Path) -> None:
    folder = tmp_path / "app"
    (sources / "tb_seg" / "configs").rmdir()
    with pytest.raises(LabelError, match="no bundle tb_seg; the folder `bundles` of the project is needed"):
        prepare_app(folder, environment(tmp_path / "env"), sources)
    (sources / "tb_seg" / "configs").mkdir()
    bare = Environment(tmp_path / "none" / "bin" / "python", tmp_path / "none", VERSIONS)
    with pytest.raises(LabelError, match="MONAI Label's app for bundles is not there; install it anew"):
        prepare_app(folder, bare, sources)
    assert not folder.exists()
    folder.mkdir()
    (folder / "letters.txt").touch()
    with pytest.raises(LabelError, match="a folder with other content"):
        prepare_app(folder, environment(tmp_path / "env"), sources)
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_both_environments_hold_the_same_packages() -> None:
    root = Path(__file__).resolve().parents[2]

    def pins(name: str) -> dict[str, str]:
        lines = (root / name).read_text().splitlines()
        return dict(line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))

    project, label = pins("requirements.txt"), pins("requirements-label.txt")
    assert {"torch", "monai", "numpy", "pydicom"} <= project.keys() & label.keys()
    assert {name: project[name] for name in project.keys() & label.keys()} == {
        name: label[name] for name in project.keys() & label.keys()
    }
    assert f"monailabel=={MONAI_LABEL} " in (root / "Makefile").read_text()
