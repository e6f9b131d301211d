"""What an error body says, in whichever of the forms that vendors, hosts and proxies use.

OpenAI nests `error{message,type,param,code}`, Anthropic `error{type,message,details}`, Google
`error{code,message,status,details}`, sometimes in an array of one. Beside these there are a bare string
(xAI, Ollama), the same fields at the top (Mistral, vLLM), FastAPI's `detail`, RFC 7807 problems, an
error inside an error (OpenRouter), HTML pages of proxies, and plain text.
"""

import html
import re

import msgspec

from dragoman.dialects.json_tree import ANY, UNREADABLE, elements, members

MAX_MESSAGE = 2048
"""Characters of an upstream's message that are kept."""
_MAX_PAGE = 65536

_TITLES = (
    re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL),
    re.compile(r"<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL),
)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[a-zA-Z!/][^>]*>")
_BROKEN_JSON = re.compile(r"[{\[]\s*(?:[\"{}\[\]]|$)")

_SECRETS = (
    (
        re.compile(
            r"\b(?:sk|pk|gsk|xai)[-_][\w*.-]{7,}[\w*]"
            r"|\b(?:rk|csk|fw|nvapi|hf)[-_](?=[\w*.-]*[\d*])[\w*.-]{5,}[\w*]"
            r"|\bAIza[\w-]{8,}"
            r"|\b(?:Bearer\s+|ya29\.)[\w.~+/-]{8,}=*",
            re.IGNORECASE,
        ),
        "[key]",
    ),
    (re.compile(r"([?&](?:key|access_token)=)[^&\s\"']+", re.IGNORECASE), r"\1[key]"),
    (re.compile(r"(api key: )(?!\[key\])\S+", re.IGNORECASE), r"\1[key]"),
    (
        re.compile(r"\b(?:org|proj|user)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{8,}", re.IGNORECASE),
        "[account]",
    ),
    (re.compile(r"(projects/)[^/\s\"'`]+"), r"\1[project]"),
    (re.compile(r"(project(?:_number)?[:= ]+)[0-9]{5,}"), r"\1[project]"),
)
"""Keys, and the names of accounts, as vendors quote them in messages."""


class ErrorText(msgspec.Struct, frozen=True):
    """The parts of an error body.

    `type` is the vendor's word for the kind of error (OpenAI's and Anthropic's `type`, Google's
    `status`); `code` is a word, never a number; `status` is an HTTP status that the body itself names.
    `outer` and `inner` are the members of the body and of the error in it, for what only one format
    says.
    """

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int | None = None
    outer: dict[str, object] = {}
    inner: dict[str, object] = {}

    @property
    def named(self) -> bool:
        """Whether the body gives the error a name or a number, as things that are no errors do not."""
        return bool(self.type or self.code or self.status or self.inner.get("code"))


def read_error(body: bytes) -> ErrorText:
    """What the body says. Never raises; the message is shortened and without secrets, and empty where
    there is none.
    """
    try:
        value = ANY.decode(body)
    except UNREADABLE:
        return ErrorText(_tidy(_plain(body)))
    return read_error_value(value)


def read_error_value(value: object) -> ErrorText:
    """What a decoded error body says. Never raises."""
    if isinstance(value, str):
        return ErrorText(_tidy(value))
    outer = members(_first(value) or value) or {}
    nested = outer.get("error")
    inner = members(nested) or members(_first(outer.get("errors"))) or outer
    message = nested if isinstance(nested, str) else _message(inner) or _message(outer)
    raw = (members(inner.get("metadata")) or {}).get("raw")
    if isinstance(raw, str) and raw and "provider returned error" in message.lower():
        message = f"{message}: {read_error(raw.encode('utf-8', 'replace')).message}"
    param = inner.get("param")
    return ErrorText(
        _tidy(message),
        _type(inner),
        _code(inner),
        param if isinstance(param, str) and param else None,
        _status(inner.get("code"), inner.get("status"), outer.get("status"), outer.get("statusCode")),
        outer,
        inner,
    )


def _first(value: object) -> object:
    return next(iter(elements(value) or ()), None)


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _type(error: dict[str, object]) -> str:
    """The vendor's word; the `error` that some bodies have for their own type is none."""
    found = _word(error.get("type"))
    if found in {"", "error"}:
        found = _word(error.get("status"))
    return "" if found.isdecimal() else found


def _code(error: dict[str, object]) -> str:
    """The vendor's code, Anthropic's more exact `details.error_code` before the others."""
    details = members(error.get("details")) or {}
    inner = members(error.get("innererror")) or {}
    words = (_word(one) for one in (details.get("error_code"), error.get("code"), inner.get("code")))
    return next((word for word in words if word and not word.isdecimal()), "")


def _status(*values: object) -> int | None:
    for value in values:
        word = _word(value)
        if len(word) == 3 and word.isascii() and word.isdecimal() and word[0] in "45":
            return int(word)
    return None


_MESSAGES = ("message", "msg", "error_message", "error_msg", "error_description", "detail", "title", "error")


def _message(fields: dict[str, object], depth: int = 0) -> str:
    for name in _MESSAGES:
        if found := _said(fields.get(name), depth):
            return found
    return ""


def _said(value: object, depth: int) -> str:
    """A message in words: text itself, FastAPI's list of faults, or an object that holds one."""
    if isinstance(value, str):
        return value
    if depth == 0 and (number := _word(value)):
        return number
    if depth > 3:
        return ""
    if listed := elements(value):
        return "; ".join(filter(None, (_said(one, depth + 1) for one in listed)))
    fields = members(value) or {}
    found = _message(fields, depth + 1) if fields else ""
    place = ".".join(filter(None, map(_word, elements(fields.get("loc")) or ())))
    return f"{place}: {found}" if place and found else found


def _plain(body: bytes) -> str:
    """Text on one line; of a page its title. JSON that breaks off says nothing."""
    page = body[:_MAX_PAGE].decode("utf-8", "replace").strip()
    if _BROKEN_JSON.match(page):
        return ""
    if _TAG.search(page):
        title = next(
            (found[1] for each in _TITLES if (found := each.search(page)) and found[1].strip()), None
        )
        page = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", page) if title is None else title))
    return " ".join(page.split())


def _tidy(message: str) -> str:
    """A message without secrets and control characters, and of limited length."""
    if not message.isprintable():
        message = "".join(each for each in message if each.isprintable() or each in "\n\t")
    for pattern, instead in _SECRETS:
        message = pattern.sub(instead, message)
    message = message.strip()
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
