"""The messages of Google's API as its JSON reader knows them, and a reader as strict.

Google's API is defined in protocol buffers: a name that a message does not have is an error at any
depth, and so is a value of another type. Names are accepted in camel and in snake case, a single
value in place of a list, null in place of nothing; errors name fields in snake case.
"""

import base64
import binascii
import re
from typing import Final

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.gemini_errors import Violation, malformed

_PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta."

ENUMS: Final[dict[str, tuple[str, ...]]] = {
    "Type": ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"),
    "FunctionCallingConfig.Mode": ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"),
    "ThinkingConfig.ThinkingLevel": (
        "THINKING_LEVEL_UNSPECIFIED",
        "LOW",
        "HIGH",
        "MEDIUM",
        "MINIMAL",
        "XHIGH",
    ),
    "SafetySetting.HarmBlockThreshold": (
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        "BLOCK_LOW_AND_ABOVE",
        "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_ONLY_HIGH",
        "BLOCK_NONE",
        "OFF",
    ),
    "HarmCategory": (
        "HARM_CATEGORY_UNSPECIFIED",
        "HARM_CATEGORY_DEROGATORY",
        "HARM_CATEGORY_TOXICITY",
        "HARM_CATEGORY_VIOLENCE",
        "HARM_CATEGORY_SEXUAL",
        "HARM_CATEGORY_MEDICAL",
        "HARM_CATEGORY_DANGEROUS",
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_CIVIC_INTEGRITY",
        "HARM_CATEGORY_JAILBREAK",
        "HARM_CATEGORY_IMAGE_HATE",
        "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT",
        "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ),
    "Modality": ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO"),
    "TaskType": (
        "TASK_TYPE_UNSPECIFIED",
        "RETRIEVAL_QUERY",
        "RETRIEVAL_DOCUMENT",
        "SEMANTIC_SIMILARITY",
        "CLASSIFICATION",
        "CLUSTERING",
        "QUESTION_ANSWERING",
        "FACT_VERIFICATION",
        "CODE_RETRIEVAL_QUERY",
    ),
}
"""The words of each enumeration; a number counts them from 0."""

MESSAGES: Final[dict[str, dict[str, str]]] = {
    "GenerateContentRequest": {
        "model": "string",
        "contents": "Content[]",
        "system_instruction": "Content",
        "tools": "Tool[]",
        "tool_config": "ToolConfig",
        "safety_settings": "SafetySetting[]",
        "generation_config": "GenerationConfig",
        "cached_content": "string",
        "service_tier": "string",
        "store": "bool",
    },
    "CountTokensRequest": {
        "contents": "Content[]",
        "generate_content_request": "GenerateContentRequest",
    },
    "EmbedContentRequest": {
        "model": "string",
        "content": "Content",
        "task_type": "enum TaskType",
        "title": "string",
        "output_dimensionality": "int32",
        "auto_truncate": "bool",
    },
    "BatchEmbedContentsRequest": {"requests": "EmbedContentRequest[]"},
    "Content": {"role": "string", "parts": "Part[]"},
    "Part": {
        "text": "string",
        "inline_data": "Blob",
        "file_data": "FileData",
        "function_call": "FunctionCall",
        "function_response": "FunctionResponse",
        "executable_code": "any",
        "code_execution_result": "any",
        "tool_call": "any",
        "tool_response": "any",
        "thought": "bool",
        "thought_signature": "bytes",
        "video_metadata": "any",
        "media_resolution": "any",
        "part_metadata": "struct",
    },
    "Blob": {"mime_type": "string", "data": "bytes", "display_name": "string"},
    "FileData": {"mime_type": "string", "file_uri": "string", "display_name": "string"},
    "FunctionCall": {
        "id": "string",
        "name": "string",
        "args": "struct",
        "partial_args": "any",
        "will_continue": "bool",
    },
    "FunctionResponse": {
        "id": "string",
        "name": "string",
        "response": "struct",
        "parts": "FunctionResponsePart[]",
        "will_continue": "bool",
        "scheduling": "string",
    },
    "FunctionResponsePart": {"inline_data": "Blob", "file_data": "FileData"},
    "Tool": {
        "function_declarations": "FunctionDeclaration[]",
        "google_search": "any",
        "google_search_retrieval": "any",
        "url_context": "any",
        "code_execution": "any",
        "google_maps": "any",
        "file_search": "any",
        "computer_use": "any",
        "mcp_servers": "any",
    },
    "FunctionDeclaration": {
        "name": "string",
        "description": "string",
        "behavior": "string",
        "parameters": "Schema",
        "parameters_json_schema": "any",
        "response": "Schema",
        "response_json_schema": "any",
    },
    "Schema": {
        "type": "enum Type",
        "format": "string",
        "title": "string",
        "description": "string",
        "nullable": "bool",
        "enum": "string[]",
        "items": "Schema",
        "max_items": "int64",
        "min_items": "int64",
        "properties": "Schema{}",
        "required": "string[]",
        "min_properties": "int64",
        "max_properties": "int64",
        "minimum": "double",
        "maximum": "double",
        "min_length": "int64",
        "max_length": "int64",
        "pattern": "string",
        "example": "any",
        "any_of": "Schema[]",
        "property_ordering": "string[]",
        "default": "any",
    },
    "ToolConfig": {
        "function_calling_config": "FunctionCallingConfig",
        "retrieval_config": "any",
        "include_server_side_tool_invocations": "bool",
    },
    "FunctionCallingConfig": {
        "mode": "enum FunctionCallingConfig.Mode",
        "allowed_function_names": "string[]",
    },
    "SafetySetting": {
        "category": "enum HarmCategory",
        "threshold": "enum SafetySetting.HarmBlockThreshold",
    },
    "GenerationConfig": {
        "stop_sequences": "string[]",
        "response_mime_type": "string",
        "response_schema": "Schema",
        "response_json_schema": "any",
        "response_format": "any",
        "candidate_count": "int32",
        "max_output_tokens": "int32",
        "temperature": "float",
        "top_p": "float",
        "top_k": "int32",
        "seed": "int32",
        "presence_penalty": "float",
        "frequency_penalty": "float",
        "response_logprobs": "bool",
        "logprobs": "int32",
        "enable_enhanced_civic_answers": "bool",
        "response_modalities": "enum Modality[]",
        "speech_config": "any",
        "thinking_config": "ThinkingConfig",
        "media_resolution": "string",
        "image_config": "any",
        "continuation_token": "string",
        "translation_config": "any",
    },
    "ThinkingConfig": {
        "include_thoughts": "bool",
        "thinking_budget": "int32",
        "thinking_level": "enum ThinkingConfig.ThinkingLevel",
    },
}

PART_DATA: Final = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)
"""The members of a part of which exactly one has to be there."""

