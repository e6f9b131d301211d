"""Our own way of looking names up, as aiohttp wants it."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from dragoman.upstream.name_lookup import NameLookup


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
