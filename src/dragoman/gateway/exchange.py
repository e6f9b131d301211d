"""One exchange, from the client's request to the last byte of the answer. Start reading here.

Read the head, find the route; then for each target: plan, send, relay; at the end, take note of what
happened.
"""

import asyncio
import functools
import hashlib
import os
from typing import NamedTuple

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Dialect, Head, Reply, Target
from dragoman.gateway.answer_headers import answer_headers
from dragoman.gateway.attempt import address, read_answer, secrets, send_all, without_secret
from dragoman.gateway.call import Call, Client
from dragoman.gateway.emulation import emulate
from dragoman.gateway.fan_in import joined
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.pipeline import PassthroughPipeline, Pipeline, TranslationPipeline
from dragoman.gateway.plan import Passthrough, Plan, Translation, plan, translation
from dragoman.gateway.record import Record
from dragoman.gateway.relay import STOPPING, relay
from dragoman.gateway.time_limits import TimeLimits
from dragoman.providers.provider import Provider
from dragoman.routing.router import RouteTarget
from dragoman.upstream.transport import UpstreamResponse


async def exchange(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request. Every failure reaches the client in its own dialect; nothing is raised but
    cancellation, which is how a client that leaves closes the upstream.
    """
    await Exchange(gateway, call, client).run()


def authenticate(gateway: Gateway, key: str | None) -> str:
    """The name of the client's key. Raises `FailureError` for a missing or unknown one.

    Whoever serves an endpoint asks this first, before a request is read to its end.
    """
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


class Accepted(NamedTuple):
    """An attempt that the upstream has accepted: the heads of its answers have come."""

    planned: Plan
    provider: Provider
    target: Target
    upstreams: list[UpstreamResponse]
    limits: TimeLimits


class Exchange:
    """The life of one request."""

    def __init__(self, gateway: Gateway, call: Call, client: Client) -> None:
        self._gateway = gateway
        self._call = call
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._record = Record(call.request_id, call.dialect.name, began=self._loop.time(), key=call.key)

    async def run(self) -> None:
        """From the first byte in to the last byte out, and the record of it."""
        call, record = self._call, self._record
        try:
            head = call.dialect.read_head(call.body, call.location)
            record.model, record.stream = head.model, head.stream
            targets = self._gateway.router.resolve(head.model).targets
            await self._first_that_answers(head, targets)
        except FailureError as error:
            await self._refuse(error.failure)
        except asyncio.CancelledError:
            record.client_left = self._client.left
            if record.client_left or self._client.started:
                raise
            await self._refuse(STOPPING)
        finally:
            record.ended = self._loop.time()
            self._gateway.journal(record)

    async def _refuse(self, failure: Failure) -> None:
        self._record.failure = failure
        failed = self._call.dialect.render_error(failure, self._call.request_id)
        await self._client.respond(failed.status, [*failed.headers], failed.body)

    async def _first_that_answers(self, head: Head, targets: tuple[RouteTarget, ...]) -> None:
        """Try the targets in order until one answers; the last one's `FailureError` if none does."""
        end = self._record.began + self._gateway.timeouts.total
        for number, candidate in enumerate(targets, 1):
            self._record.attempts = number
            limits = TimeLimits(self._gateway.timeouts, end)
            try:
                async with limits:
                    await self._attempt(head, candidate, limits)
            except FailureError as error:
                failure = without_secret(error.failure, candidate.provider)
                last = number == len(targets) or limits.over
                if last or not worth_another(failure):
                    raise FailureError(failure) from None
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
        # what an earlier attempt left behind
        record.failure, record.losses = None, ()
        upstreams = await send_all(
            gateway.transport(provider),
            address(call, spoken, planned.wire, provider),
            provider,
            spoken,
            gateway.timeouts.connect,
            copies=planned.emulation.fan_out if isinstance(planned, Translation) else 1,
        )
        accepted = Accepted(planned, provider, target, upstreams, limits)
        try:
            limits.alive()
            record.first_byte = self._loop.time()
            if not head.stream:
                await self._whole(accepted)
            elif answers_whole(upstreams[0], spoken, call):
                await self._stream_of_whole(accepted)
            else:
                await self._stream(accepted)
        finally:
            for upstream in upstreams:
                upstream.close()

    async def _stream(self, accepted: Accepted) -> None:
        """A streamed answer, as it comes."""
        call, target, planned = self._call, accepted.target, accepted.planned
        clean = functools.partial(without_secret, provider=accepted.provider)
        pipeline: Pipeline
        match planned:
            case Passthrough():
                pipeline = PassthroughPipeline(
                    call.dialect, target.origin, call.location, clean, hide_usage=planned.hide_usage
                )
            case Translation():
                pipeline = TranslationPipeline(
                    call.dialect,
                    planned.dialect,
                    self._reply(planned, target),
                    planned.emulation,
                    clean,
                    len(accepted.upstreams),
                )
        try:
            headers = self._stream_headers(accepted)
            await relay(accepted.upstreams, pipeline, self._client, headers, accepted.limits)
        finally:
            reading = pipeline.reading
            self._record.usage, self._record.stops = reading.usage, tuple(reading.stops)
            self._record.failure = reading.failure

    async def _stream_of_whole(self, accepted: Accepted) -> None:
        """A streamed answer for the client, from an upstream that answered in one piece."""
        planned, accepted = self._translated(accepted)
        response = await self._read(planned, accepted)
        encoder = self._call.dialect.stream_encoder(self._reply(planned, accepted.target))
        out = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
        accepted.limits.lift()
        await self._client.start(200, self._stream_headers(accepted))
        await self._client.write(out)
        await self._client.finish()

    async def _whole(self, accepted: Accepted) -> None:
        """An answer in one piece."""
        call, record = self._call, self._record
        if isinstance(accepted.planned, Passthrough) and _media_type(accepted.upstreams[0]) != _STREAM:
            body = await read_answer(accepted.upstreams[0], accepted.limits)
            meter = call.dialect.meter_response(body)
            record.usage, record.stops = meter.usage, meter.stops
        else:
            planned, accepted = self._translated(accepted)
            response = await self._read(planned, accepted)
            body = call.dialect.render_response(response, self._reply(planned, accepted.target))
        accepted.limits.lift()
        await self._client.respond(200, self._headers(accepted, "application/json"), body)

    def _translated(self, accepted: Accepted) -> tuple[Translation, Accepted]:
        """The attempt as a translation: bytes that came streamed for whole, or whole for streamed, cannot
        just go through.
        """
        planned, call = accepted.planned, self._call
        if isinstance(planned, Passthrough):
            planned = translation(call.dialect, call.body, call.location, planned.dialect, accepted.target)
        return planned, accepted._replace(planned=planned)

    async def _read(self, planned: Translation, accepted: Accepted) -> Response:
        """The upstream's whole answer, several of them joined into one, every emulation done."""
        origin = accepted.target.origin
        responses: list[Response] = []
        for upstream in accepted.upstreams:
            body = await read_answer(upstream, accepted.limits)
            if _media_type(upstream) == _STREAM:
                decoder = planned.dialect.stream_decoder(origin)
                responses.append(fold([*decoder.feed(body), *decoder.close()]))
            else:
                responses.append(planned.dialect.parse_response(body, origin))
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

    def _headers(self, accepted: Accepted, media_type: str) -> list[tuple[str, str]]:
        if isinstance(accepted.planned, Translation):
            self._record.losses = accepted.planned.losses
        return answer_headers(
            self._call.request_id,
            media_type,
            accepted.upstreams[0],
            self._record.losses,
            secrets(accepted.provider),
        )

    def _stream_headers(self, accepted: Accepted) -> list[tuple[str, str]]:
        headers = self._headers(accepted, self._call.dialect.stream_type(self._call.location))
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
