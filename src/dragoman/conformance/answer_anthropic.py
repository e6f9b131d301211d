"""Answers of Anthropic Messages, read for a client."""

from dragoman.conformance.exact_json import decode, encode
from dragoman.conformance.frames import objects
from dragoman.conformance.members import string
from dragoman.conformance.question import Call
from dragoman.conformance.reply import Cited, Counted, Reply, Told
from dragoman.testing.grammar.shape import child, children, whole
from dragoman.testing.json_value import JSON, Object

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def read_answer(body: Object) -> Reply:
    """A whole answer."""
    reply = Reply(model=string(body, "model"), usage=_read_usage(child(body, "usage")))
    if body.get("type") == "error":
        reply.error = read_error(body)
        return reply
    _read_blocks(reply, children(body, "content"))
    _finish(reply, body)
    return reply


def read_stream(body: bytes) -> Reply:
    """A streamed answer. Without `message_stop` it has no end."""
    reply = Reply()
    blocks: dict[int, Object] = {}
    pieces: dict[int, str] = {}
    usage: Object = {}
    ending: Object = {}
    for _, event in objects(body):
        index = whole(event, "index")
        match event.get("type"):
            case "message_start":
                message = child(event, "message")
                reply.model = string(message, "model")
                usage |= child(message, "usage")
            case "content_block_start":
                blocks[index] = dict(child(event, "content_block"))
            case "content_block_delta":
                _grow(blocks.setdefault(index, {}), pieces, index, child(event, "delta"))
            case "message_delta":
                usage |= child(event, "usage")
                ending |= {name: value for name, value in child(event, "delta").items() if value is not None}
            case "message_stop":
                _finish(reply, ending)
            case "error":
                reply.error = read_error(event)
            case _:
                pass
    for index, text in pieces.items():
        if text:
            blocks[index]["input"] = _parsed(text)
    _read_blocks(reply, list(blocks.values()), pieces)
    reply.usage = _read_usage(usage)
    return reply


def _grow(block: Object, pieces: dict[int, str], index: int, delta: Object) -> None:
    match delta.get("type"):
        case "text_delta":
            block["text"] = string(block, "text") + string(delta, "text")
        case "thinking_delta":
            block["thinking"] = string(block, "thinking") + string(delta, "thinking")
        case "signature_delta":
            block["signature"] = string(delta, "signature")
        case "input_json_delta":
            pieces[index] = pieces.get(index, "") + string(delta, "partial_json")
        case "citations_delta":
            block["citations"] = [*children(block, "citations"), child(delta, "citation")]
        case _:
            pass


def _parsed(text: str) -> JSON:
    try:
        return decode(text)
    except ValueError:
        return text


def _read_blocks(reply: Reply, blocks: list[Object], pieces: dict[int, str] | None = None) -> None:
    reply.echo = [{"role": "assistant", "content": list(blocks)}]
    calls: list[Call] = []
    cited: list[Cited] = []
    for index, block in enumerate(blocks):
        match block.get("type"):
            case "text":
                reply.text += string(block, "text")
                cited += [
                    Cited(string(one, "url"), string(one, "title")) for one in children(block, "citations")
                ]
            case "thinking":
                reply.reasoning += string(block, "thinking")
            case "tool_use":
                arguments = (pieces or {}).get(index) or encode(block.get("input"))
                calls.append(Call(string(block, "id"), string(block, "name"), arguments))
            case _:
                pass
    reply.calls = calls
    reply.citations = cited


def _finish(reply: Reply, ending: Object) -> None:
    reason = string(ending, "stop_reason")
    reply.finish = _FINISH.get(reason, reason)
    reply.refusal = string(child(ending, "stop_details"), "explanation")


def _read_usage(usage: Object) -> Counted | None:
    if not usage:
        return None
    read, written = whole(usage, "cache_read_input_tokens"), whole(usage, "cache_creation_input_tokens")
    details = child(usage, "output_tokens_details")
    return Counted(
        whole(usage, "input_tokens") + read + written,
        whole(usage, "output_tokens"),
        read,
        written,
        whole(details, "thinking_tokens"),
    )


def read_error(body: Object) -> Told:
    """The error in an error object."""
    error = child(body, "error")
    return Told(string(error, "message"), string(error, "type"))
