"""What an error body says, in the forms that hosts of this format and the proxies before them use."""

import re

import msgspec

_MAX_MESSAGE = 2048

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

_KEY = re.compile(r"\b(?:sk|pk|gsk|xai|AIza)[-_][A-Za-z0-9*_-]{8,}|(?<=[?&]key=)[^&\s\"']+")
"""What looks like a key: hosts quote the gateway's own in some messages."""

Fields = dict[str, msgspec.Raw]


class ErrorText(msgspec.Struct, frozen=True):
    """The words of an error. `own` says that the body is this format's own error envelope; `status`
    is one that stands in the body, where the transport's says nothing.
    """

    message: str = ""
    type: str = ""
    code: str = ""
    status: int | None = None
    own: bool = False


class _Located(msgspec.Struct):
    """One entry of a list of validation errors."""

    msg: str
    loc: list[str | int] = []


_FIELDS = msgspec.json.Decoder(Fields)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_WORD = msgspec.json.Decoder(str | int)
_LOCATED = msgspec.json.Decoder(list[_Located])
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_error(body: bytes) -> ErrorText:
    """The words of an error body of any form; empty where it says nothing. Never raises."""
    outer = _outer(body)
    if outer is None:
        return _plain(body)
    inner = _fields(outer.get("error"))
    if inner is None:
        message = (
            _word(outer, "error")
            or _word(outer, "message")
            or _word(outer, "detail")
            or _located(outer)
            or _word(outer, "title")
        )
        kind = _word(outer, "type")
        return ErrorText(
            _short(message), "" if kind == "error" else kind, _word(outer, "code"), _status(outer)
        )
    details = _fields(inner.get("details")) or {}
    message = _word(inner, "message")
    return ErrorText(
        _short(message or _word(outer, "message")),
        _word(inner, "type"),
        _word(details, "error_code") or _word(inner, "code"),
        _status(inner),
        own=_word(outer, "type") == "error" and bool(message),
    )


def _outer(body: bytes) -> Fields | None:
    """The body as an object; of a list, its first element."""
    data = body.strip()
    if data.startswith(b"["):
        try:
            return _fields(_RAWS.decode(data)[0])
        except (*_UNREADABLE, IndexError):
            return None
    return _fields(msgspec.Raw(data))


def _fields(raw: msgspec.Raw | None) -> Fields | None:
    try:
        return None if raw is None else _FIELDS.decode(raw)
    except _UNREADABLE:
        return None


def _word(fields: Fields, name: str) -> str:
    """A member that is a string or a number, as text."""
    raw = fields.get(name)
    try:
        return "" if raw is None else str(_WORD.decode(raw))
    except _UNREADABLE:
        return ""


def _located(fields: Fields) -> str:
    """A `detail` that lists fields and what is wrong with each."""
    raw = fields.get("detail")
    try:
        found = [] if raw is None else _LOCATED.decode(raw)
    except _UNREADABLE:
        return ""
    return "; ".join(f"{'.'.join(map(str, each.loc))}: {each.msg}".removeprefix(": ") for each in found)


def _status(fields: Fields) -> int | None:
    """An HTTP status among the members, as a number or as text."""
    for name in ("code", "status"):
        word = _word(fields, name)
        if len(word) == 3 and word.isascii() and word.isdigit() and word[0] in "45":
            return int(word)
    return None


def _plain(body: bytes) -> ErrorText:
    """A page, by its title, or lines of text."""
    data = body[:65536].strip()
    if data.startswith(b"<"):
        found = _TITLE.search(data)
        return ErrorText(_short(found[1].decode("utf-8", "replace").strip()) if found else "")
    if data.startswith((b"{", b"[")):
        return ErrorText()
    text = data.decode("utf-8", "replace")
    return ErrorText(_short("".join(each for each in text if each.isprintable() or each == "\n")))


def _short(message: str) -> str:
    message = _KEY.sub("[key]", message)
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"
