"""One exchange, whatever happens in it, ends in one answer and one record."""

import asyncio
import json

import pytest
from tests.gateway.ends import BROKEN, SILENCE, Book, Reader, Road, Upstream, allowances, pricing

from dragoman.access.keys import KeyInfo, KeyRing
from dragoman.config.settings import Retries, RouteSettings, Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.memory import MemoryRecollection
from dragoman.dialects import openai_chat
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway import gateway as gateway_module
from dragoman.gateway.attempts import worth_another
from dragoman.gateway.call import Call
from dragoman.gateway.entrance import authenticate, check_operator
from dragoman.gateway.exchange import exchange
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.responses import KeptResponse

pytestmark = pytest.mark.anyio

PROVIDERS = {
    "openai": Provider("openai", ("openai_chat",), "http://o/v1", "sk-openai"),
    "anthropic": Provider("anthropic", ("anthropic",), "http://a", "sk-anthropic"),
}
ROUTES = {"best": RouteSettings(("anthropic/claude-sonnet-4-5", "openai/gpt-4o"))}

OPENAI_ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    }
).encode()
OPENAI_STREAM = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o",'
    b'"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}


class Service:
    """A gateway in front of upstreams in memory, and what it has noted."""

    def __init__(
        self, *upstreams: Upstream | FailureError, first: float = 60, total: float = 60, attempts: int = 2
    ) -> None:
        self.records: list[Record] = []
        self.road = Road(*upstreams)
        self.book = Book()
        self.gateway = Gateway(
            keys=KeyRing.of(["sk-client"]),
            router=Router(
                PROVIDERS,
                ROUTES,
                timeouts=Timeouts(first_event=first, between_events=first, total=total),
                retries=Retries(attempts, backoff=0.001),
            ),
            providers=PROVIDERS,
            dialects=DIALECTS,
            http=self.road,
            embedded=self.road,
            timeouts=Timeouts(),
            retries=Retries(attempts, backoff=0.001),
            journal=self.records.append,
            ledger=self.book,
            allowances=allowances(),
            pricing=pricing(),
            now=lambda: 1.0,
            kept_responses=MemoryResponses(),
            signatures=MemoryRecollection(max_entries=100),
        )

    async def serve(self, client: Reader, model: str, **more: object) -> None:
        asked = {"model": model, "messages": [{"role": "user", "content": "x"}], **more}
        call = Call(
            openai_chat.DIALECT,
            Location(),
            json.dumps(asked).encode(),
            [],
            KeyInfo("1a2b3c", "key 1"),
            "req_1",
        )
        await exchange(self.gateway, call, client)

    @property
    def record(self) -> Record:
        (record,) = self.records
        return record


@pytest.mark.parametrize("key", [KeyInfo("1", "lent", virtual=True), KeyInfo("2", "some", routes=("gpt-*",))])
def test_a_key_that_is_given_to_others_does_not_see_what_concerns_everybody(key: KeyInfo) -> None:
    with pytest.raises(FailureError) as caught:
        check_operator(key)
    assert caught.value.failure.kind is FailureKind.PERMISSION
    assert f"'{key.name}'" in caught.value.failure.message
    check_operator(KeyInfo("3", "own"))


@pytest.mark.anyio
async def test_a_known_key_has_a_name() -> None:
    known = await authenticate(Service().gateway, "sk-client")
    assert known.name == "key 1"


@pytest.mark.anyio
@pytest.mark.parametrize(("key", "words"), [(None, "No API key"), ("sk-wrong", "not valid")])
async def test_without_a_known_key_nobody_gets_in(key: str | None, words: str) -> None:
    with pytest.raises(FailureError) as caught:
        await authenticate(Service().gateway, key)
    assert caught.value.failure.kind is FailureKind.AUTHENTICATION
    assert words in caught.value.failure.message
    assert "sk-wrong" not in caught.value.failure.message


