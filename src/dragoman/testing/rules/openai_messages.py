"""What OpenAI refuses in `messages` of Chat Completions.

Members that OpenAI does not know are let through inside messages: recorded requests with foreign
members in messages and content parts were answered.
"""

import re

import msgspec

from dragoman.models.profile import Profile
from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import Object
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.refusal import RefusedError

LONGEST_CALL_ID = 40
_IMAGE_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*\Z")
_FILE_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,")
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "assistant": ("text", "refusal"),
    "user": ("text", "image_url", "input_audio", "file"),
}


def check_messages(messages: Field, profile: Profile) -> None:
    """Raise `RefusedError` for the first message that OpenAI refuses, or Mistral where it is one of its
    models.
    """
    waiting: list[str] = []
    for place, message in enumerate(messages.elements("objects", least=1)):
        role = message.required("role").word("system", "assistant", "user", "function", "tool", "developer")
        if role == "tool":
            _check_tool_message(message, place, waiting)
            continue
        _check_answered(waiting, place - 1)
        _check_content(message, role)
        if (name := message.member("name")) is not None:
            name.string()
        if role == "assistant":
            waiting = _check_calls(message)
            if profile.call_id_form == "mistral":
                _check_short_ids(waiting)
    _check_answered(waiting, len(messages.elements("objects")) - 1)


def _check_answered(waiting: list[str], before: int) -> None:
    if waiting:
        raise refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(waiting)}",
            f"messages.[{before}].role",
        )


def _check_tool_message(message: Field, place: int, waiting: list[str]) -> None:
    call_id = message.required("tool_call_id").string()
    if not waiting:
        raise refused(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            f"messages.[{place}].role",
        )
    if call_id not in waiting:
        raise refused(
            f"Invalid parameter: 'tool_call_id' of '{call_id}' not found in 'tool_calls' of previous "
            "message.",
            f"messages.[{place}].tool_call_id",
        )
    waiting.remove(call_id)
    _check_content(message, "tool")


def _check_calls(message: Field) -> list[str]:
    """The ids that tool messages have to answer now."""
    if (function_call := message.member("function_call")) is not None:
        function_call.required("name").string()
        function_call.required("arguments").string()
    calls = message.member("tool_calls")
    if calls is None:
        return []
    ids: list[str] = []
    for call in calls.elements("objects", least=1):
        ids.append(call.required("id").string(LONGEST_CALL_ID))
        if call.required("type").word("function", "custom") == "function":
            function = call.required("function")
            function.required("name").string()
            function.required("arguments").string()
        else:
            custom = call.required("custom")
            custom.required("name").string()
            custom.required("input").string()
    return ids


def _check_short_ids(ids: list[str]) -> None:
    """Mistral's rule, in Mistral's words and shape of error."""
    for call_id in ids:
        if not re.fullmatch(r"[a-zA-Z0-9]{9}", call_id):
            error = {
                "object": "error",
                "message": f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.",
                "type": "invalid_function_call",
                "param": None,
                "code": "3280",
            }
            raise RefusedError(json_answer(400, msgspec.json.encode(error)))


def _check_content(message: Field, role: str) -> None:
    members = message.object()
    content = Field(f"{message.path}.content", members.get("content"))
    if content.value is None:
        if role == "function" and "content" in members:
            return
        if role == "assistant" and _may_be_empty(members):
            return
        if "content" not in members and role != "assistant":
            message.required("content")
        dotted = message.path.replace("[", ".[")
        raise refused("Invalid value for 'content': expected a string, got null.", f"{dotted}.content")
    if isinstance(content.value, str):
        return
    if not isinstance(content.value, list):
        raise content.wrong_type("one of a string or array of objects")
    for part in content.elements("objects", least=1):
        _check_part(part, role, message)


def _may_be_empty(members: Object) -> bool:
    return any(members.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))


def _check_part(part: Field, role: str, message: Field) -> None:
    kind = part.required("type")
    if kind.value == "image_url" and role in {"system", "developer", "assistant"}:
        raise refused(
            f"Invalid '{message.path}'. Image URLs are only allowed for messages with role 'user', but this "
            f"message with role '{role}' contains an image URL.",
            message.path,
            "invalid_value",
        )
    match kind.word(*_PARTS.get(role, ("text",))):
        case "text":
            part.required("text").string()
        case "refusal":
            part.required("refusal").string()
        case "image_url":
            _check_image(part.required("image_url"))
        case "input_audio":
            audio = part.required("input_audio")
            audio.required("data").string()
            audio.required("format").word("wav", "mp3")
        case _:
            _check_file(part.required("file"))


def _check_image(image: Field) -> None:
    url = image.required("url")
    value = url.string()
    if (detail := image.member("detail")) is not None:
        detail.word("auto", "low", "high", "original")
    if value.startswith("data:"):
        if not _IMAGE_DATA.match(value):
            raise refused(
                f"Invalid '{url.path}'. Expected a base64-encoded data URL with an image MIME type (e.g. "
                "'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got "
                f"unsupported MIME type '{value[5:].partition(';')[0]}'.",
                url.path,
                "invalid_value",
            )
    elif not re.match(r"https?://[^\s/]+", value):
        raise refused(
            f"Invalid '{url.path}'. Expected a valid URL, but got a value with an invalid format.",
            url.path,
            "invalid_value",
        )


def _check_file(file: Field) -> None:
    if file.member("file_id") is not None:
        file.required("file_id").string()
        return
    data = file.required("file_data")
    value = data.string()
    file.required("filename").string()
    if not _FILE_DATA.match(value):
        flaw = "an invalid data URL" if value.startswith("data:") else "a value without the 'data:' prefix"
        raise refused(
            f"Invalid '{data.path}'. Expected a base64-encoded data URL with an application/pdf MIME type "
            f"(e.g. 'data:application/pdf;base64,aGVsbG8gd29ybGQ='), but got {flaw}.",
            data.path,
            "invalid_value",
        )
