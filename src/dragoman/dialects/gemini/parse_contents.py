"""The conversation of a request: contents and parts as messages and blocks."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Role
from dragoman.dialects.gemini.arguments import arguments_text, compact_lines
from dragoman.dialects.gemini.media import attributes_of, media_block
from dragoman.dialects.gemini.signatures import Entry, Kind, placed, unpacked
from dragoman.dialects.gemini.spelling import CONTENT, camel_text, decode_member
from dragoman.dialects.gemini.wire import (
    AnyContent,
    Content,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
    given,
    part_list,
)

DIALECT = "gemini"

_CONTENTS: msgspec.json.Decoder[list[Content] | Content] = msgspec.json.Decoder(list[Content] | Content)
_CONTENT = msgspec.json.Decoder(Content)
_ANY_PARTS: msgspec.json.Decoder[list[AnyContent] | AnyContent] = msgspec.json.Decoder(
    list[AnyContent] | AnyContent
)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_STRING = msgspec.json.Decoder(str)

_ROLES = {None: Role.USER, "": Role.USER, "user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}


def parse_contents(raw: Raw) -> tuple[Message, ...]:
    """The messages of `contents`. Neighbouring contents of the model are one turn: streaming
    clients keep one for each chunk.

    Raises `FailureError` that names the part at fault.
    """
    decoded = decode_member(_CONTENTS, raw, "contents", CONTENT)
    contents = [decoded] if isinstance(decoded, Content) else decoded
    messages: list[Message] = []
    turn: _ModelTurn | None = None
    for place, content in enumerate(contents):
        path = f"contents[{place}]"
        role = _ROLES.get(content.role)
        if role is None:
            raise invalid(f"'{path}.role': expected user or model.", param=f"{path}.role")
        parts = part_list(content.parts)
        if role is Role.ASSISTANT:
            turn = turn or _ModelTurn()
            for number, part in enumerate(parts):
                if _bare(part):
                    _check_bare(raw, place, number)
                turn.add(part, f"{path}.parts[{number}]")
            continue
        if turn is not None:
            messages.append(Message(Role.ASSISTANT, tuple(turn.blocks)))
            turn = None
        blocks = tuple(_user_block(part, f"{path}.parts[{number}]") for number, part in enumerate(parts))
        messages.append(Message(Role.USER, blocks))
    if turn is not None:
        messages.append(Message(Role.ASSISTANT, tuple(turn.blocks)))
    return tuple(messages)


def parse_system(raw: Raw) -> tuple[Text, ...]:
    """The texts of `systemInstruction`, whatever its role says."""
    content = decode_member(_CONTENT, raw, "systemInstruction", CONTENT)
    texts: list[Text] = []
    for number, part in enumerate(part_list(content.parts)):
        if part.text is None:
            path = f"systemInstruction.parts[{number}]"
            raise invalid(f"'{path}': expected text.", param=path)
        texts.append(Text(part.text))
    return tuple(texts)


def _user_block(part: Part, path: str) -> Block:
    if part.function_response is not None:
        return _tool_result(part.function_response, path)
    if part.function_call is not None:
        raise invalid(f"'{path}.functionCall': calls belong to the model's turn.", param=path)
    if part.text is not None:
        signature = _native(part.thought_signature)
        return Text(part.text, signature=signature, opaque=attributes_of(part))
    return _other_block(part, path)


def _other_block(part: Part, path: str) -> Block:
    """The block of a part that is neither text, thought nor result."""
    if part.inline_data is not None or part.file_data is not None:
        return media_block(part)
    unknown = server_block(part)
    if unknown is None:
        raise invalid(
            f"'{path}': expected one of text, inlineData, fileData, functionCall or functionResponse.",
            param=path,
        )
    return unknown


def server_block(part: Part) -> Unknown | None:
    """The block for work that Google did itself; None for a part of another kind."""
    for kind, raw in (
        ("executableCode", part.executable_code),
        ("codeExecutionResult", part.code_execution_result),
        ("toolCall", part.tool_call),
        ("toolResponse", part.tool_response),
    ):
        if given(raw):
            return Unknown(DIALECT, kind, compact_lines(msgspec.json.encode(part)), server_side=True)
    return None


def _native(value: str | None) -> Signature | None:
    """A signature of Google's own; the sealed ones of other vendors are read elsewhere."""
    return Signature(DIALECT, "", value) if value and unpacked(value) is None else None


def _tool_call(call: FunctionCall, signature: Signature | None) -> ToolCall:
    return ToolCall(call.id or "", call.name or "", arguments_text(call.args), signature=signature)


