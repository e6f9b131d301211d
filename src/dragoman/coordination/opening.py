"""Which coordination a gateway gets."""

from dragoman.config.secret import Secret
from dragoman.coordination.hints import Hints
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Meters
from dragoman.coordination.recollection import Recollection


def open_recollection(url: Secret | None, max_entries: int) -> Recollection:
    """One that is shared through the server at `url`; without it, one of this process alone.

    `max_entries` bounds what this process remembers by itself. No connection is made before it is
    needed. Raises `ValueError` for a URL that is none of a server, without showing it.
    """
    memory = MemoryRecollection(max_entries)
    if url is None:
        return memory
    from dragoman.coordination.valkey import ValkeyRecollection  # noqa: PLC0415 - slow to import

    return ValkeyRecollection(url, memory)


def open_meters(url: Secret | None, local: Meters | None = None) -> Meters:
    """Those that are shared through the server at `url`; without it, the local ones: of the workers of this
    node, or, where none are given, of this process alone.

    No connection is made before it is needed. Raises `ValueError` for a URL that is none of a server, without
    showing it.
    """
    if local is None:
        local = MemoryMeters()
    if url is None:
        return local
    from dragoman.coordination.valkey_meters import ValkeyMeters  # noqa: PLC0415 - slow to import

    return ValkeyMeters(url, local)


def open_hints(url: Secret | None, local: Hints | None = None) -> Hints | None:
    """Those that are shared through the server at `url`; without it, the local ones, of the workers of this
    node; None for a process without others.

    No connection is made before it is needed. Raises `ValueError` for a URL that is none of a server, without
    showing it.
    """
    if url is None:
        return local
    from dragoman.coordination.valkey_hints import ValkeyHints  # noqa: PLC0415 - slow to import

    return ValkeyHints(url)
