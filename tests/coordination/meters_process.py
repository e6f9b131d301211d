"""A process that counts along with others, as it is told through a socket: messages after their lengths.

Run as `meters_process.py DESCRIPTOR`; it ends when the other end of the socket does.
"""

import asyncio
import pickle
import socket
import sys
from pathlib import Path
from typing import Any

from dragoman.coordination.shared_meters import SharedMeters
from dragoman.coordination.shared_table import BUCKETS, SLOTS, SharedTable


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as end, end.makefile("rb") as messages:
        path = Path()
        meters: SharedMeters | None = None
        while length := messages.read(4):
            what, argument = pickle.loads(messages.read(int.from_bytes(length)))  # noqa: S301 - the test wrote it
            answer: Any = None
            if what == "attach":
                meters = SharedMeters.attach(Path(argument))
                path = Path(argument)
            elif what == "hold":
                table = SharedTable(path)
                for byte in (BUCKETS, SLOTS):
                    table.lock(byte, 1)
            elif meters is not None:
                call = getattr(meters, what)
                answer = asyncio.run(call() if argument is None else call(argument))
            written = pickle.dumps(answer)
            end.sendall(len(written).to_bytes(4) + written)


main()