async def test_an_answer_is_delivered_and_noted() -> None:
    service, client = Service(Upstream(OPENAI_ANSWER, headers=JSON)), Reader()
    await service.serve(client, "openai/gpt-4o")
    assert (client.status, client.body) == (200, OPENAI_ANSWER)
    record = service.record
    (attempt,) = record.attempts
    assert record.answered is attempt
    assert (attempt.plan, attempt.outcome, record.failure) == ("passthrough", "answered", None)
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (2, 3)
    assert record.ended is not None


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 0, "completion_tokens": None}], ids=str)
@pytest.mark.parametrize("model", ["openai/gpt-4o", "best"])
async def test_an_answer_whose_upstream_says_nothing_of_usage_is_estimated_whole(
    model: str, usage: dict[str, object] | None
) -> None:
    words = "one two three four five six seven eight nine ten"
    if model == "best":
        said: dict[str, object] = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": words}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
        }
    else:
        said = {**json.loads(OPENAI_ANSWER.replace(b'"hi"', json.dumps(words).encode())), "usage": usage}
    service = Service(Upstream(json.dumps(said).encode(), headers=JSON))
    await service.serve(Reader(), model)
    (attempt,) = service.record.attempts
    assert attempt.usage is not None
    assert attempt.usage.prompt > 0
    assert (attempt.usage.output or 0) >= 10
    assert attempt.estimated
    assert attempt.cost


async def test_an_unknown_model_is_refused_and_noted() -> None:
    service, client = Service(), Reader()
    await service.serve(client, "nothing")
    assert client.status == 404
    assert service.record.failure is not None
    assert service.road.sent == []


async def test_what_one_attempt_lost_is_not_said_of_the_next() -> None:
    """The first target has no `seed`; the second has."""
    first = Upstream(BROKEN, headers=EVENTS)
    service, client = Service(first, Upstream(OPENAI_STREAM, headers=EVENTS)), Reader()
    await service.serve(client, "best", seed=1, stream=True)
    assert client.body == OPENAI_STREAM
    assert "x-dragoman-losses" not in client.headers
    record = service.record
    assert [attempt.outcome for attempt in record.attempts] == ["failed", "answered"]
    assert [attempt.plan for attempt in record.attempts] == ["translation", "passthrough"]
    assert (record.losses, record.failure) == ((), None)
    assert first.closed


async def test_what_went_through_unread_has_no_losses_however_the_answer_comes() -> None:
    """In a translation, `temperature` would be lost: the model reasons."""
    service, client = Service(Upstream(OPENAI_ANSWER, headers=JSON)), Reader()
    await service.serve(client, "openai/o3", temperature=0.5, stop=["i"], stream=True)
    assert client.status == 200
    assert b'"content":"hi"' in client.body
    assert "x-dragoman-losses" not in client.headers


async def test_losses_are_said_in_a_header() -> None:
    answer = {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "model": "c",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    service, client = Service(Upstream(json.dumps(answer).encode(), headers=JSON)), Reader()
    await service.serve(client, "best", seed=1)
    assert 'path="$.seed"' in client.headers["x-dragoman-losses"]


async def test_when_the_whole_time_is_up_no_other_target_is_asked() -> None:
    service, client = Service(Upstream(SILENCE), Upstream(OPENAI_ANSWER, headers=JSON), total=0.02), Reader()
    await service.serve(client, "best")
    assert client.status == 504
    assert len(service.road.sent) == 1


async def test_after_a_silence_the_next_target_is_asked() -> None:
    first = Upstream(SILENCE, headers=JSON)
    service, client = Service(first, Upstream(OPENAI_ANSWER, headers=JSON), first=0.02), Reader()
    await service.serve(client, "best")
    assert client.body == OPENAI_ANSWER
    assert first.closed


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_is_slow_to_read_gets_a_single_answer(stream: bool) -> None:
    """Its own time is no reason to fail, least of all to answer a second time."""
    body = OPENAI_STREAM if stream else OPENAI_ANSWER
    upstream = Upstream(body, headers=EVENTS if stream else JSON)
    service, client = Service(upstream, first=0.02, total=5), Reader(slow=0.05)
    await service.serve(client, "openai/gpt-4o", stream=stream)
    assert (client.status, client.body) == (200, body)
    assert service.record.failure is None


async def test_a_whole_answer_that_is_here_may_be_read_for_ever() -> None:
    service, client = Service(Upstream(OPENAI_ANSWER, headers=JSON), total=0.02), Reader(slow=0.05)
    await service.serve(client, "openai/gpt-4o")
    assert (client.status, client.body) == (200, OPENAI_ANSWER)


async def test_a_client_that_leaves_is_noted_and_hears_nothing() -> None:
    upstream = Upstream(SILENCE, headers=JSON)
    service, client = Service(upstream), Reader()
    task = asyncio.ensure_future(service.serve(client, "openai/gpt-4o"))
    await asyncio.sleep(0.01)
    client.left = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.closed
    assert not client.started
    assert service.record.client_left


async def test_a_gateway_that_is_stopped_tells_those_who_wait() -> None:
    service, client = Service(Upstream(SILENCE, headers=JSON)), Reader()
    task = asyncio.ensure_future(service.serve(client, "best"))
    await asyncio.sleep(0.01)
    task.cancel()
    await task
    assert client.status == 503
    assert len(service.road.sent) == 1
    assert not service.record.client_left


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FailureKind.OVERLOADED, True),
        (FailureKind.UPSTREAM_AUTHENTICATION, True),
        (FailureKind.QUOTA, True),
        (FailureKind.MODEL_NOT_FOUND, True),
        (FailureKind.INVALID_REQUEST, False),
        (FailureKind.CONTEXT_OVERFLOW, True),
        (FailureKind.CONTENT_POLICY, False),
    ],
)
def test_only_what_is_not_the_requests_fault_is_tried_elsewhere(kind: FailureKind, expected: bool) -> None:
    assert worth_another(Failure(kind, "")) is expected


