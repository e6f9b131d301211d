"""The form of the answer: `response_format`, and words where the target cannot be held to it."""

import re
from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, emulated
from dragoman.conversation.request import OutputFormat, OutputMode, Request, ServerTool
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.dialect import Target
from dragoman.dialects.json_schema.openai_strict import openai_answer
from dragoman.dialects.json_schema.wrapping import needs_wrapping, object_schema
from dragoman.dialects.openai_chat.wire import NAME

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")


_SCHEMA = "$.response_format.json_schema.schema"


class Form(msgspec.Struct, frozen=True):
    """`response_format` (None for none), an instruction to be added to the others, and the property of
    the answer that the client gets alone.
    """

    value: object = None
    instruction: str | None = None
    wrapped_in: str | None = None


def render_output(request: Request, target: Target, losses: list[Loss]) -> Form:
    """Write the form of the answer."""
    output = request.output
    if output is None:
        return Form()
    match output.mode:
        case OutputMode.TEXT:
            return Form({"type": "text"})
        case OutputMode.JSON_OBJECT:
            return Form({"type": "json_object"}, _mention_of_json(request, losses))
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


def _schema(output: OutputFormat, request: Request, target: Target, losses: list[Loss]) -> Form:
    profile = target.profile
    schema = output.schema or b"{}"
    tools = any(not isinstance(tool, ServerTool) for tool in request.tools)
    if not profile.json_schema or (tools and not profile.tools_with_schema):
        losses.append(emulated("$.response_format", "json_schema", "the schema as an instruction"))
        wrapped_in = None
        if wants_bare_word(request):
            schema, wrapped_in = object_schema(schema)
        takes_root = request.dialect == NAME or not needs_wrapping(schema)
        words = (
            f"Answer with one JSON {'object' if takes_root else 'value'} only, without any text around it, "
            "that matches this JSON Schema: " + schema.decode("utf-8", "replace")
        )
        free = profile.json_schema or not takes_root
        return Form(None if free else {"type": "json_object"}, words, wrapped_in)
    form: dict[str, object] = {"name": _FOREIGN.sub("_", output.name or "")[:64] or "response"}
    if output.description is not None:
        form["description"] = output.description
    answer = openai_answer(schema, output.strict, _SCHEMA, losses, native=request.dialect == NAME)
    form["schema"] = msgspec.Raw(answer.schema)
    if answer.strict is not None:
        form["strict"] = answer.strict
    return Form({"type": "json_schema", "json_schema": form}, wrapped_in=answer.wrapped_in)
