"""The way of an accepted answer to the client: streamed or whole, as it came or translated."""

import contextlib
import functools
import hashlib
import os
from collections.abc import Awaitable, Iterable, Sequence
from typing import NamedTuple

from dragoman.conversation.cut_usage import CutUsage
from dragoman.conversation.failure import FailureError
from dragoman.conversation.fold import Fold, fold, unfold
from dragoman.conversation.loss import Loss
from dragoman.conversation.response import Response
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Emulation, Head, Reply, Target
from dragoman.gateway.answer_headers import answer_headers, told_id
from dragoman.gateway.attempt import Attempt
from dragoman.gateway.bookkeeping import limit_headers, note
from dragoman.gateway.call import Call, Client
from dragoman.gateway.emulation import emulate
from dragoman.gateway.fan_in import joined
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.kept_answers import keep, keep_place, keeps
from dragoman.gateway.outlet import Headers, Outlet
from dragoman.gateway.pipeline import PassthroughPipeline, Pipeline, TranslationPipeline
from dragoman.gateway.plan import Passthrough, Plan, Translation, asked
from dragoman.gateway.reading import Listener
from dragoman.gateway.record import Record, render_route
from dragoman.gateway.relay import relay
from dragoman.gateway.signature_memory import SignatureListener, kept_of
from dragoman.gateway.upstream_call import read_answer, read_events, without_secret
from dragoman.providers.provider import Provider
from dragoman.upstream.transport import UpstreamResponse


class Accepted(NamedTuple):
    """An attempt that the upstream has accepted: the heads of its answers have come. `target` is what was
    asked, as it has shown itself to be.
    """

    attempt: Attempt
    planned: Plan
    target: Target
    upstreams: list[UpstreamResponse]

    @property
    def provider(self) -> Provider:
        """Where the answer comes from."""
        return self.attempt.target.provider


