"""Inspection finds what a hostile bundle would execute, and executes none of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle.config_item import ComponentLocator

from common.sharing import Inspection, inspect_bundle
from common.sharing.expressions import imported_names, judge_expression, judge_target
from common.sharing.report import describe, shown


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that everything hostile would write; it must not appear."""
    path = tmp_path / "canary"
    monkeypatch.chdir(tmp_path)
    yield path
    assert not path.exists()


def marks(found: Inspection) -> list[str]:
    """Place and mark of what is unusual, but for the list of files, which the tests spoil."""
    return [f"{entry.place}: {entry.mark}" for entry in found.marked if "MANIFEST" not in entry.mark]


def test_nothing_is_unusual_in_an_exported_bundle(name: str, unpacked: Callable[..., Path]) -> None:
    found = inspect_bundle(unpacked(name))
    assert found.marked == []
    targets = {entry.text for entry in found.entries if entry.kind == "target"}
    assert {"scripts.common.io.RadiographReader", "Compose", "StreamHandler"} <= targets
    expressions = {entry.text for entry in found.entries if entry.kind == "expression"}
    assert {"$import torch", "$@evaluator.run()", "$int(os.environ['LOCAL_RANK'])"} <= expressions
    assert "torch" in {entry.text for entry in found.entries if entry.kind == "import"}
    reader = next(entry for entry in found.entries if entry.text == "scripts.common.io.RadiographReader")
    assert reader.place == "configs/inference.yaml:" + reader.place.split(":")[1]
    assert reader.place.endswith(" preprocessing#transforms#0#reader#_target_")
    state = torch.load(unpacked(name) / "models" / "model.pt", weights_only=True)
    listed = found.tensors["models/model.pt"]
    assert [(item.name, item.shape) for item in listed] == [(key, tuple(value.shape)) for key, value in state.items()]
    assert {item.dtype for item in listed} <= {"float16", "int64"}
    assert found.signature == "not signed"
    lines = list(describe(found))
    assert lines[-1] == "Nothing unusual"
    assert any(reader.place in line for line in lines)


HOSTILE_CONFIG = """
imports:
- $import os
- $import subprocess
- $from os import system
a: $__import__('os').system('touch canary')
b: "$os.system('touch canary')"
c: {_target_: os.system, command: touch canary}
d: {_target_: builtins.eval, source: "open('canary', 'w')"}
e: {_target_: eval, source: "open('canary', 'w')"}
f: $open('canary', 'w')
g: [{deep: [{_target_: subprocess.run, args: touch canary}]}]
h: {_target_: "$@b"}
i: {_target_: monai.utils.optional_import, module: os}
j: {_target_: torch.hub.load, repo_or_dir: evil/evil}
k: $monai.utils.module.os.system('touch canary')
l: "$(lambda x: x.__class__.__base__.__subclasses__())(1)"
m: $getattr(torch, 'lo' + 'ad')('canary')
n: {_target_: torch.nn.Identity, _mode_: debug}
o: "%/etc/hosts.json::x"
p: !!python/object/apply:os.system ["touch canary"]
q: !!python/name:os.system
r: &anchor {x: 1}
s: *anchor
t: "${1: 2"
u: $os
v: "$[x for x in [torch.load('canary')]]"
$os.popen('touch canary'): 1
"""


