"""The conversation of a request, written: messages and blocks as contents and parts."""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Inline,
    Refusal,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.turns import answered_calls, merged_turns, named_calls
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_content import foreign_block, foreign_file
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING, is_foreign_reasoning
from dragoman.dialects.gemini.arguments import arguments_object
from dragoman.dialects.gemini.media import attributes, media_data
from dragoman.dialects.gemini.signatures import PLACEHOLDER
from dragoman.dialects.json_text import is_json_object
from dragoman.dialects.picture_types import GOOGLE, check_picture
from dragoman.dialects.places import doubtful_blocks, place_within
from dragoman.dialects.tool_names import ToolNames

DIALECT = "gemini"

EMPTY_MESSAGE = "(empty message)"
START = "(conversation start)"
CONTINUE = "Continue."

WirePart = dict[str, object]


class WireContent(msgspec.Struct):
    """One turn on its way out."""

    parts: list[WirePart]
    role: str


_RESULT_MEDIA = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""What may stand inside a function's result."""


class ContentsRenderer:
    """Writes the contents of one request and collects what is lost on the way."""

    def __init__(self, request: Request, target: Target, names: ToolNames) -> None:
        self._request = request
        self._target = target
        self._names = names
        self._losses: dict[tuple[str, str], Loss] = {}

    @property
    def losses(self) -> list[Loss]:
        """What could not be said, each thing once."""
        return list(self._losses.values())

    def _lose(self, loss: Loss) -> None:
        self._losses.setdefault((loss.code, loss.path), loss)

    def contents(self) -> list[WireContent]:
        """The contents. Raises `FailureError` for content that Google cannot take, naming its path."""
        for block, place in doubtful_blocks(self._request):
            self._check(block, place)
        contents: list[WireContent] = []
        for message in self._turns():
            if message.role is Role.ASSISTANT:
                contents.append(WireContent(list(self._model_parts(message.blocks)), "model"))
            else:
                contents.extend(self._user_contents(message.blocks))
        if self._target.profile.signed_calls:
            self._sign(contents)
        return contents

    def _check(self, block: Block, path: str) -> None:
        match block:
            case Image(source=source) | Audio(source=source) | Document(source=source):
                if isinstance(source, Stored) and source.dialect != DIALECT:
                    raise foreign_file(source, path)
                if isinstance(block, Image) and isinstance(source, Inline):
                    check_picture(source, GOOGLE, path)
            case Unknown(dialect=dialect, server_side=server_side):
                if dialect != DIALECT and not server_side:
                    raise foreign_block(block, path)
            case ToolResult(blocks=blocks):
                for number, inner in enumerate(blocks):
                    self._check(inner, place_within(self._request.dialect, path, number))
            case Text() | Refusal() | Thinking() | ToolCall():
                pass

    # --- turns -----------------------------------------------------------------------------------

    def _turns(self) -> list[Message]:
        """The messages in the order that Google demands."""
        kept = tuple(message for message in map(self._pruned, self._request.messages) if message is not None)
        answered, losses = answered_calls(named_calls(kept))
        for loss in losses:
            self._lose(loss)
        messages = list(merged_turns(self._with_interludes(answered)))
        if not messages or (messages[0].role is Role.ASSISTANT and _calls(messages[0])):
            messages.insert(0, Message(Role.USER, (Text(START),)))
        if messages[-1].role is Role.ASSISTANT:
            self._end_with_model(messages)
        return messages

    def _end_with_model(self, messages: list[Message]) -> None:
        profile = self._target.profile
        if not profile.ends_with_model:
            messages.append(Message(Role.USER, (Text(CONTINUE),)))
            self._lose(
                emulated("$.messages", "trailing_assistant", f"a user turn ({CONTINUE}) follows the last one")
            )
        elif self._request.dialect == "anthropic" and not profile.prefill:
            self._lose(
                dropped(
                    "$.messages", "prefill_unsupported", "the last assistant message is history, not a prefix"
                )
            )

    def _with_interludes(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """A user's turn between two answers, where the earlier one ended a request: that request
        had it too, so that the history only grows.
        """
        if self._target.profile.ends_with_model:
            return messages
        out: list[Message] = []
        for message in messages:
            before = out[-1] if out else None
            if (
                before is not None
                and before.role is Role.ASSISTANT
                and message.role is Role.ASSISTANT
                and not _calls(before)
                and not _calls(message)
            ):
                out.append(Message(Role.USER, (Text(CONTINUE),)))
            out.append(message)
        return tuple(out)

    def _pruned(self, message: Message) -> Message | None:
        """The message without what Google must not or need not see; None where nothing is left."""
        if message.name is not None:
            self._lose(dropped("$.messages[*].name", "message_name", "messages carry no name"))
        match message.role:
            case Role.SYSTEM:
                text = "\n".join(block.text for block in message.blocks if isinstance(block, Text))
                self._lose(
                    emulated("$.messages", "system_in_place", "a later instruction became the user's text")
                )
                return Message(Role.USER, (Text(f"<system>{text}</system>"),))
            case Role.USER:
                blocks = tuple([block for block in message.blocks if not _says_nothing(block)])
                if len(blocks) == len(message.blocks) > 0:
                    return message
                return msgspec.structs.replace(message, blocks=blocks or (Text(EMPTY_MESSAGE),))
            case Role.ASSISTANT:
                blocks = tuple([block for block in message.blocks if self._keeps(block)])
                if not blocks and any(isinstance(block, Unknown) for block in message.blocks):
                    blocks = (Text("[web search performed]"),)
                return msgspec.structs.replace(message, blocks=blocks) if blocks else None

    def _keeps(self, block: Block) -> bool:
        own = isinstance(block, Thinking) and block.signature is None and self._request.dialect == DIALECT
        if not own and is_foreign_reasoning(block, DIALECT, self._target.origin):
            self._lose(FOREIGN_REASONING)
        match block:
            case Text(text=text, signature=signature):
                return bool(text) or self._readable(signature) is not None
            case Refusal(text=text):
                return bool(text)
            case Thinking(signature=signature):
                return own or self._readable(signature) is not None
            case Unknown(dialect=dialect):
                if dialect != DIALECT:
                    self._lose(
                        dropped("$.messages", "server_tool_history", "another vendor's tool use is left out")
                    )
                return dialect == DIALECT
            case Image() | Audio() | Document() | ToolCall() | ToolResult():
                return True

    def _readable(self, signature: Signature | None) -> str | None:
        """A signature's value, where the target can be expected to accept it."""
        if signature is not None and signature.readable_at(DIALECT, self._target.origin):
            return signature.value
        return None

    # --- the model's turn ------------------------------------------------------------------------

    def _model_parts(self, blocks: tuple[Block, ...]) -> Iterator[WirePart]:
        for number, block in enumerate(blocks):
            match block:
                case Text():
                    yield self._text(block)
                case Refusal(text=text):
                    yield {"text": text}
                case Thinking():
                    following = blocks[number + 1] if number + 1 < len(blocks) else None
                    yield from self._thinking(block, following)
                case ToolCall():
                    before = blocks[number - 1] if number else None
                    yield self._call(block, before)
                case Image() | Audio() | Document():
                    yield from self._media(block)
                case Unknown(json=json):
                    yield _raw_part(json)
                case ToolResult():
                    pass

    def _text(self, block: Text) -> WirePart:
        part: WirePart = {"text": block.text}
        if value := self._readable(block.signature):
            part["thoughtSignature"] = value
        if block.opaque:
            part.update(attributes(block.opaque))
        return part

    def _thinking(self, block: Thinking, following: Block | None) -> Iterator[WirePart]:
        """Thoughts go back as thoughts. Other formats hand the signature of a call, or of a text,
        over on a thinking block before the call or behind the text: see `_call`.
        """
        value = self._readable(block.signature)
        unsigned_call = isinstance(following, ToolCall) and self._readable(following.signature) is None
        if block.text and not block.redacted:
            part: WirePart = {"text": block.text, "thought": True}
            if value is not None and not unsigned_call:
                part["thoughtSignature"] = value
            yield part
        elif value is not None and not unsigned_call:
            yield {"text": "", "thoughtSignature": value}

    def _call(self, call: ToolCall, before: Block | None) -> WirePart:
        made: dict[str, object] = {}
        if self._target.profile.call_ids and call.id:
            made["id"] = call.id
        made["name"] = self._names.wire(call.name)
        made["args"], altered = arguments_object(call)
        if altered:
            self._lose(
                approximated(
                    "$.messages", "arguments_repaired", "tool arguments that were no object were wrapped"
                )
            )
        part: WirePart = {"functionCall": made}
        value = self._readable(call.signature)
        if value is None and isinstance(before, Thinking):
            value = self._readable(before.signature)
        if value is not None:
            part["thoughtSignature"] = value
        return part

    def _sign(self, contents: list[WireContent]) -> None:
        """In the current turn the first call of each step must be signed; a placeholder will do."""
        for content in reversed(contents):
            if content.role == "user":
                if not all("functionResponse" in part for part in content.parts):
                    return
                continue
            first = next((part for part in content.parts if "functionCall" in part), None)
            if first is not None and "thoughtSignature" not in first:
                first["thoughtSignature"] = PLACEHOLDER
                self._lose(
                    approximated(
                        "$.messages", "signature_placeholder", "a tool call came without its signature"
                    )
                )

    # --- the user's turn -------------------------------------------------------------------------

    def _user_contents(self, blocks: tuple[Block, ...]) -> Iterator[WireContent]:
        """Results stand alone in one content; whatever else the user said follows in another."""
        results: list[WirePart] = []
        others: list[WirePart] = []
        for block in blocks:
            match block:
                case ToolResult():
                    results.append(self._result(block, others.extend))
                case Text():
                    if block.text:
                        others.append(self._text(block))
                case Refusal(text=text):
                    others.append({"text": text})
                case Image() | Audio() | Document():
                    others.extend(self._media(block))
                case Unknown(dialect="gemini", json=json):
                    others.append(_raw_part(json))
                case Unknown() | Thinking() | ToolCall():
                    pass
        if results:
            yield WireContent(results, "user")
        if others or not results:
            yield WireContent(others or [{"text": EMPTY_MESSAGE}], "user")

    def _result(self, result: ToolResult, attach: Callable[[list[WirePart]], None]) -> WirePart:
        made: dict[str, object] = {}
        if self._target.profile.call_ids and result.call_id:
            made["id"] = result.call_id
        made["name"] = self._names.wire(result.name) if result.name else ""
        own = attributes(result.opaque)
        text = "\n".join(block.text for block in result.blocks if isinstance(block, Text))
        made["response"] = own.pop("response", None) or _response(text, is_error=result.is_error)
        made.update(own)
        inside: list[WirePart] = []
        outside: list[WirePart] = []
        for block in result.blocks:
            match block:
                case Image(source=source) | Audio(source=source) | Document(source=source):
                    fits = isinstance(source, Inline) and source.media_type in _RESULT_MEDIA
                    native = self._target.profile.result_media and fits
                    (inside if native else outside).extend(self._media(block))
                case Unknown(dialect="gemini", json=json):
                    (inside if self._target.profile.result_media else outside).append(_raw_part(json))
                case Text() | Unknown():
                    pass
        if inside:
            made["parts"] = inside
        if outside:
            attach([{"text": f"(attached by the result of {made['name']})"}, *outside])
            self._lose(
                emulated(
                    "$.messages", "tool_result_media", "media of a tool result follow in the user's turn"
                )
            )
        return {"functionResponse": made}

    def _media(self, block: Image | Audio | Document) -> Iterator[WirePart]:
        if isinstance(block, Image) and block.detail not in {None, "auto"}:
            self._lose(dropped("$.messages", "image_detail", "how closely to look cannot be said"))
        if isinstance(block, Document):
            if block.cited:
                self._lose(dropped("$.messages", "document_citations", "citations cannot be asked for"))
            if heading := "\n".join(line for line in (block.title, block.context) if line):
                yield {"text": heading}
        yield {**media_data(block, ""), **attributes(block.opaque)}


def _calls(message: Message) -> bool:
    return any(isinstance(block, ToolCall) for block in message.blocks)


def _says_nothing(block: Block) -> bool:
    if isinstance(block, (Text, Refusal)):
        return not block.text
    return isinstance(block, Unknown) and block.dialect != DIALECT


def _raw_part(json: bytes) -> WirePart:
    return {**msgspec.json.decode(json, type=dict[str, Raw])}


def _response(text: str, *, is_error: bool) -> object:
    """A result as the object that Google wants. A JSON object goes as it is, but for one that says
    `$ref`, which would mean a part of the result there.
    """
    if is_error:
        return {"error": text}
    if '"$ref"' not in text and is_json_object(text):
        return Raw(text.strip())
    return {"output": text}
