"""What OpenAI refuses in `input` of Responses: the shape of every kind of item, and their order."""

import re

from dragoman.testing.json_value import JSON
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.signatures import Verdict, check_signature

LONGEST_CALL_ID = 64

_STATUS = ("in_progress", "completed", "incomplete")
_ROLES = ("assistant", "system", "developer", "user")
_IMAGE_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*\Z")
_FILE_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,")
_DETAILS = ("auto", "low", "high", "original")
_PARTS = {
    "input_text": ("text", "prompt_cache_breakpoint"),
    "input_image": ("image_url", "file_id", "detail", "prompt_cache_breakpoint"),
    "input_file": ("file_data", "file_id", "file_url", "filename", "detail", "prompt_cache_breakpoint"),
    "output_text": ("text", "annotations", "logprobs"),
    "refusal": ("refusal",),
}
_ASSISTANT_PARTS = ("output_text", "refusal")
_INPUT_PARTS = ("input_text", "input_image", "input_file")

_MEMBERS = {
    "message": ("role", "content", "id", "status", "phase"),
    "function_call": ("id", "call_id", "name", "arguments", "status", "namespace", "caller"),
    "function_call_output": ("id", "call_id", "output", "status", "caller", "name", "namespace"),
    "custom_tool_call": ("id", "call_id", "name", "input", "status", "namespace", "caller"),
    "custom_tool_call_output": ("id", "call_id", "output", "status", "caller", "name", "namespace"),
    "reasoning": ("id", "summary", "content", "encrypted_content", "status"),
    "item_reference": ("id",),
    "compaction": ("id", "encrypted_content"),
}
"""The members of the items whose shape is known in full, besides `type`."""

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "reasoning": "rs",
    "compaction": "cmp",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "computer_call": "cu",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr",
    "shell_call": "sh",
    "local_shell_call": "lsh",
    "apply_patch_call": "apc",
    "additional_tools": "at",
}
"""How the ids of items begin."""

_NEEDED = {
    "web_search_call": ("id", "status", "action"),
    "file_search_call": ("id", "status", "queries"),
    "code_interpreter_call": ("id", "container_id"),
    "image_generation_call": ("id", "result", "status"),
    "computer_call": ("id", "call_id"),
    "computer_call_output": ("call_id", "output"),
    "local_shell_call": ("id", "call_id", "action"),
    "local_shell_call_output": ("id", "output"),
    "shell_call": ("call_id", "action"),
    "shell_call_output": ("call_id", "output"),
    "apply_patch_call": ("call_id", "operation"),
    "apply_patch_call_output": ("call_id", "status"),
    "mcp_list_tools": ("id", "server_label", "tools"),
    "mcp_call": ("id", "arguments", "name", "server_label"),
    "mcp_approval_request": ("id", "arguments", "name", "server_label"),
    "mcp_approval_response": ("approval_request_id", "approve"),
    "tool_search_call": ("arguments",),
    "tool_search_output": ("tools",),
    "additional_tools": ("role", "tools"),
    "configuration_update": (),
    "compaction_trigger": (),
    "program": ("id", "call_id", "code", "fingerprint"),
    "program_output": ("call_id", "result"),
}
"""The other kinds of items, with the members that have to be there."""

_KINDS = tuple(dict.fromkeys((*_MEMBERS, *_NEEDED)))
_OUTPUTS = {
    "function_call": ("function_call_output", "function call"),
    "custom_tool_call": ("custom_tool_call_output", "custom tool call"),
}
"""The kinds of calls that the client answers, with what answers them and what messages call them."""


def check_input(given: Field) -> None:
    """Raise `RefusedError` for input that OpenAI refuses."""
    if isinstance(given.value, str):
        return
    if not isinstance(given.value, list):
        raise given.wrong_type("one of a string or array of input items")
    items = given.elements("input items")
    for item in items:
        _check_item(item)
    _check_pairs(items)
    _check_reasoning_order(items)


def kind_of_item(item: Field) -> str:
    """The item's type; messages and references may leave it out."""
    members = item.object()
    if (kind := members.get("type")) is not None:
        return str(kind)
    return "item_reference" if set(members) == {"id"} else "message"


def _check_item(item: Field) -> None:
    item.object()
    if (kind := item.member("type")) is not None:
        kind.word(*_KINDS)
    name = kind_of_item(item)
    if (known := _MEMBERS.get(name)) is not None:
        item.only("type", *known)
    for member in _NEEDED.get(name, ()):
        item.required(member)
    _check_id(item, name)
    if (status := item.member("status")) is not None and name in _MEMBERS:
        status.word(*_STATUS)
    match name:
        case "message":
            _check_message(item)
        case "function_call" | "custom_tool_call":
            item.required("call_id").string(LONGEST_CALL_ID, "^.")
            item.required("name").string(128, "^[a-zA-Z0-9_-]+$")
            item.required("input" if name == "custom_tool_call" else "arguments").string()
        case "function_call_output" | "custom_tool_call_output":
            item.required("call_id").string(LONGEST_CALL_ID, "^.")
            _check_output(item.required("output"))
        case "reasoning":
            _check_reasoning(item)
        case "item_reference":
            item.required("id").string()
        case _:
            pass


def _check_id(item: Field, kind: str) -> None:
    identity = item.member("id")
    if identity is None:
        return
    value, prefix = identity.string(), _PREFIXES.get(kind)
    if prefix is not None and not value.startswith(prefix):
        raise identity.invalid(f"'{value}'. Expected an ID that begins with '{prefix}'.")