class Delivery:
    """Brings one accepted answer to the client, and keeps what later requests may build on."""

    __slots__ = ("_call", "_client", "_gateway", "_head", "_outlet", "_record", "_state")

    def __init__(
        self,
        gateway: Gateway,
        call: Call,
        head: Head,
        client: Client,
        outlet: Outlet | None,
        record: Record,
    ) -> None:
        """Take the two ends. `outlet` is there where the client asked for a stream."""
        self._gateway = gateway
        self._call = call
        self._head = head
        self._client = client
        self._outlet = outlet
        self._record = record
        self._state = None if call.dialect.state is None else keeps(gateway, call, head)

    def deliver(self, accepted: Accepted) -> Awaitable[None]:
        """The whole way. Raises `FailureError` only while the client has seen nothing of an answer."""
        if self._outlet is None:
            return self._whole(accepted)
        if answers_whole(accepted.upstreams[0], accepted.planned.dialect, self._call):
            return self._stream_of_whole(accepted, self._outlet)
        return self._stream(accepted, self._outlet)

    async def _stream(self, accepted: Accepted, outlet: Outlet) -> None:
        """A streamed answer, as it comes."""
        call, target, planned = self._call, accepted.target, accepted.planned
        clean = functools.partial(without_secret, provider=accepted.provider)
        folded = None if self._state is None else Fold()
        signatures: SignatureListener | None = None
        pipeline: Pipeline
        reply: Reply | None = None
        match planned:
            case Passthrough():
                pipeline = PassthroughPipeline(
                    call.dialect,
                    target.origin,
                    call.location,
                    clean,
                    hide_usage=planned.hide_usage,
                )
            case Translation():
                reply = self._reply(planned, target)
                signatures = SignatureListener(call.key.id, planned.request)
                listeners: list[Listener] = [signatures]
                if folded is not None:
                    listeners.append(folded.feed)
                pipeline = TranslationPipeline(
                    call.dialect,
                    planned.dialect,
                    reply,
                    planned.emulation,
                    clean,
                    len(accepted.upstreams),
                    listeners,
                )

        async def keep_all() -> None:
            await self._keep_signatures({} if signatures is None else signatures.kept)
            if self._state is None or folded is None:
                return
            if reply is not None:
                answer = call.dialect.render_response(folded.close(), reply)
                await keep(self._gateway, call, self._state, answer)
            elif pipeline.reading.id:
                await keep_place(self._gateway, call, pipeline.reading.id, accepted.attempt.target.credential)

        def tell() -> None:
            reading, told = pipeline.reading, accepted.attempt.record
            if reading.meaningful and not pipeline.cuts.complete and not reading.estimated:
                # the upstream was let go before it told, by a client that left or by what broke
                reading.usage = pipeline.cuts.total(asked(call, planned))
                reading.estimated = True
            told.usage, told.estimated, told.failure = reading.usage, reading.estimated, reading.failure
            if outlet.committed and self._record.answered is told:
                self._record.stops, self._record.failure = tuple(reading.stops), reading.failure

        async def account() -> None:
            tell()
            await self._account(accepted)

        try:
            headers = functools.partial(self._stream_headers, accepted)
            await relay(accepted.upstreams, pipeline, outlet, headers, accepted.attempt, keep_all, account)
        finally:
            tell()

    async def _stream_of_whole(self, accepted: Accepted, outlet: Outlet) -> None:
        """A streamed answer for the client, from an upstream that answered in one piece."""
        planned, accepted = self._translated(accepted)
        reply = self._reply(planned, accepted.target)
        response = await self._read(planned, accepted)
        encoder = self._call.dialect.stream_encoder(reply)
        out = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
        accepted.attempt.limits.lift()
        accepted.attempt.release()
        if self._state is not None:
            answer = self._call.dialect.render_response(response, reply)
            await keep(self._gateway, self._call, self._state, answer)
        await self._account(accepted)
        await outlet.commit(self._stream_headers(accepted), out)
        await outlet.finish()

    async def _whole(self, accepted: Accepted) -> None:
        """An answer in one piece."""
        call, attempt, limits = self._call, accepted.attempt, accepted.attempt.limits
        if isinstance(accepted.planned, Passthrough) and _media_type(accepted.upstreams[0]) != _STREAM:
            body = await read_answer(accepted.upstreams[0], limits, attempt.heard)
            limits.lift()
            attempt.release()
            attempt.begun()
            meter = call.dialect.meter_response(body)
            attempt.record.usage, self._record.stops = meter.usage, meter.stops
            if not _told(meter.usage):
                with contextlib.suppress(FailureError):
                    self._meter(accepted, [call.dialect.parse_response(body, accepted.target.origin)])
            if self._state is not None and (identity := self._state.identified(body)):
                await keep_place(self._gateway, call, identity, attempt.target.credential)
        else:
            planned, accepted = self._translated(accepted)
            response = await self._read(planned, accepted)
            body = call.dialect.render_response(response, self._reply(planned, accepted.target))
            limits.lift()
            attempt.release()
            if self._state is not None:
                await keep(self._gateway, call, self._state, body)
        if not attempt.account_now():
            await attempt.account()
        # before the client has the last byte of its answer
        note(self._gateway, call, self._record)
        await self._client.respond(200, self._headers(accepted, _JSON), body)

    async def _account(self, accepted: Accepted) -> None:
        """Everything is known but whether the client takes it: price it, and write it down."""
        if not accepted.attempt.account_now():
            await accepted.attempt.account()
        # before the client has the last byte of its answer
        note(self._gateway, self._call, self._record)

    def _translated(self, accepted: Accepted) -> tuple[Translation, Accepted]:
        """The attempt as a translation: bytes that came streamed for whole, or whole for streamed, cannot
        just go through.
        """
        planned, call = accepted.planned, self._call
        if isinstance(planned, Translation):
            return planned, accepted
        request = call.dialect.parse_request(call.body, call.location)
        # the upstream got all of the request: nothing is lost, and nothing left to be done here
        planned = Translation(planned.dialect, planned.wire, request, (), Emulation())
        return planned, accepted._replace(planned=planned)

    async def _read(self, planned: Translation, accepted: Accepted) -> Response:
        """The upstream's whole answer, several of them joined into one, every emulation done."""
        attempt, origin = accepted.attempt, accepted.target.origin
        responses: list[Response] = []
        for upstream in accepted.upstreams:
            if _media_type(upstream) == _STREAM:
                decoder = planned.dialect.stream_decoder(origin)
                responses.append(fold(await read_events(upstream, decoder, attempt.limits, attempt.heard)))
            else:
                body = await read_answer(upstream, attempt.limits, attempt.heard)
                responses.append(planned.dialect.parse_response(body, origin))
        attempt.begun()
        response = joined(responses)
        veil: Emulation | None = None
        if planned.emulation.needed:
            told, veil = planned.emulation.apart()
            response = emulate(response, told)
        attempt.record.usage = response.usage
        if not all(_told(one.usage) for one in responses):
            self._meter(accepted, responses)
        self._record.stops = tuple([choice.stop.reason for choice in response.choices])
        if self._gateway.memory.signatures > 0:
            await self._keep_signatures(kept_of(response, self._call.key.id, planned.request))
        return response if veil is None else emulate(response, veil)

    def _meter(self, accepted: Accepted, responses: Sequence[Response]) -> None:
        """Estimate what whole answers took whose upstream has not told all of it."""
        request, record = asked(self._call, accepted.planned), accepted.attempt.record
        record.usage = Usage()
        for response in responses:
            usage = response.usage or Usage()
            if not _told(usage):
                cut = CutUsage(request)
                for event in unfold(response):
                    cut.hear(event)
                estimate = cut.estimated(usage)
                if estimate.total > usage.total:
                    usage, record.estimated = estimate, True
            record.usage = record.usage.plus(usage)

    async def _keep_signatures(self, kept: dict[str, bytes]) -> None:
        if kept and (time_to_live := self._gateway.memory.signatures) > 0:
            await self._gateway.signatures.put_many(kept, time_to_live)

    def _reply(self, planned: Translation, target: Target) -> Reply:
        return Reply(
            request=planned.request,
            location=self._call.location,
            created=int(self._gateway.now()),
            fallback_id=os.urandom(12).hex(),
            fingerprint=_fingerprint(target.provider, target.model),
            origin=target.origin,
            previous=self._call.previous,
        )

    def _stream_headers(self, accepted: Accepted) -> Headers:
        return stream_headers(self._headers(accepted, self._call.dialect.stream_type(self._call.location)))

    def _headers(self, accepted: Accepted, media_type: str) -> Headers:
        record, planned = self._record, accepted.planned
        record.losses = planned.losses if isinstance(planned, Translation) else ()
        return answer_headers(
            self._call.request_id,
            media_type,
            record.losses if record.report_losses else (),
            upstream_id=told_id(accepted.attempt.record.upstream_request_id, accepted.provider.secrets),
            route=render_route(record),
            limits=limit_headers(self._gateway, self._call, record) if record.rate_limits else (),
            cache=record.cache,
        )


