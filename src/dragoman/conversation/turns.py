"""Turns put in the order that strict vendors demand, as pure functions of the history.

Clients of the OpenAI formats may interleave, leave out and repeat things that Anthropic and Google
refuse. Each function here only looks at a call and what follows it directly, so that a longer
history of the same conversation begins with the same turns: prompt caches and signatures over the
prefix depend on that.
"""

import hashlib

import msgspec

from dragoman.conversation.blocks import Block, Text, ToolCall, ToolResult
from dragoman.conversation.loss import Loss, emulated
from dragoman.conversation.request import Message, Role

UNANSWERED = "[no result: tool call was not completed]"
"""Stands in for the result of a call that the history leaves unanswered."""


def derived_call_id(*parts: str) -> str:
    """A tool-call id made only from `parts`: `call_` and 24 hex digits."""
    return "call_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def named_calls(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same messages, every tool call with an id of its own and every result pointing to one.

    Calls without an id get one derived from their place, name and arguments. A result without a
    `call_id` belongs to the first unanswered call of its name in the turn before, else to the first
    unanswered one. An id that an earlier turn used already is made unique, results included.
    """
    if _without_tools(messages):
        return messages
    seen: set[str] = set()
    renamed: dict[str, str] = {}
    waiting: dict[str, ToolCall] = {}
    out: list[Message] = []
    for turn, message in enumerate(messages):
        blocks: list[Block] = []
        if message.role is Role.ASSISTANT:
            if any(isinstance(block, ToolCall) for block in message.blocks):
                waiting = {}
                renamed = {}
            for place, block in enumerate(message.blocks):
                if isinstance(block, ToolCall):
                    own = block.id or derived_call_id(str(turn), str(place), block.name, block.arguments)
                    if own in seen:
                        own = derived_call_id(own, str(turn), str(place))
                    seen.add(own)
                    if block.id:
                        renamed[block.id] = own
                    named = block if own == block.id else msgspec.structs.replace(block, id=own)
                    waiting[own] = named
                    blocks.append(named)
                else:
                    blocks.append(block)
        else:
            for block in message.blocks:
                if isinstance(block, ToolResult):
                    blocks.append(_matched(block, waiting, renamed))
                else:
                    blocks.append(block)
        out.append(
            message
            if tuple(blocks) == message.blocks
            else msgspec.structs.replace(message, blocks=tuple(blocks))
        )
    return tuple(out)


def _matched(result: ToolResult, waiting: dict[str, ToolCall], renamed: dict[str, str]) -> ToolResult:
    wanted = renamed.get(result.call_id, result.call_id)
    call = None
    if wanted:
        call = waiting.get(wanted)
    elif waiting:
        calls = waiting.values()
        call = next((call for call in calls if call.name == result.name), next(iter(calls)))
    if call is None:
        return result
    del waiting[call.id]
    return msgspec.structs.replace(result, call_id=call.id, name=result.name or call.name)


def answered_calls(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Loss, ...]]:
    """The same messages, every assistant turn with calls followed by one user turn that begins with
    exactly one result for each call, in the order of the calls.

    Results that come later than other user text move before it; a call without a result gets the
    text `UNANSWERED`, marked as an error; a result without a call becomes user text. The messages
    must have been through `named_calls`.
    """
    if _without_tools(messages):
        return messages, ()
    out: list[Message] = []
    losses: list[Loss] = []
    position = 0
    while position < len(messages):
        message = messages[position]
        position += 1
        calls = [block for block in message.blocks if isinstance(block, ToolCall)]
        if message.role is not Role.ASSISTANT or not calls:
            out.append(_without_orphans(message, losses))
            continue
        out.append(message)
        following: list[Message] = []
        while position < len(messages) and messages[position].role is not Role.ASSISTANT:
            following.append(messages[position])
            position += 1
        wanted = {call.id for call in calls}
        results: dict[str, ToolResult] = {}
        rest: list[Message] = []
        for later in following:
            kept: list[Block] = []
            for block in later.blocks:
                if isinstance(block, ToolResult) and block.call_id in wanted:
                    wanted.discard(block.call_id)
                    results[block.call_id] = block
                else:
                    kept.append(block)
            if kept or not later.blocks:
                rest.append(msgspec.structs.replace(later, blocks=tuple(kept)))
        if len(results) < len(calls):
            losses.append(
                emulated(
                    "$.messages", "unanswered_tool_call", "a tool call without a result got a placeholder"
                )
            )
        out.append(
            Message(
                Role.USER,
                tuple(
                    results.get(call.id)
                    or ToolResult(call.id, (Text(UNANSWERED),), name=call.name, is_error=True)
                    for call in calls
                ),
            )
        )
        out.extend(_without_orphans(later, losses) for later in rest)
    return tuple(out), tuple(losses)


def _without_orphans(message: Message, losses: list[Loss]) -> Message:
    if not any(isinstance(block, ToolResult) for block in message.blocks):
        return message
    losses.append(emulated("$.messages", "orphan_tool_result", "a tool result without its call became text"))
    blocks: list[Block] = []
    for block in message.blocks:
        if isinstance(block, ToolResult):
            blocks.append(Text("[tool result]"))
            blocks.extend(block.blocks)
        else:
            blocks.append(block)
    return msgspec.structs.replace(message, blocks=tuple(blocks))


def merged_turns(messages: tuple[Message, ...], only: Role | None = None) -> tuple[Message, ...]:
    """The same messages, neighbours of one role (of `only` this, where it is given) joined into one; the
    names of all but the first are lost.
    """
    out: list[Message] = []
    joined: list[Block] = []
    """The blocks of the last turn, where there are more than its first message's."""
    for message in messages:
        if out and out[-1].role is message.role and only in {None, message.role}:
            joined = joined or list(out[-1].blocks)
            joined += message.blocks
            continue
        if joined:
            out[-1] = msgspec.structs.replace(out[-1], blocks=tuple(joined))
            joined = []
        out.append(message)
    if joined:
        out[-1] = msgspec.structs.replace(out[-1], blocks=tuple(joined))
    return tuple(out)


def _without_tools(messages: tuple[Message, ...]) -> bool:
    """Whether there is neither a call nor a result in a conversation."""
    for message in messages:
        for block in message.blocks:
            if isinstance(block, _OF_TOOLS):
                return False
    return True


_OF_TOOLS = (ToolCall, ToolResult)
