"""One exchange, from the client's request to the last byte of the answer. Start reading here.

Read the head, find the route, complete the conversation; then for each target: plan, send, deliver; at
the end, take note of what happened.
"""

import asyncio
import functools

import msgspec

from dragoman.access.keys import KeyInfo
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Dialect, Head, Target, WireRequest
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING
from dragoman.dialects.format_choice import spoken_format
from dragoman.gateway.answer_headers import error_headers, wants_strictness
from dragoman.gateway.attempt import address, send_all
from dragoman.gateway.call import Call, Client
from dragoman.gateway.delivery import Accepted, Delivery, opening_headers
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.inlining import inlined, needs_inlining
from dragoman.gateway.kept_answers import resumed, within
from dragoman.gateway.losses import check_losses, localized
from dragoman.gateway.outlet import Outlet
from dragoman.gateway.plan import Plan, Translation, passes, passthrough, translation
from dragoman.gateway.record import Record
from dragoman.gateway.relay import STOPPING
from dragoman.gateway.repairs import refuses_signatures, repaired, unsigned
from dragoman.gateway.signature_memory import keys, recalled
from dragoman.gateway.targets import first_that_answers
from dragoman.gateway.time_limits import TimeLimits
from dragoman.routing.route import Route, RouteTarget

MOST_REPAIRS = 2
"""How often one target is asked anew because of what it has refused."""


async def exchange(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request. Every failure reaches the client in its own dialect; nothing is raised but
    cancellation, which is how a client that leaves closes the upstream.
    """
    await Exchange(gateway, call, client).run()


def authenticate(gateway: Gateway, key: str | None) -> KeyInfo:
    """Whose key it is. Raises `FailureError` for a missing or unknown one.

    Whoever serves an endpoint asks this first, before a request is read to its end.
    """
    known = gateway.keys.verify(key)
    if known is not None:
        return known
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
        self._record = Record(call.request_id, call.dialect.name, began=self._loop.time(), key=call.key.name)
        self._outlet: Outlet | None = None
        self._request: Request | None = None
        self._wire: WireRequest | None = None
        self._unsigned = False
        """Whether reasoning of earlier turns is kept from a target that refuses its signatures."""

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
            route = within(gateway.router.resolve(head.model), complete.held_by)
            await first_that_answers(
                gateway, record, route.targets, functools.partial(self._asked, complete.head, route)
            )
        except FailureError as error:
            await self._refuse(error.failure)
        except asyncio.CancelledError:
            record.client_left = self._client.left
            if record.client_left or self._answering:
                raise
            await self._refuse(STOPPING)
        finally:
            if self._outlet is not None:
                self._outlet.close()
            record.ended = self._loop.time()
            gateway.journal(record)

    @property
    def _answering(self) -> bool:
        """Whether the client has been sent something of an answer."""
        return self._client.started if self._outlet is None else self._outlet.committed

    async def _refuse(self, failure: Failure) -> None:
        self._record.failure = failure
        if self._outlet is not None and self._outlet.opened:
            await self._outlet.refuse(failure)
            return
        if self._outlet is not None:
            self._outlet.close()
        failed = self._call.dialect.render_error(failure, self._call.request_id)
        headers = error_headers(failed.headers, failure)
        await self._client.respond(failed.status, headers, failed.body)

    async def _asked(self, head: Head, route: Route, candidate: RouteTarget, limits: TimeLimits) -> None:
        """Ask one target, and again where its refusals say what to do better."""
        known = self._gateway.learnt.known(candidate.target)
        target, lasting, refusal = known, True, None
        self._unsigned = False
        for repairs_left in range(MOST_REPAIRS, -1, -1):
            try:
                await self._attempt(head, route, candidate, target, limits, refusal)
                break
            except FailureError as error:
                if not repairs_left or self._record.plan != "translation" or self._answering:
                    raise
                repair = repaired(error.failure, target)
                if repair is not None:
                    target, lasting = repair.target, lasting and repair.lasting
                elif not self._unsigned and refuses_signatures(error.failure):
                    self._unsigned = True
                else:
                    raise
                refusal = error
        if lasting and target is not known:
            self._gateway.learnt.learn(target)

    async def _attempt(
        self,
        head: Head,
        route: Route,
        candidate: RouteTarget,
        target: Target,
        limits: TimeLimits,
        refusal: FailureError | None,
    ) -> None:
        """Ask the candidate, as the `target` that it is known to be. Raises `FailureError` only while the
        client has seen nothing of an answer: also the `refusal` of an earlier attempt, where nothing would
        be asked in another way than before.
        """
        gateway, call, record, provider = self._gateway, self._call, self._record, candidate.provider
        spoken = self._spoken(head, candidate, candidate.target)
        if passes(call.dialect, head, spoken, candidate.target):
            # what is passed on unread is the client's own affair, whatever others have taught us
            target = candidate.target
        else:
            spoken = self._spoken(head, candidate, target)
        record.provider, record.upstream_model, record.upstream_dialect = (
            provider.name,
            target.model,
            spoken.name,
        )
        # what an earlier attempt left behind
        record.failure, record.losses = None, ()
        planned = await self._plan(head, route, spoken, target)
        if refusal is not None and planned.wire == self._wire:
            raise refusal
        self._wire = planned.wire
        if self._outlet is not None:
            self._outlet.headers = opening_headers(call, record.losses if record.report_losses else ())
        record.plan = type(planned).__name__.lower()
        upstreams = await send_all(
            gateway.transport(provider),
            address(call, spoken, planned.wire, provider),
            provider,
            spoken,
            gateway.timeouts.connect,
            copies=planned.emulation.fan_out if isinstance(planned, Translation) else 1,
        )
        accepted = Accepted(planned, provider, target, upstreams, limits)
        delivery = Delivery(gateway, call, head, self._client, self._outlet, record)
        try:
            limits.alive()
            record.first_byte = self._loop.time()
            await delivery.deliver(accepted)
        finally:
            for upstream in upstreams:
                upstream.close()

    def _spoken(self, head: Head, candidate: RouteTarget, target: Target) -> Dialect:
        """The format in which the candidate is asked."""
        name = spoken_format(candidate.provider.dialects, self._call.dialect.name, head, target)
        return self._gateway.dialects[name]

    async def _plan(self, head: Head, route: Route, spoken: Dialect, target: Target) -> Plan:
        """What is sent, and what was lost on the way. Raises `FailureError` for what cannot be served."""
        call, gateway = self._call, self._gateway
        if passes(call.dialect, head, spoken, target) and not await self._has_media_to_fetch(target):
            return passthrough(call.dialect, head, call.body, target)
        request = await inlined(await self._read(), target, gateway.remote_media)
        if self._unsigned:
            request = unsigned(request)
        planned = translation(call.dialect, request, spoken, target, head.fields)
        if self._unsigned:
            lost = localized((FOREIGN_REASONING,), call.dialect.field_paths, head.fields)
            planned = msgspec.structs.replace(planned, losses=tuple(dict.fromkeys((*planned.losses, *lost))))
        if not route.show_reasoning and spoken is not call.dialect:
            planned = planned.with_hidden_reasoning()
        if route.on_loss == "reject" or wants_strictness(call.headers):
            check_losses(planned.losses)
        self._record.losses = planned.losses
        self._record.report_losses = route.on_loss != "drop"
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
            if gateway.memory.signatures > 0 and (asked := keys(request, call.key.id)):
                request = recalled(request, await gateway.signatures.get_many(asked))
            self._request = request
        return self._request
