"""Pictures and documents that a request gives by URL, fetched for upstreams that take none.

The URLs come from clients, the addresses behind their names from whoever runs those names. So that
nobody sees the inside of the network through the gateway, a host's name is looked up once for each
connection, every address is judged, and the connection goes to an address that was judged: between
check and use, nothing is looked up again. Connections are made directly, never through a proxy of
the environment, which would look the name up for itself.
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import yarl

from dragoman.conversation.blocks import Inline
from dragoman.conversation.failure import FailureError, invalid
from dragoman.dialects.media_type import bare_type, sniffed_type
from dragoman.upstream import failures
from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.media_url import NOT_PUBLIC, RefusedURLError, checked_url, literal_address
from dragoman.upstream.name_lookup import Lookup, NameLookup
from dragoman.upstream.public_address import IPAddress, is_public
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse

MAX_REDIRECTS = 3
MAX_WANTED = 100
"""URLs that one request may give."""
AT_ONCE = 8
"""Fetches of one request that run at the same time."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = (("accept", "*/*"),)
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}")
_UNSPECIFIC = ("application/octet-stream", "binary/octet-stream")

Family = Literal["image", "audio", "video"]


class Wanted(msgspec.Struct, frozen=True):
    """Something to fetch.

    `media_type` is what the client calls it, `family` what it has to be. `param` is where the URL
    stands in the client's request, for errors.
    """

    url: str
    media_type: str | None = None
    family: Family | None = None
    param: str | None = None


class RemoteMedia:
    """Fetches for all requests, with connections kept for a while. It belongs to the event loop of its
    first fetch.

    `max_bytes` bounds each file, unpacked, and four times as much everything of one request. `timeout`
    is in seconds, for a whole fetch, redirects included. With `allow_private`, any address and any
    port will do. `lookup` and `permitted` replace the system's resolver and the judgement of
    addresses, `tls` the system's own trust settings.
    """

    def __init__(
        self,
        max_bytes: int,
        timeout: float,
        *,
        allow_private: bool = False,
        lookup: Lookup | None = None,
        permitted: Callable[[IPAddress], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._allow_private = allow_private
        self._no_address = "has no address" if allow_private else NOT_PUBLIC
        # its own: names that nobody answers for must not keep upstreams' names waiting
        self._names = NameLookup(AT_ONCE, "media")
        self._lookup = lookup or self._names.addresses
        self._permitted = permitted
        self._http = Http1Transport(tls, self._addresses)
        self._closed = False

    async def fetch(
        self,
        url: str,
        *,
        media_type: str | None = None,
        family: Family | None = None,
        param: str | None = None,
    ) -> Inline:
        """The file behind a URL, and its media type: what its first bytes tell, else what its server
        says, else what the client says. See `Wanted`.

        Raises `FailureError` (invalid request) that names the URL's host and what was wrong.
        """
        return await self._fetch(Wanted(url, media_type, family, param), _Allowance(self._max_bytes))

    async def fetch_all(self, wanted: Sequence[Wanted]) -> list[Inline]:
        """Everything that one request gives by URL, in that order; the same thing only once.

        Raises `FailureError` like `fetch`, and for too many URLs or too much altogether.
        """
        distinct = list({_identity(one): one for one in reversed(wanted)}.values())[::-1]
        if len(distinct) > MAX_WANTED:
            raise invalid(
                f"The request gives {len(distinct)} files by URL; at most {MAX_WANTED} are fetched.",
                distinct[MAX_WANTED].param,
            )
        allowance = _Allowance(4 * self._max_bytes)
        gate = asyncio.Semaphore(AT_ONCE)

        async def fetch(one: Wanted) -> Inline:
            async with gate:
                return await self._fetch(one, allowance)

        tasks = [asyncio.create_task(fetch(one)) for one in distinct]
        try:
            found = dict(zip(map(_identity, distinct), await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [found[_identity(one)] for one in wanted]

    async def close(self) -> None:
        """Close every connection. Fetches that come after it fail."""
        self._closed = True
        self._names.close()
        await self._http.close()

    def _permits(self, address: IPAddress) -> bool:
        return self._allow_private or self._permitted(address)

    async def _fetch(self, wanted: Wanted, allowance: "_Allowance") -> Inline:
        host = ""
        try:
            host = self._checked(wanted.url).raw_host or ""
            async with asyncio.timeout(self._timeout):
                return await self._follow(wanted, allowance)
        except RefusedURLError as error:
            raise invalid(
                f"{_subject(error.host, host)} cannot be fetched: it {error}.", wanted.param
            ) from None
        except _UnusableError as error:
            raise _failure(wanted, host, str(error)) from None
        except TimeoutError:
            raise _failure(wanted, host, f"it took longer than {self._timeout:g} seconds") from None
        except failures.UnreachableError as error:
            # the system's own words tell of what is behind the name
            kind = "secure connection" if error.secure else "connection"
            raise _failure(wanted, host, f"there is no {kind} to its server") from None
        except failures.UndecodableError as error:
            raise _failure(wanted, host, error.reason) from None
        except FailureError:
            raise _failure(wanted, host, "its server's answer is broken") from None

    async def _follow(self, wanted: Wanted, allowance: "_Allowance") -> Inline:
        """Fetch from the URL, or from where it redirects to."""
        url = self._checked(wanted.url)
        for _ in range(MAX_REDIRECTS + 1):
            if self._closed:
                raise _UnusableError("the gateway is stopping")
            # the time limit for all of it comes first
            response = await self._http.send(
                UpstreamRequest("GET", str(url), _HEADERS, b""), 2 * self._timeout
            )
            try:
                if response.status not in _REDIRECTS:
                    return await self._read(response, wanted, allowance)
                place = response.headers.get("location", "")
            finally:
                response.close()
            try:
                following = str(url.join(yarl.URL(place, encoded=place.isascii())))
            except ValueError:
                raise _UnusableError("it redirects to a URL that is not valid") from None
            url = self._checked(following)
        raise _UnusableError(f"it redirects more than {MAX_REDIRECTS} times")

    async def _read(self, response: UpstreamResponse, wanted: Wanted, allowance: "_Allowance") -> Inline:
        if response.status != 200:
            raise _UnusableError(f"its server answers with status {response.status}")
        if int(response.headers.get("content-length", "0")) > self._max_bytes:
            raise _too_large(self._max_bytes)
        body = bytearray()
        # unpacked ones come in small pieces: a few packed bytes can hold any number
        while piece := await response.next():
            body += piece
            if len(body) > self._max_bytes:
                raise _too_large(self._max_bytes)
            allowance.take(len(piece))
        if not body:
            raise _UnusableError("it is empty")
        data = base64.b64encode(body).decode()
        return Inline(_media_type(data, response.headers.get("content-type", ""), wanted), data)

    def _checked(self, text: str) -> yarl.URL:
        url = checked_url(text, allow_private=self._allow_private)
        address = literal_address(url.raw_host or "")
        if address is not None and not self._permits(address):
            raise RefusedURLError(str(address), self._no_address)
        return url

    async def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Looks a name up, and gives only addresses that are permitted."""
        try:
            found = await self._lookup(host, port)
        except (OSError, UnicodeError):
            # the latter for names that break the rules of names
            found = []
        permitted = [
            (str(address), its_port)
            for text, its_port in found
            if (address := literal_address(text)) is not None and self._permits(address)
        ]
        if not permitted:
            raise RefusedURLError(host, self._no_address)
        return permitted


class _UnusableError(Exception):
    """What is behind the URL cannot be had, or is of no use."""


class _Allowance:
    """The bytes that all files of one request may still take."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _UnusableError(f"all files of the request together are larger than {self._limit} bytes")


def _media_type(data: str, declared: str, wanted: Wanted) -> str:
    candidates = (sniffed_type(data) or "", bare_type(declared), bare_type(wanted.media_type or ""))
    for candidate in candidates:
        if _MEDIA_TYPE.fullmatch(candidate) and candidate not in _UNSPECIFIC:
            if wanted.family is not None and not candidate.startswith(f"{wanted.family}/"):
                raise _UnusableError(f"it is of the type {candidate}, not {wanted.family}/*")
            return candidate
    raise _UnusableError("nothing tells what type of file it is")


def _identity(wanted: Wanted) -> tuple[str, str | None, str | None]:
    return wanted.url, wanted.media_type, wanted.family


def _subject(refused: str, host: str) -> str:
    """How a message calls a refused URL, given its host and that of the URL in the request."""
    if not refused:
        return f"The URL to which {host} redirects" if host else "The URL"
    via = f", to which {host} redirects," if host not in ("", refused) else ""
    return f"The URL at {refused}{via}"


def _too_large(limit: int) -> _UnusableError:
    return _UnusableError(f"it is larger than {limit} bytes")


def _failure(wanted: Wanted, host: str, reason: str) -> FailureError:
    return invalid(f"The file at {host} cannot be fetched: {reason}.", wanted.param)
