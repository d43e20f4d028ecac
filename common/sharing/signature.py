"""Ed25519 signatures of a shared bundle's list of files (RFC 8032), with keys as OpenSSL reads them."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import SharingError
from .names import MANIFEST, SIGNATURE


def make_keys(path: Path) -> Path:
    """Write a new key pair: the private key to ``path``, readable by its owner alone, the public one beside it.

    Args:
        path: file of the private key (PEM, PKCS #8).

    Returns:
        File of the public key: the same name with ``.pub`` added.

    Raises:
        SharingError: one of the files exists, or cannot be written.
    """
    public = path.with_name(path.name + ".pub")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if public.exists():
        raise SharingError(f"{public}: exists already; choose another name")
    for file, content, mode in ((path, secret, 0o600), (public, shown, 0o644)):
        try:
            # No moment passes in which others could read it.
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
        except FileExistsError:
            raise SharingError(f"{file}: exists already; choose another name") from None
        except OSError as error:
            raise SharingError(f"{file}: cannot be written ({error.strerror or error})") from error
    return public


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        SharingError: not a private Ed25519 key, or one that other users of the machine may read.
    """
    content = _read(path)
    if path.stat().st_mode & 0o077:
        raise SharingError(f"{path}: others may read this private key; chmod 600 it")
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SharingError(f"{path}: no private key as keygen writes it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SharingError(f"{path}: not an Ed25519 key")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        SharingError: not a public Ed25519 key.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SharingError(f"{path}: no public key as keygen writes it") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SharingError(f"{path}: not an Ed25519 key")
    return key


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Sign the list of files of a bundle's folder."""
    signature = base64.b64encode(key.sign((folder / MANIFEST).read_bytes()))
    (folder / SIGNATURE).write_bytes(signature + b"\n")


def check_signature(folder: Path, trusted: Path) -> None:
    """Refuse a bundle that the owner of a key has not signed.

    Args:
        folder: of the bundle; its files are checked against the list apart from this.
        trusted: public key.

    Raises:
        SharingError: no signature, or one that was made with another key or for another list.
    """
    key = read_public(trusted)
    path = folder / SIGNATURE
    if not path.is_file():
        raise SharingError(f"{folder.name}: not signed; a signature by the key {trusted} is required")
    try:
        key.verify(base64.b64decode(path.read_bytes().strip(), validate=True), (folder / MANIFEST).read_bytes())
    except (InvalidSignature, binascii.Error, ValueError):
        raise SharingError(f"{folder.name}/{SIGNATURE}: not signed by the key {trusted}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SharingError(f"{path}: cannot be read ({error.strerror or error})") from error
