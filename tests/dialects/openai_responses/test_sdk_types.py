"""What we write passes the official SDK's own types, read strictly."""

import json

from openai.types.responses import Response as SDKResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from dragoman.conversation.blocks import Block, Citation, Image, Inline, Refusal, Text, Thinking, ToolCall
from dragoman.conversation.events import Event, Failed, LogprobsReported
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import CustomTool, FunctionTool, Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_responses import DIALECT

EVENT: TypeAdapter[object] = TypeAdapter(ResponseStreamEvent)
SIGNATURE = Signature("gemini", "p/m", "CiQB")
BLOCKS: tuple[Block, ...] = (
    Thinking("Hm.", SIGNATURE),
    Thinking("", SIGNATURE, redacted=True),
    Text("It is ", (Citation("https://example.org", "Tides"),)),
    Text("high.", signature=SIGNATURE),
    Image(Inline("image/png", "iVBORw0KGgo=")),
    ToolCall("call_1", "look", '{"a":1}', signature=SIGNATURE),
    ToolCall("call_2", "patch", "*** Begin", custom=True),
    Refusal("Not that."),
)
TOOLS = (FunctionTool("look", parameters=b'{"type":"object","properties":{}}'), CustomTool("patch"))
REPLY = Reply(Request("openai_responses", "m", (), tools=TOOLS), Location(), 1, "f" * 24, "fp", "p/m")


def answer(reason: StopReason, *blocks: Block) -> Response:
    return Response("id-1", "m", (Choice(0, blocks or BLOCKS, Stop(reason)),), Usage(3, 4, 1, 1, 1))


def check(*events: Event) -> None:
    encoder = DIALECT.stream_encoder(REPLY)
    body = b"".join(encoder.encode(event) for event in events) + encoder.close()
    for frame in body.decode().removesuffix("\n\n").split("\n\n"):
        EVENT.validate_python(json.loads(frame.split("\ndata: ")[1]))


def test_whole_answers() -> None:
    for reason in StopReason:
        SDKResponse.model_validate(json.loads(DIALECT.render_response(answer(reason), REPLY)))


def test_every_event_of_a_stream() -> None:
    check(LogprobsReported((TokenLogprob("It", -0.5, (73, 116)),)), *unfold(answer(StopReason.TOOL_CALLS)))
    check(*unfold(answer(StopReason.MAX_TOKENS, Text("It is"))))


def test_a_failure_in_the_middle() -> None:
    events = [*unfold(answer(StopReason.END))]
    check(*events[:6], Failed(Failure(FailureKind.RATE_LIMIT, "Slow.")))
