"""One exchange, from the client's request to the last byte of the answer. Start reading here.

Read the head, find the route, complete the conversation, choose among its targets; then for each attempt:
plan, wait for a place, send, deliver; at the end, take note of what happened.
"""

import asyncio
import functools
import time
from collections.abc import Coroutine

import msgspec

from dragoman.conversation.failure import Failure, FailureError
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Head, Target, WireRequest
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING
from dragoman.dialects.format_choice import spoken_format
from dragoman.gateway.answer_headers import wants_strictness
from dragoman.gateway.attempt import Attempt, UnservableError
from dragoman.gateway.attempts import Attempts
from dragoman.gateway.bookkeeping import limit_headers, note, note_end, overhear, refuse
from dragoman.gateway.call import Call, Client
from dragoman.gateway.conversation_prefix import conversation_prefix
from dragoman.gateway.delivery import Accepted, Delivery, opening_headers
from dragoman.gateway.entrance import admitted, check_model
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.inlining import inlined, needs_inlining
from dragoman.gateway.kept_answers import keeps, resumed, within
from dragoman.gateway.losses import check_losses, localized
from dragoman.gateway.outlet import Headers, Outlet
from dragoman.gateway.plan import Plan, Translation, asked, passes, passthrough, translation
from dragoman.gateway.record import Record, render_route
from dragoman.gateway.relay import BUG, STOPPING
from dragoman.gateway.repairs import refuses_signatures, repaired
from dragoman.gateway.repairs import unsigned as without_signatures
from dragoman.gateway.response_cache import Lookup, Turn, lookup
from dragoman.gateway.signature_memory import keys, recalled
from dragoman.gateway.upstream_call import address, send, send_all, settle
from dragoman.gateway.worst_case import set_aside
from dragoman.routing.needs import Needs, needs_of
from dragoman.routing.route import Route, RouteTarget
from dragoman.upstream.transport import UpstreamResponse

MOST_REPAIRS = 2
"""How often one target is asked anew because of what it has refused."""


def exchange(gateway: Gateway, call: Call, client: Client) -> Coroutine[object, object, None]:
    """Serve one request. Every failure reaches the client in its own dialect; nothing is raised but
    cancellation, which is how a client that leaves closes the upstream.
    """
    return Exchange(gateway, call, client).run()


