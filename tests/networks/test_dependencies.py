"""Networks stand alone: they can be taken out of this package, or vendored into a bundle, without the rest of it."""

from __future__ import annotations

import ast
from pathlib import Path

import common.networks

FOLDER = Path(common.networks.__file__).parent
#: Run by people; they also write files.
COMMANDS = ("average.py", "half.py")


def used(path: Path) -> set[str]:
    """Modules of the package, outside its folder of networks, that a file imports."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    return {f"{'.' * node.level}{node.module or ''}" for node in found if node.level > 1 or node.module == "common"}


def test_networks_use_the_errors_of_the_package_and_nothing_else() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) > 8
    others = {path.name: used(path) - {"..errors"} for path in files}
    assert {name: modules for name, modules in others.items() if modules} == {
        name: {"..io.atomic"} for name in COMMANDS
    }


def test_nothing_imports_the_commands() -> None:
    imports = (FOLDER / "__init__.py").read_text(encoding="utf-8").split("from", 1)[1]
    assert not any(Path(name).stem in imports for name in COMMANDS)
