"""What a configuration would import, call and evaluate: judged from its text, never evaluated."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: Packages whose functions configurations of bundles name.
USUAL_PACKAGES = ("monai", "torch", "ignite", "numpy", "math", "scripts.common", "common")
#: Of other modules, the parts that do no harm.
HARMLESS_PARTS = {"os": ("environ", "path")}
HARMLESS_BUILTINS = word_set("""
    abs all any bool dict enumerate float int len list max min range reversed round set sorted str sum tuple zip
""")
#: Names that lead from a harmless package to files, processes, the network or other code.
TELLTALE = word_set("""
    DataSource MLFlowHandler PackageImporter Path Timer apps builtins bundle cli code collect_env compile cpp_extension
    ctypes delattr download download_and_extract download_url elastic eval exec exec_module execute extractall fetch
    getattr globals hub import_module importlib jit launch launcher load load_library load_state_dict_from_url load_url
    loads locals measure memmap model_zoo multiprocessing open optional_import os package pathlib pickle popen pydoc
    remove rmtree run_cmd run_eval run_module rundocs runpy runstring save savetxt savez savez_compressed setattr shell
    shutil socket spawn start_processes subprocess sys system tarfile tempfile timeit tofile touch unlink urllib urlopen
    urlretrieve vars write_bytes write_text zipfile
""")
#: Functions of this package with such names that configurations are meant to name.
MEANT = frozenset({"common.cli.guard_command_line", "common.cli.as_written"})

_REFERENCE = re.compile(r"@(?:\w*)(?:(?:#|::)\w+)*")
_OF_REFERENCE = frozenset({"load"})


def judge_target(target: str) -> str:
    """What is unusual about a ``_target_``; an empty text when nothing is.

    Args:
        target: class or function name, dotted or one that MONAI finds among its own, or an expression.
    """
    if target.startswith(("$", "@")):
        return "a target that is worked out"
    if not re.fullmatch(r"\w+(?:\.\w+)*", target):
        return "not a name"
    if target.removeprefix("scripts.") in MEANT:
        return ""
    if "." not in target and hasattr(builtins, target):
        return "a function of Python itself"
    # MONAI finds a name without dots among all of its own functions, download_url and run_cmd among them.
    if "." in target and not _is_usual(target):
        return f"outside {', '.join(name for name in USUAL_PACKAGES if name != 'common')}"
    suspicious = [part for part in target.split(".") if part in TELLTALE or part.startswith("_")]
    return f"leads to {suspicious[0]}" if suspicious else ""


def imported_names(expressions: Sequence[str]) -> dict[str, str]:
    """Module by the name that ``$import`` statements of a bundle's configurations give it."""
    names: dict[str, str] = {}
    for text in expressions:
        for node in _statements(text):
            if isinstance(node, ast.Import):
                names |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def judge_expression(text: str, modules: Mapping[str, str]) -> str:
    """What is unusual about a ``$`` expression; an empty text when nothing is.

    Usual are names of the configuration (``@id``), of usual packages and of harmless functions of Python; attributes of
    these that lead nowhere else; and every operator.

    Args:
        text: with its ``$``.
        modules: see :func:`imported_names`.
    """
    statements = _statements(text)
    if not statements:
        return "not a Python expression"
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            problem = _judge_import(statement)
        elif isinstance(statement, ast.Expr):
            problem = _judge_value(statement, modules)
        else:
            problem = "not an expression but a statement"
        if problem:
            return problem
    return ""


def _statements(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(_REFERENCE.sub("__reference__", text[1:].strip())).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _is_usual(name: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in USUAL_PACKAGES)


def _judge_import(node: ast.Import | ast.ImportFrom) -> str:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{name}" for name in names]
    for name in names:
        # What is done with one of these is judged where it is done.
        if name in HARMLESS_PARTS:
            continue
        if not _is_usual(name) or any(part in TELLTALE for part in name.split(".")):
            return f"imports {name}"
    return ""


def _judge_value(statement: ast.Expr, modules: Mapping[str, str]) -> str:
    own = {"__reference__"}
    for node in ast.walk(statement):
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    limited: set[ast.AST] = set()
    for node in ast.walk(statement):
        if not isinstance(node, ast.Attribute):
            continue
        parts = HARMLESS_PARTS.get(modules.get(node.value.id, "")) if isinstance(node.value, ast.Name) else None
        if parts and node.attr in parts:
            limited.add(node.value)
        elif node.attr.startswith("_") or (node.attr in TELLTALE and not _is_reference_call(node)):
            return f"uses {node.attr}"
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node not in limited and node.id not in own | HARMLESS_BUILTINS:
            module = modules.get(node.id, "")
            if not _is_usual(module):
                return f"uses {module or node.id}"
    return ""


def _is_reference_call(node: ast.Attribute) -> bool:
    """``@decide.load``: what an object of the configuration does is judged by its ``_target_``."""
    return node.attr in _OF_REFERENCE and isinstance(node.value, ast.Name) and node.value.id == "__reference__"
