"""One exchange, from the client's request to the last byte of the answer. Start reading here.

Authenticate, read the head, find the route; then for each target: plan, send, relay; at the end,
take note of what happened.
"""

import asyncio
import hashlib
import os

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Dialect, Head, Reply, Target
from dragoman.gateway.answer_headers import answer_headers
from dragoman.gateway.attempt import address, read_answer, send_all
from dragoman.gateway.call import Call, Client
from dragoman.gateway.emulation import emulate
from dragoman.gateway.fan_in import joined
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.pipeline import PassthroughPipeline, Pipeline, TranslationPipeline
from dragoman.gateway.plan import Passthrough, Plan, Translation, plan, translation
from dragoman.gateway.record import Record
from dragoman.gateway.relay import relay
from dragoman.gateway.time_limits import TimeLimits
from dragoman.routing.router import RouteTarget
from dragoman.upstream.transport import UpstreamResponse


async def exchange(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request. Every failure reaches the client in its own dialect; nothing is raised but
    cancellation, which is how a client that leaves closes the upstream.
    """
    await Exchange(gateway, call, client).run()


def authenticate(gateway: Gateway, key: str | None) -> str:
    """The name of the client's key. Raises `FailureError` for a missing or unknown one."""
    known = gateway.keys.verify(key)
    if known is not None:
        return known.name
    problem = (
        "No API key was sent. Send a key of this gateway as 'Authorization: Bearer KEY', 'x-api-key: KEY' "
        "or 'x-goog-api-key: KEY'."
        if key is None
        else "The API key is not valid here. Send a key of this gateway, not one of a provider."
    )
    raise FailureError(Failure(FailureKind.AUTHENTICATION, problem, code="invalid_api_key"))


class Exchange:
    """The life of one request."""

    def __init__(self, gateway: Gateway, call: Call, client: Client) -> None:
        self._gateway = gateway
        self._call = call
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._record = Record(call.request_id, call.dialect.name, began=self._loop.time())

    async def run(self) -> None:
        """From the first byte in to the last byte out, and the record of it."""
        call, record = self._call, self._record
        try:
            record.key = authenticate(self._gateway, call.key)
            head = call.dialect.read_head(call.body, call.location)
            record.model, record.stream = head.model, head.stream
            targets = self._gateway.router.resolve(head.model).targets
            await self._first_that_answers(head, targets)
        except FailureError as error:
            record.failure = error.failure
            failed = call.dialect.render_error(error.failure, call.request_id)
            await self._client.respond(failed.status, [*failed.headers], failed.body)
        except asyncio.CancelledError:
            record.client_left = True
            raise
        finally:
            record.ended = self._loop.time()
            self._gateway.journal(record)

    async def _first_that_answers(self, head: Head, targets: tuple[RouteTarget, ...]) -> None:
        """Try the targets in order until one answers; the last one's `FailureError` if none does."""
        end = self._record.began + self._gateway.timeouts.total
        for number, candidate in enumerate(targets, 1):
            self._record.attempts = number
            try:
                async with TimeLimits(self._gateway.timeouts, end) as limits:
                    await self._attempt(head, candidate, limits)
            except FailureError as error:
                last = number == len(targets) or self._loop.time() >= end
                if last or not worth_another(error.failure):
                    raise
            else:
                return

    async def _attempt(self, head: Head, candidate: RouteTarget, limits: TimeLimits) -> None:
        """Ask one target. Raises `FailureError` only while the client has seen nothing."""
        gateway, call, record = self._gateway, self._call, self._record
        provider, target = candidate.provider, candidate.target
        spoken = gateway.spoken(provider, call.dialect)
        record.provider, record.upstream_model, record.upstream_dialect = (
            provider.name,
            target.model,
            spoken.name,
        )
        planned = plan(call.dialect, head, call.body, spoken, target)
        record.plan = type(planned).__name__.lower()
        upstreams = await send_all(
            gateway.transport(provider),
            address(call, spoken, planned.wire, provider),
            provider,
            spoken,
            gateway.timeouts.connect,
            copies=planned.emulation.fan_out if isinstance(planned, Translation) else 1,
        )
        try:
            limits.alive()
            record.first_byte = self._loop.time()
            if not head.stream:
                await self._whole(planned, target, upstreams, limits)
            elif answers_whole(upstreams[0], spoken, call):
                await self._stream_of_whole(planned, target, upstreams, limits)
            else:
                await self._stream(planned, target, upstreams, limits)
        finally:
            for upstream in upstreams:
                upstream.close()

    async def _stream(
        self, planned: Plan, target: Target, upstreams: list[UpstreamResponse], limits: TimeLimits
    ) -> None:
        """A streamed answer, as it comes."""
        call = self._call
        pipeline: Pipeline
        match planned:
            case Passthrough():
                pipeline = PassthroughPipeline(
                    call.dialect, target.origin, call.location, hide_usage=planned.hide_usage
                )
            case Translation():
                pipeline = TranslationPipeline(
                    call.dialect,
                    planned.dialect,
                    self._reply(planned, target),
                    planned.emulation,
                    len(upstreams),
                )
        try:
            await relay(
                upstreams, pipeline, self._client, self._stream_headers(planned, upstreams[0]), limits
            )
        finally:
            reading = pipeline.reading
            self._record.usage, self._record.stops = reading.usage, tuple(reading.stops)
            self._record.failure = reading.failure

    async def _stream_of_whole(
        self, planned: Plan, target: Target, upstreams: list[UpstreamResponse], limits: TimeLimits
    ) -> None:
        """A streamed answer for the client, from an upstream that answered in one piece."""
        call = self._call
        if isinstance(planned, Passthrough):
            planned = translation(call.dialect, call.body, call.location, planned.dialect, target)
        response = await self._read(planned, target, upstreams, limits)
        encoder = call.dialect.stream_encoder(self._reply(planned, target))
        out = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
        await self._client.start(200, self._stream_headers(planned, upstreams[0]))
        await self._client.write(out)
        await self._client.finish()

    async def _whole(
        self, planned: Plan, target: Target, upstreams: list[UpstreamResponse], limits: TimeLimits
    ) -> None:
        """An answer in one piece."""
        call, record = self._call, self._record
        if isinstance(planned, Passthrough) and _media_type(upstreams[0]) == _STREAM:
            planned = translation(call.dialect, call.body, call.location, planned.dialect, target)
        match planned:
            case Passthrough():
                body = await read_answer(upstreams[0], limits)
                meter = call.dialect.meter_response(body)
                record.usage, record.stops = meter.usage, meter.stops
            case Translation():
                response = await self._read(planned, target, upstreams, limits)
                body = call.dialect.render_response(response, self._reply(planned, target))
        headers = self._headers(planned, upstreams[0], "application/json")
        await self._client.respond(200, headers, body)

    async def _read(
        self, planned: Translation, target: Target, upstreams: list[UpstreamResponse], limits: TimeLimits
    ) -> Response:
        """The upstream's whole answer, several of them joined into one, every emulation done."""
        responses: list[Response] = []
        for upstream in upstreams:
            body = await read_answer(upstream, limits)
            if _media_type(upstream) == _STREAM:
                decoder = planned.dialect.stream_decoder(target.origin)
                responses.append(fold([*decoder.feed(body), *decoder.close()]))
            else:
                responses.append(planned.dialect.parse_response(body, target.origin))
        response = emulate(joined(responses), planned.emulation)
        self._record.usage = response.usage
        self._record.stops = tuple(choice.stop.reason for choice in response.choices)
        return response

    def _reply(self, planned: Translation, target: Target) -> Reply:
        backend = hashlib.sha256(f"{target.provider}/{target.model}".encode()).hexdigest()
        return Reply(
            request=planned.request,
            location=self._call.location,
            created=int(self._gateway.now()),
            fallback_id=os.urandom(12).hex(),
            fingerprint=f"fp_{backend[:10]}",
            origin=target.origin,
        )

    def _headers(self, planned: Plan, upstream: UpstreamResponse, media_type: str) -> list[tuple[str, str]]:
        if isinstance(planned, Translation):
            self._record.losses = planned.losses
        return answer_headers(self._call.request_id, media_type, upstream, self._record.losses)

    def _stream_headers(self, planned: Plan, upstream: UpstreamResponse) -> list[tuple[str, str]]:
        headers = self._headers(planned, upstream, self._call.dialect.stream_type(self._call.location))
        # Proxies in front of us must neither keep the pieces nor gather them.
        headers += [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        return headers


def worth_another(failure: Failure) -> bool:
    """Whether another target may serve what this one did not: not where the request is at fault."""
    return failure.retryable or failure.kind in {
        FailureKind.UPSTREAM_AUTHENTICATION,
        FailureKind.BILLING,
        FailureKind.PERMISSION,
        FailureKind.QUOTA,
        FailureKind.MODEL_NOT_FOUND,
        FailureKind.NOT_FOUND,
    }


def answers_whole(upstream: UpstreamResponse, spoken: Dialect, call: Call) -> bool:
    """Whether an upstream that was asked for a stream answers with one JSON body."""
    media_type = _media_type(upstream)
    if media_type != "application/json":
        return False
    # Google streams a JSON array to those who ask for no server-sent events.
    return spoken is not call.dialect or not spoken.stream_type(call.location).startswith(media_type)


_STREAM = "text/event-stream"


def _media_type(upstream: UpstreamResponse) -> str:
    return upstream.headers.get("content-type", "").partition(";")[0].strip().lower()