def test_hostile_configurations(small: Path) -> None:
    (small / "configs" / "evil.yaml").write_text(HOSTILE_CONFIG)
    found = [entry for entry in inspect_bundle(small).marked if entry.place.startswith("configs/evil.yaml")]
    by_id: dict[str, str] = {}
    for entry in found:
        by_id[entry.place.split(" ", 1)[1]] = entry.mark
    assert by_id == {
        "imports#1": "imports subprocess",
        "imports#2": "imports os.system",
        "a": "uses system",
        "b": "uses system",
        "c#_target_": "outside monai, torch, ignite, numpy, math, scripts.common",
        "d#_target_": "outside monai, torch, ignite, numpy, math, scripts.common",
        "e#_target_": "a function of Python itself",
        "f": "uses open",
        "g#0#deep#0#_target_": "outside monai, torch, ignite, numpy, math, scripts.common",
        "h#_target_": "a target that is worked out",
        "i#_target_": "leads to optional_import",
        "j#_target_": "leads to hub",
        "k": "uses system",
        "l": by_id["l"],
        "m": "uses getattr",
        "n#_mode_": "stops in a debugger",
        "o": "reads another file",
        "p": "a YAML tag",
        "q": "a YAML tag",
        "s": "a YAML alias",
        "t": "not a Python expression",
        "u": "uses os",
        "v": "uses load",
    }
    assert by_id["l"].startswith("uses __")


def test_every_place_is_listed_with_its_line(small: Path) -> None:
    (small / "configs" / "evil.json").write_text('{"a": 1,\n "b": {"_target_": "os.system"},\n "c": "$open"}')
    found = [entry.place for entry in inspect_bundle(small).marked if "evil" in entry.place]
    assert found == ["configs/evil.json:2 b#_target_", "configs/evil.json:3 c"]


def test_metadata_are_configuration_too(small: Path) -> None:
    path = small / "configs" / "metadata.json"
    text = path.read_text(encoding="utf-8").rstrip().removesuffix("}")
    path.write_text(text + ", \"x\": \"$__import__('os').system('touch canary')\"}", encoding="utf-8")
    assert [line for line in marks(inspect_bundle(small)) if line.endswith(" x: uses system")]


@pytest.mark.parametrize(
    "text",
    [
        "a: [" * 5000,
        "a: *x",
        "\0",
        "a: &a [*a]",
        "x: &x [1]\n" + "".join(f"x{n}: &x{n} [{', '.join(['*x'] * 9)}]\n" for n in range(20)),
        "? [a, b]\n: $open('canary', 'w')",
        "a: " + "$(" * 300,
    ],
)
def test_yaml_that_breaks_readers_is_marked(small: Path, text: str) -> None:
    (small / "configs" / "evil.yaml").write_text(text)
    assert [line for line in marks(inspect_bundle(small)) if line.startswith("configs/evil.yaml")]


def test_hostile_logging(small: Path) -> None:
    conf = (small / "configs" / "logging.conf").read_text()
    evil = conf.replace("args=(sys.stdout,)", "args=(__import__('os').system('touch canary'),)")
    (small / "configs" / "logging.conf").write_text(evil.replace("class=StreamHandler", "class=os.system"))
    assert marks(inspect_bundle(small)) == [
        "configs/logging.conf [handler_console] class: another class than StreamHandler",
        "configs/logging.conf [handler_console] args: evaluated by Python",
    ]
    (small / "configs" / "logging.conf").write_text("no configuration")
    assert "no logging configuration" in marks(inspect_bundle(small))[0]


def test_hostile_code(small: Path) -> None:
    (small / "scripts" / "__init__.py").write_text(
        "import os, socket\nfrom urllib.request import urlopen\nfrom common.io import x\n"
        "open('canary', 'w')\nos.system('touch canary')\neval('1')\ngetattr(os, 'sys' + 'tem')\ngetattr(os, 'path')\n"
        "import torch\ntorch.load('x')\ntorch.load('x', weights_only=True)\nimport re\nre.compile('x')\n"
    )
    assert sorted(line.split("__.py:")[1] for line in marks(inspect_bundle(small))) == [
        "10: calls torch.load without weights_only",
        "1: reaches beyond image code",
        "2: reaches beyond image code",
        "3: the package itself, which is not part of a bundle",
        "5: uses system",
        "6: uses eval",
        "7: uses getattr",
    ]
    # Under another name, and called later.
    (small / "scripts" / "__init__.py").write_text(
        "from os import system as harmless\nrun = [eval, len]\nimport os\nstart = os.popen\n"
        "x = ().__class__.__base__.__subclasses__\nfrom os import path\nos.environ['A']\nmodel.eval()\n"
    )
    assert sorted(line.split("__.py:")[1] for line in marks(inspect_bundle(small))) == [
        "1: reaches beyond image code",
        "2: uses eval",
        "4: uses popen",
        "5: uses __subclasses__",
    ]
    (small / "scripts" / "__init__.py").write_text("def")
    assert marks(inspect_bundle(small)) == ["scripts/__init__.py: not Python"]


