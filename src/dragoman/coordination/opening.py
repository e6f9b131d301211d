"""Which recollection a gateway gets."""

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
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
