"""Answers of Google's generateContent, read for a client."""

from dragoman.conformance.exact_json import encode
from dragoman.conformance.frames import objects
from dragoman.conformance.members import number, objects_in, string
from dragoman.conformance.question import Call
from dragoman.conformance.reply import Cited, Counted, Reply, Told
from dragoman.testing.grammar.shape import child, children, whole
from dragoman.testing.json_value import JSON, Object

_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_FILTERED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"}


def read_answer(body: Object) -> Reply:
    """A whole answer."""
    return _read([body])


def read_stream(body: bytes) -> Reply:
    """A streamed answer, as server-sent events or as one JSON array."""
    return _read([chunk for _, chunk in objects(body)])


def _read(chunks: list[Object]) -> Reply:
    reply = Reply()
    usage: Object = {}
    parts: list[JSON] = []
    for chunk in chunks:
        if "error" in chunk:
            reply.error = read_error(chunk)
        reply.model = reply.model or string(chunk, "modelVersion")
        usage |= child(chunk, "usageMetadata")
        if "blockReason" in child(chunk, "promptFeedback"):
            reply.finish = "content_filter"
        for candidate in children(chunk, "candidates"):
            index = whole(candidate, "index")
            fresh = children(child(candidate, "content"), "parts")
            if index:
                said = "".join(string(part, "text") for part in fresh)
                reply.others = {**reply.others, index: reply.others.get(index, "") + said}
                continue
            parts += fresh
            _read_parts(reply, fresh)
            _read_rest(reply, candidate)
    if reply.finish == "stop" and reply.calls:
        reply.finish = "tool_calls"
    if reply.finish == "content_filter" and not reply.refusal:
        reply.refusal = reply.text
    reply.echo = [{"role": "model", "parts": parts}]
    reply.usage = _read_usage(usage) if usage else None
    return reply


def _read_parts(reply: Reply, parts: list[Object]) -> None:
    for part in parts:
        if "functionCall" in part:
            call = child(part, "functionCall")
            arguments = encode(call.get("args", {}))
            reply.calls = [*reply.calls, Call(string(call, "id"), string(call, "name"), arguments)]
        elif part.get("thought") is True:
            reply.reasoning += string(part, "text")
        else:
            reply.text += string(part, "text")


def _read_rest(reply: Reply, candidate: Object) -> None:
    reason = string(candidate, "finishReason")
    if reason:
        reply.finish = "content_filter" if reason in _FILTERED else _FINISH.get(reason, reason)
        reply.refusal = string(candidate, "finishMessage")
    chunks = children(child(candidate, "groundingMetadata"), "groundingChunks")
    sources = [child(chunk, "web") for chunk in chunks]
    cited = [Cited(string(source, "uri"), string(source, "title")) for source in sources]
    reply.citations = [*reply.citations, *cited]
    tokens = children(child(candidate, "logprobsResult"), "chosenCandidates")
    told = [(string(token, "token"), number(token, "logProbability") or 0.0) for token in tokens]
    reply.logprobs = [*reply.logprobs, *told]


def _read_usage(usage: Object) -> Counted:
    thoughts = whole(usage, "thoughtsTokenCount")
    return Counted(
        whole(usage, "promptTokenCount") + whole(usage, "toolUsePromptTokenCount"),
        whole(usage, "candidatesTokenCount") + thoughts,
        whole(usage, "cachedContentTokenCount"),
        0,
        thoughts,
    )


def read_error(body: Object) -> Told:
    """The error in an error object; its code holds the number."""
    error = child(body, "error")
    return Told(string(error, "message"), string(error, "status"), str(error.get("code") or ""))


def retry_delay(body: Object) -> float | None:
    """The seconds to wait that a `RetryInfo` detail names."""
    for detail in objects_in(child(body, "error").get("details")):
        delay = string(detail, "retryDelay")
        if delay.endswith("s"):
            return float(delay.removesuffix("s"))
    return None
