"""Requests as they reached an upstream, read by hand, each by the rules of its vendor."""

import base64
from typing import NamedTuple

import msgspec

from dragoman.testing.script import Received

Object = dict[str, object]
"""A JSON object."""


class Answered(NamedTuple):
    """A tool call that went upstream together with its result."""

    name: str
    arguments: Object
    result: str


class Sent(msgspec.Struct, frozen=True):
    """A request as it reached an upstream.

    `turns` are role (`user` or `model`) and visible text of each message that has text; `images` are
    media type and bytes; `thoughts` are the signatures that came along, in order, placeholders included.
    """

    dialect: str
    body: Object
    system: str
    turns: tuple[tuple[str, str], ...]
    answered: tuple[Answered, ...]
    images: tuple[tuple[str, bytes], ...]
    thoughts: tuple[str, ...]

    @property
    def issued(self) -> tuple[str, ...]:
        """Those signatures that a model has really issued."""
        beginning = base64.b64encode(b"demo-signature").decode()[:16]
        return tuple(thought for thought in self.thoughts if thought.startswith(beginning))


def read(received: Received) -> Sent:
    """One request that has reached the fake upstream."""
    wire: Object = msgspec.json.decode(received.body)
    match dialect_of(received):
        case "openai_chat":
            return _read_openai(wire)
        case "openai_responses":
            return _read_responses(wire)
        case "anthropic":
            return _read_anthropic(wire)
        case _:
            return _read_gemini(wire)


def dialect_of(received: Received) -> str:
    """The wire format of a request, by its path."""
    if received.path == "/v1/chat/completions":
        return "openai_chat"
    if received.path.startswith("/v1/responses"):
        return "openai_responses"
    return "anthropic" if received.path.startswith("/v1/messages") else "gemini"


class _Body(msgspec.Struct):
    """The top level of a request in any of the formats."""

    messages: list["_Message"] = []
    system: "list[_Block] | str" = ""
    instructions: str | None = None
    input: "list[_Item] | str" = []
    contents: list["_Content"] = []
    systemInstruction: "_Content | None" = None  # noqa: N815 - the vendor's spelling


class _ImageURL(msgspec.Struct):
    url: str


class _Source(msgspec.Struct):
    media_type: str = ""
    data: str = ""


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _Call(msgspec.Struct):
    """A call; those of free-text tools have no function."""

    id: str
    function: _Function = _Function("", "{}")


class _Block(msgspec.Struct):
    """A part of a message in OpenAI's or Anthropic's format."""

    type: str
    text: str = ""
    image_url: _ImageURL | None = None
    source: _Source | None = None
    id: str = ""
    name: str = ""
    input: Object = {}
    tool_use_id: str = ""
    content: "list[_Block] | str" = ""
    signature: str = ""


class _Message(msgspec.Struct):
    role: str
    content: "list[_Block] | str | None" = None
    tool_calls: list[_Call] = []
    tool_call_id: str = ""


class _ItemPart(msgspec.Struct):
    """A part of a message, or of a tool's output, in OpenAI's Responses."""

    type: str
    text: str = ""
    image_url: str = ""


class _Item(msgspec.Struct):
    """An item of Responses. Messages may be written without their type."""

    type: str = "message"
    role: str = ""
    content: list[_ItemPart] | str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: list[_ItemPart] | str = ""
    encrypted_content: str | None = None

    @property
    def parts(self) -> list[_ItemPart]:
        """What it says, or what a tool has answered."""
        told = self.output or self.content or []
        return [_ItemPart("text", told)] if isinstance(told, str) else told

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


class _InlineData(msgspec.Struct):
    """Google takes both spellings of a name, and both alphabets of base64; its SDK uses the odd ones."""

    data: str
    mime_type: str = ""
    mimeType: str = ""  # noqa: N815 - the vendor's spelling

    def picture(self) -> tuple[str, bytes]:
        standard = self.data.replace("-", "+").replace("_", "/")
        return self.mime_type or self.mimeType, base64.b64decode(standard, validate=True)


class _GoogleCall(msgspec.Struct):
    name: str
    args: Object = {}
    id: str = ""


class _GoogleResult(msgspec.Struct):
    name: str
    response: Object
    id: str = ""


class _Part(msgspec.Struct, rename="camel"):
    text: str = ""
    thought: bool = False
    thought_signature: str = ""
    inline_data: _InlineData | None = None
    function_call: _GoogleCall | None = None
    function_response: _GoogleResult | None = None


class _Content(msgspec.Struct):
    parts: list[_Part]
    role: str = "user"


def _blocks(content: "list[_Block] | str | None") -> list[_Block]:
    if isinstance(content, str):
        return [_Block("text", text=content)]
    return content or []


