"""Nothing that is passed on names a training patient, or the machine that it was made on."""

from __future__ import annotations

import ast
import io
import os
import pwd
import re
import socket
import tokenize
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import TypeGuard

from ..data.index import read_index

#: Names of images of the public sets: Shenzhen, Montgomery, JSRT, TBX11K, ChestX-ray14; and numbers of patients as
#: Montgomery and Shenzhen write them, with leading zeros.
_IMAGE = r"CHNCXR_\d{4}_[01]|MCUCXR_\d{4}_[01]|JPC(?:LN|NN)\d{3}|\b(?:tb|TB)\d{4}\b|\b\d{8}_\d{3}\b"
_PATIENT = r"(?<![\w.,/:-])0\d{3}(?![\w-]|[.,/:]\d)"
IMAGE_NAMES = re.compile(_IMAGE)
_IN_DOCS = re.compile(f"{_IMAGE}|{_PATIENT}")
WITHHELD = "(withheld)"

#: Places of one machine: a home folder or a system folder, a drive letter, a file address.
_PLACES = re.compile(
    r"(?<![\w.\-/@~])/(?:home|Users|root|tmp|mnt|media|work|workspace|srv|data|opt|var|scratch)/[\w.-]+"
    r"|(?<![A-Za-z])[A-Za-z]:\\\w|file://"
)
#: Accounts below this number belong to the system, not to a person.
_FIRST_PERSON = 1000
_SHORTEST = 4
#: Bytes in a row that make a text in a file of numbers; among millions of them fewer are chance.
_TEXT, _TEXT_AMONG_NUMBERS = 8, 24


def withhold(text: str, names: Iterable[str] = ()) -> tuple[str, int]:
    """Take names of images and numbers of patients out of a text.

    Args:
        text: of a document.
        names: further ones to take out, see :func:`index_names`.

    Returns:
        The text with ``(withheld)`` in their places, and how many there were.
    """
    pattern = re.compile(f"{_IN_DOCS.pattern}|{_words(names)}") if names else _IN_DOCS
    return pattern.subn(WITHHELD, text)


def withhold_in_remarks(source: str) -> tuple[str, int]:
    """Take names of images out of comments and docstrings of Python source, which changes nothing that it does.

    Args:
        source: text of a module.

    Returns:
        As :func:`withhold`.
    """
    if not IMAGE_NAMES.search(source):
        return source, 0
    lines, count = source.splitlines(keepends=True), 0
    for token in list(tokenize.generate_tokens(io.StringIO(source).readline)):
        if token.type == tokenize.COMMENT:
            row, column = token.start[0] - 1, token.start[1]
            comment, found = IMAGE_NAMES.subn(WITHHELD, lines[row][column:])
            lines[row], count = lines[row][:column] + comment, count + found
    for node in ast.walk(ast.parse(source)):
        if is_remark(node):
            for row in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[row], found = IMAGE_NAMES.subn(WITHHELD, lines[row])
                count += found
    return "".join(lines), count


def is_remark(node: ast.AST) -> TypeGuard[ast.Expr]:
    """Whether a statement is nothing but a text: a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def index_names(index: Path) -> set[str]:
    """Names that identify the patients of a data folder: file names without their endings, and patient numbers.

    Names of fewer than four characters are left out, and numbers without a leading zero: they could be anything.

    Args:
        index: the folder, or its ``index.csv``.

    Raises:
        ValueError: no readable index.
    """
    table = read_index(index.parent if index.is_file() else index)
    stems = {PurePath(str(path)).name.split(".")[0] for path in table["image"]}
    patients = set(table["patient_id"].dropna().astype(str)) if "patient_id" in table else set()
    return {
        name
        for name in stems | patients
        if len(name) >= _SHORTEST and not (name.isdigit() and not name.startswith("0"))
    }


def machine_words(ignore: Iterable[str] = ()) -> list[str]:
    """Names of this machine, its user and their folders, of four characters or more.

    Args:
        ignore: words that are meant.
    """
    words = {socket.gethostname(), socket.gethostname().split(".")[0]}
    if os.getuid() >= _FIRST_PERSON:
        account = pwd.getpwuid(os.getuid())
        words |= {account.pw_name, account.pw_gecos.split(",")[0]}
    return sorted(word for word in words if len(word) >= _SHORTEST and word not in {"localhost", *ignore})


def scan(folder: Path, names: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[str]:
    """Look for what identifies a patient or a machine in every file of a folder.

    Args:
        folder: content of a shared bundle.
        names: names of patients and images beside those of the public sets, see :func:`index_names`.
        ignore: words that are meant although they are this machine's.

    Returns:
        One line a finding: file, line and what was found.
    """
    words = machine_words(ignore)
    patterns = [("a patient's or an image's name", IMAGE_NAMES), ("a place of one machine", _PLACES)]
    if words:
        patterns.append(("a name of this machine or its user", re.compile(_words(words))))
    own = sorted({str(Path.home()), str(Path.cwd()), str(Path(__file__).resolve().parents[2])} - {"/"})
    patterns.append(
        ("a folder of this machine", re.compile("|".join(rf"(?<!\w){re.escape(path)}(?!\w)" for path in own)))
    )
    if names:
        patterns.append(("a patient's or an image's name", re.compile(_words(names))))
    found = set()
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        place = path.relative_to(folder).as_posix()
        for what, pattern in patterns:
            found |= {(place, 0, what, match.group()) for match in pattern.finditer(place)}
            for text in _texts(path):
                for match in pattern.finditer(text):
                    found.add((place, text.count("\n", 0, match.start()) + 1, what, match.group()))
    return [f"{place}{f':{line}' if line else ''}: {what}: {text}" for place, line, what, text in sorted(found)]


def _words(names: Iterable[str]) -> str:
    return r"(?<![\w-])(?:" + "|".join(re.escape(name) for name in sorted(names)) + r")(?![\w-])"


def _texts(path: Path) -> Iterator[str]:
    """The text of a file; of a file of tensors what is not numbers; of another file its readable parts."""
    if path.suffix == ".pt" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name
                if "/data/" not in name:
                    yield _readable(archive.read(name))
    else:
        yield _readable(path.read_bytes(), _TEXT_AMONG_NUMBERS if path.suffix == ".bin" else _TEXT)


def _readable(content: bytes, shortest: int = _TEXT) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return "\n".join(part.decode() for part in re.findall(rb"[\x20-\x7e]{%d,}" % shortest, content))
