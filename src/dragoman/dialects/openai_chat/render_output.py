"""The form of the answer: `response_format`, and words where the target cannot be held to it."""

import re
from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, approximated, emulated
from dragoman.conversation.request import OutputFormat, OutputMode, Request, ServerTool
from dragoman.dialects.dialect import Target
from dragoman.dialects.json_tree import ANY, UNREADABLE
from dragoman.dialects.openai_chat.strict_schema import NOT_STRICT, is_refused, qualifies, types_of
from dragoman.dialects.openai_chat.wire import NAME

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")


def render_output(request: Request, target: Target, losses: list[Loss]) -> tuple[object, str | None]:
    """`response_format` (None for none), and an instruction to be added to the others."""
    output = request.output
    if output is None:
        return None, None
    match output.mode:
        case OutputMode.TEXT:
            return {"type": "text"}, None
        case OutputMode.JSON_OBJECT:
            return {"type": "json_object"}, _mention_of_json(request, losses)
        case OutputMode.JSON_SCHEMA:
            return _schema(output, request, target, losses)
        case _:
            assert_never(output.mode)


def _mention_of_json(request: Request, losses: list[Loss]) -> str | None:
    """OpenAI refuses `json_object` unless the prompt says "json"; clients of other formats do not know.

    Only the instructions are looked at: the turns change from request to request.
    """
    if request.dialect == NAME or any("json" in block.text.lower() for block in request.system):
        return None
    losses.append(emulated("$.response_format", "json_mention", "an instruction to answer in JSON"))
    return "Answer with one JSON object only."


def _schema(
    output: OutputFormat, request: Request, target: Target, losses: list[Loss]
) -> tuple[object, str | None]:
    profile = target.profile
    schema = output.schema or b"{}"
    tools = any(not isinstance(tool, ServerTool) for tool in request.tools)
    takes_root = request.dialect == NAME or not _excludes_objects(schema)
    if not profile.json_schema or not takes_root or (tools and not profile.tools_with_schema):
        losses.append(emulated("$.response_format", "json_schema", "the schema as an instruction"))
        words = (
            f"Answer with one JSON {'object' if takes_root else 'value'} only, without any text around it, "
            "that matches this JSON Schema: " + schema.decode("utf-8", "replace")
        )
        return None if profile.json_schema or not takes_root else {"type": "json_object"}, words
    form: dict[str, object] = {"name": _FOREIGN.sub("_", output.name or "")[:64] or "response"}
    if output.description is not None:
        form["description"] = output.description
    form["schema"] = msgspec.Raw(schema)
    strict = output.strict
    if strict is None and request.dialect != NAME:
        strict = qualifies(schema)
    elif strict and is_refused(schema):
        strict = False
        losses.append(approximated("$.response_format", "strict", NOT_STRICT))
    if strict is not None:
        form["strict"] = strict
    return {"type": "json_schema", "json_schema": form}, None


def _excludes_objects(schema: bytes) -> bool:
    """Whether the schema is for a list or a plain value: other vendors take that, OpenAI does not."""
    try:
        types = types_of(ANY.decode(schema))
    except UNREADABLE:
        return False
    return types != [None] and "object" not in types
