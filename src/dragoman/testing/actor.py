"""The demo model: an answer to any request, made from the request alone.

It is polite and predictable. It says back what was asked, calls a tool that the user names or means,
reports what tools answered, and fills JSON Schemas. Tests steer it with plain words: `Say X` gives
X itself, `Count to 20` twenty numbers, `Refuse` a refusal and `Search for X` a search of the web where
the request has such a tool; everything else follows from the request's own fields.
"""

import hashlib
import itertools
import math
import re

import msgspec

from dragoman.conversation.blocks import Block, Refusal, Text, Thinking, ToolCall, ToolResult, Unknown
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import OutputMode, Request
from dragoman.conversation.response import (
    AlternativeToken,
    Choice,
    Response,
    Stop,
    StopReason,
    TokenLogprob,
)
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.models.profile import Profile, profile_of
from dragoman.testing.accounting import count_usage
from dragoman.testing.intent import Intent, read_intent
from dragoman.testing.json_value import JSON, decode_json, decode_object
from dragoman.testing.schema_instance import instance_of
from dragoman.testing.signatures import issue_signature
from dragoman.testing.tokens import count_tokens, split_tokens
from dragoman.testing.tool_calls import write_calls
from dragoman.testing.web_search import search_for, searched_blocks

_SAY = re.compile(
    r"(?:please\s+)?(?:say|repeat|echo)(?:\s+exactly)?(?:\s*:\s*|\s+)(?P<words>.+)", re.IGNORECASE | re.DOTALL
)
_COUNT = re.compile(r"(?:please\s+)?count\s+to\s+(?P<number>\d{1,5})\b", re.IGNORECASE)
_REFUSE = re.compile(r"(?:please\s+)?refuse\b", re.IGNORECASE)
_GREETING = re.compile(r"(?:hello|hi|hey|good (?:morning|day|evening))\b[^?]*", re.IGNORECASE)
_INTRODUCTION = (
    "I am the demo model: I know nothing of the world and always answer alike, "
    "but everything around me works as it does with a real model."
)
_REFUSAL = "I cannot help with that."
_LONGEST_QUOTE = 300


def act(request: Request, included: frozenset[str] = frozenset()) -> Response:
    """The demo model's answer; the same request always gets the same one. `included` are the extra
    parts of an answer that a request of OpenAI's asks for.

    `id` is empty and `created` None: whoever sends the answer says them. Signatures have an empty
    origin, as those that a vendor itself sends.
    """
    profile = profile_of(request.model)
    intent = read_intent(request)
    candidates = range(max(1, request.candidates))
    drafts = [_Draft(request, profile, intent, included, index) for index in candidates]
    choices = tuple(draft.choice for draft in drafts)
    usage = count_usage(request, choices)
    hidden = sum(draft.hidden for draft in drafts)
    usage = msgspec.structs.replace(
        usage, output=(usage.output or 0) + hidden, reasoning=(usage.reasoning or 0) + hidden
    )
    return Response(id="", model=request.model, choices=choices, usage=usage)


def reasons(request: Request, profile: Profile) -> bool:
    """Whether the model reasons before this answer."""
    asked = request.reasoning
    if asked is None:
        return profile.reasoning_default
    return asked.effort != "none" and asked.budget != 0


