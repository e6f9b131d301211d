"""A translated stream: who listens to it, and how it breaks."""

from dragoman.conversation.events import Event, TextDelta
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.fold import Fold
from dragoman.dialects import openai_chat, openai_responses
from dragoman.dialects.dialect import Emulation, Location, Reply
from dragoman.gateway.pipeline import TranslationPipeline
from dragoman.gateway.reading import Listener

SAID = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
ERROR = b'data: {"error":{"message":"busy","type":"server_error"}}\n\n'


def pipeline(*listeners: Listener) -> TranslationPipeline:
    """A stream of Chat Completions for a client of Responses."""
    body = b'{"model":"m","stream":true,"input":"x"}'
    request = openai_responses.DIALECT.parse_request(body, Location())
    reply = Reply(request, Location(), created=1, fallback_id="f", fingerprint="fp", origin="o/f")

    def clean(failure: Failure) -> Failure:
        return failure

    return TranslationPipeline(
        openai_responses.DIALECT, openai_chat.DIALECT, reply, Emulation(), clean, listeners=listeners
    )


def test_who_listens_hears_of_the_answer_and_not_of_its_failure() -> None:
    heard: list[Event] = []
    through = pipeline(heard.append, Fold().feed)
    out = through.feed(SAID + ERROR)
    assert [event.text for event in heard if isinstance(event, TextDelta)] == ["Hi"]
    assert b'"delta":"Hi"' in out
    failure = through.reading.failure
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.SERVER, "busy")
    assert b"response.failed" in through.fail(failure)
