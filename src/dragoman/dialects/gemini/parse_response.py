"""A whole answer of this format, read."""

import datetime as dt

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.arguments import arguments_text
from dragoman.dialects.gemini.errors import parse_error_tree
from dragoman.dialects.gemini.grounding import Texts, parse_citations
from dragoman.dialects.gemini.joined_blocks import JoinedBlocks
from dragoman.dialects.gemini.logprobs import parse_logprobs
from dragoman.dialects.gemini.media import media_block
from dragoman.dialects.gemini.parse_parts import server_block
from dragoman.dialects.gemini.stops import BROKEN, EMPTY, blocked, broken, parse_stop, reason_name
from dragoman.dialects.gemini.usage import parse_usage, searches, service_tier, with_searches
from dragoman.dialects.gemini.wire import (
    Candidate,
    FunctionCall,
    GenerateContentResponse,
    Part,
    given,
    part_list,
)
from dragoman.dialects.json_text import decode_upstream
from dragoman.dialects.json_tree import ANY

DIALECT = "gemini"

_RESPONSE = msgspec.json.Decoder(GenerateContentResponse)


def parse_response(body: bytes, origin: str) -> Response:
    """Read a whole answer from an origin. Raises `FailureError` for anything that is not one."""
    wire = decode_upstream(_RESPONSE, body)
    usage = parse_usage(wire.usage_metadata) if wire.usage_metadata is not None else None
    candidates = wire.candidates or []
    usage = with_searches(usage, searches(candidates))
    feedback = wire.prompt_feedback
    if candidates:
        choices = tuple(
            _choice(candidate, place, wire.response_id or "", origin)
            for place, candidate in enumerate(candidates)
        )
    elif given(wire.error):
        raise FailureError(parse_error_tree(0, {}, ANY.decode(body), body))
    elif feedback is not None and feedback.block_reason:
        stop = blocked(feedback.block_reason, feedback.block_reason_message)
        choices = (Choice(0, (), stop),)
    else:
        raise FailureError(EMPTY)
    return Response(
        id=wire.response_id or "",
        model=wire.model_version or "",
        choices=choices,
        usage=usage,
        created=parse_created(wire.create_time),
        service_tier=service_tier(wire.usage_metadata),
    )


def parse_created(time: str | None) -> int | None:
    """An RFC 3339 instant in Unix seconds."""
    if not time:
        return None
    try:
        instant = dt.datetime.fromisoformat(time)
        return int((instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _choice(candidate: Candidate, place: int, response_id: str, origin: str) -> Choice:
    index = place if candidate.index is None else candidate.index
    answer = _Answer(response_id, index, origin)
    for part in part_list(candidate.content.parts if candidate.content is not None else None):
        answer.add(part)
    if not candidate.finish_reason and not answer.blocks:
        raise FailureError(EMPTY)
    stop = ended(
        candidate.finish_reason or "FINISH_REASON_UNSPECIFIED",
        candidate.finish_message,
        called=answer.calls > 0,
        empty=not answer.blocks,
    )
    return Choice(
        index,
        answer.cited(candidate),
        stop,
        parse_logprobs(candidate.logprobs_result) if given(candidate.logprobs_result) else None,
    )


def ended(reason: str | int, message: str | None, *, called: bool, empty: bool) -> Stop:
    """How a candidate ended. `empty` is one without content: a model may stop without a word.

    Raises `FailureError` (bad gateway) where that amounts to no answer.
    """
    name = reason_name(reason)
    if empty and name in BROKEN:
        raise FailureError(broken(name, message))
    return parse_stop(name, message, called=called)


def parse_call(call: FunctionCall, response_id: str, choice: int, position: int) -> ToolCall:
    """A whole call; models before Gemini 3 give it no id, so it gets one from its place and content."""
    name, arguments = call.name or "", arguments_text(call.args)
    own = call.id or derived_call_id(response_id, str(choice), str(position), name, arguments)
    return ToolCall(own, name, arguments)


class _Answer:
    """The blocks of one candidate."""

    def __init__(self, response_id: str, index: int, origin: str) -> None:
        self._joined = JoinedBlocks()
        self.calls = 0
        self._response_id = response_id
        self._index = index
        self._origin = origin
        self._part_starts: list[int] = []
        self._bytes = 0

    @property
    def blocks(self) -> list[Block]:
        """The blocks so far."""
        return self._joined.blocks

    def add(self, part: Part) -> None:
        """Take the next part; neighbouring texts are one block, as they are in a stream."""
        self._part_starts.append(self._bytes)
        value = part.thought_signature
        signature = Signature(DIALECT, self._origin, value) if value else None
        if part.function_call is not None and (part.function_call.name or given(part.function_call.args)):
            call = parse_call(part.function_call, self._response_id, self._index, self.calls)
            self.calls += 1
            self._joined.add(msgspec.structs.replace(call, signature=signature))
        elif part.inline_data is not None or part.file_data is not None:
            self._joined.add(media_block(part))
        elif (block := server_block(part)) is not None:
            self._joined.add(block)
        elif part.thought:
            self._joined.grow(Thinking, part.text or "", signature)
        else:
            text = part.text or ""
            self._bytes += len(text.encode("utf-8", "surrogatepass"))
            self._joined.grow(Text, text, signature)

    def cited(self, candidate: Candidate) -> tuple[Block, ...]:
        """The blocks, with citations on the texts."""
        blocks = self.blocks
        recitations = [candidate.citation_metadata] if given(candidate.citation_metadata) else []
        if not recitations and not given(candidate.grounding_metadata):
            return tuple(blocks)
        texts = {place: block for place, block in enumerate(blocks) if isinstance(block, Text)}
        spoken = Texts([block.text for block in texts.values()], self._part_starts)
        found = parse_citations(spoken, len(texts) - 1, candidate.grounding_metadata, recitations)
        for number, place in enumerate(texts):
            citations = tuple(citation for index, citation in found if index == number)
            blocks[place] = msgspec.structs.replace(texts[place], citations=citations)
        return tuple(blocks)
