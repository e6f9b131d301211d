"""Names of tools as a wire format allows them, and the way back to the client's own."""

import functools
import hashlib
import re
from collections.abc import Iterable

import msgspec

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.request import Request, ServerTool

_DIGEST = 8


class NameRule(msgspec.Struct, frozen=True):
    """What a format allows: `first` and `rest` are the characters at the beginning and after it, as a
    regular expression's class has them, without brackets.
    """

    first: str
    rest: str
    max_length: int


@functools.cache
def _fitting(rule: NameRule) -> re.Pattern[str]:
    return re.compile(f"[{rule.first}][{rule.rest}]*")


@functools.cache
def _foreign(rule: NameRule) -> re.Pattern[str]:
    return re.compile(f"[^{rule.rest}]")


class ToolNames:
    """Names of tools on the wire, one for each of the client's own and the other way round.

    A name depends on those that were declared or met before it and on no later one, so that a longer
    history of the same conversation begins with the same bytes.
    """

    def __init__(self, rule: NameRule, declared: Iterable[str] = ()) -> None:
        self._rule = rule
        self._most = rule.max_length
        self._wire: dict[str, str] = {}
        self._taken: set[str] = set()
        if names := list(declared):
            for name in (*filter(self._stays, names), *names):
                self.wire(name)

    def wire(self, own: str) -> str:
        """The name on the wire of the tool that the client calls `own`, declared or not."""
        name = self._wire.get(own)
        if name is None:
            name = self._wire[own] = self._free(own)
            self._taken.add(name)
        return name

    @property
    def changed(self) -> dict[str, str]:
        """The client's names by those on the wire that stand for them, of those that differ."""
        return {wire: own for own, wire in self._wire.items() if wire != own} if self._wire else {}

    def unused(self, wanted: str) -> str:
        """`wanted`, or the first name like it that no tool has."""
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        return name

    def _stays(self, name: str) -> bool:
        return len(name) <= self._most and _fitting(self._rule).fullmatch(name) is not None

    def _free(self, own: str) -> str:
        name = _foreign(self._rule).sub("_", own) or "tool"
        if not _fitting(self._rule).match(name):
            name = "_" + name
        digest = own
        while len(name) > self._most or name in self._taken:
            digest = hashlib.sha256(digest.encode("utf-8", "surrogatepass")).hexdigest()
            name = f"{name[: self._most - _DIGEST - 1]}_{digest[:_DIGEST]}"
        return name


def tool_names(request: Request, rule: NameRule) -> ToolNames:
    """Names on the wire for all tools that a request declares, calls or chooses."""
    names = ToolNames(rule, [tool.name for tool in request.tools if not isinstance(tool, ServerTool)])
    for message in request.messages:
        for block in message.blocks:
            if isinstance(block, ToolCall):
                names.wire(block.name)
    if request.tool_choice is not None:
        for name in request.tool_choice.names:
            names.wire(name)
    return names
