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

from .archive import Limits, read_files
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
_REACHING_FUNCTIONS = word_set("__builtins__ __import__ __loader__ compile eval exec getattr globals setattr vars")
_REACHING_METHODS = word_set("""
    __builtins__ __globals__ __loader__ __subclasses__ execl execle execlp execlpe execv execve execvp execvpe fork
    forkpty import_module load_library popen posix_spawn posix_spawnp rmtree spawnl spawnle spawnlp spawnlpe spawnv
    spawnve spawnvp spawnvpe startfile system
""")
#: Of these, a name that is worked out is what matters.
_BY_NAME = frozenset({"getattr", "setattr"})
_PACKAGE_DIR = Path(__file__).resolve().parents[1]
#: What a wheel of this package may unpack to, and the data in it.
_OF_WHEEL = Limits(files=5000, total=2**26)
_DATA_OF_WHEEL = (".css", ".csv", ".js", ".json", ".md", "py.typed")


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
    """Imports of the Python files of a bundle, and names that reach beyond what image code needs.

    Files that do the same as those of this package (all but comments and docstrings alike) are not marked: the program
    that looks at them would have to be distrusted first.
    """
    vendored = folder / VENDORED.replace(".", "/")
    entries: list[Entry] = []
    for path in sorted(folder.rglob("*.py")):
        own = _PACKAGE_DIR / path.relative_to(vendored) if path.is_relative_to(vendored) else None
        entries += _of_source(path.relative_to(folder).as_posix(), path.read_bytes(), own)
    return entries


def list_wheel(wheel: Path) -> list[Entry]:
    """The same of the wheel of a bundle without code, and what else lies in it that Python could import.

    Raises:
        SharingError: no archive, or one with entries that are refused.
    """
    entries: list[Entry] = []
    for file, content in sorted(read_files(wheel, _OF_WHEEL).items()):
        top, _, rest = file.partition("/")
        place = f"{wheel.name}/{file}"
        if top == PACKAGE and file.endswith(".py"):
            entries += _of_source(place, content, _PACKAGE_DIR / rest, is_package=True)
        elif not (top == PACKAGE and file.endswith(_DATA_OF_WHEEL)) and not top.endswith(".dist-info"):
            entries.append(Entry("other", place, "", "not part of the package"))
    return entries


def _of_source(name: str, content: bytes, own: Path | None, *, is_package: bool = False) -> list[Entry]:
    """Entries of a module, which is known when it does what the file ``own`` of this package does."""
    if len(content) > LARGEST_TEXT:
        return [Entry("other", name, name.rpartition("/")[2], "too large for a module")]
    try:
        tree = ast.parse(content.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Entry("other", name, name.rpartition("/")[2], "not Python")]
    known = own is not None and own.is_file() and _is_same(own.read_bytes(), content, tree)
    return list(_of_module(name, tree, known=known, is_package=is_package))


def _is_same(own: bytes, content: bytes, tree: ast.Module) -> bool:
    return own == content or _essence(ast.parse(own)) == _essence(tree)


def _essence(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [item for item in body if not is_remark(item)]
    return ast.dump(tree)


def _of_module(name: str, tree: ast.Module, *, known: bool, is_package: bool) -> Iterator[Entry]:
    harmless = _with_constant_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            level = "." * node.level if isinstance(node, ast.ImportFrom) else ""
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            taken = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            for module in modules:
                above = set(itertools.accumulate(module.split("."), lambda first, second: f"{first}.{second}"))
                reaches = _REACHING & above or _REACHING_METHODS & taken
                reaching = "" if level or known or not reaches else "reaches beyond image code"
                if not level and module.split(".")[0] == PACKAGE and not is_package:
                    reaching = "the package itself, which is not part of a bundle"
                yield Entry("import", f"{name}:{node.lineno}", f"{level}{module}", reaching)
        elif isinstance(node, ast.expr) and not known and node not in harmless:
            used = _reaching_use(node)
            if used:
                yield Entry("other", f"{name}:{node.lineno}", ast.unparse(node)[:100], used)


def _with_constant_names(tree: ast.Module) -> set[ast.AST]:
    """``getattr`` where the name is written out: what it leads to can be read."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) > 1)
    return {
        node.func
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id in _BY_NAME and isinstance(node.args[1], ast.Constant)
    }


def _reaching_use(node: ast.expr) -> str:
    """What is unusual about a name or a call; a function may be called under another name later."""
    if isinstance(node, ast.Name):
        return f"uses {node.id}" if node.id in _REACHING_FUNCTIONS else ""
    if isinstance(node, ast.Attribute):
        return f"uses {node.attr}" if node.attr in _REACHING_METHODS else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
        of_torch = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
        safe = any(
            word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        )
        return "calls torch.load without weights_only" if of_torch and not safe else ""
    return ""
