"""Reading what is sent to the management API: bodies, parameters, words for people."""

import asyncio
import datetime as dt
import functools
import re
import unicodedata
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect
from starlette.types import Receive

from dragoman.config.settings import Server
from dragoman.console.problem import ProblemError, from_failure, invalid
from dragoman.conversation.failure import FailureError
from dragoman.dialects.json_text import decode_request, field_error

MAX_BODY = 256 * 1024
"""The largest body in bytes."""
PATIENCE = 30.0
"""Seconds that a body may take."""
_DISCARDED = 4 * 1024 * 1024
_MOST_PARAMETERS = 200
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of characters that do not stand for themselves: controls, marks of direction and other
invisible ones, surrogates, private use, separators of lines."""
_UNKNOWN = re.compile("object contains unknown field `(?P<name>.*)`", re.DOTALL)

T = TypeVar("T", bound=msgspec.Struct)


async def read_body(receive: Receive, server: Server) -> bytes:
    """The whole body, within what `[server]` says of bodies too. Raises `ProblemError` for one that is too
    large, or does not come in time.
    """
    most, patience = min(MAX_BODY, server.max_body_bytes), min(PATIENCE, server.body_timeout)
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(patience) as waiting:
            while more and size <= most + _DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError("timeout", "The connection ended before the body did.")
                piece: bytes = message.get("body", b"")
                size += len(piece)
                if size <= most:
                    pieces.append(piece)
                more = message.get("more_body", False)
                waiting.reschedule(min(end, loop.time() + patience))
    except TimeoutError:
        words = f"The body did not come within {PATIENCE:g} s, or nothing of it came for {patience:g} s."
        raise ProblemError("timeout", words, headers=(("connection", "close"),)) from None
    if size > most:
        raise ProblemError("too_large", f"The body is larger than {most} bytes.")
    return b"".join(pieces)


def check_media_type(sent: str | None) -> None:
    """Raise `ProblemError` for a body that is not said to be JSON."""
    media_type = (sent or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(
            "unsupported_media_type", "Send the body as JSON, with 'Content-Type: application/json'."
        )


def decode_body(body: bytes, kind: type[T]) -> T:
    """The JSON of a body. Raises `ProblemError` that names the field at fault."""
    try:
        return decode_request(_decoder(kind), body)
    except FailureError as error:
        unknown = _UNKNOWN.search(error.failure.message)
        if unknown is None:
            raise from_failure(error) from None
        place = error.failure.param
        name = unknown["name"][:80]
        path = f"{place}.{name}" if place else name
    raise invalid(f"'{path}': there is no such field.", path)


def decode_parameters(query: bytes, kind: type[T] | None) -> T | None:
    """The parameters of a URL. Raises `ProblemError` for unknown, repeated and impossible ones."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError):
        raise invalid(
            "The parameters of the URL cannot be read: they are not percent-encoded UTF-8."
        ) from None
    fields = {} if kind is None else _fields(kind)
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if name not in fields:
            known = f"known here: {', '.join(sorted(fields))}" if fields else "none are taken here"
            raise invalid(f"'{name[:80]}' is no parameter; {known}.", name[:80])
        check_visible(value, name)
        if fields[name]:
            found[name] = [*found.get(name, []), value]
        elif name in found:
            raise invalid(f"'{name}': this parameter was given more than once.", name)
        else:
            found[name] = value
    if kind is None:
        return None
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise from_failure(field_error(error)) from None


def parse_moment(text: str, name: str) -> float:
    """A moment in Unix seconds, from RFC 3339 or from a date, whose midnight in UTC it is."""
    # in a URL, the plus of an offset stands for a space
    written = text.replace(" ", "+")
    try:
        moment = dt.datetime.fromisoformat(written)
        if moment.tzinfo is None and len(written) == len("2026-11-22"):
            moment = moment.replace(tzinfo=dt.UTC)
        if moment.tzinfo is not None and (seconds := moment.timestamp()) >= 0:
            return seconds
    except (ValueError, OverflowError):
        pass
    raise invalid(
        f"'{name}': expected a date such as 2026-11-22 or a moment such as 2026-11-22T09:30:00Z.", name
    )


def moment(seconds: float) -> dt.datetime:
    """Unix seconds as they are answered."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def check_visible(text: str, name: str) -> None:
    """Raise `ProblemError` for text with characters that do not stand for themselves."""
    for character in text:
        if unicodedata.category(character) in _UNSEEN:
            raise invalid(
                f"'{name}': the character U+{ord(character):04X} cannot stand here: it is a control "
                "character or invisible.",
                name,
            )


def is_visible(text: str) -> bool:
    """Whether every character of a text stands for itself."""
    return not any(unicodedata.category(character) in _UNSEEN for character in text)


def shown(text: str) -> str:
    """Text of whoever asks as it is said back: with nothing that a terminal would obey."""
    return "".join(one if is_visible(one) else "\N{REPLACEMENT CHARACTER}" for one in text)


@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, bool]:
    """The parameters that a type describes, and whether each may be given several times."""
    found = inspect.type_info(kind)
    if not isinstance(found, inspect.StructType):
        raise TypeError(f"{kind.__name__} describes no parameters")
    return {field.encode_name: isinstance(field.type, inspect.VarTupleType) for field in found.fields}
