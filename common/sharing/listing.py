"""Everything in a bundle that its users' machines would execute, listed from the texts."""

from __future__ import annotations

import ast
import configparser
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .configs import LOADER
from .expressions import imported_names, judge_expression, judge_target, word_set
from .names import PACKAGE, VENDORED
from .privacy import is_remark

#: Largest configuration or module that is read, bytes.
LARGEST_TEXT = 2**21
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_TAG}{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
_HARMLESS_ARGUMENTS = {"", "()", "(sys.stdout,)", "(sys.stderr,)"}
_HANDLERS = {"StreamHandler", "NullHandler", "logging.StreamHandler", "logging.NullHandler"}
#: Modules that reach files, processes, the network or other code in ways that image code has no need of.
_REACHING = word_set("""
    _ctypes asyncio builtins code codecs ctypes ftplib http importlib marshal mmap multiprocessing pickle platform pty
    pydoc requests runpy shelve smtplib socket socketserver ssl subprocess telnetlib urllib webbrowser
""")
#: Functions of Python by their names alone; network.eval() and re.compile() are others.
_REACHING_FUNCTIONS = word_set("eval exec compile __import__ getattr setattr globals vars")
_REACHING_METHODS = word_set("system popen execv execve execvp spawnl spawnv fork import_module load_library")
#: Of these, a name that is worked out is what matters.
_BY_NAME = frozenset({"getattr", "setattr"})


@dataclass(frozen=True)
class Entry:
    """One thing that would be executed, or that is unusual.

    Attributes:
        kind: "target", "expression", "import" or "other".
        place: file and line, with the id in a configuration.
        text: as it is written.
        mark: what is unusual about it; empty when nothing is.
    """

    kind: str
    place: str
    text: str
    mark: str = ""


def list_configs(folder: Path) -> list[Entry]:
    """Every ``_target_`` and every ``$`` expression of a bundle's configurations and metadata, and unusual YAML."""
    found: list[tuple[str, str, str, str]] = []
    for path in sorted((folder / "configs").rglob("*")):
        if path.suffix in (".yaml", ".yml", ".json"):
            found += _of_config(path, path.relative_to(folder).as_posix())
    modules = imported_names([text for kind, _, text, _ in found if kind == "expression"])
    entries = []
    for kind, place, text, mark in found:
        if kind == "expression":
            mark = judge_expression(text, modules)
        entries.append(Entry(kind, place, text, mark or (judge_target(text) if kind == "target" else "")))
    return entries


def _of_config(path: Path, name: str) -> Iterator[tuple[str, str, str, str]]:
    if path.stat().st_size > LARGEST_TEXT:
        yield "other", name, path.name, "too large for a configuration"
        return
    try:
        # Nodes, not objects: no tag of the file constructs anything.
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        yield "other", name, path.name, f"not YAML or JSON ({' '.join(str(error).split())[:100]})"
        return
    seen: set[int] = set()
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting:
        node, identity = waiting.pop()
        if node is None:
            continue
        place = f"{name}:{node.start_mark.line + 1} {identity}".rstrip()
        if id(node) in seen:
            yield "other", place, "*", "a YAML alias"
            continue
        seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            yield "other", place, str(node.tag).replace(_TAG, "!!"), "a YAML tag"
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                below = f"{identity}#{key.value}".lstrip("#") if isinstance(key.value, str) else identity
                waiting.append((value, below))
                if not isinstance(key, yaml.ScalarNode):
                    waiting.append((key, identity))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, f"{identity}#{number}") for number, item in reversed(list(enumerate(node.value)))]
        else:
            yield from _of_value(place, identity, node.value)


def _of_value(place: str, identity: str, value: str) -> Iterator[tuple[str, str, str, str]]:
    last = identity.rsplit("#", 1)[-1].rsplit("::", 1)[-1]
    if value.startswith("$"):
        yield "expression", place, value, ""
    if last == "_target_":
        yield "target", place, value, ""
    elif last == "_mode_" and value == "debug":
        yield "other", place, value, "stops in a debugger"
    elif value.startswith("%") and value.split("::")[0].split("#")[0].endswith((".json", ".yaml", ".yml")):
        yield "other", place, value, "reads another file"


def list_logging(folder: Path) -> list[Entry]:
    """What Python evaluates in the logging configurations of a bundle."""
    entries = []
    for path in sorted((folder / "configs").rglob("*.conf")):
        name = path.relative_to(folder).as_posix()
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (configparser.Error, UnicodeDecodeError) as error:
            entries.append(Entry("other", name, path.name, f"no logging configuration ({str(error).splitlines()[0]})"))
            continue
        for section, key in ((title, key) for title in parser.sections() for key in parser[title]):
            value = parser[section][key].strip()
            place = f"{name} [{section}] {key}"
            if key in ("args", "kwargs"):
                mark = "" if value in _HARMLESS_ARGUMENTS or value == "{}" else "evaluated by Python"
                entries.append(Entry("expression", place, value, mark))
            elif key in ("class", "factory"):
                mark = "" if value in _HANDLERS else "another class than StreamHandler"
                entries.append(Entry("target", place, value, mark))
    return entries


def list_code(folder: Path) -> list[Entry]:
    """Imports of the Python files of a bundle, and calls that reach beyond what image code needs.

    Files that do the same as those of this package (all but comments and docstrings alike) are not marked: the program
    that looks at them would have to be distrusted first.
    """
    entries = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > LARGEST_TEXT:
            entries.append(Entry("other", name, path.name, "too large for a module"))
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            entries.append(Entry("other", name, path.name, "not Python"))
            continue
        entries += _of_module(name, tree, known=_is_known(folder, path, tree))
    return entries


def _is_known(folder: Path, path: Path, tree: ast.Module) -> bool:
    vendored = folder / VENDORED.replace(".", "/")
    if not path.is_relative_to(vendored):
        return False
    own = Path(__file__).resolve().parents[1] / path.relative_to(vendored)
    if not own.is_file():
        return False
    source = own.read_bytes()
    return source == path.read_bytes() or _essence(ast.parse(source)) == _essence(tree)


def _essence(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [item for item in body if not is_remark(item)]
    return ast.dump(tree)


def _of_module(name: str, tree: ast.Module, *, known: bool) -> Iterator[Entry]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            level = "." * node.level if isinstance(node, ast.ImportFrom) else ""
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                above = list(itertools.accumulate(module.split("."), lambda first, second: f"{first}.{second}"))
                reaching = "" if level or known or not _REACHING & set(above) else "reaches beyond image code"
                if not level and module.split(".")[0] == PACKAGE:
                    reaching = "the package itself, which is not part of a bundle"
                yield Entry("import", f"{name}:{node.lineno}", f"{level}{module}", reaching)
        elif isinstance(node, ast.Call) and not known:
            called = _reaching_call(node)
            if called:
                yield Entry("other", f"{name}:{node.lineno}", ast.unparse(node)[:100], f"calls {called}")


def _reaching_call(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name) and function.id in _REACHING_FUNCTIONS:
        named = function.id in _BY_NAME and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
        return "" if named else function.id
    if not isinstance(function, ast.Attribute):
        return ""
    if function.attr == "load" and isinstance(function.value, ast.Name) and function.value.id == "torch":
        safe = any(
            word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        )
        return "" if safe else "torch.load without weights_only"
    return function.attr if function.attr in _REACHING_METHODS else ""
