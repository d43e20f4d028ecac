"""Which modules of a package some names need, found in the source text: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import SharingError


def needed_files(package: Path, names: Iterable[str]) -> list[Path]:
    """Source files that importing the names would load, and the data files that those read.

    Imports inside functions count, those for type checkers alone do not. As Python does, a module brings along the
    ``__init__`` of every package above it, and all that these import.

    Args:
        package: folder of the package.
        names: dotted names in it that start with the package's own, such as ``common.io.RadiographReader``.

    Returns:
        Paths below the folder, sorted.

    Raises:
        SharingError: a name that no module holds; a module that imports its own package by an absolute name, which
            would be missing in a copy; a file that is not Python.
    """
    waiting = [_module_of(package, name) for name in sorted(set(names))]
    found: dict[str, Path] = {}
    data: set[Path] = set()
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        file = _file(package, module)
        assert file is not None
        found[module] = file
        tree = _parse(file)
        waiting += [above for above in _packages_above(module) if above not in found]
        for node in _imports(tree):
            waiting += _modules_of(package, file, module, node)
        if _reads_resources(tree):
            data |= set(_data_files(file.parent))
    return sorted(path.relative_to(package) for path in {*found.values(), *data})


def _module_of(package: Path, name: str) -> str:
    """The module that holds a dotted name, relative to the package; the package itself is an empty text."""
    parts = name.split(".")[1:]
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        if _file(package, module):
            # What is left is one attribute at most: a class or a function of the module.
            if len(parts) - count > 1:
                break
            return module
    raise SharingError(f"{name}: the package {package.name} has no such module")


def _file(package: Path, module: str) -> Path | None:
    base = package.joinpath(*module.split(".")) if module else package
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _packages_above(module: str) -> list[str]:
    parts = module.split(".") if module else []
    return [".".join(parts[:count]) for count in range(len(parts))]


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise SharingError(f"{file}: not a Python source file ({error})") from error


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (item for branch in node.orelse for item in _imports(ast.Module([branch], [])))
        else:
            yield from _imports(node)


def _modules_of(package: Path, file: Path, module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    absolute = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    if isinstance(node, ast.Import) or node.level == 0:
        if any(name.split(".")[0] == package.name for name in absolute):
            raise SharingError(f"{file}:{node.lineno}: imports {package.name} by its absolute name; write it relative")
        return
    # The package that a relative import starts from; a module's own package is one level up, a package's is itself.
    here = module.split(".") if module else []
    up = node.level - (1 if file.name == "__init__.py" else 0)
    base = ".".join([*here[: len(here) - up], *([node.module] if node.module else [])])
    if _file(package, base) is None:
        raise SharingError(f"{file}:{node.lineno}: imports {package.name}.{base}, which is not there")
    yield base
    for alias in node.names:
        inner = f"{base}.{alias.name}".lstrip(".")
        if _file(package, inner):
            yield inner


def _reads_resources(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("importlib.resources"):
            return True
        if isinstance(node, ast.Import) and any(alias.name == "importlib.resources" for alias in node.names):
            return True
        if isinstance(node, ast.Name) and node.id == "__file__":
            return True
    return False


def _data_files(folder: Path) -> Iterator[Path]:
    """Files that are no code, in a package's folder and in folders below that are no packages."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _data_files(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "py.typed":
            yield path
