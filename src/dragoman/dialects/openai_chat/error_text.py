"""What an error body says, in whichever of the forms that compatible hosts use.

OpenAI nests `error{message,type,param,code}`. Beside it there are a bare string (xAI, Ollama), the
same fields at the top (Mistral, vLLM), FastAPI's `detail`, RFC 7807 problems, Google's array of
one, HTML pages of proxies, and plain text.
"""

import html
import re

import msgspec

from dragoman.dialects.openai_chat.json_value import fields_of, items_of

MAX_MESSAGE = 2000
"""Characters of an upstream's message that are kept."""

_ANY: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")

_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|csk|fw|nvapi|hf)[-_](?=[\w*.\-]*[\d*])[\w*.\-]{6,}"
    r"|\bAIza[0-9A-Za-z_\-]{8,}"
    r"|(?<=[Bb]earer )[A-Za-z0-9_.~+/=\-]{8,}"
    r"|(?<=[?&]key=)[^\s&\"']+"
    r"|(?<=api key: )\S+"
    r"|\b(?:org|proj|user)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{8,}",
    re.IGNORECASE,
)
"""Keys, and the ids of accounts, as vendors quote them in messages."""


class ErrorText(msgspec.Struct, frozen=True):
    """The parts of an error body; `status` is an HTTP status that the body itself names."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int | None = None


def read_error(body: bytes) -> ErrorText:
    """What the body says. Never raises; the message is shortened, and empty where there is none."""
    try:
        value = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorText(message=_tidy(_plain(body.decode("utf-8", "replace"))))
    return read_value(value)


def read_value(value: object) -> ErrorText:
    """What a decoded error body says, or the value of its `error` field alone."""
    top = fields_of(next(iter(items_of(value)), value))
    nested = top.get("error")
    if isinstance(value, str):
        return ErrorText(message=_tidy(value))
    inner = fields_of(nested) or fields_of(next(iter(items_of(top.get("errors"))), None)) or top
    message = nested if isinstance(nested, str) else _message(inner) or _message(top)
    raw = fields_of(inner.get("metadata")).get("raw")
    if isinstance(raw, str) and raw and "provider returned error" in message.lower():
        message = f"{message}: {read_error(raw.encode()).message}"
    param = inner.get("param")
    return ErrorText(
        message=_tidy(message),
        type=_word(inner.get("type")) or _word(inner.get("status")),
        code=_word(inner.get("code")) or _word(fields_of(inner.get("innererror")).get("code")),
        param=param if isinstance(param, str) and param else None,
        status=_status(inner.get("code"), inner.get("status"), top.get("status"), top.get("statusCode")),
    )


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _status(*values: object) -> int | None:
    for value in values:
        word = _word(value)
        if len(word) == 3 and word.isdecimal() and 400 <= int(word) <= 599:
            return int(word)
    return None


def _message(fields: dict[str, object], depth: int = 0) -> str:
    for name in ("message", "msg", "error_message", "error_msg", "detail", "title"):
        text = _said(fields.get(name), depth)
        if text:
            return text
    return ""


def _said(value: object, depth: int) -> str:
    """A message in words: text itself, FastAPI's list of faults, or an object that holds one."""
    if isinstance(value, str):
        return value
    if depth > 3:
        return ""
    if items := items_of(value):
        return "; ".join(filter(None, (_said(item, depth + 1) for item in items)))
    fields = fields_of(value)
    text = _message(fields, depth + 1) if fields else ""
    place = ".".join(filter(None, map(_word, items_of(fields.get("loc")))))
    return f"{place}: {text}" if place and text else text


def _plain(text: str) -> str:
    """A page without its markup: the title where there is one."""
    if "<" not in text:
        return text
    title = _TITLE.search(text)
    return html.unescape(_TAG.sub(" ", title[1] if title and title[1].strip() else _HIDDEN.sub(" ", text)))


def _tidy(text: str) -> str:
    text = _SECRET.sub("***", _SPACE.sub(" ", text).strip())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
