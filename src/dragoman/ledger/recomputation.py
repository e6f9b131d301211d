"""Computing costs once more, with the prices of today: after a price was put right, or found at last.

Rows, sums and what accounts have spent change together, some hundred requests at a time. It may be broken off
and begun again at any moment: what has its right cost stays as it is.
"""

import fnmatch
from collections.abc import Callable

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.ledger.pricing import Pricing
from dragoman.store.entry import UsageCounts
from dragoman.store.ledger_costs import AttemptCost, Corrected, DatabaseCosts
from dragoman.store.ledger_filters import Position

BATCH = 200
"""Requests that are dealt with at once: while they are, nobody else can write to SQLite."""


async def recompute(
    costs: DatabaseCosts,
    correct: Callable[[AttemptCost], AttemptCost],
    since: float,
    until: float,
    now: Callable[[], float],
    report: Callable[[Corrected], None],
    *,
    dry: bool = False,
) -> Corrected:
    """Put the costs of all requests right that began from `since` on and before `until`, in Unix seconds;
    with `dry`, only say what would become of them. `report` is told after every step of all that was done.

    Raises `StoreError` when the store cannot be used; what was done so far is kept.
    """
    total = Corrected()
    place = Position(since, 0)
    while True:
        done, last = await costs.correct(place, until, BATCH, correct, now(), dry=dry)
        if last is None:
            return total
        total.add(done)
        place = last
        report(total)


class Correction:
    """The right cost of attempts, with these prices. `pattern` is a shell-style pattern of `provider/model`
    or of `model`, in either case; other models are left alone.
    """

    def __init__(self, pricing: Pricing, pattern: str | None = None) -> None:
        self._pricing = pricing
        self._pattern = None if pattern is None else pattern.lower()
        self._wanted: dict[str, bool] = {}

    def __call__(self, attempt: AttemptCost) -> AttemptCost:
        """The attempt with what it costs. Where there is no price now, nothing is changed: what it has cost
        remains known. The same goes for a price that is only assumed, where there was a real one.
        """
        provider, _, model = attempt.target.partition("/")
        if not self._means(attempt.target, model):
            return attempt
        quote = self._pricing.quote(provider, model)
        known = attempt.cost is not None and not attempt.unpriced
        if quote.unpriced or (quote.assumed and known and attempt.source != quote.source):
            return attempt
        cost = self._pricing.cost(quote, _usage(attempt.usage))
        if cost.nanos is None or (cost.unpriced and known):
            return attempt
        if (cost.nanos, cost.rows, cost.unpriced) == (attempt.cost, attempt.rows, attempt.unpriced):
            return attempt
        return msgspec.structs.replace(
            attempt, cost=cost.nanos, rows=cost.rows, source=cost.source, unpriced=cost.unpriced
        )

    def _means(self, target: str, model: str) -> bool:
        pattern = self._pattern
        if pattern is None:
            return True
        means = self._wanted.get(target)
        if means is None:
            means = any(fnmatch.fnmatchcase(name.lower(), pattern) for name in (target, model))
            self._wanted[target] = means
        return means


def _usage(counts: UsageCounts) -> Usage:
    return Usage(*msgspec.structs.astuple(counts))
