"""Who has changed what: one entry in the log for every change that was made through the management API."""

import structlog

from dragoman.console.operation import Asked

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.audit")


def note(asked: Asked, change: str, **what: object) -> None:
    """Take note of a change: what was done, and names and ids of what it was done to. Never a key."""
    _log.info(change, by="admin", address=asked.address, request_id=asked.request_id, **what)
