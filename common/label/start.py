"""The server's start, refused in one line where it would come up without what was asked for."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .environment import Environment
from .errors import LabelError

#: Radiographs that the server lists in a folder of studies; its own list lacks the last four.
STUDY_FILES = ("*.nii.gz", "*.nii", "*.png", "*.jpg", "*.tif", "*.dcm", "*.jpeg", "*.tiff")
#: The server's own list in that folder.
_DATASTORE = "datastore_v2.json"
_LIST = "MONAI_LABEL_DATASTORE_FILE_EXT"
#: Entry of a bundle's metadata -> package of the environment.
_RUNTIME = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}


def check_bundles(app: Path, environment: Environment) -> list[str]:
    """Names of the bundles in an app folder, all of which the server will be able to serve.

    The server itself leaves out a bundle without weights with a warning in its log, and says nothing of versions.

    Raises:
        LabelError: no app folder, no bundle, one without weights, or one made for later packages than there are.
    """
    if not (app / "main.py").is_file():
        raise LabelError(f"{app}: no app folder of MONAI Label; `python -m common.label prepare` makes it")
    model = app / "model"
    # Hidden folders are left from an import that was broken off.
    names = sorted(path.name for path in model.glob("[!.]*") if (path / "configs").is_dir()) if model.is_dir() else []
    if not names:
        raise LabelError(f"{model}: no bundles; `python -m common.label prepare` puts them there")
    for name in names:
        _check_bundle(model / name, environment.versions)
    return names


def check_studies(studies: str) -> str:
    """The studies as the server takes them: an existing folder that can be written to, or a DICOMweb address.

    Raises:
        LabelError: neither. The server itself would make a folder of that name and serve nothing.
    """
    if urlsplit(studies).scheme in ("http", "https"):
        return studies
    folder = Path(studies).absolute()
    if not studies or not folder.is_dir():
        raise LabelError(f"{studies or 'STUDIES'}: no such folder; a folder of radiographs or a DICOMweb URL is needed")
    if not os.access(folder, os.W_OK):
        raise LabelError(f"{folder}: no permission to write; MONAI Label keeps labels and its list of images there")
    return str(folder)


def unlisted(studies: str) -> list[str]:
    """Lines about what the server will leave out of a folder of studies without a word; none about an archive.

    It lists files that lie directly in the folder, by the ending of their names, and one of each name before it.
    """
    folder = Path(studies)
    if not folder.is_dir():
        return []
    endings = [pattern.removeprefix("*") for pattern in STUDY_FILES]
    listed: dict[str, str] = {}
    twice, others = [], []
    for name in sorted(path.name for path in folder.glob("[!.]*") if path.is_file() and path.name != _DATASTORE):
        ending = next((ending for ending in endings if name.endswith(ending)), None)
        if ending is None:
            others.append(name)
        elif listed.setdefault(name.removesuffix(ending), name) != name:
            twice.append(name)
    lines = []
    if not listed:
        lines.append(f"{folder}: no radiographs lie directly in it; those in folders below it are not listed")
    if others:
        lines.append(f"{folder}: {len(others)} files are not listed ({others[0]}); names end in {' '.join(endings)}")
    if twice:
        lines.append(f"{folder}: {len(twice)} files share a name with another ({twice[0]}); one of each is listed")
    return lines


def check_port(host: str, port: int) -> None:
    """Refuse a port on which something answers or that cannot be had.

    Raises:
        LabelError: see above.
    """
    if not 1 <= port <= 65535:
        raise LabelError(f"port {port}: 1 to 65535 is accepted")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # As the server does: what an ended one left behind is no obstacle, one that listens is.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise LabelError(f"port {port} on {host} cannot be had ({reason}); choose another by --port") from error


def command(
    environment: Environment, app: Path, studies: str, host: str, port: int, bundles: Sequence[str]
) -> list[str]:
    """The command line of MONAI Label's own server, on which nothing is downloaded."""
    options = {"models": ",".join(bundles), "zoo_source": "local", "sam2": "false"}
    words = [str(environment.python), "-m", "monailabel.main", "start_server"]
    words += ["--app", str(app.absolute()), "--studies", studies, "--host", host, "--port", str(port)]
    return words + [word for name, value in options.items() for word in ("--conf", name, value)]


def server_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables of the server's process: those given, and the files it lists where that is not set."""
    return {_LIST: json.dumps(STUDY_FILES), **environ}


def _check_bundle(bundle: Path, versions: Mapping[str, str]) -> None:
    weights = bundle / "models" / "model.pt"
    if not weights.is_file():
        raise LabelError(f"{weights}: no weights; `python -m common.label prepare --replace` exports the bundle anew")
    place = bundle / "configs" / "metadata.json"
    try:
        metadata = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabelError(f"{place}: cannot be read ({str(error)[:100]})") from error
    for entry, package in _RUNTIME.items():
        needed, found = str(metadata.get(entry, "0")), versions.get(package, "0")
        if _numbers(needed) > _numbers(found):
            raise LabelError(
                f"{bundle}: made for {package} {needed}, the environment has {found}; install the later one"
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
