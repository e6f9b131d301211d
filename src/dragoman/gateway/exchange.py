"""One exchange, from the client's request to the last byte of the answer. Start reading here.

Read the head, find the route, complete the conversation, choose among its targets; then for each attempt:
plan, wait for a place, send, deliver; at the end, take note of what happened.
"""

import asyncio
import time

import msgspec

from dragoman.conversation.failure import Failure, FailureError, invalid
from dragoman.conversation.prompt_bound import prompt_bound
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.conversation.usage import Usage
from dragoman.dialects.bounds import outlasts, output_bound, plain, rendered_bound, searches_bound
from dragoman.dialects.dialect import Dialect, Head, Target, WireRequest
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING
from dragoman.dialects.format_choice import spoken_format
from dragoman.gateway.answer_headers import wants_strictness
from dragoman.gateway.attempt import Attempt, UnservableError
from dragoman.gateway.attempts import Attempts, Open
from dragoman.gateway.bookkeeping import limit_headers, note, note_end, overhear, refuse
from dragoman.gateway.call import Call, Client
from dragoman.gateway.conversation_prefix import conversation_prefix
from dragoman.gateway.delivery import Accepted, Delivery, asked, opening_headers
from dragoman.gateway.entrance import admitted, check_model
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.inlining import inlined, needs_inlining
from dragoman.gateway.kept_answers import Resumed, keeps, resumed, within
from dragoman.gateway.losses import check_losses, localized
from dragoman.gateway.outlet import Outlet
from dragoman.gateway.plan import Plan, Translation, passes, passthrough, translation
from dragoman.gateway.record import Record, render_route
from dragoman.gateway.relay import BUG, STOPPING
from dragoman.gateway.repairs import refuses_signatures, repaired, unsigned
from dragoman.gateway.response_cache import Lookup, lookup
from dragoman.gateway.signature_memory import keys, recalled
from dragoman.gateway.upstream_call import address, send_all, settle
from dragoman.routing.needs import Needs, needs_of
from dragoman.routing.route import Route, RouteTarget
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse

MOST_REPAIRS = 2
"""How often one target is asked anew because of what it has refused."""


