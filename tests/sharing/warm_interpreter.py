"""Fresh interpreters without the seconds that imports take: each run is the child of one that holds other packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: It has imported what bundles use, nothing of this project, and forks for every request.
_SERVER = """
import json, os, sys, traceback
import monai.bundle, monai.engines, monai.handlers, ignite.handlers, pandas, PIL.Image, pydicom, skimage.measure, torch
import matplotlib.pyplot, scipy.ndimage, skimage.morphology, nibabel, SimpleITK
assert not any(name == "common" or name.startswith(("common.", "scripts")) for name in sys.modules)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    os.chdir(job["cwd"])
    for number, path in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["-c", *job["arguments"]]
    status = 0
    try:
        exec(compile(job["code"], "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException as error:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
"""


class WarmInterpreter:
    """Takes the place of the module ``subprocess`` in :mod:`common.sharing.isolated`."""

    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(
        self, command: Sequence[str], *, cwd: str, env: Mapping[str, str], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """``subprocess.run`` of ``python -I -B -c CODE ARGUMENT …``."""
        assert list(command[:4]) == [sys.executable, "-I", "-B", "-c"]
        assert options["capture_output"]
        assert options["text"]
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _SERVER],
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            job = {"code": command[4], "arguments": command[5:], "cwd": cwd, "out": str(out), "err": str(err)}
            self._server.stdin.write(json.dumps(job) + os.linesep)
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            return subprocess.CompletedProcess(list(command), status, out.read_text(), err.read_text())

    def close(self) -> None:
        """End the interpreter."""
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            self._server.wait()
