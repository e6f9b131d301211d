"""Tools and the say over them, to the wire."""

from typing import assert_never

import msgspec

from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Request,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.render_content import CacheMarks, with_opaque
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.custom_tools import as_function
from dragoman.dialects.foreign_content import leave_out
from dragoman.dialects.json_schema.anthropic_strict import (
    MAX_STRICT_TOOLS,
    InexpressibleError,
    anthropic_strict_schema,
)
from dragoman.dialects.json_schema.anthropic_tool import anthropic_input_schema
from dragoman.dialects.tool_names import NameRule, ToolNames
from dragoman.dialects.web_search import anthropic_search, searches_web
from dragoman.models.profile import Profile

NAMES = NameRule(first="a-zA-Z0-9_-", rest="a-zA-Z0-9_-", max_length=64)
"""What names of tools are made of."""


_NO_INPUT = b'{"type":"object","properties":{},"additionalProperties":false}'


class ToolRenderer:
    """Writes the declarations of one request's tools."""

    def __init__(
        self, request: Request, profile: Profile, names: ToolNames, marks: CacheMarks, losses: list[Loss]
    ) -> None:
        self._names = names
        self._marks = marks
        self._losses = losses
        self._native = request.dialect == DIALECT
        self._strict_left = MAX_STRICT_TOOLS if profile.json_schema else 0

    def render(self, tools: tuple[Tool, ...]) -> list[wire.Encodable]:
        """The declarations, in order. Raises `FailureError` for another vendor's own tool."""
        written = (self._tool(tool, index) for index, tool in enumerate(tools))
        return [declaration for declaration in written if declaration is not None]

    def _tool(self, tool: Tool, index: int) -> wire.Encodable | None:
        match tool:
            case FunctionTool():
                return self._function(tool, index)
            case CustomTool():
                return self._function(as_function(tool, f"tools[{index}]", self._losses), index)
            case ServerTool(dialect=dialect, json=declaration):
                if dialect == DIALECT:
                    return msgspec.Raw(declaration)
                if not searches_web(tool):
                    return leave_out(tool, f"tools[{index}]", self._losses)
                found = anthropic_search(tool)
                self._losses.extend(found.losses(index))
                return msgspec.Raw(found.json)
            case _:
                assert_never(tool)

    def _function(self, tool: FunctionTool, index: int) -> wire.Encodable:
        schema, strict = self._schema(tool, f"$.tools[{index}].function")
        rendered = wire.Tool(
            self._names.wire(tool.name),
            description=tool.description,
            input_schema=msgspec.Raw(schema),
            strict=strict or None,
            cache_control=self._marks.take(tool.cache),
        )
        return with_opaque(rendered, tool.opaque)

    def _schema(self, tool: FunctionTool, path: str) -> tuple[bytes, bool | None]:
        """The schema of a function's input, and whether calls are held to it."""
        where = f"{path}.parameters"
        if tool.strict and not self._native:
            problem = "no (more) strict tools are accepted"
            if self._strict_left > 0:
                try:
                    schema = anthropic_strict_schema(tool.parameters or _NO_INPUT, where, self._losses)
                except InexpressibleError as error:
                    problem = f"{error}; strictness is dropped"
                else:
                    self._strict_left -= 1
                    return anthropic_input_schema(schema, where, self._losses), True
            self._losses.append(dropped(f"{path}.strict", "strict", f"{tool.name}: {problem}"))
        strict = tool.strict if self._native else None
        return anthropic_input_schema(tool.parameters, where, self._losses), strict


class Chosen(msgspec.Struct, frozen=True):
    """What became of the client's say over tools: the wire's word for it, the tools that are still
    declared, and an instruction where the format has no field.
    """

    choice: wire.Choice | None
    tools: tuple[Tool, ...]
    instruction: str | None = None

    @property
    def forced(self) -> bool:
        """Whether a call is demanded."""
        return self.choice is not None and self.choice.type in {"any", "tool"}


def render_choice(request: Request, profile: Profile, names: ToolNames, losses: list[Loss]) -> Chosen:
    """`tool_choice`, as far as the model accepts it."""
    tools = request.tools
    if not tools:
        if request.tool_choice is not None and request.tool_choice.mode not in _FREE:
            losses.append(
                dropped("$.tool_choice", "tool_choice_without_tools", "there are no tools to choose")
            )
        return Chosen(None, tools)
    instruction = None
    choice = request.tool_choice
    match choice:
        case None:
            rendered = None
        case ToolChoice(mode=ToolChoiceMode.AUTO):
            rendered = wire.Choice("auto")
        case ToolChoice(mode=ToolChoiceMode.NONE):
            rendered = wire.Choice("none")
        case ToolChoice(mode=ToolChoiceMode.REQUIRED):
            rendered = wire.Choice("any")
        case ToolChoice(mode=ToolChoiceMode.NAMED, names=(name, *_)):
            rendered = wire.Choice("tool", names.wire(name))
        case ToolChoice(mode=ToolChoiceMode.REQUIRED_ALLOWED, names=(name,)):
            rendered = wire.Choice("tool", names.wire(name))
        case ToolChoice(mode=ToolChoiceMode.REQUIRED_ALLOWED, names=allowed):
            rendered = wire.Choice("any")
            kept = (tool for tool in tools if isinstance(tool, ServerTool) or tool.name in allowed)
            tools = tuple(kept) or tools
            losses.append(
                approximated("$.tool_choice", "allowed_tools", "only the allowed tools are declared")
            )
        case ToolChoice(mode=ToolChoiceMode.ALLOWED, names=allowed):
            rendered = wire.Choice("auto")
            # leaving the others out would change the prefix that caches and signatures rest on
            instruction = "Of the tools, call only these: " + ", ".join(map(names.wire, allowed)) + "."
            losses.append(
                approximated(
                    "$.tool_choice", "allowed_tools", "the allowed tools are named in an instruction"
                )
            )
        case ToolChoice():
            raise invalid("'tool_choice': the tool's name is missing.", "tool_choice", "invalid_value")
    if rendered is not None and rendered.type in {"any", "tool"} and not profile.forced_tools:
        rendered = wire.Choice("auto")
        losses.append(
            approximated(
                "$.tool_choice", "forced_tool_downgraded", "this model does not let a tool call be demanded"
            )
        )
    if request.parallel_tool_calls is False:
        rendered = rendered or wire.Choice("auto")
        if rendered.type != "none":
            rendered.disable_parallel_tool_use = True
    return Chosen(rendered, tools, instruction)


_FREE = frozenset({ToolChoiceMode.AUTO, ToolChoiceMode.NONE})
