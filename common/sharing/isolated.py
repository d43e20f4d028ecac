"""A bundle run as another site runs it: in a fresh interpreter that cannot import this package."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import SharingError
from .names import PACKAGE

#: Seconds that a run may take.
TIMEOUT = 900
#: The interpreter's own search path and nothing else; the package is unknown even where it is installed, or comes from
#: the wheel that is named.
_START = """
import runpy, sys
package, wheel = sys.argv[1:3]
class Unknown:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
if wheel:
    sys.path.insert(0, wheel)
else:
    sys.meta_path.insert(0, Unknown())
sys.argv = ["monai.bundle", *sys.argv[3:]]
runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
"""


def run_isolated(*arguments: object, wheel: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``python -m monai.bundle ARGUMENTS`` without this package, from an empty folder, on one thread of the CPU.

    Args:
        arguments: words of the command line.
        wheel: take the package from this wheel instead.

    Returns:
        The ended process with its output.

    Raises:
        SharingError: it took more than :data:`TIMEOUT` seconds.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CXR_"))}
    # Results must not depend on the number of threads, nor on a GPU.
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    # -I: no search path from the environment or the current folder; -B: no byte code into the bundle.
    start = [sys.executable, "-I", "-B", "-c", _START, PACKAGE, str(wheel.resolve()) if wheel else ""]
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            return subprocess.run(
                [*start, *map(str, arguments)],
                cwd=elsewhere,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SharingError(f"the bundle's run did not end within {TIMEOUT} s") from None


def infer_isolated(bundle: Path, dataset_dir: Path, output_dir: Path, *, wheel: Path | None = None) -> None:
    """Inference of a bundle by the four options that every system gives.

    Args:
        bundle: its folder.
        dataset_dir: folder of radiographs.
        output_dir: folder for what it writes.
        wheel: see :func:`run_isolated`.

    Raises:
        SharingError: it ended with another status than 0; the message holds the last line of what it said.
    """
    done = run_isolated(
        "run",
        *("--config_file", bundle / "configs" / "inference.yaml", "--bundle_root", bundle),
        *("--dataset_dir", dataset_dir, "--output_dir", output_dir),
        wheel=wheel,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        errors = [line for line in said if line.startswith("error:")] or said
        raise SharingError(f"{bundle.name}: inference without the package {PACKAGE} fails: {errors[-1][:300]}")
