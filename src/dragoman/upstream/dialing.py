"""Making a connection to the first of a host's addresses that takes one ("happy eyeballs", RFC 8305)."""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from contextlib import suppress

_DELAY = 0.25
"""Seconds that an address has for itself before the next one is tried beside it (RFC 8305, section 5)."""

Address = tuple[str, int]
"""An address in figures, with its zone where it has one, and a port."""


async def dial(addresses: Sequence[Address]) -> socket.socket:
    """A connected socket that does not block. Raises `OSError`, the first address's, where all refuse.

    Whichever way it ends, no other socket is left behind.
    """
    loop = asyncio.get_running_loop()
    if len(addresses) == 1:
        return await _try(loop, addresses[0])
    waiting = _interleaved(addresses)
    tries: list[asyncio.Task[socket.socket]] = []
    won: socket.socket | None = None
    try:
        while won is None:
            if waiting:
                tries.append(loop.create_task(_try(loop, waiting.pop(0))))
            elif all(one.done() for one in tries):
                break
            pending = [one for one in tries if not one.done()]
            await asyncio.wait(
                pending, timeout=_DELAY if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            won = next((one.result() for one in tries if one.done() and one.exception() is None), None)
    finally:
        for one in tries:
            if not one.done():
                one.cancel()
                one.add_done_callback(_close_late)
            elif one.exception() is None and one.result() is not won:
                one.result().close()
    if won is None:
        errors = (one.exception() for one in tries)
        raise next((error for error in errors if isinstance(error, OSError)), OSError())
    return won


async def _try(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(line, address)
    except BaseException:
        line.close()
        raise
    return line


def _interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The addresses with families taking turns, beginning with the first one's (RFC 8305, section 4)."""
    families: dict[bool, list[Address]] = {}
    for address in addresses:
        families.setdefault(":" in address[0], []).append(address)
    turns = itertools.zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """Close what a try that came second has brought about after all."""
    with suppress(asyncio.CancelledError, OSError):
        task.result().close()
