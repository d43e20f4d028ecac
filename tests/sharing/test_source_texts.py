"""What export does to configurations, code and documents, on made-up ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from common.sharing import SharingError
from common.sharing import privacy as privacy_module
from common.sharing.configs import package_names, standalone_configs
from common.sharing.modules import needed_files
from common.sharing.names import shared_name
from common.sharing.privacy import index_names, scan, withhold, withhold_in_remarks
from common.sharing.provenance import commit, licences
from common.sharing.source import bundle_files

CONFIG = """\
# common.io stays as it is in a comment
imports:
- $import monai
reader: {_target_: common.io.RadiographReader}   # flow style
writer: "common.io.MaskWriter"
note: see common.io.RadiographReader for more
key: $monai.utils.CommonKeys.IMAGE
call: "$[@reader, '''common.io.x''']"
guard:
  _target_: common.cli.guard_command_line
  _mode_: callable
initialize:
- $@guard()
- $monai.utils.set_determinism(seed=1)
run:
- $@trainer.run()
"""


def test_names_in_values_change_and_nothing_else(tmp_path: Path) -> None:
    found = standalone_configs({"a.yaml": CONFIG, "b.yaml": "run:\n  - $@trainer.run()\n"})
    assert found["a.yaml"] == CONFIG.replace("_target_: common.", "_target_: scripts.common.").replace(
        '"common.io.Mask', '"scripts.common.io.Mask'
    ).replace("''common.io.x", "''scripts.common.io.x").replace("- $@guard()\n", "").replace(
        "run:\n", "run:\n- $@guard()\n"
    )
    # An overlay that replaces the list gets the call too.
    assert found["b.yaml"] == "run:\n  - $@guard()\n  - $@trainer.run()\n"
    assert package_names({"a.yaml": CONFIG}) == {
        "common.io.RadiographReader",
        "common.io.MaskWriter",
        "common.io.x",
        "common.cli.guard_command_line",
    }


def test_an_empty_initialize_goes(tmp_path: Path) -> None:
    text = "guard: {_target_: common.cli.guard_command_line}\ninitialize:\n- $@guard()\nrun:\n- $@x()\n"
    assert yaml.safe_load(standalone_configs({"a.yaml": text})["a.yaml"]).keys() == {"guard", "run"}


def test_json_configurations_are_changed_too() -> None:
    text = '{"net": {"_target_": "common.networks.UNet"}, "x": "$common_sense"}'
    assert standalone_configs({"a.json": text})["a.json"] == text.replace("common.n", "scripts.common.n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "a.yaml: not YAML or JSON"),
        ("- a", "a.yaml: a mapping of ids is needed"),
        ("a: $import common", "a.yaml:1: uses common in an expression"),
        (
            "g: {_target_: common.cli.guard_command_line}\ninitialize: [$@g()]\nrun: [$@x()]",
            "a.yaml: initialize and run have to be lists with one item a line",
        ),
    ],
)
def test_configurations_that_cannot_be_changed_are_refused(text: str, message: str) -> None:
    with pytest.raises(SharingError, match=message):
        standalone_configs({"a.yaml": text})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose modules need each other in every way."""
    files = {
        "__init__.py": "",
        "top.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .unused import x\n",
        "a/__init__.py": "from .one import f",
        "a/one.py": "def f():\n    from ..b import two\n    return two",
        "a/unused.py": "",
        "b/__init__.py": "",
        "b/two.py": "from importlib.resources import files",
        "b/table/list.csv": "x",
        "b/unused/__init__.py": "",
        "b/unused/other.csv": "",
        "unused.py": "",
        "bad.py": "import common.top",
        "gone.py": "from .nowhere import x",
    }
    for name, text in files.items():
        path = tmp_path / "common" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "common"


def test_what_modules_import_is_needed_and_no_more(package: Path) -> None:
    def needed(*names: str) -> list[str]:
        return [path.as_posix() for path in needed_files(package, names)]

    assert needed("common.top.anything") == ["__init__.py", "top.py"]
    assert needed("common.a.f") == [
        *("__init__.py", "a/__init__.py", "a/one.py", "b/__init__.py", "b/table/list.csv", "b/two.py")
    ]
    assert needed("common.b") == ["__init__.py", "b/__init__.py"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("common.nothing.here", "common.nothing.here: the package common has no such module"),
        ("common.bad.x", r"bad.py:1: imports common by its absolute name"),
        ("common.gone.x", r"gone.py:1: imports common.nowhere, which is not there"),
    ],
)
def test_modules_that_a_copy_would_lack_are_refused(package: Path, name: str, message: str) -> None:
    with pytest.raises(SharingError, match=message):
        needed_files(package, [name])


