"""Parts of a request as blocks, each for itself."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import Audio, Block, Document, Image, Text, ToolCall, ToolResult, Unknown
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.dialects.arguments import arguments_text
from dragoman.dialects.gemini.media import attributes_of, media_block
from dragoman.dialects.gemini.signatures import unpacked
from dragoman.dialects.gemini.wire import FunctionCall, FunctionResponse, FunctionResponsePart, Part, given
from dragoman.frames.sse import on_one_line

DIALECT = "gemini"

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_STRING = msgspec.json.Decoder(str)


def user_block(part: Part, path: str) -> Block:
    """The block of a user's part. Raises `FailureError` for a part that has no place there."""
    if part.function_response is not None:
        return _tool_result(part.function_response, path)
    if part.function_call is not None:
        raise invalid(f"'{path}.functionCall': calls belong to the model's turn.", param=path)
    if part.text is not None:
        signature = _native(part.thought_signature)
        return Text(part.text, signature=signature, opaque=attributes_of(part))
    return other_block(part, path)


def other_block(part: Part, path: str) -> Block:
    """The block of a part that is neither text, thought, call nor result.

    Raises `FailureError` for a part of no known kind.
    """
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
            return Unknown(DIALECT, kind, on_one_line(msgspec.json.encode(part)), server_side=True)
    return None


def _native(value: str | None) -> Signature | None:
    """A signature of Google's own; the sealed ones of other vendors are read elsewhere."""
    return Signature(DIALECT, "", value) if value and unpacked(value) is None else None


def tool_call(call: FunctionCall, signature: Signature | None) -> ToolCall:
    """The block of a call in a history; its id may be missing."""
    return ToolCall(call.id or "", call.name or "", arguments_text(call.args), signature=signature)


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
