"""Lengths of time that contradict each other."""

from dragoman.config.settings import Settings
from dragoman.config.source import KeyPath, Source

_STAGES = ("connect", "first_event", "between_events")


def check_times(settings: Settings) -> None:
    """Raise `ConfigError` for the first length of time that could never run out, or be kept, beside another.

    What a stage may take is held against `total` only where both are written, in one table: a default, or
    what holds for other routes too, may be longer.
    """
    source = settings.source
    tables: list[tuple[KeyPath, object]] = [
        (("timeouts",), settings.timeouts),
        *((("routes", name, "timeouts"), route.timeouts) for name, route in settings.routes.items()),
    ]
    for path, limits in tables:
        for stage in _STAGES:
            if all((*path, name) in source.lines for name in (stage, "total")):
                _check_order(path, stage, "total", limits, source)
    _check_order(("retries",), "backoff", "max_backoff", settings.retries, source)
    _check_order(("health",), "cooldown", "max_cooldown", settings.health, source)


def _check_order(path: KeyPath, shorter: str, longer: str, table: object, source: Source) -> None:
    """Check that one length of time of a table is not greater than another."""
    least: float = getattr(table, shorter)
    most: float = getattr(table, longer)
    if least > most:
        written = next((name for name in (shorter, longer) if (*path, name) in source.lines), shorter)
        raise source.error(
            (*path, written),
            f"{shorter} is {least:g} seconds, and {longer} only {most:g}",
            f"write {shorter} = {most:g} or less, or {longer} = {least:g} or more",
        )
