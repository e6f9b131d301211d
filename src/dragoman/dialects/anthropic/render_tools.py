"""Tools and the say over them, to the wire."""

from typing import assert_never

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
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
from dragoman.dialects.anthropic.identifiers import ToolNames
from dragoman.dialects.anthropic.render_content import CacheMarks, with_opaque
from dragoman.dialects.anthropic.schemas import InexpressibleError, strict_schema, tool_schema
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.models.profile import Profile

_MAX_STRICT = 20
_CUSTOM_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'


def tool_names(request: Request) -> ToolNames:
    """Names on the wire for the request's tools."""
    return ToolNames(tool.name for tool in request.tools if not isinstance(tool, ServerTool))


def custom_tools(request: Request) -> frozenset[str]:
    """The client's names of the tools that take free text."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, CustomTool))


class ToolRenderer:
    """Writes the declarations of one request's tools."""

    def __init__(
        self, request: Request, profile: Profile, names: ToolNames, marks: CacheMarks, losses: list[Loss]
    ) -> None:
        self._names = names
        self._marks = marks
        self._losses = losses
        self._native = request.dialect == DIALECT
        self._strict_left = _MAX_STRICT if profile.json_schema else 0

    def render(self, tools: tuple[Tool, ...]) -> list[wire.Encodable]:
        """The declarations, in order. Raises `FailureError` for another vendor's own tool."""
        return [self._tool(tool, index) for index, tool in enumerate(tools)]

    def _tool(self, tool: Tool, index: int) -> wire.Encodable:
        match tool:
            case FunctionTool():
                return self._function(tool)
            case CustomTool():
                return self._custom(tool)
            case ServerTool(dialect=dialect, json=declaration):
                if dialect != DIALECT:
                    raise not_portable(tool, index)
                return msgspec.Raw(declaration)
            case _:
                assert_never(tool)

    def _function(self, tool: FunctionTool) -> wire.Encodable:
        schema, relaxed = tool_schema(tool.parameters)
        strict = tool.strict
        if strict and not self._native:
            strict = None
            if self._strict_left > 0:
                try:
                    schema, relaxed = strict_schema(schema)
                except InexpressibleError as error:
                    self._losses.append(
                        dropped("$.tools", "strict", f"{tool.name}: {error}; strictness is dropped")
                    )
                else:
                    strict = True
                    self._strict_left -= 1
            else:
                self._losses.append(
                    dropped("$.tools", "strict", f"{tool.name}: no (more) strict tools are accepted")
                )
        if relaxed:
            self._losses.append(
                approximated("$.tools", "schema_relaxed", f"{tool.name}: constraints moved into descriptions")
            )
        rendered = wire.Tool(
            self._names.wire(tool.name),
            description=tool.description,
            input_schema=msgspec.Raw(schema),
            strict=strict or None,
            cache_control=self._marks.take(tool.cache),
        )
        return with_opaque(rendered, tool.opaque)

    def _custom(self, tool: CustomTool) -> wire.Encodable:
        description = tool.description or ""
        self._losses.append(
            emulated(
                "$.tools", "custom_tool", f"{tool.name}: a function with one text argument stands for it"
            )
        )
        if tool.format is not None:
            description = f"{description}\n\nFormat of the input: {tool.format.decode()}".strip()
            self._losses.append(
                approximated("$.tools", "custom_tool_format", f"{tool.name}: the format is only described")
            )
        return wire.Tool(
            self._names.wire(tool.name),
            description=description or None,
            input_schema=msgspec.Raw(_CUSTOM_SCHEMA),
        )


def not_portable(tool: ServerTool, index: int) -> FailureError:
    """Another vendor's tool cannot be run here, and without it the model would only pretend."""
    return invalid(
        f"'tools[{index}]': `{tool.kind}` is run by its own vendor and cannot be used with this model.",
        f"tools[{index}]",
        "server_tool_not_portable",
    )


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
