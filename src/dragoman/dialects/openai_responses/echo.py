"""What a response says of its request: the fields that the format repeats in every answer."""

import msgspec

from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.openai_family import flat_format
from dragoman.dialects.openai_responses.namespaces import FIELD, Place, namespaces, place_of
from dragoman.dialects.openai_responses.parse_request import INSTRUCTIONS
from dragoman.dialects.openai_responses.parse_tools import ADDED
from dragoman.dialects.openai_responses.wire import NAME

Wire = dict[str, object]

_OWN = (
    "background",
    "conversation",
    "max_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "truncation",
)
"""Fields that only this format has, and that go back as the client wrote them."""

_DEFAULTS: Wire = {
    "background": False,
    "max_tool_calls": None,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "truncation": "disabled",
}


def echo(request: Request, previous: str | None = None) -> Wire:
    """The fields of a response that repeat its request, with OpenAI's values for what it leaves open.
    `previous` is the id of the answer that it went on from, where it was completed here.
    """
    sampling = request.sampling
    kept: Wire = {one.field: msgspec.Raw(one.json) for one in request.extras if one.dialect == NAME}
    if previous is not None:
        kept["previous_response_id"] = previous
    choice = request.tool_choice
    return {
        **_DEFAULTS,
        "instructions": next((text.text for text in request.system if INSTRUCTIONS in text.opaque), None),
        "max_output_tokens": request.max_tokens,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty or 0.0,
        "presence_penalty": sampling.presence_penalty or 0.0,
        "top_logprobs": request.top_logprobs or 0,
        "text": _text(request.output, request.verbosity),
        "reasoning": _reasoning(request.reasoning),
        "tools": _tools(request),
        "tool_choice": kept.get("tool_choice", "auto" if choice is None else _tool_choice(choice, request)),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "service_tier": request.service_tier or "auto",
        "metadata": request.metadata or {},
        "user": request.user,
        **{field: kept[field] for field in _OWN if field in kept},
    }


def _text(output: OutputFormat | None, verbosity: str | None) -> Wire:
    form: Wire = {"type": (OutputMode.TEXT if output is None else output.mode).value}
    if output is not None and output.mode is OutputMode.JSON_SCHEMA:
        form |= {
            "name": output.name or "response",
            "schema": msgspec.Raw(output.schema or b"{}"),
            "description": output.description,
            "strict": output.strict is not False,
        }
    text: Wire = {"format": form}
    if verbosity is not None:
        text["verbosity"] = verbosity
    return text


def _reasoning(reasoning: Reasoning | None) -> Wire:
    own = () if reasoning is None else reasoning.opaque
    return {
        "effort": None if reasoning is None else reasoning.effort,
        "summary": None,
        **_members(own),
    }


def _members(opaque: tuple[Opaque, ...]) -> Wire:
    return {one.field: msgspec.Raw(one.json) for one in opaque if one.dialect == NAME}


def _tools(request: Request) -> list[object]:
    """The tools, those of a namespace together again. Tools that came in mid-conversation were no part of
    the field.
    """
    entries: list[object] = []
    groups: dict[str, list[Wire]] = {}
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            entries.append(msgspec.Raw(tool.json))
            continue
        own = _members(tool.opaque)
        if ADDED in own:
            continue
        own.pop(FIELD, None)
        group = place_of(tool.opaque)
        if group is None:
            entries.append({**_tool(tool, tool.name), **own})
        elif group.namespace in groups:
            groups[group.namespace].append({**_tool(tool, group.name), **own})
        else:
            inside = groups[group.namespace] = [{**_tool(tool, group.name), **own}]
            entries.append(_namespace(group, inside))
    return entries


def _namespace(group: Place, inside: list[Wire]) -> Wire:
    return {"type": "namespace", "name": group.namespace, "description": group.description, "tools": inside}


def _tool(tool: FunctionTool | CustomTool, name: str) -> Wire:
    if isinstance(tool, CustomTool):
        form: object = {"type": "text"} if tool.format is None else msgspec.Raw(flat_format(tool.format))
        return {"type": "custom", "name": name, "description": tool.description, "format": form}
    return {
        "type": "function",
        "name": name,
        "description": tool.description,
        "parameters": None if tool.parameters is None else msgspec.Raw(tool.parameters),
        "strict": tool.strict,
    }


def _tool_choice(choice: ToolChoice, request: Request) -> object:
    free_text = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
    inside = namespaces(request)
    chosen = [
        {
            "type": "custom" if name in free_text else "function",
            "name": inside[name].name if name in inside else name,
        }
        for name in choice.names
    ]
    match choice.mode:
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE | ToolChoiceMode.REQUIRED:
            return choice.mode.value
        case ToolChoiceMode.NAMED:
            return chosen[0]
        case ToolChoiceMode.ALLOWED | ToolChoiceMode.REQUIRED_ALLOWED:
            strength = "auto" if choice.mode is ToolChoiceMode.ALLOWED else "required"
            return {"type": "allowed_tools", "mode": strength, "tools": chosen}