class _Draft:
    """One candidate. `hidden` counts tokens of reasoning that no block shows."""

    def __init__(
        self, request: Request, profile: Profile, intent: Intent, included: frozenset[str], index: int
    ) -> None:
        self.hidden = 0
        self._request = request
        self._profile = profile
        self._included = included
        self._left = math.inf if request.max_tokens is None else max(0, request.max_tokens)
        blocks: list[Block] = []
        query = search_for(request, intent)
        calls = [] if query is not None else write_calls(request, profile, intent, index)
        stop = None
        if reasons(request, profile):
            stop = self._think(blocks, _thoughts(intent, calls))
        if stop is None and query is not None:
            stop = self._search(blocks, query)
        if stop is None:
            stop = self._call(blocks, calls) if calls else self._speak(blocks, intent, index)
        if request.dialect == "gemini":
            _sign_first(blocks, request, profile)
        logprobs = None if request.top_logprobs is None else _logprobs(blocks, request.top_logprobs)
        self.choice = Choice(index, tuple(blocks), stop, logprobs)

    def _think(self, blocks: list[Block], thoughts: str) -> Stop | None:
        """Reason within the limit, in the way the wire format shows it; a stop where that used it up."""
        text, whole = self._spend(thoughts)
        shown = self._request.reasoning.visible if self._request.reasoning is not None else None
        match self._request.dialect:
            case "anthropic":
                text = "" if shown is False else text
                value = issue_signature("anthropic", self._profile.family, text)
                blocks.append(Thinking(text, Signature("anthropic", "", value)))
                if not text:
                    self.hidden += count_tokens(thoughts) - 1
            case "openai_responses":
                item = self._reasoning_item(thoughts, text if shown is True else "")
                blocks.append(item)
                if shown is not True:
                    self.hidden += count_tokens(text) - isinstance(item, Thinking)
            case "gemini" if shown is True:
                blocks.append(Thinking(text))
            case "openai_chat" if self._profile.instructions_role == "system":
                # hosts other than OpenAI show reasoning; OpenAI's own models only count it
                blocks.append(Thinking(text))
            case _:
                self.hidden += count_tokens(text)
        return None if whole else Stop(StopReason.MAX_TOKENS)

    def _reasoning_item(self, thoughts: str, shown: str) -> Thinking | Unknown:
        """OpenAI's reasoning: an item with an id, a summary where one was asked for, and encrypted in
        full where that was asked for; without either, the item alone.
        """
        seed = f"{self._request.model}/{len(self._request.messages)}/{thoughts}"
        identity = f"rs_{hashlib.sha256(seed.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"
        if "reasoning.encrypted_content" in self._included:
            value = issue_signature("openai_responses", self._profile.family)
            signature = Signature("openai_responses", "", f"{identity} {value}")
            return Thinking(shown, signature, redacted=not shown)
        if shown:
            return Thinking(shown)
        item = msgspec.json.encode({"id": identity, "type": "reasoning", "summary": []})
        return Unknown("openai_responses", "reasoning", item, server_side=True)

    def _search(self, blocks: list[Block], query: str) -> Stop:
        """Search the web and tell what was found, if the limit leaves room for all of it."""
        found = searched_blocks(self._request, query, self._included)
        text = "".join(block.text for block in found if isinstance(block, Text))
        if not self._spend(text)[1]:
            return Stop(StopReason.MAX_TOKENS)
        blocks += found
        return Stop(StopReason.END)

    def _call(self, blocks: list[Block], calls: list[ToolCall]) -> Stop:
        """As many calls as fit within the limit: half a call is of no use to anyone."""
        for call in calls:
            size = count_tokens(call.name) + count_tokens(call.arguments)
            if size > self._left:
                return Stop(StopReason.MAX_TOKENS)
            self._left -= size
            blocks.append(call)
        return Stop(StopReason.TOOL_CALLS)

    def _speak(self, blocks: list[Block], intent: Intent, index: int) -> Stop:
        if _REFUSE.match(intent.text) and not intent.results:
            if self._request.dialect in {"openai_chat", "openai_responses"}:
                blocks.append(Refusal(_REFUSAL))
            return Stop(StopReason.REFUSAL, explanation=_REFUSAL)
        text, stop = _cut_at_stop(_answer(self._request, intent, index), self._request.stop)
        text, whole = self._spend(text)
        if text:
            blocks.append(Text(text))
        return stop if whole else Stop(StopReason.MAX_TOKENS)

    def _spend(self, text: str) -> tuple[str, bool]:
        """As much of the text as the limit leaves, and whether that is all of it."""
        tokens = split_tokens(text)
        if len(tokens) <= self._left:
            self._left -= len(tokens)
            return text, True
        kept = "".join(tokens[: int(self._left)])
        self._left = 0
        return kept, False


def _sign_first(blocks: list[Block], request: Request, profile: Profile) -> None:
    """Google's way: a signature on the first call, or on the text, of a model that signs."""
    if not (profile.signed_calls or reasons(request, profile)):
        return
    signature = Signature("gemini", "", issue_signature("gemini", profile.family))
    for place, block in enumerate(blocks):
        if isinstance(block, ToolCall) or (isinstance(block, Text) and profile.signed_calls):
            blocks[place] = msgspec.structs.replace(block, signature=signature)
            return


