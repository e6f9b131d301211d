"""Well-formed answers of Google's generateContent, in both forms of its stream."""

import base64
import binascii

from dragoman.testing.grammar.framing import split_frames
from dragoman.testing.grammar.shape import (
    allow,
    array,
    child,
    children,
    count,
    flag,
    maybe,
    name,
    one_of,
    only,
    require,
    text,
    thing,
    whole,
)
from dragoman.testing.json_value import JSON, Object, decode_json, decode_object

_FINISH = (
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
    "CONTINUATION",
    "MODEL_ARMOR",
)
_TOP = frozenset(
    {
        "candidates",
        "promptFeedback",
        "usageMetadata",
        "modelVersion",
        "responseId",
        "createTime",
        "modelStatus",
    }
)
_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
_ATTRIBUTES = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
_PART = frozenset((*_DATA, *_ATTRIBUTES))
_COUNTS = (
    "promptTokenCount",
    "cachedContentTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
)


def check_stream(body: bytes, *, sse: bool = True, usage: bool = True) -> list[str]:
    """What is wrong with a whole streamed answer; empty when nothing is.

    `sse` says whether it was asked for with `alt=sse`; otherwise it is one JSON array. `usage` says
    whether there has to be usage: Google always has it, a gateway before a host without does not.
    """
    answer = _Answer(streamed=True, usage=usage)
    for number, chunk in enumerate(_chunks(body, answer.found, sse=sse)):
        answer.feed(chunk, f"chunk {number}")
    answer.close()
    return answer.found


def check_response(body: bytes, *, usage: bool = True) -> list[str]:
    """What is wrong with a whole answer that was not streamed; empty when nothing is. For `usage`, see
    `check_stream`.
    """
    answer = _Answer(streamed=False, usage=usage)
    try:
        answer.feed(decode_object(body), "answer")
    except ValueError as error:
        return [f"the answer is not a JSON object: {error}"]
    answer.close()
    return answer.found


def check_error(body: bytes) -> list[str]:
    """What is wrong with the body of an error answer; empty when nothing is."""
    found: list[str] = []
    try:
        _check_error(decode_object(body), "answer", found)
    except ValueError as error:
        found.append(f"the answer is not a JSON object: {error}")
    return found


def _check_error(answer: Object, where: str, found: list[str]) -> None:
    if require(answer, {"error": thing}, where, found):
        wanted = {"code": count, "message": name, "status": name}
        require(child(answer, "error"), wanted, f"{where}.error", found)
        allow(child(answer, "error"), {"details": array}, f"{where}.error", found)


def _chunks(body: bytes, found: list[str], *, sse: bool) -> list[Object]:
    if sse:
        chunks: list[Object] = []
        for frame in split_frames(body, found, carriage=True):
            try:
                chunks.append(decode_object(frame.data))
            except ValueError as error:
                found.append(f"frame {frame.number}: {error}")
        return chunks
    try:
        value = decode_json(body)
    except ValueError as error:
        found.append(f"the stream is not JSON: {error}")
        return []
    if not isinstance(value, list):
        found.append("the stream is not a JSON array")
        return []
    chunks = [element for element in value if isinstance(element, dict)]
    if len(chunks) < len(value):
        found.append("an element of the array is not an object")
    return chunks


class _Candidate:
    def __init__(self, index: int) -> None:
        self.index = index
        self.finish: JSON = None


