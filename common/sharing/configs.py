"""Configurations of a bundle with the package's copy in the place of the package."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from .errors import SharingError
from .names import PACKAGE, VENDORED

#: The reader of YAML in C, where it was built; it makes plain data alone, as the one in Python does.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DOTTED = re.compile(rf"{PACKAGE}(?:\.\w+)+")
_USE = re.compile(rf"(?<![\w.@#:/-]){PACKAGE}(?=\.[A-Za-z_])")
_WORD = re.compile(rf"(?<![\w.@#:/'\"-]){PACKAGE}\b(?!\.)")
_REFERENCE = re.compile(r"@(\w+)")


def package_names(texts: Mapping[str, str]) -> set[str]:
    """Dotted names of the package in the values of configurations, such as ``common.io.RadiographReader``.

    Args:
        texts: content of configuration files by their names.

    Raises:
        SharingError: a file that is no YAML or JSON.
    """
    found: set[str] = set()
    for file, text in texts.items():
        for token in _scalars(file, text):
            if _DOTTED.fullmatch(token.value):
                found.add(token.value)
            elif token.value.startswith("$"):
                found |= {
                    match.group() for match in _DOTTED.finditer(token.value) if _USE.match(token.value, match.start())
                }
    return found


def standalone_configs(texts: Mapping[str, str]) -> dict[str, str]:
    """Let configurations name ``scripts.common`` instead of ``common``; comments and layout stay.

    MONAI puts the bundle's folder on Python's search path after ``initialize`` and before ``run``
    (``monai.bundle.ConfigWorkflow``). Calls of the package's functions therefore move from the first list to the
    beginning of the second, in every file that has it.

    Args:
        texts: content of a bundle's YAML and JSON configuration files by their names.

    Returns:
        New content by the same names.

    Raises:
        SharingError: a file that is no YAML or JSON, or one that uses the package in a way that cannot be kept.
    """
    nodes = {file: _top_level(file, text) for file, text in texts.items()}
    ours = {
        name.lstrip("+")
        for top in nodes.values()
        for name, (_, value) in top.items()
        if isinstance(value, yaml.MappingNode) and _DOTTED.fullmatch(_target(value))
    }

    def is_early(expression: str) -> bool:
        return any(name in ours for name in _REFERENCE.findall(expression))

    early: list[str] = []
    for file in texts:
        for item in _initialize(nodes[file]):
            if is_early(item.value) and item.value not in early:
                early.append(item.value)

    def moved(file: str) -> str:
        # An overlay may bring a `run` without the components that are called, or a call of one that it alone defines.
        known = everywhere if "run" in nodes[file] else set()
        fits = [call for call in early if call in known or _defines(nodes[file], call)]
        text = _move(file, texts[file], nodes[file], fits, is_early)
        added = [call for call in fits if call not in shared] if "run" not in nodes[file] else []
        return text + _run_of_overlay(added, texts, nodes, nodes[file], shared) if added else text

    by_base = [{call for call in early if _defines(top, call)} for top in nodes.values() if "run" in top]
    shared = {call for calls in by_base for call in calls}
    everywhere = {call for call in shared if all(call in calls for calls in by_base if calls)}
    return {file: _rename(file, moved(file) if early else text) for file, text in texts.items()}


def _scalars(file: str, text: str) -> list[Any]:
    try:
        return [token for token in yaml.scan(text, Loader=LOADER) if isinstance(token, yaml.ScalarToken)]
    except yaml.YAMLError as error:
        raise SharingError(f"{file}: not YAML or JSON ({_first_line(error)})") from error


def _rename(file: str, text: str) -> str:
    for token in reversed(_scalars(file, text)):
        if token.value.startswith("$") or _DOTTED.fullmatch(token.value):
            start, end = token.start_mark.index, token.end_mark.index
            text = text[:start] + _USE.sub(VENDORED, text[start:end]) + text[end:]
            if token.value.startswith("$") and _WORD.search(token.value):
                line = token.start_mark.line + 1
                raise SharingError(f"{file}:{line}: uses {PACKAGE} in an expression; name it by _target_ instead")
    return text


def _top_level(file: str, text: str) -> dict[str, tuple[Any, Any]]:
    """Nodes of key and value by top-level id."""
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise SharingError(f"{file}: not YAML or JSON ({_first_line(error)})") from error
    if not isinstance(root, yaml.MappingNode):
        raise SharingError(f"{file}: a mapping of ids is needed")
    return {key.value: (key, value) for key, value in root.value}


def _defines(top: Mapping[str, Any], call: str) -> bool:
    return all(name in top for name in _REFERENCE.findall(call))


def _run_of_overlay(
    added: list[str],
    texts: Mapping[str, str],
    nodes: Mapping[str, Mapping[str, Any]],
    top: Mapping[str, Any],
    shared: set[str],
) -> str:
    """The list ``run`` for an overlay with early calls of its own, which ``+run`` would put last."""
    bases = [file for file in texts if "run" in nodes[file]]
    base = max(bases, key=lambda file: sum(name.split("#")[0].lstrip("+") in nodes[file] for name in top))
    calls = [call for call in shared if _defines(nodes[base], call)]
    after = [item.value for item in nodes[base]["run"][1].value]
    first = [item.value for item in _initialize(nodes[base]) if item.value in calls]
    return "run:\n" + "".join(f"- {_quoted(call)}\n" for call in [*first, *added, *after])


def _target(node: Any) -> str:
    found = [value.value for key, value in node.value if key.value == "_target_" and isinstance(value.value, str)]
    return found[0] if found else ""


def _initialize(top: Mapping[str, tuple[Any, Any]]) -> list[Any]:
    return [
        item
        for name in ("initialize", "+initialize")
        if name in top and isinstance(top[name][1], yaml.SequenceNode)
        for item in top[name][1].value
        if isinstance(item.value, str)
    ]


def _move(
    file: str, text: str, top: Mapping[str, tuple[Any, Any]], early: list[str], is_early: Callable[[str], bool]
) -> str:
    """Take the early calls out of ``initialize`` and put them first in ``run``, line by line."""
    lines = text.splitlines(keepends=True)
    moved = [item for item in _initialize(top) if is_early(item.value)]
    lists = ("initialize", "+initialize", "run")
    changed = [top[name][1] for name in lists if name in top and (name == "run" or moved)]
    if any(not isinstance(node, yaml.SequenceNode) or node.flow_style for node in changed):
        raise SharingError(f"{file}: initialize and run have to be lists with one item a line")
    gone = {number for item in moved for number in range(item.start_mark.line, item.end_mark.line + 1)}
    for name in ("initialize", "+initialize"):
        # A list that loses all its items loses its id as well.
        if name in top and all(item in moved for item in top[name][1].value):
            gone.add(top[name][0].start_mark.line)
    if "run" in top:
        first = top["run"][1].value[0].start_mark.line
        indent = lines[first][: lines[first].index("-")]
        lines[first] = "".join(f"{indent}- {_quoted(item)}\n" for item in early) + lines[first]
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def _quoted(expression: str) -> str:
    plain = re.fullmatch(r"\$@[\w#]+\([\w@#, ]*\)", expression) and "#" not in expression and ", " not in expression
    return expression if plain else "'" + expression.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
