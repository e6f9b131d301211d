"""The demo model's tool calls: which tools, how often, and with what arguments."""

import hashlib

import msgspec

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.request import CustomTool, FunctionTool, Request
from dragoman.models.profile import Profile
from dragoman.testing.intent import MOST_CALLS, Intent, meant_tools
from dragoman.testing.json_value import Object, decode_object
from dragoman.testing.schema_instance import instance_of

_ID_FORMS = {"anthropic": ("toolu_01", 22), "gemini": ("", 8)}
"""How each wire format's own tool call ids begin, and how many characters follow."""


def write_calls(request: Request, profile: Profile, intent: Intent, index: int) -> list[ToolCall]:
    """The calls of one candidate; none where words are due.

    A tool that takes one text is called once for each name in the user's words (`the weather in
    Paris and London`), where parallel calls are allowed.
    """
    wanted: list[tuple[FunctionTool | CustomTool, tuple[str, ...]]] = []
    for tool in meant_tools(request, intent):
        if isinstance(tool, FunctionTool) and _takes_one_text(tool):
            wanted.extend((tool, (name,)) for name in intent.names or ("",))
        else:
            wanted.append((tool, intent.names))
    if request.parallel_tool_calls is False or request.legacy_functions:
        wanted = wanted[:1]
    return [
        _call(tool, names, request, profile, intent.text, f"{index}/{place}")
        for place, (tool, names) in enumerate(wanted[:MOST_CALLS])
    ]


def _call(
    tool: FunctionTool | CustomTool,
    names: tuple[str, ...],
    request: Request,
    profile: Profile,
    text: str,
    place: str,
) -> ToolCall:
    custom = isinstance(tool, CustomTool)
    if isinstance(tool, CustomTool):
        arguments = text or "demo"
    else:
        filled = tuple(name for name in names if name)
        value = instance_of(_parameters(tool), text, filled)
        arguments = msgspec.json.encode(value if isinstance(value, dict) else {}).decode()
    identity = "\0".join((str(len(request.messages)), place, tool.name, arguments))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    prefix, length = _ID_FORMS.get(request.dialect, ("call_", 24))
    if profile.call_id_form == "mistral":
        prefix, length = "", 9
    has_id = request.dialect != "gemini" or profile.call_ids
    return ToolCall(prefix + digest[:length] if has_id else "", tool.name, arguments, custom=custom)


def _parameters(tool: FunctionTool) -> Object:
    """The tool's parameters; an empty object's where there are none, or none that can be read."""
    try:
        return decode_object(tool.parameters or b"") if tool.parameters else {"type": "object"}
    except ValueError:
        return {"type": "object"}


def _takes_one_text(tool: FunctionTool) -> bool:
    schema = _parameters(tool)
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return False
    names = required if isinstance(required, list) and required else list(properties)
    fields = [properties.get(name) for name in names if isinstance(name, str)]
    texts = [field for field in fields if isinstance(field, dict) and _is_free_text(field)]
    return len(texts) == 1


def _is_free_text(field: Object) -> bool:
    kind = field.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    is_text = any(isinstance(one, str) and one.lower() == "string" for one in kinds)
    return is_text and not {"enum", "const", "format", "pattern"} & field.keys()
