"""The conversation of a request: contents as messages."""

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import invalid
from dragoman.conversation.request import Message, Role
from dragoman.dialects.gemini.model_turn import ModelTurn, is_bare
from dragoman.dialects.gemini.parse_parts import user_block
from dragoman.dialects.gemini.spelling import CONTENT, camel_text, decode_member
from dragoman.dialects.gemini.wire import AnyContent, Content, given, part_list

_CONTENTS: msgspec.json.Decoder[list[Content] | Content] = msgspec.json.Decoder(list[Content] | Content)
_CONTENT = msgspec.json.Decoder(Content)
_ANY_PARTS: msgspec.json.Decoder[list[AnyContent] | AnyContent] = msgspec.json.Decoder(
    list[AnyContent] | AnyContent
)

_ROLES = {None: Role.USER, "": Role.USER, "user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}


def parse_contents(raw: Raw) -> tuple[Message, ...]:
    """The messages of `contents`. Neighbouring contents of the model are one turn: streaming
    clients keep one for each chunk.

    Raises `FailureError` that names the part at fault.
    """
    decoded = decode_member(_CONTENTS, raw, "contents", CONTENT)
    contents = [decoded] if isinstance(decoded, Content) else decoded
    messages: list[Message] = []
    turn: ModelTurn | None = None
    bare = _BareParts(raw)
    for place, content in enumerate(contents):
        path = f"contents[{place}]"
        role = _ROLES.get(content.role)
        if role is None:
            raise invalid(f"'{path}.role': expected user or model.", param=f"{path}.role")
        parts = part_list(content.parts)
        if role is Role.ASSISTANT:
            turn = turn or ModelTurn()
            for number, part in enumerate(parts):
                if is_bare(part):
                    bare.check(place, number)
                turn.add(part, f"{path}.parts[{number}]")
            continue
        if turn is not None:
            messages.append(Message(Role.ASSISTANT, turn.blocks))
            turn = None
        blocks = tuple(user_block(part, f"{path}.parts[{number}]") for number, part in enumerate(parts))
        messages.append(Message(Role.USER, blocks))
    if turn is not None:
        messages.append(Message(Role.ASSISTANT, turn.blocks))
    return tuple(messages)


def parse_system(raw: Raw) -> tuple[Text, ...]:
    """The texts of `systemInstruction`, whatever its role says."""
    content = decode_member(_CONTENT, raw, "systemInstruction", CONTENT)
    texts: list[Text] = []
    for number, part in enumerate(part_list(content.parts)):
        if part.text is None:
            path = f"systemInstruction.parts[{number}]"
            raise invalid(f"'{path}': expected text.", param=path)
        texts.append(Text(part.text))
    return tuple(texts)


class _BareParts:
    """Looks a second time at parts that seem to say nothing, for they may be of an unknown kind."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._contents: list[AnyContent] | None = None

    def check(self, place: int, number: int) -> None:
        """Refuse a part of a kind that is not known here: dropping it would change what was said."""
        if self._contents is None:
            decoded = _ANY_PARTS.decode(camel_text(self._raw, CONTENT))
            self._contents = [decoded] if isinstance(decoded, AnyContent) else decoded
        parts = self._contents[place].parts
        members = parts[number] if isinstance(parts, list) else parts or {}
        for name, value in members.items():
            if name not in _ATTRIBUTES and given(value):
                path = f"contents[{place}].parts[{number}]"
                raise invalid(f"'{path}': parts of kind {name} are not known here.", param=path)


_ATTRIBUTES = frozenset({"text", "thought", "thoughtSignature"})
