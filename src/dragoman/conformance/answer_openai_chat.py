"""Answers of OpenAI Chat Completions, read for a client."""

from dragoman.conformance.frames import objects
from dragoman.conformance.members import number, string
from dragoman.conformance.question import Call
from dragoman.conformance.reply import Cited, Counted, Reply, Told
from dragoman.testing.grammar.shape import child, children, whole
from dragoman.testing.json_value import JSON, Object

_JOINED = ("content", "refusal", "reasoning_content", "reasoning")


def read_answer(body: Object) -> Reply:
    """A whole answer."""
    reply = Reply(model=string(body, "model"), usage=_read_usage(body.get("usage")))
    for choice in children(body, "choices"):
        message = child(choice, "message")
        if whole(choice, "index"):
            reply.others = {**reply.others, whole(choice, "index"): string(message, "content")}
            continue
        _read_message(reply, message)
        reply.finish = string(choice, "finish_reason")
        reply.logprobs = _read_logprobs(choice)
    if "error" in body:
        reply.error = read_error(body)
    return reply


def read_stream(body: bytes) -> Reply:
    """A streamed answer: deltas are put together as documented, members unknown to us kept as they came."""
    reply = Reply()
    messages: dict[int, Object] = {}
    for _, chunk in objects(body):
        if "error" in chunk:
            reply.error = read_error(chunk)
        reply.model = reply.model or string(chunk, "model")
        reply.usage = _read_usage(chunk.get("usage")) or reply.usage
        for choice in children(chunk, "choices"):
            index = whole(choice, "index")
            _merge(messages.setdefault(index, {}), child(choice, "delta"))
            if index == 0:
                reply.finish = string(choice, "finish_reason") or reply.finish
                reply.logprobs = [*reply.logprobs, *_read_logprobs(choice)]
    for index, message in messages.items():
        if index:
            reply.others = {**reply.others, index: string(message, "content")}
        else:
            _read_message(reply, {"role": "assistant", "content": None, **message})
    return reply


def _merge(message: Object, delta: Object) -> None:
    """Put a delta onto the message so far. Lists grow, their elements with an index by that."""
    for name, value in delta.items():
        if value is None:
            continue
        old = message.get(name)
        if name in _JOINED and isinstance(value, str):
            message[name] = (old if isinstance(old, str) else "") + value
        elif isinstance(value, list):
            message[name] = _grown(old if isinstance(old, list) else [], value)
        elif isinstance(value, dict) and isinstance(old, dict):
            message[name] = {**old, **value}
        else:
            message[name] = value


def _grown(old: list[JSON], new: list[JSON]) -> list[JSON]:
    grown = list(old)
    for element in new:
        same = None
        if isinstance(element, dict) and "index" in element:
            same = next(
                (one for one in grown if isinstance(one, dict) and one.get("index") == element["index"]), None
            )
        if isinstance(element, dict) and same is not None:
            _merge_call(same, element)
        else:
            grown.append(dict(element) if isinstance(element, dict) else element)
    return grown


def _merge_call(call: Object, delta: Object) -> None:
    for name, value in delta.items():
        old = call.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge_call(old, value)
        elif name in {"arguments", "input", "text", "summary", "data", "signature"} and isinstance(
            value, str
        ):
            call[name] = (old if isinstance(old, str) else "") + value
        elif value is not None:
            call[name] = value


def _read_message(reply: Reply, message: Object) -> None:
    reply.text = string(message, "content")
    reply.refusal = string(message, "refusal")
    reply.reasoning = string(message, "reasoning_content") or string(message, "reasoning")
    calls: list[Call] = []
    for call in children(message, "tool_calls"):
        custom = "custom" in call
        inner = child(call, "custom" if custom else "function")
        arguments = string(inner, "input" if custom else "arguments")
        calls.append(Call(string(call, "id"), string(inner, "name"), arguments, custom))
    reply.calls = calls
    sources = [child(one, "url_citation") for one in children(message, "annotations")]
    reply.citations = [Cited(string(source, "url"), string(source, "title")) for source in sources]
    kept = {name: value for name, value in message.items() if value is not None or name == "content"}
    if "tool_calls" in kept:
        kept["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"}
            for call in children(message, "tool_calls")
        ]
    reply.echo = [kept]


def documented(message: Object) -> Object:
    """A model's message with nothing but the fields that OpenAI documents."""
    kept: Object = {name: message[name] for name in ("role", "content", "refusal") if name in message}
    calls: list[JSON] = []
    for call in children(message, "tool_calls"):
        kind = string(call, "type") or "function"
        inner = child(call, kind)
        fields = ("name", "arguments") if kind == "function" else ("name", "input")
        calls.append({"id": call.get("id"), "type": kind, kind: {name: inner.get(name) for name in fields}})
    if calls:
        kept["tool_calls"] = calls
    return kept


def _read_usage(usage: JSON) -> Counted | None:
    if not isinstance(usage, dict):
        return None
    prompt, output = child(usage, "prompt_tokens_details"), child(usage, "completion_tokens_details")
    return Counted(
        whole(usage, "prompt_tokens"),
        whole(usage, "completion_tokens"),
        whole(prompt, "cached_tokens"),
        whole(prompt, "cache_write_tokens"),
        whole(output, "reasoning_tokens"),
    )


def _read_logprobs(choice: Object) -> list[tuple[str, float]]:
    tokens = children(child(choice, "logprobs"), "content")
    return [(string(token, "token"), number(token, "logprob") or 0.0) for token in tokens]


def read_error(body: Object) -> Told:
    """The error in an error object."""
    error = child(body, "error")
    return Told(string(error, "message"), string(error, "type"), str(error.get("code") or ""))
