"""What Anthropic refuses in the shape of content blocks: kinds, members, sources, cache marks."""

import base64
import binascii

from dragoman.testing.rules.anthropic_errors import Node, refused

CACHE_MARKS = 4
"""The most cache marks in one request."""

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MEMBERS = {
    "text": {"text", "citations", "cache_control"},
    "image": {"source", "cache_control"},
    "document": {"source", "citations", "title", "context", "cache_control"},
    "search_result": {"source", "title", "content", "citations", "cache_control"},
    "tool_use": {"id", "name", "input", "caller", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
    "server_tool_use": {"id", "name", "input", "caller", "cache_control"},
    "web_search_tool_result": {"tool_use_id", "content", "caller", "cache_control"},
    "web_fetch_tool_result": {"tool_use_id", "content", "caller", "cache_control"},
    "code_execution_tool_result": {"tool_use_id", "content", "cache_control"},
    "bash_code_execution_tool_result": {"tool_use_id", "content", "cache_control"},
    "text_editor_code_execution_tool_result": {"tool_use_id", "content", "cache_control"},
    "tool_search_tool_result": {"tool_use_id", "content", "cache_control"},
    "container_upload": {"file_id", "cache_control"},
    "tool_reference": {"tool_name", "cache_control"},
}
_KINDS = tuple(kind for kind in _MEMBERS if kind != "tool_reference")
_RESULT_KINDS = ("text", "image", "document", "search_result", "tool_reference")
_ASSISTANT_ONLY = frozenset(
    {"tool_use", "thinking", "redacted_thinking", "server_tool_use"}
    | {kind for kind in _MEMBERS if kind.endswith("_tool_result")}
)
_USER_ONLY = frozenset({"tool_result", "image", "search_result"})


def check_block(block: Node, role: str, *, newest: bool, beta: bool) -> None:
    """Raise `RefusedError` for a block that Anthropic refuses by itself.

    `newest` says that the request is of version 2026-10-21, `beta` that it asks for beta features:
    then blocks of kinds that are not known here pass.
    """
    kind = block.required("type").value
    if beta and isinstance(kind, str) and kind not in _KINDS:
        return
    kind = block.tag(*_KINDS)
    inner = _members(block, kind)
    if kind in _ASSISTANT_ONLY and role != "assistant":
        raise refused(f"{_message(block)}: `{kind}` blocks can only be in `assistant` messages")
    if kind in _USER_ONLY and role == "assistant":
        raise refused(f"{_message(block)}: `{kind}` blocks can only be in `user` messages")
    if kind == "document" and role == "assistant" and newest:
        raise refused(f"{_message(block)}: `document` blocks can only be in `user` messages")
    if kind == "text" and role == "user" and newest and inner.under("citations").value:
        raise inner.under("citations").error("Extra inputs are not permitted")
    _check_known(inner, kind)


def _members(block: Node, kind: str) -> Node:
    inner = block.tagged(kind)
    inner.object(frozenset({"type"} | _MEMBERS[kind]))
    if (mark := inner.member("cache_control")) is not None:
        check_mark(mark)
    return inner


def _check_known(inner: Node, kind: str) -> None:
    match kind:
        case "text":
            text = inner.required("text").string()
            if not text and inner.member("cache_control") is not None:
                raise inner.under("text").error("cache_control cannot be set for empty text blocks")
        case "image":
            _check_image(inner.required("source"))
        case "document":
            _check_document(inner)
        case "tool_use" | "server_tool_use":
            inner.required("id").string("^[a-zA-Z0-9_-]+$")
            inner.required("name").string()
            inner.required("input").object()
        case "tool_result":
            inner.required("tool_use_id").string("^[a-zA-Z0-9_-]+$")
            if (failed := inner.member("is_error")) is not None:
                failed.boolean()
            content = inner.member("content")
            if content is not None and not isinstance(content.value, str):
                for part in content.elements():
                    part_kind = part.tag(*_RESULT_KINDS)
                    _check_known(_members(part, part_kind), part_kind)
        case "thinking":
            inner.required("thinking").string()
            inner.required("signature").string()
        case "redacted_thinking":
            inner.required("data").string()
        case _:
            pass


def _check_image(source: Node) -> None:
    match source.tag("base64", "url", "file"):
        case "base64":
            inner = source.tagged("base64")
            inner.object(frozenset({"type", "media_type", "data"}))
            inner.required("media_type").word(*_IMAGES)
            _check_base64(inner.required("data"))
        case "url":
            _check_url(source.tagged("url"))
        case _:
            source.tagged("file").required("file_id").string()


def _check_document(document: Node) -> None:
    source = document.required("source")
    match source.tag("base64", "text", "content", "url", "file"):
        case "base64":
            inner = source.tagged("base64")
            inner.object(frozenset({"type", "media_type", "data"}))
            inner.required("media_type").word("application/pdf")
            _check_base64(inner.required("data"))
        case "text":
            inner = source.tagged("text")
            inner.required("media_type").word("text/plain")
            inner.required("data").string()
        case "content":
            source.tagged("content").required("content")
        case "url":
            _check_url(source.tagged("url"))
        case _:
            source.tagged("file").required("file_id").string()
    if (cited := document.member("citations")) is not None:
        cited.object(frozenset({"enabled"}))
    for name in ("title", "context"):
        if (field := document.member(name)) is not None:
            field.string()


def _check_base64(data: Node) -> None:
    try:
        valid = bool(base64.b64decode(data.string(), validate=True))
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise data.error("Invalid base64 data")


def _check_url(source: Node) -> None:
    if not source.required("url").string().startswith("https://"):
        raise source.under("url").error("Only HTTPS URLs are supported.")


def check_mark(mark: Node) -> None:
    """Raise `RefusedError` for a cache mark of another form."""
    mark.object(frozenset({"type", "ttl", "scope"}))
    mark.tag("ephemeral")
    if (ttl := mark.member("ttl")) is not None:
        ttl.word("5m", "1h")


def check_marks(body: Node) -> None:
    """Raise `RefusedError` for too many cache marks, or marks in the wrong order of lifetimes."""
    marks = _marks(body.under("tools")) + _marks(body.under("system")) + _marks(body.under("messages"))
    count = len(marks) + (body.member("cache_control") is not None)
    if count > CACHE_MARKS:
        raise refused(f"A maximum of {CACHE_MARKS} blocks with cache_control may be provided. Found {count}.")
    shorter = False
    for mark in marks:
        hourly = mark.under("ttl").value == "1h"
        if hourly and shorter:
            raise mark.under("ttl").error(
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note "
                "that blocks are processed in the following order: `tools`, `system`, `messages`."
            )
        shorter = shorter or not hourly


def _marks(node: Node) -> list[Node]:
    """The marks on tools or blocks below; what is inside a tool's own data is not looked at."""
    if isinstance(node.value, list):
        return [mark for element in node.elements() for mark in _marks(element)]
    if not isinstance(node.value, dict):
        return []
    own = node.member("cache_control")
    return [*_marks(node.under("content")), *([] if own is None else [own])]


def _message(block: Node) -> str:
    return ".".join(block.path.split(".")[:2])
