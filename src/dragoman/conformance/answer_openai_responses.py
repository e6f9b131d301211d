"""Answers of OpenAI Responses, read for a client."""

from dragoman.conformance.frames import objects
from dragoman.conformance.members import number, string
from dragoman.conformance.question import Call
from dragoman.conformance.reply import Cited, Counted, Reply, Told
from dragoman.testing.grammar.shape import child, children, whole
from dragoman.testing.json_value import JSON, Object

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


def read_answer(body: Object) -> Reply:
    """A whole answer."""
    reply = Reply(model=string(body, "model"), usage=_read_usage(body.get("usage")))
    if "object" not in body and "error" in body:
        reply.error = read_error(body)
        return reply
    items = children(body, "output")
    reply.echo = items
    calls: list[Call] = []
    for item in items:
        match item.get("type"):
            case "message":
                _read_message(reply, item)
            case "function_call":
                calls.append(Call(string(item, "call_id"), string(item, "name"), string(item, "arguments")))
            case "custom_tool_call":
                text = string(item, "input")
                calls.append(Call(string(item, "call_id"), string(item, "name"), text, custom=True))
            case "reasoning":
                parts = children(item, "summary") or children(item, "content")
                reply.reasoning += "".join(string(part, "text") for part in parts)
            case _:
                pass
    reply.calls = calls
    _finish(reply, body)
    return reply


def read_stream(body: bytes) -> Reply:
    """A streamed answer: what its deltas and finished items say. Without a terminal event it has no end."""
    items: dict[int, JSON] = {}
    text: list[str] = []
    error: Told | None = None
    closing: Object = {}
    for _, event in objects(body):
        kind = string(event, "type")
        if kind == "response.output_item.done":
            items[whole(event, "output_index")] = child(event, "item")
        elif kind == "response.output_text.delta":
            text.append(string(event, "delta"))
        elif kind == "error" or (not kind and "error" in event):
            error = read_error(event)
        elif kind in _TERMINAL:
            closing = child(event, "response")
    reply = read_answer({"object": "response", **closing, "output": list(items.values())})
    reply.error = reply.error or error
    if text and not reply.text:
        reply.text = "".join(text)
    return reply


def _read_message(reply: Reply, item: Object) -> None:
    for part in children(item, "content"):
        if part.get("type") == "refusal":
            reply.refusal += string(part, "refusal")
            continue
        reply.text += string(part, "text")
        sources = children(part, "annotations")
        cited = [Cited(string(one, "url"), string(one, "title")) for one in sources]
        reply.citations = [*reply.citations, *cited]
        tokens = children(part, "logprobs")
        told = [(string(token, "token"), number(token, "logprob") or 0.0) for token in tokens]
        reply.logprobs = [*reply.logprobs, *told]


def _finish(reply: Reply, body: Object) -> None:
    match body.get("status"):
        case "completed" if reply.refusal and not reply.text:
            reply.finish = "content_filter"
        case "completed":
            reply.finish = "tool_calls" if reply.calls else "stop"
        case "incomplete":
            reason = string(child(body, "incomplete_details"), "reason")
            reply.finish = _INCOMPLETE.get(reason, reason)
        case "failed":
            error = child(body, "error")
            reply.error = Told(string(error, "message"), "failed", string(error, "code"))
        case _:
            pass


def _read_usage(usage: JSON) -> Counted | None:
    if not isinstance(usage, dict):
        return None
    prompt, output = child(usage, "input_tokens_details"), child(usage, "output_tokens_details")
    return Counted(
        whole(usage, "input_tokens"),
        whole(usage, "output_tokens"),
        whole(prompt, "cached_tokens"),
        whole(prompt, "cache_write_tokens"),
        whole(output, "reasoning_tokens"),
    )


def read_error(body: Object) -> Told:
    """The error in an error object, or in an error event, which has its members nested or flat."""
    error = child(body, "error") or body
    return Told(string(error, "message"), string(error, "type"), str(error.get("code") or ""))
