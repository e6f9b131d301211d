"""The form of the answer: `text.format`, and words where the target cannot be held to it."""

import re
from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, emulated
from dragoman.conversation.request import OutputFormat, OutputMode, Request, ServerTool
from dragoman.dialects.dialect import Target
from dragoman.dialects.json_schema.openai_strict import openai_answer
from dragoman.dialects.json_schema.wrapping import needs_wrapping
from dragoman.dialects.openai_family import FAMILY
from dragoman.dialects.openai_responses.wire import NAME

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_SCHEMA = "$.response_format.json_schema.schema"


class Form(msgspec.Struct, frozen=True):
    """`text.format` (None for none), an instruction to be added to the others, and the property of the
    answer that the client gets alone. `says_json` demands that the input itself says "json".
    """

    value: object = None
    instruction: str | None = None
    wrapped_in: str | None = None
    says_json: bool = False


def render_output(request: Request, target: Target, losses: list[Loss]) -> Form:
    """Write the form of the answer."""
    output = request.output
    if output is None:
        return Form()
    match output.mode:
        case OutputMode.TEXT:
            return Form({"type": "text"})
        case OutputMode.JSON_OBJECT:
            return _json_object(request, losses)
        case OutputMode.JSON_SCHEMA:
            return _schema(output, request, target, losses)
        case _:
            assert_never(output.mode)


def _json_object(request: Request, losses: list[Loss]) -> Form:
    """OpenAI refuses `json_object` unless the input says "json"; clients of other vendors do not know.

    Only the instructions are looked at: the turns change from request to request.
    """
    form = {"type": "json_object"}
    if request.dialect in FAMILY or any("json" in block.text.lower() for block in request.system):
        return Form(form, says_json=True)
    losses.append(emulated("$.response_format", "json_mention", "an instruction to answer in JSON"))
    return Form(form, "Answer with one JSON object only.", says_json=True)


def _schema(output: OutputFormat, request: Request, target: Target, losses: list[Loss]) -> Form:
    profile = target.profile
    schema = output.schema or b"{}"
    native = request.dialect in FAMILY
    tools = any(not isinstance(tool, ServerTool) for tool in request.tools)
    if not profile.json_schema or (tools and not profile.tools_with_schema):
        losses.append(emulated("$.response_format", "json_schema", "the schema as an instruction"))
        as_object = native or not needs_wrapping(schema)
        words = (
            f"Answer with one JSON {'object' if as_object else 'value'} only, without any text around it, "
            "that matches this JSON Schema: " + schema.decode("utf-8", "replace")
        )
        held = not profile.json_schema and as_object
        return Form({"type": "json_object"} if held else None, words, says_json=held)
    form: dict[str, object] = {"type": "json_schema"}
    form["name"] = _FOREIGN.sub("_", output.name or "")[:64] or "response"
    if output.description is not None:
        form["description"] = output.description
    strict = output.strict
    if strict is None and native and request.dialect != NAME:
        strict = False  # omitted, it would mean strict here where that is possible
    answer = openai_answer(schema, strict, _SCHEMA, losses, native=native)
    form["schema"] = msgspec.Raw(answer.schema)
    if answer.strict is not None:
        form["strict"] = answer.strict
    return Form(form, wrapped_in=answer.wrapped_in)
