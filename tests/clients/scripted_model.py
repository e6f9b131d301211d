"""A model that follows a script: round by round it calls the client's own tools, then it reports."""

import json
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.request import CustomTool, FunctionTool, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.models.profile import profile_of
from dragoman.testing.accounting import count_usage
from dragoman.testing.actor import act
from dragoman.testing.json_value import Object, decode_object


class Use(NamedTuple):
    """One use of a client's tool: its name there, and the arguments of a function or the text for a
    tool that takes free text.
    """

    tool: str
    arguments: Object | str


class MisfitError(Exception):
    """The script does not fit what the client declares."""


class ScriptedModel:
    """Stands behind a fake provider as its `actor`, whatever the wire format.

    Each of `rounds` is one answer that calls tools, after the results of the round before; the last
    answer is the text `report`. Where the demo model reasons and signs, this one does.
    """

    def __init__(self, rounds: tuple[tuple[Use, ...], ...], report: str) -> None:
        self.requests: list[Request] = []
        """What came, as the upstream understands it, requests without the client's tools left out."""
        self.signed = 0
        """How many signatures went out with calls, and so have to come back with the results."""
        self.misfits: list[str] = []
        """Where the script did not fit what the client declares: nothing, in a test that passes."""
        self._rounds = rounds
        self._report = report

    def __call__(self, request: Request, included: frozenset[str]) -> Response:
        """The next answer, told from how many rounds of calls the conversation holds."""
        demo = act(request, included)
        if self._rounds[0][0].tool not in {getattr(tool, "name", None) for tool in request.tools}:
            # clients ask in passing for titles, summaries and the like
            return demo
        blocks = demo.choices[0].blocks
        self.requests.append(request)
        done = sum(
            message.role is Role.ASSISTANT and any(isinstance(block, ToolCall) for block in message.blocks)
            for message in request.messages
        )
        thoughts = [block for block in blocks if isinstance(block, Thinking)]
        signature = next((one.signature for one in blocks if isinstance(one, Text | ToolCall)), None)
        said: list[Text | ToolCall] = [Text(self._report)]
        stop = StopReason.END
        if done < len(self._rounds):
            try:
                said = [
                    _call(request, use, f"{done}_{place}") for place, use in enumerate(self._rounds[done])
                ]
            except MisfitError as error:
                self.misfits.append(str(error))
            else:
                stop = StopReason.TOOL_CALLS
        said[0] = msgspec.structs.replace(said[0], signature=signature)
        if stop is StopReason.TOOL_CALLS:
            self.signed += _signatures([*thoughts, *said])
        return _answer(request, [*thoughts, *said], stop)

    @property
    def returned(self) -> list[int]:
        """How many signatures each request holds. The fake provider refuses altered ones."""
        return [sum(_signatures(message.blocks) for message in one.messages) for one in self.requests]

    @property
    def results(self) -> str:
        """The text of every tool result that the last request holds."""
        return "\n".join(
            part.text
            for message in self.requests[-1].messages
            for block in message.blocks
            if isinstance(block, ToolResult)
            for part in block.blocks
            if isinstance(part, Text)
        )


def _signatures(blocks: Iterable[Block]) -> int:
    return sum(
        isinstance(block, Thinking | Text | ToolCall) and block.signature is not None for block in blocks
    )


def _answer(request: Request, blocks: list[Block], stop: StopReason) -> Response:
    choices = (Choice(0, tuple(blocks), Stop(stop)),)
    return Response(id="", model=request.model, choices=choices, usage=count_usage(request, choices))


def _call(request: Request, use: Use, number: str) -> ToolCall:
    """The call, in the form in which the tool was declared to this upstream."""
    tool = next((tool for tool in request.tools if getattr(tool, "name", None) == use.tool), None)
    named = request.dialect != "gemini" or profile_of(request.model).call_ids
    identity = f"call_{number}" if named else ""
    match tool:
        case CustomTool():
            if not isinstance(use.arguments, str):
                raise MisfitError(f"{use.tool} takes free text")
            return ToolCall(identity, use.tool, use.arguments, custom=True)
        case FunctionTool():
            return ToolCall(identity, use.tool, json.dumps(_arguments(tool, use)))
        case _:
            raise MisfitError(f"no tool {use.tool} is declared")


def _arguments(tool: FunctionTool, use: Use) -> Object:
    """The object for a function; a free text is its one member."""
    schema = decode_object(tool.parameters or b"{}")
    properties, required = schema.get("properties"), schema.get("required")
    known = list(properties) if isinstance(properties, dict) else []
    arguments = {known[0]: use.arguments} if isinstance(use.arguments, str) and known else use.arguments
    if not isinstance(arguments, dict) or not set(arguments) <= set(known):
        raise MisfitError(f"{use.tool} takes {known}")
    if isinstance(required, list) and not set(required) <= set(arguments):
        raise MisfitError(f"{use.tool} wants {required}")
    return dict(arguments)