def _told(usage: Usage | None) -> bool:
    """Whether an upstream has said what its answer took."""
    return usage is not None and usage.prompt > 0 and usage.output is not None


def opening_headers(
    call: Call, losses: tuple[Loss, ...] = (), route: str = "", limits: Iterable[tuple[str, str]] = ()
) -> Headers:
    """The headers of a stream that opens before its upstream has said anything."""
    media_type = call.dialect.stream_type(call.location)
    return stream_headers(answer_headers(call.request_id, media_type, losses, route=route, limits=limits))


def stream_headers(headers: Headers) -> Headers:
    """The headers of a streamed answer."""
    # Proxies in front of us must neither keep the pieces nor gather them.
    return [*headers, ("cache-control", "no-cache"), ("x-accel-buffering", "no")]


@functools.lru_cache(maxsize=1024)
def _fingerprint(provider: str, model: str) -> str:
    """Stands for the backend's configuration, as OpenAI's `system_fingerprint` does."""
    return "fp_" + hashlib.sha256(f"{provider}/{model}".encode()).hexdigest()[:10]


def answers_whole(upstream: UpstreamResponse, spoken: Dialect, call: Call) -> bool:
    """Whether an upstream that was asked for a stream answers with one JSON body."""
    media_type = _media_type(upstream)
    if media_type != _JSON:
        return False
    # Google streams a JSON array to those who ask for no server-sent events.
    return spoken is not call.dialect or not spoken.stream_type(call.location).startswith(media_type)


_JSON, _STREAM = "application/json", "text/event-stream"


def _media_type(upstream: UpstreamResponse) -> str:
    said = upstream.headers.get("content-type", "")
    return _JSON if said == _JSON else said.partition(";")[0].strip().lower()
