"""torchrun with the exit status of the processes that it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from common.engines import torchrun


@pytest.mark.parametrize(
    ("script", "status", "line"),
    [
        ("true", 0, ""),
        ('test "$RANK" = 0 && exit 3; sleep 0.1', 3, ""),
        (
            'test "$RANK" = 1 && kill -KILL $$$$; exec sleep 60',
            1,
            "error: process 1 was ended by SIGKILL; resume_inference",
        ),
    ],
)
def test_it_ends_as_its_processes_end(script: str, status: int, line: str) -> None:
    done = subprocess.run(
        [sys.executable, torchrun.__file__, "--standalone", "--nproc_per_node", "2", "--no-python", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert line in done.stderr
    assert "Traceback" not in done.stderr