def test_code_of_the_package_is_trusted_only_as_it_is(small: Path) -> None:
    path = small / "scripts" / "common" / "networks" / "pretrained.py"
    original = path.read_text(encoding="utf-8")
    assert "http" in original
    assert marks(inspect_bundle(small)) == []
    path.write_text(original + "\n# A comment changes nothing.\n", encoding="utf-8")
    assert marks(inspect_bundle(small)) == []
    path.write_text(original + "\nchanged = 1\n", encoding="utf-8")
    assert any("reaches beyond image code" in line for line in marks(inspect_bundle(small)))


class Evil:
    """A pickle of it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def test_hostile_weights_and_files_that_do_not_belong(small: Path) -> None:
    torch.save({"weight": Evil()}, small / "models" / "model.pt")
    (small / "scripts" / "fast.so").touch()
    (small / "docs" / "run.exe").touch()
    found = inspect_bundle(small)
    assert "models/model.pt" not in found.tensors
    assert sorted(marks(found))[0] == "docs/run.exe: no kind of file that a shared bundle holds"
    weights = next(line for line in marks(found) if line.startswith("models/model.pt"))
    assert "objects that are no tensors (posix.system)" in weights
    assert any(line.startswith("scripts/fast.so") for line in marks(found))


def test_what_is_printed_cannot_steer_a_terminal() -> None:
    assert shown("a\x1b[2Jb\u202ec\n") == "a\\x1b[2Jb\\u202ec\\n"
    assert len(shown("x" * 1000)) == 201


def test_judgements() -> None:
    modules = imported_names(["$import torch.distributed as dist", "$from monai.utils import CommonKeys as K"])
    assert modules == {"dist": "torch.distributed", "K": "monai.utils.CommonKeys"}
    for text in ("$dist.is_initialized() and K.IMAGE", "$lambda engine: engine.state.metrics[@key]", "$[@a#b::c]"):
        assert judge_expression(text, modules) == "", text
    assert judge_expression("$x = 1", {}) == "not an expression but a statement"
    assert judge_expression("$@a.__class__", {}) == "uses __class__"
    assert judge_expression("$dist.rpc", {}) == "uses dist"
    for target in ("LoadImaged", "torch.optim.AdamW", "scripts.common.cli.guard_command_line", "ignite.handlers.X"):
        assert judge_target(target) == "", target
    for target in ("scripts.common.io.atomic.os.remove", "scripts.other", "monai.apps.download_url", "torch.load"):
        assert judge_target(target) != "", target
    # Functions of usual packages that run commands or texts, or load code; MONAI finds its own by the last name alone.
    for target in (
        *("run_cmd", "download_url", "optional_import", "monai.utils.run_cmd", "monai.utils.misc._run"),
        *("numpy.testing.runstring", "numpy.testing.measure", "torch.multiprocessing.Process"),
        *("torch.utils.collect_env.run", "torch.package.PackageImporter", "torch.utils.model_zoo.load_url"),
    ):
        assert judge_target(target).startswith("leads to "), target
    for text in ("$monai.utils.run_cmd(['touch', 'canary'])", "$torch.zeros(1).numpy().tofile('canary')"):
        assert judge_expression(text, {"monai": "monai", "torch": "torch"}).startswith("uses "), text


def test_short_names_of_monai_are_what_they_are_judged_as() -> None:
    """MONAI does find the command runner by its last name, which is why that name is marked."""
    assert ComponentLocator().get_component_module_name("run_cmd") == "monai.utils.misc"
