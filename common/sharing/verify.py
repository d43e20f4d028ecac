"""Whether a received bundle is whole, what it says it is, and gives the results that it gave to its sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from .errors import SharingError
from .inspect_archive import inspect_bundle, opened
from .manifest import check_manifest
from .names import DISTRIBUTION, SIGNATURE
from .reference import repeat_reference
from .rules import check_rules
from .signature import check_signature
from .weights import check_weights
from .wheel import delivered_wheel

#: Newest form of the block ``provenance`` in the metadata that this version can read.
FORMAT = 1


@dataclass(frozen=True)
class Verified:
    """A bundle that passed.

    Attributes:
        name: its folder.
        version: of the bundle.
        checks: what was found right, one line each.
    """

    name: str
    version: str
    checks: list[str]


def verify_archive(archive: Path, **options: Any) -> Verified:
    """Unpack an archive for the moment and verify it; the options are those of :func:`verify_folder`.

    Raises:
        SharingError: it is refused.
    """
    with opened(archive) as folder:
        return verify_folder(folder, beside=archive.resolve().parent, **options)


def verify_folder(
    folder: Path,
    *,
    beside: Path,
    trusted: Path | None = None,
    run: bool = True,
    accept_unusual: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Verified:
    """Verify the folder of an unpacked archive.

    Nothing of the bundle is executed before all else has been checked. The last step does execute its code, with the
    rights of the user: it is left out when ``run`` is false, and refused when :mod:`common.sharing.listing` finds
    something unusual, unless a trusted key has signed the bundle or ``accept_unusual`` says so.

    Args:
        folder: of the bundle, as unpacked.
        beside: folder of the archive, where the wheel of a bundle without code lies.
        trusted: public key by which the bundle has to be signed.
        run: repeat the reference prediction.
        accept_unusual: repeat it although something is unusual.
        tell: is called with every line of the result.

    Raises:
        SharingError: the first thing that is wrong.
    """
    checks: list[str] = []

    def passed(line: str) -> None:
        checks.append(line)
        tell(f"ok  {line}")

    if trusted:
        # First of all: what follows reads files that only a trusted sender could have written.
        check_signature(folder, trusted)
        passed(f"signed by the key {trusted}")
    elif (folder / SIGNATURE).is_file():
        tell("--  signed, not checked: give --trusted KEY.pub")
    else:
        tell("--  not signed")
    passed(f"{check_manifest(folder)} files as listed")
    metadata = check_rules(folder)
    _refuse_newer_form(metadata)
    passed(f"metadata: version {metadata['version']}")
    for path in sorted(folder.rglob("*.pt")):
        passed(f"{path.relative_to(folder)}: {len(check_weights(path))} plain tensors")
    wheel = delivered_wheel(metadata, beside)
    if wheel:
        passed(f"{wheel.name} as listed")
    others = dict(_other_versions(metadata))
    for line in others:
        tell(f"--  {line}")
    inspection = inspect_bundle(folder, beside=beside)
    for entry in inspection.marked:
        tell(f"--  {entry.place}: {entry.text}: {entry.mark}")
    if not inspection.marked:
        passed("nothing unusual in configurations and code")
    if not run:
        tell("--  reference prediction: not repeated")
    elif inspection.marked and not (trusted or accept_unusual):
        count = len(inspection.marked)
        raise SharingError(
            f"{folder.name}: not run, because {count} things in it are unusual (python -m common.sharing inspect lists "
            "them); --trusted KEY.pub runs what its owner signed, --accept-unusual runs it all the same"
        )
    else:
        passed(f"reference prediction without this package: {_repeat(folder, wheel, others)}")
    return Verified(folder.name, str(metadata["version"]), checks)


def _refuse_newer_form(metadata: dict[str, Any]) -> None:
    stated = metadata.get("provenance")
    form = stated.get("format") if isinstance(stated, dict) else None
    if isinstance(form, int) and form > FORMAT:
        raise SharingError(
            f"configs/metadata.json: of a newer {DISTRIBUTION} than the one here (form {form} of the provenance, known "
            f"up to {FORMAT}); install a newer one"
        )


def _repeat(folder: Path, wheel: Path | None, others: dict[str, bool]) -> str:
    try:
        return repeat_reference(folder, wheel)
    except SharingError as error:
        older = [line for line, is_older in others.items() if is_older]
        if not older:
            raise
        # Other versions are no reason to refuse a bundle, but the likeliest one when it does not run.
        raise SharingError(f"{error} ({'; '.join(older)})") from error


def _other_versions(metadata: dict[str, Any]) -> Iterable[tuple[str, bool]]:
    """Packages that are here in another version: a line, and whether the one here is older or missing."""
    stated = {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
    }
    for name, wanted in {**stated, **metadata["required_packages_version"]}.items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            yield f"{name}: made with {wanted}, here not installed", True
            continue
        if found != wanted:
            older = _is_older(found, wanted)
            yield f"{name}: made with {wanted}, here {'the older ' if older else ''}{found}", older


def _is_older(found: str, wanted: str) -> bool:
    try:
        return Version(found) < Version(wanted)
    except InvalidVersion:
        return False