class Exchange:
    """The life of one request."""

    __slots__ = (
        *("_call", "_client", "_gateway", "_head", "_inlined"),
        *("_outlet", "_record", "_request", "_route"),
    )

    _head: Head
    _route: Route

    def __init__(self, gateway: Gateway, call: Call, client: Client) -> None:
        self._gateway = gateway
        self._call = call
        self._client = overhear(gateway, client)
        self._record = Record(call.request_id, call.dialect.name, time.monotonic(), "", call.key.name)
        self._outlet: Outlet | None = None
        self._request: Request | None = None
        self._inlined: Request | None = None
        """The request with what it gives by URL fetched, once a target needed that."""

    async def run(self) -> None:
        """From the first byte in to the last byte out, and the record of it."""
        call, record, gateway = self._call, self._record, self._gateway
        try:
            head = self._head = call.dialect.read_head(call.body, call.location)
            record.model = head.model
            if head.stream:
                record.stream = True
                self._outlet = Outlet(
                    self._client,
                    call.dialect,
                    call.location,
                    opening_headers(call),
                    gateway.timeouts.keep_alive,
                )
            held_by = None
            if call.dialect.state is not None:
                self._call, self._head, held_by = await resumed(gateway, call, head)
            await self._served(held_by)
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

    async def _served(self, held_by: str | None) -> None:
        """Answer a complete request at one of its route's targets. Raises `FailureError` if none does."""
        gateway, record, key, head = self._gateway, self._record, self._call.key, self._head
        check_model(key, head.model)
        route = gateway.router.resolve(head.model)
        if held_by is not None:
            route = within(route, held_by)
        self._route = route
        if route.configured:
            record.route = route.name
        admission = admitted(gateway, self._call, record, route)
        try:
            if not admission.admit_now():
                await admission.admit()
            if admission.queued:
                record.waited = time.monotonic() - record.began
            needs: Needs | None = None
            prefix: bytes | None = None
            if route.conditional:
                needs = needs_of(await self._read(), key.tags, stream=head.stream)
            if route.affinity and route.chooses:
                prefix = conversation_prefix(head, key.id)
            await Attempts(
                gateway,
                record,
                route,
                self._asked,
                admission,
                needs=needs,
                prefix=prefix,
                stream=head.stream,
                priority=key.priority,
            ).answer()
        finally:
            if not admission.leave_now():
                await admission.leave()

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

    async def _asked(self, attempt: Attempt) -> None:
        """Ask one target, and again where its refusals say what to do better."""
        # the target as it has shown itself to be
        known = wished = self._gateway.learnt.known(attempt.target.target)
        # whether reasoning of earlier turns is kept from it, whose signatures it refuses
        unsigned = False
        lasting = True
        wire: WireRequest | None = None
        refusal: FailureError | None = None
        for repairs_left in range(MOST_REPAIRS, -1, -1):
            try:
                async with attempt:
                    planned = await self._plan(attempt, wished, unsigned=unsigned)
                    if refusal is not None and planned.wire == wire:
                        raise refusal  # nothing would be asked in another way than before
                    wire = planned.wire
                    if self._route.cache:
                        await self._look_up_or_send(attempt, planned, wished)
                    else:
                        await self._deliver(attempt, planned, wished, await self._sent(attempt, planned))
                break
            except FailureError as error:
                if refusal is not None and attempt.record.sent is None:
                    raise refusal from None  # it was not sent again: what it was refused for is what counts
                translated = attempt.record.plan == "translation"
                if error is refusal or not (repairs_left and attempt.more and translated) or self._answering:
                    raise
                repair = repaired(error.failure, wished)
                if repair is not None:
                    wished, lasting = repair.target, lasting and repair.lasting
                elif not unsigned and refuses_signatures(error.failure):
                    unsigned = True
                else:
                    raise
                refusal = error
                attempt = attempt.again()
        if lasting and wished is not known:
            self._gateway.learnt.learn(wished)

    async def _look_up_or_send(self, attempt: Attempt, planned: Plan, target: Target) -> None:
        """Send what is planned, unless its answer is known already, and bring the answer to the client."""
        async with self._gateway.answers.turn(self._lookup(attempt, planned)) as turn:
            self._record.cache = turn.word
            if turn.replay is not None:
                attempt.replayed()
                upstreams: list[UpstreamResponse] = [turn.replay]
            else:
                upstreams = turn.record(await self._sent(attempt, planned))
            await self._deliver(attempt, planned, target, upstreams, turn)

    def _lookup(self, attempt: Attempt, planned: Plan) -> Lookup | None:
        """How the answer is looked for among those that were kept; None where it is not: a conversation that
        is kept has a place of its own in it.
        """
        call, provider = self._call, attempt.target.provider
        if planned.copies > 1 or call.previous or keeps(self._gateway, call, self._head):
            return None
        return lookup(
            address(call, planned.dialect, planned.wire, provider),
            planned.dialect.credential[0],
            provider.name,
            ttl=self._route.cache,
            patience=attempt.timeouts.first_event,
            headers=call.headers,
            joins=not attempt.record.hedge,
        )

    async def _sent(self, attempt: Attempt, planned: Plan) -> list[UpstreamResponse]:
        """Send a request; the answers whose heads have come."""
        gateway, call, provider = self._gateway, self._call, attempt.target.provider
        if not attempt.admit_now():
            await attempt.admit()
        quote = attempt.quote()
        if attempt.admission.limited:
            await set_aside(call, self._head, attempt, planned, quote)
        attempt.sent()
        attempt.prompt_usage = functools.partial(self._given_up, attempt, planned)
        if self._outlet is not None:
            self._outlet.headers = self._opening_headers()
        request = address(
            call,
            planned.dialect,
            planned.wire,
            provider,
            attempt.resend,
            fresh=attempt.last_chance,
            connected=attempt.connected,
        )
        transport, connect = gateway.transport(provider), attempt.timeouts.connect
        if planned.copies == 1:
            return [await send(transport, request, provider, planned.dialect, connect)]
        return await send_all(
            transport,
            request,
            provider,
            planned.dialect,
            connect,
            copies=planned.copies,
            came=attempt.arrived,
        )

    async def _deliver(
        self,
        attempt: Attempt,
        planned: Plan,
        target: Target,
        upstreams: list[UpstreamResponse],
        turn: Turn | None = None,
    ) -> None:
        """Bring an accepted answer to the client. Raises `FailureError` only while that has seen nothing of
        an answer.
        """
        record = self._record
        try:
            attempt.accepted(upstreams[0])
            delivery = Delivery(self._gateway, self._call, self._head, self._client, self._outlet, record)
            await delivery.deliver(Accepted(attempt, planned, target, upstreams))
            if turn is not None and attempt.record.failure is None and record.stops:
                turn.complete()
            for upstream in upstreams:
                if not upstream.ended:
                    await settle(upstreams)
                    break
        finally:
            for upstream in upstreams:
                upstream.close()

    def _opening_headers(self) -> Headers:
        """The headers of a stream that opens before its upstream has said anything."""
        record = self._record
        losses = record.losses if record.report_losses else ()
        limits = limit_headers(self._gateway, self._call, record)
        return opening_headers(self._call, losses, render_route(record), limits)

    def _given_up(self, attempt: Attempt, planned: Plan) -> Usage | None:
        """What an attempt has cost that was given up before it said anything: its prompt, as estimated. Of
        several copies, the one that was refused costs nothing, and those that had begun do.
        """
        request = asked(self._call, planned)
        if request is None:
            return None
        copies = attempt.arrivals if attempt.refused and attempt.arrivals else planned.copies
        return Usage(input=copies * estimate_tokens(request), output=0)

    def _spoken(self, candidate: RouteTarget, target: Target) -> Dialect:
        """The format in which the candidate is asked."""
        names = candidate.provider.dialects
        name = names[0]
        if len(names) > 1:
            name = spoken_format(names, self._call.dialect.name, self._head, target)
        return self._gateway.dialects[name]

    async def _plan(self, attempt: Attempt, wished: Target, *, unsigned: bool) -> Plan:
        """What is sent, and what was lost on the way.

        Raises `FailureError` for a request that cannot be read, and `UnservableError` for one that this
        target cannot serve.
        """
        call, head, record, route = self._call, self._head, self._record, self._route
        candidate, told = attempt.target, attempt.record
        target = candidate.target
        spoken = self._spoken(candidate, target)
        # what an earlier attempt left behind
        record.losses, record.report_losses = (), route.on_loss != "drop"
        # what is passed on unread is the client's own affair, whatever others have taught us
        if passes(call.dialect, head, spoken, target) and (
            target.host.remote_media
            or b"http" not in call.body
            or not needs_inlining(await self._read(), target)
        ):
            told.upstream_dialect, told.plan = spoken.name, "passthrough"
            return passthrough(call.dialect, head, call.body, target)
        spoken = self._spoken(candidate, wished)
        told.upstream_dialect, told.plan = spoken.name, "translation"
        return await self._translated(spoken, wished, unsigned=unsigned)

    async def _translated(self, spoken: Dialect, target: Target, *, unsigned: bool) -> Translation:
        call, head, route = self._call, self._head, self._route
        request = await self._read()
        if needs_inlining(request, target):
            # what was fetched for one target is there for the next
            media = self._gateway.remote_media
            request = self._inlined = await inlined(self._inlined or request, target, media)
        if unsigned:
            request = without_signatures(request)
        try:
            planned = translation(call.dialect, request, spoken, target, head.fields)
            if unsigned:
                lost = localized((FOREIGN_REASONING,), call.dialect.field_paths, head.fields)
                planned = msgspec.structs.replace(
                    planned, losses=tuple(dict.fromkeys((*planned.losses, *lost)))
                )
            if planned.losses and (route.on_loss == "reject" or wants_strictness(call.headers)):
                check_losses(planned.losses)
        except FailureError as error:
            raise UnservableError(error.failure) from None
        if not route.show_reasoning and spoken is not call.dialect:
            planned = planned.with_hidden_reasoning()
        self._record.losses = planned.losses
        return planned

    async def _read(self) -> Request:
        """The client's request, with the signatures back that it left out. Read once."""
        if self._request is None:
            call, gateway = self._call, self._gateway
            request = call.dialect.parse_request(call.body, call.location)
            if gateway.memory.signatures > 0 and (sought := keys(request, call.key.id)):
                request = recalled(request, await gateway.signatures.get_many(sought))
            self._request = request
        return self._request
