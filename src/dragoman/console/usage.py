"""What can be asked about many requests together: sums over time."""

import time
from collections.abc import Awaitable, Callable

from dragoman.console import sum_resources as wire
from dragoman.console.ledger_problems import searching
from dragoman.console.operation import Answer, Asked, Operation
from dragoman.console.problem import invalid
from dragoman.console.reading import moment, parse_moment
from dragoman.models.money import NANOS
from dragoman.store.ledger_filters import Scope
from dragoman.store.ledger_findings import Sums
from dragoman.store.ledger_search import LedgerSearch

_DAY = 86_400.0
_MONTH = 30 * _DAY


class Usage:
    """The operations on sums. `search` opens the ledger, `now` is the time in Unix seconds."""

    def __init__(
        self, search: Callable[[], Awaitable[LedgerSearch]], now: Callable[[], float] = time.time
    ) -> None:
        self._search = search
        self._now = now

    def operations(self) -> list[Operation]:
        """All of them."""
        return [
            Operation(
                method="GET",
                path="/usage",
                name="showUsage",
                summary="Show requests, tokens and cost over time, by hour or by day (UTC)",
                description="At most 62 days of hours, or ten years of days.",
                run=self.chart,
                parameters=wire.ChartQuery,
                answer=wire.ChartAnswer,
                answer_example=wire.ChartAnswer(
                    "day",
                    moment(1_795_305_600),
                    moment(1_795_392_000),
                    (
                        wire.SeriesAnswer(
                            "key_0f3c1b5a9d2e4f60",
                            "ada-laptop",
                            (wire.PointAnswer(moment(1_795_305_600), _EXAMPLE),),
                        ),
                    ),
                ),
            ),
            Operation(
                method="GET",
                path="/summary",
                name="showSummary",
                summary="Sum up a time, and show who has the largest parts of it",
                run=self.summary,
                parameters=wire.SummaryQuery,
                answer=wire.SummaryAnswer,
                answer_example=wire.SummaryAnswer(
                    moment(1_795_305_600),
                    moment(1_795_392_000),
                    _EXAMPLE,
                    (wire.ShareAnswer("key_0f3c1b5a9d2e4f60", "ada-laptop", _EXAMPLE),),
                ),
            ),
        ]

    async def chart(self, asked: Asked) -> Answer:
        """`GET /usage`."""
        query = asked.parameters(wire.ChartQuery)
        begins, ends = self._time(query.since, query.until, _DAY if query.span == "hour" else _MONTH)
        with searching():
            chart = await (await self._search()).chart(_scope(query), begins, ends, query.span, query.by)
        series = tuple(
            wire.SeriesAnswer(
                one.id,
                one.name,
                tuple(wire.PointAnswer(moment(point.begins), _totals(point.sums)) for point in one.points),
            )
            for one in chart.series
        )
        return Answer(wire.ChartAnswer(chart.span, moment(chart.begins), moment(chart.ends), series))

    async def summary(self, asked: Asked) -> Answer:
        """`GET /summary`."""
        query = asked.parameters(wire.SummaryQuery)
        begins, ends = self._time(query.since, query.until, _MONTH)
        scope = _scope(query)
        with searching():
            search = await self._search()
            sums = await search.summary(scope, begins, ends)
            shares = (
                ()
                if query.by is None
                else await search.top(scope, begins, ends, query.by, query.limit, query.order)
            )
        parts = tuple(wire.ShareAnswer(one.id, one.name, _totals(one.sums)) for one in shares)
        return Answer(wire.SummaryAnswer(moment(begins), moment(ends), _totals(sums), parts))

    def _time(self, since: str | None, until: str | None, usual: float) -> tuple[float, float]:
        """From when until when; `usual` is how long that is where no beginning is said."""
        ends = self._now() if until is None else parse_moment(until, "until")
        begins = max(0.0, ends - usual) if since is None else parse_moment(since, "since")
        if begins >= ends:
            raise invalid("'since': this is not before 'until'.", "since")
        return begins, ends


def _scope(query: wire.ChartQuery | wire.SummaryQuery) -> Scope:
    return Scope(key=query.key, team=query.team, route=query.route, target=query.target)


def _totals(sums: Sums) -> wire.Totals:
    return wire.Totals(
        requests=sums.requests,
        failures=sums.failures,
        cached=sums.cached,
        unpriced=sums.unpriced,
        input=sums.input,
        output=sums.output,
        cache_read=sums.cache_read,
        cache_write=sums.cache_write,
        cost=sums.cost / NANOS,
        mean_total=sums.total / sums.requests if sums.requests else None,
        mean_first_token=sums.first_token / sums.first_tokens if sums.first_tokens else None,
    )


_EXAMPLE = wire.Totals(
    requests=420,
    failures=3,
    cached=0,
    unpriced=0,
    input=510_000,
    output=93_000,
    cache_read=120_000,
    cache_write=0,
    cost=2.355,
    mean_total=3.1,
    mean_first_token=0.62,
)