def _thoughts(intent: Intent, calls: list[ToolCall]) -> str:
    if calls:
        names = " and ".join(dict.fromkeys(call.name for call in calls))
        return f"This needs {names}. I call it with what the user said."
    if intent.results:
        return "The tools have answered. I pass on what they found."
    return f"The user says: {_shortened(intent.text) or 'nothing'}. A short, polite answer will do."


def _answer(request: Request, intent: Intent, index: int) -> str:
    """The whole text of an answer without tool calls."""
    output = request.output
    if output is not None and output.mode is OutputMode.JSON_SCHEMA and output.schema is not None:
        value = instance_of(_schema(output.schema), _words(intent), intent.names)
        return value if isinstance(value, str) and wants_bare_word(request) else _json(value)
    text = _words(intent)
    if output is not None and output.mode is OutputMode.JSON_OBJECT:
        said = _SAY.fullmatch(intent.text)
        if said is not None and _is_object(said["words"]):
            return said["words"]
        return _json({"answer": text})
    return text if index == 0 else f"In other words ({index + 1}): {text}"


def _words(intent: Intent) -> str:
    if intent.results:
        return "\n".join(_reported(name, result) for name, result in intent.results)
    if said := _SAY.fullmatch(intent.text):
        words = said["words"].strip()
        quoted = len(words) > 1 and words[0] == words[-1] and words[0] in "\"'"
        return words[1:-1] if quoted else words
    if count := _COUNT.match(intent.text):
        return " ".join(str(number) for number in range(1, int(count["number"]) + 1))
    if not intent.text and not _media(intent):
        return f"Hello! {_INTRODUCTION}"
    if _GREETING.fullmatch(intent.text):
        return f"Hello! How can I help? {_INTRODUCTION}"
    sent = [_media(intent), f'You said: "{_shortened(intent.text)}".' if intent.text else ""]
    return " ".join(part for part in (*sent, _INTRODUCTION) if part)


def _media(intent: Intent) -> str:
    counts = [(intent.images, "image"), (intent.recordings, "recording"), (intent.documents, "document")]
    parts = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count]
    if not parts:
        return ""
    return f"I received {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}."


def _reported(name: str, result: ToolResult) -> str:
    texts = [block.text if isinstance(block, Text) else "an attachment" for block in result.blocks]
    verb = "failed" if result.is_error else "answered"
    return f"{name} {verb}: {' '.join(texts) or 'nothing'}"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE].rstrip() + "..."


def _schema(data: bytes) -> JSON:
    try:
        return decode_json(data)
    except ValueError:
        return {}


def _is_object(text: str) -> bool:
    try:
        decode_object(text)
    except ValueError:
        return False
    return True


def _json(value: JSON) -> str:
    return msgspec.json.encode(value).decode()


def _cut_at_stop(text: str, sequences: tuple[str, ...]) -> tuple[str, Stop]:
    """The text before the first stop sequence in it."""
    found = [(at, sequence) for sequence in sequences if sequence and (at := text.find(sequence)) >= 0]
    if not found:
        return text, Stop(StopReason.END)
    at, sequence = min(found)
    return text[:at], Stop(StopReason.STOP_SEQUENCE, sequence=sequence)


def _logprobs(blocks: list[Block], alternatives: int) -> tuple[TokenLogprob, ...]:
    """Falling probabilities for each token of the text: likelihood is made up, shape is not."""
    texts = [block.text for block in blocks if isinstance(block, Text | Refusal)]
    tokens = itertools.chain.from_iterable(split_tokens(text) for text in texts)
    return tuple(_logprob(token, place, alternatives) for place, token in enumerate(tokens))


def _logprob(token: str, place: int, alternatives: int) -> TokenLogprob:
    logprob = -0.125 * (place % 4 + 1)
    others = [token, *(f"{token}{number}" for number in range(1, alternatives))]
    top = tuple(
        AlternativeToken(other, logprob - rank, tuple(other.encode()))
        for rank, other in enumerate(others[:alternatives])
    )
    return TokenLogprob(token, logprob, tuple(token.encode()), top)
