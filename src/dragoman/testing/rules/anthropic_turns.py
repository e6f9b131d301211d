"""What Anthropic refuses in the order and the emptiness of messages.

Neighbouring messages of one role count as one turn, as they do at the vendor.
"""

import msgspec

from dragoman.models.profile import Profile
from dragoman.testing.json_value import Object
from dragoman.testing.rules.anthropic_binding import Binding
from dragoman.testing.rules.anthropic_errors import Node, refused
from dragoman.testing.signatures import Verdict, check_signature

_SERVER_RESULT = "_tool_result"


class Turn(msgspec.Struct):
    """Messages of one role in a row: their blocks, and the number of the first message."""

    role: str
    number: int
    blocks: list[Node]

    def of_kind(self, kind: str) -> list[Node]:
        """The turn's blocks of one kind."""
        return [block for block in self.blocks if block.under("type").value == kind]


def check_emptiness(message: Node, role: str) -> None:
    """Raise `RefusedError` for empty and blank text, by the vendor's own and uneven measure."""
    content = message.under("content")
    blocks = [] if isinstance(content.value, str) else content.elements()
    texts = [block.under("text").value for block in blocks if block.under("type").value == "text"]
    if isinstance(content.value, str):
        texts = [content.value]
    if not content.value:
        if role == "assistant":
            return
        raise refused(f"{message.path}: user messages must have non-empty content")
    if any(text == "" for text in texts):
        raise refused("messages: text content blocks must be non-empty")
    alone = len(texts) == max(1, len(blocks))
    if alone and not any(str(text).strip() for text in texts):
        raise refused("messages: text content blocks must contain non-whitespace text")


def turns_of(messages: list[Node]) -> list[Turn]:
    """The turns that the messages make up."""
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        role = str(message.under("role").value)
        content = message.under("content")
        if isinstance(content.value, str):
            value: Object = {"type": "text", "text": content.value}
            blocks = [Node(content.path, value)] if content.value else []
        else:
            blocks = content.elements()
        if turns and turns[-1].role == role:
            turns[-1].blocks += blocks
        else:
            turns.append(Turn(role, number, blocks))
    return turns


def check_turns(
    turns: list[Turn], profile: Profile, binding: Binding | None, *, manual_thinking: bool
) -> None:
    """Raise `RefusedError` for turns in an order, or with tool traffic, that Anthropic refuses.

    `binding` is what thinking blocks are held to; None leaves blocks of other conversations be.
    """
    if turns[0].role != "user":
        raise refused('messages: first message must use the "user" role')
    _check_ids(turns)
    for place, turn in enumerate(turns):
        following = turns[place + 1] if place + 1 < len(turns) else None
        match turn.role:
            case "assistant":
                _check_answered(turn, following)
                _check_server_tools(turn, following)
                _check_signatures(turn, profile, None if binding is None else binding.before(place))
            case "user":
                _check_expected(turn, turns[place - 1] if place else None)
            case _:
                _check_instruction(turn, turns[place - 1], following, profile)
    _check_end(turns[-1], profile)
    if manual_thinking:
        _check_starts_thinking(turns)


def _check_ids(turns: list[Turn]) -> None:
    seen: set[str] = set()
    for turn in turns:
        for call in turn.of_kind("tool_use"):
            call_id = str(call.under("id").value)
            if call_id in seen:
                raise call.error("`tool_use` ids must be unique")
            seen.add(call_id)


def _check_answered(turn: Turn, following: Turn | None) -> None:
    wanted = [str(call.under("id").value) for call in turn.of_kind("tool_use")]
    answered: list[str] = []
    if following is not None and following.role == "user":
        for block in following.blocks:
            if block.under("type").value != "tool_result":
                break
            answered.append(str(block.under("tool_use_id").value))
    missing = [call_id for call_id in wanted if call_id not in answered]
    if missing:
        raise refused(
            f"messages.{turn.number}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` "
            "block in the next message."
        )


def _check_expected(turn: Turn, before: Turn | None) -> None:
    calls = before.of_kind("tool_use") if before is not None and before.role == "assistant" else []
    wanted = [call.under("id").value for call in calls]
    seen: set[str] = set()
    for result in turn.of_kind("tool_result"):
        call_id = str(result.under("tool_use_id").value)
        if call_id not in wanted:
            raise result.error(
                f"unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. Each `tool_result` "
                "block must have a corresponding `tool_use` block in the previous message."
            )
        if call_id in seen:
            raise result.error(
                "each tool_use must have a single result. Found multiple `tool_result` blocks with id: "
                f"{call_id}"
            )
        seen.add(call_id)


