"""How budgets stand: those of keys, of teams and of routes, of the configuration and of the store."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.access.holder import Budget, Holder, HolderKind, build_budgets
from dragoman.access.issuing import Issuing
from dragoman.access.key_info import KeyInfo, configured_team, stored_team
from dragoman.access.period import span_of
from dragoman.access.pocket import account_of
from dragoman.config.settings import Settings
from dragoman.console import sum_resources as wire
from dragoman.console.operation import Answer, Asked, Operation
from dragoman.console.orders import carrying_out
from dragoman.console.paging import page
from dragoman.console.reading import moment
from dragoman.models.money import NANOS
from dragoman.store.leases import Account, Balance, LeaseStore


class _Held(NamedTuple):
    """One budget in its present period."""

    holder: Holder
    budget: Budget
    account: Account


class Budgets:
    """The operation on budgets. `configured` gives the keys of the configuration, `now` is the time in Unix
    seconds.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        configured: Callable[[], Sequence[KeyInfo]],
        issuing: Issuing,
        leases: LeaseStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._configured = configured
        self._issuing = issuing
        self._leases = leases
        self._now = now

    def operations(self) -> list[Operation]:
        """All of them."""
        return [
            Operation(
                method="GET",
                path="/budgets",
                name="listBudgets",
                summary="Show how budgets stand in their present period",
                description="Those of keys, of teams and of routes, of the configuration file included.",
                run=self.listed,
                parameters=wire.BudgetQuery,
                answer=wire.BudgetList,
                answer_example=wire.BudgetList((_EXAMPLE,), None),
            )
        ]

    async def listed(self, asked: Asked) -> Answer:
        """`GET /budgets`."""
        query = asked.parameters(wire.BudgetQuery)
        now = self._now()
        with carrying_out():
            holders = [*_routes(self._settings()), *await self._teams(), *await self._keys()]
        there = [
            ((f"{holder.kind}\n{holder.name}", f"{holder.id}\n{budget.per}"), _held(holder, budget, now))
            for holder in holders
            if query.kind in {None, holder.kind} and query.of in {None, holder.id, holder.name}
            for budget in holder.budgets
        ]
        shown, following = page(there, query.limit, query.cursor)
        accounts = [one.account.id for one in shown]
        balances = {one.account: one for one in await self._leases.balances(accounts, now)} if shown else {}
        found = tuple(_rendered(one, balances.get(one.account.id)) for one in shown)
        return Answer(wire.BudgetList(found, following))

    async def _keys(self) -> list[Holder]:
        configured = [holder for key in self._configured() for holder in key.holders if holder.kind == "key"]
        stored = [
            Holder("key", key.id, key.name, budgets=build_budgets(key.rules.budgets))
            for key in await self._issuing.keys()
        ]
        return [*configured, *stored]

    async def _teams(self) -> list[Holder]:
        configured = [configured_team(name, rules) for name, rules in self._settings().teams.items()]
        return [*configured, *(stored_team(team) for team in await self._issuing.teams())]


def _routes(settings: Settings) -> list[Holder]:
    return [
        Holder("route", name, name, budgets=build_budgets(route.budgets))
        for name, route in settings.routes.items()
    ]


def _held(holder: Holder, budget: Budget, now: float) -> _Held:
    span = span_of(budget.per, budget.zone, now)
    return _Held(holder, budget, account_of(holder, budget, span.begins, span.ends))


def _rendered(held: _Held, balance: Balance | None) -> wire.BudgetAnswer:
    holder, budget, account = held
    spent, lent = (0, 0) if balance is None else (balance.spent, balance.lent)
    return wire.BudgetAnswer(
        kind=holder.kind,
        id=holder.id,
        name=holder.name,
        per=budget.per,
        zone=budget.zone,
        amount=budget.most / NANOS,
        spent=spent / NANOS,
        reserved=lent / NANOS,
        left=(budget.most - spent - lent) / NANOS,
        begins=None if account.ends is None else moment(account.begins),
        resets=None if account.ends is None else moment(account.ends),
    )


_KIND: HolderKind = "key"
_EXAMPLE = wire.BudgetAnswer(
    kind=_KIND,
    id="key_0f3c1b5a9d2e4f60",
    name="ada-laptop",
    per="month",
    zone="UTC",
    amount=25.0,
    spent=7.25,
    reserved=0.5,
    left=17.25,
    begins=moment(1_793_491_200.0),
    resets=moment(1_796_083_200.0),
)
