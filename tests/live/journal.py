"""What a gateway has logged, as a test reads it."""

import time
from collections.abc import MutableMapping, Sequence

Entry = MutableMapping[str, object]


def exchange_of(entries: Sequence[Entry]) -> Entry:
    """The entry of the one exchange of a test, which is noted right behind its answer."""
    until = time.monotonic() + 2
    while not (found := [entry for entry in entries if str(entry["event"]).startswith("exchange")]):
        assert time.monotonic() < until, "the exchange was not noted"
        time.sleep(0.002)
    assert len(found) == 1
    return found[0]
