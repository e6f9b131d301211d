"""How many tokens a prompt has: asked of the target where it can tell, else estimated here.

Never an inference: a count costs nothing.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.request import Request, Sampling
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.dialects.dialect import Counting, Dialect, Head, Target
from dragoman.gateway.answer_headers import answer_headers, told_id, upstream_id
from dragoman.gateway.attempt import Attempt
from dragoman.gateway.call import Call, Client
from dragoman.gateway.entrance import check_model
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.inlining import inlined, needs_inlining
from dragoman.gateway.inquiry import COUNT, ESTIMATED, Inquiry, Told, Whole
from dragoman.gateway.kept_answers import resumed, within
from dragoman.gateway.record import render_route
from dragoman.providers.provider import Provider
from dragoman.routing.needs import needs_of

_NO_ENDPOINT = frozenset({404, 405, 501})
"""What hosts answer that speak a format but do not count in it."""


async def count(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request for a count. Every failure reaches the client in its own dialect; nothing is
    raised but cancellation.
    """
    inquiry = Inquiry(gateway, call, client, COUNT)
    await inquiry.run(_Count(inquiry).answer)


class _Count:
    """One count on its way."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._call = inquiry.call
        self._counting = _counting_of(inquiry.call.dialect)

    async def answer(self) -> Whole:
        """The client's answer. Raises `FailureError`."""
        gateway, inquiry = self._inquiry.gateway, self._inquiry
        head = self._counting.read_head(self._call.body, self._call.location)
        inquiry.record.model = head.model
        check_model(self._call.key, head.model)
        complete = await resumed(gateway, self._call, head)
        self._call = complete.call
        route = within(gateway.router.resolve(head.model), complete.held_by)

        async def attempt(begun: Attempt) -> Whole:
            return await self._attempt(complete.head, begun)

        needs = None
        if route.conditional:
            needs = needs_of(self._prompt(), self._call.key.tags, stream=False)
        return await inquiry.first_that_answers(route, attempt, needs)

    async def _attempt(self, head: Head, attempt: Attempt) -> Whole:
        call, record = self._call, self._inquiry.record
        provider, target = attempt.target.provider, attempt.target.target
        spoken = counting_dialect(self._inquiry.gateway.dialects, provider, call.dialect)
        if spoken is None:
            return await self._estimate()
        attempt.record.upstream_dialect = spoken.name
        theirs = _counting_of(spoken)
        passes = (
            spoken is call.dialect
            and not head.sealed
            and target.host.rejects.isdisjoint(head.fields)
            and not self._has_media_to_fetch(target)
        )
        attempt.record.plan = "passthrough" if passes else "translation"
        if passes and theirs.passthrough is not None:
            wire = theirs.passthrough(head, call.body, target)
        elif theirs.render_request is not None:
            prompt = await inlined(self._prompt(), target, self._inquiry.gateway.remote_media)
            wire = theirs.render_request(prompt, target)
        else:
            return await self._estimate()
        try:
            told = await self._inquiry.ask(attempt, spoken, wire)
        except FailureError as error:
            if not _has_no_endpoint(error.failure):
                raise
            return await self._estimate()
        record.counted = theirs.parse_response(told.body)
        body = told.body if passes else self._counting.render_response(record.counted)
        return Whole(self._headers(provider, told), body)

    def _has_media_to_fetch(self, target: Target) -> bool:
        """Whether the prompt gives something by URL that this target does not fetch."""
        if target.host.remote_media or b"http" not in self._call.body:
            return False
        return needs_inlining(self._prompt(), target)

    def _prompt(self) -> Request:
        return prompt_only(self._counting.parse_request(self._call.body, self._call.location))

    async def _estimate(self) -> Whole:
        record = self._inquiry.record
        record.plan, record.estimated = "estimate", True
        # in a thread: a prompt of many megabytes takes long enough for other requests to notice
        record.counted = await asyncio.to_thread(estimate_tokens, self._prompt())
        headers = answer_headers(self._call.request_id, "application/json")
        return Whole([*headers, ESTIMATED], self._counting.render_response(record.counted))

    def _headers(self, provider: Provider, told: Told) -> list[tuple[str, str]]:
        return answer_headers(
            self._call.request_id,
            "application/json",
            upstream_id=told_id(upstream_id(told.upstream.headers), provider.secrets),
            route=render_route(self._inquiry.record),
        )


def counting_dialect(dialects: Mapping[str, Dialect], provider: Provider, asked: Dialect) -> Dialect | None:
    """The wire format in which a provider is asked for a count: the client's own where it is spoken there,
    else the first that has a way to count; None where none has.
    """
    for name in (asked.name, *provider.dialects):
        counting = dialects[name].counting
        if name in provider.dialects and counting is not None and counting.render_request is not None:
            return dialects[name]
    return None


def prompt_only(request: Request) -> Request:
    """The request without what shapes only the answer, which no target has to be able to do for a count."""
    return msgspec.structs.replace(
        request,
        sampling=Sampling(),
        max_tokens=None,
        stop=(),
        candidates=1,
        top_logprobs=None,
        user=None,
        service_tier=None,
        metadata=None,
        verbosity=None,
        stream=False,
        stream_usage=False,
    )


def _counting_of(dialect: Dialect) -> Counting:
    if dialect.counting is None:
        raise ValueError(f"{dialect.name} has no way to count")
    return dialect.counting


def _has_no_endpoint(failure: Failure) -> bool:
    return failure.status in _NO_ENDPOINT and failure.kind is not FailureKind.MODEL_NOT_FOUND
