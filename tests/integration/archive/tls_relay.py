"""TLS in front of an archive, as a reverse proxy has it.

Debian's Orthanc 1.10.1 ends with a segmentation fault at its first request over TLS.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

from tls_files import server_context


class TlsRelay:
    """Hands on what it decrypts, byte by byte.

    Args:
        target: ``http://MACHINE:PORT`` of the archive.
        certificate: PEM file with certificate and key.
        clients: PEM file of the authority whose clients may enter; anybody without.

    Attributes:
        url: https address.
    """

    def __init__(self, target: str, certificate: Path, clients: Path | None = None) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._context = server_context(certificate, clients)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> TlsRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wakes the thread that waits for connections, which closing alone does not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            plain,
            self._context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(self._target) as archive,
        ):
            back = threading.Thread(target=_pump, args=(archive, client), daemon=True)
            back.start()
            _pump(client, archive)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
