"""An exchange that is answered in one piece and without a conversation: a count, embeddings.

It lives as an `Exchange` does: authenticated before it begins, its targets tried in order, every
failure told in the client's own dialect, one record at the end.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from dragoman.conversation.failure import FailureError
from dragoman.conversation.prompt_bound import prompt_bound
from dragoman.dialects.dialect import Dialect, WireRequest
from dragoman.gateway.attempt import Attempt
from dragoman.gateway.attempts import Attempts
from dragoman.gateway.bookkeeping import limit_headers, note, note_end, overhear, refuse
from dragoman.gateway.call import Call, Client
from dragoman.gateway.entrance import admitted
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record
from dragoman.gateway.relay import BUG, STOPPING
from dragoman.gateway.upstream_call import address, read_answer, send
from dragoman.routing.needs import Needs
from dragoman.routing.route import Route
from dragoman.upstream.transport import UpstreamResponse

T = TypeVar("T")

COUNT = "count"
"""The purpose of requests that ask how many tokens a prompt has."""

ESTIMATED = ("x-dragoman-estimated", "true")
"""The header that says that a number of tokens is ours and not the vendor's."""


class Whole(NamedTuple):
    """An answer for the client."""

    headers: list[tuple[str, str]]
    body: bytes


class Told(NamedTuple):
    """An upstream's answer, read to its end."""

    upstream: UpstreamResponse
    body: bytes


class Inquiry:
    """The life of one such request."""

    def __init__(self, gateway: Gateway, call: Call, client: Client, purpose: str) -> None:
        self.gateway = gateway
        self.call = call
        self._client = overhear(gateway, client)
        self.record = Record(
            call.request_id, call.dialect.name, began=time.monotonic(), key=call.key.name, purpose=purpose
        )

    async def run(self, answer: Callable[[], Awaitable[Whole]]) -> None:
        """Answer the client, or tell it why not, and take note of it. Nothing is raised but cancellation."""
        record = self.record
        try:
            whole = await answer()
            note(self.gateway, self.call, record)
            await self._client.respond(
                200, [*whole.headers, *limit_headers(self.gateway, self.call, record)], whole.body
            )
        except FailureError as error:
            await self._refuse(error)
        except asyncio.CancelledError:
            record.client_left = self._client.left
            if record.client_left or self._client.started:
                raise
            await self._refuse(FailureError(STOPPING))
        except Exception:
            record.failure = BUG
            if not self._client.started:
                record.status = 500
            raise
        finally:
            note_end(self.gateway, self.call, record, self._client)

    async def first_that_answers(
        self,
        route: Route,
        attempt: Callable[[Attempt], Awaitable[T]],
        needs: Needs | None = None,
    ) -> T:
        """The outcome of the first attempt that has one. Raises `FailureError` if none has."""
        gateway, record, key = self.gateway, self.record, self.call.key
        record.route = route.name if route.configured else ""

        async def ask(begun: Attempt) -> T:
            async with begun:
                return await attempt(begun)

        async with admitted(gateway, self.call, record, route) as admission:
            attempts = Attempts(gateway, record, route, ask, admission, needs=needs, priority=key.priority)
            return await attempts.answer()

    async def ask(self, attempt: Attempt, spoken: Dialect, wire: WireRequest) -> Told:
        """An upstream's answer to one request. Raises `FailureError` for an upstream that refuses.

        The requests of one attempt follow each other and count as one.
        """
        gateway, provider = self.gateway, attempt.target.provider
        if attempt.record.sent is None:
            if not attempt.admit_now():
                await attempt.admit()
            await self._set_aside(attempt)
            attempt.sent()
        else:
            attempt.limits.sent()
        upstream = await send(
            gateway.transport(provider),
            address(
                self.call,
                spoken,
                wire,
                provider,
                attempt.resend,
                fresh=attempt.last_chance,
                connected=attempt.connected,
            ),
            provider,
            spoken,
            attempt.timeouts.connect,
        )
        try:
            attempt.accepted(upstream)
            body = await read_answer(upstream, attempt.limits, attempt.heard)
            attempt.begun()
            return Told(upstream, body)
        finally:
            upstream.close()

    async def _set_aside(self, attempt: Attempt) -> None:
        """Set aside what the request may take at most, where its holders are limited in that. Counts take
        nothing.
        """
        if self.record.purpose == COUNT:
            return
        quote = attempt.quote()
        if attempt.admission.limited:
            await attempt.set_aside(quote, prompt_bound(len(self.call.body)), 0)

    async def _refuse(self, error: FailureError) -> None:
        self.record.failure = error.failure
        await refuse(self.gateway, self.call, self.record, error.failure, self._client)