def _text(content: "list[_Block] | str | None") -> str:
    return "".join(block.text for block in _blocks(content) if block.type == "text")


def _read_openai(wire: Object) -> Sent:
    body = msgspec.convert(wire, _Body)
    calls = {call.id: call.function for message in body.messages for call in message.tool_calls}
    spoken = [message for message in body.messages if message.role in {"user", "assistant"}]
    images = [
        block.image_url.url
        for message in spoken
        for block in _blocks(message.content)
        if block.image_url is not None
    ]
    return Sent(
        dialect="openai_chat",
        body=wire,
        system="\n".join(_text(one.content) for one in body.messages if one.role in {"system", "developer"}),
        turns=tuple(
            ("user" if one.role == "user" else "model", _text(one.content))
            for one in spoken
            if _text(one.content)
        ),
        answered=tuple(
            Answered(
                calls[one.tool_call_id].name,
                msgspec.json.decode(calls[one.tool_call_id].arguments),
                _text(one.content),
            )
            for one in body.messages
            if one.role == "tool"
        ),
        images=tuple(_of_data_url(url) for url in images),
        thoughts=(),
    )


def _read_responses(wire: Object) -> Sent:
    body = msgspec.convert(wire, _Body)
    items = [_Item(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    calls = {item.call_id: item for item in items if item.type == "function_call"}
    messages = [item for item in items if item.type == "message"]
    leading = [one.text for one in messages if one.role in {"system", "developer"}]
    return Sent(
        dialect="openai_responses",
        body=wire,
        system="\n".join([body.instructions] if body.instructions else leading),
        turns=tuple(
            ("user" if one.role == "user" else "model", one.text)
            for one in messages
            if one.role in {"user", "assistant"} and one.text
        ),
        answered=tuple(
            Answered(calls[one.call_id].name, msgspec.json.decode(calls[one.call_id].arguments), one.text)
            for one in items
            if one.type == "function_call_output"
        ),
        images=tuple(_of_data_url(part.image_url) for one in items for part in one.parts if part.image_url),
        thoughts=tuple(one.encrypted_content for one in items if one.encrypted_content),
    )


def _of_data_url(url: str) -> tuple[str, bytes]:
    head, _, data = url.partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data, validate=True)


def _read_anthropic(wire: Object) -> Sent:
    body = msgspec.convert(wire, _Body)
    blocks = [block for message in body.messages for block in _blocks(message.content)]
    calls = {block.id: block for block in blocks if block.type == "tool_use"}
    return Sent(
        dialect="anthropic",
        body=wire,
        system="\n".join(block.text for block in _blocks(body.system) if block.text),
        turns=tuple(
            ("user" if one.role == "user" else "model", _text(one.content))
            for one in body.messages
            if _text(one.content)
        ),
        answered=tuple(
            Answered(calls[block.tool_use_id].name, calls[block.tool_use_id].input, _text(block.content))
            for block in blocks
            if block.type == "tool_result"
        ),
        images=tuple(
            (block.source.media_type, base64.b64decode(block.source.data, validate=True))
            for outer in blocks
            for block in (outer, *_blocks(outer.content))
            if block.type == "image" and block.source is not None
        ),
        thoughts=tuple(block.signature for block in blocks if block.type == "thinking"),
    )


def _read_gemini(wire: Object) -> Sent:
    body = msgspec.convert(wire, _Body)
    parts = [part for content in body.contents for part in content.parts]
    calls = [part.function_call for part in parts if part.function_call is not None]
    results = [part.function_response for part in parts if part.function_response is not None]
    by_id = {call.id: call for call in calls if call.id}
    # without ids, the results stand in the order of the calls
    called = [by_id.get(result.id, call) for call, result in zip(calls, results, strict=False)]
    instruction = body.systemInstruction.parts if body.systemInstruction is not None else []
    return Sent(
        dialect="gemini",
        body=wire,
        system="\n".join(part.text for part in instruction),
        turns=tuple(
            (content.role, text)
            for content in body.contents
            if (text := "".join(part.text for part in content.parts if not part.thought))
        ),
        answered=tuple(
            Answered(call.name, call.args, _google_result(result))
            for call, result in zip(called, results, strict=True)
            if call.name == result.name
        ),
        images=tuple(part.inline_data.picture() for part in parts if part.inline_data is not None),
        thoughts=tuple(part.thought_signature for part in parts if part.thought_signature),
    )


def _google_result(result: _GoogleResult) -> str:
    output = result.response.get("output", result.response.get("result"))
    return output if isinstance(output, str) else msgspec.json.encode(result.response).decode()