async def exchange(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request. Every failure reaches the client in its own dialect; nothing is raised but
    cancellation, which is how a client that leaves closes the upstream.
    """
    await Exchange(gateway, call, client).run()


class Wish(msgspec.Struct, frozen=True):
    """How a target is asked: as what it has shown itself to be, and whether reasoning of earlier turns is
    kept from it, whose signatures it refuses.
    """

    target: Target
    unsigned: bool = False


class Exchange:
    """The life of one request."""

    def __init__(self, gateway: Gateway, call: Call, client: Client) -> None:
        self._gateway = gateway
        self._call = call
        self._client = overhear(gateway, client)
        self._record = Record(call.request_id, call.dialect.name, began=time.monotonic(), key=call.key.name)
        self._outlet: Outlet | None = None
        self._request: Request | None = None
        self._inlined: Request | None = None
        """The request with what it gives by URL fetched, once a target needed that."""

    async def run(self) -> None:
        """From the first byte in to the last byte out, and the record of it."""
        call, record, gateway = self._call, self._record, self._gateway
        try:
            head = call.dialect.read_head(call.body, call.location)
            record.model, record.stream = head.model, head.stream
            if head.stream:
                self._outlet = Outlet(
                    self._client,
                    call.dialect,
                    call.location,
                    opening_headers(call),
                    gateway.timeouts.keep_alive,
                )
            complete = await resumed(gateway, call, head)
            self._call = complete.call
            await self._served(complete)
        except FailureError as error:
            await self._refuse(error.failure)
        except asyncio.CancelledError:
            record.client_left = self._client.left
            if not record.client_left and self._answering:
                record.failure = record.failure or STOPPING
            if record.client_left or self._answering:
                raise
            await self._refuse(STOPPING)
        except Exception:
            record.failure = BUG
            if not self._client.started:
                record.status = 500
            raise
        finally:
            if self._outlet is not None:
                self._outlet.close()
            note_end(gateway, call, record, self._client)

    async def _served(self, complete: Resumed) -> None:
        """Answer a complete request at one of its route's targets. Raises `FailureError` if none does."""
        gateway, record, key, head = self._gateway, self._record, self._call.key, complete.head
        check_model(key, head.model)
        route = within(gateway.router.resolve(head.model), complete.held_by)
        record.route = route.name if route.configured else ""

        async def ask(candidate: RouteTarget, begin: Open) -> None:
            await self._asked(head, route, candidate, begin)

        async with admitted(gateway, self._call, record, route) as admission:
            record.waited = time.monotonic() - record.began if admission.queued else 0.0
            attempts = Attempts(
                gateway,
                record,
                route,
                ask,
                admission,
                needs=await self._needs(route, head),
                prefix=conversation_prefix(head, key.id) if route.chooses and route.affinity else None,
                stream=head.stream,
                priority=key.priority,
            )
            await attempts.answer()

    async def _needs(self, route: Route, head: Head) -> Needs | None:
        """What the conditions of a route ask about; None where it has none."""
        if not route.conditional:
            return None
        return needs_of(await self._read(), self._call.key.tags, stream=head.stream)

    @property
    def _answering(self) -> bool:
        """Whether the client has been sent something of an answer."""
        return self._client.started if self._outlet is None else self._outlet.committed

    async def _refuse(self, failure: Failure) -> None:
        record = self._record
        record.failure = failure
        if self._outlet is not None and self._outlet.opened:
            note(self._gateway, self._call, record)
            await self._outlet.refuse(failure)
            return
        if self._outlet is not None:
            self._outlet.close()
        await refuse(self._gateway, self._call, record, failure, self._client)

    async def _asked(self, head: Head, route: Route, candidate: RouteTarget, begin: Open) -> None:
        """Ask one target, and again where its refusals say what to do better."""
        known = self._gateway.learnt.known(candidate.target)
        wish, lasting = Wish(known), True
        wire: WireRequest | None = None
        refusal: FailureError | None = None
        for repairs_left in range(MOST_REPAIRS, -1, -1):
            attempt = begin()
            try:
                async with attempt:
                    planned = await self._plan(head, route, attempt, wish)
                    if refusal is not None and planned.wire == wire:
                        raise refusal  # nothing would be asked in another way than before
                    wire = planned.wire
                    await self._send(head, route, attempt, planned, wish)
                break
            except FailureError as error:
                if refusal is not None and attempt.record.sent is None:
                    raise refusal from None  # it was not sent again: what it was refused for is what counts
                translated = attempt.record.plan == "translation"
                if error is refusal or not (repairs_left and attempt.more and translated) or self._answering:
                    raise
                repair = repaired(error.failure, wish.target)
                if repair is not None:
                    wish, lasting = Wish(repair.target, wish.unsigned), lasting and repair.lasting
                elif not wish.unsigned and refuses_signatures(error.failure):
                    wish = Wish(wish.target, unsigned=True)
                else:
                    raise
                refusal = error
        if lasting and wish.target is not known:
            self._gateway.learnt.learn(wish.target)

    async def _send(self, head: Head, route: Route, attempt: Attempt, planned: Plan, wish: Wish) -> None:
        """Send what is planned, unless its answer is known already, and bring the answer to the client.
        Raises `FailureError` only while the client has seen nothing of an answer.
        """
        gateway, call, record = self._gateway, self._call, self._record
        request = address(
            call,
            planned.dialect,
            planned.wire,
            attempt.target.provider,
            attempt.resend,
            connected=attempt.connected,
        )
        async with gateway.answers.turn(self._lookup(head, route, attempt, planned, request)) as turn:
            record.cache = turn.word
            if turn.replay is not None:
                attempt.replayed()
                upstreams: list[UpstreamResponse] = [turn.replay]
            else:
                upstreams = turn.record(await self._sent(head, attempt, planned, request))
            try:
                attempt.accepted(upstreams[0])
                delivery = Delivery(gateway, call, head, self._client, self._outlet, record, self._note)
                await delivery.deliver(Accepted(attempt, planned, wish.target, upstreams))
                if attempt.record.failure is None and record.stops:
                    turn.complete()
                await settle(upstreams)
            finally:
                for upstream in upstreams:
                    upstream.close()

    def _lookup(
        self, head: Head, route: Route, attempt: Attempt, planned: Plan, request: UpstreamRequest
    ) -> Lookup | None:
        """How the answer is looked for among those that were kept; None where it is not: a conversation that
        is kept has a place of its own in it.
        """
        call = self._call
        if not route.cache or _copies(planned) > 1 or call.previous or keeps(self._gateway, call, head):
            return None
        return lookup(
            request,
            planned.dialect.credential[0],
            attempt.target.provider.name,
            ttl=route.cache,
            patience=attempt.timeouts.first_event,
            headers=call.headers,
            joins=not attempt.record.hedge,
        )

    async def _sent(
        self, head: Head, attempt: Attempt, planned: Plan, request: UpstreamRequest
    ) -> list[UpstreamResponse]:
        """Send a request; the answers whose heads have come."""
        gateway, call, provider, record = self._gateway, self._call, attempt.target.provider, self._record
        copies = _copies(planned)
        await attempt.admit()
        await self._set_aside(head, attempt, planned, copies)
        attempt.sent()
        accepted = 0

        def given_up() -> Usage | None:
            # of several copies, the one that was refused costs nothing, and those that had begun do
            return _prompt_usage(asked(call, planned), accepted if attempt.refused and accepted else copies)

        def came() -> None:
            nonlocal accepted
            accepted += 1
            attempt.arrived()

        attempt.prompt_usage = given_up
        if self._outlet is not None:
            losses = record.losses if record.report_losses else ()
            self._outlet.headers = opening_headers(
                call, losses, render_route(record), limit_headers(gateway, call, record)
            )
        return await send_all(
            gateway.transport(provider),
            msgspec.structs.replace(request, fresh=True) if attempt.last_chance else request,
            provider,
            planned.dialect,
            attempt.timeouts.connect,
            copies=copies,
            came=came,
        )

    def _note(self) -> None:
        note(self._gateway, self._call, self._record)

    async def _set_aside(self, head: Head, attempt: Attempt, planned: Plan, copies: int) -> None:
        """Set aside what the request may take at most, where its holders are limited in that."""
        quote = attempt.quote()
        if not attempt.admission.limited:
            return
        if outlasts(self._call.dialect.name, head):
            raise invalid(
                "An answer that is made in the background cannot be counted against the limits and budgets "
                "that hold for this key: leave 'background' out.",
                "background",
                "unsupported_parameter",
            )
        body, profile = planned.wire.body, attempt.target.target.profile
        if isinstance(planned, Translation):
            candidates = max(copies, planned.request.candidates)
            answer = rendered_bound(body, profile, candidates)
        else:
            answer = output_bound(self._call.dialect.name, head, profile)
        textual = plain(head, self._call.body)
        searches = copies * searches_bound(head)
        if textual:
            prompt = copies * prompt_bound(len(body))
            if await attempt.set_aside(quote, prompt, answer, searches=searches, held=True):
                return
        # little is left, or there is more than text: the request itself tells better what it may take
        prompt = copies * prompt_bound(len(body), asked(self._call, planned))
        await attempt.set_aside(quote, prompt, answer, media=not textual, searches=searches)

    def _spoken(self, head: Head, candidate: RouteTarget, target: Target) -> Dialect:
        """The format in which the candidate is asked."""
        name = spoken_format(candidate.provider.dialects, self._call.dialect.name, head, target)
        return self._gateway.dialects[name]

    async def _plan(self, head: Head, route: Route, attempt: Attempt, wish: Wish) -> Plan:
        """What is sent, and what was lost on the way.

        Raises `FailureError` for a request that cannot be read, and `UnservableError` for one that this
        target cannot serve.
        """
        call, gateway, record, candidate = self._call, self._gateway, self._record, attempt.target
        target = candidate.target
        spoken = self._spoken(head, candidate, target)
        # what is passed on unread is the client's own affair, whatever others have taught us
        passing = passes(call.dialect, head, spoken, target) and not await self._has_media_to_fetch(target)
        if not passing:
            target = wish.target
            spoken = self._spoken(head, candidate, target)
        attempt.record.upstream_dialect = spoken.name
        attempt.record.plan = "passthrough" if passing else "translation"
        # what an earlier attempt left behind
        record.losses, record.report_losses = (), route.on_loss != "drop"
        if passing:
            return passthrough(call.dialect, head, call.body, target)
        request = await self._read()
        if needs_inlining(request, target):
            # what was fetched for one target is there for the next
            request = self._inlined = await inlined(self._inlined or request, target, gateway.remote_media)
        if wish.unsigned:
            request = unsigned(request)
        try:
            planned = translation(call.dialect, request, spoken, target, head.fields)
            if wish.unsigned:
                lost = localized((FOREIGN_REASONING,), call.dialect.field_paths, head.fields)
                planned = msgspec.structs.replace(
                    planned, losses=tuple(dict.fromkeys((*planned.losses, *lost)))
                )
            if route.on_loss == "reject" or wants_strictness(call.headers):
                check_losses(planned.losses)
        except FailureError as error:
            raise UnservableError(error.failure) from None
        if not route.show_reasoning and spoken is not call.dialect:
            planned = planned.with_hidden_reasoning()
        record.losses = planned.losses
        return planned

    async def _has_media_to_fetch(self, target: Target) -> bool:
        """Whether the request gives something by URL that this target does not fetch."""
        if target.host.remote_media or b"http" not in self._call.body:
            return False
        return needs_inlining(await self._read(), target)

    async def _read(self) -> Request:
        """The client's request, with the signatures back that it left out. Read once."""
        if self._request is None:
            call, gateway = self._call, self._gateway
            request = call.dialect.parse_request(call.body, call.location)
            if gateway.memory.signatures > 0 and (sought := keys(request, call.key.id)):
                request = recalled(request, await gateway.signatures.get_many(sought))
            self._request = request
        return self._request


def _copies(planned: Plan) -> int:
    """How often the request is sent."""
    return planned.emulation.fan_out if isinstance(planned, Translation) else 1


def _prompt_usage(request: Request | None, copies: int) -> Usage | None:
    """What an attempt has cost that was given up before it said anything: its prompt, as estimated."""
    return None if request is None else Usage(input=copies * estimate_tokens(request), output=0)
