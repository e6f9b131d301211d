"""What lies outside of the machine: a proxy that clients are told to use, and that lets nothing through."""

import socketserver
import threading
from typing import Self


class _Refusal(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = self.rfile.readline(65_536).decode("latin-1").strip()
        assert isinstance(self.server, _Server)
        self.server.asked.append(asked)
        self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.asked: list[str] = []


class Outside:
    """A proxy that notes what is asked of it and refuses it, as long as the context is open."""

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever, name="outside")

    @property
    def asked(self) -> list[str]:
        """The request lines that came: nothing, from clients that keep to the gateway."""
        return self._server.asked

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send everything here but what is for this machine."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        upper = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1,localhost"}
        return upper | {name.lower(): value for name, value in upper.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
