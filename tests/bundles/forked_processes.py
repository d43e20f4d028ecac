"""Runs of a bundle in several processes without the seconds of imports: children of one that has imported all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: It forks one child a rank for every request, under the variables that torchrun sets.
_SERVER = """
import json, os, sys, traceback
import ignite.handlers, matplotlib.pyplot, monai.bundle, monai.engines, runpy, torch
import common.data, common.engines, common.handlers, common.io, common.localization, common.quality, common.transforms
torch.set_num_threads(1)
def work(job, rank):
    os.environ.update(job["variables"] | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
    for number in (1, 2):
        os.dup2(os.open(job["log"] + str(rank), os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["-m", *job["arguments"]]
    try:
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0
for line in sys.stdin:
    job, children = json.loads(line), []
    for rank in range(job["count"]):
        child = os.fork()
        if not child:
            status = work(job, rank)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        children.append(child)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)
"""


class ForkedProcesses:
    """A process that waits for runs; to be closed."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(self, count: int, files: list[str], **options: Any) -> tuple[list[int], list[str]]:
        """``python -m monai.bundle run`` in ``count`` processes; exit status and output of each, by rank."""
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-c", _SERVER],
                env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            given = {"config_file": files, "logging_file": False, **options}
            job = {
                "count": count,
                "arguments": ["run", *(text for name, value in given.items() for text in (f"--{name}", str(value)))],
                "variables": {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
                "log": f"{folder}/log",
            }
            self._server.stdin.write(json.dumps(job) + "\n")
            self._server.stdin.flush()
            answer = self._server.stdout.readline()
            return json.loads(answer), [Path(f"{folder}/log{rank}").read_text() for rank in range(count)]

    def close(self) -> None:
        """End the process."""
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            self._server.wait()
