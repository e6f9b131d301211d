"""Who may use the management API: whoever has its key, and how often others may try."""

import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from dragoman.config.secret import Secret
from dragoman.console.problem import ProblemError

MOST_FAILURES = 10
"""Wrong keys that one address may send in a row; they come back evenly within `WINDOW`."""
MOST_OVERALL = 100
"""The same for all addresses together. While there are more, an address has one try in `WINDOW`."""
WINDOW = 60.0
"""Seconds."""

_MOST_ADDRESSES = 10_000
_IPV6_NETWORK = 64
"""Bits of an IPv6 address that stand for one client: the rest is the client's to choose."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.console")


class Admission:
    """Lets whoever presents the key in, and slows down those who guess.

    An address that has sent too many wrong keys is refused whatever it sends, the right key included: a
    throttle that lets the right key through tells it from the others. Addresses do not share that fate:
    nobody can keep the administrator out from elsewhere. `clock` is in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Bucket] = OrderedDict()
        self._overall = _Bucket(MOST_OVERALL, clock())

    def admit(self, key: Secret | None, headers: list[tuple[bytes, bytes]], address: str) -> None:
        """Let a request in. Raises `ProblemError` for one without the right key; `key` is that."""
        if key is None or not key.reveal():
            raise ProblemError(
                "permission",
                'The management API is closed: no key is configured for it. Write admin_key = "$NAME" under '
                "[auth] in the configuration file, and set the variable NAME to a long random text.",
            )
        presented = presented_key(headers)
        if presented is None:
            raise ProblemError(
                "authentication",
                "No key was sent. Send the gateway's auth.admin_key as 'Authorization: Bearer KEY' or "
                "'x-api-key: KEY'.",
                headers=(("www-authenticate", "Bearer"),),
            )
        client = _client(address)
        now = self._clock()
        wait = self._wait(client, now)
        if wait > 0:
            raise ProblemError(
                "rate_limit",
                f"Too many wrong keys were sent from this address. Try again in {math.ceil(wait)} s.",
                headers=(("retry-after", str(math.ceil(wait))),),
            )
        if not _same(presented, key.reveal()):
            self._failed(client, now)
            raise ProblemError(
                "authentication",
                "The key is not that of the management API (auth.admin_key). Keys of clients do not open it.",
                headers=(("www-authenticate", "Bearer"),),
            )

    @property
    def watched(self) -> int:
        """How many addresses are remembered."""
        return len(self._failures)

    def _wait(self, client: str, now: float) -> float:
        """Seconds before another key may be tried from here."""
        bucket = self._failures.get(client)
        if bucket is None:
            return 0.0
        few = self._overall.level(now) < 1
        return bucket.full_in(now) if few else bucket.wait(now)

    def _failed(self, client: str, now: float) -> None:
        bucket = self._failures.setdefault(client, _Bucket(MOST_FAILURES, now))
        self._failures.move_to_end(client)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)
        bucket.take(now)
        self._overall.take(now)
        _log.warning("a wrong admin key was presented", address=client, tries_left=int(bucket.level(now)))


class _Bucket:
    """So many tries, which come back evenly within `WINDOW`."""

    __slots__ = ("_left", "_most", "_noted")

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._left = float(most)
        self._noted = now

    def level(self, now: float) -> float:
        """The tries that are left."""
        return min(self._most, self._left + (now - self._noted) * self._most / WINDOW)

    def wait(self, now: float) -> float:
        """Seconds until there is a try."""
        return max(0.0, (1 - self.level(now)) * WINDOW / self._most)

    def full_in(self, now: float) -> float:
        """Seconds until all of them are there again."""
        return (self._most - self.level(now)) * WINDOW / self._most

    def take(self, now: float) -> None:
        """Use one up."""
        self._left = max(0.0, self.level(now) - 1)
        self._noted = now


def presented_key(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request presents as `Authorization: Bearer` or, without that, as `x-api-key`. Never the
    query of a URL: those end up in logs and histories.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer " and (key := value[7:].strip()):
            return key
        if name == b"x-api-key" and found is None and (key := value.strip()):
            found = key
    return found


def _same(presented: bytes, key: str) -> bool:
    """Whether two keys are the same, in a time that says nothing about where they differ or how long they
    are.
    """
    theirs = hashlib.sha256(presented).digest()
    return hmac.compare_digest(theirs, hashlib.sha256(key.encode()).digest())


def _client(address: str) -> str:
    """Whom an address stands for."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _IPV6_NETWORK), strict=False))
    return str(ip)