def _check_message(message: Field) -> None:
    role = message.required("role").word(*_ROLES)
    content = message.required("content")
    if (phase := message.member("phase")) is not None:
        phase.word("commentary", "final_answer")
        if role != "assistant":
            raise refused(
                f"Unknown parameter: '{message.path}.phase'.", f"{message.path}.phase", "unknown_parameter"
            )
    if isinstance(content.value, str):
        return
    if not isinstance(content.value, list):
        raise content.wrong_type("one of an array of objects or string")
    for part in content.elements("objects"):
        _check_part(part, _ASSISTANT_PARTS if role == "assistant" else _INPUT_PARTS)


def _check_part(part: Field, kinds: tuple[str, ...]) -> None:
    kind = part.required("type").word(*kinds)
    part.only("type", *_PARTS[kind])
    match kind:
        case "input_text" | "output_text":
            part.required("text").string()
            if (annotations := part.member("annotations")) is not None:
                for annotation in annotations.elements("objects"):
                    _check_annotation(annotation)
        case "refusal":
            part.required("refusal").string()
        case "input_image":
            _check_image(part)
        case _:
            _check_file(part)


def _check_annotation(annotation: Field) -> None:
    kind = annotation.required("type").word(
        "file_citation", "url_citation", "container_file_citation", "file_path"
    )
    if kind == "url_citation":
        annotation.only("type", "url", "title", "start_index", "end_index")
        annotation.required("url").string()
        annotation.required("title").string()
        annotation.required("start_index").integer(0)
        annotation.required("end_index").integer(0)


def _check_image(image: Field) -> None:
    if (detail := image.member("detail")) is not None:
        detail.word(*_DETAILS)
    if (stored := image.member("file_id")) is not None:
        stored.string()
        return
    url = image.required("image_url")
    value = url.string()
    if value.startswith("data:"):
        if not _IMAGE_DATA.match(value):
            kind = value[5:].partition(";")[0]
            raise url.invalid(
                "Expected a base64-encoded data URL with an image MIME type (e.g. "
                f"'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got unsupported MIME type '{kind}'."
            )
    elif not re.match(r"https?://[^\s/]+", value):
        raise url.invalid("Expected a valid URL, but got a value with an invalid format.")


def _check_file(file: Field) -> None:
    given = [name for name in ("file_id", "file_data", "file_url") if file.member(name) is not None]
    if len(given) != 1:
        raise refused(
            "Mutually exclusive parameters: 'file_id', 'file_data' and 'file_url'. Ensure you are only "
            "providing one of them."
            if given
            else f"Missing required parameter: '{file.path}.file_id'.",
            f"{file.path}.file_id",
            "mutually_exclusive_parameters" if given else "missing_required_parameter",
        )
    source = file.required(given[0])
    value = source.string()
    if given[0] == "file_data":
        file.required("filename").string()
        if not _FILE_DATA.match(value):
            flaw = (
                "an invalid data URL" if value.startswith("data:") else "a value without the 'data:' prefix"
            )
            raise source.invalid(
                "Expected a base64-encoded data URL with an application/pdf MIME type (e.g. "
                f"'data:application/pdf;base64,aGVsbG8gd29ybGQ='), but got {flaw}."
            )
    elif given[0] == "file_url" and not re.match(r"https?://[^\s/]+", value):
        raise source.invalid("Expected a valid URL, but got a value with an invalid format.")


def _check_output(output: Field) -> None:
    if isinstance(output.value, str):
        return
    if not isinstance(output.value, list):
        raise output.wrong_type("one of an array of objects or string")
    for part in output.elements("objects"):
        _check_part(part, _INPUT_PARTS)


def _check_reasoning(item: Field) -> None:
    for name, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
        field = item.required(name) if name == "summary" else item.member(name)
        for part in field.elements("objects") if field is not None else []:
            part.required("type").word(kind)
            part.only("type", "text")
            part.required("text").string()
    if (encrypted := item.member("encrypted_content")) is None:
        return
    value = encrypted.string()
    # reasoning of another model of the house is left out without a word
    if check_signature(value, "openai_responses", "") in {Verdict.UNDECODABLE, Verdict.FOREIGN}:
        raise refused(
            f"The encrypted content {value[:4]}...{value[-4:]} could not be verified. Reason: Encrypted "
            "content could not be decrypted or parsed.",
            code="invalid_encrypted_content",
        )


def _check_pairs(items: list[Field]) -> None:
    """Every call has its output after it, and every output its call before it."""
    called: dict[tuple[str, JSON], None] = {}
    answered: set[tuple[str, JSON]] = set()
    answers = {output: (call, words) for call, (output, words) in _OUTPUTS.items()}
    for item in items:
        kind, call_id = kind_of_item(item), item.object().get("call_id")
        if kind in _OUTPUTS:
            called[kind, call_id] = None
        elif kind in answers:
            call, words = answers[kind]
            if (call, call_id) not in called:
                raise refused(f"No tool call found for {words} output with call_id {call_id}.", "input")
            answered.add((call, call_id))
    for kind, call_id in called:
        if (kind, call_id) not in answered:
            raise refused(f"No tool output found for {_OUTPUTS[kind][1]} {call_id}.", "input")


def _check_reasoning_order(items: list[Field]) -> None:
    """Reasoning stays with what the model went on to write after it; without an id nothing is held
    against it, as recorded answers show.
    """
    following: Field | None = None
    for item in reversed(items):
        identity = item.member("id")
        if (
            kind_of_item(item) == "reasoning"
            and identity is not None
            and (following is None or not _is_written(following))
        ):
            raise refused(
                f"Item '{identity.value}' of type 'reasoning' was provided without its required following "
                "item.",
                "input",
            )
        following = item


def _is_written(item: Field) -> bool:
    """Whether the model wrote the item."""
    kind = kind_of_item(item)
    if kind == "message":
        return item.object().get("role") == "assistant"
    return not kind.endswith("_output") or kind in {"tool_search_output", "program_output"}