def _check_server_tools(turn: Turn, following: Turn | None) -> None:
    """Work that the vendor did: each call with its result after it, unless the turn is to go on."""
    waiting: dict[str, str] = {}
    for block in turn.blocks:
        kind = str(block.under("type").value)
        if kind == "server_tool_use":
            waiting[str(block.under("id").value)] = str(block.under("name").value)
        elif kind.endswith(_SERVER_RESULT):
            identity = str(block.under("tool_use_id").value)
            if waiting.pop(identity, None) is None:
                raise block.error(
                    f"unexpected `tool_use_id` found in `{kind}` blocks: {identity}. Each `{kind}` block "
                    "must have a corresponding `server_tool_use` block before it."
                )
            _check_encrypted(block)
        elif kind == "text" and isinstance(block.under("citations").value, list):
            for citation in block.under("citations").elements():
                _check_index(citation)
    if waiting and following is not None:
        identity, name = next(iter(waiting.items()))
        raise refused(
            f"messages.{turn.number}: `{name}` tool use with id `{identity}` was found without a "
            f"corresponding `{name}{_SERVER_RESULT}` block"
        )


def _check_encrypted(block: Node) -> None:
    """What a search has found comes back as it was: only the vendor can read it."""
    if block.under("type").value != "web_search_tool_result":
        return
    content = block.under("content")
    for result in content.elements() if isinstance(content.value, list) else []:
        value = result.under("encrypted_content")
        if not isinstance(value.value, str) or _is_foreign(value.value):
            raise value.error("Invalid `encrypted_content` in `web_search_result` block")


def _check_index(citation: Node) -> None:
    if citation.under("type").value != "web_search_result_location":
        return
    value = citation.under("encrypted_index")
    if not isinstance(value.value, str) or _is_foreign(value.value):
        raise value.error("Invalid `encrypted_index` in `web_search_result_location` citation")


def _is_foreign(value: str) -> bool:
    return check_signature(value, "anthropic", "") in {Verdict.UNDECODABLE, Verdict.FOREIGN}


def _check_signatures(turn: Turn, profile: Profile, prefix: str | None) -> None:
    for block in turn.of_kind("thinking"):
        text, value = str(block.under("thinking").value), str(block.under("signature").value)
        match check_signature(value, "anthropic", profile.family, text, prefix or ""):
            case Verdict.UNDECODABLE | Verdict.FOREIGN:
                raise block.error("Invalid `signature` in `thinking` block")
            case Verdict.OTHER_TEXT:
                raise block.error(
                    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be "
                    "modified. These blocks must remain as they were in the original response."
                )
            case Verdict.OTHER_PREFIX:
                raise block.error(
                    "Invalid signature in thinking block. The block is bound to a different conversation: "
                    "`system`, `tools` and all earlier messages must be those that it was written after."
                )
            case Verdict.VALID | Verdict.OTHER_FAMILY:
                pass  # a block that another model wrote is left out without a word
    for block in turn.of_kind("redacted_thinking"):
        data = str(block.under("data").value)
        if check_signature(data, "anthropic", profile.family) in {Verdict.UNDECODABLE, Verdict.FOREIGN}:
            raise block.error("Invalid `data` in `redacted_thinking` block")


def _check_instruction(turn: Turn, before: Turn, following: Turn | None, profile: Profile) -> None:
    if not profile.system_in_place:
        raise refused("role 'system' is not supported on this model")
    last = str(before.blocks[-1].under("type").value) if before.blocks else ""
    after_server_tool = last.endswith(_SERVER_RESULT) and last != "tool_result"
    if before.role != "user" and not after_server_tool:
        raise refused(f"messages.{turn.number}: role 'system' must follow a user message")
    if following is not None and following.role != "assistant":
        message = "role 'system' must be the last message or be followed by an assistant message"
        raise refused(f"messages.{turn.number}: {message}")


def _check_end(last: Turn, profile: Profile) -> None:
    if last.role != "assistant":
        return
    if not profile.prefill:
        raise refused(
            "This model does not support assistant message prefill. The conversation must end with a user "
            "message."
        )
    if last.blocks and last.blocks[-1].under("type").value == "text":
        text = str(last.blocks[-1].under("text").value)
        if text != text.rstrip():
            raise refused("messages: final assistant content cannot end with trailing whitespace")


def _check_starts_thinking(turns: list[Turn]) -> None:
    """With a thinking budget, the call that results are now given for has to come with its thoughts."""
    if len(turns) < 2 or turns[-1].role != "user" or not turns[-1].of_kind("tool_result"):
        return
    blocks = turns[-2].blocks
    kind = blocks[0].under("type").value if blocks else None
    if kind not in {"thinking", "redacted_thinking"}:
        raise refused(
            f"messages.{turns[-2].number}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{kind}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). To avoid "
            "this requirement, disable `thinking`."
        )
