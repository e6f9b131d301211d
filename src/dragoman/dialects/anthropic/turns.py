"""The turns of a request in the order and form that this format demands.

Everything here is a function of a message and of what follows it directly, so that a longer history
of the same conversation begins with the same turns.
"""

from collections.abc import Sequence

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.turns import answered_calls, merged_turns, named_calls
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING, is_foreign_reasoning

EMPTY_MESSAGE = "(empty message)"
"""Stands in for a user message in which nothing is said: the format refuses an empty one."""
CONVERSATION_START = "(conversation start)"
"""Stands before a history that begins with the model's turn."""
CONTINUE = "Continue."
"""Follows a history that ends with the model's turn: most models refuse that, and the others would
take the turn for the beginning of their answer.
"""


def arranged(request: Request, target: Target, losses: list[Loss]) -> tuple[Message, ...]:
    """The request's messages as turns that alternate, begin and end with the user's, and answer every
    tool call at once.
    """
    messages = request.messages
    if not all(map(_is_plain, messages)):
        messages = _readable(messages, target, losses)
        messages = _without_assistant_media(messages, losses)
        messages = tuple(kept for message in messages if (kept := _cleaned(message)) is not None)
        messages = named_calls(messages)
        messages, found = answered_calls(messages)
        losses.extend(found)
    messages = _with_instructions_placed(messages, target, losses)
    messages = _begun(_ended(messages, request, target, losses))
    messages = merged_turns(messages)
    return messages if target.profile.result_media else tuple(map(_without_result_media, messages))


def _is_plain(message: Message) -> bool:
    """Whether there is nothing in a turn but unsigned text that says something: it can stay as it is."""
    for block in message.blocks:
        if not isinstance(block, Text) or block.signature is not None or not block.text.strip():
            return False
    return len(message.blocks) > 0


def _readable(messages: tuple[Message, ...], target: Target, losses: list[Loss]) -> tuple[Message, ...]:
    """Without what means nothing to the target: reasoning that others signed or nobody did, and the
    records of work that other vendors did themselves.
    """
    out: list[Message] = []
    lost: dict[str, Loss] = {}
    for message in messages:
        blocks: list[Block] = []
        left_out: Unknown | None = None
        for block in message.blocks:
            if is_foreign_reasoning(block, DIALECT, target.origin):
                lost["foreign_reasoning"] = FOREIGN_REASONING
            if isinstance(block, Thinking) and not _is_readable(block, target):
                continue
            if isinstance(block, Unknown) and block.dialect != DIALECT:
                left_out = block
                lost["server_tool_history"] = dropped(
                    "$.messages", "server_tool_history", "records of another vendor's own tools are left out"
                )
            else:
                blocks.append(block)
        if left_out is not None and not blocks:
            blocks.append(Text("[web search performed]" if "search" in left_out.kind else "[tool used]"))
        out.append(_with_blocks(message, blocks))
    losses.extend(lost.values())
    return tuple(out)


def _is_readable(block: Thinking, target: Target) -> bool:
    return block.signature is not None and block.signature.readable_at(DIALECT, target.origin)


def _with_blocks(message: Message, blocks: Sequence[Block]) -> Message:
    kept = tuple(blocks)
    return message if kept == message.blocks else msgspec.structs.replace(message, blocks=kept)


def _cleaned(message: Message) -> Message | None:
    """The message without empty text, which is refused, and None for one that then says nothing.

    A message of white space alone is refused just the same.
    """
    blocks: list[Block] = []
    mark: CacheMark | None = None
    for each in message.blocks:
        block = Text(each.text) if isinstance(each, Refusal) else each
        if isinstance(block, Text):
            mark = block.cache or mark
            if not block.text:
                if block.cache is not None and blocks:
                    blocks[-1] = _marked(blocks[-1], block.cache)
                continue
        blocks.append(block)
    if any(not isinstance(block, Text) or not block.text.isspace() for block in blocks):
        return _with_blocks(message, blocks)
    if message.role is Role.USER:
        return _with_blocks(message, [Text(EMPTY_MESSAGE, cache=mark)])
    return None


def _marked(block: Block, mark: CacheMark) -> Block:
    if isinstance(block, Text | Image | Document | ToolCall | ToolResult) and block.cache is None:
        return msgspec.structs.replace(block, cache=mark)
    return block


def _without_assistant_media(messages: tuple[Message, ...], losses: list[Loss]) -> tuple[Message, ...]:
    """Pictures and files of the model's turns, which the format has no place for there, in a user
    turn right after.
    """
    out: list[Message] = []
    for message in messages:
        media = [block for block in message.blocks if isinstance(block, Image | Document | Audio)]
        if message.role is not Role.ASSISTANT or not media:
            out.append(message)
            continue
        losses.append(
            approximated("$.messages", "assistant_media", "media of the model in a user message after it")
        )
        rest = [block for block in message.blocks if not isinstance(block, Image | Document | Audio)]
        if rest:
            out.append(_with_blocks(message, rest))
        out.append(Message(Role.USER, (Text("[media from the assistant's turn]"), *media)))
    return tuple(out)


