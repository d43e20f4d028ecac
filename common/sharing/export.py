"""A bundle as one file that another site can run, check and trace back."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..io.atomic import atomic_write
from .archive import write_archive
from .errors import SharingError
from .manifest import write_manifest
from .names import STANDALONE, shared_name
from .privacy import index_names, scan
from .reference import make_reference
from .rules import check_rules
from .signature import read_private, sign
from .stage import Stage, stage_bundle
from .weights import check_weights


@dataclass(frozen=True)
class Exported:
    """An archive that was written.

    Attributes:
        archive: the file.
        name: folder in it.
        files: their number.
        size: bytes.
        wheel: the package beside the archive, for the form without code.
        vendored: files of the package that lie in it.
        withheld: document or module -> names of patients and images taken out.
        signed: whether it carries a signature.
    """

    archive: Path
    name: str
    files: int
    size: int
    wheel: Path | None
    vendored: list[str]
    withheld: dict[str, int]
    signed: bool


def prepare(
    bundle: Path,
    folder: Path,
    *,
    form: str = STANDALONE,
    indexes: Iterable[Path] = (),
    ignore: Iterable[str] = (),
    overlays: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Stage:
    """Put a shared bundle together in a folder, let it run, and look through it.

    Args:
        bundle: folder of the source bundle.
        folder: new folder, under the name that it is shared by.
        form: see :func:`export_bundle`.
        indexes: see :func:`export_bundle`.
        ignore: see :func:`export_bundle`.
        overlays: see :func:`export_bundle`.
        tell: is called with a line about every step.

    Raises:
        SharingError: see :func:`export_bundle`.
    """
    names = {name for index in indexes for name in index_names(index)}
    stage = stage_bundle(bundle, folder, form, names, overlays)
    check_rules(folder)
    for path in sorted((folder / "models").rglob("*.pt")):
        check_weights(path)
    tell("reference prediction: running the new bundle in an interpreter without this package")
    make_reference(folder, stage.wheel)
    tell("looking for names of patients and of this machine")
    found = scan(folder, names, ignore)
    if found:
        more = f" and {len(found) - 1} more places" if len(found) > 1 else ""
        raise SharingError(f"{bundle}: not shared, because it would tell {found[0]}{more}")
    write_manifest(folder)
    return stage


def export_bundle(
    bundle: Path,
    target: Path,
    *,
    form: str = STANDALONE,
    name: str | None = None,
    key: Path | None = None,
    indexes: Iterable[Path] = (),
    ignore: Iterable[str] = (),
    overlays: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write a bundle as an archive in the form of MONAI's model zoo; the same input makes the same bytes.

    Args:
        bundle: folder of the source bundle.
        target: archive to write; for the form without code the wheel is written beside it.
        form: "standalone" copies what the bundle needs of this package into ``scripts/common``; "weights" leaves all
            code in a wheel.
        name: folder in the archive; by default the known one of the bundle.
        key: private key to sign with.
        indexes: data folders, or their ``index.csv``, whose patients and images must not be named.
        ignore: words that are meant although they are this machine's or its user's.
        overlays: configurations of the bundle to merge into its inference, for programs that read one file alone.
        tell: is called with a line about every step.

    Returns:
        What was written.

    Raises:
        SharingError: the bundle is incomplete, breaks a rule of the zoo, does not run without this package, names a
            patient or this machine, or cannot be written. Nothing is written then.
    """
    bundle = bundle.resolve()
    if target.suffix != ".zip":
        raise SharingError(f"{target}: the name of an archive ending in .zip is needed")
    if not target.parent.is_dir():
        raise SharingError(f"{target.parent}: no such folder")
    private = read_private(key) if key else None
    tell(f"copying {bundle.name}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / shared_name(bundle.name, name)
        try:
            stage = prepare(bundle, folder, form=form, indexes=indexes, ignore=ignore, overlays=overlays, tell=tell)
            if private:
                sign(folder, private)
            files: dict[str, bytes | Path] = {
                path.relative_to(folder.parent).as_posix(): path for path in folder.rglob("*") if path.is_file()
            }
            wheel = target.parent / stage.wheel.name if stage.wheel else None
            with atomic_write(wheel) if wheel else contextlib.nullcontext() as stream:
                if stream and stage.wheel:
                    stream.write(stage.wheel.read_bytes())
                # Within, so that the wheel takes its place only when the archive has.
                write_archive(target, files)
        except OSError as error:
            raise SharingError(f"{error.filename or temporary}: {error.strerror or error}") from error
    return Exported(
        archive=target,
        name=folder.name,
        files=len(files),
        size=target.stat().st_size,
        wheel=wheel,
        vendored=stage.vendored,
        withheld=stage.withheld,
        signed=private is not None,
    )