class _ModelTurn:
    """The blocks of the model's turn, as they come part by part."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._since = 0

    def add(self, part: Part, path: str) -> None:
        """Take the next part."""
        if part.function_response is not None:
            raise invalid(f"'{path}.functionResponse': results belong to the user's turn.", param=path)
        entries: list[Entry] | None = None
        native: Signature | None = None
        if part.thought_signature:
            entries = unpacked(part.thought_signature)
            native = _own(entries) if entries else Signature(DIALECT, "", part.thought_signature)
        call = part.function_call
        if part.text is not None and part.thought:
            self._thought(part.text, native)
        elif part.text is not None or _bare(part):
            self._text(part, native)
        elif call is not None:
            self.blocks.append(_tool_call(call, native))
        else:
            self.blocks.append(_other_block(part, path))
        if entries is not None:
            self._carried(entries, len(self.blocks) - (1 if call is not None else 0))

    def _thought(self, text: str, signature: Signature | None) -> None:
        before = self.blocks[-1] if len(self.blocks) > self._since else None
        if isinstance(before, Thinking) and before.signature is None:
            self.blocks[-1] = Thinking(before.text + text, signature)
        elif text or signature is not None:
            self.blocks.append(Thinking(text, signature))

    def _text(self, part: Part, signature: Signature | None) -> None:
        text = part.text or ""
        before = self.blocks[-1] if len(self.blocks) > self._since else None
        opaque = attributes_of(part)
        if isinstance(before, Text) and before.signature is None and not opaque and not before.opaque:
            self.blocks[-1] = Text(before.text + text, signature=signature)
        elif text or signature is not None:
            self.blocks.append(Text(text, signature=signature, opaque=opaque))

    def _carried(self, entries: list[Entry], carrier: int) -> None:
        """Put reasoning back that the newest part carried."""
        last = self.blocks[-1] if len(self.blocks) > self._since else None
        own = next((entry.signature for entry in entries if entry.kind is Kind.TEXT), None)
        if own is not None and isinstance(last, Text):
            self.blocks[-1] = msgspec.structs.replace(last, signature=own)
        placed(self.blocks, self._since, carrier, entries)
        self._since = len(self.blocks)


def _own(entries: list[Entry]) -> Signature | None:
    """The signature of the carrying call itself."""
    for entry in entries:
        if entry.kind is Kind.CALL or (entry.kind is Kind.PLAIN and entry.signature.dialect == DIALECT):
            return entry.signature
    return None


def _bare(part: Part) -> bool:
    """Whether a part says nothing: clients that leave out empty strings send empty texts so."""
    return msgspec.structs.replace(part, thought=None, thought_signature=None) == _NOTHING


_NOTHING = Part()


def _check_bare(raw: Raw, place: int, number: int) -> None:
    """Refuse a part of a kind that is not known here: dropping it would change what was said."""
    decoded = _ANY_PARTS.decode(camel_text(raw, CONTENT))
    contents = [decoded] if isinstance(decoded, AnyContent) else decoded
    parts = contents[place].parts
    members = parts[number] if isinstance(parts, list) else parts or {}
    unknown = [name for name, value in members.items() if name not in _ATTRIBUTES and given(value)]
    if unknown:
        path = f"contents[{place}].parts[{number}]"
        raise invalid(f"'{path}': parts of kind {unknown[0]} are not known here.", param=path)


_ATTRIBUTES = frozenset({"text", "thought", "thoughtSignature"})


def _tool_result(wire: FunctionResponse, path: str) -> ToolResult:
    path = f"{path}.functionResponse"
    text, failed = _result_text(wire.response, f"{path}.response")
    blocks: list[Text | Image | Audio | Document | Unknown] = [Text(text)] if text is not None else []
    parts = [wire.parts] if isinstance(wire.parts, FunctionResponsePart) else wire.parts or []
    blocks.extend(
        media_block(Part(inline_data=part.inline_data, file_data=part.file_data))
        for part in parts
        if part.inline_data is not None or part.file_data is not None
    )
    return ToolResult(
        wire.id or "",
        tuple(blocks),
        name=wire.name or None,
        is_error=failed,
        opaque=tuple(_result_extras(wire)),
    )


def _result_extras(wire: FunctionResponse) -> Iterator[Opaque]:
    for name, raw in (
        ("response", wire.response),
        ("willContinue", wire.will_continue),
        ("scheduling", wire.scheduling),
    ):
        if given(raw):
            yield Opaque(DIALECT, name, bytes(raw))


def _result_text(response: Raw, path: str) -> tuple[str | None, bool]:
    """What a function answered, as text, and whether that is an error."""
    if not given(response):
        return None, False
    try:
        members = _OBJECT.decode(response)
        if len(members) == 1:
            name, value = next(iter(members.items()))
            if name in {"output", "result", "error"}:
                return _as_text(value), name == "error"
        return bytes(response).decode(), False
    except msgspec.ValidationError:
        raise _not_an_object(path) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(f"'{path}': not valid UTF-8.", param=path) from None


def _as_text(value: Raw) -> str:
    return _STRING.decode(value) if bytes(memoryview(value)[:1]) == b'"' else bytes(value).decode()


def _not_an_object(path: str) -> FailureError:
    return invalid(f"'{path}': expected an object.", param=path, code="invalid_value")
