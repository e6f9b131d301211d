"""Names of functions: Google's rule, and names of other vendors that break it."""

import hashlib
import re

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.request import CustomTool, FunctionTool, Request

_RULE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX_LENGTH = 128


def wire_names(request: Request) -> dict[str, str]:
    """The name on the wire for each of the client's names that Google would refuse.

    It depends on the name alone, so that a longer history keeps it, but for names that would come
    out the same.
    """
    names = [tool.name for tool in request.tools if isinstance(tool, FunctionTool | CustomTool)]
    names += [
        block.name for message in request.messages for block in message.blocks if isinstance(block, ToolCall)
    ]
    taken = {name for name in names if _RULE.fullmatch(name)}
    renamed: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if _RULE.fullmatch(name):
            continue
        wire = _sanitised(name)
        if wire in taken:
            wire = _suffixed(wire, name)
        taken.add(wire)
        renamed[name] = wire
    return renamed


def _sanitised(name: str) -> str:
    wire = _FOREIGN.sub("_", name)
    if not re.match(r"[a-zA-Z_]", wire):
        wire = "_" + wire
    return _suffixed(wire, name) if len(wire) > _MAX_LENGTH else wire


def _suffixed(wire: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{wire[: _MAX_LENGTH - 9]}_{digest}"