_LIMITS = {"int32": 2**31, "int64": 2**63}
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def read_message(value: Object, kind: str = "GenerateContentRequest") -> Object:
    """The request, a message of `kind`, with every known name in snake case and lists where lists belong.

    Raises `RefusedError` that tells all that Google's JSON reader would refuse.
    """
    reader = _Reader()
    message = reader.message(kind, value, "")
    if reader.violations:
        raise malformed(reader.violations)
    return message


def snake(name: str) -> str:
    """The proto spelling of a JSON name."""
    return _CAMEL.sub(r"_\1", name).lower()


class _Reader:
    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def message(self, kind: str, value: Object, path: str) -> Object:
        fields = MESSAGES[kind]
        found: Object = {}
        for name, member in value.items():
            field = snake(name)
            if field not in fields or (field != name and "_" in name):
                self._unknown(name, path, "Cannot find field.")
                continue
            if member is None:
                continue
            inner = f"{path}.{field}" if path else field
            if kind == "Part" and field in PART_DATA and (set(found) & set(PART_DATA)):
                problem = f"oneof field 'data' is already set. Cannot set '{name}'"
                self.violations.append(Violation(path, f"Invalid value at '{path}' (oneof), {problem}"))
                continue
            read = self._field(fields[field], member, inner, name, path)
            if read is not None:
                found[field] = read
        return found

    def _unknown(self, name: str, path: str, problem: str) -> None:
        where = f" at '{path}'" if path else ""
        description = f'Invalid JSON payload received. Unknown name "{name}"{where}: {problem}'
        self.violations.append(Violation(path, description))

    def _field(self, kind: str, value: JSON, path: str, name: str, parent: str) -> JSON:
        if kind.endswith("[]"):
            elements = value if isinstance(value, list) else [value]
            single = kind.removesuffix("[]")
            return [
                self._field(single, element, f"{path}[{place}]", name, path)
                for place, element in enumerate(elements)
                if element is not None
            ]
        if kind.endswith("{}"):
            if not isinstance(value, dict):
                return self._wrong("Map", value, path)
            single = kind.removesuffix("{}")
            return {
                key: self._field(single, element, f"{path}[{place}].value", name, path)
                for place, (key, element) in enumerate(value.items())
            }
        if isinstance(value, list) and kind not in {"any", "struct"}:
            self._unknown(name, parent, "Proto field is not repeating, cannot start list.")
            return None
        return self._single(kind, value, path)

    def _single(self, kind: str, value: JSON, path: str) -> JSON:
        if kind.startswith("enum "):
            return self._enum(kind.removeprefix("enum "), value, path)
        match kind:
            case "any":
                return value
            case "struct":
                return (
                    value if isinstance(value, dict) else self._wrong("google.protobuf.Struct", value, path)
                )
            case "string":
                return value if isinstance(value, str) else self._wrong("TYPE_STRING", value, path)
            case "bool":
                return value if isinstance(value, bool) else self._wrong("TYPE_BOOL", value, path)
            case "bytes":
                return self._bytes(value, path)
            case "float" | "double" | "int32" | "int64":
                return self._number(kind, value, path)
            case _:
                if isinstance(value, dict):
                    return self.message(kind, value, path)
                return self._wrong(_PACKAGE + kind, value, path)

    def _wrong(self, kind: str, value: JSON, path: str) -> None:
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        self.violations.append(Violation(path, f"Invalid value at '{path}' ({kind}), {shown}"))

    def _enum(self, kind: str, value: JSON, path: str) -> JSON:
        if isinstance(value, str) and value.upper() in ENUMS[kind]:
            return value.upper()
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(ENUMS[kind]):
            return ENUMS[kind][value]
        return self._wrong(_PACKAGE + kind, value, path)

    def _bytes(self, value: JSON, path: str) -> JSON:
        if not isinstance(value, str):
            return self._wrong("TYPE_BYTES", value, path)
        padded = value.rstrip("=")
        padded += "=" * (-len(padded) % 4)
        try:
            base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            return self._wrong("TYPE_BYTES", f"Base64 decoding failed for {value[:40]}", path)
        return value

    def _number(self, kind: str, value: JSON, path: str) -> JSON:
        number = value
        if isinstance(number, str):
            try:
                number = float(number)
            except ValueError:
                number = None
        whole = kind.startswith("int")
        if isinstance(number, bool) or not isinstance(number, int | float):
            return self._wrong(f"TYPE_{kind.upper()}", value, path)
        if whole and (number != int(number) or abs(number) >= _LIMITS[kind]):
            return self._wrong(f"TYPE_{kind.upper()}", value, path)
        return int(number) if whole else number