class _Answer:
    """All chunks of an answer; a whole answer is one chunk."""

    def __init__(self, *, streamed: bool, usage: bool) -> None:
        self.found: list[str] = []
        self._usage_due = usage
        self._streamed = streamed
        self._identity: tuple[JSON, ...] | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._usage: Object = {}
        self._blocked = False
        self._failed = False

    def feed(self, chunk: Object, where: str) -> None:
        if self._failed:
            self.found.append(f"{where}: comes after an error")
        elif self._streamed and "error" in chunk:
            self._failed = True
            _check_error(chunk, where, self.found)
        else:
            self._feed_chunk(chunk, where)

    def _feed_chunk(self, chunk: Object, where: str) -> None:
        only(chunk, _TOP, where, self.found)
        require(chunk, {"responseId": name, "modelVersion": name}, where, self.found)
        identity = (chunk.get("responseId"), chunk.get("modelVersion"))
        if self._identity not in {None, identity}:
            self.found.append(f"{where}: responseId or modelVersion differ from those of the first chunk")
        self._identity = self._identity or identity
        allow(chunk, {"candidates": array, "usageMetadata": thing}, where, self.found)
        usage = child(chunk, "usageMetadata")
        allow(usage, dict.fromkeys(_COUNTS, count), f"{where}.usageMetadata", self.found)
        self._usage |= usage
        self._blocked = self._blocked or "blockReason" in child(chunk, "promptFeedback")
        for candidate in children(chunk, "candidates"):
            self._feed_candidate(candidate, where)

    def _feed_candidate(self, candidate: Object, where: str) -> None:
        allow(
            candidate, {"index": count, "content": thing, "finishReason": one_of(*_FINISH)}, where, self.found
        )
        index = whole(candidate, "index")
        known = self._candidates.setdefault(index, _Candidate(index))
        where = f"{where}, candidate {index}"
        content = child(candidate, "content")
        if content:
            allow(content, {"role": one_of("model"), "parts": array}, f"{where}.content", self.found)
            require(content, {"role": name}, f"{where}.content", self.found)
        parts = children(content, "parts")
        if known.finish is not None:
            self.found.append(f"{where}: goes on after its finish reason")
        for place, part in enumerate(parts):
            self._check_part(part, f"{where}.parts[{place}]")
        known.finish = candidate.get("finishReason", known.finish)

    def _check_part(self, part: Object, where: str) -> None:
        only(part, _PART, where, self.found)
        data = [member for member in _DATA if member in part]
        if len(data) != 1:
            self.found.append(f"{where}: holds {len(data)} kinds of data where one is due")
        wanted = {"text": text, "thought": flag, "thoughtSignature": _is_base64, "functionCall": thing}
        allow(part, wanted, where, self.found)
        if "functionCall" in part:
            call = child(part, "functionCall")
            require(call, {"name": name}, f"{where}.functionCall", self.found)
            only(call, frozenset({"id", "name", "args"}), f"{where}.functionCall", self.found)
            allow(call, {"args": thing, "id": name}, f"{where}.functionCall", self.found)
        if "inlineData" in part:
            wanted = {"mimeType": name, "data": _is_base64}
            require(child(part, "inlineData"), wanted, f"{where}.inlineData", self.found)

    def close(self) -> None:
        if self._failed:
            return
        if not self._candidates and not self._blocked:
            self.found.append("the answer has neither candidates nor a reason for blocking")
        for candidate in self._candidates.values():
            if candidate.finish is None:
                self.found.append(f"candidate {candidate.index}: has no finish reason")
        if sorted(self._candidates) != list(range(len(self._candidates))):
            self.found.append(f"the candidates are numbered {sorted(self._candidates)}")
        self._check_usage()

    def _check_usage(self) -> None:
        if not self._usage:
            if self._usage_due:
                self.found.append("the answer has no usageMetadata")
            return
        wanted = {"promptTokenCount": count, "totalTokenCount": count, "candidatesTokenCount": maybe(count)}
        allow(self._usage, wanted, "usageMetadata", self.found)
        parts = [whole(self._usage, member) for member in _COUNTS if member not in _NOT_ADDED]
        if sum(parts) != whole(self._usage, "totalTokenCount"):
            self.found.append(f"usageMetadata: the counts {parts} do not add up to totalTokenCount")
        if whole(self._usage, "cachedContentTokenCount") > whole(self._usage, "promptTokenCount"):
            self.found.append("usageMetadata: more tokens are cached than the prompt has")


_NOT_ADDED = ("cachedContentTokenCount", "totalTokenCount")


def _is_base64(value: JSON) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
