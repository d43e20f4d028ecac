"""Command line of sharing: ``python -m common.sharing VERB …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..verbs import Verbs
from .export import export_bundle
from .hub import prepare_hub
from .importing import import_archive
from .inspect_archive import inspect_bundle, opened
from .names import FORMS, STANDALONE
from .report import describe
from .signature import make_keys
from .verify import verify_archive

_EPILOG = "Exit status: 0 done, 3 inspect marks something, 1 refused or not possible, 2 wrong arguments."


def build_verbs() -> Verbs:
    """All verbs and their arguments."""
    verbs = Verbs(
        "common.sharing", "Pass bundles on to sites that do not have this package, and receive such bundles.", _EPILOG
    )
    export = verbs.add("export", run_export, "write a bundle as an archive that runs without this package")
    export.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle, such as bundles/lung_seg")
    export.add_argument("archive", type=Path, metavar="OUT.zip", help="archive to write")
    export.add_argument(
        "--form",
        choices=FORMS,
        default=STANDALONE,
        help="standalone: with the code in it (default); weights: without it, the package as a wheel beside it",
    )
    export.add_argument(
        "--overlay",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="configurations to merge into its inference, such as BUNDLE/configs/localize.yaml; give it another --name",
    )
    export.add_argument("--sign", type=Path, metavar="KEY", help="private key to sign with; see keygen")
    _add_privacy(export)

    verify = verbs.add("verify", run_verify, "check an archive, and repeat its reference prediction")
    verify.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="received archive, or the folder it was unpacked to"
    )
    _add_checks(verify)

    inspect = verbs.add("inspect", run_inspect, "list what an archive would execute; nothing of it is executed")
    inspect.add_argument("archive", type=Path, metavar="ARCHIVE", help="archive, or folder of a bundle")
    inspect.add_argument("--trusted", type=Path, metavar="KEY.pub", help="public key to check the signature with")
    inspect.add_argument("--marked", action="store_true", help="list what is unusual alone")

    receive = verbs.add(
        "import", run_import, "verify an archive and put its bundle into a folder, complete or not at all"
    )
    receive.add_argument("archive", type=Path, metavar="ARCHIVE", help="received archive")
    receive.add_argument("target", type=Path, metavar="TARGET", help="folder of bundles")
    receive.add_argument("--replace", action="store_true", help="replace a bundle of the same name")
    _add_checks(receive)

    keygen = verbs.add(
        "keygen", run_keygen, "make a key pair to sign with: KEY (keep it secret) and KEY.pub (hand it out)"
    )
    keygen.add_argument("key", type=Path, metavar="KEY", help="file of the private key")

    hub = verbs.add("huggingface", run_hub, "write a bundle as a Hugging Face repository holds it; nothing is uploaded")
    hub.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle, such as bundles/lung_seg")
    hub.add_argument("target", type=Path, metavar="OUT_DIR", help="folder to write to")
    _add_privacy(hub)
    return verbs


def _add_privacy(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--name", help="folder name to share it under (default: the known one of the bundle)")
    verb.add_argument(
        "--index",
        type=Path,
        nargs="+",
        default=[],
        metavar="DATA",
        help="data folders whose patients and images must not be named: those that the weights were trained on",
    )
    verb.add_argument(
        "--ignore", nargs="+", default=[], metavar="WORD", help="names of this machine or its user that are no secret"
    )


def _add_checks(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--trusted", type=Path, metavar="KEY.pub", help="refuse what the owner of this key did not sign")
    verb.add_argument(
        "--no-run", action="store_true", help="execute nothing of the bundle: leave out its reference prediction"
    )
    verb.add_argument(
        "--accept-unusual",
        action="store_true",
        help="run it although inspect marks something and nobody trusted signed",
    )


def run_export(options: argparse.Namespace) -> int:
    """Write an archive and say what is in it."""
    done = export_bundle(
        options.bundle,
        options.archive,
        form=options.form,
        name=options.name,
        key=options.sign,
        indexes=options.index,
        ignore=options.ignore,
        overlays=options.overlay,
        tell=_progress,
    )
    for place, count in sorted(done.withheld.items()):
        print(f"{place}: {count} names of images or patients withheld")
    if done.vendored:
        print(f"scripts/common: {len(done.vendored)} files of the package, listed in {done.name}/MANIFEST.sha256")
    if done.wheel:
        print(f"{done.wheel}: the package; deliver it beside the archive")
    signed = "signed" if done.signed else "not signed"
    print(f"{done.archive}: {done.name}, {done.files} files, {done.size:,} bytes, {signed}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check an archive."""
    done = verify_archive(options.archive, tell=print, **_checks(options))
    print(f"{options.archive}: {done.name} {done.version} is accepted")
    return 0


def run_inspect(options: argparse.Namespace) -> int:
    """List what is in an archive."""
    with opened(options.archive) as folder:
        # A folder has been imported, and its wheel lies elsewhere.
        beside = options.archive.resolve().parent if options.archive.is_file() else None
        found = inspect_bundle(folder, options.trusted, beside)
    for line in describe(found, marked_only=options.marked):
        print(line)
    return 3 if found.marked else 0


def run_import(options: argparse.Namespace) -> int:
    """Put a bundle in its place."""
    place, done = import_archive(
        options.archive, options.target, replace=options.replace, tell=print, **_checks(options)
    )
    print(f"{place}: {done.name} {done.version}")
    return 0


def run_keygen(options: argparse.Namespace) -> int:
    """Make a key pair."""
    public = make_keys(options.key)
    print(f"{options.key}: private key, for `export --sign`; keep it to yourself")
    print(f"{public}: public key, for `verify --trusted`; hand it over by another way than the archives")
    return 0


def run_hub(options: argparse.Namespace) -> int:
    """Write a Hugging Face repository."""
    place = prepare_hub(
        options.bundle,
        options.target,
        name=options.name,
        indexes=options.index,
        ignore=options.ignore,
        tell=_progress,
    )
    print(f"{place}: ready. To upload it: hf upload USER/{place.name} {place}")
    return 0


def _checks(options: argparse.Namespace) -> dict[str, object]:
    return {"trusted": options.trusted, "run": not options.no_run, "accept_unusual": options.accept_unusual}


def _progress(line: str) -> None:
    print(f"{line} …", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; see :meth:`common.verbs.Verbs.main`."""
    return build_verbs().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
