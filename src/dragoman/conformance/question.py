"""What a client asks, in words of no vendor: the one description from which every format is written.

The same words say what an upstream was asked, read back from the wire by `wire_*.py`.
"""

from typing import Literal

import msgspec

from dragoman.testing.json_value import Object


class Words(msgspec.Struct, frozen=True):
    """Text; `cached` asks for the prompt up to here to be cached (Anthropic)."""

    text: str
    cached: bool = False


class Media(msgspec.Struct, frozen=True):
    """A picture, document, recording or film: either `data` (base64) or a `url`."""

    kind: Literal["image", "document", "audio", "video"]
    media_type: str = ""
    data: str = ""
    url: str = ""


class Call(msgspec.Struct, frozen=True):
    """The model asked for a tool. `arguments` is JSON text, for a custom tool free text."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: str = ""


class Result(msgspec.Struct, frozen=True):
    """What a tool answered to the call of that id; `name` is the tool's, which Google's format wants."""

    call_id: str
    parts: tuple[Words | Media, ...]
    name: str = ""
    is_error: bool = False


class Thought(msgspec.Struct, frozen=True):
    """Reasoning of an earlier answer, with its vendor's signature (or the encrypted reasoning)."""

    text: str
    signature: str = ""


Part = Words | Media | Call | Result | Thought


class Turn(msgspec.Struct, frozen=True):
    """One turn. `verbatim` are messages of the wire as an answer held them; then `parts` are not used."""

    role: Literal["user", "assistant", "system"]
    parts: tuple[Part, ...] = ()
    verbatim: tuple[Object, ...] = ()


class Tool(msgspec.Struct, frozen=True):
    """A tool. `schema` is JSON text, empty for a tool without parameters; `custom` ones take free text."""

    name: str
    description: str = ""
    schema: str = ""
    custom: bool = False


class Question(msgspec.Struct, frozen=True):
    """A whole request.

    `choice` is `auto`, `none`, `required`, `name:` with a tool's name, or None for nothing said.
    `schema` is the JSON Schema of the answer as JSON text. `effort` is a word (`low`, `high`);
    `visible` asks to read the reasoning. `logprobs` is the number of alternatives. `extra` are
    members that are added to the body as they are. Without a limit of tokens, Anthropic's format (which
    demands one) gets some.
    """

    model: str
    turns: tuple[Turn, ...]
    system: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    parallel: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = 8_000
    stop: tuple[str, ...] = ()
    candidates: int = 1
    schema: str = ""
    json_object: bool = False
    effort: str | None = None
    visible: bool = False
    logprobs: int | None = None
    web_search: bool = False
    stream: bool = False
    stream_usage: bool = True
    extra: Object = {}

    def parts(self, role: str) -> list[Part]:
        """Everything said in one role, in order."""
        return [part for turn in self.turns if turn.role == role for part in turn.parts]

    def texts(self, role: str) -> list[str]:
        """The texts said in one role, in order."""
        return [part.text for part in self.parts(role) if isinstance(part, Words)]

    @property
    def calls(self) -> list[Call]:
        """Every tool call in the history."""
        return [part for part in self.parts("assistant") if isinstance(part, Call)]

    @property
    def results(self) -> list[Result]:
        """Every tool result in the history."""
        return [part for part in self.parts("user") if isinstance(part, Result)]

    @property
    def media(self) -> list[Media]:
        """Every picture, document and recording, those inside of tool results included."""
        found: list[Media] = []
        for part in self.parts("user"):
            inner = part.parts if isinstance(part, Result) else (part,)
            found += [one for one in inner if isinstance(one, Media)]
        return found

    @property
    def thoughts(self) -> list[Thought]:
        """All reasoning in the history."""
        return [part for part in self.parts("assistant") if isinstance(part, Thought)]


class UnsayableError(Exception):
    """A client of this format has no way to ask for it; the message is the vendor's rule."""


def ask(words: str = "Good evening") -> tuple[Turn, ...]:
    """The turns of the smallest conversation."""
    return (user(words),)


def user(*parts: Part | str) -> Turn:
    """A user's turn."""
    return Turn("user", tuple(Words(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Turn:
    """A turn of the model."""
    return Turn("assistant", tuple(Words(part) if isinstance(part, str) else part for part in parts))
