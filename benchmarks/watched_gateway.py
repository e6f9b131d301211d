"""`dragoman`, and a thread in it that tells what it has done: calls of its main thread, where the event loop
runs, and CPU time of all its threads.

    python -m benchmarks.watched_gateway PORT count|plain serve ...

Whoever connects to PORT gets a line of JSON. With `count`, calls are counted, which makes everything slow;
with `plain`, they are not, and CPU time means something.
"""

import json
import socket
import sys
import threading
import time
from types import FrameType

from dragoman.cli.main import main as dragoman


class Calls:
    """How often functions of Python, and others, were called."""

    def __init__(self) -> None:
        self.python = 0
        self.native = 0

    def note(self, frame: FrameType, event: str, argument: object) -> None:
        """See `sys.setprofile`."""
        del frame, argument
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.native += 1


def tell(listener: socket.socket, calls: Calls) -> None:
    """Tell whoever asks."""
    while True:
        connection, _ = listener.accept()
        with connection:
            said = {"python": calls.python, "native": calls.native, "cpu": time.process_time()}
            connection.sendall(json.dumps(said).encode() + b"\n")


def main() -> None:
    """Be the gateway."""
    port, mode = int(sys.argv[1]), sys.argv[2]
    calls = Calls()
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=tell, args=(listener, calls), daemon=True).start()
    sys.argv = ["dragoman", *sys.argv[3:]]
    if mode == "count":
        sys.setprofile(calls.note)
    dragoman()


if __name__ == "__main__":
    main()