async def test_kept_answers_whose_time_is_over_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    kept = service.gateway.kept_responses
    await kept.put(KeptResponse("old", "k", 0.0, 0.5, None, b"", b""))
    await kept.put(KeptResponse("new", "k", 0.0, 9.5, None, b"", b""))
    monkeypatch.setattr(gateway_module, "UPKEEP", 0.001)
    task = asyncio.ensure_future(service.gateway.upkeep())
    await asyncio.sleep(0.3)
    task.cancel()
    assert await kept.get("old", "k", 0.0) is None
    assert await kept.get("new", "k", 0.0) is not None


async def test_an_answer_that_the_gateways_end_cuts_off_is_not_noted_as_answered() -> None:
    service, client = Service(Upstream(OPENAI_ANSWER, headers=JSON)), Reader(slow=0.05)
    task = asyncio.ensure_future(service.serve(client, "openai/gpt-4o"))
    await asyncio.sleep(0.02)
    assert client.started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert service.record.failure is not None
    assert service.record.failure.kind is FailureKind.OVERLOADED


async def test_an_exchange_that_ends_in_a_bug_is_not_noted_as_answered() -> None:
    service = Service()
    service.gateway.dialects = {}
    with pytest.raises(KeyError):
        await service.serve(Reader(), "openai/gpt-4o")
    assert service.record.failure is not None
    assert service.record.failure.kind is FailureKind.SERVER


async def test_a_client_that_reads_too_slowly_is_not_the_targets_fault() -> None:
    piece = OPENAI_STREAM.partition(b"data: [DONE]")[0].replace(b'"stop"', b"null")
    upstream = Upstream(*[piece] * 5, headers=EVENTS)
    service, client = Service(upstream, total=0.1), Reader(slow=0.06)
    await service.serve(client, "openai/gpt-4o", stream=True)
    assert service.record.failure is not None
    assert service.record.failure.kind is FailureKind.TIMEOUT
    (target,) = service.gateway.traffic.targets()
    assert target.failures == 0


async def test_what_an_upstream_did_in_vain_is_noted_with_an_estimate() -> None:
    """It had begun to work when the time was up."""
    service, client = Service(Upstream(SILENCE, headers=JSON), first=0.02, attempts=1), Reader()
    await service.serve(client, "openai/gpt-4o")
    assert client.status == 504
    (attempt,) = service.record.attempts
    assert (attempt.outcome, attempt.estimated) == ("failed", True)
    assert attempt.usage is not None
    assert attempt.usage.input


async def test_what_an_upstream_refused_has_cost_nothing() -> None:
    refused = FailureError(Failure(FailureKind.OVERLOADED, "Busy.", status=503))
    service, client = Service(refused, attempts=1), Reader()
    await service.serve(client, "openai/gpt-4o")
    (attempt,) = service.record.attempts
    assert (attempt.outcome, attempt.usage) == ("failed", None)
