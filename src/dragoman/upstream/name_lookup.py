"""Looking up the addresses of hosts."""

import asyncio
import functools
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

_FLAGS = 0 if sys.platform == "win32" else socket.AI_ADDRCONFIG
"""Only addresses of families that the machine has; Windows does not find `localhost` then."""
_RECENT = 5.0
"""Seconds for which a name leads where it last led."""


Lookup = Callable[[str, int], Awaitable[list[tuple[str, int]]]]
"""Addresses and ports for a host's name and a port. Raises `OSError` where there are none."""


class NameLookup:
    """The system's resolver, on threads of its own: names that nobody answers for must not keep other
    names waiting, nor what else runs on the event loop's threads (uvloop has two for all its lookups).

    `threads` is how many names may be looked up at once, `purpose` what the threads are called.
    """

    def __init__(self, threads: int, purpose: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"{purpose} lookup")

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Addresses and ports for TCP. Raises `OSError` where there are none, and `UnicodeError` for names
        that break the rules of names.
        """
        lookup = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=_FLAGS)
        try:
            looking = asyncio.get_running_loop().run_in_executor(self._threads, lookup)
        except RuntimeError:
            raise OSError("closed") from None
        return [(_numeric(address), int(address[1])) for *_, address in await looking]

    def close(self) -> None:
        """Look nothing up any more. What is being looked up comes to its end unheard."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class RecentNames:
    """A `NameLookup` whose answers hold for some seconds, and which asks for each name once at a time."""

    def __init__(self, lookup: NameLookup) -> None:
        self._lookup = lookup
        self._known: dict[tuple[str, int], tuple[float, list[tuple[str, int]]]] = {}
        self._looking: dict[tuple[str, int], asyncio.Task[list[tuple[str, int]]]] = {}

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """See `NameLookup.addresses`."""
        asked = host, port
        now = time.monotonic()
        known = self._known.get(asked)
        if known is not None and known[0] > now:
            return known[1]
        task = self._looking.get(asked)
        if task is None:
            task = self._looking[asked] = asyncio.ensure_future(self._look(host, port))
            task.add_done_callback(functools.partial(self._found, asked))
        # others may wait for it as well
        return await asyncio.shield(task)

    def close(self) -> None:
        """Look nothing up any more; who still waits for a name is cancelled."""
        self._lookup.close()
        for task in self._looking.values():
            task.cancel()

    async def _look(self, host: str, port: int) -> list[tuple[str, int]]:
        return await self._lookup.addresses(host, port)

    def _found(self, asked: tuple[str, int], task: asyncio.Task[list[tuple[str, int]]]) -> None:
        del self._looking[asked]
        now = time.monotonic()
        self._known = {name: known for name, known in self._known.items() if known[0] > now}
        if not task.cancelled() and task.exception() is None:
            self._known[asked] = now + _RECENT, task.result()


def _numeric(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    """The address in figures, with its zone where it is good only on one link (RFC 4007)."""
    zone = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{zone}" if zone else str(address[0])