def _with_instructions_placed(
    messages: tuple[Message, ...], target: Target, losses: list[Loss]
) -> tuple[Message, ...]:
    """Instructions in mid-conversation as the format has them where model and place allow it, and as
    marked text of the user elsewhere. Never hoisted: that would change the prefix.
    """
    if not any(message.role is Role.SYSTEM for message in messages):
        return messages
    joined = merged_turns(messages, only=Role.SYSTEM)
    out: list[Message] = []
    wrapped = False
    for index, message in enumerate(joined):
        following = joined[index + 1] if index + 1 < len(joined) else None
        if message.role is not Role.SYSTEM or (
            target.profile.system_in_place
            and out
            and _takes_instructions(out[-1])
            and (following is None or following.role is Role.ASSISTANT)
        ):
            out.append(message)
            continue
        wrapped = True
        blocks = tuple(
            msgspec.structs.replace(block, text=f"<system>{block.text}</system>")
            if isinstance(block, Text)
            else block
            for block in message.blocks
        )
        out.append(Message(Role.USER, blocks))
    if wrapped:
        losses.append(
            emulated("$.messages", "system_in_place", "later instructions became marked text of the user")
        )
    return tuple(out)


def _takes_instructions(message: Message) -> bool:
    """Whether an instruction may follow: after the user's turn, or after a tool of the vendor's own."""
    return message.role is Role.USER or (
        message.role is Role.ASSISTANT and bool(message.blocks) and _is_own_result(message.blocks[-1])
    )


def _is_own_result(block: Block) -> bool:
    return isinstance(block, Unknown) and block.dialect == DIALECT and block.server_side


def _begun(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if messages and messages[0].role is Role.USER:
        return messages
    return (Message(Role.USER, (Text(CONVERSATION_START),)), *messages)


def _ended(
    messages: tuple[Message, ...], request: Request, target: Target, losses: list[Loss]
) -> tuple[Message, ...]:
    """The user's turn after every model's turn that would be continued instead of answered."""
    native = request.dialect == DIALECT
    out: list[Message] = []
    for message in messages:
        if (
            not native
            and out
            and out[-1].role is message.role is Role.ASSISTANT
            and not _calls(out[-1])
            and not _calls(message)
        ):
            # this stood last when its answer was asked for, and was given the same turn then
            out.append(Message(Role.USER, (Text(CONTINUE),)))
        out.append(message)
    if not out or out[-1].role is not Role.ASSISTANT:
        return tuple(out)
    last = out[-1]
    if native and last.blocks and _is_own_result(last.blocks[-1]):
        return tuple(out)  # a paused turn, sent back to go on
    if native and target.profile.prefill:
        return _prefilled(out)
    losses.append(
        emulated("$.messages", "trailing_assistant", "the model's turn stands last: it is asked to go on")
    )
    return (*out, Message(Role.USER, (Text(CONTINUE),)))


def _prefilled(messages: list[Message]) -> tuple[Message, ...]:
    """The beginning of the answer without the white space at its end, which is refused."""
    last = messages[-1]
    end = last.blocks[-1]
    if not isinstance(end, Text) or end.text == end.text.rstrip():
        return tuple(messages)
    rest = list(last.blocks[:-1])
    if stripped := end.text.rstrip():
        rest.append(msgspec.structs.replace(end, text=stripped))
    return (*messages[:-1], _with_blocks(last, rest)) if rest else tuple(messages[:-1])


def _calls(message: Message) -> bool:
    return any(isinstance(block, ToolCall) for block in message.blocks)


def _without_result_media(message: Message) -> Message:
    """Media of tool results after them, for models whose results hold text alone."""
    results: list[Block] = []
    media: list[Block] = []
    rest: list[Block] = []
    for block in message.blocks:
        if not isinstance(block, ToolResult):
            rest.append(block)
            continue
        found = [inner for inner in block.blocks if isinstance(inner, Image | Document)]
        if found:
            texts = tuple(inner for inner in block.blocks if not isinstance(inner, Image | Document))
            note = Text(f"(see attached content for tool call {block.call_id})")
            media += [Text(f"Content for tool call {block.call_id}:"), *found]
            results.append(msgspec.structs.replace(block, blocks=(*texts, note)))
        else:
            results.append(block)
    return _with_blocks(message, [*results, *media, *rest]) if media else message
