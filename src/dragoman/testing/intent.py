"""What a conversation asks of the demo model: its last words, the names in them, the tools they mean."""

import re

import msgspec

from dragoman.conversation.blocks import Audio, Block, Document, Image, Text, ToolCall, ToolResult
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    Request,
    Role,
    ServerTool,
    ToolChoiceMode,
)

MOST_CALLS = 8
"""Tool calls in one turn, however many names the user lists."""

_READ = 20_000
"""Characters of a text in which names are looked for."""

_NAME = re.compile(r"[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)*")
_QUOTED = re.compile(r"[\"“„«]([^\"”“»]{1,200})[\"”“»]|(?<!\w)'([^']{1,200})'(?!\w)")
_OPENING = re.compile(r"[.?!:]\s+\Z|\n\s*\Z")
_PLACE = re.compile(
    r"\b(?:in|at|near|about|for|of)\s+([^\W\d_][\w' -]{0,60}?)(?=\s*(?:[?.!,;:]|$))", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SENTENCE_STARTS = """
    a about an and answer any are ask book call can check compare could create did do does fetch find for from
    get give hello hey hi how i i'd i'm if in is it json let list look make my now ok okay on please return
    reply respond run say search send show tell thank thanks that the then there these this to use
    using was we what what's when where which who why will with would write yes you your
"""
_SENTENCE_WORDS = frozenset(_SENTENCE_STARTS.split())
_TELLING_NOTHING = """
    about after also answer argument arguments array before boolean call called calls command current
    data each every find format from function functions get gets give given have input integer into json
    list make more must name named number object only output parameter parameters please provide query
    request required result results return returned returns run search send set show some string
    takes tell text than that their them then these this those today tool tools type used user using value
    values what when where which will with word words your
"""
_COMMON = frozenset(_TELLING_NOTHING.split())


class Intent(msgspec.Struct, frozen=True):
    """The last turn of the user, read.

    `results` are tool results that wait for an answer, with the name of the tool that gave each.
    """

    text: str
    names: tuple[str, ...]
    images: int
    documents: int
    recordings: int
    results: tuple[tuple[str, ToolResult], ...]


def read_intent(request: Request) -> Intent:
    """What the end of the conversation asks for."""
    turn = _last_turn(request.messages)
    called = {
        block.id: block.name
        for message in request.messages
        for block in message.blocks
        if isinstance(block, ToolCall)
    }
    results = tuple(
        (block.name or called.get(block.call_id, "the tool"), block)
        for block in turn
        if isinstance(block, ToolResult)
    )
    text = "\n".join(block.text for block in turn if isinstance(block, Text) and block.text.strip()).strip()
    return Intent(
        text=text,
        names=names_in(text),
        images=sum(isinstance(block, Image) for block in turn),
        documents=sum(isinstance(block, Document) for block in turn),
        recordings=sum(isinstance(block, Audio) for block in turn),
        results=results,
    )


def _last_turn(messages: tuple[Message, ...]) -> list[Block]:
    """The blocks of all user messages after the model's last one, or of the last user turn at all."""
    end = len(messages)
    while end and messages[end - 1].role is not Role.USER:
        end -= 1
    blocks: list[Block] = []
    for message in reversed(messages[:end]):
        if message.role is Role.ASSISTANT:
            break
        if message.role is Role.USER:
            blocks[:0] = message.blocks
    return blocks


def names_in(text: str) -> tuple[str, ...]:
    """Quoted texts, else runs of capitalised words that are no mere beginnings of sentences, else what
    follows the last `in`, `about` or the like; in order.
    """
    text = text[:_READ]
    quoted = [found[1] or found[2] for found in _QUOTED.finditer(text)]
    if quoted:
        return tuple(dict.fromkeys(quoted))
    names: list[str] = []
    opening: list[str] = []
    for found in _NAME.finditer(text):
        words = found.group().split(" ")
        length = len(words)
        while words and words[0].lower() in _SENTENCE_WORDS:
            words.pop(0)
        name = " ".join(words).removesuffix("'s").removesuffix("\u2019s")
        if name and name.lower() not in _SENTENCE_WORDS:
            # a lone capital at the start of a sentence may be no name: it counts for want of a better
            before = text[max(0, found.start() - 3) : found.start()]
            opens = length == 1 and (not before or _OPENING.search(before) is not None)
            (opening if opens else names).append(name)
    names = names or opening
    if not names and (places := _PLACE.findall(text)):
        names = [name.strip() for name in re.split(r"\s+and\s+", places[-1])]
    return tuple(dict.fromkeys(names))


def meant_tools(request: Request, intent: Intent) -> list[FunctionTool | CustomTool]:
    """The tools to call now, the likeliest first; none where an answer in words is due."""
    tools = [tool for tool in request.tools if not isinstance(tool, ServerTool)]
    choice = request.tool_choice
    mode = ToolChoiceMode.AUTO if choice is None else choice.mode
    if choice is not None and mode in {
        ToolChoiceMode.NAMED,
        ToolChoiceMode.ALLOWED,
        ToolChoiceMode.REQUIRED_ALLOWED,
    }:
        tools = [tool for tool in tools if tool.name in choice.names]
    if mode is ToolChoiceMode.NONE or not tools:
        return []
    if mode is ToolChoiceMode.NAMED:
        return tools[:1]
    forced = mode in {ToolChoiceMode.REQUIRED, ToolChoiceMode.REQUIRED_ALLOWED}
    if intent.results and not forced:
        return []
    named = [tool for tool in tools if _is_named(tool.name, intent.text)]
    words = frozenset(word.lower() for word in _WORD.findall(intent.text))
    meant = named or [tool for tool in tools if _means(tool, words)]
    return meant or (tools[:1] if forced else [])


def _is_named(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _means(tool: FunctionTool | CustomTool, words: frozenset[str]) -> bool:
    """Whether the text shares a telling word with the tool's name or description."""
    name = {word.lower() for word in _WORD.findall(_CAMEL.sub(" ", tool.name))}
    described = {word.lower() for word in _WORD.findall(tool.description or "")}
    telling = {word for word in name if len(word) >= 3} | {word for word in described if len(word) >= 4}
    return bool((telling - _COMMON - _SENTENCE_WORDS) & words)
