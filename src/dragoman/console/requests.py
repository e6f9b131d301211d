"""What can be asked about single requests: the search of the ledger."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from dragoman.console import ledger_resources as wire
from dragoman.console.ledger_problems import searching
from dragoman.console.opening import BASE
from dragoman.console.operation import Answer, Asked, Operation
from dragoman.console.problem import ProblemError
from dragoman.console.reading import moment, parse_moment
from dragoman.models.money import NANOS
from dragoman.store.entry import UsageCounts
from dragoman.store.ledger_filters import Filters
from dragoman.store.ledger_findings import AttemptRow, RequestDetail, RequestRow
from dragoman.store.ledger_search import LedgerSearch

BODY_TYPES = ("application/json", "text/event-stream", "application/octet-stream")
"""What bodies are sent as. Whatever else came with one is not for browsers to look at."""


class Requests:
    """The operations on requests. `search` opens the ledger."""

    def __init__(self, search: Callable[[], Awaitable[LedgerSearch]]) -> None:
        self._search = search

    def operations(self) -> list[Operation]:
        """All of them."""
        one = "/requests/{request}"
        return [
            Operation(
                method="GET",
                path="/requests",
                name="listRequests",
                summary="Search the ledger, the latest request first",
                run=self.listed,
                parameters=wire.RequestQuery,
                answer=wire.RequestPage,
                answer_example=wire.RequestPage((_EXAMPLE,), None, None),
            ),
            Operation(
                method="GET",
                path=one,
                name="showRequest",
                summary="Show one request with its attempts, and how its cost comes about",
                run=self.show,
                answer=wire.RequestDetail,
                problems=("not_found",),
                answer_example=wire.RequestDetail((_EXAMPLE), (_ATTEMPT,), (_CHARGE,), (_BODY,)),
            ),
            Operation(
                method="GET",
                path=f"{one}/bodies/{{kind}}",
                name="showBody",
                summary="Show a body that was kept (`ledger.bodies`)",
                description="The bytes as they are kept; `x-dragoman-truncated: true` where there were more.",
                run=self.body,
                media_types=BODY_TYPES,
                problems=("not_found",),
            ),
        ]

    async def listed(self, asked: Asked) -> Answer:
        """`GET /requests`."""
        query = asked.parameters(wire.RequestQuery)
        filters = Filters(
            begins=None if query.since is None else parse_moment(query.since, "since"),
            ends=None if query.until is None else parse_moment(query.until, "until"),
            key=query.key,
            team=query.team,
            owner=query.owner,
            route=query.route,
            model=query.model,
            target=query.target,
            dialect=query.dialect,
            status=query.status,
            outcome=query.outcome,
            failure=query.failure,
            cost_at_least=_nanos(query.min_cost),
            cost_at_most=_nanos(query.max_cost),
            stream=query.stream,
            cached=query.cached,
            unpriced=query.unpriced,
            estimated=query.estimated,
            text=query.text,
        )
        with searching():
            found = await (await self._search()).page(filters, before=query.cursor, count=query.limit)
        searched = None if found.searched is None else moment(found.searched)
        return Answer(wire.RequestPage(tuple(_request(row) for row in found.rows), found.next, searched))

    async def show(self, asked: Asked) -> Answer:
        """`GET /requests/{request}`."""
        with searching():
            found = await (await self._search()).entry(asked.path["request"])
        if found is None:
            raise ProblemError("not_found", "No request with this id is in the ledger.")
        return Answer(_detail(found))

    async def body(self, asked: Asked) -> Answer:
        """`GET /requests/{request}/bodies/{kind}`."""
        with searching():
            found = await (await self._search()).body(asked.path["request"], asked.path["kind"])
        if found is None:
            raise ProblemError(
                "not_found", "No such body is kept. What is kept is up to ledger.bodies of the configuration."
            )
        said = found.media_type.partition(";")[0].strip().lower()
        media_type = said if said in BODY_TYPES else BODY_TYPES[-1]
        headers = (
            ("x-dragoman-truncated", "true" if found.truncated else "false"),
            # browsers save it instead of showing it: it is what a client or an upstream wrote
            ("content-disposition", "attachment"),
        )
        return Answer(found.content, headers=headers, media_type=media_type)


def _nanos(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * NANOS)


def dollars(nanos: int | None) -> float | None:
    """An amount as it is answered."""
    return None if nanos is None else nanos / NANOS


def _detail(found: RequestDetail) -> wire.RequestDetail:
    request = found.request
    place = f"{BASE}/requests/{quote(request.request_id, safe='')}/bodies/"
    return wire.RequestDetail(
        _request(request),
        tuple(_attempt(row) for row in found.attempts),
        tuple(wire.ChargeAnswer(charge.account, charge.amount / NANOS) for charge in request.charges),
        tuple(
            wire.BodyAnswer(body.kind, body.media_type, body.size, body.truncated, place + body.kind)
            for body in found.bodies
        ),
    )


def _request(row: RequestRow) -> wire.RequestAnswer:
    return wire.RequestAnswer(
        request_id=row.request_id,
        began=moment(row.began),
        key=wire.Named(row.key_id, row.key_name),
        owner=row.owner,
        team=wire.Named(row.team_id, row.team_name) if row.team_id else None,
        tags=row.tags,
        model=row.model,
        route=row.route,
        target=row.target,
        dialect=row.dialect,
        upstream_dialect=row.upstream_dialect,
        plan=row.plan,
        purpose=row.purpose,
        stream=row.stream,
        cached=row.cached,
        status=row.status,
        stop=row.stop,
        failure=row.failure,
        error=row.error,
        losses=row.losses,
        queue=row.queue,
        first_token=row.first_token,
        total=row.total,
        usage=row.usage,
        estimated=row.estimated,
        unpriced=row.unpriced,
        cost=dollars(row.cost),
        attempts=row.attempts,
        node=row.node,
    )


def _attempt(row: AttemptRow) -> wire.AttemptAnswer:
    return wire.AttemptAnswer(
        number=row.number,
        target=row.target,
        credential=row.credential,
        upstream_dialect=row.upstream_dialect,
        plan=row.plan,
        outcome=row.outcome,
        hedge=row.hedge,
        resent=row.resent,
        began=moment(row.began),
        queue=row.queue,
        connect=row.connect,
        first_byte=row.first_byte,
        first_token=row.first_token,
        total=row.total,
        failure=row.failure,
        error=row.error,
        upstream_status=row.upstream_status,
        upstream_request_id=row.upstream_request_id,
        usage=row.usage,
        estimated=row.estimated,
        unpriced=row.unpriced,
        cost=dollars(row.cost),
        cost_lines=tuple(wire.CostLine(one.kind, one.count, one.price, one.cost) for one in row.cost_rows),
        price_source=row.price_source,
    )


_EXAMPLE = wire.RequestAnswer(
    request_id="req_6f1d2c3b4a5968778695a4b3",
    began=moment(1_795_356_000.25),
    key=wire.Named("key_0f3c1b5a9d2e4f60", "ada-laptop"),
    owner="ada@example.com",
    team=wire.Named("team_5b1d0c9e7f2a3846", "research"),
    tags=(),
    model="chat",
    route="chat",
    target="openai/large",
    dialect="anthropic",
    upstream_dialect="openai_chat",
    plan="translation",
    purpose="",
    stream=True,
    cached=False,
    status=200,
    stop="end_turn",
    failure="",
    error="",
    losses="",
    queue=0.0,
    first_token=0.41,
    total=2.9,
    usage=UsageCounts(input=1200, output=310),
    estimated=False,
    unpriced=False,
    cost=0.0061,
    attempts=1,
    node="gateway-1",
)
_ATTEMPT = wire.AttemptAnswer(
    number=1,
    target="openai/large",
    credential="openai",
    upstream_dialect="openai_chat",
    plan="translation",
    outcome="answered",
    hedge=False,
    resent=0,
    began=moment(1_795_356_000.25),
    queue=None,
    connect=0.0,
    first_byte=0.4,
    first_token=0.41,
    total=2.9,
    failure="",
    error="",
    upstream_status=200,
    upstream_request_id="req_upstream",
    usage=UsageCounts(input=1200, output=310),
    estimated=False,
    unpriced=False,
    cost=0.0061,
    cost_lines=(
        wire.CostLine("input", 1200, "2.5", "0.003"),
        wire.CostLine("output", 310, "10", "0.0031"),
    ),
    price_source="genai-prices, 2026-11-22",
)
_CHARGE = wire.ChargeAnswer("key:key_0f3c1b5a9d2e4f60/month/UTC/1793491200", 0.0061)
_BODY = wire.BodyAnswer(
    "answer",
    "text/event-stream",
    4096,
    truncated=False,
    url=f"{BASE}/requests/req_6f1d2c3b4a5968778695a4b3/bodies/answer",
)
