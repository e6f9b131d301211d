"""Tools and the say over them, in OpenAI's form."""

import hashlib
import re
from collections.abc import Iterable
from typing import assert_never

import msgspec

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, approximated
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Request,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Target
from dragoman.dialects.openai_chat.wire import NAME, WEB_SEARCH

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_WEB_SEARCHES = ("web_search", "googleSearch", "google_search")
"""How the tools begin that search the web at other vendors."""


class ToolNames:
    """Names of tools as this format allows them, and the way back.

    Other formats allow dots, colons and longer names. Each name is a function of the tools and of
    the history before it, so that a longer history of the same conversation begins with the same
    bytes.
    """

    def __init__(self, request: Request) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        declared = [tool.name for tool in request.tools if not isinstance(tool, ServerTool)]
        self._assign(name for name in declared if _NAME.fullmatch(name))
        self._assign(declared)
        for message in request.messages:
            self._assign(block.name for block in message.blocks if isinstance(block, ToolCall))
        if request.tool_choice is not None:
            self._assign(request.tool_choice.names)

    def __getitem__(self, name: str) -> str:
        """The wire's name of a tool."""
        return self._names[name]

    @property
    def restored(self) -> dict[str, str]:
        """The client's names by the wire's names, of those that differ."""
        return {wire: name for name, wire in self._names.items() if wire != name}

    def _assign(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._names:
                continue
            wire = _FOREIGN.sub("_", name)[:64] or "_"
            if len(name) > 64 or wire in self._taken:
                wire = f"{wire[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
            self._names[name] = wire
            self._taken.add(wire)


def render_tools(
    request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> tuple[list[object], msgspec.Raw | None]:
    """The entries of `tools`, and `web_search_options` where the web is to be searched.

    Raises `FailureError` for tools that another vendor runs itself.
    """
    tools: list[object] = []
    search: msgspec.Raw | None = None
    own = request.dialect == NAME
    for place, tool in enumerate(request.tools):
        match tool:
            case FunctionTool():
                tools.append(_function(tool, names, marked=own))
            case CustomTool():
                tools.append({"type": "custom", "custom": _custom(tool, names)})
            case ServerTool(dialect=dialect, kind=kind, json=json):
                if dialect == NAME and kind == WEB_SEARCH:
                    search = msgspec.Raw(json)
                elif dialect == NAME:
                    tools.append(msgspec.Raw(json))
                elif kind.startswith(_WEB_SEARCHES) and "search" in target.model:
                    search = msgspec.Raw(b"{}")
                    losses.append(
                        approximated(
                            f"$.tools[{place}]", "web_search", "search without domains, limits or place"
                        )
                    )
                else:
                    raise invalid(
                        f"'tools[{place}]': the tool '{kind}' is run by {dialect} itself; the model "
                        f"'{target.model}' cannot use it. Remove it, or choose a model of that vendor.",
                        f"tools[{place}]",
                        "server_tool_not_portable",
                    )
            case _:
                assert_never(tool)
    return tools, search


def _function(tool: FunctionTool, names: ToolNames, *, marked: bool) -> dict[str, object]:
    function: dict[str, object] = {"name": names[tool.name]}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = msgspec.Raw(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    wire: dict[str, object] = {"type": "function", "function": function}
    if marked and tool.cache is not None:
        wire["cache_control"] = cache_control(tool.cache.ttl)
    return wire


def _custom(tool: CustomTool, names: ToolNames) -> dict[str, object]:
    custom: dict[str, object] = {"name": names[tool.name]}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = msgspec.Raw(tool.format)
    return custom


def cache_control(ttl: str | None) -> dict[str, str]:
    """A cache mark, as OpenRouter and LiteLLM take it."""
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


def render_tool_choice(
    choice: ToolChoice, request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> object:
    """`tool_choice`; a demand that the model refuses becomes a wish, with a loss."""
    mode = choice.mode
    if not target.profile.forced_tools and mode in {
        ToolChoiceMode.REQUIRED,
        ToolChoiceMode.NAMED,
        ToolChoiceMode.REQUIRED_ALLOWED,
    }:
        losses.append(
            approximated(
                "$.tool_choice", "forced_tool_downgraded", f"{target.model} cannot be made to call a tool"
            )
        )
        mode = ToolChoiceMode.ALLOWED if mode is ToolChoiceMode.REQUIRED_ALLOWED else ToolChoiceMode.AUTO
    elif mode is ToolChoiceMode.REQUIRED_ALLOWED and len(choice.names) == 1:
        mode = ToolChoiceMode.NAMED
    free_text = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
    chosen = [
        {"type": "custom", "custom": {"name": names[name]}}
        if name in free_text
        else {"type": "function", "function": {"name": names[name]}}
        for name in choice.names
    ]
    match mode:
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE | ToolChoiceMode.REQUIRED:
            return mode.value
        case ToolChoiceMode.NAMED:
            return chosen[0]
        case ToolChoiceMode.ALLOWED | ToolChoiceMode.REQUIRED_ALLOWED:
            strength = "auto" if mode is ToolChoiceMode.ALLOWED else "required"
            return {"type": "allowed_tools", "allowed_tools": {"mode": strength, "tools": chosen}}
        case _:
            assert_never(mode)
