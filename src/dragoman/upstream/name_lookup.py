"""Looking up the addresses of hosts."""

import asyncio
import functools
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

_FLAGS = 0 if sys.platform == "win32" else socket.AI_ADDRCONFIG
"""Only addresses of families that the machine has; Windows does not find `localhost` then."""


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


class NameResolver(AbstractResolver):
    """A `NameLookup` as aiohttp wants it."""

    def __init__(self, lookup: NameLookup) -> None:
        self._lookup = lookup

    async def resolve(  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `OSError` where there is no address."""
        del family
        try:
            found = await self._lookup.addresses(host, port)
        except UnicodeError:
            raise OSError(None, "the name breaks the rules of names") from None
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=its_port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, its_port in found
        ]

    async def close(self) -> None:  # pyright: ignore[reportImplicitOverride] - see `resolve`
        """Close the lookup."""
        self._lookup.close()


def _numeric(address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> str:
    """The address in figures, with its zone where it is good only on one link (RFC 4007)."""
    zone = address[3] if len(address) == 4 else 0
    return f"{address[0]}%{zone}" if zone else str(address[0])
