"""What lies outside of the machine: a proxy that clients are told to use, and that lets nothing through."""

import contextlib
import socket
import threading
from typing import Self

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Outside:
    """A proxy that notes what is asked of it and refuses it, as long as the context is open."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The request lines that came: nothing, from clients that keep to the gateway."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="outside")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send everything here but what is for this machine."""
        url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        variables = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1,localhost"}
        return variables | {name.lower(): value for name, value in variables.items()}

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                self.asked.append(connection.recv(65_536).partition(b"\r\n")[0].decode("latin-1"))
                connection.sendall(_REFUSAL)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