def test_names_of_patients_are_withheld_in_documents() -> None:
    text = "CHNCXR_0001_0.png, MCUCXR_0162_1, JPCLN016, tb0123 and patient 0264; Dice 0.0264, 10.1109, 2014;0264."
    found, count = withhold(text)
    assert count == 6
    assert found == (
        "(withheld).png, (withheld), (withheld), (withheld) and patient (withheld); "
        "Dice 0.0264, 10.1109, 2014;(withheld)."
    )
    assert withhold("of ann-01 and ann-012", {"ann-01"}) == ("of (withheld) and ann-012", 1)


def test_names_in_code_are_withheld_where_they_do_nothing() -> None:
    source = (
        '"""As CHNCXR_0001_0."""\nx = "JPCLN016"  # not JPCLN017\n\n\ndef f():\n    """JPCLN018\n    JPCLN019."""\n'
    )
    found, count = withhold_in_remarks(source)
    assert count == 4
    assert [name for name in ("CHNCXR", "016", "017", "018", "019") if name in found] == ["016"]
    assert ast.parse(found)


def test_the_scan_finds_patients_and_machines_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy_module.socket, "gethostname", lambda: "xray-node-7.clinic.example")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").write_text("a: 1\nb: /home/ann/data\nc: /dev/null and a/home/b\n")
    (tmp_path / "b.txt").write_text("made on xray-node-7\nby s012-7\n")
    (tmp_path / "JPCLN016.txt").write_text("")
    (tmp_path / "p.png").write_bytes(b"\x89PNG\0\xff/Users/ann/films/x.png\0\xff")
    assert scan(tmp_path, {"s012-7"}) == [
        "JPCLN016.txt: a patient's or an image's name: JPCLN016",
        "b.txt:1: a name of this machine or its user: xray-node-7",
        "b.txt:2: a patient's or an image's name: s012-7",
        "configs/a.yaml:2: a place of one machine: /home/ann",
        "p.png:1: a place of one machine: /Users/ann",
    ]
    assert "b.txt:1" not in str(scan(tmp_path, ignore=["xray-node-7"]))


def test_chance_in_a_file_of_numbers_is_no_text(tmp_path: Path) -> None:
    numbers = tmp_path / "model_int8.bin"
    numbers.write_bytes(b"\0\xff~9aK:\\6b\xf0" * 9)
    assert scan(tmp_path) == []
    numbers.write_bytes(b"\0\xff/home/ann/bundles/tb_cls/x.onnx\xf0")
    assert scan(tmp_path) == ["model_int8.bin:1: a place of one machine: /home/ann"]


def test_the_names_of_a_sites_own_index_are_looked_for(tmp_path: Path) -> None:
    rows = ["image,patient_id", "films/s012-7.png,p-0815", "films/12.dcm,4711", "films/x.y.nii.gz,0042"]
    (tmp_path / "index.csv").write_text("\n".join(rows))
    # Short names and bare numbers could be anything.
    assert index_names(tmp_path) == {"s012-7", "p-0815", "0042"}
    assert index_names(tmp_path / "index.csv") == index_names(tmp_path)


def test_licences_of_code_and_weights_come_from_the_page() -> None:
    page = "# A\n\n# License\n\nCode: free (`LICENSE`).\nWeights: not\nfor sale.\n\nMore.\n"
    assert licences(page) == {"code": "free (`LICENSE`).", "weights": "not for sale."}
    with pytest.raises(SharingError, match=r'under "# License"'):
        licences("# License\n\nApache.\n")


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path, []) == {"commit": None, "changed_since": None}


def test_names_to_share_under() -> None:
    assert shared_name("tb_seg") == "cxr_tb_segmentation"
    assert shared_name("mine", "ward_tb_classification") == "ward_tb_classification"
    for bundle, name, message in (
        ("mine", None, "mine: no name to share it under"),
        ("lung_seg", "lungs", "lungs: a name of lower-case letters"),
        ("lung_seg", "../x_segmentation", "a name of lower-case letters"),
    ):
        with pytest.raises(SharingError, match=message):
            shared_name(bundle, name)


def test_only_what_belongs_to_a_bundle_is_shared(tmp_path: Path) -> None:
    needed = ["LICENSE", "configs/metadata.json", "configs/inference.yaml", "models/model.pt", "docs/README.md"]
    for name in [*needed, "docs/data_license.txt", "eval/predictions.csv", "runs/a/x.pt", ".DS_Store", "data/p.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert bundle_files(tmp_path) == sorted([*needed, "docs/data_license.txt"])
    (tmp_path / "docs" / "patient.dcm").touch()
    with pytest.raises(SharingError, match=r"docs/patient\.dcm: no file that is shared"):
        bundle_files(tmp_path)
    (tmp_path / "docs" / "patient.dcm").unlink()
    (tmp_path / "docs" / "link.md").symlink_to("/etc/passwd")
    with pytest.raises(SharingError, match=r"link\.md: a link"):
        bundle_files(tmp_path)
    with pytest.raises(SharingError, match=r"no bundle that can be shared: LICENSE, configs/metadata\.json"):
        bundle_files(tmp_path / "configs")
