"""A request, written for a target of this format.

A pure function: the same request gives the same bytes, and a longer history begins with the bytes
of the shorter one, since caches and signatures rest on that.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import Document, Image, Text, ToolCall, ToolResult
from dragoman.conversation.loss import Loss, dropped, emulated
from dragoman.conversation.request import CustomTool, FunctionTool, Request
from dragoman.dialects.custom_tools import custom_tools
from dragoman.dialects.dialect import Emulation, Rendered, Target, WireRequest
from dragoman.dialects.foreign_fields import check_foreign_fields, foreign_losses, names_user
from dragoman.dialects.gemini.passthrough import model_path
from dragoman.dialects.gemini.render_config import render_config
from dragoman.dialects.gemini.render_contents import ContentsRenderer
from dragoman.dialects.gemini.render_tools import NAMES, render_tool_choice, render_tools
from dragoman.dialects.json_tree import members
from dragoman.dialects.tool_names import tool_names

DIALECT = "gemini"

_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority"}
"""The neutral tiers that Google has; all others are its standard, which need not be said."""


def render_request(request: Request, target: Target) -> Rendered:
    """Write a request for a target. Raises `FailureError` for content that the target cannot take."""
    check_foreign_fields(request, DIALECT)
    names = tool_names(request, NAMES)
    renderer = ContentsRenderer(request, target, names)
    body: dict[str, object] = {"contents": renderer.contents()}
    losses = renderer.losses
    config = render_config(request, target)
    system = [text.text for text in request.system if text.text]
    if config.instruction is not None:
        system.append(config.instruction)
    if system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
    tools, tool_losses = render_tools(request, target, names)
    losses += tool_losses
    functions = [tool for tool in request.tools if isinstance(tool, FunctionTool | CustomTool)]
    if tools:
        body["tools"] = tools
    if functions and request.tool_choice is not None:
        calling, choice_losses = render_tool_choice(request.tool_choice, target.profile, names)
        body["toolConfig"] = {"functionCallingConfig": calling}
        losses += choice_losses
    if config.members:
        body["generationConfig"] = config.members
    tier = _TIERS.get(request.service_tier or "")
    if tier is not None:
        body["serviceTier"] = tier
    losses += config.losses
    losses += _unsaid(request)
    for field in request.extras:
        if field.dialect == DIALECT:
            _put(body, field.field.split("."), Raw(field.json))
    single = request.parallel_tool_calls is False and bool(functions)
    if single:
        losses.append(
            emulated("$.parallel_tool_calls", "parallel_tool_calls", "only the first call is passed on")
        )
    return Rendered(
        WireRequest(model_path(target.model, stream=request.stream), msgspec.json.encode(body)),
        tuple(losses),
        Emulation(
            stop=config.stop,
            fan_out=config.fan_out,
            single_call=single,
            tool_names=names.changed,
            custom_tools=custom_tools(request),
        ),
    )


def _put(body: dict[str, object], steps: list[str], value: Raw) -> None:
    """Write a member back to where it was: `generationConfig.speechConfig`."""
    place = body
    for step in steps[:-1]:
        inner = members(place.get(step))
        if inner is None:
            inner = place[step] = {}
        place = inner
    place[steps[-1]] = value


def _unsaid(request: Request) -> Iterator[Loss]:
    """Fields of the request that this format has no place for."""
    if request.user is not None:
        named = next((extra.field for extra in request.extras if names_user(request, extra)), "user")
        yield dropped(f"$.{named}", "user", "requests name no end user")
    if request.metadata:
        yield dropped("$.metadata", "metadata", "requests carry no metadata")
    if request.verbosity is not None:
        yield dropped("$.verbosity", "verbosity", "verbosity cannot be asked for")
    if _caches(request):
        yield dropped("$.cache_control", "cache_control", "caching is left to the vendor")
    yield from foreign_losses(request, DIALECT)


def _caches(request: Request) -> bool:
    if request.cache is not None or any(text.cache is not None for text in request.system):
        return True
    if any(isinstance(tool, FunctionTool) and tool.cache is not None for tool in request.tools):
        return True
    for message in request.messages:
        for block in message.blocks:
            if isinstance(block, _MARKABLE) and block.cache is not None:
                return True
    return False


_MARKABLE = (Text, Image, Document, ToolCall, ToolResult)
