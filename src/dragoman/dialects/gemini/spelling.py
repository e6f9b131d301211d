"""Reading the members of a message, their names in camelCase or in snake_case.

The JSON form of protocol buffers allows both spellings.

Most clients send camelCase, so a cheap look decides whether anything has to be rewritten at all.
The rewriting follows the shape of the messages, so that it never reaches the client's own data:
arguments of calls, results, schemas.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from dragoman.conversation.failure import invalid
from dragoman.dialects.gemini.wire import (
    Blob,
    Content,
    FileData,
    FunctionCall,
    FunctionCallingConfig,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    Part,
    PartialArg,
    ThinkingConfig,
)
from dragoman.dialects.json_text import field_error

T = TypeVar("T")

Shape = Mapping[str, "Shape"]
"""Which members of a message (camelCase) are messages themselves, and their shapes. A list of
messages has the shape of its elements."""

_MEDIA: Shape = {"inlineData": {}, "fileData": {}}
CONTENT: Shape = {
    "parts": {
        **_MEDIA,
        "functionCall": {"partialArgs": {}},
        "functionResponse": {"parts": _MEDIA},
        "videoMetadata": {},
        "mediaResolution": {},
    }
}
GENERATION_CONFIG: Shape = {"thinkingConfig": {}}
TOOL: Shape = {"functionDeclarations": {}}
TOOL_CONFIG: Shape = {"functionCallingConfig": {}}

_MEMBERS = re.compile(rb'"([a-z]++(?:_[a-z0-9]++)++)"\s*:')
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])


def _snake_members() -> frozenset[bytes]:
    structs = (
        Blob,
        Content,
        FileData,
        FunctionCall,
        FunctionCallingConfig,
        FunctionDeclaration,
        FunctionResponse,
        GenerationConfig,
        Part,
        PartialArg,
        ThinkingConfig,
    )
    names = {field.name for struct in structs for field in msgspec.structs.fields(struct)}
    names |= {
        "function_calling_config",
        "function_declarations",
        "code_execution",
        "google_search",
        "google_search_retrieval",
        "url_context",
        "google_maps",
        "file_search",
        "computer_use",
        "response_modalities",
        "speech_config",
        "image_config",
        "retrieval_config",
        "embed_content_config",
        "output_dimensionality",
        "task_type",
    }
    return frozenset(name.encode() for name in names if "_" in name)


SNAKE_MEMBERS = _snake_members()


def camel(name: str) -> str:
    """A member name in camelCase; one that is so already stays."""
    if "_" not in name.strip("_"):
        return name
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def camel_members(message: dict[str, Raw]) -> dict[str, Raw]:
    """The members of one message under their camelCase names, values untouched."""
    if "_" not in "".join(message):
        return message
    return {camel(name): value for name, value in message.items()}


def camel_text(raw: Raw, shape: Shape) -> Raw:
    """The same messages with their member names in camelCase; `raw` itself where they are already."""
    if bytes(raw).find(b"_") < 0 or not any(match[1] in SNAKE_MEMBERS for match in _MEMBERS.finditer(raw)):
        return raw
    return _rewritten(raw, shape)


def _rewritten(raw: Raw, shape: Shape) -> Raw:
    first = bytes(memoryview(raw)[:1])
    if first == b"[":
        return Raw(msgspec.json.encode([_rewritten(element, shape) for element in _LIST.decode(raw)]))
    if first == b"{":
        members = camel_members(_OBJECT.decode(raw))
        return Raw(
            msgspec.json.encode(
                {
                    name: _rewritten(value, shape[name]) if name in shape else value
                    for name, value in members.items()
                }
            )
        )
    return raw


def decode_member(decoder: msgspec.json.Decoder[T], raw: Raw, path: str, shape: Shape) -> T:
    """The checked value of a request's member at `path`, in either spelling.

    Raises `FailureError` (invalid request) that names the field at fault.
    """
    try:
        return decoder.decode(camel_text(raw, shape))
    except msgspec.ValidationError as error:
        raise field_error(error, path, decoder) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(f"'{path}': not valid UTF-8.", param=path) from None
    except RecursionError:
        raise invalid(f"'{path}': nested too deeply.", param=path) from None
